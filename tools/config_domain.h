/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry of `domains:`, read for config.c. The machine's own part must have been read before,
 * because pinning and memory are checked against it.
 */
#ifndef TOOLS_CONFIG_DOMAIN_H
#define TOOLS_CONFIG_DOMAIN_H

#include "config.h"
#include "config_yaml.h"

/* Fills d, which was zeroed. 0, or -1 with errors; domain_release() frees in both cases. */
int config_read_domain(const struct yaml_reader *r, yaml_node_t *node, const struct machine *m,
		       path_resolver resolve, struct domain *d);
void domain_release(struct domain *d);

/* The switches of machine.features, in config.c; ends with a row without a name. */
extern const struct yaml_switch config_hardware_features[];

/* PV_MODE_* of a name that this version can run; else -1 with the reason in why. */
int config_mode(const char *name, char *why, size_t why_size);

#endif
