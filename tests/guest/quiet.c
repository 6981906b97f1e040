/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hardware does alone: no exit at all between the marks. 1..2: PAUSE, INVLPG, debug
 * registers; 3..4: descriptor tables; 5..6: faults and software interrupts that the guest handles.
 */
#include "guest.h"

#define ROUNDS 100u

static void registers(void)
{
	u64 dr3;
	unsigned wrong = 0;

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		cpu_relax();
		invlpg((u64)&dr3);
		__asm__ volatile("mov %0, %%dr3" : : "r"(0x1000ull + n));
		__asm__ volatile("mov %%dr3, %0" : "=r"(dr3));
		wrong += dr3 != 0x1000 + n;
	}
	mark(2);
	ok(!wrong, "debug registers keep their values");
}

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void tables(void)
{
	struct guest_vcpu *self = this_vcpu();
	unsigned wrong = 0;
	struct table gdt, idtr, again;
	u16 tr = 0, ldt = 0;

	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++) {
		__asm__ volatile("sgdt %0" : "=m"(gdt));
		__asm__ volatile("lgdt %0" : : "m"(gdt));
		__asm__ volatile("sidt %0" : "=m"(idtr));
		__asm__ volatile("lidt %0" : : "m"(idtr));
		__asm__ volatile("sgdt %0" : "=m"(again));
		__asm__ volatile("lldt %w0" : : "r"(0));
		__asm__ volatile("sldt %w0" : "=r"(ldt));
		self->gdt[5] &= ~(1ull << 41); /* LTR wants the TSS not busy */
		__asm__ volatile("ltr %w0" : : "r"(0x28));
		__asm__ volatile("str %w0" : "=r"(tr));
		wrong += again.base != gdt.base || tr != 0x28 || ldt != 0;
	}
	mark(4);
	ok(!wrong, "descriptor tables keep their values");
}

INSN(int3, "int3")
INSN(undefined, "ud2")
INSN(divide, "xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; div %%ecx")
INSN(page_fault, "mov $1, %%rax; shl $40, %%rax; mov (%%rax), %%al")
INSN(page_write, "mov $1, %%rax; shl $40, %%rax; mov %%al, (%%rax)")
INSN(page_fetch, "mov $1, %%rax; shl $40, %%rax; jmp *%%rax")
INSN(non_canonical, "mov $1, %%rax; shl $63, %%rax; mov (%%rax), %%al")
INSN(bad_segment, "mov $0x1234, %%eax; mov %%ax, %%ds")
INSN(soft_interrupt, "int $0x55")

static const struct {
	const char *name;
	void (*insn)(void *);
	int vector;
	u32 error;
} rows[] = {
	{ "INT3", int3, VEC_BP, 0 },
	{ "UD2", undefined, VEC_UD, 0 },
	{ "a division by 0", divide, VEC_DE, 0 },
	{ "a read of no page", page_fault, VEC_PF, 0 },
	{ "a write to no page", page_write, VEC_PF, 2 },
	{ "a fetch from no page", page_fetch, VEC_PF, 0x10 },
	{ "a non-canonical address", non_canonical, VEC_GP, 0 },
	{ "a selector beyond the GDT", bad_segment, VEC_GP, 0x1234 },
	{ "INT n", soft_interrupt, NO_FAULT, 0 },
};

void guest_main(void)
{
	struct fault faults[ARRAY_SIZE(rows)] = { { 0 } };

	plan(3 + ARRAY_SIZE(rows));
	registers();
	tables();
	mark(5);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
			faults[n] = try_insn(rows[n].insn, NULL);
	mark(6);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		ok(faults[n].vector == rows[n].vector &&
			   (rows[n].vector == NO_FAULT || faults[n].error == rows[n].error),
		   "%s is vector %d, error %#x", rows[n].name, rows[n].vector, rows[n].error);
	ok(this_vcpu()->counts[0x55] == ROUNDS, "INT n came %u times", ROUNDS);
}
