// SPDX-License-Identifier: BSD-2-Clause
/*
 * 10 KiB of text in lines of 64 characters, a write each, to standard output; an operation is a
 * line. The line's number and a letter pattern let the reader of the console find a lost one.
 */
#include <termios.h>
#include <unistd.h>

#include "workload.h"

#define LINE 64

static void work(unsigned long ops)
{
	char line[LINE + 1];
	unsigned long i;
	int at;

	for (i = 0; i < ops; i++) {
		at = snprintf(line, sizeof(line), "console line %04lu ", i);
		for (; at < LINE - 1; at++)
			line[at] = (char)('a' + (i + (unsigned long)at) % 26);
		line[LINE - 1] = '\n';
		if (write(STDOUT_FILENO, line, LINE) != LINE)
			fail_errno("write");
	}
	/* What is still on its way counts too. */
	if (isatty(STDOUT_FILENO) && tcdrain(STDOUT_FILENO))
		fail_errno("tcdrain");
}

int main(int argc, char **argv)
{
	static const struct workload w = {
		.name = "console", .ops = 160, .warm_up = 1, .work = work
	};

	return workload_run(&w, argc, argv);
}
