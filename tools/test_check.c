// SPDX-License-Identifier: BSD-2-Clause
/*
 * Was a run as its test expected? Every difference is one line of failure with what was found and
 * what was expected; all are found in one go, because a run takes seconds. Pure: tested with
 * results made by hand.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

void verdict_fail(struct verdict *verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(verdict->failures, fmt, args);
	va_end(args);
	fputc('\n', verdict->failures);
	verdict->has_failed = true;
}

/* Writes each line of text with "who: " before it. */
static void each_line(FILE *out, const char *who, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		fprintf(out, "%s: %.*s\n", who, (int)length, text);
		text += length + (text[length] == '\n');
	}
}

void verdict_tap(struct verdict *verdict, const char *who, const char *text, size_t bytes)
{
	struct tap_summary summary;

	tap_read(&summary, text ? text : "", bytes);
	if (summary.why) {
		each_line(verdict->failures, who, summary.why);
		verdict->has_failed = true;
	}
	if (summary.skips)
		each_line(verdict->notes, who, summary.skips);
	verdict->skipped += summary.skipped;
	tap_free(&summary);
}

static void check_exit(struct verdict *verdict, const struct test *test,
		       const struct run_result *result)
{
	unsigned int i;

	if (result->exit == test->exit)
		return;
	verdict_fail(verdict, "exit code %d, expected %d%s%s", result->exit, test->exit,
		     result->why[0] ? ": " : "", result->why);
	for (i = 0; i < result->stats.domain_count && result->exit == PVN_GUEST_FAILED; i++) {
		char text[200];

		stats_end_text(&result->stats.domains[i], text, sizeof(text));
		verdict_fail(verdict, "%s: %s", result->stats.domains[i].name, text);
	}
}

static void check_killed(struct verdict *verdict, const struct test *test,
			 const struct run_result *result)
{
	unsigned int i;

	for (i = 0; i < test->machine.domain_count; i++) {
		const struct stats_domain *d = &result->stats.domains[i];
		bool is_killed = d->has_ended && d->end.how == PV_END_KILLED;
		char text[200];

		stats_end_text(d, text, sizeof(text));
		if (is_killed != test->is_killed[i])
			verdict_fail(verdict, "%s: %s, expected %s%s", d->name, text,
				     test->is_killed[i] ? "killed: " : "not to be killed",
				     test->is_killed[i] ? test->killed[i].text : "");
		else if (is_killed && regexec(&test->killed[i].regex, d->end.why, 0, NULL, 0))
			verdict_fail(verdict, "%s: %s, expected a reason that matches \"%s\"",
				     d->name, text, test->killed[i].text);
	}
}

/* Each expression must match a line after the one that the expression before it matched. */
static void check_log(struct verdict *verdict, const struct test *test, const struct transcript *t)
{
	const char *at = t->all.text ? t->all.text : "";
	unsigned int i;

	for (i = 0; i < test->log_count; i++) {
		bool found = false;

		while (*at && !found) {
			size_t length = strcspn(at, "\n");
			char *line = xasprintf("%.*s", (int)length, at);

			found = !regexec(&test->log[i].regex, line, 0, NULL, 0);
			at += length + (at[length] == '\n');
			free(line);
		}
		if (found)
			continue;
		verdict_fail(verdict, "no line %s\"%s\"",
			     i ? "after the ones before it matches " : "matches ",
			     test->log[i].text);
		return;
	}
}

/* ---- counters between marks ------------------------------------------------------------------ */

/* The first mark `from` and the first mark `to` behind it. */
static bool find_marks(struct verdict *verdict, const struct test_marks *marks,
		       const struct stats *stats, struct stats_mark *from, struct stats_mark *to)
{
	size_t at = 0;
	bool found = false;

	while (!found && stats_next_mark(stats, marks->domain, &at, from))
		found = from->id == marks->from;
	if (!found) {
		verdict_fail(verdict, "%s: there is no mark %" PRIu64,
			     stats->domains[marks->domain].name, marks->from);
		return false;
	}
	found = false;
	while (!found && stats_next_mark(stats, marks->domain, &at, to))
		found = to->id == marks->to;
	if (!found)
		verdict_fail(verdict, "%s: there is no mark %" PRIu64 " after mark %" PRIu64,
			     stats->domains[marks->domain].name, marks->to, marks->from);
	return found;
}

static const struct test_count *expected_count(const struct test_marks *marks, uint16_t space,
					       uint16_t code)
{
	unsigned int i;

	for (i = 0; i < marks->count; i++) {
		if (marks->counts[i].space == space && marks->counts[i].code == code)
			return &marks->counts[i];
	}
	return NULL;
}

static bool is_ignored(const struct test_marks *marks, uint16_t space, uint16_t code)
{
	if (space == PV_STATS_EXIT)
		return code < 64 && (marks->ignored >> code & 1);
	return space != PV_STATS_CALL || !marks->has_calls;
}

static void check_range(struct verdict *verdict, const char *domain, const struct test_marks *marks,
			const struct test_count *expected, uint64_t found)
{
	char buffer[16], range[64];

	if (found >= expected->min && found <= expected->max)
		return;
	if (expected->min == expected->max)
		snprintf(range, sizeof(range), "%" PRIu64, expected->min);
	else if (expected->max == UINT64_MAX)
		snprintf(range, sizeof(range), "at least %" PRIu64, expected->min);
	else
		snprintf(range, sizeof(range), "%" PRIu64 " to %" PRIu64, expected->min,
			 expected->max);
	verdict_fail(verdict,
		     "%s: marks %" PRIu64 " to %" PRIu64 ": %s %s counted %" PRIu64 ", expected %s",
		     domain, marks->from, marks->to,
		     expected->space == PV_STATS_CALL ? "call" : "exit",
		     stats_name(expected->space, expected->code, buffer), found, range);
}

static void check_marks(struct verdict *verdict, const struct test_marks *marks,
			const struct stats *stats)
{
	struct stats_sum *before = xcalloc(STATS_SUMS_MAX, sizeof(*before));
	struct stats_sum *after = xcalloc(STATS_SUMS_MAX, sizeof(*after));
	const char *name = stats->domains[marks->domain].name;
	struct stats_mark from, to;
	size_t n, i;

	if (!find_marks(verdict, marks, stats, &from, &to))
		goto out;
	n = stats_sum(stats, marks->domain, &to, after);
	n = stats_subtract(after, n, before, stats_sum(stats, marks->domain, &from, before));
	for (i = 0; i < marks->count; i++)
		check_range(verdict, name, marks, &marks->counts[i],
			    stats_count(after, n, marks->counts[i].space, marks->counts[i].code));
	for (i = 0; i < n; i++) {
		const struct test_count none = { after[i].space, after[i].code, 0, 0 };

		if (!expected_count(marks, after[i].space, after[i].code) &&
		    !is_ignored(marks, after[i].space, after[i].code))
			check_range(verdict, name, marks, &none, after[i].count);
	}
out:
	free(before);
	free(after);
}

void verdict_machine(struct verdict *verdict, const struct test *test,
		     const struct run_result *result, const struct transcript *transcript)
{
	unsigned int i;

	check_exit(verdict, test, result);
	if (!result->stats.has_hello)
		return; /* the reason is said; the rest would only repeat it */
	check_killed(verdict, test, result);
	for (i = 0; i < test->machine.domain_count; i++) {
		if (test->tap[i])
			verdict_tap(verdict, test->machine.domains[i].name,
				    transcript->console[i].text, transcript->console[i].bytes);
	}
	check_log(verdict, test, transcript);
	for (i = 0; i < test->mark_count; i++)
		check_marks(verdict, &test->marks[i], &result->stats);
}
