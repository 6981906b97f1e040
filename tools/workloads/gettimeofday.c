// SPDX-License-Identifier: BSD-2-Clause
/* The clock through the vDSO: no system call, and no exit where the clock is the TSC or pvclock. */
#include <sys/auxv.h>
#include <sys/time.h>

#include "workload.h"

static void work(unsigned long ops)
{
	struct timeval now, last = { 0 };

	while (ops--) {
		if (gettimeofday(&now, NULL))
			fail_errno("gettimeofday");
		if (now.tv_sec < last.tv_sec ||
		    (now.tv_sec == last.tv_sec && now.tv_usec < last.tv_usec))
			fail("the clock ran backwards");
		last = now;
	}
}

static void prepare(void)
{
	if (!getauxval(AT_SYSINFO_EHDR))
		fail("the kernel gave no vDSO");
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "gettimeofday",
					   .ops = 100000,
					   .warm_up = 1000,
					   .prepare = prepare,
					   .work = work };

	return workload_run(&w, argc, argv);
}
