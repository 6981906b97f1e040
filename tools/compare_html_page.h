/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the comparison's page share (compare_html*.c): the document in the form of a
 * matrix with a cell for every workload and column, and the functions that put text and numbers.
 * Nothing else knows these. Strings point into the document, which outlives the page.
 */
#ifndef TOOLS_COMPARE_HTML_PAGE_H
#define TOOLS_COMPARE_HTML_PAGE_H

#include <json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pvn.h"

/* Why a cell has no count, if it has none. */
enum cell_state {
	CELL_NOT_RUN, /* the document has no result */
	CELL_COUNTED,
	CELL_FAILED, /* the column failed */
	CELL_BARE, /* no hypervisor: ticks, but no transitions */
};

struct cell {
	enum cell_state state;
	uint64_t ops, transitions, tick_transitions;
	bool has_guest_ticks, has_vmm_ticks;
	uint64_t guest_ticks, vmm_ticks; /* the second are part of the first */
	struct json_object *by_class, *by_name; /* NULL or objects */
};

/* What a timer tick costs in a column. */
struct tick {
	enum cell_state state;
	uint64_t transitions;
	double periods; /* not always whole: of what time passed */
};

struct column {
	struct json_object *id, *mode; /* strings */
	struct json_object *features_off; /* NULL or an array that is not empty */
	struct json_object *failed; /* the reason, NULL if it did not fail */
	const char *style; /* class of its bars and swatches */
	struct tick tick;
};

struct workload {
	struct json_object *name; /* a string */
	struct json_object *unit, *stresses, *why; /* strings or NULL */
	uint64_t ops;
};

struct page {
	FILE *out;
	struct json_object *doc;
	struct column *columns;
	size_t column_count;
	/* The columns with transitions, all but bare: what tables of transitions go through. */
	size_t *counted;
	size_t counted_count;
	struct workload *workloads;
	size_t workload_count;
	struct cell *cells; /* [workload * column_count + column] */
	size_t baseline; /* full virtualization; column_count where there is none */
};

/*
 * compare_html_model.c: fills a page from its document. 0, or -1 with errors; free it in any case.
 */
int page_load(struct page *p, struct json_object *doc, struct errors *e);
void page_free(struct page *p);
const struct cell *page_cell(const struct page *p, size_t workload, size_t column);
/* The document's member if it has that type, else NULL. */
struct json_object *page_member(struct json_object *object, const char *key, json_type type);
/* The same column with nothing masked; column_count where there is none. */
size_t page_unmasked(const struct page *p, size_t column);

/* compare_html_text.c. The first two put text of our own, the others what came from elsewhere. */
void put(struct page *p, const char *html);
void putf(struct page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void put_bytes(struct page *p, const char *text, size_t length);
void put_string(struct page *p, const char *text);
/* A string of the document, or "unknown". */
void put_json(struct page *p, struct json_object *string);
/* "pv/hap without batch, cr3_targets" */
void put_column(struct page *p, const struct column *c);
void put_swatch(struct page *p, const struct column *c);
/* "100,000 calls" */
void put_amount(struct page *p, uint64_t count, struct json_object *unit);

#define NUMBER_MAX 48u
/* "14,113", "0.256", to three digits that count. Return the buffer. */
const char *number_text(char buffer[NUMBER_MAX], uint64_t value);
const char *ratio_text(char buffer[NUMBER_MAX], double value);
/* "344× fewer", "2.10× more", "same", "all avoided", "only here" of two counts or rates. */
const char *factor_text(char buffer[NUMBER_MAX], double baseline, double value);

/* The parts of the page, in their order. */
void put_style(struct page *p); /* compare_html_style.c */
void put_findings(struct page *p); /* compare_html_summary.c */
void put_chart(struct page *p); /* compare_html_chart.c */
void put_transition_tables(struct page *p); /* compare_html_table.c */
void put_feature_tables(struct page *p); /* compare_html_extra.c */
void put_tick_tables(struct page *p);
void put_breakdown(struct page *p); /* compare_html_detail.c */
void put_configuration(struct page *p); /* compare_html_summary.c */

/* compare_html_table.c: a table that scrolls in its own frame, up to its first row. */
void put_table_begin(struct page *p, const char *id, const char *caption);
void put_table_end(struct page *p);
/* The same for the part of a table that has the columns first to end of `all`. */
void put_part_begin(struct page *p, const char *id, const char *caption, size_t first, size_t end,
		    size_t all);
/* The end of the part that begins at first: parts of about one size, none longer than `most`. */
size_t part_end(size_t first, size_t all, size_t most);
/* <tr> and its <th>, which the caller ends. */
void put_workload_head(struct page *p, size_t w);
/* <th> of a column over `span` columns of the table. */
void put_column_head(struct page *p, const struct column *c, unsigned int span);
/* <td> of a count; a 0 is paler, so that the others stand out. classes: of its own, or "". */
void put_count(struct page *p, const char *classes, uint64_t count);
/* "failed" or "not run" or "no hypervisor" over `span` columns; not for a counted cell. */
void put_state(struct page *p, enum cell_state state, unsigned int span);

#endif
