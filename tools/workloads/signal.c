// SPDX-License-Identifier: BSD-2-Clause
/* A signal to itself: its frame on the stack, the handler, and the way back by sigreturn. */
#include <signal.h>
#include <unistd.h>

#include "workload.h"

static volatile unsigned long handled;

static void on_signal(int number)
{
	handled += number == SIGUSR1;
}

static void prepare(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &action, NULL))
		fail_errno("sigaction");
}

static void work(unsigned long ops)
{
	unsigned long before = handled, i;
	pid_t self = getpid();

	for (i = 1; i <= ops; i++) {
		/* To the only thread of the process: handled before kill() returns. */
		if (kill(self, SIGUSR1))
			fail_errno("kill");
		if (handled != before + i)
			fail("%lu signals were handled of %lu", handled - before, i);
	}
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "signal", .ops = 10000, .warm_up = 100, .prepare = prepare, .work = work
	};

	return workload_run(&w, argc, argv);
}
