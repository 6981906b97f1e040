// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lab 2: what the checker asks EXITS_READ, a TAP line each. Marks 1..2 hold a hundred CPUIDs
 * between two of its calls, 2..3 five calls that must be refused. Two vCPUs, of which the second
 * never runs.
 */
#include "guest.h"

#define ROUNDS 100u

static s64 exits_read(u64 vcpu, u64 exit, u64 unused)
{
	const u64 args[6] = { vcpu, exit, unused };

	return hypercall6(PV_CALL_EXITS_READ, args);
}

static void refused(s64 result, s64 wanted, const char *name, const char *what)
{
	ok(result == -wanted, "%s is refused with %s%s", what, name,
	   result == -wanted ? "" :
	   result >= 0       ? ", but was not refused at all" :
			       ", but was refused with another errno");
}

static void check_refused(void)
{
	s64 results[5];

	mark(2);
	results[0] = exits_read(2, PV_EXIT_CPUID, 0);
	results[1] = exits_read(~0ull, PV_EXIT_CPUID, 0);
	results[2] = exits_read(0, PV_EXIT_COUNT, 0);
	results[3] = exits_read(0, 1ull << 32, 0);
	results[4] = exits_read(0, PV_EXIT_CPUID, 1);
	mark(3);
	refused(results[0], PV_ENOENT, "ENOENT", "vCPU 2 of 2");
	refused(results[1], PV_ENOENT, "ENOENT", "vCPU 2^64 - 1");
	refused(results[2], PV_EINVAL, "EINVAL", "the first number that is no exit");
	refused(results[3], PV_EINVAL, "EINVAL", "exit 2^32");
	refused(results[4], PV_EINVAL, "EINVAL", "a value in rdx, which the call does not use,");
}

void guest_main(void)
{
	s64 before, after;

	plan(9);
	mark(1);
	before = exits_read(0, PV_EXIT_CPUID, 0);
	for (unsigned n = 0; n < ROUNDS; n++)
		cpuid(0, 0);
	after = exits_read(0, PV_EXIT_CPUID, 0);
	check_refused();
	ok(before > 0 && after - before == ROUNDS, "%u CPUIDs are %lld exits more", ROUNDS,
	   (long long)(after - before));
	before = exits_read(0, PV_EXIT_PORT_OUT, 0);
	outb(0x80, 0);
	after = exits_read(0, PV_EXIT_PORT_OUT, 0);
	ok(before >= 0 && after - before == 1, "an OUT is one more of its own kind");
	ok(exits_read(1, PV_EXIT_CPUID, 0) == 0, "a vCPU that never ran has left never");
	before = exits_read(0, PV_EXIT_HYPERCALL, 0);
	after = exits_read(0, PV_EXIT_HYPERCALL, 0);
	ok(before >= 0 && after - before == 1, "the call itself is a hypercall");
}
