/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands before hypervisor/machine/cpu.h in the include path: a CPU that needs no GS segment. */
#ifndef MACHINE_CPU_H
#define MACHINE_CPU_H

#include "lib/types.h"
#include "pv_abi.h"

struct cpu {
	u32 index;
};

extern struct cpu fake_cpu;

static inline struct cpu *this_cpu(void)
{
	return &fake_cpu;
}

#endif
