// SPDX-License-Identifier: BSD-2-Clause
/*
 * What `pvn scan` found, for programs: `--json F` and `--csv F` (docs/scan.md describes both).
 * Every class is there, with its zeros. Called by scan.c.
 */
#include <inttypes.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "scan.h"

#define SCAN_JSON_VERSION 1

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static struct json_object *treatment_json(const struct scan_treatment *t)
{
	struct json_object *out = json_object_new_object();
	char text[40];

	scan_treatment_text(t, text, sizeof(text));
	add_text(out, "exits", scan_exits_names[t->exits]);
	add_text(out, "text", text);
	if (t->bit >= 0) {
		json_object_object_add(out, "bit", json_object_new_int(t->bit));
		/* "proc2", "00Ch": what stands in front of the bit. */
		text[strcspn(text, ".")] = '\0';
		add_text(out, "field", text);
		add_text(out, "control", t->name);
	}
	return out;
}

static struct json_object *class_json(const struct scan *scan, unsigned int c)
{
	const struct scan_class *class = &scan_classes[c];
	const struct scan_count *count = &scan->counts[c];
	struct json_object *out = json_object_new_object();

	add_text(out, "name", class->name);
	add_text(out, "group", scan_group_names[class->group]);
	json_object_object_add(out, "vtx", treatment_json(&class->vtx));
	json_object_object_add(out, "svm", treatment_json(&class->svm));
	add_number(out, "text", count->text);
	add_number(out, "init", count->init);
	add_number(out, "behind", count->kind[SCAN_BEHIND]);
	add_number(out, "original", count->kind[SCAN_ORIGINAL]);
	add_number(out, "left", count->kind[SCAN_LEFT]);
	add_number(out, "pv_ops", count->kind[SCAN_CALL] + count->kind[SCAN_CALL_BACK]);
	add_number(out, "back", count->kind[SCAN_CALL_BACK]);
	add_number(out, "replacement", count->kind[SCAN_REPLACEMENT]);
	return out;
}

static struct json_object *sections_json(const struct scan_image *image)
{
	struct json_object *out = json_object_new_array();

	for (size_t i = 0; i < image->section_count; i++) {
		const struct scan_section *s = &image->sections[i];
		struct json_object *one;

		if (!s->is_code)
			continue;
		one = json_object_new_object();
		add_text(one, "name", s->name);
		add_number(one, "address", s->address);
		add_number(one, "bytes", s->bytes);
		add_number(one, "instructions", s->instructions);
		add_number(one, "undecoded_bytes", s->undecoded);
		json_object_object_add(one, "init", json_object_new_boolean(s->is_init));
		json_object_array_add(out, one);
	}
	return out;
}

static struct json_object *sites_json(const struct scan *scan, enum scan_class_id class)
{
	struct json_object *out = json_object_new_array();

	for (size_t i = 0; i < scan->site_count; i++) {
		const struct scan_site *site = &scan->sites[i];
		struct json_object *one;
		char text[320];

		if (site->class != class)
			continue;
		one = json_object_new_object();
		add_number(one, "address", site->address);
		add_text(one, "section", scan_section_at(&scan->image, site->address)->name);
		add_text(one, "where", scan_where(&scan->image, site->address, text, sizeof(text)));
		add_text(one, "kind", scan_kind_names[site->kind]);
		if (*scan_site_note(scan, site, text, sizeof(text)))
			add_text(one, "note", text);
		json_object_array_add(out, one);
	}
	return out;
}

static struct json_object *image_json(const struct scan *scan, enum scan_class_id class)
{
	struct json_object *out = json_object_new_object(), *classes = json_object_new_array();

	for (unsigned int c = 0; c < SCAN_CLASSES; c++)
		json_object_array_add(classes, class_json(scan, c));
	add_text(out, "name", scan->image.name);
	add_text(out, "version", scan->image.version);
	add_number(out, "symbols", scan->image.symbols.count);
	add_number(out, "pv_ops_sites", scan->tables.pv_count);
	add_number(out, "alternatives", scan->tables.alternative_count);
	json_object_object_add(out, "sections", sections_json(&scan->image));
	json_object_object_add(out, "classes", classes);
	if (class != SCAN_NONE)
		json_object_object_add(out, "sites", sites_json(scan, class));
	return out;
}

int scan_write_json(const struct scan *scans, unsigned int count, enum scan_class_id class,
		    const char *path, struct errors *e)
{
	struct json_object *root = json_object_new_object(), *images = json_object_new_array();
	char *text;
	int result;

	for (unsigned int i = 0; i < count; i++)
		json_object_array_add(images, image_json(&scans[i], class));
	add_number(root, "version", SCAN_JSON_VERSION);
	json_object_object_add(root, "images", images);
	text = xasprintf("%s\n",
			 json_object_to_json_string_ext(
				 root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	result = output_write(text, strlen(text), path, e);
	free(text);
	json_object_put(root);
	return result;
}

static void csv_row(FILE *out, const struct scan *scan, unsigned int c)
{
	const struct scan_class *class = &scan_classes[c];
	const struct scan_count *n = &scan->counts[c];
	char vtx[40], svm[40];

	scan_treatment_text(&class->vtx, vtx, sizeof(vtx));
	scan_treatment_text(&class->svm, svm, sizeof(svm));
	fputc('"', out);
	for (const char *at = scan->image.name; *at; at++)
		fprintf(out, *at == '"' ? "\"\"" : "%c", *at);
	fprintf(out, "\",%s,%s,%s,%s,%s,%s", class->name, scan_group_names[class->group],
		scan_exits_names[class->vtx.exits], vtx, scan_exits_names[class->svm.exits], svm);
	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, n->text, n->init,
		n->kind[SCAN_BEHIND], n->kind[SCAN_ORIGINAL], n->kind[SCAN_LEFT]);
	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
		n->kind[SCAN_CALL] + n->kind[SCAN_CALL_BACK], n->kind[SCAN_CALL_BACK],
		n->kind[SCAN_REPLACEMENT]);
}

int scan_write_csv(const struct scan *scans, unsigned int count, const char *path, struct errors *e)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int result;

	if (!out)
		return errors_add(e, "out of memory");
	fprintf(out, "image,class,group,vtx,vtx_control,svm,svm_control,text,init,behind,original,"
		     "left,pv_ops,back,replacement\n");
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int c = 0; c < SCAN_CLASSES; c++)
			csv_row(out, &scans[i], c);
	result = fclose(out) ? errors_add(e, "out of memory") : output_write(text, size, path, e);
	free(text);
	return result;
}
