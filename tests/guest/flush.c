/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB_FLUSH of another vCPU, which spins with interrupts off and reads through a page-table entry
 * that this one changes: after the call it sees the new page only. again: the time slice is so long
 * that it cannot be reached in time, which must be said (EAGAIN) until it can. Needs vcpus: 2.
 */
#include "guest.h"

#define WINDOW 0xffff900000000000ull /* not mapped by the loader */
#define PRESENT_WRITABLE 3ull
#define OTHER 2ull /* mask: vCPU 1 */

static u64 pages[2][512] __attribute__((aligned(4096)));
static u64 tables[3][512] __attribute__((aligned(4096)));
static u64 *const entry = &tables[2][0];
static volatile u64 seen, looks;
static volatile u32 stop;

static void map_window(void)
{
	u64 *top = (u64 *)read_cr3();

	top[WINDOW >> 39 & 511] = (u64)tables[0] | PRESENT_WRITABLE;
	tables[0][0] = (u64)tables[1] | PRESENT_WRITABLE;
	tables[1][0] = (u64)tables[2] | PRESENT_WRITABLE;
	*entry = (u64)pages[0] | PRESENT_WRITABLE;
	pages[0][0] = 1000;
	pages[1][0] = 1001;
}

static void other_main(void *arg)
{
	(void)arg;
	while (!stop) {
		seen = *(volatile u64 *)WINDOW;
		looks++;
	}
}

/* It looks a few times more. */
static u64 what_it_sees(void)
{
	u64 before = looks, end = rdtsc() + 1000 * tsc_khz();

	while (looks < before + 3 && rdtsc() < end)
		hypercall(PV_CALL_YIELD, 0, 0);
	return seen;
}

void guest_main(void)
{
	unsigned wrong = 0, again = 0, refused = 0, rounds = (unsigned)arg_number("rounds", 20);
	s64 result = 0;

	map_window();
	ok(vcpu_start(1, other_main, NULL) == 0 && what_it_sees() == 1000,
	   "it sees the first page");
	for (unsigned n = 1; n <= rounds; n++) {
		const u64 args[6] = { n % 3, WINDOW, 1, OTHER };
		u64 end = now_ns() + 2000000000ull;

		*(volatile u64 *)entry = (u64)pages[n % 2] | PRESENT_WRITABLE;
		do {
			result = hypercall6(PV_CALL_TLB_FLUSH, args);
			again += result == -PV_EAGAIN;
		} while (result == -PV_EAGAIN && now_ns() < end);
		refused += result != 0;
		wrong += what_it_sees() != 1000 + n % 2;
	}
	ok(!refused, "%u of %u flushes, the last result %lld", rounds - refused, rounds,
	   (long long)result);
	ok(!wrong, "%u times it saw the old page", wrong);
	if (arg_flag("again")) {
		CASE(TLB_FLUSH, EAGAIN, "it cannot be reached in time", PV_FLUSH_ALL, 0, 0, OTHER);
		ok(again, "%u times EAGAIN", again);
	} else {
		ok(!again, "%u times EAGAIN", again);
	}
	stop = 1;
}
