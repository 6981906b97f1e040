// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads trace files; see trace.h. A trace may come from another version, another machine or a full
 * disk, so sizes and checksums are verified first and every number is a mere index into the file's
 * own name lists, checked where it is used.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static int by_time(const void *a, const void *b)
{
	const struct trace_entry *x = a, *y = b;

	if (x->record.tsc != y->record.tsc)
		return x->record.tsc < y->record.tsc ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Counts the records (entries NULL), or copies them. -1 where a section does not fit. */
static int read_sections(struct trace *trace, const uint8_t *bytes, uint64_t size)
{
	size_t n = 0;

	while (size) {
		struct pv_frame_trace head;
		uint64_t body;
		uint32_t i;

		if (size < sizeof(head))
			return -1;
		memcpy(&head, bytes, sizeof(head));
		body = (uint64_t)head.records * sizeof(struct pv_trace_record);
		if (head.cpu >= PV_CPUS_MAX || body > size - sizeof(head))
			return -1;
		for (i = 0; trace->entries && i < head.records; i++) {
			struct trace_entry *entry = &trace->entries[n + i];

			memcpy(&entry->record, bytes + sizeof(head) + i * sizeof(entry->record),
			       sizeof(entry->record));
			entry->cpu = head.cpu;
			entry->order = n + i;
		}
		if (head.lost > trace->lost[head.cpu])
			trace->lost[head.cpu] = head.lost;
		n += head.records;
		bytes += sizeof(head) + body;
		size -= sizeof(head) + body;
	}
	trace->count = n;
	return 0;
}

static void read_names(struct trace_names *names, struct json_object *root, const char *key)
{
	struct json_object *list = json_object_object_get(root, key);
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return;
	names->count = json_object_array_length(list);
	names->list = xcalloc(names->count, sizeof(*names->list));
	for (i = 0; i < names->count; i++) {
		struct json_object *text = json_object_array_get_idx(list, i);

		if (json_object_is_type(text, json_type_string))
			names->list[i] = xstrdup(json_object_get_string(text));
	}
}

static int read_description(struct trace *trace, const uint8_t *bytes, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = NULL;

	if (tokener && size <= INT32_MAX)
		root = json_tokener_parse_ex(tokener, (const char *)bytes, (int)size);
	json_tokener_free(tokener);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return -1;
	}
	trace->tsc_khz = json_object_get_uint64(json_object_object_get(root, "tsc_khz"));
	if (json_object_is_type(json_object_object_get(root, "backend"), json_type_string))
		snprintf(trace->backend, sizeof(trace->backend), "%s",
			 json_object_get_string(json_object_object_get(root, "backend")));
	read_names(&trace->exits, root, "exits");
	read_names(&trace->calls, root, "calls");
	read_names(&trace->kinds, root, "kinds");
	read_names(&trace->errnos, root, "errnos");
	read_names(&trace->domains, root, "domains");
	read_names(&trace->kernels, root, "kernels");
	json_object_put(root);
	return 0;
}

/* NULL, or what is wrong with a file of this header. */
static const char *check_header(const struct trace_file_header *header, const uint8_t *body,
				uint64_t rest)
{
	if (memcmp(header->magic, TRACE_MAGIC, sizeof(header->magic)))
		return "this is no trace file";
	if (header->version != TRACE_VERSION ||
	    header->record_bytes != sizeof(struct pv_trace_record))
		return "a trace of a version that this pvn does not know";
	if (!header->description_bytes)
		return "the trace was cut short";
	if (header->section_bytes > rest ||
	    header->description_bytes != rest - header->section_bytes)
		return "the file has not the length that it states";
	if (crc32_ieee(0, body, header->section_bytes) != header->section_crc ||
	    crc32_ieee(0, body + header->section_bytes, header->description_bytes) !=
		    header->description_crc)
		return "the file is damaged (wrong checksum)";
	return NULL;
}

int trace_parse(struct trace *trace, const uint8_t *bytes, size_t size, const char *name,
		struct errors *e)
{
	struct trace_file_header header;
	const uint8_t *body = bytes + sizeof(header);
	const char *wrong;

	memset(trace, 0, sizeof(*trace));
	if (size < sizeof(header))
		return errors_add(e, "%s: this is no trace file", name);
	memcpy(&header, bytes, sizeof(header));
	wrong = check_header(&header, body, size - sizeof(header));
	if (wrong)
		return errors_add(e, "%s: %s", name, wrong);
	if (read_sections(trace, body, header.section_bytes))
		return errors_add(e, "%s: a section of records does not fit into the file", name);
	trace->entries = xcalloc(trace->count, sizeof(*trace->entries));
	read_sections(trace, body, header.section_bytes);
	if (read_description(trace, body + header.section_bytes, header.description_bytes)) {
		trace_free(trace);
		return errors_add(e, "%s: the description is not JSON", name);
	}
	qsort(trace->entries, trace->count, sizeof(*trace->entries), by_time);
	return 0;
}

static void free_names(struct trace_names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

void trace_free(struct trace *trace)
{
	free_names(&trace->exits);
	free_names(&trace->calls);
	free_names(&trace->kinds);
	free_names(&trace->errnos);
	free_names(&trace->domains);
	free_names(&trace->kernels);
	free(trace->entries);
	memset(trace, 0, sizeof(*trace));
}
