/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static ELF programs for x86: the bare-metal payloads, Linux kernels and multiboot kernels. Called
 * through the payload-format table. Trusts nothing in the file; every offset is checked before it
 * is used.
 */
#ifndef TOOLS_ELF_LOAD_H
#define TOOLS_ELF_LOAD_H

#include "payload.h"

/* Payload memory starts here: below are the boot pages. */
#define PAYLOAD_BASE 0x100000ull

/* What a kind of payload may do that a plain 64-bit program may not. */
struct elf_rules {
	bool takes_32bit;
	bool takes_virtual; /* segments linked to other addresses than they are loaded to */
	bool is_entry_virtual; /* the entry point is one of the linked addresses */
};

bool elf_detect(const struct blob *file);
/* A Linux kernel: its segments are linked to other addresses than they are loaded to. */
bool elf_detect_vmlinux(const struct blob *file);

/* Adds the segments and sets the entry point. 0, or -1 with an error. */
int elf_load_by(const struct elf_rules *rules, const struct blob *file, const char *name,
		uint64_t memory_bytes, struct load_plan *plan, struct errors *e);
/* It is loaded where its physical addresses say, and entered at its 64-bit entry point. */
int elf_load_vmlinux(const struct blob *file, const char *name, uint64_t memory_bytes,
		     struct load_plan *plan, struct errors *e);
int elf_load(const struct blob *file, const char *name, uint64_t memory_bytes,
	     struct load_plan *plan, struct errors *e);

#endif
