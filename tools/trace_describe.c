// SPDX-License-Identifier: BSD-2-Clause
/*
 * The description in a trace file: JSON to the names of struct trace; see trace.h. What is missing
 * or of another type is taken as not there, so that later versions may add and leave out.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define NAMES_MAX 65536u /* codes have 16 bits */

static const char *string_of(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static char *read_text(struct json_object *object, const char *key)
{
	const char *text = NULL;

	if (json_object_is_type(object, json_type_object))
		text = string_of(json_object_object_get(object, key));
	return text ? xstrdup(text) : NULL;
}

static size_t length_of(struct json_object *list)
{
	size_t length = 0;

	if (json_object_is_type(list, json_type_array))
		length = json_object_array_length(list);
	return length < NAMES_MAX ? length : NAMES_MAX;
}

static void read_names(struct trace_names *names, struct json_object *list)
{
	size_t i;

	names->count = length_of(list);
	names->list = xcalloc(names->count, sizeof(*names->list));
	for (i = 0; i < names->count; i++) {
		const char *text = string_of(json_object_array_get_idx(list, i));

		names->list[i] = text ? xstrdup(text) : NULL;
	}
}

static void read_tables(struct trace *trace, struct json_object *tables)
{
	if (!json_object_is_type(tables, json_type_object))
		return;
	trace->tables = xcalloc((size_t)json_object_object_length(tables), sizeof(*trace->tables));
	json_object_object_foreach(tables, key, value)
	{
		struct trace_table *table = &trace->tables[trace->table_count++];

		table->name = xstrdup(key);
		read_names(&table->names, value);
	}
}

/* The table of an argument, or of a call's result. */
static const struct trace_table *find_table(const struct trace *trace, struct json_object *where,
					    const char *name)
{
	const char *table = NULL;
	size_t i;

	if (json_object_is_type(where, json_type_object) && name)
		table = string_of(json_object_object_get(where, name));
	for (i = 0; table && i < trace->table_count; i++) {
		if (!strcmp(trace->tables[i].name, table))
			return &trace->tables[i];
	}
	return NULL;
}

/* "name:type name:type ..." */
static void read_args(struct trace *trace, struct trace_call *call, struct json_object *where,
		      const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *word;

	while (call->count < TRACE_ARGS_MAX && (word = strsep(&rest, " "))) {
		struct trace_arg *arg = &call->args[call->count];
		char *colon = strchr(word, ':');

		if (!*word)
			continue;
		if (colon)
			*colon = 0;
		arg->name = xstrdup(word);
		arg->type = xstrdup(colon ? colon + 1 : "u64");
		arg->table = find_table(trace, where, word);
		call->count++;
	}
	free(copy);
}

static void read_calls(struct trace *trace, struct json_object *root)
{
	struct json_object *args = json_object_object_get(root, "arguments");
	struct json_object *where = json_object_object_get(root, "argument_tables");
	size_t count = length_of(args), i;

	trace->flags = find_table(trace, where, "member");
	read_names(&trace->call_names, json_object_object_get(root, "calls"));
	trace->calls = xcalloc(trace->call_names.count, sizeof(*trace->calls));
	for (i = 0; i < trace->call_names.count; i++) {
		const char *text = i < count ? string_of(json_object_array_get_idx(args, i)) : NULL;

		if (text)
			read_args(trace, &trace->calls[i], where, text);
		trace->calls[i].result = find_table(trace, where, trace->call_names.list[i]);
	}
}

static void read_domains(struct trace *trace, struct json_object *list)
{
	size_t i;

	trace->domain_count = length_of(list);
	if (trace->domain_count > PV_BUNDLE_DOMAINS_MAX)
		trace->domain_count = PV_BUNDLE_DOMAINS_MAX;
	trace->domains = xcalloc(trace->domain_count, sizeof(*trace->domains));
	for (i = 0; i < trace->domain_count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct trace_domain *domain = &trace->domains[i];

		domain->name = read_text(one, "name");
		domain->mode = read_text(one, "mode");
		domain->kernel = read_text(one, "kernel");
		domain->build_id = read_text(one, "build_id");
		if (json_object_is_type(one, json_type_object))
			domain->crc = (uint32_t)json_object_get_int64(
				json_object_object_get(one, "crc32"));
	}
}

int trace_describe(struct trace *trace, const uint8_t *json, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = NULL;

	if (tokener && size <= INT32_MAX)
		root = json_tokener_parse_ex(tokener, (const char *)json, (int)size);
	json_tokener_free(tokener);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return -1;
	}
	trace->paravane = read_text(root, "paravane");
	trace->abi = read_text(root, "abi");
	trace->backend = read_text(root, "backend");
	trace->tsc_khz = json_object_get_uint64(json_object_object_get(root, "tsc_khz"));
	read_names(&trace->kinds, json_object_object_get(root, "kinds"));
	read_names(&trace->exits, json_object_object_get(root, "exits"));
	read_names(&trace->errnos, json_object_object_get(root, "errnos"));
	read_tables(trace, json_object_object_get(root, "tables"));
	read_calls(trace, root);
	read_domains(trace, json_object_object_get(root, "domains"));
	json_object_put(root);
	return 0;
}

static void free_names(struct trace_names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static void free_calls(struct trace *trace)
{
	size_t i;
	unsigned int k;

	for (i = 0; i < trace->call_names.count; i++) {
		for (k = 0; k < trace->calls[i].count; k++) {
			free(trace->calls[i].args[k].name);
			free(trace->calls[i].args[k].type);
		}
	}
	free(trace->calls);
}

void trace_description_free(struct trace *trace)
{
	size_t i;

	free_calls(trace);
	free_names(&trace->exits);
	free_names(&trace->call_names);
	free_names(&trace->kinds);
	free_names(&trace->errnos);
	for (i = 0; i < trace->table_count; i++) {
		free(trace->tables[i].name);
		free_names(&trace->tables[i].names);
	}
	free(trace->tables);
	for (i = 0; i < trace->domain_count; i++) {
		free(trace->domains[i].name);
		free(trace->domains[i].mode);
		free(trace->domains[i].kernel);
		free(trace->domains[i].build_id);
		symbols_free(&trace->domains[i].symbols);
	}
	free(trace->domains);
	free(trace->paravane);
	free(trace->abi);
	free(trace->backend);
}
