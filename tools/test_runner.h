/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tests are run, chosen by test.c, and the running of them in test_runner.c. */
#ifndef TOOLS_TEST_RUNNER_H
#define TOOLS_TEST_RUNNER_H

#include "test.h"

#define TEST_JOBS_MAX 16u

struct selection {
	enum test_tier tier; /* the highest that is run */
	bool is_list;
	bool has_filter;
	regex_t filter;
	unsigned int jobs; /* at a time */
	const char *const *suites; /* names; none: all */
	int suite_count;
};

/* How often a test runs: once on each of its hosts; a command once. */
unsigned int test_cases(const struct test *test);
/* "guest/cpuid on bochs1", malloc'd. */
char *test_case_name(const struct manifest *manifest, const struct test *test, unsigned int host);
bool selection_has(const struct selection *selection, const struct manifest *manifest,
		   const struct test *test, unsigned int host);

/* Runs what is selected and prints it all, the summary line last. Returns an enum pvn_exit. */
int test_run_all(const struct manifest *manifest, const struct selection *selection);

#endif
