// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the transitions of each workload were: for every class its count in each column, with the
 * exit reasons and hypercalls that belong to it below. Classes come from the ABI's tables; a name
 * that these do not have (another version's) is shown among the others, never left out.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "compare_html_page.h"
#include "pv_abi.h"
#include "pv_names.h"

#define DETAIL_COLUMNS 6u
#define NO_CLASS PV_CLASS_COUNT /* names that no table has */

/* Names that occur in a workload's results, each once, with the largest of its counts. */
struct names {
	struct name {
		const char *name;
		uint64_t most;
	} * entry;
	size_t count;
};

static void names_add(struct names *names, const char *name, uint64_t count)
{
	size_t i = 0;

	while (i < names->count && strcmp(names->entry[i].name, name))
		i++;
	if (i == names->count) {
		names->entry = xrealloc(names->entry, (i + 1) * sizeof(*names->entry));
		names->entry[names->count++] = (struct name){ name, 0 };
	}
	if (count > names->entry[i].most)
		names->entry[i].most = count;
}

/* The largest first; by name where they are equal. */
static int by_count(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->most != y->most)
		return x->most < y->most ? 1 : -1;
	return strcmp(x->name, y->name);
}

static uint64_t count_in(struct json_object *counts, const char *name)
{
	struct json_object *value = counts ? page_member(counts, name, json_type_int) : NULL;

	return value ? json_object_get_uint64(value) : 0;
}

/* Gathers what has a count above 0 somewhere. */
static void gather(const struct page *p, size_t w, bool by_class, struct names *names)
{
	size_t i;

	for (i = 0; i < p->counted_count; i++) {
		const struct cell *cell = page_cell(p, w, p->counted[i]);
		struct json_object *counts = by_class ? cell->by_class : cell->by_name;

		if (cell->state != CELL_COUNTED || !counts)
			continue;
		json_object_object_foreach(counts, name, value)
		{
			uint64_t count = json_object_get_uint64(value);

			if (count)
				names_add(names, name, count);
		}
	}
	if (names->count)
		qsort(names->entry, names->count, sizeof(*names->entry), by_count);
}

static unsigned int class_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(pv_exit_names) / sizeof(pv_exit_names[0]); i++) {
		if (pv_exit_names[i] && !strcmp(pv_exit_names[i], name))
			return pv_exit_class[i];
	}
	for (i = 0; i < sizeof(pv_call_names) / sizeof(pv_call_names[0]); i++) {
		if (pv_call_names[i] && !strcmp(pv_call_names[i], name))
			return PV_CLASS_HYPERCALL;
	}
	return NO_CLASS;
}

/* A row of one class or name over columns first to end. */
struct row {
	const char *name;
	bool by_class;
	size_t workload, first, end;
};

static void put_row(struct page *p, const struct row *row)
{
	size_t i;

	putf(p, "<tr class=\"%s\"><th scope=\"row\">", row->by_class ? "class" : "name");
	put_string(p, row->name);
	put(p, "</th>");
	for (i = row->first; i < row->end; i++) {
		const struct cell *cell = page_cell(p, row->workload, p->counted[i]);
		struct json_object *counts = row->by_class ? cell->by_class : cell->by_name;

		if (cell->state != CELL_COUNTED)
			put_state(p, cell->state, 1);
		else if (!counts)
			put_state(p, CELL_COUNTED, 1);
		else
			put_count(p, "", count_in(counts, row->name));
	}
	put(p, "</tr>\n");
}

/* A class that nobody counted may still have names: an empty head keeps the table's order. */
static void put_class(struct page *p, struct row row, unsigned int kind,
		      const struct names *classes, const struct names *names)
{
	const char *title = kind < PV_CLASS_COUNT ? pv_class_names[kind] : NULL;
	bool is_open = false;
	size_t i;

	for (i = 0; title && i < classes->count; i++) {
		if (strcmp(classes->entry[i].name, title))
			continue;
		put(p, "<tbody>\n");
		row.by_class = is_open = true;
		row.name = title;
		put_row(p, &row);
	}
	row.by_class = false;
	for (i = 0; i < names->count; i++) {
		if (class_of(names->entry[i].name) != kind)
			continue;
		if (!is_open)
			put(p, "<tbody>\n");
		is_open = true;
		row.name = names->entry[i].name;
		put_row(p, &row);
	}
	if (is_open)
		put(p, "</tbody>\n");
}

/* Classes that the ABI does not have. */
static void put_foreign_classes(struct page *p, struct row row, const struct names *classes)
{
	size_t i, k;

	row.by_class = true;
	for (i = 0; i < classes->count; i++) {
		for (k = 0; k < PV_CLASS_COUNT; k++) {
			if (!strcmp(pv_class_names[k], classes->entry[i].name))
				break;
		}
		row.name = classes->entry[i].name;
		if (k < PV_CLASS_COUNT)
			continue;
		put(p, "<tbody>\n");
		put_row(p, &row);
		put(p, "</tbody>\n");
	}
}

/* All of them, and those of the tick, which are not among the others. */
static void put_sums(struct page *p, const struct row *row)
{
	int is_tick;
	size_t i;

	put(p, "<tbody class=\"apart\">\n");
	for (is_tick = 0; is_tick < 2; is_tick++) {
		putf(p, "<tr class=\"%s\"><th scope=\"row\">%s</th>", is_tick ? "tick" : "class",
		     is_tick ? "besides, by the tick" : "all");
		for (i = row->first; i < row->end; i++) {
			const struct cell *cell = page_cell(p, row->workload, p->counted[i]);

			if (cell->state == CELL_COUNTED)
				put_count(p, "",
					  is_tick ? cell->tick_transitions : cell->transitions);
			else
				put_state(p, cell->state, 1);
		}
		put(p, "</tr>\n");
	}
	put(p, "</tbody>\n");
}

static void put_table(struct page *p, size_t w, size_t first, const struct names *classes,
		      const struct names *names)
{
	size_t end = first + DETAIL_COLUMNS < p->counted_count ? first + DETAIL_COLUMNS :
								 p->counted_count;
	struct row row = { .workload = w, .first = first, .end = end };
	char *id = xasprintf("detail-%zu-%zu", w, first);
	unsigned int kind;
	size_t i;

	put_table_begin(p, id, "Transitions by class, and by reason or hypercall.");
	free(id);
	put(p, "<thead>\n<tr><th scope=\"col\">Class and name</th>");
	for (i = first; i < end; i++)
		put_column_head(p, &p->columns[p->counted[i]], 1);
	put(p, "</tr>\n</thead>\n");
	for (kind = 0; kind <= NO_CLASS; kind++)
		put_class(p, row, kind, classes, names);
	put_foreign_classes(p, row, classes);
	put_sums(p, &row);
	put_table_end(p);
}

/* "; the timer tick took 3 in pv/hap, 6 in full/hap" */
static void put_tick_sentence(struct page *p, size_t w)
{
	char buffer[NUMBER_MAX];
	size_t i, count = 0;

	for (i = 0; i < p->counted_count; i++) {
		const struct cell *cell = page_cell(p, w, p->counted[i]);

		if (cell->state != CELL_COUNTED || !cell->tick_transitions)
			continue;
		putf(p, "%s%s in ", count++ ? ", " : "; the timer tick took ",
		     number_text(buffer, cell->tick_transitions));
		put_column(p, &p->columns[p->counted[i]]);
	}
}

/* One sentence where a table would have nothing but zeros. */
static bool put_nothing(struct page *p, size_t w)
{
	size_t counted = 0, i;

	for (i = 0; i < p->counted_count; i++) {
		const struct cell *cell = page_cell(p, w, p->counted[i]);

		counted += cell->state == CELL_COUNTED;
		if (cell->state == CELL_COUNTED && cell->transitions)
			return false;
	}
	if (!counted)
		put(p, "<p>No column has a result");
	else if (counted < p->counted_count)
		put(p, "<p>No transition in any column that has a result");
	else
		put(p, "<p>No transition in any column");
	put_tick_sentence(p, w);
	put(p, ".</p>\n");
	return true;
}

static void put_workload(struct page *p, size_t w)
{
	const struct workload *workload = &p->workloads[w];
	struct names classes = { 0 }, names = { 0 };
	size_t first;

	putf(p, "<section class=\"workload\" aria-labelledby=\"w%zu\">\n<h3 id=\"w%zu\">", w, w);
	put_json(p, workload->name);
	put(p, " <small>");
	put_amount(p, workload->ops, workload->unit);
	put(p, "</small></h3>\n");
	if (workload->stresses) {
		put(p, "<p><b>Stresses:</b> ");
		put_json(p, workload->stresses);
		put(p, "</p>\n");
	}
	if (workload->why) {
		put(p, "<p><b>Why the modes differ:</b> ");
		put_json(p, workload->why);
		put(p, "</p>\n");
	}
	if (!put_nothing(p, w)) {
		gather(p, w, true, &classes);
		gather(p, w, false, &names);
		for (first = 0; first < p->counted_count; first += DETAIL_COLUMNS)
			put_table(p, w, first, &classes, &names);
		free(classes.entry);
		free(names.entry);
	}
	put(p, "</section>\n");
}

static void put_glossary(struct page *p)
{
	unsigned int i;

	put(p, "<p>A transition is of one class:</p>\n<dl class=\"glossary\">\n");
	for (i = 0; i < PV_CLASS_COUNT; i++) {
		put(p, "<div><dt>");
		put_string(p, pv_class_names[i]);
		put(p, "</dt><dd>");
		put_string(p, compare_class_meaning(i));
		put(p, ".</dd></div>\n");
	}
	put(p, "</dl>\n");
}

void put_breakdown(struct page *p)
{
	size_t w;

	put(p, "<section aria-labelledby=\"detail\">\n<h2 id=\"detail\">What the transitions were"
	       "</h2>\n");
	put_glossary(p);
	for (w = 0; w < p->workload_count; w++)
		put_workload(p, w);
	if (!p->workload_count)
		put(p, "<p>The comparison has no workloads.</p>\n");
	put(p, "</section>\n");
}
