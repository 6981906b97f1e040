/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guests are told of the CPU: the machine's own answers through a filter, and our leaves. The
 * table of a domain is built once, so an exit only looks up.
 */
#ifndef INTERPRETER_CPUID_H
#define INTERPRETER_CPUID_H

#include "lib/types.h"

struct domain;

#define CPUID_ENTRIES 72u

enum { CPUID_FIXED, CPUID_LEAF_1, CPUID_LEAF_B, CPUID_LEAF_D, CPUID_IDENTITY };

struct cpuid_entry {
	u32 reg[4]; /* eax ebx ecx edx */
	u8 subleaves; /* of the leaf, in its first entry; 0 = ecx does not matter */
	u8 dynamic; /* CPUID_LEAF_1 and so on: some bits depend on the vCPU */
};

struct cpuid_table {
	struct cpuid_entry entries[CPUID_ENTRIES]; /* [0] is all zero: leaves that do not exist */
	u8 basic[0x20], extended[0x20], paravane[0x10]; /* leaf -> entry */
	u32 used;
};

void cpuid_table_build(struct cpuid_table *table, const struct domain *d);
/* Is a feature bit of the machine offered to guests? reg: 0..3 = eax..edx. */
bool cpuid_offers(u32 leaf, unsigned reg, unsigned bit);
u64 cpuid_xcr0_bits(void);

/* Every answer of a domain's table, for the CPUID area; returns how many (at most max). */
struct pv_cpuid_row;
unsigned cpuid_rows(const struct domain *d, struct pv_cpuid_row *rows, unsigned max);

#endif
