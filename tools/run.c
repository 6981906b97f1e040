// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn run FILE`: reads the command line, runs the machine, shows and saves what it reported. The
 * running itself is in run_session.c.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "run_exec.h"
#include "run_print.h"
#include "trace.h"

struct run_command {
	const char *file, *mode, *stats, *trace, *serial, *exec;
	uint32_t trace_kinds; /* 0 = all */
	enum host host;
	bool gdb, is_verbose, is_batch, is_interactive;
	unsigned int timeout_s, cpus;
	int exec_domain; /* where the command runs */
};

enum {
	OPTION_ON = 256,
	OPTION_MODE,
	OPTION_STATS,
	OPTION_TRACE,
	OPTION_TRACE_KINDS,
	OPTION_GDB,
	OPTION_TIMEOUT,
	OPTION_CPUS,
	OPTION_SERIAL,
	OPTION_EXEC,
	OPTION_BATCH
};

static const struct option options[] = {
	{ "on", required_argument, NULL, OPTION_ON },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "stats", required_argument, NULL, OPTION_STATS },
	{ "trace", required_argument, NULL, OPTION_TRACE },
	{ "trace-kinds", required_argument, NULL, OPTION_TRACE_KINDS },
	{ "gdb", no_argument, NULL, OPTION_GDB },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "serial", required_argument, NULL, OPTION_SERIAL },
	{ "verbose", no_argument, NULL, 'v' },
	{ "interactive", no_argument, NULL, 'i' },
	{ "batch", no_argument, NULL, OPTION_BATCH },
	{ "exec", required_argument, NULL, OPTION_EXEC },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct run_command *command, int option)
{
	switch (option) {
	case OPTION_ON:
		command->host = host_option(optarg);
		return command->host != HOST_NONE;
	case OPTION_MODE:
		command->mode = optarg;
		return true;
	case OPTION_STATS:
		command->stats = optarg;
		return true;
	case OPTION_TRACE:
		command->trace = optarg;
		return true;
	case OPTION_TRACE_KINDS:
		return trace_kinds_parse(optarg, &command->trace_kinds);
	case OPTION_SERIAL:
		command->serial = optarg;
		return true;
	case OPTION_GDB:
		command->gdb = true;
		return true;
	case OPTION_TIMEOUT:
		return option_number("--timeout", optarg, 1, 1000000, &command->timeout_s);
	case OPTION_CPUS:
		return option_number("--cpus", optarg, 1, PV_CPUS_MAX, &command->cpus);
	case OPTION_EXEC:
		command->exec = optarg;
		return true;
	case OPTION_BATCH:
		command->is_batch = true;
		return true;
	case 'i':
		command->is_interactive = true;
		return true;
	case 'v':
		command->is_verbose = true;
		return true;
	default:
		return false; /* getopt said why */
	}
}

/* Who has the first serial port and the terminal? */
static bool check_console(const struct run_command *command)
{
	if (command->exec && !*command->exec)
		pvn_error("--exec: expected a command");
	else if (command->is_interactive && (command->is_batch || command->exec || command->serial))
		pvn_error("--interactive: the terminal cannot be the guest's together with %s",
			  command->exec     ? "--exec" :
			  command->is_batch ? "--batch" :
					      "--serial");
	else if (command->is_interactive && !console_has_user())
		pvn_error("--interactive: standard input and output are expected to be a terminal");
	else
		return true;
	return false;
}

static bool parse_command(struct run_command *command, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "vi", options, NULL)) != -1) {
		if (!take_option(command, option))
			return false;
	}
	if (argc - optind != 1) {
		pvn_error(argc == optind ? "which machine? Name a description (YAML)" :
					   "one machine at a time");
		return false;
	}
	command->file = argv[optind];
	if (command->trace_kinds && !command->trace) {
		pvn_error("--trace-kinds: where to? Name a file with --trace");
		return false;
	}
	return check_console(command);
}

/* The host to run on: the one asked for, if it is there, or the best one that is. */
static bool choose_host(struct run_command *command)
{
	if (command->gdb && command->host == HOST_NONE)
		command->host = HOST_QEMU;
	if (command->gdb && !launcher_find(command->host)->has_gdb) {
		pvn_error("--gdb: %s takes no debugger; use --on qemu", host_name(command->host));
		return false;
	}
	command->host = host_choose(command->host);
	return command->host != HOST_NONE;
}

/* Before the machine runs, for as long as it likes. */
static enum pvn_exit check_files(const struct run_command *command)
{
	const struct output files[] = {
		OUTPUT_READ("the description", command->file),
		{ .option = "--stats", .path = command->stats, .is_plain = true },
		{ .option = "--trace", .path = command->trace, .is_plain = true },
		{ .option = "--serial", .path = command->serial, .is_plain = true },
	};

	return outputs_check(files, sizeof(files) / sizeof(files[0]));
}

/* After the machine is known: what the first Linux guest is for. */
static int settle_console(struct run_command *command, struct machine *m, struct errors *e)
{
	bool may_ask = !command->is_batch && !command->serial && !command->gdb;

	if (command->exec) {
		command->exec_domain = run_exec_find(m);
		if (command->exec_domain < 0)
			return errors_add(e, "--exec: no domain of %s is a Linux kernel (vmlinux)",
					  command->file);
		return run_exec_add(&m->domains[command->exec_domain], command->exec, e);
	}
	/* Other guests read nothing; their users want Ctrl-C. */
	if (!command->is_interactive && may_ask && console_has_user())
		command->is_interactive = !run_exec_find(m);
	m->has_input = command->is_interactive;
	return 0;
}

static int load_machine(struct run_command *command, struct machine **machine)
{
	struct errors errors = { 0 };
	struct machine *m = machine_load(command->file, &errors);

	if (m && command->mode && machine_set_mode(m, command->mode, &errors)) {
		machine_free(m);
		m = NULL;
	}
	if (m && settle_console(command, m, &errors)) {
		machine_free(m);
		m = NULL;
	}
	if (!m) {
		errors_print(&errors, stderr);
		return -1;
	}
	if (command->cpus)
		m->cpus = command->cpus;
	if (command->trace)
		m->trace_kinds = command->trace_kinds ? command->trace_kinds :
							(1u << PV_KIND_COUNT) - 1;
	*machine = m;
	return 0;
}

/* ---- during the run -------------------------------------------------------------------------- */

struct run_view {
	struct run_print print;
	struct trace_writer *trace; /* NULL = not asked for */
	const struct run_result *result; /* under way */
	const struct run_command *command;
	struct run_exec_text exec_text;
};

static void on_console(void *context, uint32_t domain, const char *text, size_t bytes)
{
	struct run_view *view = context;

	if (!view->command->exec)
		run_print_console(&view->print, domain, text, bytes);
	else if (domain == (uint32_t)view->command->exec_domain)
		run_exec_console(&view->exec_text, &view->print.outputs[0], text, bytes);
}

static void on_log(void *context, const char *line)
{
	struct run_view *view = context;

	run_print_log(&view->print, line);
}

static void on_trace(void *context, const uint8_t *payload, uint32_t length)
{
	struct run_view *view = context;

	if (!view->trace)
		return;
	if (view->result->stats.has_hello)
		trace_writer_describe(view->trace, view->print.machine, &view->result->stats.hello);
	trace_writer_add(view->trace, payload, length);
}

static void on_end(void *context)
{
	struct run_view *view = context;

	run_print_finish(&view->print);
	if (view->command->exec)
		run_exec_finish(&view->exec_text, &view->print.outputs[0]);
}

/* The machine waits for a debugger: how to start one, with the symbols of all that runs. */
static void on_gdb(void *context, const struct launch *launch)
{
	const struct run_view *view = context;
	char *symbols = pvn_build_path("hypervisor/paravane.debug");
	unsigned int i;

	fprintf(stderr, "The machine waits for gdb. In another terminal:\n");
	fprintf(stderr, "  gdb '%s' -ex 'target remote %s/%s'", symbols, launch->dir,
		LAUNCH_GDB_SOCKET);
	free(symbols);
	for (i = 0; i < view->print.machine->domain_count; i++)
		fprintf(stderr, " \\\n    -ex 'add-symbol-file %s'",
			view->print.machine->domains[i].kernel);
	fprintf(stderr, "\n");
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static enum pvn_exit save_stats(const struct run_command *command, const struct run_result *result)
{
	struct errors errors = { 0 };

	if (!command->stats || !result->stats.has_hello)
		return PVN_OK;
	stats_write_json(&result->stats, host_name(command->host), command->stats, &errors);
	errors_print(&errors, stderr);
	return errors.count ? PVN_HYPERVISOR_FAILED : PVN_OK;
}

static enum pvn_exit save_trace(const struct run_command *command, struct run_view *view,
				const struct machine *machine, const struct run_result *result)
{
	if (!view->trace)
		return PVN_OK;
	if (result->stats.has_hello)
		trace_writer_describe(view->trace, machine, &result->stats.hello);
	if (!trace_writer_end(view->trace, result->stats.has_machine_end))
		return PVN_OK;
	pvn_error("%s: %s", command->trace, strerror(errno));
	return PVN_HYPERVISOR_FAILED;
}

/* Ends pvn by the signal that ended the run, so that a shell sees what happened. */
static void die_by(int signal_number)
{
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static int run(const struct run_command *command, const struct machine *machine)
{
	struct run_result result;
	struct run_view view = { .command = command, .result = &result };
	struct errors errors = { 0 };
	struct run_options run_options = {
		.host = command->host,
		.timeout_s = command->timeout_s,
		.gdb = command->gdb,
		.serial = command->serial,
		.is_watchable = true,
		.is_interactive = command->is_interactive,
		.on_start = command->gdb ? on_gdb : NULL,
		.on_console = on_console,
		.on_log = on_log,
		.on_trace = on_trace,
		.on_end = on_end,
		.context = &view,
		.outputs = view.print.outputs,
		.output_count = 2,
	};
	enum pvn_exit saved;
	int code;

	run_print_init(&view.print, machine, command->is_verbose);
	view.print.is_interactive = command->is_interactive;
	if (command->trace) {
		view.trace = trace_writer_begin(command->trace);
		if (!view.trace) {
			pvn_error("%s: %s", command->trace, strerror(errno));
			return PVN_HYPERVISOR_FAILED;
		}
	}
	run_machine(machine, &run_options, &result, &errors);
	errors_print(&errors, stderr);
	if (command->is_verbose && result.unwatched[0])
		pvn_note("pvn top could not watch this run: %s", result.unwatched);
	/* A command's caller wants its output and nothing else. */
	if (!command->exec || command->is_verbose || result.why[0])
		run_print_summary(&view.print, &result);
	saved = save_stats(command, &result);
	if (save_trace(command, &view, machine, &result) != PVN_OK)
		saved = PVN_HYPERVISOR_FAILED;
	if (result.signal)
		die_by(result.signal);
	code = result.exit;
	if (command->exec)
		code = run_exec_status(&result, (unsigned int)command->exec_domain,
				       &view.exec_text);
	run_result_free(&result);
	run_print_free(&view.print);
	return saved != PVN_OK ? (int)saved : code;
}

int cmd_run(int argc, char **argv)
{
	struct run_command command = { 0 };
	struct machine *machine;
	int exit;

	if (!parse_command(&command, argc, argv))
		return pvn_usage("run");
	exit = (int)check_files(&command);
	if (exit != PVN_OK)
		return exit;
	if (load_machine(&command, &machine))
		return PVN_USAGE;
	if (!choose_host(&command)) {
		machine_free(machine);
		return PVN_USAGE;
	}
	exit = run(&command, machine);
	machine_free(machine);
	return exit;
}
