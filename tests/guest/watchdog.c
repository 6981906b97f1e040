/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WATCHDOG: kind=served calls in time and goes on living, kind=far asks for the longest time there
 * is, kind=busy loops with interrupts off and kind=asleep blocks for ever: these two are killed.
 */
#include "guest.h"

#define MS 1000000ull

static void spin(u64 ns)
{
	for (u64 end = now_ns() + ns; now_ns() < end;)
		cpu_relax();
}

static void served(void)
{
	unsigned refused = 0;

	for (unsigned n = 0; n < 10; n++) {
		refused += !WANT(WATCHDOG, OK, 20 * MS);
		spin(5 * MS);
	}
	ok(!refused, "served ten times, longer than it would have waited");
	hypercall(PV_CALL_WATCHDOG, 0, 0);
	spin(40 * MS);
	ok(true, "switched off, it does not bite");
}

static void far(void)
{
	static const u64 long_times[] = { 1ull << 40, 1ull << 62, 1ull << 63, ~0ull };

	for (unsigned n = 0; n < ARRAY_SIZE(long_times); n++) {
		CASE(WATCHDOG, OK, "a long time", long_times[n]);
		spin(2 * MS);
	}
}

void guest_main(void)
{
	if (arg_is("kind", "served")) {
		served();
		return;
	}
	if (arg_is("kind", "far")) {
		far();
		return;
	}
	print("# the dog is left alone\n");
	hypercall(PV_CALL_WATCHDOG, 5 * MS, 0);
	while (arg_is("kind", "asleep"))
		hypercall(PV_CALL_BLOCK, 0, 0);
	spin(500 * MS);
	print("# still here\n");
	guest_exit(1);
}
