// SPDX-License-Identifier: BSD-2-Clause
/*
 * From two samples to the rows of a table; see top.h. Rates are over the time between the samples,
 * by two clocks: seconds that passed here, and seconds of the guest, which are TSC ticks over its
 * frequency. An emulated machine's clock goes as fast as its emulator.
 */
#include <stdlib.h>
#include <string.h>

#include "pv_names.h"
#include "stats.h"
#include "top.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const sort_names[TOP_SORTS] = {
	[TOP_BY_RATE] = "rate",
	[TOP_BY_TOTAL] = "total",
	[TOP_BY_TICKS] = "ticks",
	[TOP_BY_NAME] = "name",
};

static const char *const state_names[] = {
	[PV_STATE_STOPPED] = "stopped",
	[PV_STATE_RUNNABLE] = "waiting",
	[PV_STATE_RUNNING] = "running",
	[PV_STATE_BLOCKED] = "blocked",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

enum top_sort top_sort_parse(const char *name)
{
	unsigned int i;

	for (i = 0; i < TOP_SORTS; i++)
		if (!strcmp(sort_names[i], name))
			break;
	return (enum top_sort)i;
}

const char *top_state_name(uint32_t state)
{
	return state < COUNT(state_names) ? state_names[state] : "?";
}

double top_guest_seconds(const struct live_client *client, uint64_t ticks)
{
	if (!client->has_hello || !client->hello.tsc_khz)
		return 0;
	return (double)ticks / ((double)client->hello.tsc_khz * 1e3);
}

double top_rate(uint64_t change, double seconds)
{
	return seconds > 0 ? (double)change / seconds : -1;
}

double top_share(const struct live_client *client, const struct live_counts *before, int vcpu,
		 uint32_t state)
{
	const struct live_vcpu *now = &client->counts.vcpus[vcpu].vcpu;
	const struct live_vcpu *then = before->number ? &before->vcpus[vcpu].vcpu : NULL;
	double all = 0, one = 0;

	for (unsigned int i = 0; then && i < COUNT(now->times); i++) {
		/* A domain that restarts counts them from 0 again. */
		if (now->times[i] < then->times[i])
			return -1;
		all += (double)(now->times[i] - then->times[i]);
		if (i == state)
			one = (double)(now->times[i] - then->times[i]);
	}
	return all > 0 ? one / all : -1;
}

void top_end_text(const struct live_client *client, char *text, size_t size)
{
	static const char *const codes[] = {
		[PVN_OK] = "all guests ended well",
		[PVN_GUEST_FAILED] = "a guest failed",
		[PVN_USAGE] = "its description is wrong",
		[PVN_HYPERVISOR_FAILED] = "it failed",
		[PVN_TIMEOUT] = "timeout",
	};
	const struct live_end *end = &client->end;
	const char *what = "it ended";

	if (!client->has_end) {
		snprintf(text, size, "%s", client->trouble);
		return;
	}
	if (end->exit >= 0 && (size_t)end->exit < COUNT(codes))
		what = codes[end->exit];
	/* What failed says so itself; the other codes are half of the answer. */
	if (!end->why[0])
		snprintf(text, size, "%s", what);
	else if (end->exit == PVN_TIMEOUT)
		snprintf(text, size, "%s: %s", what, end->why);
	else
		snprintf(text, size, "%s", end->why);
}

void top_domain_text(const struct live_client *client, unsigned int domain, char *text, size_t size)
{
	const struct stats_domain d = { .has_ended = client->has_ended[domain],
					.end = client->ends[domain] };

	if (d.has_ended)
		stats_end_text(&d, text, size);
	else
		snprintf(text, size, client->has_hello ? "running" : "starting");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct pv_stats_row *find_row(const struct live_vcpu_counts *counts,
					   const struct pv_stats_row *like)
{
	for (uint32_t i = 0; i < counts->head.rows; i++)
		if (counts->rows[i].space == like->space && counts->rows[i].code == like->code)
			return &counts->rows[i];
	return NULL;
}

/* The row that a counter belongs to, made where it is the first of it. */
static struct top_row *row_for(struct top_table *table, const struct top_row *like)
{
	for (size_t i = table->count; i--;) {
		struct top_row *row = &table->rows[i];

		if (row->domain == like->domain && row->vcpu == like->vcpu &&
		    row->space == like->space && row->code == like->code)
			return row;
	}
	table->rows = xrealloc(table->rows, (table->count + 1) * sizeof(*like));
	table->rows[table->count] = *like;
	return &table->rows[table->count++];
}

static uint64_t grown(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void add_counter(struct top_table *table, const struct top_view *view, uint32_t domain,
			int vcpu, const struct pv_stats_row *now, const struct pv_stats_row *then)
{
	const struct top_row like = { .space = now->space,
				      .code = now->code,
				      .domain = domain,
				      .vcpu = view->splits_vcpus ? vcpu : -1 };
	uint64_t change = grown(now->count, then ? then->count : 0);
	bool is_detail = now->space != PV_STATS_EXIT && now->space != PV_STATS_CALL;
	struct top_row *row;

	if (now->space == PV_STATS_EXIT && now->code < COUNT(pv_exit_class)) {
		unsigned int class = pv_exit_class[now->code] % COUNT(table->classes);

		table->transitions += now->count;
		table->transitions_change += change;
		table->classes[class] += now->count;
		table->classes_change[class] += change;
	}
	if (is_detail && !view->has_details)
		return;
	row = row_for(table, &like);
	row->total += now->count;
	row->change += change;
	row->ticks += now->ticks;
	row->ticks_change += grown(now->ticks, then ? then->ticks : 0);
	if (now->max_ticks > row->max_ticks)
		row->max_ticks = now->max_ticks;
}

static enum top_sort sort_by; /* for qsort() */

static int compare(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int by_name(const struct top_row *a, const struct top_row *b)
{
	char x[16], y[16];
	int order = (a->space > b->space) - (a->space < b->space);

	if (!order)
		order = strcmp(stats_name(a->space, a->code, x), stats_name(b->space, b->code, y));
	if (!order)
		order = (a->domain > b->domain) - (a->domain < b->domain);
	return order ? order : (a->vcpu > b->vcpu) - (a->vcpu < b->vcpu);
}

static int by_key(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;
	int order = 0;

	if (sort_by == TOP_BY_RATE)
		order = compare(a->change, b->change);
	else if (sort_by == TOP_BY_TICKS)
		order = compare(a->ticks_change, b->ticks_change);
	if (!order && sort_by == TOP_BY_TICKS)
		order = compare(a->ticks, b->ticks);
	if (!order && sort_by != TOP_BY_NAME)
		order = compare(a->total, b->total);
	return order ? order : by_name(a, b);
}

static void drop_quiet(struct top_table *table)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].change)
			table->rows[kept++] = table->rows[i];
	table->count = kept;
}

void top_table_build(struct top_table *table, const struct live_client *client,
		     const struct live_counts *before, const struct top_view *view)
{
	const struct live_counts *now = &client->counts;
	bool compares = before && before->number;

	memset(table, 0, sizeof(*table));
	if (compares) {
		table->real_s = (double)grown(now->real_ns, before->real_ns) * 1e-9;
		table->guest_s = top_guest_seconds(client, grown(now->tsc, before->tsc));
	}
	for (unsigned int i = 0; now->number && i < client->vcpu_count; i++) {
		const struct live_vcpu_counts *counts = &now->vcpus[i];

		if (view->domain >= 0 && counts->head.domain != (uint32_t)view->domain)
			continue;
		for (uint32_t r = 0; r < counts->head.rows; r++)
			add_counter(table, view, counts->head.domain, (int)counts->head.vcpu,
				    &counts->rows[r],
				    compares ? find_row(&before->vcpus[i], &counts->rows[r]) :
					       NULL);
	}
	if (!compares) {
		/* Without a sample before it nothing has changed. */
		for (size_t i = 0; i < table->count; i++)
			table->rows[i].change = table->rows[i].ticks_change = 0;
		memset(table->classes_change, 0, sizeof(table->classes_change));
		table->transitions_change = 0;
	} else if (view->is_active_only) {
		drop_quiet(table);
	}
	sort_by = view->sort;
	if (table->count)
		qsort(table->rows, table->count, sizeof(table->rows[0]), by_key);
}

void top_table_free(struct top_table *table)
{
	free(table->rows);
	table->rows = NULL;
	table->count = 0;
}
