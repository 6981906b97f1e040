/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VPID and ASID numbers: one per vCPU and CPU generation, never shared, 0 is the hypervisor's own.
 * A vCPU gets a fresh number when it comes to a CPU it did not run on last, when it asked for a
 * full flush, or when the CPU began a new generation because numbers ran out (all TLBs flushed
 * then).
 */
#ifndef ALLOCATOR_ASID_H
#define ALLOCATOR_ASID_H

#include "lib/types.h"

struct asid_cpu {
	u32 next; /* next number to give out */
	u32 limit; /* first number that does not exist */
	u64 generation; /* starts at 1 */
};

struct asid {
	u32 number; /* 0 = none yet */
	u32 cpu; /* CPU index it is valid on */
	u64 generation;
};

enum asid_action {
	ASID_KEPT, /* still valid, nothing to do */
	ASID_NEW, /* a number never used in this generation: nothing of it is cached */
	ASID_NEW_GENERATION, /* as NEW, but the CPU must flush all its guest translations first */
};

/* limit: how many numbers the CPU has, 0 included. A CPU without VPIDs or ASIDs says 0 or 1: then
 * only number 1 is given out, and each change of vCPU is a new generation (a flush). The CPU must
 * have flushed all guest translations before its first assignment. */
void asid_cpu_init(struct asid_cpu *cpu, u32 limit);
/* Makes `asid` valid on this CPU. Called by the CPU itself, before an entry. */
enum asid_action asid_assign(struct asid *asid, struct asid_cpu *cpu, u32 cpu_index);
/* Asks for a full flush: the next assignment gives a fresh number. Only while the vCPU is out. */
static inline void asid_drop(struct asid *asid)
{
	asid->number = 0;
}

#endif
