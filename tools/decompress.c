// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compressed kernels are unpacked here, on the host, because it costs seconds in an emulated guest.
 * One row a method; each unpacks into a buffer that grows up to the caller's limit, so a file that
 * claims terabytes ends in a message.
 */
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "config.h"
#include "payload.h"

const char sink_too_large[] = "too large";

bool sink_reserve(struct sink *out, size_t needed)
{
	size_t capacity = out->capacity ? out->capacity : 1u << 20;

	if (needed <= out->capacity)
		return true;
	while (capacity < needed && capacity < out->max)
		capacity *= 2;
	if (capacity > out->max)
		capacity = out->max;
	if (capacity > out->capacity)
		out->b.data = xrealloc(out->b.data, capacity);
	out->capacity = capacity;
	return needed <= capacity;
}

/* More room at the end. False where the limit is reached. */
static bool grow(struct sink *out)
{
	return sink_reserve(out, out->capacity + 1);
}

/*
 * Each method: NULL if the whole input was unpacked, sink_too_large, or what was wrong. A stream
 * that ends early is wrong; bytes after its end are, too.
 */
static const char *unpack_gzip(const struct blob *in, struct sink *out)
{
	z_stream z = { .next_in = in->data, .avail_in = (uInt)in->size };
	int status = inflateInit2(&z, 15 + 16); /* 16: expect the gzip wrapper */
	const char *wrong = NULL;

	if (status != Z_OK)
		return "out of memory";
	while (status != Z_STREAM_END && !wrong) {
		size_t room = out->capacity - out->b.size;

		if (!room && !grow(out)) {
			wrong = sink_too_large;
			break;
		}
		room = out->capacity - out->b.size;
		if (room > 1u << 30)
			room = 1u << 30; /* zlib counts in 32 bits */
		z.next_out = out->b.data + out->b.size;
		z.avail_out = (uInt)room;
		status = inflate(&z, Z_NO_FLUSH);
		out->b.size += room - z.avail_out;
		if (status != Z_OK && status != Z_STREAM_END)
			wrong = status == Z_BUF_ERROR ? "cut short" : "damaged";
	}
	if (!wrong && z.avail_in)
		wrong = "followed by other bytes";
	inflateEnd(&z);
	return wrong;
}

static const char *run_lzma(lzma_stream *lzma, const struct blob *in, struct sink *out)
{
	const char *wrong = NULL;
	lzma_ret status = LZMA_OK;

	lzma->next_in = in->data;
	lzma->avail_in = in->size;
	while (status != LZMA_STREAM_END && !wrong) {
		size_t room;

		if (out->capacity == out->b.size && !grow(out)) {
			wrong = sink_too_large;
			break;
		}
		room = out->capacity - out->b.size;
		lzma->next_out = out->b.data + out->b.size;
		lzma->avail_out = room;
		status = lzma_code(lzma, LZMA_FINISH);
		out->b.size += room - lzma->avail_out;
		if (status == LZMA_BUF_ERROR)
			wrong = "cut short";
		else if (status == LZMA_MEMLIMIT_ERROR)
			wrong = "made with too large a dictionary";
		else if (status != LZMA_OK && status != LZMA_STREAM_END)
			wrong = "damaged";
	}
	if (!wrong && lzma->avail_in)
		wrong = "followed by other bytes";
	lzma_end(lzma);
	return wrong;
}

#define LZMA_MEMORY_MAX (512ull << 20)

static const char *unpack_xz(const struct blob *in, struct sink *out)
{
	lzma_stream lzma = LZMA_STREAM_INIT;

	if (lzma_stream_decoder(&lzma, LZMA_MEMORY_MAX, 0) != LZMA_OK)
		return "out of memory";
	return run_lzma(&lzma, in, out);
}

static const char *unpack_lzma(const struct blob *in, struct sink *out)
{
	lzma_stream lzma = LZMA_STREAM_INIT;

	if (lzma_alone_decoder(&lzma, LZMA_MEMORY_MAX) != LZMA_OK)
		return "out of memory";
	return run_lzma(&lzma, in, out);
}

static const char *unpack_zstd(const struct blob *in, struct sink *out)
{
	ZSTD_DStream *zstd = ZSTD_createDStream();
	ZSTD_inBuffer input = { in->data, in->size, 0 };
	const char *wrong = NULL;
	size_t left = 1; /* 0: a frame is complete */

	if (!zstd)
		return "out of memory";
	while ((left || input.pos < input.size) && !wrong) {
		ZSTD_outBuffer output;

		if (out->capacity == out->b.size && !grow(out)) {
			wrong = sink_too_large;
			break;
		}
		output = (ZSTD_outBuffer){ out->b.data, out->capacity, out->b.size };
		left = ZSTD_decompressStream(zstd, &output, &input);
		if (ZSTD_isError(left))
			wrong = "damaged";
		else if (left && input.pos == input.size && output.pos == out->b.size)
			wrong = "cut short";
		out->b.size = output.pos;
	}
	ZSTD_freeDStream(zstd);
	return wrong;
}

static const struct method {
	const char *name;
	unsigned char magic[6];
	size_t magic_bytes;
	const char *(*unpack)(const struct blob *in, struct sink *out); /* NULL: not here */
} methods[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O', 0, 0x0d }, 6, NULL },
};

static const struct method *method_of(const struct blob *b)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (b->size >= methods[i].magic_bytes &&
		    !memcmp(b->data, methods[i].magic, methods[i].magic_bytes))
			return &methods[i];
	return NULL;
}

static int unpack(const struct method *method, const struct blob *in, struct blob *to,
		  const char *name, size_t max, struct errors *e)
{
	/* One byte more than allowed: only then it is known to be too large. */
	struct sink out = { .max = max + 1 };
	const char *wrong;
	char limit[24];

	if (!method->unpack)
		return errors_add(e, "%s: found %s data, expected gzip, xz, zstd, lz4 or lzma",
				  name, method->name);
	wrong = method->unpack(in, &out);
	if (!wrong && out.b.size > max)
		wrong = sink_too_large;
	if (!wrong) {
		*to = out.b;
		return 0;
	}
	blob_free(&out.b);
	if (wrong == sink_too_large)
		return errors_add(e, "%s: its %s data unpacks to more than %s", name, method->name,
				  format_size(max, limit, sizeof(limit)));
	return errors_add(e, "%s: its %s data is %s", name, method->name, wrong);
}

int decompress(struct blob *b, const char *name, size_t max, struct errors *e)
{
	const struct method *method = method_of(b);
	struct blob out;

	if (!method)
		return 0;
	if (unpack(method, b, &out, name, max, e))
		return -1;
	blob_free(b);
	*b = out;
	return 0;
}

int decompress_kernel(const struct blob *in, struct blob *out, const char *name, size_t max,
		      struct errors *e)
{
	const struct method *method = method_of(in);
	struct blob packed = *in;
	uint32_t size;

	if (!method || in->size < sizeof(size))
		return errors_add(
			e, "%s: its payload is compressed in no known way (is it damaged?)", name);
	/* gzip ends with the size already. */
	size = blob_read32(in, in->size - sizeof(size));
	if (method->unpack != unpack_gzip)
		packed.size -= sizeof(size);
	if (unpack(method, &packed, out, name, max, e))
		return -1;
	if (out->size == size)
		return 0;
	errors_add(e, "%s: its payload unpacks to %zu bytes, expected %u (is it damaged?)", name,
		   out->size, size);
	blob_free(out);
	return -1;
}
