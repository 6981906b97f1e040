// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tables of the comparison's page beside the main one: what masking a feature changes, and the
 * ticks that passed.
 */
#include <stdlib.h>
#include <string.h>

#include "compare_html_page.h"

#define NARROW_COLUMNS 6u /* of one number, side by side on a portrait page */
#define TICK_COLUMNS 5u /* of two */

/* ---- what a feature is worth ---- */

static void put_difference(struct page *p, const struct cell *with, const struct cell *without)
{
	char buffer[NUMBER_MAX], factor[NUMBER_MAX];
	bool is_more;

	if (with->state != CELL_COUNTED || without->state != CELL_COUNTED) {
		put_state(p, with->state != CELL_COUNTED ? with->state : without->state, 1);
		return;
	}
	if (with->transitions == without->transitions) {
		put(p, "<td>same</td>");
		return;
	}
	is_more = without->transitions > with->transitions;
	putf(p, "<td>%s%s", is_more ? "+" : "−",
	     number_text(buffer, is_more ? without->transitions - with->transitions :
					   with->transitions - without->transitions));
	if (with->transitions)
		putf(p, " <small>%s</small>",
		     factor_text(factor, (double)with->transitions, (double)without->transitions));
	put(p, "</td>");
}

/* Does a workload count the same in all masked columns as with nothing masked? */
static bool is_same(const struct page *p, const size_t *masked, size_t count, size_t w)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct cell *with = page_cell(p, w, page_unmasked(p, masked[i]));
		const struct cell *without = page_cell(p, w, masked[i]);

		if (with->state != CELL_COUNTED || without->state != CELL_COUNTED ||
		    with->transitions != without->transitions)
			return false;
	}
	return true;
}

static void put_feature_table(struct page *p, const size_t *masked, size_t first, size_t end,
			      size_t all)
{
	size_t w, i;

	put_part_begin(p, "features", "Transitions more or fewer than with nothing masked.", first,
		       end, all);
	put(p, "<thead>\n<tr><th scope=\"col\">Workload</th>");
	for (i = first; i < end; i++)
		put_column_head(p, &p->columns[masked[i]], 1);
	put(p, "</tr>\n</thead>\n<tbody>\n");
	for (w = 0; w < p->workload_count; w++) {
		if (is_same(p, masked, all, w))
			continue;
		put_workload_head(p, w);
		put(p, "</th>");
		for (i = first; i < end; i++)
			put_difference(p, page_cell(p, w, page_unmasked(p, masked[i])),
				       page_cell(p, w, masked[i]));
		put(p, "</tr>\n");
	}
	put(p, "</tbody>\n");
	put_table_end(p);
}

static void put_features(struct page *p, const size_t *masked, size_t count)
{
	size_t same = 0, first, end, w;

	for (w = 0; w < p->workload_count; w++)
		same += is_same(p, masked, count, w);
	put(p, "<section aria-labelledby=\"worth\">\n<h2 id=\"worth\">What single features are "
	       "worth</h2>\n<p>The same mode once more with features masked: what a workload needs "
	       "more without them is what they save.");
	if (same == p->workload_count)
		put(p, " Here no workload counts differently.");
	else if (same)
		putf(p, " Workloads that count the same without them (%zu of %zu) are left out.",
		     same, p->workload_count);
	put(p, "</p>\n");
	for (first = 0; first < count && same < p->workload_count; first = end) {
		end = part_end(first, count, NARROW_COLUMNS);
		put_feature_table(p, masked, first, end, count);
	}
	put(p, "</section>\n");
}

void put_feature_tables(struct page *p)
{
	size_t *masked = xcalloc(p->counted_count, sizeof(*masked)), count = 0, i;

	for (i = 0; i < p->counted_count; i++) {
		if (p->columns[p->counted[i]].features_off &&
		    page_unmasked(p, p->counted[i]) < p->column_count)
			masked[count++] = p->counted[i];
	}
	if (count)
		put_features(p, masked, count);
	free(masked);
}

/* ---- ticks ---- */

static void put_ticks(struct page *p, const struct cell *cell, const struct column *c)
{
	char buffer[NUMBER_MAX];
	bool is_bare = c->tick.state == CELL_BARE;

	if (!cell->has_guest_ticks && !cell->has_vmm_ticks) {
		put_state(p, !is_bare ? cell->state : c->failed ? CELL_FAILED : CELL_NOT_RUN, 2);
		return;
	}
	if (cell->has_guest_ticks)
		putf(p, "<td class=\"first\">%s</td>", number_text(buffer, cell->guest_ticks));
	else
		put(p, "<td class=\"first state\">unknown</td>");
	if (is_bare)
		put(p, "<td class=\"state\">none</td>");
	else if (cell->has_vmm_ticks)
		putf(p, "<td>%s</td>", number_text(buffer, cell->vmm_ticks));
	else
		put_state(p, CELL_COUNTED, 1);
}

static void put_tick_table(struct page *p, size_t first, size_t end)
{
	size_t w, i;

	put_part_begin(p, "ticks", "Ticks of each workload.", first, end, p->column_count);
	put(p, "<thead>\n<tr><th scope=\"col\" rowspan=\"2\">Workload</th>");
	for (i = first; i < end; i++)
		put_column_head(p, &p->columns[i], 2);
	put(p, "</tr>\n<tr>");
	for (i = first; i < end; i++)
		put(p, "<th scope=\"col\" class=\"first\">in all</th><th scope=\"col\">hypervisor"
		       "</th>");
	put(p, "</tr>\n</thead>\n<tbody>\n");
	for (w = 0; w < p->workload_count; w++) {
		put_workload_head(p, w);
		put(p, "</th>");
		for (i = first; i < end; i++)
			put_ticks(p, page_cell(p, w, i), &p->columns[i]);
		put(p, "</tr>\n");
	}
	put(p, "</tbody>\n");
	put_table_end(p);
}

static const char *meaning_of_tick(const struct page *p)
{
	struct json_object *host = page_member(p->doc, "host", json_type_string);
	const char *name = host ? json_object_get_string(host) : "";

	if (!strcmp(name, "bochs"))
		return "On Bochs a tick is one emulated instruction: the length of the way through "
		       "the software, not time on silicon.";
	if (!strcmp(name, "qemu"))
		return "On QEMU an emulated instruction is two ticks: the length of the way "
		       "through the software, not time on silicon.";
	return "Ticks of the processor’s own counter differ from run to run.";
}

void put_tick_tables(struct page *p)
{
	size_t first, end;

	put(p, "<section aria-labelledby=\"time\">\n<h2 id=\"time\">Ticks</h2>\n<p>What passed on "
	       "the guest’s clock from before a workload to after it, and how much of that the "
	       "hypervisor took, for the timer tick as well. ");
	put(p, meaning_of_tick(p));
	put(p, "</p>\n");
	for (first = 0; first < p->column_count; first = end) {
		end = part_end(first, p->column_count, TICK_COLUMNS);
		put_tick_table(p, first, end);
	}
	if (!p->column_count)
		put(p, "<p>The comparison has no columns.</p>\n");
	put(p, "</section>\n");
}
