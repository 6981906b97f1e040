// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn demo`: runs the two example guests and prints each domain's transitions by reason, then
 * compares what the Linux guest's work costs in each mode. Both are runs like any other.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "pv_names.h"
#include "run_print.h"

#define DEMO_FILE "docs/examples/two-guests.yaml"
#define DEMO_TIMEOUT_S 60u

static void on_console(void *context, uint32_t domain, const char *text, size_t bytes)
{
	run_print_console(context, domain, text, bytes);
}

static void on_log(void *context, const char *line)
{
	run_print_log(context, line);
}

static void on_end(void *context)
{
	run_print_finish(context);
}

/* Most frequent first; equal ones in the order of the ABI. */
static int by_count(const void *a, const void *b)
{
	const struct stats_sum *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (int)x->code - (int)y->code;
}

static void print_sum(const struct stats_sum *sum)
{
	char name[16], class[16];

	printf("  %-16s %-12s %10" PRIu64 " %12" PRIu64 "\n",
	       stats_name(sum->space, sum->code, name),
	       stats_class_name(sum->space, sum->code, class), sum->count,
	       sum->count ? sum->ticks / sum->count : 0);
}

/* One row a reason, then the hypercalls by name. Returns the number of transitions. */
static uint64_t print_domain(const struct stats *stats, uint32_t domain)
{
	static struct stats_sum sums[STATS_SUMS_MAX];
	const struct stats_domain *d = &stats->domains[domain];
	size_t n = stats_sum(stats, domain, NULL, sums);
	uint64_t all = 0;

	printf("\n%s (%s)\n  %-16s %-12s %10s %12s\n", d->name, pv_mode_names[d->mode],
	       "transition", "class", "count", "ticks each");
	qsort(sums, n, sizeof(sums[0]), by_count);
	for (size_t i = 0; i < n; i++) {
		if (sums[i].space != PV_STATS_EXIT || !sums[i].count)
			continue;
		print_sum(&sums[i]);
		all += sums[i].count;
	}
	printf("  %-16s %-12s %10" PRIu64 "\n", "all", "", all);
	/* The same transitions as the row `hypercall`, by what was called. */
	for (size_t i = 0; i < n; i++)
		if (sums[i].space == PV_STATS_CALL && sums[i].count)
			print_sum(&sums[i]);
	return all;
}

static void print_all(const struct stats *stats)
{
	uint64_t all[PV_BUNDLE_DOMAINS_MAX];

	if (!stats->has_hello)
		return;
	for (uint32_t i = 0; i < stats->domain_count; i++)
		all[i] = print_domain(stats, i);
	printf("\nThe same program in the two modes:");
	for (uint32_t i = 0; i < stats->domain_count; i++)
		printf("%s %" PRIu64 " transitions in %s", i ? "," : "", all[i],
		       pv_mode_names[stats->domains[i].mode]);
	printf("\n");
}

static enum pvn_exit run(const struct machine *m, enum host host)
{
	struct run_print print;
	struct run_options options = {
		.host = host,
		.timeout_s = DEMO_TIMEOUT_S,
		.on_console = on_console,
		.on_log = on_log,
		.on_end = on_end,
		.context = &print,
		.outputs = print.outputs,
		.output_count = 2,
	};
	struct errors e = { 0 };
	struct run_result result;
	enum pvn_exit code;
	int signal_number;

	run_print_init(&print, m, false);
	run_machine(m, &options, &result, &e);
	errors_print(&e, stderr);
	run_print_summary(&print, &result);
	print_all(&result.stats);
	code = result.exit;
	signal_number = result.signal;
	run_result_free(&result);
	run_print_free(&print);
	if (signal_number) {
		/* So that a shell sees what ended pvn. */
		signal(signal_number, SIG_DFL);
		raise(signal_number);
	}
	return code;
}

int cmd_demo(int argc, char **argv)
{
	static const struct option options[] = { { "on", required_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	enum host host = HOST_NONE;
	struct errors e = { 0 };
	struct machine *m;
	enum pvn_exit code;
	char *file;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		host = option == 'h' ? host_option(optarg) : HOST_NONE;
		if (host == HOST_NONE)
			return pvn_usage("demo");
	}
	if (optind != argc) {
		pvn_error("%s: expected options only", argv[optind]);
		return pvn_usage("demo");
	}
	host = host_choose(host);
	if (host == HOST_NONE)
		return PVN_USAGE;
	file = pvn_root_path(DEMO_FILE);
	m = machine_load(file, &e);
	free(file);
	if (!m) {
		errors_print(&e, stderr);
		return PVN_USAGE;
	}
	pvn_note("running " DEMO_FILE " on %s", host_name(host));
	code = run(m, host);
	machine_free(m);
	if (code != PVN_OK)
		return code;
	printf("\n");
	fflush(stdout);
	pvn_note("comparing the Linux guest in all modes on %s", host_name(host));
	return compare_demo(host);
}
