// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn bench exits`: what a transition costs, measured by the guest payload bench_exits with the
 * TSC, once as it is and once with all trace kinds on. On Bochs and on QEMU's TCG a tick is an
 * emulated instruction (or a fixed part of one), so the figures repeat exactly; the limits hold for
 * Bochs.
 */
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "run.h"

#define RESULTS_MAX 64u
#define TIMEOUT_S 120u
#define TRACE_LIMIT 40 /* ticks that a traced exit may cost more */

static const char machine_text[] =
	"machine: {cpus: 1, memory: 256M}\n"
	"domains:\n"
	"  - {name: bench, kernel: 'payload:bench_exits', memory: 16M}\n";

/* The most that an exit may cost, in ticks. */
static const struct {
	const char *name;
	uint64_t ticks;
} limits[] = {
	{ "null", 120 }, /* VMCALL with an unknown number */
	{ "cpuid", 200 },
};

struct results {
	unsigned int count;
	struct {
		char name[32];
		uint64_t ticks;
	} list[RESULTS_MAX];
	char *console;
	size_t bytes;
};

/* ---- one measurement ------------------------------------------------------------------------- */

static void on_console(void *context, uint32_t domain, const char *text, size_t bytes)
{
	struct results *results = context;

	(void)domain;
	text_append(&results->console, &results->bytes, text, bytes);
}

/* Lines "BENCH name ticks"; the rest is the guest's talk. */
static void read_results(struct results *results)
{
	char *rest = results->console, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		if (results->count < RESULTS_MAX &&
		    sscanf(line, "BENCH %31s %" SCNu64, results->list[results->count].name,
			   &results->list[results->count].ticks) == 2)
			results->count++;
	}
}

static int measure(enum host host, bool is_traced, struct results *results)
{
	const struct run_options options = {
		.host = host, .timeout_s = TIMEOUT_S, .on_console = on_console, .context = results
	};
	struct errors errors = { 0 };
	struct run_result run;
	struct machine *machine = machine_parse(machine_text, sizeof(machine_text) - 1, "bench",
						resolve_path, &errors);
	int exit = PVN_USAGE;

	memset(results, 0, sizeof(*results));
	if (machine) {
		/* What a record costs; sending them is no part of an exit. */
		machine->trace_is_late = true;
		if (is_traced)
			machine->trace_kinds = (1u << PV_KIND_COUNT) - 1;
		run_machine(machine, &options, &run, &errors);
		exit = run.exit;
		if (run.why[0])
			pvn_error("%s", run.why);
		if (run.telling)
			fputs(run.telling, stderr);
		if (run.kept)
			pvn_note("the emulator's logs are in %s", run.kept);
		if (run.signal) {
			signal(run.signal, SIG_DFL);
			raise(run.signal);
		}
		run_result_free(&run);
	}
	errors_print(&errors, stderr);
	read_results(results);
	machine_free(machine);
	if (exit == PVN_OK && !results->count) {
		pvn_error("the guest bench_exits printed no result");
		exit = PVN_GUEST_FAILED;
	}
	return exit;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const uint64_t *find(const struct results *results, const char *name)
{
	unsigned int i;

	for (i = 0; i < results->count; i++) {
		if (!strcmp(results->list[i].name, name))
			return &results->list[i].ticks;
	}
	return NULL;
}

static uint64_t limit_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!strcmp(limits[i].name, name))
			return limits[i].ticks;
	}
	return 0;
}

/* Prints the table; returns how many figures are above their limit. */
static unsigned int print_table(enum host host, const struct results *plain,
				const struct results *traced, FILE *to)
{
	unsigned int over = 0, i;

	fprintf(to, "%-12s %10s %8s %10s %10s\n", host_name(host), "ticks", "limit", "traced",
		"more");
	for (i = 0; i < plain->count; i++) {
		const char *name = plain->list[i].name;
		uint64_t ticks = plain->list[i].ticks, limit = limit_of(name);
		const uint64_t *with = find(traced, name);
		int64_t more = with ? (int64_t)(*with - ticks) : 0;
		bool is_over = limit && (ticks > limit || more > TRACE_LIMIT);
		char text[24] = "-";

		if (limit)
			snprintf(text, sizeof(text), "%" PRIu64, limit);
		fprintf(to, "%-12s %10" PRIu64 " %8s", name, ticks, text);
		if (with)
			fprintf(to, " %10" PRIu64 " %+10" PRId64, *with, more);
		fprintf(to, "%s\n", is_over && host == HOST_BOCHS ? "  above the limit" : "");
		over += is_over && host == HOST_BOCHS;
	}
	fprintf(to, "Tracing may add %d.%s\n", TRACE_LIMIT,
		host == HOST_BOCHS ? " A tick is one emulated instruction." :
				     " The limits are meant for bochs.");
	return over;
}

static void add_results(struct json_object *list, enum host host, const struct results *results,
			const char *suffix)
{
	unsigned int i;

	for (i = 0; i < results->count; i++) {
		struct json_object *one = json_object_new_object();
		char name[48];

		snprintf(name, sizeof(name), "%s%s", results->list[i].name, suffix);
		json_object_object_add(one, "name", json_object_new_string(name));
		json_object_object_add(one, "ticks",
				       json_object_new_uint64(results->list[i].ticks));
		json_object_object_add(one, "host", json_object_new_string(host_name(host)));
		json_object_array_add(list, one);
	}
}

static int write_json(const char *path, enum host host, const struct results *plain,
		      const struct results *traced)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();
	struct errors errors = { 0 };
	const char *text;

	add_results(list, host, plain, "");
	add_results(list, host, traced, "_traced");
	json_object_object_add(root, "results", list);
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
	output_write(text, strlen(text), path, &errors);
	json_object_put(root);
	errors_print(&errors, stderr);
	return errors.count ? PVN_HYPERVISOR_FAILED : PVN_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int bench(enum host host, const char *json)
{
	struct results plain, traced = { 0 };
	unsigned int over;
	int exit = measure(host, false, &plain);

	if (exit == PVN_OK)
		exit = measure(host, true, &traced);
	if (exit == PVN_OK) {
		/* A document on standard output stands there alone. */
		over = print_table(host, &plain, &traced,
				   json && !strcmp(json, "-") ? stderr : stdout);
		if (json)
			exit = write_json(json, host, &plain, &traced);
		if (over)
			exit = PVN_GUEST_FAILED;
	}
	free(plain.console);
	free(traced.console);
	return exit;
}

int cmd_bench(int argc, char **argv)
{
	static const struct option options[] = {
		{ "on", required_argument, NULL, 'o' },
		{ "json", required_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	enum host host = HOST_BOCHS;
	const char *json = NULL;
	struct output file = { .option = "--json" };
	enum pvn_exit code;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			json = optarg;
		else if (option != 'o' || (host = host_option(optarg)) == HOST_NONE)
			return pvn_usage("bench");
	}
	if (argc - optind != 1 || strcmp(argv[optind], "exits")) {
		pvn_error("what is to be measured? There is \"exits\"");
		return pvn_usage("bench");
	}
	if (host_choose(host) == HOST_NONE)
		return PVN_USAGE;
	file.path = json;
	code = outputs_check(&file, 1);
	return code != PVN_OK ? (int)code : bench(host, json);
}
