// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads trace files; see trace.h. A trace may come from another version, another machine or a full
 * disk, or still be growing, so nothing is used before its checksum is verified, and every number
 * is a mere index into the file's own name lists, checked where it is used.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static enum trace_status say(enum trace_status status, char why[200], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum trace_status say(enum trace_status status, char why[200], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, 200, fmt, args);
	va_end(args);
	return status;
}

/* MORE means: go on. */
static enum trace_status take_header(const uint8_t *bytes, size_t size, size_t *at, char why[200])
{
	struct trace_file_header header;

	memset(&header, 0, sizeof(header));
	memcpy(&header, bytes, size < sizeof(header) ? size : sizeof(header));
	if (!size)
		return say(TRACE_FOREIGN, why, "it is empty");
	if (memcmp(header.magic, TRACE_MAGIC, size < 8 ? size : 8))
		return say(TRACE_FOREIGN, why, "this is no trace file");
	if (size < sizeof(header))
		return say(TRACE_MORE, why, "it ends within its first %zu bytes", sizeof(header));
	if (header.version != TRACE_VERSION)
		return say(TRACE_FOREIGN, why,
			   "a trace of file version %" PRIu32
			   ", this pvn reads version %u: use the "
			   "pvn that recorded it, or record it again",
			   header.version, TRACE_VERSION);
	if (header.record_bytes != sizeof(struct pv_trace_record))
		return say(TRACE_DAMAGED, why, "its records have %" PRIu32 " bytes, expected %zu",
			   header.record_bytes, sizeof(struct pv_trace_record));
	*at = sizeof(header);
	return TRACE_MORE;
}

static bool take_records(struct trace *trace, const uint8_t *payload, uint32_t bytes)
{
	struct pv_frame_trace head;
	uint32_t i;

	if (bytes < sizeof(head))
		return false;
	memcpy(&head, payload, sizeof(head));
	if (head.cpu >= PV_CPUS_MAX ||
	    bytes - sizeof(head) != (uint64_t)head.records * sizeof(struct pv_trace_record))
		return false;
	for (i = 0; i < head.records; i++) {
		struct pv_trace_record record;

		memcpy(&record, payload + sizeof(head) + i * sizeof(record), sizeof(record));
		trace_group_add(trace, head.cpu, &record);
	}
	trace->records += head.records;
	if (head.lost > trace->lost[head.cpu])
		trace->lost[head.cpu] = head.lost;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *take_payload(struct trace *trace, const struct trace_section *section,
				const uint8_t *payload)
{
	if (section->type == TRACE_SECTION_DESCRIPTION) {
		if (trace->is_described)
			return "a second description";
		if (trace_describe(trace, payload, section->bytes))
			return "the description is not what it should be";
		trace->is_described = true;
		return NULL;
	}
	if (!trace->is_described)
		return "no description comes first";
	if (section->type == TRACE_SECTION_RECORDS)
		return take_records(trace, payload, section->bytes) ?
			       NULL :
			       "a section of records does not have the length that it states";
	if (section->type != TRACE_SECTION_END)
		return NULL; /* of a later version: can be left out */
	if (section->bytes != sizeof(trace->end))
		return "an end section of the wrong length";
	memcpy(&trace->end, payload, sizeof(trace->end));
	trace->has_end = true;
	return NULL;
}

/* One section. COMPLETE: taken. */
static enum trace_status take_section(struct trace *trace, const uint8_t *bytes, size_t size,
				      size_t *at, char why[200])
{
	struct trace_section section;
	const uint8_t *payload = bytes + *at + sizeof(section);
	const char *wrong;
	uint32_t crc;

	if (size - *at < sizeof(section))
		return say(TRACE_MORE, why, "it ends at byte %zu, within the head of a section",
			   trace->skipped + size);
	memcpy(&section, bytes + *at, sizeof(section));
	if (section.magic != TRACE_SECTION_MAGIC || section.bytes > TRACE_SECTION_MAX)
		return say(TRACE_DAMAGED, why, "it is damaged at byte %zu: no section begins there",
			   trace->skipped + *at);
	if (size - *at - sizeof(section) < section.bytes)
		return say(TRACE_MORE, why,
			   "it ends at byte %zu, within a section of %" PRIu32 " bytes",
			   trace->skipped + size, section.bytes);
	crc = crc32_ieee(0, &section.type, sizeof(section.type) + sizeof(section.bytes));
	if (crc32_ieee(crc, payload, section.bytes) != section.crc)
		return say(TRACE_DAMAGED, why,
			   "the section of %" PRIu32
			   " bytes at byte %zu is damaged (wrong checksum)",
			   section.bytes, trace->skipped + *at);
	wrong = take_payload(trace, &section, payload);
	if (wrong)
		return say(TRACE_DAMAGED, why, "the section at byte %zu makes no sense: %s",
			   trace->skipped + *at, wrong);
	*at += sizeof(section) + section.bytes;
	return TRACE_COMPLETE;
}

enum trace_status trace_take(struct trace *trace, const uint8_t *bytes, size_t size, size_t *at,
			     char why[200])
{
	enum trace_status status = TRACE_MORE;

	why[0] = 0;
	if (!*at && !trace->skipped) {
		status = take_header(bytes, size, at, why);
		if (!*at)
			return status;
	}
	while (!trace->has_end && *at < size) {
		status = take_section(trace, bytes, size, at, why);
		if (status != TRACE_COMPLETE)
			return status;
	}
	if (!trace->has_end)
		return say(TRACE_MORE, why, "it ends at byte %zu, without its end section",
			   trace->skipped + size);
	if (*at != size)
		return say(TRACE_DAMAGED, why, "%zu bytes follow its end section", size - *at);
	return TRACE_COMPLETE;
}

/* ---- order ----------------------------------------------------------------------------------- */

struct key {
	uint64_t group;
	size_t index; /* members come before their kick in the file, and after it in time */
	bool is_inner;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->is_inner != y->is_inner)
		return x->is_inner ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

void trace_sort(struct trace *trace, size_t first)
{
	size_t count = trace->count - first, i;
	struct key *keys = xcalloc(count, sizeof(*keys));
	struct trace_entry *sorted;
	bool is_sorted = true;

	for (i = 0; i < count; i++) {
		const struct trace_entry *entry = &trace->entries[first + i];

		keys[i] = (struct key){ entry->group, i, entry->has_kick };
		is_sorted = is_sorted && (!i || compare_keys(&keys[i - 1], &keys[i]) < 0);
	}
	if (!is_sorted) {
		sorted = xcalloc(count, sizeof(*sorted));
		qsort(keys, count, sizeof(*keys), compare_keys);
		for (i = 0; i < count; i++)
			sorted[i] = trace->entries[first + keys[i].index];
		memcpy(trace->entries + first, sorted, count * sizeof(*sorted));
		free(sorted);
	}
	free(keys);
}

void trace_free(struct trace *trace)
{
	trace_description_free(trace);
	free(trace->entries);
	memset(trace, 0, sizeof(*trace));
}
