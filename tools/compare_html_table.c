// SPDX-License-Identifier: BSD-2-Clause
/*
 * What all tables of the comparison's page share, and the main one: workloads down, columns across,
 * the tick as a row of its own. A table has at most as many columns as paper takes; more of them
 * make more tables. Every cell has a number or a word.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "compare_html_page.h"

#define WIDE_COLUMNS 4u /* of three numbers each, side by side on a portrait page */

void put_table_begin(struct page *p, const char *id, const char *caption)
{
	/* Who uses the keyboard can reach the frame and scroll it. */
	putf(p,
	     "<div class=\"scroll\" role=\"region\" aria-labelledby=\"%s\" tabindex=\"0\">"
	     "<table>\n<caption id=\"%s\">",
	     id, id);
	put(p, caption);
	put(p, "</caption>\n");
}

void put_table_end(struct page *p)
{
	put(p, "</table></div>\n");
}

void put_column_head(struct page *p, const struct column *c, unsigned int span)
{
	if (span > 1)
		putf(p, "<th scope=\"colgroup\" colspan=\"%u\" class=\"mode\">", span);
	else
		put(p, "<th scope=\"col\" class=\"mode\">");
	if (c->tick.state != CELL_BARE)
		put_swatch(p, c);
	put_column(p, c);
	put(p, "</th>");
}

void put_state(struct page *p, enum cell_state state, unsigned int span)
{
	static const char *const words[] = {
		[CELL_NOT_RUN] = "not run",
		[CELL_COUNTED] = "not measured",
		[CELL_FAILED] = "failed",
		[CELL_BARE] = "no hypervisor",
	};

	if (span > 1)
		putf(p, "<td colspan=\"%u\" class=\"state\">%s</td>", span, words[state]);
	else
		putf(p, "<td class=\"state\">%s</td>", words[state]);
}

void put_count(struct page *p, const char *classes, uint64_t count)
{
	char buffer[NUMBER_MAX];

	putf(p, "<td class=\"%s%s\">%s</td>", classes, count ? "" : " zero",
	     number_text(buffer, count));
}

void put_part_begin(struct page *p, const char *id, const char *caption, size_t first, size_t end,
		    size_t all)
{
	char *part_id = xasprintf("%s-%zu", id, first), *text;

	if (first == 0 && end == all)
		text = xstrdup(caption);
	else
		text = xasprintf("%s Columns %zu to %zu of %zu.", caption, first + 1, end, all);
	put_table_begin(p, part_id, text);
	free(part_id);
	free(text);
}

size_t part_end(size_t first, size_t all, size_t most)
{
	size_t left = all - first, parts = (left + most - 1) / most;

	return first + (left + parts - 1) / parts;
}

void put_workload_head(struct page *p, size_t w)
{
	putf(p, "<tr><th scope=\"row\"><a href=\"#w%zu\">", w);
	put_json(p, p->workloads[w].name);
	put(p, "</a>");
}

/* ---- transitions ---- */

static double rate(uint64_t count, double per)
{
	return per > 0 ? (double)count / per : 0;
}

/* Total, per operation, factor. */
static void put_numbers(struct page *p, uint64_t count, const char *each, const char *factor)
{
	put_count(p, "first total", count);
	putf(p, "<td%s>%s</td>", count ? "" : " class=\"zero\"", each);
	/* Words that most rows have must not hide the few numbers. */
	putf(p, "<td class=\"factor%s\">%s</td>", strchr(factor, ' ') ? "" : " dull", factor);
}

static const char *factor_of(const struct page *p, char buffer[NUMBER_MAX], size_t column,
			     bool has_baseline, double baseline, double value)
{
	if (column == p->baseline)
		return "baseline";
	return has_baseline ? factor_text(buffer, baseline, value) : "no baseline";
}

static void put_transitions(struct page *p, size_t w, size_t column)
{
	const struct cell *cell = page_cell(p, w, column), *base = NULL;
	char buffer[NUMBER_MAX], each[NUMBER_MAX] = "unknown";

	if (cell->state != CELL_COUNTED) {
		put_state(p, cell->state, 3);
		return;
	}
	if (p->baseline < p->column_count)
		base = page_cell(p, w, p->baseline);
	if (base && base->state != CELL_COUNTED)
		base = NULL;
	if (cell->ops)
		compare_per_op(cell->transitions, cell->ops, each);
	put_numbers(p, cell->transitions, each,
		    factor_of(p, buffer, column, base,
			      base ? rate(base->transitions, (double)base->ops) : 0,
			      rate(cell->transitions, (double)cell->ops)));
}

static void put_tick(struct page *p, size_t column)
{
	const struct tick *tick = &p->columns[column].tick, *base = NULL;
	char buffer[NUMBER_MAX], each[NUMBER_MAX];
	double here = rate(tick->transitions, tick->periods);

	if (tick->state != CELL_COUNTED) {
		put_state(p, tick->state, 3);
		return;
	}
	if (p->baseline < p->column_count && p->columns[p->baseline].tick.state == CELL_COUNTED)
		base = &p->columns[p->baseline].tick;
	put_numbers(p, tick->transitions, tick->periods > 0 ? ratio_text(each, here) : "unknown",
		    factor_of(p, buffer, column, base,
			      base ? rate(base->transitions, base->periods) : 0, here));
}

static void put_transition_table(struct page *p, size_t first, size_t end)
{
	size_t w, i;

	put_part_begin(p, "transitions",
		       "Transitions of each workload, without those of the timer tick.", first, end,
		       p->counted_count);
	put(p, "<thead>\n<tr><th scope=\"col\" rowspan=\"2\">Workload</th>");
	for (i = first; i < end; i++)
		put_column_head(p, &p->columns[p->counted[i]], 3);
	put(p, "</tr>\n<tr>");
	for (i = first; i < end; i++)
		put(p, "<th scope=\"col\" class=\"first\">total</th><th scope=\"col\">per op."
		       "</th><th scope=\"col\">factor</th>");
	put(p, "</tr>\n</thead>\n<tbody>\n");
	for (w = 0; w < p->workload_count; w++) {
		put_workload_head(p, w);
		put(p, " <small>");
		put_amount(p, p->workloads[w].ops, p->workloads[w].unit);
		put(p, "</small></th>");
		for (i = first; i < end; i++)
			put_transitions(p, w, p->counted[i]);
		put(p, "</tr>\n");
	}
	put(p, "</tbody>\n<tbody class=\"apart\">\n<tr><th scope=\"row\">timer tick <small>per "
	       "period</small></th>");
	for (i = first; i < end; i++)
		put_tick(p, p->counted[i]);
	put(p, "</tr>\n</tbody>\n");
	put_table_end(p);
}

void put_transition_tables(struct page *p)
{
	size_t first, end;

	put(p,
	    "<section aria-labelledby=\"table\">\n<h2 id=\"table\">Transitions in numbers</h2>\n");
	if (p->baseline < p->column_count) {
		put(p, "<p>The factor compares transitions per operation (op.) with those "
		       "of full virtualization, here ");
		put_column(p, &p->columns[p->baseline]);
		put(p, ". “All avoided” means that full virtualization needs some and this column "
		       "none.</p>\n");
	} else {
		put(p, "<p>No column of full virtualization came to its end, so there is nothing "
		       "to compare the others with.</p>\n");
	}
	for (first = 0; first < p->counted_count; first = end) {
		end = part_end(first, p->counted_count, WIDE_COLUMNS);
		put_transition_table(p, first, end);
	}
	if (!p->counted_count)
		put(p, "<p>The comparison has no column with a hypervisor.</p>\n");
	put(p, "</section>\n");
}
