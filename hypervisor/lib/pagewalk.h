/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks guest page tables (4 and 5-level, PAE, 2-level) as the MMU would, without setting A or D.
 * For whoever needs a guest-linear address translated: fetching instruction bytes, the dump of a
 * dead guest. Pure.
 */
#ifndef LIB_PAGEWALK_H
#define LIB_PAGEWALK_H

#include "lib/types.h"

#define WALK_WRITE BIT(0)
#define WALK_USER BIT(1)
#define WALK_FETCH BIT(2)

struct walk_state { /* what decides how the tables are read */
	u64 cr0, cr3, cr4, efer;
	bool rflags_ac; /* EFLAGS.AC: suspends SMAP for explicit supervisor accesses */
	unsigned physical_bits; /* MAXPHYADDR of the guest */
};

/* Reads one table entry of `bytes` (4 or 8) at gpa; false if that is no guest memory. */
typedef bool (*walk_read_t)(void *context, gpa_t gpa, unsigned bytes, u64 *entry);

struct walk_result {
	bool ok;
	gpa_t gpa; /* where ok */
	u64 page_bytes; /* 4 KiB, 2 MiB, 4 MiB, 1 GiB */
	bool writable, user, executable; /* combined over all levels */
	u32 error; /* page-fault error code, where not ok */
	/* Where not ok and no page fault (error is 0): */
	bool bad_table; /* a table lies outside guest memory */
	bool non_canonical; /* no linear address: #GP or #SS */
};

/* access: 0 (a supervisor read) or WALK_* bits, WRITE and FETCH not together. */
struct walk_result page_walk(const struct walk_state *state, gva_t gva, u32 access,
			     walk_read_t read, void *context);

#endif
