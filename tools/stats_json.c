// SPDX-License-Identifier: BSD-2-Clause
/*
 * The file of `run --stats F.json`: the counters as they came, plus what everybody would compute
 * from them (sums by class, differences between consecutive marks). Read back by `pvn stats`, and
 * by whatever people use for their figures, so names are spelled out and nothing needs the ABI.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "pv_names.h"
#include "pvn.h"
#include "stats.h"

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static struct json_object *row_json(const struct pv_stats_row *row)
{
	struct json_object *out = json_object_new_object();
	char buffer[16];

	add_text(out, "space", stats_space_name(row->space, buffer));
	add_text(out, "name", stats_name(row->space, row->code, buffer));
	add_text(out, "class", stats_class_name(row->space, row->code, buffer));
	add_number(out, "count", row->count);
	add_number(out, "ticks", row->ticks);
	add_number(out, "max_ticks", row->max_ticks);
	return out;
}

/* The vCPUs' rows of one moment: `why` snapshots of a domain within [first, end). */
static struct json_object *vcpus_json(const struct stats *s, uint32_t domain, uint32_t why,
				      size_t first, size_t end)
{
	struct json_object *out = json_object_new_array();
	size_t i;
	uint32_t r;

	for (i = first; i < end; i++) {
		const struct stats_snapshot *snapshot = &s->snapshots[i];
		struct json_object *vcpu, *rows;

		if (snapshot->head.domain != domain || snapshot->head.why != why)
			continue;
		vcpu = json_object_new_object();
		rows = json_object_new_array();
		for (r = 0; r < snapshot->head.rows; r++)
			json_object_array_add(rows, row_json(&snapshot->rows[r]));
		add_number(vcpu, "vcpu", snapshot->head.vcpu);
		add_number(vcpu, "tsc", snapshot->head.tsc);
		json_object_object_add(vcpu, "rows", rows);
		json_object_array_add(out, vcpu);
	}
	return out;
}

/* Counts of one space by name, those above 0. */
static struct json_object *counts_json(const struct stats_sum *sums, size_t n, uint16_t space)
{
	struct json_object *out = json_object_new_object();
	char buffer[16];
	size_t i;

	for (i = 0; i < n; i++) {
		if (sums[i].space == space && sums[i].count)
			add_number(out, stats_name(space, sums[i].code, buffer), sums[i].count);
	}
	return out;
}

static struct json_object *classes_json(const struct stats_sum *sums, size_t n)
{
	struct json_object *out = json_object_new_object();
	char buffer[16];
	size_t i, k;

	for (k = 0; k < sizeof(pv_class_names) / sizeof(pv_class_names[0]); k++) {
		uint64_t count = 0;

		for (i = 0; pv_class_names[k] && i < n; i++) {
			if (sums[i].space == PV_STATS_EXIT &&
			    !strcmp(stats_class_name(sums[i].space, sums[i].code, buffer),
				    pv_class_names[k]))
				count += sums[i].count;
		}
		if (pv_class_names[k])
			add_number(out, pv_class_names[k], count);
	}
	return out;
}

static struct json_object *difference_json(const struct stats *s, uint32_t domain,
					   const struct stats_mark *from,
					   const struct stats_mark *to)
{
	struct stats_sum *before = xcalloc(STATS_SUMS_MAX, sizeof(*before));
	struct stats_sum *after = xcalloc(STATS_SUMS_MAX, sizeof(*after));
	size_t before_count = stats_sum(s, domain, from, before);
	size_t n = stats_sum(s, domain, to, after);
	struct json_object *out = json_object_new_object();

	n = stats_subtract(after, n, before, before_count);
	add_number(out, "from", from->id);
	add_number(out, "to", to->id);
	add_number(out, "tsc", to->tsc - from->tsc);
	json_object_object_add(out, "classes", classes_json(after, n));
	json_object_object_add(out, "exits", counts_json(after, n, PV_STATS_EXIT));
	json_object_object_add(out, "calls", counts_json(after, n, PV_STATS_CALL));
	free(before);
	free(after);
	return out;
}

static void add_marks(struct json_object *to, const struct stats *s, uint32_t domain)
{
	struct json_object *marks = json_object_new_array(), *differences = json_object_new_array();
	struct stats_mark mark, last;
	bool has_last = false;
	size_t at = 0;

	while (stats_next_mark(s, domain, &at, &mark)) {
		struct json_object *one = json_object_new_object();

		add_number(one, "id", mark.id);
		add_number(one, "tsc", mark.tsc);
		json_object_object_add(one, "vcpus",
				       vcpus_json(s, domain, PV_STATS_MARK, mark.first, mark.end));
		json_object_array_add(marks, one);
		if (has_last)
			json_object_array_add(differences,
					      difference_json(s, domain, &last, &mark));
		last = mark;
		has_last = true;
	}
	json_object_object_add(to, "marks", marks);
	json_object_object_add(to, "differences", differences);
}

static struct json_object *domain_json(const struct stats *s, uint32_t domain)
{
	const struct stats_domain *d = &s->domains[domain];
	struct json_object *out = json_object_new_object(), *end = json_object_new_object();
	struct stats_sum *sums = xcalloc(STATS_SUMS_MAX, sizeof(*sums));
	size_t n = stats_sum(s, domain, NULL, sums);
	bool is_killed = d->end.how == PV_END_KILLED;
	char text[200], buffer[16];

	add_text(out, "name", d->name);
	add_text(out, "mode", pv_mode_names[d->mode]);
	stats_end_text(d, text, sizeof(text));
	add_text(end, "text", text);
	if (d->has_ended) {
		add_text(end, "how", is_killed ? "killed" : "shutdown");
		if (is_killed)
			add_text(end, "reason", d->end.why);
		else
			add_text(end, "reason", stats_shutdown_name(d->end.reason, buffer));
		if (!is_killed)
			add_number(end, "status", d->end.status);
	}
	json_object_object_add(end, "well", json_object_new_boolean(stats_ended_well(d)));
	json_object_object_add(out, "end", end);
	json_object_object_add(out, "classes", classes_json(sums, n));
	json_object_object_add(out, "vcpus",
			       vcpus_json(s, domain, PV_STATS_END, 0, s->snapshot_count));
	add_marks(out, s, domain);
	free(sums);
	return out;
}

static struct json_object *machine_json(const struct stats *s, const char *host)
{
	struct json_object *out = json_object_new_object();

	add_text(out, "host", host);
	add_text(out, "backend", s->hello.backend);
	add_text(out, "build", s->hello.build);
	add_number(out, "cpus", s->hello.cpus);
	add_number(out, "tsc_khz", s->hello.tsc_khz);
	add_number(out, "image_bytes", s->hello.image_bytes);
	add_number(out, "resident_bytes", s->hello.resident_bytes);
	add_number(out, "table_bytes", s->hello.table_bytes);
	json_object_object_add(out, "complete", json_object_new_boolean(s->has_machine_end));
	if (s->has_machine_end && s->machine_end.failed)
		add_text(out, "failure", s->machine_end.why);
	return out;
}

int stats_write_json(const struct stats *s, const char *host, const char *path, struct errors *e)
{
	struct json_object *root = json_object_new_object(), *domains = json_object_new_array();
	const char *text;
	struct blob blob;
	int result;
	uint32_t i;

	for (i = 0; i < s->domain_count; i++)
		json_object_array_add(domains, domain_json(s, i));
	add_number(root, "version", STATS_JSON_VERSION);
	json_object_object_add(root, "machine", machine_json(s, host));
	json_object_object_add(root, "domains", domains);
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
	blob = (struct blob){ (uint8_t *)text, strlen(text) };
	result = blob_write(&blob, path, e);
	json_object_put(root);
	return result;
}
