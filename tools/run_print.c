// SPDX-License-Identifier: BSD-2-Clause
/*
 * Consoles, log and summary of `pvn run`; see run_print.h. Text goes into the outputs that the
 * session writes, so a reader that stops reading cannot stop the run from being ended.
 */
#include "run_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "pv_names.h"

/* A line of several domains' consoles longer than this is shown in pieces. */
#define LINE_MAX_BYTES 4096u

void run_print_init(struct run_print *print, const struct machine *machine, bool is_verbose)
{
	memset(print, 0, sizeof(*print));
	print->machine = machine;
	print->is_verbose = is_verbose;
	print->outputs[0] = (struct run_output){ .fd = STDOUT_FILENO, .name = "standard output" };
	print->outputs[1] = (struct run_output){ .fd = STDERR_FILENO, .name = "standard error" };
}

static void put(struct run_output *output, const char *text)
{
	run_output_add(output, text, strlen(text));
}

static void put_line(struct run_print *print, uint32_t domain)
{
	struct run_output *out = &print->outputs[0];

	put(out, "[");
	put(out, print->machine->domains[domain].name);
	put(out, "] ");
	run_output_add(out, print->partial[domain].text, print->partial[domain].bytes);
	put(out, "\n");
	print->partial[domain].bytes = 0;
}

/*
 * With one domain its bytes pass unchanged: a prompt without a newline shows at once. So do those
 * of the domain somebody types to.
 */
void run_print_console(struct run_print *print, uint32_t domain, const char *text, size_t bytes)
{
	size_t i;

	if (print->machine->domain_count == 1 || (print->is_interactive && !domain)) {
		run_output_add(&print->outputs[0], text, bytes);
		return;
	}
	for (i = 0; i < bytes; i++) {
		if (text[i] == '\n') {
			put_line(print, domain);
			continue;
		}
		if (print->partial[domain].bytes == LINE_MAX_BYTES)
			put_line(print, domain);
		if (!print->partial[domain].text)
			print->partial[domain].text = xmalloc(LINE_MAX_BYTES);
		print->partial[domain].text[print->partial[domain].bytes++] = text[i];
	}
}

void run_print_finish(struct run_print *print)
{
	uint32_t i;

	for (i = 0; i < print->machine->domain_count; i++) {
		if (print->partial[i].bytes)
			put_line(print, i);
	}
}

/* What is shown even without --verbose. */
static bool is_important(const char *line)
{
	static const char *const words[] = { "warning", "error",  "killed",
					     "panic",   "failed", "limit" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasestr(line, words[i]))
			return true;
	}
	return false;
}

void run_print_log(struct run_print *print, const char *line)
{
	/* An indented line belongs to the report that began above it. */
	bool is_shown = line[0] == ' ' ? print->is_last_shown : is_important(line);

	print->is_last_shown = is_shown;
	if (print->is_verbose || is_shown) {
		put(&print->outputs[1], "hypervisor: ");
		put(&print->outputs[1], line);
		put(&print->outputs[1], "\n");
		return;
	}
	free(print->held[print->held_count % PRINT_HELD]);
	print->held[print->held_count++ % PRINT_HELD] = xstrdup(line);
}

void run_print_free(struct run_print *print)
{
	size_t i;

	for (i = 0; i < PV_BUNDLE_DOMAINS_MAX; i++)
		free(print->partial[i].text);
	for (i = 0; i < PRINT_HELD; i++)
		free(print->held[i]);
	run_output_free(&print->outputs[0]);
	run_output_free(&print->outputs[1]);
}

/* Transitions of one class, out of all counters. */
static uint64_t class_count(const struct stats_sum *sums, size_t n, unsigned int class)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (sums[i].space == PV_STATS_EXIT && sums[i].code < PV_EXIT_COUNT &&
		    pv_exit_class[sums[i].code] == class)
			count += sums[i].count;
	}
	return count;
}

static void summary_of_domain(const struct stats *stats, uint32_t domain)
{
	struct stats_sum *sums = xcalloc(STATS_SUMS_MAX, sizeof(*sums));
	size_t n = stats_sum(stats, domain, NULL, sums);
	uint64_t total = 0;
	unsigned int class;
	char text[200];

	stats_end_text(&stats->domains[domain], text, sizeof(text));
	fprintf(stderr, "%s: %s\n", stats->domains[domain].name, text);
	if (n)
		fprintf(stderr, "  transitions:");
	for (class = 0; n && class < PV_CLASS_COUNT; class ++) {
		uint64_t count = class_count(sums, n, class);

		total += count;
		/* There is no fatal one in a run that went well: not worth a place. */
		if (count || class != PV_CLASS_FATAL)
			fprintf(stderr, " %s %" PRIu64 ",", pv_class_names[class], count);
	}
	if (n)
		fprintf(stderr, " %" PRIu64 " in all\n", total);
	free(sums);
}

void run_print_summary(const struct run_print *print, const struct run_result *result)
{
	const struct stats *stats = &result->stats;
	uint32_t i;

	if (result->signal)
		return;
	fflush(stdout);
	if (result->is_quit)
		fprintf(stderr, "\nended from the keyboard\n");
	for (i = 0; stats->has_hello && i < stats->domain_count; i++)
		summary_of_domain(stats, i);
	if (!result->why[0])
		return;
	pvn_error("%s", result->why);
	for (i = 0; result->kept && i < PRINT_HELD; i++) {
		const char *line = print->held[(print->held_count + i) % PRINT_HELD];

		if (line)
			fprintf(stderr, "hypervisor: %s\n", line);
	}
	if (result->telling)
		fprintf(stderr, "The emulator's log ends with:\n%s", result->telling);
	if (result->kept)
		pvn_note("the emulator's logs are in %s", result->kept);
}
