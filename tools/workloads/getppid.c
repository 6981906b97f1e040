// SPDX-License-Identifier: BSD-2-Clause
/* The cheapest system call: what entry and exit of the kernel cost. */
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static void work(unsigned long ops)
{
	long parent = syscall(SYS_getppid);

	while (ops--) {
		if (syscall(SYS_getppid) != parent)
			fail("the parent changed");
	}
	if (parent <= 0)
		fail("getppid: %ld", parent);
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "getppid", .ops = 100000, .warm_up = 1000, .work = work
	};

	return workload_run(&w, argc, argv);
}
