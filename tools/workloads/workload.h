/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of every workload: NAME [--mark N] [--ops N]. A warm-up pass touches all memory that
 * the work needs; then mark N, the work, mark N + 1. A mark is an OUT to a port nobody has on a
 * plain PC, so the programs run there unchanged. Each prints `NAME ops=N ticks=N ok`, or says what
 * went wrong and fails: a figure of work that was not done is worth nothing.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#define MARK_PORT 0x5056
/* What others left to do is done in this time: text of the program before reaches the console. */
#define SETTLE_US 20000

struct workload {
	const char *name;
	unsigned long ops; /* of the measured pass */
	unsigned long warm_up; /* ops of the first pass, 0 = as many as are measured */
	void (*prepare)(void); /* before the first pass, may be NULL */
	void (*work)(unsigned long ops); /* ends the program if a result is wrong */
	void (*check)(unsigned long ops); /* after the last mark, may be NULL */
};

extern char *program_invocation_short_name; /* of the C library */

/* Ends the program: "not ok: NAME: what failed". */
#define fail(...) \
	do { \
		printf("not ok: %s: ", program_invocation_short_name); \
		printf(__VA_ARGS__); \
		putchar('\n'); \
		exit(1); \
	} while (0)

#define fail_errno(what) fail("%s: %s", what, strerror(errno))

/* Ticks of the time-stamp counter, after all that was before. */
static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void mark(uint32_t id)
{
	__asm__ __volatile__("outl %0, %w1" : : "a"(id), "Nd"(MARK_PORT) : "memory");
}

static unsigned long workload_number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || *end || end == text || value > 0xfffffffe) {
		fprintf(stderr, "%s: expected a number\n", text);
		exit(2);
	}
	return value;
}

/* What main() returns. */
static int workload_run(const struct workload *w, int argc, char **argv)
{
	unsigned long id = 0, ops = w->ops;
	int has_mark = 0, i;
	uint64_t start, end;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--mark") && i + 1 < argc) {
			id = workload_number(argv[++i]);
			has_mark = 1;
		} else if (!strcmp(argv[i], "--ops") && i + 1 < argc) {
			ops = workload_number(argv[++i]);
		} else {
			fprintf(stderr, "usage: %s [--mark N] [--ops N]\n", w->name);
			return 2;
		}
	}
	if (has_mark && ioperm(MARK_PORT, 4, 1))
		fail_errno("ioperm");
	if (w->prepare)
		w->prepare();
	w->work(w->warm_up && w->warm_up < ops ? w->warm_up : ops);

	usleep(SETTLE_US);
	if (has_mark)
		mark((uint32_t)id);
	start = ticks();
	w->work(ops);
	end = ticks();
	if (has_mark)
		mark((uint32_t)id + 1);
	if (w->check)
		w->check(ops);
	printf("%s ops=%lu ticks=%llu ok\n", w->name, ops, (unsigned long long)(end - start));
	return fflush(stdout) ? 1 : 0;
}

#endif
