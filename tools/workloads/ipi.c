// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interrupts from one CPU to all others: an operation is a membarrier() while a thread of this
 * process spins on each other CPU, so the kernel must interrupt each of them. Needs two CPUs. How
 * many interrupts there were is read from /proc/interrupts, before the warm-up and at the end.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#define CPUS_MAX 16

static int cpus;
static volatile unsigned long turns[CPUS_MAX]; /* of each spinning thread */
static volatile int is_over;
static pthread_t threads[CPUS_MAX];
static unsigned long before, total; /* interrupts before the first pass, operations of all passes */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail_errno("sched_setaffinity");
}

static void *spin(void *argument)
{
	int cpu = (int)(intptr_t)argument;

	pin(cpu);
	while (!is_over)
		turns[cpu]++;
	return NULL;
}

/* Function-call interrupts of all CPUs since boot. */
static unsigned long interrupts(void)
{
	char line[512], *at, *end;
	unsigned long sum = 0, value;
	FILE *f = fopen("/proc/interrupts", "r");
	int found = 0;

	if (!f)
		fail_errno("/proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "CAL:");
		if (!at)
			continue;
		found = 1;
		for (at += 4;; at = end) {
			value = strtoul(at, &end, 10);
			if (end == at)
				break;
			sum += value;
		}
	}
	fclose(f);
	if (!found)
		fail("/proc/interrupts has no line CAL");
	return sum;
}

static void prepare(void)
{
	int i;

	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2 || cpus > CPUS_MAX)
		fail("%d CPUs: needs 2 to %d", cpus, CPUS_MAX);
	pin(0);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		fail_errno("membarrier");
	for (i = 1; i < cpus; i++) {
		if (pthread_create(&threads[i], NULL, spin, (void *)(intptr_t)i))
			fail("no thread for CPU %d", i);
	}
	for (i = 1; i < cpus; i++) {
		while (!turns[i])
			sched_yield();
	}
	before = interrupts();
}

static void work(unsigned long ops)
{
	total += ops;
	while (ops--) {
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			fail_errno("membarrier");
	}
}

/* A receiver that has a thread of the kernel's instead of ours at that moment is left out. */
static void check(unsigned long ops)
{
	unsigned long wanted = total * (unsigned long)(cpus - 1), got = interrupts() - before;
	int i;

	(void)ops;
	is_over = 1;
	for (i = 1; i < cpus; i++)
		pthread_join(threads[i], NULL);
	if (got < wanted - wanted / 5 || got > wanted + wanted / 20)
		fail("%lu interrupts, expected %lu", got, wanted);
	printf("ipi receivers=%d interrupts=%lu of %lu\n", cpus - 1, got, wanted);
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "ipi",
					   .ops = 100,
					   .warm_up = 10,
					   .prepare = prepare,
					   .work = work,
					   .check = check };

	return workload_run(&w, argc, argv);
}
