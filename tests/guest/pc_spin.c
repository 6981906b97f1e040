/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two vCPUs that spin for each other, as kernels do that nobody patched. Marks 1..2: rounds= turns
 * of each, with PAUSE while it waits; 3..4: 100 x PAUSE with the other one halted. On a CPU of its
 * own no PAUSE exits; where they share one, a turn must not take a slice. Needs vcpus: 2.
 */
#include "pc.h"

static volatile u64 turn; /* even: vCPU 0 has it */
static volatile u32 may_go, gone;
static u64 rounds;

static void play(u64 self)
{
	while (turn < 2 * rounds) {
		while (turn % 2 != self)
			cpu_relax();
		turn++;
	}
}

static void other_main(void *arg)
{
	(void)arg;
	play(1);
	while (!may_go)
		cpu_relax();
	gone = 1;
	for (;;)
		__asm__ volatile("cli; hlt");
}

void guest_main(void)
{
	u64 ticks;

	plan(3);
	pc_init();
	rounds = arg_number("rounds", 100);
	ok(startup_run(1, other_main, NULL), "vCPU 1 runs");
	mark(1);
	ticks = rdtsc();
	play(0);
	ticks = rdtsc() - ticks;
	mark(2);
	ok(turn >= 2 * rounds, "%llu turns in %llu us", (unsigned long long)turn,
	   (unsigned long long)(ticks / (tsc_hz / 1000000)));
	ok(ticks < tsc_hz / 1000 * rounds, "less than a millisecond each");
	for (may_go = 1; !gone;)
		cpu_relax();
	delay_us(20000); /* two slices: it sleeps by now, and PAUSE is left alone again */
	mark(3);
	for (unsigned n = 0; n < 100; n++)
		cpu_relax();
	mark(4);
}
