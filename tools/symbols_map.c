// SPDX-License-Identifier: BSD-2-Clause
/*
 * Symbols from a System.map, as the kernel's build writes it and distributions put it beside the
 * kernel; see symbols.h. Debian's are a line that says where the real one is: it gives no symbols.
 */
#include <stdlib.h>
#include <string.h>

#include "pvn.h"
#include "symbols.h"

/* "ffffffff81000000 T startup_64"; only code: t, T, w, W. NULL where the line is something else. */
static char *parse_line(char *line, uint64_t *address)
{
	char *end, type;

	*address = strtoull(line, &end, 16);
	if (end == line || *end != ' ' || !end[1] || end[2] != ' ' || !end[3])
		return NULL;
	type = end[1];
	return type == 't' || type == 'T' || type == 'w' || type == 'W' ? end + 3 : NULL;
}

void symbols_parse_map(struct symbols *symbols, const uint8_t *text, size_t bytes)
{
	char *rest, *line;
	size_t capacity = 0;

	memset(symbols, 0, sizeof(*symbols));
	/* Text alone: a kernel image has zeros in its first bytes. */
	if (!bytes || memchr(text, 0, bytes < 256 ? bytes : 256))
		return;
	symbols->text = xmalloc(bytes + 1);
	memcpy(symbols->text, text, bytes);
	symbols->text[bytes] = 0;
	rest = symbols->text;
	while ((line = strsep(&rest, "\n"))) {
		uint64_t address;
		char *name = parse_line(line, &address);

		if (!name)
			continue;
		if (symbols->count == capacity) {
			capacity = capacity ? capacity * 2 : 1024;
			symbols->list = xrealloc(symbols->list, capacity * sizeof(*symbols->list));
		}
		symbols->list[symbols->count++] = (struct symbol){ .start = address, .name = name };
	}
	symbols_sort(symbols);
}
