// SPDX-License-Identifier: BSD-2-Clause
/*
 * Clocks never run backwards, whichever CPU reads them. An operation is a read: first one thread
 * that moves from CPU to CPU, then a thread on each CPU, which all compare with the latest time
 * that any of them has seen.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "workload.h"

#define CPUS_MAX 16
#define SECOND 1000000000ull

static const struct {
	const char *name;
	clockid_t id;
} clocks[] = {
	{ "CLOCK_MONOTONIC", CLOCK_MONOTONIC },
	{ "CLOCK_REALTIME", CLOCK_REALTIME },
	{ "CLOCK_MONOTONIC_RAW", CLOCK_MONOTONIC_RAW },
	{ "CLOCK_BOOTTIME", CLOCK_BOOTTIME },
};

#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static int cpus;
static unsigned long reads; /* of each thread */
static _Atomic uint64_t latest[CLOCKS];
static atomic_int ready;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail_errno("sched_setaffinity");
}

/* Through the vDSO, or as a system call: both are to agree. */
static uint64_t read_clock(size_t clock, int by_call)
{
	struct timespec now;

	if (by_call ? syscall(SYS_clock_gettime, clocks[clock].id, &now) :
		      clock_gettime(clocks[clock].id, &now))
		fail_errno("clock_gettime");
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void compare(size_t clock, int by_call)
{
	uint64_t last = atomic_load(&latest[clock]);
	uint64_t now = read_clock(clock, by_call);

	if (now < last)
		fail("%s ran backwards by %llu ns", clocks[clock].name,
		     (unsigned long long)(last - now));
	while (now > last && !atomic_compare_exchange_weak(&latest[clock], &last, now))
		;
}

static void *race(void *argument)
{
	unsigned long i;

	pin((int)(intptr_t)argument);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < cpus)
		sched_yield();
	for (i = 0; i < reads; i++)
		compare(i % CLOCKS, i / CLOCKS % 8 == 7);
	return NULL;
}

static void work(unsigned long ops)
{
	pthread_t threads[CPUS_MAX];
	unsigned long i;
	int cpu;

	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 1 || cpus > CPUS_MAX)
		fail("%d CPUs", cpus);
	for (i = 0; i < ops / 2; i++) {
		if (i % 16 == 0)
			pin((int)(i / 16 % (unsigned long)cpus));
		compare(i % CLOCKS, i / CLOCKS % 8 == 7);
	}
	reads = ops / 2 / (unsigned long)cpus;
	atomic_store(&ready, 0);
	for (cpu = 0; cpu < cpus; cpu++)
		if (pthread_create(&threads[cpu], NULL, race, (void *)(intptr_t)cpu))
			fail("no thread for CPU %d", cpu);
	for (cpu = 0; cpu < cpus; cpu++)
		pthread_join(threads[cpu], NULL);
}

static void check(unsigned long ops)
{
	(void)ops;
	printf("monotonic cpus=%d\n", cpus);
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "monotonic", .ops = 100000, .warm_up = 1000, .work = work, .check = check
	};

	return workload_run(&w, argc, argv);
}
