/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no emulation knows ends the domain with its bytes: kind=movdqa, movups, fld, vmovdqu and
 * fxsave on a register, kind=fetch and kind=code run what is there, kind=table and kind=stack have
 * a page table and a stack there; kind=event is interrupted on such a stack, by an instruction that
 * is known.
 */
#include "pc.h"

#define NOWHERE 0xfd000000ull

static void be_interrupted(u64 stack)
{
	static volatile u32 word;

	lapic_write(APIC_SVR, SVR_ENABLE | 0xff);
	ipi(0, ICR_ASSERT | 0x40);
	__asm__ volatile("mov %0, %%rsp; sti; 1: movl $1, (%1); jmp 1b"
			 :
			 : "r"(stack), "r"(&word)
			 : "memory");
}

static void load_vector(u64 from)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv; vmovdqu (%0), %%ymm0"
			 :
			 : "r"(from), "c"(0), "a"(7), "d"(0)
			 : "memory");
}

void guest_main(void)
{
	pc_init();
	pc_map(NOWHERE);
	print("kind known\n");
	if (arg_is("kind", "movdqa"))
		__asm__ volatile("movdqa %%xmm1, (%0)" : : "r"(LAPIC_BASE + APIC_TPR) : "memory");
	else if (arg_is("kind", "movups"))
		__asm__ volatile("movups (%0), %%xmm1" : : "r"(IOAPIC_BASE) : "memory");
	else if (arg_is("kind", "fld"))
		__asm__ volatile("fninit; fldl (%0)" : : "r"(NOWHERE) : "memory");
	else if (arg_is("kind", "vmovdqu"))
		load_vector(NOWHERE);
	else if (arg_is("kind", "fxsave"))
		__asm__ volatile("fxsave (%0)" : : "r"(NOWHERE) : "memory");
	else if (arg_is("kind", "fetch"))
		__asm__ volatile("jmp *%0" : : "r"(NOWHERE) : "memory");
	else if (arg_is("kind", "table"))
		write_cr3(NOWHERE);
	else if (arg_is("kind", "stack"))
		__asm__ volatile("mov %0, %%rsp; int3" : : "r"(NOWHERE + 0xf00) : "memory");
	else if (arg_is("kind", "event"))
		be_interrupted(NOWHERE + 0xf00);
	else if (arg_is("kind", "code"))
		__asm__ volatile("jmp *%0" : : "r"(LAPIC_BASE) : "memory");
	bail("it lives on");
}
