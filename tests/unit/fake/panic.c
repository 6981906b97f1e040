/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's panic() for host programs; see panic.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake/panic.h"
#include "machine/machine.h"

jmp_buf panic_return;
bool panic_expected;
unsigned fake_locks_held;
void (*fake_unlocked)(void);

void fake_deadlock(void)
{
	panic("a lock is taken that its own CPU holds already");
}

void panic(const char *format, ...)
{
	va_list args;

	if (panic_expected) {
		fake_locks_held = 0;
		longjmp(panic_return, 1);
	}
	va_start(args, format);
	printf("# panic: ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	abort();
}
