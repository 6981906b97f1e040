// SPDX-License-Identifier: BSD-2-Clause
/*
 * Spins, and tells what the kernel says of the time that others took meanwhile. An operation is a
 * millisecond. Prints the steal time of /proc/stat, and the runnable and running time of this vCPU
 * as the hypervisor counts them. For guests with one vCPU.
 */
#include <time.h>

#include "workload.h"

#define STATES "/sys/kernel/debug/paravane/vcpu0"

struct times {
	unsigned long long steal_ms, runnable_ms, running_ms;
};

static struct times start, end;

static unsigned long long from_file(const char *path, const char *format)
{
	unsigned long long value = 0;
	char line[512];
	FILE *f = fopen(path, "r");
	int found = 0;

	if (!f)
		fail_errno(path);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, format, &value) == 1;
	fclose(f);
	if (!found)
		fail("%s: no line like %s", path, format);
	return value;
}

static struct times read_times(void)
{
	return (struct times){
		.steal_ms = from_file("/proc/stat", "cpu %*u %*u %*u %*u %*u %*u %*u %llu") * 1000 /
			    (unsigned long)sysconf(_SC_CLK_TCK),
		.runnable_ms = from_file(STATES, "state_ns runnable %llu") / 1000000,
		.running_ms = from_file(STATES, "state_ns running %llu") / 1000000,
	};
}

static long long now_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now))
		fail_errno("clock_gettime");
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void work(unsigned long ops)
{
	long long until = now_ms() + (long long)ops;

	start = read_times();
	while (now_ms() < until)
		;
	end = read_times();
}

static void check(unsigned long ops)
{
	(void)ops;
	printf("steal steal_ms=%llu runnable_ms=%llu running_ms=%llu\n",
	       end.steal_ms - start.steal_ms, end.runnable_ms - start.runnable_ms,
	       end.running_ms - start.running_ms);
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "steal", .ops = 1000, .warm_up = 1, .work = work, .check = check
	};

	return workload_run(&w, argc, argv);
}
