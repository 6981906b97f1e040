/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no emulation knows ends the domain with its bytes: kind=movdqa and kind=fxsave on a
 * register, kind=fetch and kind=code run what is there, kind=table and kind=stack have a page table
 * and a stack there; kind=event is interrupted on such a stack, by an instruction that is known.
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

void guest_main(void)
{
	pc_init();
	pc_map(NOWHERE);
	print("kind known\n");
	if (arg_is("kind", "movdqa"))
		__asm__ volatile("movdqa %%xmm1, (%0)" : : "r"(LAPIC_BASE + APIC_TPR) : "memory");
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
