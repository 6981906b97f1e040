/* SPDX-License-Identifier: BSD-2-Clause */
/* pvn's side of the debug port; see port_reader.h. */
#include "port_reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "tap.h"
#include "trace.h"

static void take_frame(void *context, const struct pv_frame_header *header, const uint8_t *payload)
{
	struct port_reading *reading = context;
	struct port_frame *frame;

	reading->frames =
		xrealloc(reading->frames, (reading->count + 1) * sizeof(*reading->frames));
	frame = &reading->frames[reading->count++];
	frame->header = *header;
	frame->payload = xmalloc(header->length + 1);
	memcpy(frame->payload, payload, header->length);
	frame->payload[header->length] = 0;
}

void port_read(struct port_reading *reading, const uint8_t *bytes, size_t count, uint64_t seed)
{
	const struct channel_sink sink = { .frame = take_frame, .context = reading };
	struct channel *channel = xcalloc(1, sizeof(*channel));

	memset(reading, 0, sizeof(*reading));
	channel_init(channel, &sink);
	while (count) {
		size_t part = 1 + rnd(&seed) % (rnd(&seed) % 2 ? 7 : 5000);

		part = part < count ? part : count;
		channel_feed(channel, bytes, part);
		bytes += part;
		count -= part;
	}
	channel_finish(channel);
	/* Frames from before this reading were not lost. */
	reading->lost = channel->lost - (reading->count ? reading->frames[0].header.sequence : 0);
	reading->damaged = channel->damaged;
	reading->stray = channel->stray;
	free(channel);
}

void port_free(struct port_reading *reading)
{
	for (size_t i = 0; i < reading->count; i++)
		free(reading->frames[i].payload);
	free(reading->frames);
	memset(reading, 0, sizeof(*reading));
}

struct sortable {
	struct port_record record;
	size_t order;
};

static int by_time(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;

	if (x->record.record.tsc != y->record.record.tsc)
		return x->record.record.tsc < y->record.record.tsc ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Writes the frames to a trace file and reads it; 0 if it has as many records. */
static int through_file(const struct port_reading *reading, size_t records, uint64_t lost[16])
{
	static const struct machine machine;
	const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "fake" };
	char path[] = "/tmp/pv-unit-XXXXXX", why[200];
	struct trace_writer *writer;
	struct errors errors = { 0 };
	struct blob file = { 0 };
	struct trace trace = { 0 };
	int fd = mkstemp(path), result = -1;
	size_t at = 0;

	if (fd < 0)
		return -1;
	close(fd);
	writer = trace_writer_begin(path);
	if (writer)
		trace_writer_describe(writer, &machine, &hello);
	for (size_t i = 0; writer && i < reading->count; i++)
		if (reading->frames[i].header.type == PV_FRAME_TRACE)
			trace_writer_add(writer, reading->frames[i].payload,
					 reading->frames[i].header.length);
	if (writer && !trace_writer_end(writer, true) &&
	    !blob_read(&file, path, 1 << 26, &errors) &&
	    trace_take(&trace, file.data, file.size, &at, why) == TRACE_COMPLETE &&
	    trace.records == records && trace.end.records == records)
		result = 0;
	memcpy(lost, trace.lost, sizeof(trace.lost));
	trace_free(&trace);
	blob_free(&file);
	unlink(path);
	return result;
}

long port_trace(const struct port_reading *reading, struct port_record *records, size_t max,
		uint64_t lost[16])
{
	struct sortable *all = xcalloc(max, sizeof(*all));
	size_t count = 0;
	long result;

	for (size_t i = 0; i < reading->count; i++) {
		const uint8_t *payload = reading->frames[i].payload;
		struct pv_frame_trace head;

		if (reading->frames[i].header.type != PV_FRAME_TRACE)
			continue;
		memcpy(&head, payload, sizeof(head));
		for (uint32_t k = 0; k < head.records && count < max; k++, count++) {
			memcpy(&all[count].record.record,
			       payload + sizeof(head) + k * sizeof(struct pv_trace_record),
			       sizeof(struct pv_trace_record));
			all[count].record.cpu = head.cpu;
			all[count].order = count;
		}
	}
	qsort(all, count, sizeof(*all), by_time);
	for (size_t i = 0; i < count; i++)
		records[i] = all[i].record;
	result = through_file(reading, count, lost) ? -1 : (long)count;
	free(all);
	return result;
}

size_t port_forge(uint8_t *out, uint16_t type, const void *payload, uint32_t bytes)
{
	return channel_encode(out, type, 0, payload, bytes);
}
