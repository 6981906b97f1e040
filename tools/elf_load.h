/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static ELF64 programs for x86-64, linked where they run: the bare-metal payloads. Called through
 * the payload-format table. Trusts nothing in the file; every offset is checked before it is used.
 */
#ifndef TOOLS_ELF_LOAD_H
#define TOOLS_ELF_LOAD_H

#include "payload.h"

/* Payload memory starts here: below are the boot pages. */
#define PAYLOAD_BASE 0x100000ull

bool elf_detect(const struct blob *file);
/* A Linux kernel: its segments are linked to other addresses than they are loaded to. */
bool elf_detect_vmlinux(const struct blob *file);
/* It is loaded where its physical addresses say, and entered at its 64-bit entry point. */
int elf_load_vmlinux(const struct blob *file, const char *name, uint64_t memory_bytes,
		     struct load_plan *plan, struct errors *e);
int elf_load(const struct blob *file, const char *name, uint64_t memory_bytes,
	     struct load_plan *plan, struct errors *e);

#endif
