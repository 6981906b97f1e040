/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `pvn compare`: the same programs in the same kernel, in each mode, and what they cost in
 * transitions. A column (a mode, perhaps with a feature masked) is one boot that runs all
 * workloads, each between two marks, in a process of its own; what it measured comes back as JSON.
 * From that one document is made (docs/compare.schema.json) which everything else is printed from.
 */
#ifndef TOOLS_COMPARE_H
#define TOOLS_COMPARE_H

#include <json.h>

#include "host.h"
#include "pvn.h"
#include "stats.h"

#define COMPARE_VERSION 1
#define COMPARE_HZ 250u /* ticks a second of the guest's kernel: CONFIG_HZ */
#define COMPARE_COLUMNS_MAX 40u
#define COMPARE_WORKLOADS_MAX 16u
#define COMPARE_BARE "bare"

/* ---- compare.c: the command ------------------------------------------------------------------ */

/* The comparison that `pvn demo` ends with; an exit code. */
int compare_demo(enum host host);

/* ---- compare_workloads.c: what is run -------------------------------------------------------- */

struct compare_workload {
	const char *name; /* of the program in tools/workloads, too */
	uint64_t ops;
	const char *unit; /* what an operation is */
	bool has_no_tick; /* sleeps: every transition counts */
	const char *stresses, *why; /* what it exercises; why the modes differ in it */
};

/* Ends with a row without a name. The first is the measure of the tick, the last is the boot. */
extern const struct compare_workload compare_workloads[];

/* Ids of marks: before a workload, with + 1 after it; the boot has only the first. */
uint64_t compare_mark(const struct compare_workload *w);
bool compare_is_boot(const struct compare_workload *w);

/* Names of a list a,b,c into chosen[], in the table's order. 0, or -1 with an error. */
int compare_choose(const char *list, const struct compare_workload **chosen, unsigned int *count,
		   struct errors *e);
/* What a PV_CLASS_* means, in one line. */
const char *compare_class_meaning(unsigned int class);
/* Prints the table, and the classes of transitions, as the rows of docs/workloads.md. */
void compare_list(FILE *to);

/* ---- compare_columns.c: where it is run ------------------------------------------------------ */

struct compare_column {
	char *id; /* "pv/hap", "pv/hap-batch", "bare" */
	char *mode; /* "pv/hap" */
	char *refused; /* why this version cannot run it, or NULL */
	char *feature; /* that is masked, or NULL */
	uint32_t mode_number; /* PV_MODE_* */
	uint64_t features_off, hw_off;
	bool is_bare;
};

struct compare_plan {
	enum host host;
	unsigned int timeout_s, repeat, jobs;
	const struct compare_workload *workloads[COMPARE_WORKLOADS_MAX];
	unsigned int workload_count;
	struct compare_column columns[COMPARE_COLUMNS_MAX];
	unsigned int column_count;
	char *kernel, *bzimage; /* the guest's, and the same kernel for a PC; NULL without `bare` */
	char *dir; /* private folder with what follows */
	char *initrd, *initrd_gz;
	char *command; /* as it was typed */
	bool is_deterministic; /* counts of two runs are the same */
};

/* modes NULL: all that this version has, and, where it can be, bare. 0, or -1 with errors. */
int compare_add_modes(struct compare_plan *plan, const char *modes, bool has_bare,
		      struct errors *e);
/* A column for each feature of the list and each mode in which it means something. */
int compare_add_features(struct compare_plan *plan, const char *features, struct errors *e);
void compare_free_columns(struct compare_plan *plan);

/* ---- compare_measure.c: from counters to figures --------------------------------------------- */

/*
 * {failed, build, tsc_khz, results, tick, texts}: the figures of one boot. text is what its console
 * said; stats may be NULL (bare). results have no column, mode and host yet; texts are what each
 * workload printed, by its name.
 */
struct json_object *compare_measure(const struct compare_plan *plan, const struct stats *stats,
				    const char *text);

/* What a workload said, found in the console's text. */
struct compare_said {
	bool is_ok;
	uint64_t ops, ticks; /* ticks of the boot are nanoseconds */
	char *text; /* its output without figures and the kernel's messages; NULL = nothing */
	char *failure; /* why it failed, or NULL */
};

void compare_said(const char *text, const struct compare_workload *w, struct compare_said *said);
void compare_said_free(struct compare_said *said);

/* ---- compare_run.c: one column, from start to end -------------------------------------------- */

/*
 * What compare_measure() returns, with failed set where something went wrong. progress is called
 * with the name of each workload that has ended, where that can be seen. *signal is the signal
 * that ended the run, or 0.
 */
struct json_object *compare_run(const struct compare_plan *plan,
				const struct compare_column *column, const char *serial,
				void (*progress)(void *context, const char *name), void *context,
				int *signal);

/* ---- compare_pool.c: all columns, some at a time --------------------------------------------- */

/*
 * Runs every column `repeat` times. reports[] has place for column_count * repeat, those of the
 * first round first. Returns the signal that ended it, or 0.
 */
int compare_run_all(const struct compare_plan *plan, struct json_object **reports,
		    struct errors *e);

/* ---- compare_json.c, compare_csv.c ----------------------------------------------------------- */

/* The document, of the first round. */
struct json_object *compare_document(const struct compare_plan *plan,
				     struct json_object *const *reports);
/*
 * Differences between the rounds, and between what workloads printed in different columns, one a
 * line to `to`. Returns the number of those that are failures.
 */
unsigned int compare_differences(const struct compare_plan *plan,
				 struct json_object *const *reports, FILE *to);
/* The text of the CSV file, malloc'd. */
char *compare_csv(struct json_object *document);

/* ---- compare_table.c, compare_numbers.c ------------------------------------------------------ */

/* is_brief: the transitions alone, without breakdown and the guest's clock. */
void compare_print(struct json_object *document, bool is_brief, FILE *to);

/*
 * "344x", "1.20x", "0.50x", "<0.01x"; "same" for two equal ones, "all" of x and 0, "new" of 0 and
 * x.
 */
void compare_factor(double full, double here, char text[32]);
/* "0", "7", "88.2", "0.00125": three significant digits, no exponent; "-" where ops is 0. */
void compare_per_op(uint64_t count, uint64_t ops, char text[40]);
/* "10,000,000" */
void compare_grouped(uint64_t n, char text[32]);

/* ---- compare_words.c ------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at text, 0 where it is none that may stand in a page. */
size_t compare_character(const unsigned char *text, size_t length);
/* A copy that is UTF-8, malloc'd: what is none is U+FFFD there. */
char *compare_utf8(const char *text);
/* The command as a shell takes it, malloc'd. */
char *compare_command(int argc, char *const *argv);

#endif
