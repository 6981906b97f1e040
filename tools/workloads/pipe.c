// SPDX-License-Identifier: BSD-2-Clause
/* Ping-pong of one byte between two processes: an operation is a round trip, two task switches. */
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static int there[2], back[2];
static pid_t partner;

/* Sends each byte back plus one, until the pipe is closed. */
static void answer(void)
{
	unsigned char byte;

	close(there[1]);
	while (read(there[0], &byte, 1) == 1) {
		byte++;
		if (write(back[1], &byte, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void prepare(void)
{
	if (pipe(there) || pipe(back))
		fail_errno("pipe");
	partner = fork();
	if (partner < 0)
		fail_errno("fork");
	if (!partner)
		answer();
}

static void work(unsigned long ops)
{
	unsigned char sent, got;

	while (ops--) {
		sent = (unsigned char)ops;
		if (write(there[1], &sent, 1) != 1 || read(back[0], &got, 1) != 1)
			fail_errno("pipe");
		if (got != (unsigned char)(sent + 1))
			fail("sent %u, got %u", sent, got);
	}
}

static void check(unsigned long ops)
{
	int status;

	(void)ops;
	close(there[1]);
	if (waitpid(partner, &status, 0) != partner || status)
		fail("the partner ended with status %#x", status);
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "pipe",
					   .ops = 2000,
					   .warm_up = 100,
					   .prepare = prepare,
					   .work = work,
					   .check = check };

	return workload_run(&w, argc, argv);
}
