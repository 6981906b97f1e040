/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving out VPID and ASID numbers, in the run loop before each entry. A number is used once in a
 * generation of its CPU, so two vCPUs never share one and no stale translation can be met; when the
 * numbers are out, the generation ends and everybody gets a new one.
 */
#include "allocator/asid.h"

void asid_cpu_init(struct asid_cpu *cpu, u32 limit)
{
	cpu->next = 1;
	cpu->limit = limit < 2 ? 2 : limit;
	cpu->generation = 1;
}

enum asid_action asid_assign(struct asid *asid, struct asid_cpu *cpu, u32 cpu_index)
{
	enum asid_action action = ASID_NEW;

	if (likely(asid->number && asid->cpu == cpu_index && asid->generation == cpu->generation))
		return ASID_KEPT;
	if (cpu->next == cpu->limit) {
		cpu->next = 1;
		cpu->generation++; /* 64 bits: does not wrap within the life of a machine */
		action = ASID_NEW_GENERATION;
	}
	asid->number = cpu->next++;
	asid->cpu = cpu_index;
	asid->generation = cpu->generation;
	return action;
}
