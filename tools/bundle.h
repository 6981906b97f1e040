/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packs a machine to the bundle that the hypervisor boots (pv-abi/host/bundle.h). Used by `image`
 * and by everything that runs a machine. What comes out was checked: every segment lies within its
 * domain's memory, none overlaps another, and the sum of all fits the machine.
 */
#ifndef TOOLS_BUNDLE_H
#define TOOLS_BUNDLE_H

#include "config.h"

/* The files of one domain, in memory. */
struct domain_files {
	struct blob kernel;
	struct blob initrd; /* data NULL: none */
};

/* Reads kernels and initrds and packs them. 0 (free *out with blob_free()), or -1 with errors. */
int bundle_build(const struct machine *m, struct blob *out, struct errors *e);

/* The packing alone, without any file; files[] has an entry for each domain. Unpacks kernels. */
int bundle_pack(const struct machine *m, struct domain_files *files, struct blob *out,
		struct errors *e);

#endif
