// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads the Test Anything Protocol as strictly as a verdict needs: a program that dies before its
 * last test has no plan, or fewer results than planned, and must not pass.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "test.h"

struct reader {
	struct tap_summary *summary;
	FILE *why, *skips;
	bool has_plan;
	uint64_t planned;
	bool has_failed;
};

static void wrong(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(r->why, fmt, args);
	va_end(args);
	fputc('\n', r->why);
	r->has_failed = true;
}

/* Is there "# DIRECTIVE" in the description? Returns what follows it. */
static const char *directive(const char *text, const char *word)
{
	const char *hash = text;

	while ((hash = strchr(hash, '#'))) {
		const char *at = hash + 1 + strspn(hash + 1, " \t");

		if (!strncasecmp(at, word, strlen(word)))
			return at + strlen(word);
		hash++;
	}
	return NULL;
}

static void read_plan(struct reader *r, const char *line)
{
	char *end;
	uint64_t planned = strtoull(line + 3, &end, 10);
	const char *skip = directive(end, "skip");

	if (end == line + 3 || (*end && !isspace((unsigned char)*end)))
		wrong(r, "malformed plan \"%s\"", line);
	if (r->has_plan)
		wrong(r, "a second plan: \"%s\"", line);
	r->has_plan = true;
	r->planned = planned;
	if (planned == 0 && skip) {
		fprintf(r->skips, "everything:%s\n", skip);
		r->summary->skipped++;
	} else if (planned == 0) {
		wrong(r, "a plan of no tests");
	}
}

static void read_result(struct reader *r, const char *line, const char *rest, bool is_ok)
{
	struct tap_summary *s = r->summary;
	char *end;
	uint64_t number;

	s->results++;
	rest += strspn(rest, " ");
	if (isdigit((unsigned char)*rest)) {
		number = strtoull(rest, &end, 10);
		rest = end;
		if (number != s->results)
			wrong(r, "result %" PRIu64 " stands where %" PRIu64 " should: \"%s\"",
			      number, s->results, line);
	}
	if (directive(rest, "skip") && is_ok) {
		s->skipped++;
		fprintf(r->skips, "%s\n", line);
	} else if (!is_ok && !directive(rest, "todo")) {
		s->failed++;
		wrong(r, "%s", line);
	}
}

/* Returns what follows the word, where the line begins with it as a whole word. */
static const char *after(const char *line, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(line, word, length) || (line[length] && line[length] != ' '))
		return NULL;
	return line + length;
}

static void read_line(struct reader *r, const char *line)
{
	const char *rest;

	if (!strncmp(line, "1..", 3))
		read_plan(r, line);
	else if ((rest = after(line, "ok")))
		read_result(r, line, rest, true);
	else if ((rest = after(line, "not ok")))
		read_result(r, line, rest, false);
	else if (!strncmp(line, "Bail out!", 9))
		wrong(r, "%s", line);
}

void tap_read(struct tap_summary *summary, const char *text, size_t bytes)
{
	struct reader r = { .summary = summary };
	size_t why_bytes, skip_bytes, at = 0;

	memset(summary, 0, sizeof(*summary));
	r.why = open_memstream(&summary->why, &why_bytes);
	r.skips = open_memstream(&summary->skips, &skip_bytes);
	if (!r.why || !r.skips) {
		pvn_error("out of memory");
		exit(PVN_HYPERVISOR_FAILED);
	}
	while (at < bytes) {
		const char *newline = memchr(text + at, '\n', bytes - at);
		size_t length = newline ? (size_t)(newline - text) - at : bytes - at;
		char *line = xasprintf("%.*s", (int)length, text + at);

		line[strcspn(line, "\r")] = 0;
		read_line(&r, line);
		free(line);
		at += length + 1;
	}
	if (!r.has_plan)
		wrong(&r, "no plan (1..N): it ended early");
	else if (r.planned != summary->results)
		wrong(&r, "%" PRIu64 " results, planned %" PRIu64, summary->results, r.planned);
	fclose(r.why);
	fclose(r.skips);
	if (!r.has_failed) {
		free(summary->why);
		summary->why = NULL;
	}
	if (!summary->skipped) {
		free(summary->skips);
		summary->skips = NULL;
	}
}

void tap_free(struct tap_summary *summary)
{
	free(summary->why);
	free(summary->skips);
	memset(summary, 0, sizeof(*summary));
}
