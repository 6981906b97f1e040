// SPDX-License-Identifier: BSD-2-Clause
/*
 * The debug channel's decoder (tools/channel.c): whole streams, cut into pieces of any size, with
 * garbage between frames, damaged, truncated and hostile. The invariant of the fuzzing part: each
 * byte fed comes out exactly once, in a frame that was sent or as a stray byte.
 */
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "tap.h"

#define HEADER sizeof(struct pv_frame_header)

struct seen {
	unsigned int frames;
	uint64_t bytes; /* of frames and stray ones together */
	uint64_t type_sum;
	uint16_t last_type;
	uint32_t last_length;
	uint8_t last[PV_FRAME_MAX];
	char stray[256];
	size_t stray_count;
};

static void on_frame(void *context, const struct pv_frame_header *header, const uint8_t *payload)
{
	struct seen *seen = context;

	seen->frames++;
	seen->bytes += HEADER + header->length;
	seen->type_sum += header->type;
	seen->last_type = header->type;
	seen->last_length = header->length;
	memcpy(seen->last, payload, header->length);
}

static void on_stray(void *context, const uint8_t *bytes, size_t count)
{
	struct seen *seen = context;
	size_t room = sizeof(seen->stray) - seen->stray_count;

	seen->bytes += count;
	memcpy(seen->stray + seen->stray_count, bytes, count < room ? count : room);
	seen->stray_count += count < room ? count : room;
}

static struct seen seen;
static struct channel channel;
static uint8_t stream[1 << 20];

static void start(void)
{
	const struct channel_sink sink = { on_frame, on_stray, &seen };

	memset(&seen, 0, sizeof(seen));
	channel_init(&channel, &sink);
}

static void feed_in_pieces(const uint8_t *bytes, size_t count, size_t piece)
{
	size_t at;

	for (at = 0; at < count; at += piece)
		channel_feed(&channel, bytes + at, count - at < piece ? count - at : piece);
	channel_finish(&channel);
}

static size_t sample(void)
{
	size_t n = 0;

	n += channel_encode(stream + n, PV_FRAME_LOG, 0, "first", 5);
	n += channel_encode(stream + n, PV_FRAME_LOG, 1, "", 0);
	n += channel_encode(stream + n, PV_FRAME_CONSOLE, 2, "\0\0\0\0third", 9);
	return n;
}

static void whole_and_in_pieces(void)
{
	size_t n = sample(), piece;

	for (piece = 1; piece <= n; piece++) {
		start();
		feed_in_pieces(stream, n, piece);
		EXPECT_EQ(seen.frames, 3);
		EXPECT_EQ(channel.lost + channel.damaged + channel.stray, 0);
		EXPECT_EQ(seen.last_length, 9);
		EXPECT(!memcmp(seen.last + 4, "third", 5));
	}
	tap_case("frames arrive whole, however the stream is cut");
}

static void largest_frame(void)
{
	static uint8_t payload[PV_FRAME_MAX];
	size_t n;

	memset(payload, 0x5a, sizeof(payload));
	n = channel_encode(stream, PV_FRAME_TRACE, 0, payload, PV_FRAME_MAX);
	n += channel_encode(stream + n, PV_FRAME_LOG, 1, "x", 1);
	start();
	feed_in_pieces(stream, n, 4099);
	EXPECT_EQ(seen.frames, 2);
	EXPECT_EQ(channel.damaged, 0);
	tap_case("the largest frame fits");
}

static void garbage_between(void)
{
	static const char banner[] = "Bochs says\nPV\xa5";
	size_t n = 0;

	memcpy(stream, banner, sizeof(banner) - 1);
	n += sizeof(banner) - 1;
	n += channel_encode(stream + n, PV_FRAME_LOG, 0, "a", 1);
	memcpy(stream + n, "PVPVP", 5);
	n += 5;
	n += channel_encode(stream + n, PV_FRAME_LOG, 1, "b", 1);
	start();
	feed_in_pieces(stream, n, 3);
	EXPECT_EQ(seen.frames, 2);
	EXPECT_EQ(channel.stray, sizeof(banner) - 1 + 5);
	EXPECT_EQ(channel.lost + channel.damaged, 0);
	EXPECT(!memcmp(seen.stray, banner, sizeof(banner) - 1));
	tap_case("bytes outside of frames are passed on as such");
}

static void damaged_frames(void)
{
	size_t n = sample(), i;

	/* Whatever byte is hit: the two other frames arrive, and the loss shows. */
	for (i = HEADER + 5; i < 2 * HEADER + 5; i++) {
		sample();
		stream[i] ^= 0x10;
		start();
		feed_in_pieces(stream, n, 7);
		EXPECT_MSG(seen.frames == 2, "byte %zu hit: %u frames", i, seen.frames);
		EXPECT_EQ(channel.lost, 1);
	}
	tap_case("a damaged frame costs itself only");
}

static void hostile_lengths(void)
{
	static const uint32_t lengths[] = { PV_FRAME_MAX + 1, 0x7fffffff, 0x80000000,
					    0xffffffff,       0xfffffff0, PV_FRAME_MAX };
	size_t i, n;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct pv_frame_header header = { .magic = PV_FRAME_MAGIC,
						  .type = PV_FRAME_LOG,
						  .length = lengths[i] };

		memcpy(stream, &header, HEADER);
		n = HEADER;
		n += channel_encode(stream + n, PV_FRAME_LOG, 0, "behind", 6);
		start();
		feed_in_pieces(stream, n, 5);
		EXPECT_EQ(seen.frames, 1);
		EXPECT_EQ(channel.damaged, 1);
		EXPECT_EQ(seen.bytes, n);
	}
	tap_case("a header with an impossible length does not hide the next frame");
}

static void truncated(void)
{
	size_t n = sample(), cut;

	for (cut = 0; cut < n; cut++) {
		start();
		feed_in_pieces(stream, cut, 16);
		EXPECT_EQ(seen.bytes, cut);
		EXPECT(seen.frames <= 2);
	}
	tap_case("a stream that ends in a frame ends cleanly");
}

static void sequence_gaps(void)
{
	size_t n = 0;

	n += channel_encode(stream + n, PV_FRAME_LOG, 0, "a", 1);
	n += channel_encode(stream + n, PV_FRAME_LOG, 3, "b", 1);
	n += channel_encode(stream + n, PV_FRAME_LOG, 4, "c", 1);
	start();
	feed_in_pieces(stream, n, n);
	EXPECT_EQ(seen.frames, 3);
	EXPECT_EQ(channel.lost, 2);
	start();
	channel.next_sequence = 0xffff;
	n = channel_encode(stream, PV_FRAME_LOG, 0xffff, "a", 1);
	n += channel_encode(stream + n, PV_FRAME_LOG, 0, "b", 1);
	feed_in_pieces(stream, n, n);
	EXPECT_EQ(channel.lost, 0);
	tap_case("gaps in the sequence are counted, its wrap is none");
}

/* Bochs's debugger writes to the channel, wherever a frame of another CPU may be. */
static void foreign_lines(void)
{
	static const char line[] = "(0).[82772714] [0x000000400048] 0008:0000000000200048 (unk. "
				   "ctxt): ud2                       ; 0f0b\n";
	static uint8_t spoilt[4096];
	size_t n = sample(), at, piece;

	/* In the first frame's magic it costs that frame; anywhere else nothing. */
	for (at = sizeof(uint32_t); at < n; at++) {
		if (at >= HEADER + 5 && (at - HEADER - 5) % HEADER < sizeof(uint32_t))
			continue; /* magic of the two others */
		memcpy(spoilt, stream, at);
		memcpy(spoilt + at, line, sizeof(line) - 1);
		memcpy(spoilt + at + sizeof(line) - 1, stream + at, n - at);
		for (piece = 1; piece < 200; piece += 13) {
			start();
			feed_in_pieces(spoilt, n + sizeof(line) - 1, piece);
			EXPECT_MSG(seen.frames == 3, "at %zu: %u frames", at, seen.frames);
			EXPECT_EQ(channel.lost, 0);
			EXPECT_EQ(seen.bytes, n + sizeof(line) - 1);
		}
	}
	/* A guest that prints such a line gets it to its console. */
	n = channel_encode(stream, PV_FRAME_CONSOLE, 0, line, sizeof(line) - 1);
	n += channel_encode(stream + n, PV_FRAME_LOG, 1, "(0).[", 5);
	start();
	feed_in_pieces(stream, n, 9);
	EXPECT_EQ(seen.frames, 2);
	EXPECT_EQ(channel.stray + channel.damaged, 0);
	tap_case("a line of Bochs's debugger within a frame is taken out");
}

/* A stream of random frames, and pieces of magic, headers and noise between them. */
static size_t random_stream(uint64_t *seed, size_t limit)
{
	static uint8_t payload[PV_FRAME_MAX];
	uint16_t sequence = 0;
	size_t n = 0, i;

	while (n + PV_FRAME_MAX + 2 * HEADER < limit) {
		uint32_t length = (uint32_t)(rnd(seed) % (rnd(seed) % 8 ? 80 : PV_FRAME_MAX));

		for (i = 0; i < length; i++)
			payload[i] = (uint8_t)rnd(seed);
		if (rnd(seed) % 4 == 0 && length >= 4)
			memcpy(payload + length / 2 / 4 * 4, &(uint32_t){ PV_FRAME_MAGIC }, 4);
		n += channel_encode(stream + n, (uint16_t)rnd(seed), sequence++, payload, length);
		if (rnd(seed) % 3 == 0) {
			memcpy(stream + n, &(uint32_t){ PV_FRAME_MAGIC }, 4);
			n += rnd(seed) % 5;
		}
		if (rnd(seed) % 5 == 0) {
			static const char *const pieces[] = { "(0).[1] [0x1] 1:1 (a\n", "(1).[22",
							      "(3).[4] [0x5] 6:7 (", "(" };
			const char *text = pieces[rnd(seed) % 4];

			memcpy(stream + n, text, strlen(text));
			n += strlen(text);
		}
		if (rnd(seed) % 200 == 0)
			break;
	}
	return n;
}

static void fuzz_mutations(void)
{
	uint64_t seed = 1;
	unsigned int round, i;

	for (round = 0; round < 150; round++) {
		size_t n = random_stream(&seed, 300000), at;

		for (i = 0; i < rnd(&seed) % 20; i++)
			stream[rnd(&seed) % n] ^= (uint8_t)(1u << rnd(&seed) % 8);
		start();
		for (at = 0; at < n;) {
			size_t piece = 1 + rnd(&seed) % 5000;

			piece = piece > n - at ? n - at : piece;
			channel_feed(&channel, stream + at, piece);
			at += piece;
		}
		channel_finish(&channel);
		EXPECT_EQ(seen.bytes, n);
		EXPECT_EQ(channel.used, 0);
		EXPECT_EQ(seen.frames, channel.frames);
	}
	tap_case("mutated streams: every byte is accounted for once");
}

static void fuzz_noise(void)
{
	uint64_t seed = 2;
	unsigned int round;
	size_t i, n = 100000;

	for (round = 0; round < 20; round++) {
		/* Words that are magic, lengths or random make headers likely. */
		for (i = 0; i < n; i += 4) {
			uint32_t word = (uint32_t)rnd(&seed);

			if (word % 4 == 0)
				word = PV_FRAME_MAGIC;
			else if (word % 4 == 1)
				word = word >> 2 & 0xff;
			memcpy(stream + i, &word, 4);
		}
		start();
		feed_in_pieces(stream, n, 1 + rnd(&seed) % 3000);
		EXPECT_EQ(seen.bytes, n);
		EXPECT_EQ(seen.frames, 0);
	}
	tap_case("noise full of magic numbers is all stray");
}

int main(void)
{
	whole_and_in_pieces();
	largest_frame();
	garbage_between();
	damaged_frames();
	hostile_lengths();
	truncated();
	sequence_gaps();
	foreign_lines();
	fuzz_mutations();
	fuzz_noise();
	return tap_done();
}
