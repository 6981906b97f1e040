// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long does the guest's clock say that something took? An operation is a second of it: a part
 * is spun, the rest slept. The marks around it tell how long it was for the hypervisor.
 */
#include <time.h>

#include "workload.h"

#define SECOND 1000000000ll
#define SPIN (SECOND / 50)

static long long took[2]; /* CLOCK_MONOTONIC, CLOCK_REALTIME */

static long long read_clock(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now))
		fail_errno("clock_gettime");
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void work(unsigned long ops)
{
	long long start = read_clock(CLOCK_MONOTONIC), real = read_clock(CLOCK_REALTIME);
	long long until = start;

	while (ops--) {
		struct timespec wake;

		while (read_clock(CLOCK_MONOTONIC) < until + SPIN)
			;
		until += SECOND;
		wake = (struct timespec){ .tv_sec = until / SECOND, .tv_nsec = until % SECOND };
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL))
			fail("clock_nanosleep");
		if (read_clock(CLOCK_MONOTONIC) < until)
			fail("woken too early");
	}
	took[1] = read_clock(CLOCK_REALTIME) - real;
	took[0] = read_clock(CLOCK_MONOTONIC) - start;
}

static void check(unsigned long ops)
{
	(void)ops;
	printf("clock monotonic_ns=%lld realtime_ns=%lld\n", took[0], took[1]);
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "clock", .ops = 10, .warm_up = 1, .work = work, .check = check
	};

	return workload_run(&w, argc, argv);
}
