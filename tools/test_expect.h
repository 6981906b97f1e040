/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test of the manifest expects of its machine: exit code, TAP, killed domains, log lines,
 * exact counters, equal runs. Read for test_manifest.c after the machine's domains are known.
 */
#ifndef TOOLS_TEST_EXPECT_H
#define TOOLS_TEST_EXPECT_H

#include "config_yaml.h"
#include "test.h"

/* The values of the keys, NULL where absent. */
struct expect_nodes {
	yaml_node_t *exit, *tap, *killed, *log, *marks, *repeat;
};

/* Is there any? */
bool expect_any(const struct expect_nodes *nodes);
/* Fills the test's expectations. at: the test, for what is missing. 0 or -1. */
int expect_read(const struct yaml_reader *r, yaml_node_t *at, const struct expect_nodes *nodes,
		struct test *test);
void expect_release(struct test *test);

#endif
