// SPDX-License-Identifier: BSD-2-Clause
/* Recognises a line of Bochs's debugger; see channel_noise.h. Pure. */
#include "channel_noise.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_BYTES 250u

/*
 * The fixed beginning: 'd' stands for one or more decimal digits, 'x' for hexadecimal ones, all
 * else for itself.
 */
static const char pattern[] = "(d).[d] [0xx] x:x (";

static size_t digits(const uint8_t *bytes, size_t count, int (*is_digit)(int c))
{
	size_t n = 0;

	while (n < count && n < 20 && is_digit(bytes[n]))
		n++;
	return n;
}

enum noise noise_match(const uint8_t *bytes, size_t count, size_t *length)
{
	size_t at = 0;
	const uint8_t *newline;
	const char *p;

	for (p = pattern; *p; p++) {
		size_t n = 1;

		if (at == count)
			return at ? NOISE_CUT_OFF : NOISE_NONE;
		if (*p == 'd')
			n = digits(bytes + at, count - at, isdigit);
		else if (*p == 'x' && p[-1] != '0')
			n = digits(bytes + at, count - at, isxdigit);
		else if (bytes[at] != (uint8_t)*p)
			return NOISE_NONE;
		if (!n)
			return NOISE_NONE;
		at += n;
	}
	count = count < LINE_MAX_BYTES ? count : LINE_MAX_BYTES;
	newline = at < count ? memchr(bytes + at, '\n', count - at) : NULL;
	if (newline) {
		*length = (size_t)(newline - bytes) + 1;
		return NOISE_LINE;
	}
	return count < LINE_MAX_BYTES ? NOISE_CUT_OFF : NOISE_NONE;
}
