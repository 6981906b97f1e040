// SPDX-License-Identifier: BSD-2-Clause
/*
 * Timers whose time has come already, or comes at once: each must fire, and none may be late or
 * early. An operation is one of each kind: an absolute sleep and a timerfd in the past, and a sleep
 * of a random number of nanoseconds below 100 us.
 */
#include <sys/timerfd.h>
#include <time.h>

#include "workload.h"

#define SECOND 1000000000ll
#define LATE (SECOND / 20) /* five slices of a busy machine */

static int timer;
static long long latest; /* worst lateness of the short sleeps */

static long long now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now))
		fail_errno("clock_gettime");
	return now.tv_sec * SECOND + now.tv_nsec;
}

static struct timespec to_timespec(long long ns)
{
	return (struct timespec){ .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
}

static void check_late(const char *what, long long deadline)
{
	long long late = now_ns() - deadline;

	if (late < 0)
		fail("%s: %lld ns too early", what, -late);
	if (late > LATE)
		fail("%s: %lld ns late", what, late);
}

/* The past is from 0, the time of the boot, to just now. */
static void past(unsigned long i)
{
	long long before = now_ns();
	struct timespec then = to_timespec(i % 3 ? before - (long long)(i % 1000) : 1);
	const struct itimerspec once = { .it_value = then };
	uint64_t times = 0;

	if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL))
		fail("clock_nanosleep into the past");
	check_late("a sleep into the past", before);
	before = now_ns();
	if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &once, NULL))
		fail_errno("timerfd_settime");
	if (read(timer, &times, sizeof(times)) != sizeof(times) || times != 1)
		fail("timerfd: %llu times", (unsigned long long)times);
	check_late("a timer in the past", before);
}

static void work(unsigned long ops)
{
	uint64_t random = 88172645463325252ull;
	unsigned long i;

	latest = 0;
	for (i = 0; i < ops; i++) {
		struct timespec wake;
		long long deadline;

		past(i);
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		deadline = now_ns() + (long long)(random % 100000);
		wake = to_timespec(deadline);
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL))
			fail("clock_nanosleep");
		check_late("a short sleep", deadline);
		if (now_ns() - deadline > latest)
			latest = now_ns() - deadline;
	}
}

static void prepare(void)
{
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timer < 0)
		fail_errno("timerfd_create");
}

static void check(unsigned long ops)
{
	(void)ops;
	printf("deadlines latest_ns=%lld\n", latest);
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "deadlines",
					   .ops = 1000,
					   .warm_up = 10,
					   .prepare = prepare,
					   .work = work,
					   .check = check };

	return workload_run(&w, argc, argv);
}
