// SPDX-License-Identifier: BSD-2-Clause
/*
 * One column of a comparison: a machine with one Linux domain that runs all workloads and powers
 * off, or the same kernel on the emulated machine itself; see compare.h. Called in a process of its
 * own, so that columns run side by side.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "run_exec.h"

/*
 * Fixed addresses, so that two boots take the same way; a kernel that panics does not wait for
 * somebody to read it. On Bochs the three flags are those that a
 * kernel drops by itself on the emulated PC, whose firmware says that fast strings are off: there a
 * step of a REP instruction is a tick, and all columns shall copy and clear pages the same way.
 */
#define WORDS "norandmaps panic=-1"
#define WORDS_BOCHS " clearcpuid=112,297,580"
#define MEMORY_GUEST (96ull << 20)
#define CMDLINE_MAX 2047u
#define PANIC_END "---[ end Kernel panic" /* what a kernel says that does not restart */
#define LAST_WORDS 160u /* of a guest that did not come to its end */

struct view {
	void (*progress)(void *context, const char *name);
	void *context;
	char *text;
	size_t bytes, line; /* line: where the last one begins */
	bool has_panicked; /* and stays where it is */
};

/* ---- what the guest does --------------------------------------------------------------------- */

static bool is_chosen(const struct compare_plan *plan, const struct compare_workload *w)
{
	for (unsigned int i = 0; i < plan->workload_count; i++)
		if (plan->workloads[i] == w)
			return true;
	return false;
}

/* The boot's mark first: it is the last row, but nothing may come before it. */
static char *script(const struct compare_plan *plan)
{
	char *text = xstrdup("boot --mark 1");

	for (const struct compare_workload *w = compare_workloads; w->name; w++) {
		char *longer;

		/* The measure of the tick is always taken. */
		if (compare_is_boot(w) || (w != compare_workloads && !is_chosen(plan, w)))
			continue;
		longer = xasprintf("%s;%s --mark %llu --ops %llu", text, w->name,
				   (unsigned long long)compare_mark(w), (unsigned long long)w->ops);
		free(text);
		text = longer;
	}
	return text;
}

static char *command_line(const struct compare_plan *plan)
{
	char *text = script(plan), *code = run_exec_base64(text);
	char *line =
		xasprintf(WORDS "%s exec=%s", plan->host == HOST_BOCHS ? WORDS_BOCHS : "", code);

	free(text);
	free(code);
	return line;
}

/* ---- what it says ---------------------------------------------------------------------------- */

static void end_line(struct view *view)
{
	const char *line = view->text + view->line;
	size_t name = strcspn(line, " ");

	for (const struct compare_workload *w = compare_workloads; w->name; w++) {
		if (strlen(w->name) != name || strncmp(line, w->name, name) ||
		    strncmp(line + name, " ops=", 5))
			continue;
		if (view->progress)
			view->progress(view->context, w->name);
	}
	/* Nothing will come any more, and the timeout is long: the session ends by a signal. */
	if (strstr(line, PANIC_END) && !view->has_panicked) {
		view->has_panicked = true;
		raise(SIGTERM);
	}
	view->line = view->bytes;
}

static void on_console(void *context, uint32_t domain, const char *text, size_t bytes)
{
	struct view *view = context;

	(void)domain;
	view->text = xrealloc(view->text, view->bytes + bytes + 1);
	for (size_t i = 0; i < bytes; i++) {
		view->text[view->bytes++] = text[i] ? text[i] : ' ';
		view->text[view->bytes] = '\0';
		if (text[i] == '\n')
			end_line(view);
	}
}

/* Its last line that is not empty, of what can be printed; malloc'd, NULL where there is none. */
static char *last_words(const char *text)
{
	size_t end = text ? strlen(text) : 0, start;
	char *words;

	while (end && strchr("\r\n ", text[end - 1]))
		end--;
	for (start = end; start && text[start - 1] != '\n' && end - start < LAST_WORDS;)
		start--;
	if (start == end)
		return NULL;
	words = xasprintf("%.*s", (int)(end - start), text + start);
	for (char *c = words; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '.';
	return words;
}

/* ---- how it went ----------------------------------------------------------------------------- */

static char *end_of(const struct run_result *result, const char *text, bool has_panicked,
		    const struct errors *e)
{
	char end[400], *words, *out;

	if (e->count)
		return xstrdup(e->text[0]);
	if (result->exit == PVN_OK)
		return NULL;
	if (has_panicked)
		snprintf(end, sizeof(end), "the kernel panicked");
	else if (result->exit != PVN_GUEST_FAILED)
		snprintf(end, sizeof(end), "%s", result->why);
	else
		stats_end_text(&result->stats.domains[0], end, sizeof(end));
	words = last_words(text);
	out = words ? xasprintf("%s; the guest's last line: %s", end, words) : xstrdup(end);
	free(words);
	return out;
}

/* The run's own failure says more than what is missing because of it. */
static void set_failed(struct json_object *report, char *failed)
{
	if (failed)
		json_object_object_add(report, "failed", json_object_new_string(failed));
	free(failed);
}

static struct json_object *run_bare(const struct compare_plan *plan, const char *serial,
				    const char *line, struct run_result *result)
{
	char *words = xasprintf("console=ttyS0,115200 quiet %s", line);
	const struct launch_bare bare = { plan->bzimage, plan->initrd_gz, words };
	const struct machine machine = { .cpus = 1, .memory_bytes = MEMORY_GUEST };
	const struct run_options options = {
		.host = plan->host, .timeout_s = plan->timeout_s, .bare = &bare, .serial = serial
	};
	struct blob text = { NULL, 0 };
	struct errors e = { 0 }, unread = { 0 };
	struct json_object *report;

	run_machine(&machine, &options, result, &e);
	if (!blob_read(&text, serial, 64u << 20, &unread)) {
		for (size_t i = 0; i < text.size; i++)
			if (!text.data[i])
				text.data[i] = ' ';
	}
	report = compare_measure(plan, NULL, text.data ? (char *)text.data : "");
	set_failed(report, end_of(result, (char *)text.data, false, &e));
	blob_free(&text);
	free(words);
	return report;
}

static struct json_object *run_mode(const struct compare_plan *plan,
				    const struct compare_column *column, const char *line,
				    struct view *view, struct run_result *result)
{
	struct machine machine = {
		.file = (char *)(uintptr_t) "compare",
		.cpus = 1,
		.memory_bytes = MACHINE_MEMORY_DEFAULT,
		.slice_us = MACHINE_SLICE_US_DEFAULT,
		.hw_off = column->hw_off,
		.trace_records = MACHINE_TRACE_RECORDS_DEFAULT,
		.domain_count = 1,
	};
	struct domain *d = &machine.domains[0];
	const struct run_options options = {
		.host = plan->host,
		.timeout_s = plan->timeout_s,
		.on_console = on_console,
		.context = view,
	};
	struct errors e = { 0 };
	struct json_object *report;

	*d = (struct domain){
		.name = "linux",
		.kernel = plan->kernel,
		.initrd = plan->initrd,
		.cmdline = (char *)(uintptr_t)line,
		.memory_bytes = MEMORY_GUEST,
		.vcpus = 1,
		.mode = column->mode_number,
		.features_off = column->features_off,
		.ends_on_reboot = true,
	};
	memset(d->call_mask, 0xff, sizeof(d->call_mask));
	run_machine(&machine, &options, result, &e);
	report = compare_measure(plan, &result->stats, view->text ? view->text : "");
	set_failed(report, end_of(result, view->text, view->has_panicked, &e));
	return report;
}

static struct json_object *refuse(const char *why)
{
	struct json_object *report = json_object_new_object();

	json_object_object_add(report, "failed", json_object_new_string(why));
	json_object_object_add(report, "results", json_object_new_array());
	return report;
}

struct json_object *compare_run(const struct compare_plan *plan,
				const struct compare_column *column, const char *serial,
				void (*progress)(void *context, const char *name), void *context,
				int *signal)
{
	struct view view = { .progress = progress, .context = context };
	char *line = command_line(plan);
	struct run_result result = { .exit = PVN_OK };
	struct json_object *report;

	if (column->refused)
		report = refuse(column->refused);
	else if (strlen(line) > CMDLINE_MAX)
		report = refuse("the list of workloads is too long for a kernel's command line");
	else if (column->is_bare)
		report = run_bare(plan, serial, line, &result);
	else
		report = run_mode(plan, column, line, &view, &result);
	if (result.kept && !view.has_panicked)
		pvn_note("%s: the emulator's logs are in %s", column->id, result.kept);
	*signal = result.signal;
	run_result_free(&result);
	free(view.text);
	free(line);
	return report;
}
