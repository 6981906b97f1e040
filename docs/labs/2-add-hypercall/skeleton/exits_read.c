/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXITS_READ: a guest counts its own exits. Lab 2: what is between the marks is yours, and the
 * cases behind them.
 */
#include "guest.h"

void guest_main(void)
{
	mark(1);
	/* Ask, do something that exits, ask again. */
	mark(2);
	ok(false, "the difference is what it should be");

	/* Here: a CASE for OK, and one for each errno. */
}
