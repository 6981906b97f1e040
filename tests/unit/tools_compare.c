// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison without a machine (tools/compare_*.c): numbers as text, columns and workloads from
 * names, and a document as table and CSV. Its figures are in tools_compare_measure.c.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "pv_names.h"
#include "tap.h"

/* ---- numbers --------------------------------------------------------------------------------- */

static void factors(void)
{
	static const struct {
		double full, here;
		const char *text;
	} rows[] = {
		{ 0, 0, "same" },
		{ 7, 7, "same" },
		{ 5, 0, "all" },
		{ 0, 5, "new" },
		{ 14081, 41, "343x" },
		{ 9, 3, "3.00x" },
		{ 12, 14, "0.86x" },
		{ 1, 1000, "<0.01x" },
		{ 1.999, 1.001, "2.00x" },
		{ 99.94, 1, "99.9x" },
		{ 99.96, 1, "100x" },
		{ 9.99, 1, "9.99x" },
		{ 9.996, 1, "10.0x" },
		{ 1000000, 999999, "1.00x" },
		{ 999999, 1000000, "1.00x" },
		{ 1234567, 1, "1,234,567x" },
		{ 1e15, 1, "1,000,000,000,000,000x" },
		{ 1.8e19, 1, "1.80e+19x" },
	};
	char text[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		compare_factor(rows[i].full, rows[i].here, text);
		EXPECT_STR(text, rows[i].text);
	}
}

static void per_op(void)
{
	static const struct {
		uint64_t count, ops;
		const char *text;
	} rows[] = {
		{ 0, 0, "-" },
		{ 5, 0, "-" },
		{ 0, 10, "0" },
		{ 20, 10, "2" },
		{ 14081, 160, "88.0" },
		{ 41, 160, "0.256" },
		{ 25168, 1, "25,168" },
		{ 1, 3, "0.333" },
		{ 1, 800, "0.00125" },
		{ 1, 10000000, "0.000000100" },
		{ 1, UINT64_MAX, "0.000000000000" },
		{ 9996, 10000, "1.00" },
		{ 2000001, 2, "1,000,001" },
		{ UINT64_MAX, 1, "18,446,744,073,709,551,615" },
	};
	char text[40];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		compare_per_op(rows[i].count, rows[i].ops, text);
		EXPECT_STR(text, rows[i].text);
	}
}

static void grouped(void)
{
	char text[32];

	compare_grouped(0, text);
	EXPECT_STR(text, "0");
	compare_grouped(999, text);
	EXPECT_STR(text, "999");
	compare_grouped(1000, text);
	EXPECT_STR(text, "1,000");
	compare_grouped(10000000, text);
	EXPECT_STR(text, "10,000,000");
}

/* ---- columns --------------------------------------------------------------------------------- */

static void columns(void)
{
	struct compare_plan plan = { 0 };
	struct errors e = { 0 };

	EXPECT_EQ(compare_add_modes(&plan, NULL, true, &e), 0);
	EXPECT_EQ(plan.column_count >= 3, true);
	EXPECT_STR(plan.columns[0].id, "pv/hap");
	EXPECT_EQ(plan.columns[plan.column_count - 1].is_bare, true);
	compare_free_columns(&plan);

	EXPECT_EQ(compare_add_modes(&plan, "full/hap,pv/hap,bare,pv/hap", false, &e), 0);
	EXPECT_EQ(plan.column_count, 3);
	EXPECT_EQ(compare_add_features(&plan, "batch,virtual_interrupts", &e), 0);
	/*
	 * What a domain is offered means something in pv/hap, the machine's in both; neither in
	 * bare.
	 */
	EXPECT_EQ(plan.column_count, 6);
	EXPECT_STR(plan.columns[3].id, "pv/hap-batch");
	EXPECT_EQ(plan.columns[3].features_off, 1ull << PV_FEATURE_BIT_BATCH);
	EXPECT_STR(plan.columns[4].id, "full/hap-virtual_interrupts");
	EXPECT_EQ(plan.columns[5].hw_off, PV_HW_VIRTUAL_INTERRUPTS);
	EXPECT_EQ(plan.columns[5].features_off, 0);
	compare_free_columns(&plan);

	EXPECT_EQ(compare_add_modes(&plan, "pv/hap,nonsense", false, &e), -1);
	EXPECT_EQ(strstr(e.text[0], "\"nonsense\"") && strstr(e.text[0], "full/hap"), true);
	/* Off unless it is asked for, so nothing can be masked. */
	EXPECT_EQ(compare_add_features(&plan, "rdtsc_exit", &e), -1);
	EXPECT_EQ(strstr(e.text[1], "tsc_stable") && !strstr(e.text[1], " rdtsc_exit "), true);
	compare_free_columns(&plan);
}

/* A mode of the ABI that this version does not have is a column that says so. */
static void refused(void)
{
	struct compare_plan plan = { 0 };
	struct errors e = { 0 };
	char all[200] = "";

	for (size_t i = 0; i < sizeof(pv_mode_names) / sizeof(pv_mode_names[0]); i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "," : "",
			 pv_mode_names[i]);
	EXPECT_EQ(compare_add_modes(&plan, all, false, &e), 0);
	EXPECT_EQ(plan.column_count, 4);
	for (unsigned int i = 0; i < plan.column_count; i++)
		EXPECT_EQ(!plan.columns[i].refused ||
				  strstr(plan.columns[i].refused, "this version"),
			  true);
	compare_free_columns(&plan);
}

static void choose(struct compare_plan *plan, const char *list)
{
	struct errors e = { 0 };

	memset(plan, 0, sizeof(*plan));
	compare_choose(list, plan->workloads, &plan->workload_count, &e);
	EXPECT_EQ(e.count, 0);
}

static void chosen(void)
{
	struct compare_plan plan;
	struct errors e = { 0 };

	choose(&plan, "boot,sum");
	EXPECT_EQ(plan.workload_count, 2);
	EXPECT_STR(plan.workloads[0]->name, "sum");
	choose(&plan, NULL);
	EXPECT_EQ(plan.workload_count, 12);
	EXPECT_EQ(compare_choose("", plan.workloads, &plan.workload_count, &e), -1);
	EXPECT_EQ(compare_choose("sum,Pipe", plan.workloads, &plan.workload_count, &e), -1);
	EXPECT_EQ(strstr(e.text[1], "\"Pipe\"") && strstr(e.text[1], " pipe "), true);
}

/* ---- what is printed ------------------------------------------------------------------------- */

static const char document_text[] =
	"{'hz': 250, 'host': 'bochs', 'host_version': 'Bochs 1', 'vcpus': 1, 'abi': '0.1',"
	" 'kernel': {'version': '6.1'},"
	" 'columns': [{'id': 'pv/hap', 'mode': 'pv/hap', 'failed': null},"
	"  {'id': 'full/hap', 'mode': 'full/hap', 'failed': null},"
	"  {'id': 'pv/hap-a,b', 'mode': 'pv/hap', 'failed': 'it \"hung\"'},"
	"  {'id': 'bare', 'mode': 'bare', 'failed': null}],"
	" 'workloads': [{'name': 'console', 'ops': 160}],"
	" 'results': [{'workload': 'console', 'column': 'pv/hap', 'ops': 160, 'transitions': 41,"
	"   'by_class': {'hypercall': 41}, 'by_name': {'CONSOLE': 40, 'hypercall': 1},"
	"   'guest_ticks': 1234567},"
	"  {'workload': 'console', 'column': 'full/hap', 'ops': 160, 'transitions': 14081,"
	"   'by_class': {'sensitive': 14081}, 'by_name': {'port_out': 14081}, 'guest_ticks': 7},"
	"  {'workload': 'console', 'column': 'pv/hap-a,b', 'ops': 160, 'transitions': 0,"
	"   'by_class': {}, 'by_name': {}, 'guest_ticks': null}],"
	" 'tick': [{'column': 'pv/hap', 'each': 1.0, 'transitions': 10},"
	"  {'column': 'full/hap', 'each': 2.0, 'transitions': 20}]}";

/* With the quotes that JSON wants. */
static struct json_object *document(void)
{
	char *copy = strdup(document_text);
	struct json_object *parsed;
	bool is_inside = false;

	for (char *c = copy; *c; c++) {
		is_inside ^= *c == '\'';
		*c = *c == '\'' ? '"' : *c == '"' ? '\'' : *c;
	}
	parsed = json_tokener_parse(copy);
	free(copy);
	return is_inside ? NULL : parsed;
}

static bool has_line(const char *all, const char *words)
{
	bool is_there = false;
	char *copy = strdup(all), *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		char squeezed[300] = "";
		char *word;

		while ((word = strsep(&line, " ")))
			if (*word)
				snprintf(squeezed + strlen(squeezed),
					 sizeof(squeezed) - strlen(squeezed), "%s%s",
					 *squeezed ? " " : "", word);
		is_there |= !strcmp(squeezed, words);
	}
	free(copy);
	return is_there;
}

static void table(void)
{
	struct json_object *d = document();
	char *all = NULL;
	size_t bytes;
	FILE *to = open_memstream(&all, &bytes);

	compare_print(d, false, to);
	fclose(to);
	EXPECT_EQ(has_line(all, "Linux 6.1 with 1 vCPU on Bochs 1, ABI 0.1"), true);
	EXPECT_EQ(has_line(all, "console 160 0.256 41 343x 88.0 14,081 0 0 all"), true);
	EXPECT_EQ(has_line(all, "a tick (250 Hz) 1.00 10 2.00x 2.00 20 - - -"), true);
	EXPECT_EQ(has_line(all, "CONSOLE 40 0 0"), true);
	EXPECT_EQ(has_line(all, "sensitive 0 14,081 0"), true);
	EXPECT_EQ(has_line(all, "console 1,234,567 7 - -"), true);
	EXPECT_EQ(has_line(all, "pv/hap-a,b failed: it 'hung'"), true);
	free(all);
	json_object_put(d);
}

static void comma_separated(void)
{
	struct json_object *d = document();
	char *all = compare_csv(d);

	EXPECT_EQ(!strncmp(all, "workload,column,mode,host,ops,transitions,", 42), true);
	EXPECT_EQ(has_line(all, "console,pv/hap,,,160,41,,1234567,,41,,,,,,CONSOLE=40 hypercall=1"),
		  true);
	EXPECT_EQ(has_line(all, "console,\"pv/hap-a,b\",,,160,0,,,,,,,,,,"), true);
	free(all);
	json_object_put(d);
}

/* ---- what must not differ -------------------------------------------------------------------- */

static struct json_object *report(const char *console, unsigned int transitions)
{
	char *json = xasprintf("{\"failed\": null, \"results\": [{\"workload\": \"console\", "
			       "\"transitions\": %u}], \"texts\": {\"console\": \"%s\"}}",
			       transitions, console);
	struct json_object *parsed = json_tokener_parse(json);

	free(json);
	return parsed;
}

static void expect_differences(bool is_deterministic, struct json_object *const *reports,
			       unsigned int failures, const char *said)
{
	struct compare_plan plan = { .repeat = 2, .is_deterministic = is_deterministic };
	struct errors e = { 0 };
	char *all = NULL;
	size_t bytes;
	FILE *to = open_memstream(&all, &bytes);

	compare_choose("console", plan.workloads, &plan.workload_count, &e);
	compare_add_modes(&plan, "pv/hap,bare", true, &e);
	EXPECT_EQ(e.count, 0);
	EXPECT_EQ(compare_differences(&plan, reports, to), failures);
	fclose(to);
	EXPECT_STR(all, said);
	free(all);
	compare_free_columns(&plan);
	for (unsigned int i = 0; i < 4; i++)
		json_object_put(reports[i]);
}

#define REPORTS(...) ((struct json_object *const[]){ __VA_ARGS__ })

static void differences(void)
{
	static const char counts[] = "pv/hap, console: transitions was 41 in the first round, then "
				     "40 in round 2\n";

	/* The first round's columns, then the second's. */
	expect_differences(
		true, REPORTS(report("a", 41), report("a", 0), report("a", 41), report("a", 0)), 0,
		"");
	expect_differences(
		true, REPORTS(report("a", 41), report("a", 0), report("a", 40), report("a", 0)), 1,
		counts);
	/* Said, but no failure. */
	expect_differences(
		false, REPORTS(report("a", 41), report("a", 0), report("a", 40), report("a", 0)), 0,
		counts);
	expect_differences(
		false, REPORTS(report("b", 41), report("a", 0), report("b", 41), report("a", 0)), 1,
		"console: the output in pv/hap differs from that in bare\n");
	expect_differences(true,
			   REPORTS(report("a", 41), report("a", 0),
				   json_tokener_parse("{\"failed\": \"x\", \"results\": []}"),
				   report("a", 0)),
			   1, "pv/hap, console: there is no result in round 2\n");
}

/* Of file names, which may be any bytes. */
static void words(void)
{
	char *argv[] = { "compare", "--html", "it's.html",       "",
			 "a b",     "x~#!",   "pv/hap,full/hap", NULL };
	char *text = compare_command(7, argv);

	EXPECT_STR(text, "pvn compare --html 'it'\\''s.html' '' 'a b' 'x~#!' pv/hap,full/hap");
	free(text);
	text = compare_utf8("a\xff\n\xc3\xa9\xc0\x80\xe2\x82");
	EXPECT_STR(text, "a\xef\xbf\xbd\n\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	free(text);
}

int main(void)
{
	words();
	tap_case("the command as a shell takes it, and text that is UTF-8");
	factors();
	tap_case("factors: 0/0, x/0, 0/x, below 1, huge");
	per_op();
	tap_case("counts an operation: whole, small, no operation, huge");
	grouped();
	tap_case("digits in groups");
	columns();
	tap_case("columns of modes and of masked features");
	refused();
	tap_case("a mode of the ABI that is not there is refused by name");
	chosen();
	tap_case("workloads by name, in the table's order");
	table();
	tap_case("the table of a document with a failed column");
	comma_separated();
	tap_case("CSV with quotes");
	differences();
	tap_case("rounds and outputs that differ");
	return tap_done();
}
