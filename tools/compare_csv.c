// SPDX-License-Identifier: BSD-2-Clause
/*
 * A comparison as CSV (RFC 4180, with the line ends of this system), a line a result: for a
 * spreadsheet, or gnuplot. See compare.h.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "pv_names.h"

static const char *const plain[] = {
	"workload",
	"column",
	"mode",
	"host",
	"ops",
	"transitions",
	"tick_transitions",
	"guest_ticks",
	"vmm_ticks",
};

#define PLAIN (sizeof(plain) / sizeof(plain[0]))
#define CLASSES (sizeof(pv_class_names) / sizeof(pv_class_names[0]))

/* Quoted where it must be; a missing value is empty. */
static void field(FILE *out, struct json_object *value)
{
	const char *text = value ? json_object_get_string(value) : "";

	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void names(FILE *out, struct json_object *by_name)
{
	const char *blank = "";

	json_object_object_foreach(by_name, name, count)
	{
		fprintf(out, "%s%s=%s", blank, name, json_object_get_string(count));
		blank = " ";
	}
}

char *compare_csv(struct json_object *document)
{
	struct json_object *results = json_object_object_get(document, "results");
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	for (size_t i = 0; i < PLAIN; i++)
		fprintf(out, "%s,", plain[i]);
	for (size_t i = 0; i < CLASSES; i++)
		fprintf(out, "%s,", pv_class_names[i]);
	fprintf(out, "by_name\n");
	for (size_t r = 0; r < json_object_array_length(results); r++) {
		struct json_object *result = json_object_array_get_idx(results, r);
		struct json_object *classes = json_object_object_get(result, "by_class");

		for (size_t i = 0; i < PLAIN; i++) {
			field(out, json_object_object_get(result, plain[i]));
			putc(',', out);
		}
		for (size_t i = 0; i < CLASSES; i++) {
			field(out, json_object_object_get(classes, pv_class_names[i]));
			putc(',', out);
		}
		names(out, json_object_object_get(result, "by_name"));
		putc('\n', out);
	}
	fclose(out);
	return text;
}
