/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels of the Multiboot Specification 0.6.96, which many bare-metal programs are: 32-bit or
 * 64-bit ELF files, or images that tell in their header where they belong. Called through the
 * payload-format table; what the kernel is told is made in boot_multiboot.c.
 */
#ifndef TOOLS_MULTIBOOT_H
#define TOOLS_MULTIBOOT_H

#include "payload.h"

bool multiboot_detect(const struct blob *file);
int multiboot_load(const struct blob *file, const char *name, uint64_t memory_bytes,
		   struct load_plan *plan, struct errors *e);

#endif
