// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn compare`: reads the command line, prepares guest and folder, has the columns run, and prints
 * and saves what they measured; see compare.h. `pvn demo` ends with it.
 */
#include "compare.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare_html.h"
#include "guest.h"
#include "output.h"
#include "process.h"
#include "run.h"

#define TIMEOUT_S 300u
#define REPEAT_MAX 100u

struct command {
	const char *modes, *workloads, *features, *kernel, *json, *csv, *html;
	enum host host;
	unsigned int timeout_s, repeat, jobs;
	bool is_list;
	bool is_brief; /* the modes' transitions alone: nothing to say of bare */
};

static const struct option options[] = {
	{ "on", required_argument, NULL, 'o' },	      { "modes", required_argument, NULL, 'm' },
	{ "workloads", required_argument, NULL, 'w' }, { "feature", required_argument, NULL, 'f' },
	{ "kernel", required_argument, NULL, 'k' },    { "json", required_argument, NULL, 'J' },
	{ "csv", required_argument, NULL, 'c' },       { "html", required_argument, NULL, 'H' },
	{ "repeat", required_argument, NULL, 'r' },    { "timeout", required_argument, NULL, 't' },
	{ "list", no_argument, NULL, 'l' },	       { NULL, 0, NULL, 0 },
};

static bool take_option(struct command *command, int option)
{
	switch (option) {
	case 'o':
		command->host = host_option(optarg);
		return command->host != HOST_NONE;
	case 'm':
		command->modes = optarg;
		return true;
	case 'w':
		command->workloads = optarg;
		return true;
	case 'f':
		command->features = optarg;
		return true;
	case 'k':
		command->kernel = optarg;
		return true;
	case 'J':
		command->json = optarg;
		return true;
	case 'c':
		command->csv = optarg;
		return true;
	case 'H':
		command->html = optarg;
		return true;
	case 'r':
		return option_number("--repeat", optarg, 1, REPEAT_MAX, &command->repeat);
	case 't':
		return option_number("--timeout", optarg, 1, 1000000, &command->timeout_s);
	case 'j':
		return option_number("-j", optarg, 1, 16, &command->jobs);
	case 'l':
		command->is_list = true;
		return true;
	default:
		return false; /* getopt said why */
	}
}

/* PVN_OK, or the exit code of a command that cannot work. */
static enum pvn_exit check_files(const struct command *command)
{
	const struct output files[] = {
		OUTPUT_READ("--kernel", command->kernel),
		OUTPUT("--json", command->json),
		OUTPUT("--csv", command->csv),
		OUTPUT("--html", command->html),
	};

	if (command->kernel && access(command->kernel, R_OK)) {
		pvn_error("--kernel %s: %s", command->kernel, strerror(errno));
		return PVN_USAGE;
	}
	return outputs_check(files, sizeof(files) / sizeof(files[0]));
}

static bool parse_command(struct command *command, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		if (!take_option(command, option))
			return false;
	}
	if (optind != argc) {
		pvn_error("%s: expected options only", argv[optind]);
		return false;
	}
	return true;
}

/* ---- before ---------------------------------------------------------------------------------- */

static unsigned int host_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	return (unsigned int)CPU_COUNT(&cpus);
}

static int plan_columns(struct compare_plan *plan, const struct command *command)
{
	struct errors e = { 0 };

	compare_choose(command->workloads, plan->workloads, &plan->workload_count, &e);
	if (!compare_add_modes(plan, command->modes, !command->kernel && !command->is_brief, &e) &&
	    command->features)
		compare_add_features(plan, command->features, &e);
	errors_print(&e, stderr);
	return e.count ? -1 : 0;
}

static void leave_out_bare(struct compare_plan *plan)
{
	for (unsigned int i = 0; i < plan->column_count; i++)
		if (plan->columns[i].is_bare && !plan->columns[i].refused)
			plan->columns[i].refused = xstrdup(
				"a kernel named by --kernel is not known as a bzImage as well");
}

/* The guest's kernel is built if it is not there. */
static int find_kernel(struct compare_plan *plan, const char *file, struct errors *e)
{
	if (!file) {
		plan->kernel = guest_path(GUEST_LINUX, e);
		/* Made together with it. */
		plan->bzimage = plan->kernel ? guest_path(GUEST_BZIMAGE, e) : NULL;
		return plan->bzimage ? 0 : -1;
	}
	plan->kernel = xstrdup(file);
	leave_out_bare(plan);
	return 0;
}

static int run_pack(const char *out, struct errors *e)
{
	const char *argv[COMPARE_WORKLOADS_MAX + 4] = { "sh" };
	char *programs[COMPARE_WORKLOADS_MAX],
		*pack = pvn_root_path("guest-patches/initramfs/pack");
	unsigned int count = 0;
	struct blob said;
	int status;

	argv[1] = pack;
	argv[2] = out;
	for (const struct compare_workload *w = compare_workloads; w->name; w++) {
		char *name = xasprintf("tools/workloads/%s", w->name);

		programs[count] = pvn_build_path(name);
		argv[3 + count] = programs[count];
		count++;
		free(name);
	}
	argv[3 + count] = NULL;
	status = process_run(argv, NULL, &said);
	if (status)
		errors_add(e, "cannot make the initramfs: %s",
			   status < 0 ? strerror(errno) :
			   said.size  ? (char *)said.data :
					"pack did not say why");
	while (count)
		free(programs[--count]);
	free(pack);
	blob_free(&said);
	return status ? -1 : 0;
}

static int prepare(struct compare_plan *plan, const struct command *command, struct errors *e)
{
	if (find_kernel(plan, command->kernel, e))
		return -1;
	plan->dir = run_dir_create(e);
	if (!plan->dir)
		return -1;
	plan->initrd = xasprintf("%s/initramfs.cpio", plan->dir);
	plan->initrd_gz = xasprintf("%s/initramfs.cpio.gz", plan->dir);
	return run_pack(plan->initrd, e) || run_pack(plan->initrd_gz, e) ? -1 : 0;
}

static void release(struct compare_plan *plan)
{
	if (plan->dir)
		run_dir_remove(plan->dir);
	compare_free_columns(plan);
	free(plan->kernel);
	free(plan->bzimage);
	free(plan->dir);
	free(plan->initrd);
	free(plan->initrd_gz);
	free(plan->command);
}

/* ---- after ----------------------------------------------------------------------------------- */

static void save_all(const struct command *command, struct json_object *document, struct errors *e)
{
	char *csv = command->csv ? compare_csv(document) : NULL;
	char *json = NULL;

	if (command->json) {
		json = xasprintf("%s\n", json_object_to_json_string_ext(
						 document, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_SPACED));
		output_write(json, strlen(json), command->json, e);
	}
	if (csv)
		output_write(csv, strlen(csv), command->csv, e);
	if (command->html)
		compare_html_write(document, command->html, e);
	free(csv);
	free(json);
}

static bool has_output(const char *path)
{
	return path && !strcmp(path, "-");
}

/* Prints and saves; returns the exit code. */
static int conclude(const struct compare_plan *plan, const struct command *command,
		    struct json_object *const *reports, struct errors *e)
{
	struct json_object *document = compare_document(plan, reports);
	int code = PVN_OK;

	if (!has_output(command->json) && !has_output(command->csv) && !has_output(command->html))
		compare_print(document, command->is_brief, stdout);
	fflush(stdout);
	save_all(command, document, e);
	json_object_put(document);
	for (unsigned int i = 0; i < plan->column_count * plan->repeat; i++)
		if (json_object_object_get(reports[i], "failed"))
			code = PVN_GUEST_FAILED;
	if (compare_differences(plan, reports, stderr))
		code = PVN_GUEST_FAILED;
	else if (plan->repeat > 1 && code == PVN_OK)
		pvn_note("%u rounds counted the same%s", plan->repeat,
			 plan->is_deterministic ? "" : ", or differ as said above");
	return code;
}

static int compare(struct compare_plan *plan, const struct command *command)
{
	struct json_object **reports =
		xcalloc((size_t)plan->column_count * plan->repeat, sizeof(struct json_object *));
	struct errors e = { 0 };
	int number = 0, code = PVN_HYPERVISOR_FAILED;

	if (!prepare(plan, command, &e)) {
		number = compare_run_all(plan, reports, &e);
		if (!number && !e.count)
			code = conclude(plan, command, reports, &e);
	}
	errors_print(&e, stderr);
	for (unsigned int i = 0; i < plan->column_count * plan->repeat; i++)
		json_object_put(reports[i]);
	free(reports);
	release(plan);
	if (number) {
		/* So that a shell sees what ended pvn. */
		signal(number, SIG_DFL);
		raise(number);
	}
	return e.count ? PVN_HYPERVISOR_FAILED : code;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct compare_plan plan = {
		.timeout_s = command->timeout_s,
		.repeat = command->repeat,
		.jobs = command->jobs,
	};

	if (!plan_columns(&plan, command))
		plan.host = host_choose(command->host);
	if (plan.host == HOST_NONE) {
		release(&plan);
		return PVN_USAGE;
	}
	plan.is_deterministic = plan.host == HOST_BOCHS;
	plan.command = compare_command(argc, argv);
	return compare(&plan, command);
}

int compare_demo(enum host host)
{
	char *argv[] = { xstrdup("compare"), xstrdup("--on"), xstrdup(host_name(host)) };
	const struct command command = {
		.host = host,
		.timeout_s = TIMEOUT_S,
		.repeat = 1,
		.jobs = host_cpus(),
		.is_brief = true,
	};
	int code = run(&command, 3, argv);

	for (int i = 0; i < 3; i++)
		free(argv[i]);
	return code;
}

int cmd_compare(int argc, char **argv)
{
	struct command command = { .timeout_s = TIMEOUT_S, .repeat = 1, .jobs = host_cpus() };
	enum pvn_exit code;

	if (!parse_command(&command, argc, argv))
		return pvn_usage("compare");
	if (command.is_list) {
		compare_list(stdout);
		return PVN_OK;
	}
	code = check_files(&command);
	return code != PVN_OK ? (int)code : run(&command, argc, argv);
}
