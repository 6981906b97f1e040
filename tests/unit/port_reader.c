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

long port_trace(const struct port_reading *reading, struct port_record *records, size_t max,
		uint64_t lost[16])
{
	static const struct machine machine;
	const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "fake" };
	char path[] = "/tmp/pv-unit-XXXXXX";
	struct trace_writer *writer;
	struct errors errors = { 0 };
	struct blob file = { 0 };
	struct trace trace;
	int fd = mkstemp(path);
	long count = -1;

	if (fd < 0)
		return -1;
	close(fd);
	writer = trace_writer_begin(path);
	for (size_t i = 0; writer && i < reading->count; i++)
		if (reading->frames[i].header.type == PV_FRAME_TRACE)
			trace_writer_add(writer, reading->frames[i].payload,
					 reading->frames[i].header.length);
	if (writer && !trace_writer_end(writer, &machine, &hello) &&
	    !blob_read(&file, path, 1 << 26, &errors) &&
	    !trace_parse(&trace, file.data, file.size, path, &errors)) {
		count = (long)trace.count;
		for (size_t i = 0; i < trace.count && i < max; i++)
			records[i] = (struct port_record){ trace.entries[i].record,
							   trace.entries[i].cpu };
		memcpy(lost, trace.lost, sizeof(trace.lost));
		trace_free(&trace);
	}
	blob_free(&file);
	unlink(path);
	return count;
}

size_t port_forge(uint8_t *out, uint16_t type, const void *payload, uint32_t bytes)
{
	return channel_encode(out, type, 0, payload, bytes);
}
