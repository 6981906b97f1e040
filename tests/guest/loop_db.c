/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A #DB delivery loop (CVE-2015-8104): the handler's stack carries a data breakpoint, so delivering
 * #DB raises the next one and the CPU never comes to an instruction. vCPU 1 does that for ever;
 * vCPU 0 ends the domain after ms=. Needs vcpus: 2.
 */
#include "guest.h"

#define IST_TEST 3

static u64 stack[64] __attribute__((aligned(64)));
static volatile u32 started;

/* Reached only where delivery does not trigger breakpoints; then the loop is this one. */
static bool again(struct trap_frame *frame)
{
	(void)frame;
	return true;
}

static void loop(void *arg)
{
	u64 *top = &stack[63]; /* the CPU pushes SS here */

	(void)arg;
	this_vcpu()->tss.ist[IST_TEST - 1] = (u64)(top + 1);
	trap_gate(VEC_DB, IST_TEST, true);
	__asm__ volatile("mov %0, %%dr0" : : "r"(top));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x90401ull)); /* L0, 8 bytes, writes */
	started = 1;
	for (;;)
		WRITE_ONCE(*top, 1);
}

void guest_main(void)
{
	u64 end;

	plan(2);
	trap_hooks[VEC_DB] = again;
	ok(vcpu_start(1, loop, NULL) == 0, "vCPU 1 starts");
	end = now_ns() + arg_number("ms", 60) * 1000000;
	while (now_ns() < end)
		hypercall(PV_CALL_BLOCK, end, 0);
	ok(started, "it loops, and vCPU 0 still runs");
}
