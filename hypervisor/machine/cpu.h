/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct cpu: what each physical CPU owns. GS base points at it whenever the hypervisor runs.
 * All of them lie in one static array; index 0 is the boot CPU.
 */
#ifndef MACHINE_CPU_H
#define MACHINE_CPU_H

#include "lib/types.h"
#include "pv_abi.h"
#include "host/bundle.h"
#include "allocator/asid.h"

#define CPU_STACK_BYTES 8192u
#define CPU_IST_BYTES 4096u /* NMI, #DF, #MC: one each */

struct vcpu;
struct trace_ring;

struct cpu {
	struct cpu *self; /* at offset 0: this_cpu() is one load */
	u64 host_rsp; /* at offset 8: SVM's world switch keeps the stack here */
	u32 index; /* 0..cpu_count-1 */
	u32 apic_id;
	struct vcpu *current; /* whose state this CPU holds */
	volatile bool kicked; /* somebody wants this CPU out of its guest */
	volatile bool online;
	u64 slice_end; /* TSC */
	u64 due; /* TSC at which the scheduler wants to be asked, ~0 = never */
	struct asid_cpu asids;
	u64 timer_armed; /* TSC the APIC timer is set to, ~0 = off */
	hpa_t vmxon_region; /* VMX: VMXON region; SVM: host save area */
	hpa_t host_vmcb; /* SVM: VMSAVE area of the host */
	struct trace_ring *ring; /* NULL = not recording */
	u64 idle_tsc; /* ticks spent in idle_wait() */
	u64 window_va; /* two pages, private to this CPU */
	u64 *window_ptes;
	u64 gdt[8] __attribute__((aligned(16))); /* null, code64, data, -, tss(2) */
	u32 tss[26] __attribute__((aligned(16)));
	u8 guard[PAGE_SIZE] __attribute__((aligned(4096))); /* not mapped: ends an overflow */
	u8 stack[CPU_STACK_BYTES] __attribute__((aligned(4096)));
	u8 ist[3][CPU_IST_BYTES] __attribute__((aligned(16)));
};

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x20

extern struct cpu cpus[PV_CPUS_MAX];
extern u32 cpu_count; /* online */

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

#endif
