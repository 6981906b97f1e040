// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace FILE`: reads the command line and the file, and gives the entries that the filter lets
 * pass to each output. trace_symbols.c finds symbols, trace_follow.c reads a file that still grows.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "trace_view.h"

#define TRACE_BYTES_MAX (4ull << 30)
#define OUTPUT_BUFFER (1u << 20)

enum {
	OPTION_DOMAIN = 256,
	OPTION_VCPU,
	OPTION_KIND,
	OPTION_NAME,
	OPTION_FROM,
	OPTION_TO,
	OPTION_SYMBOLS,
	OPTION_FOLLOW,
	OPTION_SUMMARY,
	OPTION_BY_SYMBOL,
	OPTION_JSON_LINES,
	OPTION_CSV,
	OPTION_PERFETTO,
};

static const struct option options[] = {
	{ "domain", required_argument, NULL, OPTION_DOMAIN },
	{ "vcpu", required_argument, NULL, OPTION_VCPU },
	{ "kind", required_argument, NULL, OPTION_KIND },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "to", required_argument, NULL, OPTION_TO },
	{ "symbols", required_argument, NULL, OPTION_SYMBOLS },
	{ "follow", no_argument, NULL, OPTION_FOLLOW },
	{ "summary", no_argument, NULL, OPTION_SUMMARY },
	{ "by-symbol", no_argument, NULL, OPTION_BY_SYMBOL },
	{ "json-lines", required_argument, NULL, OPTION_JSON_LINES },
	{ "csv", required_argument, NULL, OPTION_CSV },
	{ "perfetto", required_argument, NULL, OPTION_PERFETTO },
	{ NULL, 0, NULL, 0 },
};

/* ---- the command line ------------------------------------------------------------------------ */

static bool add_output(struct trace_command *command, const struct trace_format *format,
		       const char *path)
{
	if (command->output_count == TRACE_OUTPUTS_MAX) {
		pvn_error("at most %u outputs at a time", TRACE_OUTPUTS_MAX);
		return false;
	}
	command->outputs[command->output_count++] =
		(struct trace_output){ .format = format, .path = path };
	return true;
}

static bool take_time(const char *option, double *us)
{
	if (trace_filter_time(optarg, us))
		return true;
	pvn_error("--%s %s: expected a time since the first record, such as 1500 (us), 2ms or 1.5s",
		  option, optarg);
	return false;
}

static bool take_option(struct trace_command *command, int option)
{
	struct trace_filter *filter = &command->filter;

	switch (option) {
	case OPTION_DOMAIN:
		trace_filter_add(&filter->domains, optarg);
		return true;
	case OPTION_VCPU:
		trace_filter_add(&filter->vcpus, optarg);
		return true;
	case OPTION_KIND:
		trace_filter_add(&filter->kinds, optarg);
		return true;
	case OPTION_NAME:
		trace_filter_add(&filter->names, optarg);
		return true;
	case OPTION_FROM:
		return take_time("from", &filter->from_us);
	case OPTION_TO:
		return take_time("to", &filter->to_us);
	case OPTION_SYMBOLS:
		trace_filter_add(&command->symbols, optarg);
		return true;
	case OPTION_FOLLOW:
		command->follows = true;
		return true;
	case OPTION_SUMMARY:
		return add_output(command, &trace_format_summary, "-");
	case OPTION_BY_SYMBOL:
		return add_output(command, &trace_format_by_symbol, "-");
	case OPTION_JSON_LINES:
		return add_output(command, &trace_format_json, optarg);
	case OPTION_CSV:
		return add_output(command, &trace_format_csv, optarg);
	case OPTION_PERFETTO:
		return add_output(command, &trace_format_perfetto, optarg);
	default:
		return false; /* getopt said why */
	}
}

static bool parse_command(struct trace_command *command, int argc, char **argv)
{
	int option;

	trace_filter_init(&command->filter);
	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take_option(command, option))
			return false;
	}
	if (argc - optind != 1) {
		pvn_error(argc == optind ? "which trace? Name a file of run --trace" :
					   "one trace at a time");
		return false;
	}
	command->file = argv[optind];
	if (command->filter.from_us > command->filter.to_us) {
		pvn_error("--from: found a later time than that of --to");
		return false;
	}
	return command->output_count || add_output(command, &trace_format_lines, "-");
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* The tables can stand one after the other on standard output; an export stands there alone. */
static enum pvn_exit check_outputs(const struct trace_command *command)
{
	struct output files[1 + TRACE_OUTPUTS_MAX] = { OUTPUT_READ("the trace", command->file) };
	unsigned int count = 1, i;
	bool has_text = false;

	for (i = 0; i < command->output_count; i++) {
		const struct trace_output *output = &command->outputs[i];

		if (!output->format->is_text || !has_text)
			files[count++] =
				(struct output)OUTPUT(output->format->option, output->path);
		has_text |= output->format->is_text;
	}
	return outputs_check(files, count);
}

static int open_outputs(struct trace_command *command, struct errors *e)
{
	unsigned int i;

	for (i = 0; i < command->output_count; i++) {
		struct trace_output *output = &command->outputs[i];

		output->file = strcmp(output->path, "-") ? fopen(output->path, "we") : stdout;
		if (!output->file)
			return errors_add(e, "%s: cannot open for writing: %s", output->path,
					  strerror(errno));
		setvbuf(output->file, NULL, _IOFBF, OUTPUT_BUFFER);
	}
	return 0;
}

enum pvn_exit trace_begin(struct trace_command *command, struct trace *trace, struct errors *e)
{
	unsigned int i;

	if (command->has_begun)
		return PVN_OK;
	if (trace_filter_resolve(&command->filter, trace, e) ||
	    trace_symbols_load(trace, command->symbols, e))
		return PVN_USAGE;
	if (open_outputs(command, e))
		return PVN_HYPERVISOR_FAILED;
	command->has_begun = true;
	for (i = 0; i < command->output_count; i++) {
		if (command->outputs[i].format->begin)
			command->outputs[i].format->begin(&command->outputs[i], trace);
	}
	return PVN_OK;
}

void trace_show(struct trace_command *command, const struct trace *trace, size_t count)
{
	unsigned int k;
	size_t i;

	if (count && !command->has_origin) {
		command->has_origin = true;
		for (k = 0; k < command->output_count; k++)
			command->outputs[k].origin = trace->entries[0].group;
		command->origin = trace->entries[0].group;
	}
	for (i = 0; i < count; i++) {
		const struct trace_entry *entry = &trace->entries[i];

		if (!trace_filter_accepts(&command->filter, trace, entry,
					  trace_us(trace, entry->start, command->origin)))
			continue;
		for (k = 0; k < command->output_count; k++) {
			struct trace_output *output = &command->outputs[k];

			output->written++;
			output->format->entry(output, trace, entry);
		}
	}
}

static int flush_output(struct trace_output *output, struct errors *e)
{
	if (!fflush(output->file) && !ferror(output->file))
		return 0;
	return errors_add(e, "%s: %s", output->file == stdout ? "standard output" : output->path,
			  strerror(errno));
}

/* Programs read the exports: what is missing in them is said to people all the same. */
static void say_missing(const struct trace_command *command, const struct trace *trace)
{
	unsigned long long lost = 0;
	unsigned int i;

	for (i = 0; i < command->output_count; i++)
		if (command->outputs[i].format->is_text)
			return; /* it ends with that */
	for (i = 0; i < PV_CPUS_MAX; i++)
		lost += trace->lost[i];
	if (lost)
		pvn_note("%s: %llu records were overwritten and are lost", command->file, lost);
	if (trace->has_end && !trace->end.is_complete)
		pvn_note("%s: the machine was ended from outside: what was still in its rings is "
			 "missing",
			 command->file);
}

static int end(struct trace_command *command, const struct trace *trace, struct errors *e)
{
	unsigned int i;
	int result = 0;

	if (command->has_begun)
		say_missing(command, trace);
	for (i = 0; i < command->output_count; i++) {
		struct trace_output *output = &command->outputs[i];

		if (!output->file)
			continue;
		if (command->has_begun && output->format->end)
			output->format->end(output, trace);
		result |= flush_output(output, e);
		if (output->file != stdout)
			fclose(output->file);
	}
	return result;
}

/* ---- a whole file ---------------------------------------------------------------------------- */

int trace_verdict(const struct trace_command *command, const struct trace *trace,
		  enum trace_status status, const char *why, struct errors *e)
{
	if (status == TRACE_COMPLETE)
		return PVN_OK;
	if (!trace->is_described) {
		errors_add(e, "%s: %s", command->file, why);
		return status == TRACE_FOREIGN ? PVN_USAGE : PVN_HYPERVISOR_FAILED;
	}
	errors_add(e, "%s: %s; the %llu records before that are shown", command->file, why,
		   (unsigned long long)trace->records);
	return PVN_HYPERVISOR_FAILED;
}

static int read_whole(struct trace_command *command, struct trace *trace, struct errors *e)
{
	struct blob blob = { 0 };
	enum trace_status status;
	enum pvn_exit begun;
	char why[200];
	size_t at = 0;

	if (blob_read(&blob, command->file, TRACE_BYTES_MAX, e))
		return PVN_USAGE;
	status = trace_take(trace, blob.data, blob.size, &at, why);
	blob_free(&blob);
	if (trace->is_described) {
		begun = trace_begin(command, trace, e);
		if (begun != PVN_OK)
			return (int)begun;
		trace_sort(trace, 0);
		trace_show(command, trace, trace->count);
	}
	return trace_verdict(command, trace, status, why, e);
}

int cmd_trace(int argc, char **argv)
{
	struct trace_command command = { 0 };
	struct errors errors = { 0 };
	struct trace trace = { 0 };
	int result;

	if (!parse_command(&command, argc, argv)) {
		trace_filter_free(&command.filter);
		free(command.symbols);
		return pvn_usage("trace");
	}
	result = (int)check_outputs(&command);
	if (result == PVN_OK)
		result = command.follows ? trace_follow(&command, &trace, &errors) :
					   read_whole(&command, &trace, &errors);
	if (end(&command, &trace, &errors))
		result = PVN_HYPERVISOR_FAILED;
	errors_print(&errors, stderr);
	trace_filter_free(&command.filter);
	free(command.symbols);
	trace_free(&trace);
	return result;
}
