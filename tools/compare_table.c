// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison on a terminal: the table of transitions, what each tick costs, the breakdown by
 * class and name, and the ticks of the guest's clock. Made of the document alone; see compare.h.
 */
#include <string.h>

#include "compare.h"
#include "pv_names.h"

#define GROUP 4u /* columns of one table */
#define NAME_WIDTH 14
#define OPS_WIDTH 11
#define LIST_WIDTH 26
#define NAMES_MAX 128u

struct table {
	struct json_object *document, *columns, *workloads;
	FILE *to;
	int baseline; /* index of the column that factors are against, -1 = none */
	unsigned int counted[COMPARE_COLUMNS_MAX]; /* columns with a hypervisor */
	unsigned int counted_count;
};

static struct json_object *get(struct json_object *from, const char *key)
{
	return json_object_object_get(from, key);
}

static const char *text_of(struct json_object *from, const char *key)
{
	const char *text = json_object_get_string(get(from, key));

	return text ? text : "";
}

static uint64_t number_of(struct json_object *from, const char *key)
{
	return json_object_get_uint64(get(from, key));
}

static struct json_object *column_at(const struct table *t, unsigned int column)
{
	return json_object_array_get_idx(t->columns, column);
}

static struct json_object *find(struct json_object *list, const char *key, const char *value,
				const char *column)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (!strcmp(text_of(one, "column"), column) &&
		    (!key || !strcmp(text_of(one, key), value)))
			return one;
	}
	return NULL;
}

static struct json_object *result_of(const struct table *t, const char *workload,
				     unsigned int column)
{
	return find(get(t->document, "results"), "workload", workload,
		    text_of(column_at(t, column), "id"));
}

static struct json_object *tick_of(const struct table *t, unsigned int column)
{
	return find(get(t->document, "tick"), NULL, NULL, text_of(column_at(t, column), "id"));
}

/* ---- the table of transitions ---------------------------------------------------------------- */

static void cell(const struct table *t, int width, const char *text)
{
	fprintf(t->to, " %*s", width, text);
}

static void count_cell(const struct table *t, int width, struct json_object *from, const char *key)
{
	char text[32] = "-";

	if (from && get(from, key))
		compare_grouped(number_of(from, key), text);
	cell(t, width, text);
}

static bool has_factor(const struct table *t, unsigned int column)
{
	return t->baseline >= 0 && (int)column != t->baseline;
}

static void heads(const struct table *t)
{
	fprintf(t->to, "%-*s", NAME_WIDTH + OPS_WIDTH, "");
	for (unsigned int i = 0; i < t->counted_count; i++)
		cell(t, has_factor(t, t->counted[i]) ? 30 : 22,
		     text_of(column_at(t, t->counted[i]), "id"));
	fprintf(t->to, "\n%-*s%*s", NAME_WIDTH, "workload", OPS_WIDTH, "operations");
	for (unsigned int i = 0; i < t->counted_count; i++) {
		cell(t, 9, "each");
		cell(t, 12, "total");
		if (has_factor(t, t->counted[i]))
			cell(t, 7, "factor");
	}
	putc('\n', t->to);
}

static void factor_cell(const struct table *t, unsigned int column, struct json_object *here,
			struct json_object *full, const char *key)
{
	char text[32] = "-";

	if (!has_factor(t, column))
		return;
	if (here && full)
		compare_factor(json_object_get_double(get(full, key)),
			       json_object_get_double(get(here, key)), text);
	cell(t, 7, text);
}

static void workload_row(const struct table *t, struct json_object *workload)
{
	const char *name = text_of(workload, "name");
	struct json_object *full = t->baseline < 0 ? NULL :
						     result_of(t, name, (unsigned int)t->baseline);
	char ops[32];

	compare_grouped(number_of(workload, "ops"), ops);
	fprintf(t->to, "%-*s%*s", NAME_WIDTH, name, OPS_WIDTH, ops);
	for (unsigned int i = 0; i < t->counted_count; i++) {
		struct json_object *result = result_of(t, name, t->counted[i]);
		char each[40] = "-";

		if (result)
			compare_per_op(number_of(result, "transitions"), number_of(result, "ops"),
				       each);
		cell(t, 9, each);
		count_cell(t, 12, result, "transitions");
		factor_cell(t, t->counted[i], result, full, "transitions");
	}
	putc('\n', t->to);
}

static void tick_row(const struct table *t)
{
	struct json_object *full = t->baseline < 0 ? NULL : tick_of(t, (unsigned int)t->baseline);
	char name[40];

	snprintf(name, sizeof(name), "a tick (%u Hz)", (unsigned int)number_of(t->document, "hz"));
	fprintf(t->to, "%-*s", NAME_WIDTH + OPS_WIDTH, name);
	for (unsigned int i = 0; i < t->counted_count; i++) {
		struct json_object *tick = tick_of(t, t->counted[i]);
		char each[40] = "-";

		if (tick)
			snprintf(each, sizeof(each), "%.2f",
				 json_object_get_double(get(tick, "each")));
		cell(t, 9, each);
		count_cell(t, 12, tick, "transitions");
		factor_cell(t, t->counted[i], tick, full, "each");
	}
	putc('\n', t->to);
}

/* The n-th of the groups of columns that have a place beside each other; false behind the last. */
static bool take_group(const struct table *t, unsigned int n, struct table *group)
{
	unsigned int first = n * GROUP, last = first + GROUP;

	if (first >= t->counted_count)
		return false;
	if (last > t->counted_count)
		last = t->counted_count;
	*group = *t;
	memcpy(group->counted, t->counted + first, (last - first) * sizeof(t->counted[0]));
	group->counted_count = last - first;
	return true;
}

static void transitions(const struct table *t)
{
	struct table group;

	fprintf(t->to, "\nTransitions into the hypervisor, the tick apart\n\n");
	for (unsigned int n = 0; take_group(t, n, &group); n++) {
		heads(&group);
		for (size_t i = 0; i < json_object_array_length(t->workloads); i++)
			workload_row(&group, json_object_array_get_idx(t->workloads, i));
		tick_row(&group);
		putc('\n', t->to);
	}
	if (t->baseline >= 0)
		fprintf(t->to, "factor: how many %s makes for one; all: this mode makes none\n",
			text_of(column_at(t, (unsigned int)t->baseline), "id"));
}

/* ---- the breakdown --------------------------------------------------------------------------- */

static const char *class_of(const char *name)
{
	char buffer[16];
	int code = stats_code(PV_STATS_EXIT, name);

	/* A hypercall by its own name is none of the reasons. */
	if (code < 0)
		return pv_class_names[PV_CLASS_HYPERCALL];
	return stats_class_name(PV_STATS_EXIT, (uint16_t)code, buffer) == buffer ?
		       pv_class_names[PV_CLASS_FATAL] :
		       stats_class_name(PV_STATS_EXIT, (uint16_t)code, buffer);
}

/* A line of counts; false, and nothing printed, where all are 0. */
static bool breakdown_row(const struct table *t, const char *workload, const char *map,
			  const char *name, int indent)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < t->counted_count; i++) {
		struct json_object *result = result_of(t, workload, t->counted[i]);

		all += result ? number_of(get(result, map), name) : 0;
	}
	if (!all)
		return false;
	fprintf(t->to, "%*s%-*s", indent, "", NAME_WIDTH + OPS_WIDTH - indent, name);
	for (unsigned int i = 0; i < t->counted_count; i++) {
		struct json_object *result = result_of(t, workload, t->counted[i]);
		char text[32] = "-";

		if (result)
			compare_grouped(number_of(get(result, map), name), text);
		cell(t, LIST_WIDTH, text);
	}
	putc('\n', t->to);
	return true;
}

/* The names of all columns, each once, in the order of their first appearance. */
static unsigned int gather_names(const struct table *t, const char *workload,
				 const char *names[NAMES_MAX])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < t->counted_count; i++) {
		struct json_object *result = result_of(t, workload, t->counted[i]);

		if (!result)
			continue;
		json_object_object_foreach(get(result, "by_name"), name, value)
		{
			unsigned int k = 0;

			(void)value;
			while (k < count && strcmp(names[k], name))
				k++;
			if (k == count && count < NAMES_MAX)
				names[count++] = name;
		}
	}
	return count;
}

static void breakdown_of(const struct table *t, const char *workload)
{
	const char *names[NAMES_MAX];
	unsigned int count = gather_names(t, workload, names);

	if (!count)
		return;
	fprintf(t->to, "%s\n", workload);
	for (size_t class = 0; class < PV_CLASS_COUNT; class ++) {
		if (!breakdown_row(t, workload, "by_class", pv_class_names[class], 2))
			continue;
		for (unsigned int i = 0; i < count; i++)
			if (!strcmp(class_of(names[i]), pv_class_names[class]))
				breakdown_row(t, workload, "by_name", names[i], 4);
	}
}

static void list_heads(const struct table *t)
{
	fprintf(t->to, "%-*s", NAME_WIDTH + OPS_WIDTH, "");
	for (unsigned int i = 0; i < t->counted_count; i++)
		cell(t, LIST_WIDTH, text_of(column_at(t, t->counted[i]), "id"));
	putc('\n', t->to);
}

static void breakdown(const struct table *t)
{
	struct table group;

	fprintf(t->to, "\nThe same by class, and by reason or hypercall\n");
	for (unsigned int n = 0; take_group(t, n, &group); n++) {
		putc('\n', t->to);
		list_heads(&group);
		for (size_t i = 0; i < json_object_array_length(t->workloads); i++)
			breakdown_of(&group,
				     text_of(json_object_array_get_idx(t->workloads, i), "name"));
	}
}

/* ---- the guest's clock ----------------------------------------------------------------------- */

static void guest_tick_rows(const struct table *t)
{
	putc('\n', t->to);
	list_heads(t);
	for (size_t i = 0; i < json_object_array_length(t->workloads); i++) {
		const char *name = text_of(json_object_array_get_idx(t->workloads, i), "name");

		fprintf(t->to, "%-*s", NAME_WIDTH + OPS_WIDTH, name);
		for (unsigned int c = 0; c < t->counted_count; c++)
			count_cell(t, LIST_WIDTH, result_of(t, name, t->counted[c]), "guest_ticks");
		putc('\n', t->to);
	}
}

static void guest_ticks(const struct table *t)
{
	struct table all = *t, group;

	for (all.counted_count = 0; all.counted_count < json_object_array_length(t->columns);
	     all.counted_count++)
		all.counted[all.counted_count] = all.counted_count;
	fprintf(t->to, "\nTicks of the guest's clock, with what the hypervisor takes%s\n",
		strcmp(text_of(t->document, "host"), "bochs") ? "" : "; a tick is an instruction");
	for (unsigned int n = 0; take_group(&all, n, &group); n++)
		guest_tick_rows(&group);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Full virtualization with nothing masked, with nested paging if it is there. */
static int find_baseline(const struct table *t)
{
	static const char *const modes[] = { "full/hap", "full/shadow" };

	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
		for (unsigned int i = 0; i < json_object_array_length(t->columns); i++)
			if (!strcmp(text_of(column_at(t, i), "id"), modes[m]) &&
			    !get(column_at(t, i), "failed"))
				return (int)i;
	return -1;
}

void compare_print(struct json_object *document, bool is_brief, FILE *to)
{
	struct table t = {
		.document = document,
		.columns = get(document, "columns"),
		.workloads = get(document, "workloads"),
		.to = to,
	};

	t.baseline = find_baseline(&t);
	for (unsigned int i = 0; i < json_object_array_length(t.columns); i++)
		if (strcmp(text_of(column_at(&t, i), "mode"), COMPARE_BARE))
			t.counted[t.counted_count++] = i;
	fprintf(to, "Linux %s with %u vCPU on %s, ABI %s\n",
		text_of(get(document, "kernel"), "version"),
		(unsigned int)number_of(document, "vcpus"), text_of(document, "host_version"),
		text_of(document, "abi"));
	if (t.counted_count)
		transitions(&t);
	if (t.counted_count && !is_brief)
		breakdown(&t);
	if (!is_brief)
		guest_ticks(&t);
	for (unsigned int i = 0; i < json_object_array_length(t.columns); i++)
		if (get(column_at(&t, i), "failed"))
			fprintf(to, "\n%s failed: %s\n", text_of(column_at(&t, i), "id"),
				text_of(column_at(&t, i), "failed"));
}
