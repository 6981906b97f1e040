// SPDX-License-Identifier: BSD-2-Clause
/* A process is made, writes to a page of its own copy, ends, and is waited for. */
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static volatile unsigned long touched;

static void work(unsigned long ops)
{
	int status;
	pid_t pid;

	while (ops--) {
		touched = 7;
		pid = fork();
		if (pid < 0)
			fail_errno("fork");
		if (!pid) {
			touched = ops & 127;
			_exit((int)touched);
		}
		if (waitpid(pid, &status, 0) != pid)
			fail_errno("waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(ops & 127))
			fail("the child ended with status %#x", status);
		if (touched != 7)
			fail("the child wrote to its parent's memory");
	}
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "forkwait", .ops = 200, .warm_up = 20, .work = work
	};

	return workload_run(&w, argc, argv);
}
