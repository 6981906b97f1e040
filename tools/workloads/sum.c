// SPDX-License-Identifier: BSD-2-Clause
/* Additions in registers: user space alone, so all that is counted is what comes from outside. */
#include "workload.h"

static void work(unsigned long ops)
{
	unsigned long i, sum = 0;

	for (i = 1; i <= ops; i++) {
		sum += i;
		__asm__ __volatile__("" : "+r"(sum)); /* no closed form */
	}
	if (sum != (ops % 2 ? (ops + 1) / 2 * ops : ops / 2 * (ops + 1)))
		fail("the sum is %lu", sum);
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "sum", .ops = 10000000, .warm_up = 1000, .work = work
	};

	return workload_run(&w, argc, argv);
}
