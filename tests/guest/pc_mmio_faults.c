/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes wrong inside an emulated instruction: page faults with their address, error code and
 * RIP and no side effect, #GP on a non-canonical address, iterations of REP that were done, ring 3,
 * single steps, and interrupts after STI and MOV.
 */
#include "pc.h"

#define NOWHERE 0xfd000000ull
#define ALIAS 0xfc000000ull /* of 2 MiB of memory; nothing is mapped above it */
#define KERNEL_ONLY 0xfc400000ull /* another one, closed to ring 3 */
#define TMICT (LAPIC_BASE + APIC_TMICT)
#define UNMAPPED BIT(40)

static struct trap_frame at_fault;

static bool capture(struct trap_frame *frame)
{
	at_fault = *frame;
	return false;
}

/* Two entries beside those of the devices, 2 MiB each, onto the image; between them nothing. */
static void map_aliases(void)
{
	u64 *table = (u64 *)(((u64 *)read_cr3())[0] & ~0xfffull);

	table = (u64 *)(table[3] & ~0xfffull);
	table[ALIAS >> 21 & 511] = 0x200000 | 0x87;
	table[(ALIAS >> 21 & 511) + 1] = 0;
	table[KERNEL_ONLY >> 21 & 511] = 0x200000 | 0x83;
	write_cr3(read_cr3());
}

/* rdi: destination */
INSN(movs_from_nowhere, "mov $0xfd000000, %%esi; mov $4, %%ecx; .globl movs_here; movs_here: "
			"rep movsl")
INSN(movs_to_timer, "mov %%rdi, %%rsi; mov $0xfee00380, %%edi; movsl")
INSN(read_and_step, "pushf; orl $0x100, (%%rsp); popf; mov 0xfee00030, %%eax; "
		    ".globl stepped_here; stepped_here: nop; nop")
INSN(xchg_to_nowhere, "mov $1, %%eax; xchg %%eax, (%%rdi)")
extern const u8 movs_here[], stepped_here[];

static void check_page_faults(void)
{
	struct fault f = try_insn(movs_from_nowhere, (void *)UNMAPPED);

	ok(f.vector == VEC_PF && f.address == UNMAPPED && (f.error & 7) == 2,
	   "a device's bytes to no page: #PF, error %#llx, CR2 %#llx", (unsigned long long)f.error,
	   (unsigned long long)f.address);
	ok(f.rip == (u64)movs_here && at_fault.rcx == 4 && at_fault.rdi == UNMAPPED &&
		   at_fault.rsi == NOWHERE,
	   "at the instruction, with no register changed");
	memset((void *)0x3ffff0, 0, 16);
	f = try_insn(movs_from_nowhere, (void *)(ALIAS + 0x1ffff8));
	ok(f.vector == VEC_PF && f.address == ALIAS + 0x200000 && (f.error & 7) == 2,
	   "the third of four goes to no page: vector %d, CR2 %#llx", f.vector,
	   (unsigned long long)f.address);
	ok(at_fault.rcx == 2 && at_fault.rdi == ALIAS + 0x200000 && at_fault.rsi == NOWHERE + 8 &&
		   *(u64 *)0x3ffff8 == ~0ull && *(u64 *)0x3ffff0 == 0,
	   "two were done, and registers say so: %llu left", (unsigned long long)at_fault.rcx);
	*(u16 *)0x3ffffe = 0x1234;
	f = try_insn(movs_from_nowhere, (void *)(ALIAS + 0x1ffffe));
	ok(f.vector == VEC_PF && f.address == ALIAS + 0x200000 && at_fault.rcx == 4 &&
		   *(u16 *)0x3ffffe == 0x1234,
	   "half of a word on no page: CR2 is that page, no half is written");
	lapic_write(APIC_TMICT, 77);
	f = try_insn(movs_to_timer, (void *)UNMAPPED);
	ok(f.vector == VEC_PF && (f.error & 7) == 0 && lapic_read(APIC_TMICT) == 77,
	   "nothing to write to a register: it stays");
	f = try_insn(movs_from_nowhere, (void *)BIT(47));
	ok(f.vector == VEC_GP && f.error == 0 && at_fault.rcx == 4, "#GP: not canonical");
}

static void user_read(void *arg)
{
	*(volatile u32 *)arg = lapic_read(APIC_VERSION);
}

static void check_user(void)
{
	static volatile u32 version;
	struct fault f = run_user(user_read, (void *)&version, 0);

	ok(f.vector == VECTOR_USER && version == lapic_read(APIC_VERSION),
	   "ring 3 reads a register, where the page allows it");
	f = run_user(movs_from_nowhere, (void *)KERNEL_ONLY, 0);
	ok(f.vector == VEC_PF && f.address == KERNEL_ONLY && (f.error & 7) == 7 && f.cs == 0x23,
	   "and cannot write where it does not: error %#llx", (unsigned long long)f.error);
	f = run_user(xchg_to_nowhere, (void *)NOWHERE, 0);
	ok(f.vector == VECTOR_USER, "XCHG in ring 3");
}

static void check_step(void)
{
	struct fault f = try_insn(read_and_step, NULL);

	ok(f.vector == VEC_DB && f.rip == (u64)stepped_here && (f.dr6 & DR6_BS),
	   "a single step over an emulated instruction");
}

/* An interrupt waits: STI holds it off for one instruction, and that one is emulated. */
static void check_shadow(void)
{
	struct guest_vcpu *self = this_vcpu();
	u32 during = 1;

	trap_hooks[0x41] = take_with_eoi;
	lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | 0x41);
	__asm__ volatile("sti; mov 0xfee00030, %%eax; mov %1, %0; cli"
			 : "=&r"(during)
			 : "m"(self->counts[0x41])
			 : "rax", "memory");
	ok(during == 1, "an interrupt after STI comes right after the emulated instruction");
}

void guest_main(void)
{
	plan(12);
	pc_init();
	pc_map(NOWHERE);
	map_aliases();
	lapic_write(APIC_LVT_TIMER, LVT_MASKED);
	trap_hooks[VEC_PF] = trap_hooks[VEC_GP] = capture;
	check_page_faults();
	check_user();
	check_step();
	check_shadow();
}
