/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no emulation knows ends the domain with its bytes: kind=movdqa and kind=fxsave on a
 * register, kind=fetch and kind=code run what is there, kind=table and kind=stack have a page table
 * and a stack there.
 */
#include "pc.h"

#define NOWHERE 0xfd000000ull

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
	else if (arg_is("kind", "code"))
		__asm__ volatile("jmp *%0" : : "r"(LAPIC_BASE) : "memory");
	bail("it lives on");
}
