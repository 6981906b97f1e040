/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDTSC and RDTSCP: no exit by default, one each with the feature rdtsc_exit; never backwards.
 * Marks 1..2: 1000 RDTSC; 3..4: 1000 RDTSCP where there is one, else RDTSC.
 */
#include "guest.h"

#define ROUNDS 1000u

static u64 rdtscp(u32 *aux)
{
	u32 lo, hi;

	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux));
	return (u64)hi << 32 | lo;
}

INSN(rdtscp_insn, "rdtscp")

void guest_main(void)
{
	bool has_rdtscp = cpuid(0x80000001, 0).edx & BIT(27);
	unsigned backwards = 0, wrong_aux = 0;
	u64 last = 0, ns;
	u32 aux = 0;

	plan(6);
	if (has_rdtscp)
		wrmsr(MSR_TSC_AUX, 0x5a5a1234);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 now = rdtsc();

		backwards += now <= last;
		last = now;
	}
	mark(2);
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 now = has_rdtscp ? rdtscp(&aux) : rdtsc();

		wrong_aux += has_rdtscp && aux != 0x5a5a1234;
		backwards += now <= last;
		last = now;
	}
	mark(4);
	ok(!backwards, "the TSC never stands or goes back");
	ok(!wrong_aux, "RDTSCP gives the guest's own TSC_AUX");
	ok(try_insn(rdtscp_insn, NULL).vector == (has_rdtscp ? NO_FAULT : VEC_UD),
	   "RDTSCP is there if and only if CPUID says so");
	ok(rdmsr(MSR_TSC) > last, "the MSR shows the same counter");

	/* The frequency that CPUID states and the ns of BLOCK belong together. */
	ns = now_ns();
	last = rdtsc();
	hypercall(PV_CALL_BLOCK, ns + 3000000, 0);
	ok(now_ns() >= ns + 3000000, "3 ms of BLOCK take at least 3 ms of TSC");
	ok(rdtsc() - last < 100ull * tsc_khz(), "and less than 100 ms");
}
