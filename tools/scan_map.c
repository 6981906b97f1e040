// SPDX-License-Identifier: BSD-2-Clause
/*
 * The functions of a System.map, as nm prints them: address, type, name, a symbol a line. Called by
 * scan_image.c for kernels that have lost their own symbols.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define MAP_BYTES_MAX (64u << 20)

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return strcmp(x->name, y->name);
}

void scan_symbols_sort(struct symbols *symbols)
{
	if (symbols->count)
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), by_start);
}

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
	scan_symbols_sort(symbols);
	return 0;
}

int scan_map_read(struct symbols *symbols, const char *path, struct errors *e)
{
	struct blob file = { 0 };
	int result;

	memset(symbols, 0, sizeof(*symbols));
	if (blob_read(&file, path, MAP_BYTES_MAX, e))
		return -1;
	symbols->text = xmalloc(file.size + 1);
	memcpy(symbols->text, file.data, file.size);
	symbols->text[file.size] = '\0';
	blob_free(&file);
	result = take_lines(symbols, path, e);
	if (result)
		symbols_free(symbols);
	return result;
}
