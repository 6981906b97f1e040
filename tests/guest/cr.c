/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers. What the guest owns costs no exit (marks 1..2). Host-owned bits cost one a
 * write and never reach the hardware (CR0.CD, marks 3..4: 2 x 50) or raise #GP (CR4, marks 5..6:
 * 50).
 */
#include "guest.h"

#define ROUNDS 50u

INSN(cr0_write, "mov %%rdi, %%cr0")
INSN(cr4_write, "mov %%rdi, %%cr4")
INSN(cr8_write, "mov %%rdi, %%cr8")
INSN(fpu_use, "fnop")

static int cr0_fault(u64 value)
{
	return try_insn(cr0_write, (void *)value).vector;
}

static int cr4_fault(u64 value)
{
	return try_insn(cr4_write, (void *)value).vector;
}

static void check_owned(void)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
	unsigned wrong = 0;

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		write_cr0(cr0 | CR0_TS);
		wrong += !(read_cr0() & CR0_TS);
		__asm__ volatile("clts");
		wrong += read_cr0() != cr0;
		__asm__ volatile("lmsw %w0" : : "r"((u32)(cr0 | CR0_TS)));
		__asm__ volatile("clts");
		write_cr2(0x1234500 + n);
		wrong += read_cr2() != 0x1234500 + n;
		write_cr3(cr3);
		wrong += read_cr3() != cr3;
	}
	mark(2);
	ok(!wrong, "TS, CR2 and CR3 are the guest's");

	mark(7);
	for (unsigned n = 0; n < ROUNDS; n++) {
		write_cr4(cr4 ^ CR4_PGE);
		wrong += read_cr4() != (cr4 ^ CR4_PGE);
		write_cr4(cr4);
	}
	mark(8);
	ok(!wrong && read_cr4() == cr4, "CR4.PGE is the guest's");
	write_cr0(cr0 | CR0_TS);
	ok(try_insn(fpu_use, NULL).vector == VEC_NM, "CR0.TS works: #NM");
	write_cr0(cr0);
	ok(try_insn(fpu_use, NULL).vector == NO_FAULT, "and without it there is none");
}

/* Write protection of supervisor pages: the bit must not only be stored. */
static void check_write_protect(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 & ~CR0_WP);
	ok(!(read_cr0() & CR0_WP), "CR0.WP can be cleared");
	write_cr0(cr0 | CR0_WP | CR0_AM);
	ok((read_cr0() & (CR0_WP | CR0_AM)) == (CR0_WP | CR0_AM), "WP and AM can be set");
	write_cr0(cr0);
	ok(read_cr0() == cr0, "and CR0 is as it was");
}

static void check_cache_disable(void)
{
	u64 cr0 = read_cr0();
	unsigned wrong = 0;

	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++) {
		write_cr0(cr0 | CR0_CD);
		write_cr0(cr0);
	}
	mark(4);
	for (unsigned n = 0; n < 3; n++) {
		write_cr0(cr0 | CR0_CD | (n ? CR0_NW : 0));
		wrong += (read_cr0() & CR0_CD) == 0;
	}
	write_cr0(cr0);
	ok(!wrong && read_cr0() == cr0, "the guest sees the CD that it wrote");
	ok(cr0_fault(cr0 | CR0_NW) == VEC_GP, "NW without CD is #GP");
	ok(read_cr0() == cr0, "and leaves CR0 as it was");
}

static void check_invalid(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	unsigned faults = 0;

	ok(cr0_fault(cr0 & ~CR0_PE) == VEC_GP, "PG without PE is #GP");
	ok(cr0_fault(cr0 & ~CR0_PG) == VEC_GP, "64-bit code cannot clear PG");
	if (cr0_fault(cr0 | BIT(32)) == NO_FAULT && is_amd)
		skip(1, "this CPU does not check the high half of CR0");
	else
		ok(cr0_fault(cr0 | BIT(32)) == VEC_GP, "a high bit of CR0 is #GP");
	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++)
		faults += cr4_fault(cr4 | CR4_VMXE) == VEC_GP;
	mark(6);
	ok(faults == ROUNDS, "CR4.VMXE is #GP: there is no VMX");
	ok(cr4_fault(cr4 | CR4_SMXE) == VEC_GP, "so is SMXE");
	ok(cr4_fault(cr4 & ~CR4_PAE) == VEC_GP, "64-bit code cannot clear PAE");
	ok(cr4_fault(cr4 ^ CR4_LA57) == VEC_GP, "nor change LA57");
	ok(cr4_fault(cr4 | BIT(27)) == VEC_GP, "a reserved bit of CR4 is #GP");
	ok(cr4_fault(cr4 | BIT(32)) == VEC_GP, "so is a high one");
	ok(read_cr0() == cr0 && read_cr4() == cr4, "CR0 and CR4 are as they were");
}

static void check_cr8(void)
{
	u64 value;

	__asm__ volatile("mov %1, %%cr8; mov %%cr8, %0" : "=r"(value) : "r"(7ull));
	ok(value == 7, "CR8 keeps its value");
	/* QEMU's software CPU cuts the value to four bits. */
	if (try_insn(cr8_write, (void *)16).vector == NO_FAULT && is_amd)
		skip(1, "this CPU does not check CR8");
	else
		ok(try_insn(cr8_write, (void *)16).vector == VEC_GP, "CR8 above 15 is #GP");
	__asm__ volatile("mov %1, %%cr8; mov %%cr8, %0" : "=r"(value) : "r"(0ull));
	ok(value == 0, "and 0 again");
}

void guest_main(void)
{
	plan(23);
	check_owned();
	check_write_protect();
	check_cache_disable();
	check_invalid();
	check_cr8();
}
