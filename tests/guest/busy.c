/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something to watch: each vCPU makes CPUID, port and, where there are any, hypercall exits in
 * fixed proportions, rounds= times, with a loop of loops= a round. A second vCPU makes as many.
 * How many of which it made is known before: rounds of NULL, two rounds of CPUID.
 */
#include "guest.h"

static void work(void)
{
	u64 rounds = arg_number("rounds", 1000), loops = arg_number("loops", 1000);

	for (u64 i = 0; i < rounds; i++) {
		if (has_hypercalls)
			hypercall(PV_CALL_NULL, 0, 0);
		cpuid(1, 0);
		cpuid(1, 0);
		if (i % 4 == 0)
			inb(0x2f0);
		for (u64 n = 0; n < loops; n++)
			__asm__ volatile("");
	}
}

static void second_main(void *arg)
{
	(void)arg;
	work();
	vcpus[1].running = 2;
}

void guest_main(void)
{
	bool has_second = has_hypercalls && start_info->vcpus > 1;

	plan(1);
	if (has_second && vcpu_start(1, second_main, NULL) != 0)
		bail("vCPU 1 does not start");
	work();
	while (has_second && *(volatile u32 *)&vcpus[1].running != 2)
		cpu_relax();
	ok(true, "worked");
}
