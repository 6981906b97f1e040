// SPDX-License-Identifier: BSD-2-Clause
/* Sleep: what an idle system costs. An operation is a second of it. */
#include <time.h>

#include "workload.h"

#define SECOND 1000000000L

static long elapsed_ns(const struct timespec *from)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now))
		fail_errno("clock_gettime");
	return (now.tv_sec - from->tv_sec) * SECOND + now.tv_nsec - from->tv_nsec;
}

static void work(unsigned long ops)
{
	const struct timespec second = { .tv_sec = 1 };
	struct timespec start;
	long slept;

	while (ops--) {
		if (clock_gettime(CLOCK_MONOTONIC, &start))
			fail_errno("clock_gettime");
		if (nanosleep(&second, NULL))
			fail_errno("nanosleep");
		slept = elapsed_ns(&start);
		if (slept < SECOND || slept > SECOND + SECOND / 10)
			fail("a second lasted %ld ns", slept);
	}
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "idle", .ops = 1, .work = work };

	return workload_run(&w, argc, argv);
}
