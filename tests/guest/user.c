/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring 3 under the hypervisor. Marks 1..2: 100 round trips by IRETQ and INT; 3..4: 100 SYSCALLs in
 * one visit; 5..6: one of each privileged instruction: #GP from the CPU, no exit; 7..8: 50
 * hypercalls from user mode: #UD, one exit each; 9..10: 50 CPUIDs, which user mode may execute.
 */
#include "guest.h"

#define ROUNDS 100u
#define HALF 50u

void user_syscall_entry(void);

static volatile u64 syscalls __attribute__((used)); /* written in assembler below */

/* Runs in ring 0 on the user stack, and goes straight back. */
__asm__(".text; .globl user_syscall_entry; user_syscall_entry: incq syscalls(%rip); sysretq");

INSN(nothing, "nop")
INSN(do_syscalls, "mov $100, %%ebx; 1: syscall; dec %%ebx; jnz 1b")
INSN(do_in, "mov $0x2f0, %%edx; in %%dx, %%al")
INSN(do_out, "mov $0x80, %%edx; out %%al, %%dx")
INSN(do_hlt, "hlt")
INSN(do_cli, "cli")
INSN(do_rdmsr, "mov $0x1b, %%ecx; rdmsr")
INSN(do_wrmsr, "mov $0x277, %%ecx; wrmsr")
INSN(do_cr0, "mov %%cr0, %%rax")
INSN(do_cr3, "mov %%rax, %%cr3")
INSN(do_clts, "clts")
INSN(do_invlpg, "invlpg (%0)")
INSN(do_wbinvd, "wbinvd")
INSN(do_invd, "invd")
INSN(do_lgdt, "lgdt (%0)")
INSN(do_dr7, "mov %%dr7, %%rax")
INSN(do_vmcall, "vmcall")
INSN(do_vmmcall, "vmmcall")
INSN(do_cpuid, "xor %%eax, %%eax; cpuid")

static const struct {
	const char *name;
	void (*insn)(void *);
} privileged[] = {
	{ "IN", do_in },
	{ "OUT", do_out },
	{ "HLT", do_hlt },
	{ "CLI", do_cli },
	{ "RDMSR", do_rdmsr },
	{ "WRMSR", do_wrmsr },
	{ "MOV from CR0", do_cr0 },
	{ "MOV to CR3", do_cr3 },
	{ "CLTS", do_clts },
	{ "INVLPG", do_invlpg },
	{ "WBINVD", do_wbinvd },
	{ "INVD", do_invd },
	{ "LGDT", do_lgdt },
	{ "MOV from DR7", do_dr7 },
};

static void check_syscall(void)
{
	u64 efer = rdmsr(MSR_EFER);
	int vector;

	wrmsr(MSR_EFER, efer | EFER_SCE);
	wrmsr(MSR_STAR,
	      0x0010000800000000); /* SYSRET: SS 0x18, CS 0x20; SYSCALL: CS 0x08, SS 0x10 */
	wrmsr(MSR_LSTAR, (u64)user_syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF);
	mark(3);
	vector = run_user(do_syscalls, NULL, 0).vector;
	mark(4);
	ok(vector == VECTOR_USER && syscalls == ROUNDS, "%llu SYSCALLs and SYSRETs",
	   (unsigned long long)syscalls);
}

void guest_main(void)
{
	static u8 operand[16];
	struct fault faults[ARRAY_SIZE(privileged)], f;
	unsigned good = 0;

	plan(4 + ARRAY_SIZE(privileged));
	user_init();
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		f = run_user(nothing, NULL, 0);
		good += f.vector == VECTOR_USER && (f.cs & 3) == 3;
	}
	mark(2);
	ok(good == ROUNDS, "%u visits to ring 3", good);
	check_syscall();

	mark(5);
	for (unsigned n = 0; n < ARRAY_SIZE(privileged); n++)
		faults[n] = run_user(privileged[n].insn, operand, 0);
	mark(6);
	for (unsigned n = 0; n < ARRAY_SIZE(privileged); n++)
		ok(faults[n].vector == VEC_GP && faults[n].error == 0,
		   "%s in ring 3 is #GP (vector %d)", privileged[n].name, faults[n].vector);

	good = 0;
	mark(7);
	for (unsigned n = 0; n < HALF; n++)
		good += run_user(is_amd ? do_vmmcall : do_vmcall, NULL, 0).vector == VEC_UD;
	mark(8);
	ok(good == HALF, "hypercalls from ring 3 are #UD");
	good = 0;
	mark(9);
	for (unsigned n = 0; n < HALF; n++)
		good += run_user(do_cpuid, NULL, 0).vector == VECTOR_USER;
	mark(10);
	ok(good == HALF, "CPUID works in ring 3");
}
