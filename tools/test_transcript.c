// SPDX-License-Identifier: BSD-2-Clause
/*
 * Everything a machine said, gathered for checking: each domain's console as bytes, and one text of
 * all lines in the order in which they were complete, as "[name] line" and "hypervisor: line".
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* A guest that prints without end must not take the host's memory. */
#define CONSOLE_LIMIT (8u << 20)

#define APPEND(buffer, from, count) \
	append(&(buffer).text, &(buffer).bytes, &(buffer).capacity, from, count)

static void append(char **text, size_t *bytes, size_t *capacity, const char *from, size_t count)
{
	if (*bytes + count + 1 > CONSOLE_LIMIT)
		return;
	if (*bytes + count + 1 > *capacity) {
		*capacity = 2 * (*bytes + count + 1);
		*text = xrealloc(*text, *capacity);
	}
	memcpy(*text + *bytes, from, count);
	*bytes += count;
	(*text)[*bytes] = 0;
}

static void add_line(struct transcript *t, const char *prefix, const char *line, size_t bytes)
{
	size_t start, i;

	if (bytes && line[bytes - 1] == '\r')
		bytes--;
	APPEND(t->all, prefix, strlen(prefix));
	start = t->all.bytes;
	APPEND(t->all, line, bytes);
	/*
	 * A guest's control characters would act on the reader's terminal, a NUL would end the
	 * text.
	 */
	for (i = start; i < t->all.bytes; i++) {
		if ((unsigned char)t->all.text[i] < ' ' && t->all.text[i] != '\t')
			t->all.text[i] = '?';
	}
	APPEND(t->all, "\n", 1);
}

static void add_console_line(struct transcript *t, const char *name, const char *line, size_t bytes)
{
	char prefix[48];

	snprintf(prefix, sizeof(prefix), "[%s] ", name);
	add_line(t, prefix, line, bytes);
}

void transcript_console(struct transcript *t, const char *name, uint32_t domain, const char *text,
			size_t bytes)
{
	const char *newline;

	APPEND(t->console[domain], text, bytes);
	while (t->line_start[domain] < t->console[domain].bytes) {
		const char *line = t->console[domain].text + t->line_start[domain];

		newline = memchr(line, '\n', t->console[domain].bytes - t->line_start[domain]);
		if (!newline)
			return;
		add_console_line(t, name, line, (size_t)(newline - line));
		t->line_start[domain] += (size_t)(newline - line) + 1;
	}
}

void transcript_log(struct transcript *t, const char *line)
{
	add_line(t, "hypervisor: ", line, strlen(line));
}

void transcript_end(struct transcript *t, const struct machine *machine)
{
	unsigned int i;

	for (i = 0; i < machine->domain_count; i++) {
		size_t rest = t->console[i].bytes - t->line_start[i];

		if (rest)
			add_console_line(t, machine->domains[i].name,
					 t->console[i].text + t->line_start[i], rest);
		t->line_start[i] = t->console[i].bytes;
	}
}

void transcript_free(struct transcript *t)
{
	unsigned int i;

	for (i = 0; i < PV_BUNDLE_DOMAINS_MAX; i++)
		free(t->console[i].text);
	free(t->all.text);
	memset(t, 0, sizeof(*t));
}
