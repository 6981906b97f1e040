/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before hypervisor/machine/x86.h: the same bits and numbers, but instructions that need
 * ring 0, or would tell of the host, go to fake/hardware.c. The rest stays real and faults if
 * executed.
 */
#ifndef FAKE_MACHINE_X86_H
#define FAKE_MACHINE_X86_H

#define cpuid real_cpuid
#define rdmsr real_rdmsr
#define wrmsr real_wrmsr
#define xsetbv real_xsetbv
#include "../../../../hypervisor/machine/x86.h"
#undef cpuid
#undef rdmsr
#undef wrmsr
#undef xsetbv

struct cpuid_regs cpuid(u32 leaf, u32 subleaf);
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 value);
void xsetbv(u32 index, u64 value);

#endif
