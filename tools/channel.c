// SPDX-License-Identifier: BSD-2-Clause
/*
 * Incremental frame decoder of the debug channel (pv-abi/host/frame.h); see channel.h. The buffer
 * holds at most one frame. A byte leaves it as part of a verified frame or as a stray byte, never
 * both: after a bad checksum only the first byte is given up, because the real frame may begin
 * inside what the damaged header claimed.
 */
#include "channel.h"

#include <string.h>

#include "channel_noise.h"
#include "pvn.h"

#define HEADER sizeof(struct pv_frame_header)

/* The checksum covers what follows the magic: type, sequence, length, then the payload. */
static uint32_t frame_crc(const uint8_t *frame, uint32_t length)
{
	uint32_t crc = crc32_ieee(0, frame + offsetof(struct pv_frame_header, type),
				  offsetof(struct pv_frame_header, crc32) -
					  offsetof(struct pv_frame_header, type));

	return crc32_ieee(crc, frame + HEADER, length);
}

void channel_init(struct channel *channel, const struct channel_sink *sink)
{
	channel->sink = *sink;
	channel->frames = 0;
	channel->lost = 0;
	channel->damaged = 0;
	channel->stray = 0;
	channel->next_sequence = 0;
	channel->start = 0;
	channel->used = 0;
}

static void give_up(struct channel *channel, size_t bytes)
{
	channel->stray += bytes;
	if (bytes && channel->sink.stray)
		channel->sink.stray(channel->sink.context, channel->buffer + channel->start, bytes);
	channel->start += bytes;
	channel->used -= bytes;
}

/* Offset of the first place where a magic begins, maybe cut off by the end of the buffer. */
static size_t find_magic(const uint8_t *bytes, size_t count)
{
	const uint32_t magic = PV_FRAME_MAGIC;
	size_t at;

	for (at = 0; at < count; at++) {
		size_t rest = count - at < sizeof(magic) ? count - at : sizeof(magic);

		if (!memcmp(bytes + at, &magic, rest))
			break;
	}
	return at;
}

static void deliver(struct channel *channel, const struct pv_frame_header *header)
{
	const uint8_t *payload = channel->buffer + channel->start + HEADER;

	channel->frames++;
	channel->lost += (uint16_t)(header->sequence - channel->next_sequence);
	channel->next_sequence = (uint16_t)(header->sequence + 1);
	channel->start += HEADER + header->length;
	channel->used -= HEADER + header->length;
	channel->sink.frame(channel->sink.context, header, payload);
}

enum step { STEP_AGAIN, STEP_NEED_MORE };

/*
 * Takes a line of Bochs's debugger out of the first `count` bytes, where there is one. Bochs writes
 * it to the channel when a guest triple-faults, and on another CPU a frame may just be under way.
 * Only frames that do not check are searched, so a guest that prints such a line loses nothing.
 */
static bool cut_foreign_line(struct channel *channel, size_t count, enum step *next)
{
	uint8_t *bytes = channel->buffer + channel->start;
	size_t at, length;

	for (at = sizeof(uint32_t); at < count; at++) {
		enum noise noise = noise_match(bytes + at, channel->used - at, &length);

		if (noise == NOISE_NONE)
			continue;
		if (noise == NOISE_CUT_OFF) {
			*next = STEP_NEED_MORE;
			return channel->used < sizeof(channel->buffer);
		}
		channel->stray += length;
		if (channel->sink.stray)
			channel->sink.stray(channel->sink.context, bytes + at, length);
		memmove(bytes + at, bytes + at + length, channel->used - at - length);
		channel->used -= length;
		*next = STEP_AGAIN;
		return true;
	}
	return false;
}

/* Takes one frame or some stray bytes off the buffer. */
static enum step step(struct channel *channel)
{
	struct pv_frame_header header;
	enum step next;
	size_t size;

	give_up(channel, find_magic(channel->buffer + channel->start, channel->used));
	if (channel->used < HEADER)
		return STEP_NEED_MORE;
	memcpy(&header, channel->buffer + channel->start, HEADER);
	size = HEADER + header.length;
	if (header.length <= PV_FRAME_MAX && channel->used >= size &&
	    frame_crc(channel->buffer + channel->start, header.length) == header.crc32) {
		deliver(channel, &header);
		return STEP_AGAIN;
	}
	if (cut_foreign_line(channel, HEADER, &next))
		return next;
	if (header.length <= PV_FRAME_MAX) {
		if (channel->used < size)
			return STEP_NEED_MORE;
		if (cut_foreign_line(channel, size, &next))
			return next;
	}
	channel->damaged++;
	give_up(channel, 1);
	return STEP_AGAIN;
}

void channel_feed(struct channel *channel, const void *data, size_t bytes)
{
	const uint8_t *from = data;

	while (bytes) {
		size_t room = sizeof(channel->buffer) - channel->used;
		size_t take = bytes < room ? bytes : room;

		memmove(channel->buffer, channel->buffer + channel->start, channel->used);
		channel->start = 0;
		memcpy(channel->buffer + channel->used, from, take);
		channel->used += take;
		from += take;
		bytes -= take;
		/* A full buffer holds the largest frame, so step() always empties some of it. */
		while (channel->used && step(channel) == STEP_AGAIN)
			;
	}
}

void channel_finish(struct channel *channel)
{
	while (channel->used) {
		if (step(channel) == STEP_AGAIN || !channel->used)
			continue;
		if (channel->used >= HEADER)
			channel->damaged++;
		give_up(channel, 1);
	}
}

size_t channel_encode(uint8_t *out, uint16_t type, uint16_t sequence, const void *payload,
		      uint32_t length)
{
	struct pv_frame_header header = {
		.magic = PV_FRAME_MAGIC,
		.type = type,
		.sequence = sequence,
		.length = length,
	};

	memcpy(out, &header, HEADER);
	if (length)
		memcpy(out + HEADER, payload, length);
	header.crc32 = frame_crc(out, length);
	memcpy(out, &header, HEADER);
	return HEADER + length;
}
