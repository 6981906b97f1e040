// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn stats FILE`: prints the JSON file of `run --stats` as tables. A file that another program
 * wrote or changed is read with the same care as any input: what is missing or of another type
 * shows as 0 or as nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

#define JSON_BYTES_MAX (256u << 20)

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static uint64_t number_of(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

/* The elements of an array; none where it is no array. */
static size_t length_of(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static void print_machine(struct json_object *machine)
{
	printf("host %s, backend %s, build %s, %" PRIu64 " CPUs, TSC %" PRIu64 " kHz\n",
	       text_of(machine, "host"), text_of(machine, "backend"), text_of(machine, "build"),
	       number_of(machine, "cpus"), number_of(machine, "tsc_khz"));
	printf("image %" PRIu64 " bytes, resident %" PRIu64 " bytes, of them tables %" PRIu64
	       " bytes\n",
	       number_of(machine, "image_bytes"), number_of(machine, "resident_bytes"),
	       number_of(machine, "table_bytes"));
	if (text_of(machine, "failure")[0])
		printf("the hypervisor failed: %s\n", text_of(machine, "failure"));
	else if (!json_object_get_boolean(json_object_object_get(machine, "complete")))
		printf("the machine did not come to its end\n");
}

static void print_rows(struct json_object *rows)
{
	size_t i;

	printf("  %-6s %-10s %-16s %12s %14s %10s %10s\n", "space", "class", "name", "count",
	       "ticks", "mean", "max");
	for (i = 0; i < length_of(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		uint64_t count = number_of(row, "count"), ticks = number_of(row, "ticks");

		printf("  %-6s %-10s %-16s %12" PRIu64 " %14" PRIu64 " %10" PRIu64 " %10" PRIu64
		       "\n",
		       text_of(row, "space"), text_of(row, "class"), text_of(row, "name"), count,
		       ticks, count ? ticks / count : 0, number_of(row, "max_ticks"));
	}
}

/* "cpuid 1000, hlt 3" of an object whose values are numbers. */
static void print_counts(const char *title, struct json_object *counts)
{
	const char *separator = "";

	if (!json_object_is_type(counts, json_type_object) || !json_object_object_length(counts))
		return;
	printf("  %s: ", title);
	json_object_object_foreach(counts, name, value)
	{
		printf("%s%s %" PRIu64, separator, name, json_object_get_uint64(value));
		separator = ", ";
	}
	printf("\n");
}

static void print_difference(struct json_object *difference)
{
	printf(" between mark %" PRIu64 " and mark %" PRIu64 ", %" PRIu64 " ticks:\n",
	       number_of(difference, "from"), number_of(difference, "to"),
	       number_of(difference, "tsc"));
	print_counts("exits", json_object_object_get(difference, "exits"));
	print_counts("calls", json_object_object_get(difference, "calls"));
}

static void print_domain(struct json_object *domain)
{
	struct json_object *vcpus = json_object_object_get(domain, "vcpus");
	struct json_object *differences = json_object_object_get(domain, "differences");
	size_t i;

	printf("\ndomain %s, mode %s: %s\n", text_of(domain, "name"), text_of(domain, "mode"),
	       text_of(json_object_object_get(domain, "end"), "text"));
	print_counts("transitions", json_object_object_get(domain, "classes"));
	for (i = 0; i < length_of(vcpus); i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);

		printf(" vCPU %" PRIu64 "\n", number_of(vcpu, "vcpu"));
		print_rows(json_object_object_get(vcpu, "rows"));
	}
	for (i = 0; i < length_of(differences); i++)
		print_difference(json_object_array_get_idx(differences, i));
}

static int print_file(const char *name, struct json_object *root)
{
	struct json_object *domains = json_object_object_get(root, "domains");
	size_t i;

	if (!json_object_is_type(root, json_type_object) || !length_of(domains)) {
		pvn_error("%s: this is no file that run --stats wrote", name);
		return PVN_USAGE;
	}
	if (number_of(root, "version") != STATS_JSON_VERSION) {
		pvn_error("%s: version %" PRIu64 ", expected %u", name, number_of(root, "version"),
			  STATS_JSON_VERSION);
		return PVN_USAGE;
	}
	print_machine(json_object_object_get(root, "machine"));
	for (i = 0; i < length_of(domains); i++)
		print_domain(json_object_array_get_idx(domains, i));
	if (fflush(stdout) || ferror(stdout)) {
		pvn_error("standard output: %s", strerror(errno));
		return PVN_HYPERVISOR_FAILED;
	}
	return PVN_OK;
}

int cmd_stats(int argc, char **argv)
{
	struct json_tokener *tokener = json_tokener_new();
	struct errors errors = { 0 };
	struct blob blob = { 0 };
	struct json_object *root = NULL;
	int result = PVN_USAGE;

	if (argc != 2 || argv[1][0] == '-') {
		json_tokener_free(tokener);
		pvn_error(argc < 2 ? "which counters? Name a file of run --stats" :
				     "expected one file of run --stats and nothing else");
		return pvn_usage("stats");
	}
	if (tokener && !blob_read(&blob, argv[1], JSON_BYTES_MAX, &errors)) {
		root = json_tokener_parse_ex(tokener, (const char *)blob.data, (int)blob.size);
		result = print_file(argv[1], root);
	}
	errors_print(&errors, stderr);
	json_object_put(root);
	json_tokener_free(tokener);
	blob_free(&blob);
	return result;
}
