// SPDX-License-Identifier: BSD-2-Clause
/*
 * From the counters of one boot to figures; see compare.h. The tick is told apart by what the first
 * workload shows, which makes no transition itself: a name that comes there at half the ticks or
 * more is the tick's, and so is whatever time and the host cause by themselves. In a workload that
 * has clearly more of them than it had ticks, only its share is taken off: devices make the same.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "pv_names.h"

#define NAMES_MAX 192u
#define TICK_OFTEN 0.5 /* a tick, from where on a name is the tick's */
/* Counts are not divisible by ticks: so much more is still the tick's own. */
#define TICK_SLACK 1.25
#define TICK_SLACK_COUNT 4.0

struct named {
	uint16_t space, code;
	uint64_t count, tick; /* tick: of them */
};

struct row {
	const struct compare_workload *workload;
	bool is_measured;
	struct compare_said said;
	double periods; /* ticks that there should have been */
	uint64_t vmm_ticks;
	struct named names[NAMES_MAX];
	size_t name_count;
};

struct measure {
	const struct compare_plan *plan;
	const struct stats *stats;
	struct row rows[COMPARE_WORKLOADS_MAX];
	unsigned int row_count;
	struct row reference; /* the first workload of the table */
	double tick_periods; /* of the rows whose ticks are counted */
	uint64_t tick_transitions;
};

/* ---- between two marks ----------------------------------------------------------------------- */

/* The sums at a mark into sums[], their number; -1 without the mark. */
static int sums_at(const struct stats *s, uint64_t id, struct stats_sum *sums, uint64_t *tsc)
{
	struct stats_mark mark;
	size_t at = 0;

	while (s && stats_next_mark(s, 0, &at, &mark)) {
		if (mark.id != id)
			continue;
		*tsc = mark.tsc;
		return (int)stats_sum(s, 0, &mark, sums);
	}
	return -1;
}

static void add_name(struct row *row, uint16_t space, uint16_t code, uint64_t count)
{
	if (count && row->name_count < NAMES_MAX)
		row->names[row->name_count++] = (struct named){ space, code, count, 0 };
}

/* One name a transition: a hypercall by its own, everything else by its reason. */
static void name_all(struct row *row, const struct stats_sum *sums, size_t n)
{
	uint64_t calls = 0, all = stats_count(sums, n, PV_STATS_EXIT, PV_EXIT_HYPERCALL);

	for (size_t i = 0; i < n; i++) {
		if (sums[i].space == PV_STATS_EXIT)
			row->vmm_ticks += sums[i].ticks;
		if (sums[i].space == PV_STATS_CALL)
			calls += sums[i].count;
		if (sums[i].space == PV_STATS_CALL ||
		    (sums[i].space == PV_STATS_EXIT && sums[i].code != PV_EXIT_HYPERCALL))
			add_name(row, sums[i].space, sums[i].code, sums[i].count);
	}
	/* Those that are no call of the table. */
	if (all > calls)
		add_name(row, PV_STATS_EXIT, PV_EXIT_HYPERCALL, all - calls);
}

static double ticks_in(uint64_t tsc, uint64_t khz)
{
	return khz ? (double)tsc * COMPARE_HZ / ((double)khz * 1000) : 0;
}

static void count_row(struct row *row, const struct stats *s)
{
	struct stats_sum *before = xcalloc(STATS_SUMS_MAX, sizeof(*before));
	struct stats_sum *after = xcalloc(STATS_SUMS_MAX, sizeof(*after));
	uint64_t from = 0, to = 0, id = compare_mark(row->workload);
	bool is_boot = compare_is_boot(row->workload);
	int n_before = is_boot ? 0 : sums_at(s, id, before, &from);
	int n = sums_at(s, is_boot ? id : id + 1, after, &to);

	if (n_before >= 0 && n >= 0) {
		n = (int)stats_subtract(after, (size_t)n, before, (size_t)n_before);
		name_all(row, after, (size_t)n);
		row->is_measured = true;
		/* Where the clock of the boot started, only the guest knows. */
		row->periods = is_boot ? (double)row->said.ticks * COMPARE_HZ / 1e9 :
					 ticks_in(to - from, s->hello.tsc_khz);
	}
	free(before);
	free(after);
}

/* ---- the tick -------------------------------------------------------------------------------- */

static bool is_always_tick(const struct named *name)
{
	return name->space == PV_STATS_EXIT &&
	       (name->code == PV_EXIT_PREEMPT_TIMER || name->code == PV_EXIT_INTERRUPT ||
		name->code == PV_EXIT_NMI || name->code == PV_EXIT_IRQ_WINDOW);
}

/* How often the name comes in a tick of the reference. */
static double rate_of(const struct measure *m, const struct named *name)
{
	const struct row *r = &m->reference;

	for (size_t i = 0; r->periods > 0 && i < r->name_count; i++)
		if (r->names[i].space == name->space && r->names[i].code == name->code)
			return (double)r->names[i].count / r->periods;
	return 0;
}

static void split_name(const struct measure *m, const struct row *row, struct named *name)
{
	double rate = rate_of(m, name), most;

	if (rate < TICK_OFTEN && !is_always_tick(name))
		return;
	most = (rate > 1 ? rate : 1) * row->periods * TICK_SLACK + TICK_SLACK_COUNT;
	name->tick = name->count;
	if ((double)name->count > most)
		name->tick = (uint64_t)(rate * row->periods + 0.5);
}

static void split_row(struct measure *m, struct row *row)
{
	uint64_t ticks = 0, others = 0;

	for (size_t i = 0; i < row->name_count && !row->workload->has_no_tick; i++) {
		struct named *name = &row->names[i];

		split_name(m, row, name);
		ticks += name->tick;
		others += name->count - name->tick;
	}
	/* What a tick costs is measured where nothing else is to be seen. */
	if (others || row->workload->has_no_tick || !row->is_measured)
		return;
	m->tick_transitions += ticks;
	m->tick_periods += row->periods;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void add_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

static struct json_object *classes_json(const struct row *row)
{
	struct json_object *out = json_object_new_object();
	uint64_t counts[PV_CLASS_COUNT] = { 0 };

	for (size_t i = 0; i < row->name_count; i++) {
		const struct named *name = &row->names[i];
		unsigned int class = PV_CLASS_HYPERCALL;

		if (name->space == PV_STATS_EXIT)
			class = name->code < PV_EXIT_COUNT ? pv_exit_class[name->code] :
							     PV_CLASS_FATAL;
		counts[class] += name->count - name->tick;
	}
	for (size_t i = 0; i < PV_CLASS_COUNT; i++)
		add_number(out, pv_class_names[i], counts[i]);
	return out;
}

static struct json_object *names_json(const struct row *row)
{
	struct json_object *out = json_object_new_object();
	char buffer[16];

	for (size_t i = 0; i < row->name_count; i++) {
		const struct named *name = &row->names[i];

		if (name->count > name->tick)
			add_number(out, stats_name(name->space, name->code, buffer),
				   name->count - name->tick);
	}
	return out;
}

static struct json_object *row_json(const struct measure *m, const struct row *row)
{
	struct json_object *out = json_object_new_object();
	uint64_t all = 0, ticks = 0;

	for (size_t i = 0; i < row->name_count; i++) {
		all += row->names[i].count;
		ticks += row->names[i].tick;
	}
	add_text(out, "workload", row->workload->name);
	add_number(out, "ops", row->said.ops);
	add_number(out, "transitions", all - ticks);
	add_number(out, "tick_transitions", ticks);
	json_object_object_add(out, "by_class", classes_json(row));
	json_object_object_add(out, "by_name", names_json(row));
	if (!compare_is_boot(row->workload))
		add_number(out, "guest_ticks", row->said.ticks);
	else if (m->stats && m->stats->hello.tsc_khz)
		add_number(out, "guest_ticks",
			   (uint64_t)((double)row->said.ticks * (double)m->stats->hello.tsc_khz /
				      1e6));
	else
		add_number(out, "guest_ns", row->said.ticks);
	add_number(out, "vmm_ticks", row->vmm_ticks);
	return out;
}

static struct json_object *tick_json(const struct measure *m)
{
	struct json_object *out = json_object_new_object();
	char text[40];

	add_number(out, "transitions", m->tick_transitions);
	snprintf(text, sizeof(text), "%.1f", m->tick_periods);
	json_object_object_add(out, "periods", json_object_new_double_s(atof(text), text));
	snprintf(text, sizeof(text), "%.3f",
		 m->tick_periods > 0 ? (double)m->tick_transitions / m->tick_periods : 0.0);
	json_object_object_add(out, "each", json_object_new_double_s(atof(text), text));
	return out;
}

/* What is wrong with a row, as a text, or NULL. */
static char *complaint(const struct measure *m, const struct row *row)
{
	const char *name = row->workload->name;

	if (row->said.failure)
		return xasprintf("%s: %s", name, row->said.failure);
	if (!row->said.is_ok)
		return xasprintf("%s did not come to its end", name);
	if (row->said.ops != row->workload->ops)
		return xasprintf("%s did another number of operations", name);
	return m->stats && !row->is_measured ? xasprintf("%s: its marks are missing", name) : NULL;
}

static struct json_object *report(const struct measure *m)
{
	struct json_object *out = json_object_new_object(), *results = json_object_new_array();
	struct json_object *texts = json_object_new_object();
	char *failed = NULL;

	for (unsigned int i = 0; i < m->row_count; i++) {
		const struct row *row = &m->rows[i];
		char *wrong = complaint(m, row);

		if (!wrong) {
			json_object_array_add(results, row_json(m, row));
			add_text(texts, row->workload->name, row->said.text ? row->said.text : "");
		}
		if (!failed)
			failed = wrong;
		else
			free(wrong);
	}
	add_text(out, "failed", failed);
	free(failed);
	add_text(out, "build", m->stats ? m->stats->hello.build : NULL);
	add_number(out, "tsc_khz", m->stats ? m->stats->hello.tsc_khz : 0);
	json_object_object_add(out, "results", results);
	json_object_object_add(out, "tick", m->stats ? tick_json(m) : NULL);
	json_object_object_add(out, "texts", texts);
	return out;
}

struct json_object *compare_measure(const struct compare_plan *plan, const struct stats *stats,
				    const char *text)
{
	struct measure *m = xcalloc(1, sizeof(*m));
	struct json_object *out;

	m->plan = plan;
	m->stats = stats;
	m->reference.workload = &compare_workloads[0];
	count_row(&m->reference, stats);
	for (unsigned int i = 0; i < plan->workload_count; i++) {
		struct row *row = &m->rows[m->row_count++];

		row->workload = plan->workloads[i];
		compare_said(text, row->workload, &row->said);
		count_row(row, stats);
		split_row(m, row);
	}
	if (!plan->workload_count || plan->workloads[0] != m->reference.workload)
		split_row(m, &m->reference);
	out = report(m);
	for (unsigned int i = 0; i < m->row_count; i++)
		compare_said_free(&m->rows[i].said);
	free(m);
	return out;
}
