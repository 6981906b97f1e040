/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before hypervisor/machine/cpu.h in the include path: the same struct cpu, but a CPU that
 * needs no GS segment. Which one is "this" is up to the test.
 */
#ifndef FAKE_MACHINE_CPU_H
#define FAKE_MACHINE_CPU_H

#define this_cpu real_this_cpu
#include "../../../../hypervisor/machine/cpu.h"
#undef this_cpu

extern struct cpu *fake_this_cpu;

static inline struct cpu *this_cpu(void)
{
	return fake_this_cpu;
}

#endif
