// SPDX-License-Identifier: BSD-2-Clause
/*
 * Text of users in a comparison's document: names of files are any bytes, a document is UTF-8, and
 * the command in it shall be one that a shell takes. See compare.h. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

size_t compare_character(const unsigned char *text, size_t length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes, i;
	uint32_t code;

	if (text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
	bytes = text[0] < 0xc0 ? 0 :
		text[0] < 0xe0 ? 2 :
		text[0] < 0xf0 ? 3 :
		text[0] < 0xf8 ? 4 :
				 0;
	if (!bytes || bytes > length)
		return 0;
	code = text[0] & (0xffu >> (bytes + 1));
	for (i = 1; i < bytes; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	/* C1 controls and noncharacters. */
	if (code < 0xa0 || (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef))
		return 0;
	return bytes;
}

char *compare_utf8(const char *text)
{
	char *out = xmalloc(strlen(text) * strlen(REPLACEMENT) + 1), *at = out;
	size_t length = strlen(text), i, bytes;

	for (i = 0; i < length; i += bytes) {
		/* Control characters are escaped by who writes JSON. */
		bytes = (unsigned char)text[i] < 0x80 ?
				1 :
				compare_character((const unsigned char *)text + i, length - i);
		at = bytes ? mempcpy(at, text + i, bytes) :
			     mempcpy(at, REPLACEMENT, strlen(REPLACEMENT));
		bytes = bytes ? bytes : 1;
	}
	*at = '\0';
	return out;
}

static void put_word(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./,:=+@%";

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++)
		fputs(*word == '\'' ? "'\\''" : (char[]){ *word, 0 }, out);
	putc('\'', out);
}

char *compare_command(int argc, char *const *argv)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	fputs("pvn compare", out);
	for (int i = 1; i < argc; i++) {
		putc(' ', out);
		put_word(out, argv[i]);
	}
	fclose(out);
	return text;
}
