// SPDX-License-Identifier: BSD-2-Clause
/*
 * LZ4 as Linux compresses its kernel: the "legacy frame" of the LZ4 frame format description, of
 * blocks in the LZ4 block format. Called by decompress.c. Debian's kernels are packed like this;
 * the format is so small that a library would be more to install than to write.
 *
 * Every length and offset comes from the file and is checked against both buffers before use.
 */
#include <string.h>

#include "payload.h"

#define MAGIC_BYTES 4u
#define SIZE_BYTES 4u
#define BLOCK_MAX (8u << 20) /* unpacked; every block but the last has as much */
#define MATCH_MIN 4u
#define RATIO_MAX 255u /* a byte of input is at most so many of output */

static const char cut_short[] = "cut short";
static const char damaged[] = "damaged";
static const char overflows[] = "more than there is room for";

/* A length of 15 goes on in bytes up to one that is not 255. */
static const char *read_length(const struct blob *in, size_t *at, size_t *length)
{
	uint8_t more = 255;

	if (*length != 15)
		return NULL;
	while (more == 255) {
		if (*at == in->size)
			return cut_short;
		more = in->data[(*at)++];
		*length += more;
	}
	return NULL;
}

/* Copies what is at `distance` before the end; the two may overlap, which repeats a pattern. */
static const char *copy_match(struct sink *out, size_t start, size_t limit, size_t distance,
			      size_t length)
{
	if (!distance || distance > out->b.size - start)
		return damaged;
	if (length > limit - out->b.size)
		return overflows;
	for (; length; length--, out->b.size++)
		out->b.data[out->b.size] = out->b.data[out->b.size - distance];
	return NULL;
}

/* One block; it refers to nothing before itself. `limit`: where out must end at the latest. */
static const char *unpack_block(const struct blob *in, struct sink *out, size_t limit)
{
	const size_t start = out->b.size;
	const char *wrong;
	size_t at = 0;

	while (at < in->size) {
		uint8_t token = in->data[at++];
		size_t literals = token >> 4, match = token & 15, distance;

		wrong = read_length(in, &at, &literals);
		if (wrong)
			return wrong;
		if (literals > in->size - at)
			return cut_short;
		if (literals > limit - out->b.size)
			return overflows;
		memcpy(out->b.data + out->b.size, in->data + at, literals);
		out->b.size += literals;
		at += literals;
		if (at == in->size) /* the last sequence is literals alone */
			return match ? damaged : NULL;
		if (in->size - at < 2)
			return cut_short;
		distance = (size_t)(in->data[at] | in->data[at + 1] << 8);
		at += 2;
		wrong = read_length(in, &at, &match);
		if (!wrong)
			wrong = copy_match(out, start, limit, distance, match + MATCH_MIN);
		if (wrong)
			return wrong;
	}
	return cut_short;
}

const char *unpack_lz4(const struct blob *in, struct sink *out)
{
	const char *wrong = NULL;
	size_t at = MAGIC_BYTES;

	while (!wrong && at < in->size) {
		struct blob block = { NULL, blob_read32(in, at) };
		size_t limit =
			out->b.size +
			(block.size < BLOCK_MAX / RATIO_MAX ? block.size * RATIO_MAX : BLOCK_MAX);
		bool is_bounded;

		if (in->size - at < SIZE_BYTES || block.size > in->size - at - SIZE_BYTES)
			return cut_short;
		/* That it is too large shows when it is unpacked. */
		is_bounded = !sink_reserve(out, limit);
		if (is_bounded)
			limit = out->capacity;
		block.data = in->data + at + SIZE_BYTES;
		at += SIZE_BYTES + block.size;
		wrong = unpack_block(&block, out, limit);
		if (wrong == overflows)
			wrong = is_bounded ? sink_too_large : damaged;
	}
	return wrong;
}
