/* SPDX-License-Identifier: BSD-2-Clause */
/* panic() on the host: EXPECT_PANIC() runs a statement that must reach it; elsewhere it aborts. */
#ifndef TESTS_UNIT_FAKE_PANIC_H
#define TESTS_UNIT_FAKE_PANIC_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf panic_return;
extern bool panic_expected;

/* Of fake/lib/spinlock.h. fake_unlocked: called where no lock is held and one is about to be. */
extern unsigned fake_locks_held;
extern void (*fake_unlocked)(void);
void fake_deadlock(void);

/* Locks that the statement held stay locked: initialise what it used afterwards. */
#define EXPECT_PANIC(statement) \
	do { \
		panic_expected = true; \
		if (!setjmp(panic_return)) { \
			statement; \
			EXPECT_MSG(false, "no panic: %s", #statement); \
		} else { \
			EXPECT(true); \
		} \
		panic_expected = false; \
	} while (0)

#endif
