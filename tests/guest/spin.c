/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the CPU for ms= milliseconds of the TSC, interrupts off: with kind=quiet without a single
 * exit of its own, with kind=exits in nothing but exits, so that hardly any time passes in the
 * guest. Others on the same CPU must get their share all the same.
 */
#include "guest.h"

void guest_main(void)
{
	u64 end = rdtsc() + arg_number("ms", 300) * tsc_khz();
	bool exits = arg_is("kind", "exits");

	print("%s starts\n", start_info->name);
	cli();
	while (rdtsc() < end)
		if (exits)
			cpuid(0, 0);
	print("%s done\n", start_info->name);
	guest_exit(0);
}
