/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The good neighbour: works for ms= milliseconds beside domains that die, spin or loop, makes all
 * kinds of exits, and checks that its memory and its clock are its own. Every tenth it says so.
 * relax= is how many PAUSEs it makes in a round.
 */
#include "guest.h"

#define WORDS 65536u /* 512 KiB above the image */

static u64 *area;

static void fill(u64 seed)
{
	for (unsigned n = 0; n < WORDS; n++)
		area[n] = seed * 0x9e3779b97f4a7c15ull + n;
}

static unsigned count_wrong(u64 seed)
{
	unsigned wrong = 0;

	for (unsigned n = 0; n < WORDS; n++)
		wrong += area[n] != seed * 0x9e3779b97f4a7c15ull + n;
	return wrong;
}

void guest_main(void)
{
	u64 period = arg_number("ms", 50) * tsc_khz() / 10;
	u64 relax = arg_number("relax", 2000);
	unsigned calls_wrong = 0;

	plan(12);
	area = (u64 *)ALIGN_UP(start_info->image_end, PAGE_SIZE);
	ok((u64)(area + WORDS) <= start_info->memory_bytes, "there is room to work in");
	for (unsigned tenth = 1; tenth <= 10; tenth++) {
		u64 end = rdtsc() + period;
		unsigned wrong = 0, rounds = 0;

		fill(tenth);
		do {
			calls_wrong += hypercall(PV_CALL_NULL, 0, 0) != 0;
			calls_wrong += hypercall(PV_CALL_YIELD, 0, 0) != 0;
			cpuid(1, 0);
			inb(0x2f0);
			for (u64 n = 0; n < relax; n++)
				cpu_relax();
			rounds++;
		} while (rdtsc() < end);
		wrong = count_wrong(tenth);
		ok(!wrong && rounds, "tenth %u: %u words changed", tenth, wrong);
	}
	ok(!calls_wrong, "every hypercall succeeded");
}
