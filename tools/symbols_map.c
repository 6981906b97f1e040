// SPDX-License-Identifier: BSD-2-Clause
/*
 * Symbols from a System.map, as the kernel's build writes it and distributions put it beside the
 * kernel; see symbols.h. Debian's are a line that says where the real one is: it has no function.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pvn.h"
#include "symbols.h"

#define MAP_BYTES_MAX (64u << 20)

/* One line, whose newline is a NUL by now. NULL, or what is wrong with it. */
static const char *take_line(struct symbols *symbols, char *line)
{
	char *end;
	unsigned long long address;

	errno = 0;
	address = strtoull(line, &end, 16);
	if (end == line || errno || end[0] != ' ' || !end[1] || end[2] != ' ' || !end[3])
		return "expected an address, a letter and a name, as in System.map";
	/* Text, local or global, and weak functions. */
	if (strchr("tTwW", end[1]))
		symbols->list[symbols->count++] =
			(struct symbol){ .start = address, .name = end + 3 };
	return NULL;
}

static int take_lines(struct symbols *symbols, const char *path, struct errors *e)
{
	size_t line = 1, lines = 1;

	for (const char *at = symbols->text; (at = strchr(at, '\n')); at++)
		lines++;
	symbols->list = xcalloc(lines, sizeof(*symbols->list));
	for (char *at = symbols->text; at && *at; line++) {
		char *next = strchr(at, '\n');
		const char *wrong;

		if (next)
			*next++ = '\0';
		wrong = take_line(symbols, at);
		if (wrong)
			return errors_add_at(e, path, line, 1, "%s", wrong);
		at = next;
	}
	if (!symbols->count)
		return errors_add(e,
				  "%s: found no function (Debian's /boot/System.map is a "
				  "placeholder, the real one is in the package linux-image-*-dbg)",
				  path);
	symbols_sort(symbols);
	return 0;
}

int symbols_parse_map(struct symbols *symbols, const uint8_t *text, size_t bytes, const char *path,
		      struct errors *e)
{
	memset(symbols, 0, sizeof(*symbols));
	symbols->text = xmalloc(bytes + 1);
	memcpy(symbols->text, text, bytes);
	symbols->text[bytes] = '\0';
	if (!take_lines(symbols, path, e))
		return 0;
	symbols_free(symbols);
	return -1;
}

int symbols_load_map(struct symbols *symbols, const char *path, struct errors *e)
{
	struct blob file = { 0 };
	int result;

	memset(symbols, 0, sizeof(*symbols));
	if (blob_read(&file, path, MAP_BYTES_MAX, e))
		return -1;
	result = symbols_parse_map(symbols, file.data, file.size, path, e);
	blob_free(&file);
	return result;
}
