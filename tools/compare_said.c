// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the workloads said on the console: `NAME ops=N ticks=N ok`, or `not ok: NAME: why`, and
 * their output before it, without what a kernel adds; see compare.h. The text comes from a guest,
 * so every line is expected to be anything.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* "NAME ops=N ticks=N ok", of the boot ns=N. */
static bool is_verdict(const char *line, const struct compare_workload *w, uint64_t *ops,
		       uint64_t *ticks)
{
	const char *unit = compare_is_boot(w) ? "ns" : "ticks";
	char format[80];
	int end = 0;

	snprintf(format, sizeof(format), "%s ops=%%" SCNu64 " %s=%%" SCNu64 " ok%%n", w->name,
		 unit);
	return sscanf(line, format, ops, ticks, &end) == 2 && end && !line[end];
}

static bool is_any_verdict(const char *line)
{
	uint64_t ops, ticks;

	for (const struct compare_workload *w = compare_workloads; w->name; w++)
		if (is_verdict(line, w, &ops, &ticks))
			return true;
	return false;
}

/* "[    0.123456] ..." */
static bool is_kernels(const char *line)
{
	return *line == '[' && strspn(line + 1, " 0123456789.") &&
	       line[1 + strspn(line + 1, " 0123456789.")] == ']';
}

/* The next line without carriage returns, malloc'd; NULL at the end. */
static char *next_line(const char **text)
{
	size_t length = strcspn(*text, "\n"), used = 0;
	char *line;

	if (!**text)
		return NULL;
	line = xmalloc(length + 1);
	for (size_t i = 0; i < length; i++)
		if ((*text)[i] != '\r')
			line[used++] = (*text)[i];
	line[used] = '\0';
	*text += length + ((*text)[length] == '\n');
	return line;
}

static void append(char **text, const char *line)
{
	char *longer = xasprintf("%s%s\n", *text ? *text : "", line);

	free(*text);
	*text = longer;
}

void compare_said(const char *text, const struct compare_workload *w, struct compare_said *said)
{
	char *line, *mine = xasprintf("not ok: %s: ", w->name);

	memset(said, 0, sizeof(*said));
	while (!said->is_ok && (line = next_line(&text))) {
		if (is_verdict(line, w, &said->ops, &said->ticks)) {
			said->is_ok = true;
		} else if (is_any_verdict(line)) {
			free(said->text);
			said->text = NULL;
		} else if (!said->failure && !strncmp(line, mine, strlen(mine))) {
			said->failure = xstrdup(line + strlen(mine));
		} else if (!is_kernels(line) && *line) {
			append(&said->text, line);
		}
		free(line);
	}
	free(mine);
	/* Before the boot's line is what a firmware and a kernel say, which differs by machine. */
	if (!said->is_ok || compare_is_boot(w)) {
		free(said->text);
		said->text = NULL;
	}
}

void compare_said_free(struct compare_said *said)
{
	free(said->text);
	free(said->failure);
	memset(said, 0, sizeof(*said));
}
