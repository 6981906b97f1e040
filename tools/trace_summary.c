// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace --summary`: a row a name, as strace -c has it: how often, how many ticks in all, mean,
 * median, 99th percentile, maximum. The shares are of all transitions shown. Members of a batch are
 * part of their kick, which has their ticks too; fences are no transitions of the guest.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_view.h"

/* Sorts by row, then by ticks, so that a percentile is an index. */
struct sample {
	uint32_t row; /* kind << 16 | code, FENCE */
	uint64_t ticks;
};

#define FENCE 0xff000000u /* no counter counts them */

struct state {
	struct sample *list;
	size_t count, capacity;
};

struct row {
	char name[80], kind[24];
	size_t count;
	uint64_t total, p50, p99, max;
	bool has_ticks, is_transition;
};

static void summary_begin(struct trace_output *output, const struct trace *trace)
{
	(void)trace;
	output->state = xcalloc(1, sizeof(struct state));
}

static void summary_entry(struct trace_output *output, const struct trace *trace,
			  const struct trace_entry *entry)
{
	struct state *state = output->state;

	(void)trace;
	state->list = xgrow(state->list, state->count, &state->capacity, sizeof(*state->list));
	state->list[state->count++] = (struct sample){
		trace_is_fence(entry) ? FENCE :
					(uint32_t)entry->record.kind << 16 | entry->record.code,
		entry->ticks,
	};
}

static int by_row(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->ticks < y->ticks ? -1 : x->ticks > y->ticks;
}

/* The smallest of `count` sorted samples that is no smaller than a share of them all. */
static uint64_t percentile(const struct sample *samples, size_t count, unsigned int percent)
{
	return samples[(count * percent + 99) / 100 - 1].ticks;
}

static void make_row(struct row *row, const struct trace *trace, const struct sample *samples,
		     size_t count)
{
	struct trace_entry like = { .record = { .kind = (uint8_t)(samples->row >> 16),
						.code = (uint16_t)samples->row } };
	char buffer[24];
	size_t i;

	memset(row, 0, sizeof(*row));
	if (samples->row == FENCE) {
		like.record.kind = PV_KIND_EXIT;
		like.record.code = PV_EXIT_PORT_OUT;
	}
	row->count = count;
	row->has_ticks = trace_has_ticks(&like);
	row->is_transition = samples->row != FENCE &&
			     (like.record.kind == PV_KIND_EXIT || like.record.kind == PV_KIND_CALL);
	snprintf(row->kind, sizeof(row->kind), "%s",
		 samples->row == FENCE ? "fence" :
					 trace_name(&trace->kinds, like.record.kind, buffer));
	snprintf(row->name, sizeof(row->name), "%s", trace_entry_name(trace, &like, buffer));
	for (i = 0; i < count; i++)
		row->total += samples[i].ticks;
	row->p50 = percentile(samples, count, 50);
	row->p99 = percentile(samples, count, 99);
	row->max = samples[count - 1].ticks;
}

/* Transitions by their ticks, then members, then what has no ticks, each with the most first. */
static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int rank_x = x->is_transition ? 0 : x->has_ticks ? 1 : 2;
	int rank_y = y->is_transition ? 0 : y->has_ticks ? 1 : 2;

	if (rank_x != rank_y)
		return rank_x - rank_y;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void print_row(FILE *file, const struct row *row, uint64_t all)
{
	char share[16] = "";

	if (!row->has_ticks) {
		fprintf(file, "%7s %14s %10zu %10s %10s %10s %10s  %-7s %s\n", "", "", row->count,
			"", "", "", "", row->kind, row->name);
		return;
	}
	if (row->is_transition)
		snprintf(share, sizeof(share), "%.2f",
			 all ? 100.0 * (double)row->total / (double)all : 0.0);
	fprintf(file,
		"%7s %14" PRIu64 " %10zu %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
		"  %-7s %s\n",
		share, row->total, row->count, row->total / row->count, row->p50, row->p99,
		row->max, row->kind, row->name);
}

static size_t make_rows(struct row **rows, const struct trace *trace, struct state *state)
{
	size_t count = 0, i, next;

	*rows = NULL;
	if (state->count)
		qsort(state->list, state->count, sizeof(*state->list), by_row);
	for (i = 0; i < state->count; i = next) {
		for (next = i + 1; next < state->count; next++)
			if (state->list[next].row != state->list[i].row)
				break;
		*rows = xrealloc(*rows, (count + 1) * sizeof(**rows));
		make_row(&(*rows)[count++], trace, &state->list[i], next - i);
	}
	if (count)
		qsort(*rows, count, sizeof(**rows), by_weight);
	return count;
}

static void summary_end(struct trace_output *output, const struct trace *trace)
{
	struct state *state = output->state;
	struct row *rows;
	size_t count = make_rows(&rows, trace, state), i, transitions = 0;
	uint64_t all = 0;

	for (i = 0; i < count; i++) {
		transitions += rows[i].is_transition ? rows[i].count : 0;
		all += rows[i].is_transition ? rows[i].total : 0;
	}
	fprintf(output->file, "%7s %14s %10s %10s %10s %10s %10s  %-7s %s\n", "% ticks", "ticks",
		"count", "mean", "p50", "p99", "max", "kind", "name");
	for (i = 0; i < count; i++)
		print_row(output->file, &rows[i], all);
	fprintf(output->file, "%7s %14" PRIu64 " %10zu %54s transitions\n", "100.00", all,
		transitions, "");
	trace_format_lines.end(output, trace);
	free(rows);
	free(state->list);
	free(state);
}

const struct trace_format trace_format_summary = { "--summary", true, summary_begin, summary_entry,
						   summary_end };
