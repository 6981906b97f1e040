/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops at every access that this program makes to one page: the page is closed, the access traps,
 * runs as a single step, and the page is closed again. What happens before and after it, while the
 * page is open, is the test's: so another CPU can act exactly there.
 */
#ifndef TESTS_UNIT_ACCESS_TRAP_H
#define TESTS_UNIT_ACCESS_TRAP_H

#include "lib/types.h"

struct access_trap {
	u8 *page;
	unsigned count; /* accesses so far */
	unsigned per_word[512];
	void (*before)(unsigned word, unsigned count); /* NULL: nothing */
	void (*after)(unsigned word, unsigned count);
};
extern struct access_trap access_trap;

void access_trap_on(void *page);
void access_trap_off(void);

#endif
