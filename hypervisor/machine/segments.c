/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU needs before it may run C freely: GS base (this_cpu()), its own GDT with a TSS for
 * the interrupt stacks, and the IDT. Called by boot_main() and ap_main() first of all.
 */
#include "lib/types.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

/* SDM vol. 3, "Segment Descriptors": long mode reads little more than type, DPL, P and L. */
#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull
#define GDT_TSS_AVAILABLE (0x89ull << 40)

/* SDM vol. 3, "Task Management in 64-bit Mode": words of the TSS. */
#define TSS_IST1 9
#define TSS_IO_MAP 25

/* Only the interrupt stacks are used: there is no ring 3, so no stack to change to on entry. */
static void tss_fill(struct cpu *cpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cpu->ist); i++) {
		u64 top = (u64)(cpu->ist[i] + CPU_IST_BYTES);

		cpu->tss[TSS_IST1 + 2 * i] = (u32)top;
		cpu->tss[TSS_IST1 + 2 * i + 1] = (u32)(top >> 32);
	}
	cpu->tss[TSS_IO_MAP] = (u32)sizeof(cpu->tss) << 16; /* beyond the limit: no map */
}

static void gdt_fill(struct cpu *cpu)
{
	u64 tss = (u64)cpu->tss;

	cpu->gdt[SELECTOR_CODE / 8] = GDT_CODE64;
	cpu->gdt[SELECTOR_DATA / 8] = GDT_DATA;
	cpu->gdt[SELECTOR_TSS / 8] = GDT_TSS_AVAILABLE | (sizeof(cpu->tss) - 1) |
				     (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

void segments_load(struct cpu *cpu)
{
	struct idt_pointer gdt = { sizeof(cpu->gdt) - 1, (u64)cpu->gdt };

	tss_fill(cpu);
	gdt_fill(cpu);
	cpu->self = cpu;
	__asm__ volatile("lgdt %0" : : "m"(gdt) : "memory");
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
	__asm__ volatile("lidt %0" : : "m"(idt_pointer) : "memory");
	wrmsr(MSR_GS_BASE, (u64)cpu);
}
