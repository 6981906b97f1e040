// SPDX-License-Identifier: BSD-2-Clause
/* Lab 1: a program of your own. What counts is between mark 1 and mark 2. */
#include "pc.h"

void guest_main(void)
{
	mark(1);
	/* Your instructions. */
	mark(2);
	guest_exit(0);
}
