/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug channel's decoder: bytes from an emulator in, whole frames out. Called by the run
 * session with whatever a read() returned. It does no I/O and allocates nothing, so unit tests and
 * fuzzers feed it directly. Whatever the bytes are, it neither overruns nor stalls for good: a
 * frame that was cut short is given up at the end of the stream at the latest.
 */
#ifndef TOOLS_CHANNEL_H
#define TOOLS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/frame.h"

#define CHANNEL_BUFFER (sizeof(struct pv_frame_header) + PV_FRAME_MAX)

struct channel_sink {
	/* A frame with the right checksum. The payload is valid during the call only. */
	void (*frame)(void *context, const struct pv_frame_header *header, const uint8_t *payload);
	/* Bytes that belong to no frame, such as an emulator's own messages; may be NULL. */
	void (*stray)(void *context, const uint8_t *bytes, size_t count);
	void *context;
};

struct channel {
	struct channel_sink sink;
	uint64_t frames; /* delivered */
	uint64_t lost; /* missing in the sequence numbers */
	uint64_t damaged; /* frames with a wrong checksum or an impossible length */
	uint64_t stray; /* bytes outside of frames */
	uint16_t next_sequence;
	size_t start; /* offset in buffer of the first byte not yet judged */
	size_t used; /* bytes from there on */
	uint8_t buffer[CHANNEL_BUFFER];
};

void channel_init(struct channel *channel, const struct channel_sink *sink);
void channel_feed(struct channel *channel, const void *data, size_t bytes);
/* The stream has ended: what is left is delivered where whole, counted as stray where not. */
void channel_finish(struct channel *channel);

/* Builds a frame in out, which has room for a header and `length` bytes; returns its size. */
size_t channel_encode(uint8_t *out, uint16_t type, uint16_t sequence, const void *payload,
		      uint32_t length);

#endif
