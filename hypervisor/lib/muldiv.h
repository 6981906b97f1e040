/* SPDX-License-Identifier: BSD-2-Clause */
/* One multiplication and division through 128 bits, for conversions between clocks. */
#ifndef LIB_MULDIV_H
#define LIB_MULDIV_H

#include "lib/types.h"

/* a * b / c rounded down, or all ones where that needs more than 64 bits. c is not 0. */
static inline u64 multiply_divide(u64 a, u64 b, u64 c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	u64 high = (u64)(product >> 64), low = (u64)product;

	if (high >= c)
		return ~0ull;
	/* The compiler would call a library for a division of 128 bits. */
	__asm__("div %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
	return low;
}

#endif
