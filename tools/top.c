// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn top`: the command line, and which of the running machines is meant. What a machine says
 * comes from its `pvn run` by a socket (live.h); several may run, and several may watch one.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define DELAY_MIN 0.05
#define DELAY_MAX 3600.0

enum {
	OPTION_ONCE = 256,
	OPTION_BATCH,
	OPTION_JSON,
	OPTION_LIST,
	OPTION_DOMAIN,
	OPTION_SORT,
	OPTION_SUM,
	OPTION_ALL
};

static const struct option long_options[] = {
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "batch", no_argument, NULL, OPTION_BATCH },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "list", no_argument, NULL, OPTION_LIST },
	{ "delay", required_argument, NULL, 'd' },
	{ "samples", required_argument, NULL, 'n' },
	{ "domain", required_argument, NULL, OPTION_DOMAIN },
	{ "sort", required_argument, NULL, OPTION_SORT },
	{ "sum", no_argument, NULL, OPTION_SUM },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ NULL, 0, NULL, 0 },
};

static bool take_delay(struct top_options *options)
{
	char *end;

	errno = 0;
	options->delay_s = strtod(optarg, &end);
	if (!errno && end != optarg && !*end && options->delay_s >= DELAY_MIN &&
	    options->delay_s <= DELAY_MAX)
		return true;
	pvn_error("-d %s: expected seconds from %g to %g", optarg, DELAY_MIN, DELAY_MAX);
	return false;
}

static bool take_samples(struct top_options *options)
{
	char *end;

	errno = 0;
	options->samples = strtoul(optarg, &end, 10);
	if (!errno && end != optarg && !*end && optarg[0] != '-' && options->samples)
		return true;
	pvn_error("-n %s: expected how many samples, at least 1", optarg);
	return false;
}

static bool take_option(struct top_options *options, int option)
{
	switch (option) {
	case OPTION_ONCE:
		return options->is_once = true;
	case OPTION_BATCH:
		return options->is_batch = true;
	case OPTION_JSON:
		return options->is_json = true;
	case OPTION_LIST:
		return options->is_list = true;
	case OPTION_ALL:
		return options->view.has_details = true;
	case OPTION_SUM:
		options->view.splits_vcpus = false;
		return true;
	case OPTION_DOMAIN:
		options->domain = optarg;
		return true;
	case OPTION_SORT:
		options->view.sort = top_sort_parse(optarg);
		if (options->view.sort == TOP_SORTS)
			pvn_error("--sort %s: expected rate, total, ticks or name", optarg);
		return options->view.sort != TOP_SORTS;
	case 'd':
		return take_delay(options);
	case 'n':
		return take_samples(options);
	default:
		return false; /* getopt said why */
	}
}

static bool check_options(const struct top_options *options, int arguments)
{
	if (arguments > 1)
		pvn_error("one machine at a time");
	else if (options->is_once + options->is_batch + options->is_list > 1)
		pvn_error("--once, --batch and --list exclude each other");
	else if (options->is_json && !options->is_once && !options->is_batch)
		pvn_error("--json: only with --once or --batch");
	else if (options->samples && !options->is_batch)
		pvn_error("-n: only with --batch");
	else
		return true;
	return false;
}

static bool parse(struct top_options *options, int argc, char **argv)
{
	int option;

	*options = (struct top_options){ .delay_s = 1,
					 .view = { .domain = -1, .splits_vcpus = true } };
	optind = 1;
	while ((option = getopt_long(argc, argv, "d:n:", long_options, NULL)) != -1) {
		if (!take_option(options, option))
			return false;
	}
	if (!check_options(options, argc - optind))
		return false;
	options->which = argv[optind];
	if (options->is_once)
		options->samples = 1;
	return true;
}

/* ---- which machine --------------------------------------------------------------------------- */

static void print_list(struct live_client *const *found, size_t count, FILE *to)
{
	fprintf(to, "%8s  %-20s %-6s %-19s  %s\n", "PID", "NAME", "HOST", "SINCE", "DOMAINS");
	for (size_t i = 0; i < count; i++) {
		const struct live_about *about = &found[i]->about;
		time_t started = (time_t)about->started;
		char since[24] = "?";
		struct tm tm;

		if (localtime_r(&started, &tm))
			strftime(since, sizeof(since), "%Y-%m-%d %H:%M:%S", &tm);
		fprintf(to, "%8d  %-20s %-6s %-19s ", about->pid, about->name, about->host, since);
		for (unsigned int d = 0; d < about->domain_count; d++)
			fprintf(to, " %s", about->domains[d].name);
		fprintf(to, "\n");
	}
}

static bool is_meant(const struct live_about *about, const char *which)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", about->pid);
	return !which || !strcmp(which, pid) || !strcmp(which, about->name);
}

/* The one machine that is meant; NULL with an error. */
static struct live_client *choose(struct live_client *const *found, size_t count,
				  const struct top_options *options)
{
	struct live_client *chosen = NULL;
	size_t meant = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_meant(&found[i]->about, options->which))
			continue;
		chosen = found[i];
		meant++;
	}
	if (meant == 1)
		return chosen;
	if (meant)
		pvn_error("%zu machines %s; say which one by its process id:", meant,
			  options->which ? "have this name" : "are running");
	else
		pvn_error("no machine \"%s\" is running; these are:", options->which);
	print_list(found, count, stderr);
	return NULL;
}

static char *add_name(char *all, const char *name)
{
	char *longer = xasprintf("%s %s", all ? all : "", name);

	free(all);
	return longer;
}

static bool find_domain(const struct live_client *client, struct top_options *options)
{
	char *all = NULL;

	for (unsigned int d = 0; options->domain && d < client->about.domain_count; d++)
		if (!strcmp(options->domain, client->about.domains[d].name))
			options->view.domain = (int)d;
	if (!options->domain || options->view.domain >= 0)
		return true;
	for (unsigned int d = 0; d < client->about.domain_count; d++)
		all = add_name(all, client->about.domains[d].name);
	pvn_error("--domain %s: expected one of %s:%s", options->domain, client->about.name,
		  all ? all : " none");
	free(all);
	return false;
}

/* Before a machine is chosen: can anything be shown at all? */
static bool has_terminal(const struct top_options *options)
{
	if (options->is_once || options->is_batch || options->is_list)
		return true;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return true;
	pvn_error("standard input and output are no terminal; for scripts there are --once and "
		  "--batch");
	return false;
}

static int show(struct live_client *const *found, size_t count, struct top_options *options)
{
	struct live_client *client;

	if (!count) {
		pvn_error("no machine is running (of this user; start one with pvn run)");
		return PVN_GUEST_FAILED;
	}
	if (options->is_list) {
		print_list(found, count, stdout);
		return PVN_OK;
	}
	client = choose(found, count, options);
	if (!client || !find_domain(client, options))
		return PVN_USAGE;
	if (options->is_once || options->is_batch)
		return top_print(client, options);
	return top_run_screen(client, options);
}

int cmd_top(int argc, char **argv)
{
	struct live_client *found[LIVE_RUNS_MAX];
	struct top_options options;
	size_t count, i;
	int result;

	if (!parse(&options, argc, argv))
		return pvn_usage("top");
	if (!has_terminal(&options))
		return PVN_USAGE;
	count = live_client_find(found);
	result = show(found, count, &options);
	for (i = 0; i < count; i++)
		live_client_close(found[i]);
	return result;
}
