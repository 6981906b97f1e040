/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How `pvn trace` shows a trace: a filter, and outputs that are given one entry after the other, so
 * that a machine which still runs can be followed the same way. Used by trace.c alone.
 */
#ifndef TOOLS_TRACE_VIEW_H
#define TOOLS_TRACE_VIEW_H

#include "trace.h"

/* ---- trace_filter.c -------------------------------------------------------------------------- */

#define TRACE_NAMES_MAX 64u

struct trace_filter {
	/* As on the command line; each option may come again and hold several. */
	char *domains, *vcpus, *kinds, *names;
	double from_us, to_us; /* since the first record */
	/* After trace_filter_resolve(): */
	uint32_t domain_mask, vcpu_mask, kind_mask;
	const char *name_list[TRACE_NAMES_MAX];
	unsigned int name_count;
};

void trace_filter_init(struct trace_filter *filter);
/* Adds to one of the lists. */
void trace_filter_add(char **list, const char *words);
/* "1500", "2ms", "1.5s": microseconds; false: it is something else. */
bool trace_filter_time(const char *text, double *us);
/* Once the trace has names. -1 with an error that says what there is. */
int trace_filter_resolve(struct trace_filter *filter, const struct trace *trace, struct errors *e);
bool trace_filter_accepts(const struct trace_filter *filter, const struct trace *trace,
			  const struct trace_entry *entry, double us);
void trace_filter_free(struct trace_filter *filter);

/* ---- outputs --------------------------------------------------------------------------------- */

struct trace_output;

struct trace_format {
	const char *option; /* what messages call it */
	bool is_text; /* for people: says at its end what is missing */
	void (*begin)(struct trace_output *output, const struct trace *trace);
	void (*entry)(struct trace_output *output, const struct trace *trace,
		      const struct trace_entry *entry);
	void (*end)(struct trace_output *output, const struct trace *trace);
};

struct trace_output {
	const struct trace_format *format;
	const char *path; /* "-": standard output */
	FILE *file;
	uint64_t origin; /* TSC of time 0 */
	uint64_t written;
	void *state; /* the format's own, freed by its end */
};

extern const struct trace_format trace_format_lines; /* trace_lines.c */
extern const struct trace_format trace_format_json; /* trace_export.c */
extern const struct trace_format trace_format_csv;
extern const struct trace_format trace_format_perfetto; /* trace_perfetto.c */
extern const struct trace_format trace_format_summary; /* trace_summary.c */
extern const struct trace_format trace_format_by_symbol; /* trace_by_symbol.c */

/* ---- trace.c: the command -------------------------------------------------------------------- */

#define TRACE_OUTPUTS_MAX 6u

struct trace_command {
	const char *file;
	bool follows;
	char *symbols; /* DOMAIN=FILE, with commas */
	struct trace_filter filter;
	struct trace_output outputs[TRACE_OUTPUTS_MAX];
	unsigned int output_count;
	uint64_t origin;
	bool has_origin, has_begun;
};

/*
 * Once names are known: filter, symbols, heads of the outputs. Again it does nothing. PVN_OK, or
 * the exit code with an error.
 */
enum pvn_exit trace_begin(struct trace_command *command, struct trace *trace, struct errors *e);
/* The first `count` entries to all outputs, as far as the filter lets them pass. */
void trace_show(struct trace_command *command, const struct trace *trace, size_t count);
/* The exit code; an error where the trace is not whole, after all before the damage was shown. */
int trace_verdict(const struct trace_command *command, const struct trace *trace,
		  enum trace_status status, const char *why, struct errors *e);

/* ---- trace_symbols.c, trace_follow.c --------------------------------------------------------- */

/* Symbols of all domains; given: "DOMAIN=FILE,..." or NULL. */
int trace_symbols_load(struct trace *trace, const char *given, struct errors *e);
/* --follow: a file that still grows. Returns the exit code. */
int trace_follow(struct trace_command *command, struct trace *trace, struct errors *e);

/* ---- trace_lines.c, trace_export.c: parts that outputs share --------------------------------- */

/* Has it an address of the guest? Its symbol, "" where none is known. */
bool trace_where(const struct trace *trace, const struct trace_entry *entry, char *symbol,
		 size_t size);
/* Nanoseconds since time 0; where the frequency is unknown, ticks times 1000. */
int64_t trace_ns(const struct trace *trace, uint64_t tsc, uint64_t origin);
/* "12.345" of 12345 ns. */
void trace_put_us(struct trace_line *line, int64_t ns);
/* A JSON string with its quotation marks. */
void trace_put_json(struct trace_line *line, const char *text);

#endif
