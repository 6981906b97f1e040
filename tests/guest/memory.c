/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory belongs to one domain: it starts zeroed, and what this domain writes (a pattern of seed=)
 * stays while others write theirs for ms=.
 */
#include "guest.h"

#define MIB (1ull << 20)
#define LOOKS 3u

static u64 pattern_at(u64 seed, const u64 *p)
{
	return ((u64)p ^ seed << 48) * 0x9e3779b97f4a7c15ull;
}

static u64 count_wrong(u64 seed, const u64 *p, const u64 *end)
{
	u64 wrong = 0;

	for (; p < end; p++)
		wrong += *p != (seed ? pattern_at(seed, p) : 0);
	return wrong;
}

void guest_main(void)
{
	u64 seed = arg_number("seed", 1), period = arg_number("ms", 50) * tsc_khz() / LOOKS;
	u64 *low = (u64 *)MIB, *low_end = (u64 *)(2 * MIB), wrong = 0;
	u64 *high = (u64 *)ALIGN_UP(start_info->image_end, PAGE_SIZE), *high_end;

	plan(4 + LOOKS);
	high_end = (u64 *)start_info->memory_bytes;
	ok(start_info->image_end > (u64)&guest_main && high < high_end,
	   "the image ends at %#llx of %#llx", (unsigned long long)start_info->image_end,
	   (unsigned long long)start_info->memory_bytes);
	ok(!count_wrong(0, low, low_end), "memory between 1 and 2 MiB starts zeroed");
	ok(!count_wrong(0, high, high_end), "so does what follows the image");

	for (u64 *p = low; p < low_end; p++)
		*p = pattern_at(seed, p);
	for (u64 *p = high; p < high_end; p++)
		*p = pattern_at(seed, p);
	for (unsigned n = 1; n <= LOOKS; n++) {
		u64 end = rdtsc() + period;

		while (rdtsc() < end)
			hypercall(PV_CALL_YIELD, 0, 0);
		wrong = count_wrong(seed, low, low_end) + count_wrong(seed, high, high_end);
		ok(!wrong, "look %u: %llu words changed", n, (unsigned long long)wrong);
	}
	/* The 2 MiB and 4 KiB borders of the tables below it. */
	ok(*(u64 *)(start_info->memory_bytes - 8) == pattern_at(seed, high_end - 1),
	   "up to the last word");
}
