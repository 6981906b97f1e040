// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn top --json`: a line of JSON for each sample, and one for the end; docs/top.md has the keys.
 */
#include <json.h>

#include "pv_names.h"
#include "stats.h"
#include "top.h"

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static struct json_object *text(const char *value)
{
	return json_object_new_string(value);
}

static struct json_object *number(uint64_t value)
{
	return json_object_new_uint64(value);
}

/* null where there is no rate. */
static struct json_object *rounded(double value)
{
	char digits[32];

	if (value < 0)
		return NULL;
	snprintf(digits, sizeof(digits), "%.6f", value);
	return json_object_new_double_s(value, digits);
}

static struct json_object *row_json(const struct top_table *table, const struct top_row *row)
{
	struct json_object *out = json_object_new_object();
	char buffer[16];

	add(out, "space", text(stats_space_name(row->space, buffer)));
	add(out, "class", text(stats_class_name(row->space, row->code, buffer)));
	add(out, "name", text(stats_name(row->space, row->code, buffer)));
	add(out, "count", number(row->total));
	add(out, "ticks", number(row->ticks));
	add(out, "max_ticks", number(row->max_ticks));
	add(out, "change", number(row->change));
	add(out, "per_guest_s", rounded(top_rate(row->change, table->guest_s)));
	add(out, "per_real_s", rounded(top_rate(row->change, table->real_s)));
	return out;
}

static struct json_object *vcpu_json(const struct live_client *client,
				     const struct live_counts *before,
				     const struct top_table *table, int at)
{
	const struct live_vcpu *vcpu = &client->counts.vcpus[at].vcpu;
	struct json_object *out = json_object_new_object(), *rows = json_object_new_array();

	add(out, "vcpu", number(vcpu->vcpu));
	add(out, "state",
	    text(client->has_ended[vcpu->domain] ? "stopped" : top_state_name(vcpu->state)));
	add(out, "running", rounded(top_share(client, before, at, PV_STATE_RUNNING)));
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].domain == vcpu->domain && table->rows[i].vcpu == (int)vcpu->vcpu)
			json_object_array_add(rows, row_json(table, &table->rows[i]));
	add(out, "rows", rows);
	return out;
}

static struct json_object *domain_json(const struct live_client *client,
				       const struct live_counts *before,
				       const struct top_table *table, unsigned int d)
{
	struct json_object *out = json_object_new_object(), *vcpus = json_object_new_array();
	char state[200];

	top_domain_text(client, d, state, sizeof(state));
	add(out, "name", text(client->about.domains[d].name));
	add(out, "mode",
	    text(client->about.domains[d].mode < 4 ? pv_mode_names[client->about.domains[d].mode] :
						     "?"));
	add(out, "state", text(state));
	for (uint32_t i = 0; i < client->about.domains[d].vcpus; i++)
		json_object_array_add(vcpus, vcpu_json(client, before, table,
						       live_client_index(client, d, i)));
	add(out, "vcpus", vcpus);
	return out;
}

static struct json_object *machine_json(const struct live_client *client)
{
	struct json_object *out = json_object_new_object();

	add(out, "name", text(client->about.name));
	add(out, "pid", number((uint64_t)client->about.pid));
	add(out, "host", text(client->about.host));
	add(out, "backend", text(client->hello.backend));
	add(out, "tsc_khz", number(client->hello.tsc_khz));
	return out;
}

static void print_line(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

void top_print_json(const struct live_client *client, const struct live_counts *before,
		    const struct top_view *view)
{
	struct json_object *out = json_object_new_object(), *domains = json_object_new_array();
	struct top_view split = *view;
	struct top_table table;

	split.splits_vcpus = true;
	top_table_build(&table, client, before, &split);
	add(out, "sample", number(client->counts.number));
	add(out, "machine", machine_json(client));
	add(out, "tsc", number(client->counts.tsc));
	add(out, "guest_s", rounded(top_guest_seconds(client, client->counts.tsc)));
	add(out, "real_s", rounded((double)client->counts.real_ns * 1e-9));
	add(out, "interval_guest_s", rounded(table.guest_s > 0 ? table.guest_s : -1));
	add(out, "interval_real_s", rounded(table.real_s > 0 ? table.real_s : -1));
	for (unsigned int d = 0; d < client->about.domain_count; d++)
		if (view->domain < 0 || view->domain == (int)d)
			json_object_array_add(domains, domain_json(client, before, &table, d));
	add(out, "domains", domains);
	print_line(out);
	top_table_free(&table);
}

void top_print_json_end(const struct live_client *client)
{
	struct json_object *out = json_object_new_object(), *end = json_object_new_object();
	char why[2 * LIVE_TEXT_MAX];

	top_end_text(client, why, sizeof(why));
	add(end, "exit", json_object_new_int(client->end.exit));
	add(end, "signal", json_object_new_int(client->end.signal));
	add(end, "text", text(why));
	add(out, "end", end);
	print_line(out);
}
