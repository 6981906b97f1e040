/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console, a transition a line: CONSOLE where the domain has hypercalls, else the debug port a
 * byte at a time. On top of it TAP: one line a result, and the verdict at the end. The plan comes
 * first, or last where the number of results is not known before.
 */
#include "guest.h"

bool has_hypercalls;

/* Aligned to its size, so it never crosses a page, as CONSOLE demands. */
static char line[PV_CONSOLE_MAX] __attribute__((aligned(PV_CONSOLE_MAX)));
static size_t line_bytes;
static unsigned planned, results, failures;

void console_init(void)
{
	/* Asking the CPU rather than CPUID: the leaves can be masked on their own. */
	has_hypercalls = try_insn(hypercall_insn, (void *)PV_CALL_NULL).vector == NO_FAULT;
}

void console_flush(void)
{
	size_t bytes = line_bytes;

	line_bytes = 0;
	if (!bytes)
		return;
	if (has_hypercalls && hypercall(PV_CALL_CONSOLE, (u64)line, bytes) == (s64)bytes)
		return;
	for (size_t n = 0; n < bytes; n++)
		outb(PV_PORT_CONSOLE, (u8)line[n]);
}

static void print_v(const char *format, va_list args)
{
	char text[400];

	format_text_v(text, sizeof(text), format, args);
	for (const char *p = text; *p; p++) {
		line[line_bytes++] = *p;
		if (*p == '\n' || line_bytes == sizeof(line))
			console_flush();
	}
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_v(format, args);
	va_end(args);
}

void plan(unsigned tests)
{
	planned = tests;
	print("1..%u\n", tests);
}

bool ok(bool passed, const char *format, ...)
{
	va_list args;

	results++;
	failures += !passed;
	print("%s %u - ", passed ? "ok" : "not ok", results);
	va_start(args, format);
	print_v(format, args);
	va_end(args);
	print("\n");
	return passed;
}

void skip(unsigned tests, const char *why)
{
	while (tests--)
		print("ok %u # SKIP %s\n", ++results, why);
}

u64 tap_end(void)
{
	if (!planned)
		print("1..%u\n", results);
	else if (results != planned)
		print("# %u planned, %u seen\n", planned, results);
	console_flush();
	return failures != 0 || (planned && results != planned);
}

void finish(void)
{
	guest_exit(tap_end());
}

void bail(const char *format, ...)
{
	va_list args;

	print("\nBail out! ");
	va_start(args, format);
	print_v(format, args);
	va_end(args);
	print("\n");
	guest_exit(1);
}
