/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache instructions. WBINVD does nothing and INVD is never executed: a guest must not throw away
 * another one's dirty lines. Marks 1..2: 100 WBINVD, 3..4: 100 INVD, 5..6: CLFLUSH and prefetches.
 */
#include "guest.h"

#define ROUNDS 100u
#define WORDS 4096u

static u64 data[WORDS];

INSN(invd, "invd")

static bool data_is(u64 seed)
{
	for (unsigned n = 0; n < WORDS; n++)
		if (data[n] != seed + n)
			return false;
	return true;
}

static void fill(u64 seed)
{
	for (unsigned n = 0; n < WORDS; n++)
		data[n] = seed + n;
}

void guest_main(void)
{
	unsigned faults = 0;

	plan(4);
	fill(1000);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		__asm__ volatile("wbinvd" : : : "memory");
	mark(2);
	ok(data_is(1000), "WBINVD keeps memory");

	fill(2000);
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		faults += try_insn(invd, NULL).vector != NO_FAULT;
	mark(4);
	ok(data_is(2000), "INVD keeps dirty memory");
	ok(faults == 0, "and raises nothing");

	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++)
		__asm__ volatile("clflush %0; prefetcht0 %0; mfence; lfence; sfence"
				 : "+m"(data[n]));
	mark(6);
	ok(data_is(2000), "CLFLUSH and fences cost no exit");
}
