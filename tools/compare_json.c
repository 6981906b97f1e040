// SPDX-License-Identifier: BSD-2-Clause
/*
 * The document of a comparison, docs/compare.schema.json, made of what the columns reported; and
 * what differs between rounds and between columns where it must not. See compare.h.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "guest.h"
#include "payload.h"
#include "process.h"
#include "pv_abi.h"

static struct json_object *get(struct json_object *from, const char *key)
{
	return json_object_object_get(from, key);
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	char *valid = text ? compare_utf8(text) : NULL;

	json_object_object_add(to, key, valid ? json_object_new_string(valid) : NULL);
	free(valid);
}

static void add_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_uint64(n));
}

/* ---- the head -------------------------------------------------------------------------------- */

/* "6.1.192" of "Linux version 6.1.192 (...)", malloc'd. */
static char *linux_version(const struct blob *file)
{
	static const char mark[] = "Linux version ";
	const uint8_t *at = memmem(file->data, file->size, mark, sizeof(mark) - 1);
	size_t length = 0, most;

	if (!at)
		return xstrdup("unknown");
	at += sizeof(mark) - 1;
	most = file->size - (size_t)(at - file->data);
	while (length < most && length < 64 && at[length] > ' ' && at[length] <= '~')
		length++;
	return xasprintf("%.*s", (int)length, (const char *)at);
}

static struct json_object *kernel_json(const char *path)
{
	struct json_object *out = json_object_new_object();
	struct guest_hash hash;
	struct errors e = { 0 };
	struct blob file = { NULL, 0 };
	char digits[65] = "", *version = NULL;

	if (!blob_read(&file, path, KERNEL_BYTES_MAX, &e)) {
		guest_hash_init(&hash);
		guest_hash_add(&hash, file.data, file.size);
		guest_hash_end(&hash, digits);
		if (!decompress(&file, path, KERNEL_BYTES_MAX, &e))
			version = linux_version(&file);
	}
	add_text(out, "file", path);
	add_text(out, "version", version ? version : "unknown");
	add_text(out, "sha256", digits);
	free(version);
	blob_free(&file);
	return out;
}

/* "Bochs 2.7", "QEMU 7.2.22", malloc'd: what the program says of itself. */
static char *host_version(enum host host)
{
	const char *const bochs[] = { "bochs", "--help", NULL };
	const char *const qemu[] = { "qemu-system-x86_64", "--version", NULL };
	const char *name = host == HOST_BOCHS ? "Bochs" : "QEMU";
	const char *mark = host == HOST_BOCHS ? "Emulator " : "version ";
	struct blob said;
	const char *at;
	char *version;

	process_run(host == HOST_BOCHS ? bochs : qemu, NULL, &said);
	at = strstr((char *)said.data, mark);
	at = at ? at + strlen(mark) : "";
	version = xasprintf("%s %.*s", name, (int)strspn(at, "0123456789."), at);
	if (version[strlen(version) - 1] == ' ')
		version[strlen(version) - 1] = '\0';
	blob_free(&said);
	return version;
}

static struct json_object *column_json(const struct compare_plan *plan,
				       const struct compare_column *column,
				       struct json_object *report)
{
	struct json_object *out = json_object_new_object(), *off = json_object_new_array();

	if (column->feature)
		json_object_array_add(off, json_object_new_string(column->feature));
	add_text(out, "id", column->id);
	add_text(out, "mode", column->mode);
	add_text(out, "host", host_name(plan->host));
	json_object_object_add(out, "features_off", off);
	add_text(out, "failed", json_object_get_string(get(report, "failed")));
	return out;
}

static struct json_object *workload_json(const struct compare_workload *w)
{
	struct json_object *out = json_object_new_object();

	add_text(out, "name", w->name);
	add_number(out, "ops", w->ops);
	add_text(out, "unit", w->unit);
	add_text(out, "stresses", w->stresses);
	add_text(out, "why", w->why);
	return out;
}

/* ---- results --------------------------------------------------------------------------------- */

static struct json_object *find_result(struct json_object *report, const char *workload)
{
	struct json_object *results = get(report, "results");

	for (size_t i = 0; results && i < json_object_array_length(results); i++) {
		struct json_object *result = json_object_array_get_idx(results, i);

		if (!strcmp(json_object_get_string(get(result, "workload")), workload))
			return result;
	}
	return NULL;
}

/* In the order of the schema. khz: of the machine, for a boot that could not know it. */
static struct json_object *result_json(const struct compare_plan *plan,
				       const struct compare_column *column,
				       struct json_object *from, uint64_t khz)
{
	static const char *const same[] = { "ops",      "transitions", "tick_transitions",
					    "by_class", "by_name",     "guest_ticks",
					    "vmm_ticks" };
	struct json_object *out = json_object_new_object(), *ns = get(from, "guest_ns");

	json_object_object_add(out, "workload", json_object_get(get(from, "workload")));
	add_text(out, "column", column->id);
	add_text(out, "mode", column->mode);
	add_text(out, "host", host_name(plan->host));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		json_object_object_add(out, same[i], json_object_get(get(from, same[i])));
	if (ns && khz)
		add_number(out, "guest_ticks",
			   (uint64_t)((double)json_object_get_uint64(ns) * (double)khz / 1e6));
	return out;
}

static struct json_object *results_json(const struct compare_plan *plan,
					struct json_object *const *reports, uint64_t khz)
{
	struct json_object *out = json_object_new_array();

	for (unsigned int w = 0; w < plan->workload_count; w++) {
		for (unsigned int c = 0; c < plan->column_count; c++) {
			struct json_object *result =
				find_result(reports[c], plan->workloads[w]->name);

			if (result)
				json_object_array_add(out, result_json(plan, &plan->columns[c],
								       result, khz));
		}
	}
	return out;
}

static struct json_object *ticks_json(const struct compare_plan *plan,
				      struct json_object *const *reports)
{
	struct json_object *out = json_object_new_array();

	for (unsigned int c = 0; c < plan->column_count; c++) {
		struct json_object *tick = get(reports[c], "tick");
		struct json_object *one;

		if (!tick || !json_object_get_double(get(tick, "periods")))
			continue;
		one = json_object_new_object();
		add_text(one, "column", plan->columns[c].id);
		add_text(one, "mode", plan->columns[c].mode);
		json_object_object_add(one, "transitions",
				       json_object_get(get(tick, "transitions")));
		json_object_object_add(one, "periods", json_object_get(get(tick, "periods")));
		json_object_object_add(one, "each", json_object_get(get(tick, "each")));
		json_object_array_add(out, one);
	}
	return out;
}

/* What the first column that knows it says, or NULL. */
static struct json_object *known(const struct compare_plan *plan,
				 struct json_object *const *reports, const char *key)
{
	for (unsigned int c = 0; c < plan->column_count; c++) {
		struct json_object *value = get(reports[c], key);

		if (value &&
		    (json_object_is_type(value, json_type_string) || json_object_get_uint64(value)))
			return value;
	}
	return NULL;
}

struct json_object *compare_document(const struct compare_plan *plan,
				     struct json_object *const *reports)
{
	struct json_object *out = json_object_new_object();
	struct json_object *columns = json_object_new_array();
	struct json_object *workloads = json_object_new_array();
	struct json_object *build = known(plan, reports, "build");
	uint64_t khz = json_object_get_uint64(known(plan, reports, "tsc_khz"));
	char *version = host_version(plan->host), abi[24];

	for (unsigned int c = 0; c < plan->column_count; c++)
		json_object_array_add(columns, column_json(plan, &plan->columns[c], reports[c]));
	for (unsigned int w = 0; w < plan->workload_count; w++)
		json_object_array_add(workloads, workload_json(plan->workloads[w]));
	snprintf(abi, sizeof(abi), "%d.%d", PV_ABI_MAJOR, PV_ABI_MINOR);
	add_number(out, "version", COMPARE_VERSION);
	add_text(out, "paravane", build ? json_object_get_string(build) : PVN_VERSION);
	add_text(out, "abi", abi);
	add_text(out, "host", host_name(plan->host));
	add_text(out, "host_version", version);
	json_object_object_add(out, "kernel", kernel_json(plan->kernel));
	add_text(out, "command", plan->command);
	add_number(out, "vcpus", 1);
	add_number(out, "hz", COMPARE_HZ);
	add_number(out, "tsc_khz", khz);
	json_object_object_add(out, "columns", columns);
	json_object_object_add(out, "workloads", workloads);
	json_object_object_add(out, "results", results_json(plan, reports, khz));
	json_object_object_add(out, "tick", ticks_json(plan, reports));
	free(version);
	return out;
}

/* ---- what must not differ -------------------------------------------------------------------- */

static const char *spell(struct json_object *value)
{
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

static unsigned int compare_results(const char *id, unsigned int round, struct json_object *first,
				    struct json_object *later, FILE *to)
{
	unsigned int found = 0;

	json_object_object_foreach(first, key, value)
	{
		struct json_object *other = get(later, key);

		if (json_object_equal(value, other))
			continue;
		found++;
		fprintf(to, "%s, %s: %s was %s in the first round, then ", id,
			json_object_get_string(get(first, "workload")), key, spell(value));
		fprintf(to, "%s in round %u\n", spell(other), round);
	}
	return found;
}

static unsigned int compare_rounds(const struct compare_plan *plan,
				   struct json_object *const *reports, FILE *to)
{
	unsigned int found = 0;

	for (unsigned int i = plan->column_count; i < plan->column_count * plan->repeat; i++) {
		unsigned int c = i % plan->column_count, round = i / plan->column_count + 1;
		const char *id = plan->columns[c].id;

		for (unsigned int w = 0; w < plan->workload_count; w++) {
			const char *name = plan->workloads[w]->name;
			struct json_object *first = find_result(reports[c], name);
			struct json_object *later = find_result(reports[i], name);

			if (first && later) {
				found += compare_results(id, round, first, later, to);
			} else if (first || later) {
				fprintf(to, "%s, %s: there is no result in round %u\n", id, name,
					later ? 1 : round);
				found++;
			}
		}
	}
	return found;
}

/* Work that printed something else was other work: its figures compare nothing. */
static unsigned int compare_texts(const struct compare_plan *plan,
				  struct json_object *const *reports, FILE *to)
{
	unsigned int found = 0;

	for (unsigned int w = 0; w < plan->workload_count; w++) {
		const char *name = plan->workloads[w]->name;
		struct json_object *wanted = NULL;
		const char *whose = NULL;

		/* The bare machine, the last of the columns, has the last word. */
		for (unsigned int c = plan->column_count; c--;) {
			struct json_object *text = get(get(reports[c], "texts"), name);

			if (!text)
				continue;
			if (!wanted || plan->columns[c].is_bare) {
				wanted = text;
				whose = plan->columns[c].id;
			}
		}
		for (unsigned int c = 0; c < plan->column_count; c++) {
			struct json_object *text = get(get(reports[c], "texts"), name);

			if (!text || json_object_equal(text, wanted))
				continue;
			fprintf(to, "%s: the output in %s differs from that in %s\n", name,
				plan->columns[c].id, whose);
			found++;
		}
	}
	return found;
}

unsigned int compare_differences(const struct compare_plan *plan,
				 struct json_object *const *reports, FILE *to)
{
	unsigned int rounds = compare_rounds(plan, reports, to);

	return compare_texts(plan, reports, to) + (plan->is_deterministic ? rounds : 0);
}
