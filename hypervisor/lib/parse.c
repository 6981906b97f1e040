/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers out of text that somebody typed: the boot command line. Called at boot only. Nothing is
 * guessed: a string that is not wholly a number, or does not fit, is refused.
 */
#include "lib/lib.h"

static bool digit_value(char c, unsigned base, unsigned *value)
{
	if (c >= '0' && c <= '9')
		*value = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*value = (unsigned)(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		*value = (unsigned)(c - 'A') + 10;
	else
		return false;
	return *value < base;
}

bool parse_u64(const char *text, size_t bytes, u64 *value)
{
	unsigned base = 10;
	u64 sum = 0;

	if (bytes > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		bytes -= 2;
	}
	if (!bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		unsigned digit;

		if (!digit_value(text[i], base, &digit))
			return false;
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*value = sum;
	return true;
}
