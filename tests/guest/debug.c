/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #DB is intercepted and handed on: the guest must see the same RIP and DR6 as without us, one exit
 * each. Marks 1..2: step and breakpoints; 3..4: 50 steps; 5..6: a step over an instruction that
 * exits; 7..8: INT1 and general detect.
 */
#include "guest.h"

#define DR6_B0 BIT(0)
#define DR6_B1 BIT(1)
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_CAUSES (0xfull | DR6_BD | DR6_BS)
#define DR7_FIXED 0x400ull
#define DR7_GD BIT(13)
#define DR7_WRITE_8(n) (BIT((n)*2) | 9ull << (16 + (n)*4)) /* L<n>, 8 bytes, data writes */
#define DR7_ACCESS_8(n) (BIT((n)*2) | 11ull << (16 + (n)*4))
#define DR7_EXECUTE(n) BIT((n)*2)
#define STEPS 50u

extern const u8 step_end[], step_cpuid_end[], write_end[], read_end[], execute_here[], int1_end[];
extern const u8 detect_here[];

static u64 watched;
static u64 steps, steps_wrong;

/* After POPFQ one instruction runs, then the trap comes. */
INSN(step, "pushfq; orl $0x100, (%%rsp); popfq; nop; .globl step_end; step_end: nop; nop")
INSN(step_cpuid, "pushfq; orl $0x100, (%%rsp); xor %%eax, %%eax; popfq; cpuid;"
		 ".globl step_cpuid_end; step_cpuid_end: nop; nop")
INSN(write_watched, "movq $1, (%0); .globl write_end; write_end: nop")
INSN(read_watched, "mov (%0), %%rax; .globl read_end; read_end: nop")
INSN(execute, "nop; .globl execute_here; execute_here: nop")
INSN(int1, ".byte 0xf1; .globl int1_end; int1_end: nop")
INSN(touch_dr, ".globl detect_here; detect_here: mov %%dr3, %%rax")

static void set_dr7(u64 value)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(value | DR7_FIXED));
}

static struct fault with_breakpoint(void (*insn)(void *), u64 address, u64 dr7, bool second)
{
	struct fault f;

	if (second)
		__asm__ volatile("mov %0, %%dr1" : : "r"(address));
	else
		__asm__ volatile("mov %0, %%dr0" : : "r"(address));
	set_dr7(dr7);
	f = try_insn(insn, &watched);
	set_dr7(0);
	return f;
}

static void check(struct fault f, const void *rip, u64 cause, const char *what)
{
	ok(f.vector == VEC_DB && f.rip == (u64)rip && (f.dr6 & DR6_CAUSES) == cause,
	   "%s: vector %d at %#llx (%#llx), DR6 %#llx", what, f.vector, (unsigned long long)f.rip,
	   (unsigned long long)rip, (unsigned long long)f.dr6);
}

/* Steps through a loop: each #DB must have moved on by exactly one instruction. */
static bool count_step(struct trap_frame *frame)
{
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	if (++steps == STEPS)
		frame->rflags &= ~RFLAGS_TF;
	return true;
}

static u64 step_through(void)
{
	u64 rounds = 0;

	trap_hooks[VEC_DB] = count_step;
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq\n\t"
			 "1: inc %0; cmp $1000, %0; jb 1b"
			 : "+r"(rounds)
			 :
			 : "cc", "memory");
	trap_hooks[VEC_DB] = NULL;
	return rounds;
}

void guest_main(void)
{
	struct fault stepped, written, read, executed, cpuid_step, int1_fault, detected;

	plan(10);
	mark(1);
	stepped = try_insn(step, NULL);
	written = with_breakpoint(write_watched, (u64)&watched, DR7_WRITE_8(0), false);
	read = with_breakpoint(read_watched, (u64)&watched, DR7_ACCESS_8(1), true);
	executed = with_breakpoint(execute, (u64)execute_here, DR7_EXECUTE(1), true);
	mark(2);
	check(stepped, step_end, DR6_BS, "single step");
	check(written, write_end, DR6_B0, "data write");
	ok(watched == 1, "and the write has happened");
	check(read, read_end, DR6_B1, "data access");
	check(executed, execute_here, DR6_B1, "instruction breakpoint");

	mark(3);
	steps_wrong = step_through() != 1000;
	mark(4);
	ok(steps == STEPS && !steps_wrong, "%llu steps through a loop", (unsigned long long)steps);

	mark(5);
	cpuid_step = try_insn(step_cpuid, NULL);
	mark(6);
	check(cpuid_step, step_cpuid_end, DR6_BS, "single step over CPUID");

	mark(7);
	int1_fault = try_insn(int1, NULL);
	set_dr7(DR7_GD);
	detected = try_insn(touch_dr, NULL);
	mark(8);
	/* QEMU's software CPU has neither INT1 nor general detect. */
	if (is_amd && int1_fault.vector == VEC_UD)
		skip(1, "this CPU has no INT1");
	else
		ok(int1_fault.vector == VEC_DB && int1_fault.rip == (u64)int1_end,
		   "INT1: vector %d at %#llx (%#llx)", int1_fault.vector,
		   (unsigned long long)int1_fault.rip, (unsigned long long)int1_end);
	if (is_amd && detected.vector == NO_FAULT) {
		skip(1, "this CPU has no general detect");
		set_dr7(0);
	} else {
		check(detected, detect_here, DR6_BD, "general detect");
	}
	ok(try_insn(touch_dr, NULL).vector == NO_FAULT, "DR7.GD is clear afterwards");
}
