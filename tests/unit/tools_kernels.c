/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImage and multiboot kernels: good ones, ones with a wrong field each, which must be refused
 * with file and reason, and ones with bytes changed at random, which must be refused or give a plan
 * that stays within memory and file.
 */
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "kernels.h"
#include "tap.h"

#define MEMORY (64ull << 20)
#define PACKED_MAX 0x4000u

static int load(struct blob *b, struct load_plan *plan, struct errors *e)
{
	memset(e, 0, sizeof(*e));
	return payload_load(b, "k", PV_MODE_FULL_HAP, MEMORY, plan, e) ||
	       load_plan_check(plan, "k", MEMORY, e);
}

/* ---- packing ---- */

static struct blob gzip(const struct blob *in)
{
	struct blob out = { xmalloc(PACKED_MAX), PACKED_MAX };
	z_stream z = { .next_in = in->data,
		       .avail_in = (uInt)in->size,
		       .next_out = out.data,
		       .avail_out = (uInt)out.size };

	EXPECT(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
	out.size = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct blob xz(const struct blob *in)
{
	struct blob out = { xmalloc(PACKED_MAX), 0 };

	EXPECT(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in->data, in->size, out.data,
				       &out.size, PACKED_MAX) == LZMA_OK);
	kernel_add_size(&out, in->size);
	return out;
}

static struct blob lzma(const struct blob *in)
{
	struct blob out = { xmalloc(PACKED_MAX), 0 };
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	EXPECT(!lzma_lzma_preset(&options, 1));
	EXPECT(lzma_alone_encoder(&stream, &options) == LZMA_OK);
	stream.next_in = in->data;
	stream.avail_in = in->size;
	stream.next_out = out.data;
	stream.avail_out = PACKED_MAX;
	EXPECT(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END);
	out.size = stream.total_out;
	lzma_end(&stream);
	kernel_add_size(&out, in->size);
	return out;
}

static struct blob zstd(const struct blob *in)
{
	struct blob out = { xmalloc(PACKED_MAX), 0 };

	out.size = ZSTD_compress(out.data, PACKED_MAX, in->data, in->size, 3);
	EXPECT(!ZSTD_isError(out.size));
	kernel_add_size(&out, in->size);
	return out;
}

static struct blob lz4(const struct blob *in)
{
	struct blob out = kernel_lz4(in);

	kernel_add_size(&out, in->size);
	return out;
}

static const struct {
	const char *name;
	struct blob (*pack)(const struct blob *in);
} methods[] = {
	{ "gzip", gzip }, { "xz", xz }, { "zstd", zstd }, { "lz4", lz4 }, { "lzma", lzma },
};

static struct blob bzimage(struct blob (*pack)(const struct blob *in))
{
	struct blob inside = kernel_vmlinux(), packed = pack(&inside), b = kernel_bzimage(&packed);

	blob_free(&inside);
	blob_free(&packed);
	return b;
}

/* ---- bzImage ---- */

static void test_bzimage(void)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct blob b = bzimage(methods[i].pack), inside = kernel_vmlinux();
		struct load_plan plan;
		struct errors e;

		EXPECT_MSG(!load(&b, &plan, &e) && !e.count, "%s", e.text[0]);
		EXPECT(plan.protocol == LOAD_LINUX && plan.count == 2);
		EXPECT_EQ(plan.entry, KERNEL_GPA + 0x10);
		EXPECT_EQ(plan.segments[1].gpa, KERNEL_GPA + 0x1000);
		EXPECT(!memcmp(plan.segments[1].bytes, inside.data + KERNEL_TEXT + 0x100, 0x200));
		EXPECT_EQ(plan.setup_header_bytes, 0x26c - 0x1f1);
		EXPECT(!memcmp(plan.setup_header, b.data + 0x1f1, plan.setup_header_bytes));
		load_plan_free(&plan);
		blob_free(&b);
		blob_free(&inside);
		tap_case(methods[i].name);
	}
}

static const struct {
	const char *name;
	size_t at;
	uint32_t value;
	unsigned int bytes;
	const char *error;
} bad_fields[] = {
	{ "boot flag", 0x1fe, 0xaa54, 2, "found a file of no known format" },
	{ "magic", 0x202, 0x53726449, 4, "found a file of no known format" },
	{ "old protocol", 0x206, 0x207, 2, "of boot protocol 2.07, expected 2.08" },
	{ "32-bit", 0x236, 0, 2, "found a 32-bit kernel" },
	{ "short header", 0x201, 0x4d, 1, "its setup header ends at 0x24f" },
	{ "long header", 0x201, 0xff, 1, "its setup header ends at 0x301" },
	{ "setup sectors", 0x1f1, 200, 1, "is cut short: its payload has" },
	{ "no setup sectors", 0x1f1, 0, 1, "is cut short: its payload has" },
	{ "payload offset", 0x248, 0xfffffff0, 4, "is cut short: its payload has" },
	{ "payload one off", 0x248, 1, 4, "is cut short: its payload has" },
	{ "payload length", 0x24c, 0xffffffff, 4, "is cut short: its payload has" },
	{ "no payload", 0x24c, 0, 4, "tells of no payload" },
	{ "tiny payload", 0x24c, 3, 4, "is compressed in no known way" },
	{ "short payload", 0x24c, 0x80, 4, "its xz data is" },
	{ "payload magic", BZ_PAYLOAD, 0, 1, "is compressed in no known way" },
	{ "bzip2", BZ_PAYLOAD, 0x39685a42, 4, "found bzip2 data, expected gzip, xz" },
	{ "payload bytes", BZ_PAYLOAD + 0x40, 0x12345678, 4, "its xz data is damaged" },
};

static void expect_refused(const char *name, struct blob *b, const char *error)
{
	struct load_plan plan;
	struct errors e;

	EXPECT(load(b, &plan, &e));
	EXPECT_EQ(e.count, 1);
	EXPECT_MSG(!strncmp(e.text[0], "k: ", 3) && strstr(e.text[0], error), "error is \"%s\"",
		   e.text[0]);
	load_plan_free(&plan);
	blob_free(b);
	tap_case(name);
}

static void test_bad_bzimage(void)
{
	struct blob b, packed, inside;

	for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
		b = bzimage(xz);
		memcpy(b.data + bad_fields[i].at, &bad_fields[i].value, bad_fields[i].bytes);
		expect_refused(bad_fields[i].name, &b, bad_fields[i].error);
	}
	b = bzimage(xz);
	b.size -= 5;
	expect_refused("cut payload", &b, "is cut short: its payload has");
	b = bzimage(xz);
	b.size = 0x250;
	expect_refused("cut header", &b, "is cut short, within its setup header");
	b = bzimage(xz);
	b.data[b.size - 4] ^= 1;
	expect_refused("wrong size behind the payload", &b, "unpacks to 5120 bytes, expected 5121");
	packed = (struct blob){ (uint8_t *)"\x89LZO\0\x0d....", 10 };
	b = kernel_bzimage(&packed);
	expect_refused("lzo", &b, "found lzo data, expected gzip, xz");

	inside = kernel_elf64(0x200000, 0);
	packed = gzip(&inside);
	b = kernel_bzimage(&packed);
	expect_refused("no Linux inside", &b, "the kernel in it: found an ELF program");
	memset(inside.data, 'x', 64);
	blob_free(&packed);
	packed = gzip(&inside);
	b = kernel_bzimage(&packed);
	expect_refused("no ELF inside", &b, "the kernel in it: too short for an ELF header");
	blob_free(&packed);
	blob_free(&inside);
	inside = kernel_elf64(MEMORY - 0x2000, 0xffffffff80000000ull);
	packed = gzip(&inside);
	b = kernel_bzimage(&packed);
	expect_refused("kernel beyond memory", &b,
		       "ends beyond the domain's memory; memory is 64M");
	blob_free(&packed);
	blob_free(&inside);
}

/* ---- decompression that never ends ---- */

static void test_limits(void)
{
	/* One literal, then a match of 4 + 15 + 255 * 4000 bytes: 4 KB that unpack to 1 MB. */
	struct blob bomb = { xcalloc(1, 5000), 0 }, out, b;
	struct errors e = { 0 };
	uint32_t size = 4006;

	memcpy(bomb.data, "\x02\x21\x4c\x18", 4);
	memcpy(bomb.data + 4, &size, 4);
	memcpy(bomb.data + 8, "\x1fx\1\0", 4);
	memset(bomb.data + 12, 255, 4000);
	bomb.data[12 + 4000] = 0;
	bomb.data[12 + 4001] = 0; /* the last sequence: no literals */
	bomb.size = 8 + size;
	kernel_add_size(&bomb, 1 + 4 + 15 + 255 * 4000);
	EXPECT_MSG(!decompress_kernel(&bomb, &out, "k", 2 << 20, &e), "%s", e.text[0]);
	EXPECT(out.size == 1 + 4 + 15 + 255 * 4000 && out.data[0] == 'x' &&
	       !memcmp(out.data, out.data + 1, out.size - 1));
	blob_free(&out);
	EXPECT(decompress_kernel(&bomb, &out, "k", 1000000, &e));
	EXPECT_MSG(strstr(e.text[0], "its lz4 data unpacks to more than 1000000"), "%s", e.text[0]);
	blob_free(&bomb);
	tap_case("lz4: repeated bytes, and the limit");
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct blob inside = kernel_vmlinux();

		b = methods[i].pack(&inside);
		memset(&e, 0, sizeof(e));
		EXPECT(decompress_kernel(&b, &out, "k", KERNEL_FILE - 1, &e));
		EXPECT_MSG(strstr(e.text[0], "data unpacks to more than 5119"), "%s", e.text[0]);
		blob_free(&b);
		blob_free(&inside);
	}
	tap_case("every method keeps the limit");
}

/* ---- multiboot ---- */

static void test_multiboot(void)
{
	struct load_plan plan;
	struct blob b = kernel_multiboot32();
	struct errors e;

	EXPECT_MSG(!load(&b, &plan, &e) && !e.count, "%s", e.text[0]);
	EXPECT(plan.protocol == LOAD_MULTIBOOT && plan.count == 1 && plan.entry == MB_GPA + 0x20);
	EXPECT(plan.segments[0].gpa == MB_GPA && plan.segments[0].mem_bytes == 0x2400);
	blob_free(&b);
	tap_case("multiboot: a 32-bit ELF file, linked high");
	b = kernel_elf64(MB_GPA, 0);
	kernel_multiboot_header(&b, KERNEL_TEXT + 0x80, 0);
	EXPECT_MSG(!load(&b, &plan, &e) && !e.count, "%s", e.text[0]);
	EXPECT(plan.protocol == LOAD_MULTIBOOT && plan.entry == MB_GPA + 0x10);
	/* A 64-bit program that only has the number is just that. */
	kernel_put32(&b, KERNEL_TEXT + 0x88, 1);
	EXPECT(!load(&b, &plan, &e) && plan.protocol == LOAD_PROGRAM);
	blob_free(&b);
	tap_case("multiboot: a 64-bit ELF file");
	b = kernel_multiboot_flat();
	EXPECT_MSG(!load(&b, &plan, &e) && !e.count, "%s", e.text[0]);
	EXPECT(plan.entry == MB_GPA + 0x80 && plan.segments[0].bytes == b.data + 0x80);
	EXPECT(plan.segments[0].file_bytes == 0x1000 && plan.segments[0].mem_bytes == 0x3000);
	kernel_put32(&b, 0xc0 + 20, 0); /* to the file's end, without zeros */
	kernel_put32(&b, 0xc0 + 24, 0);
	EXPECT(!load(&b, &plan, &e) && plan.segments[0].mem_bytes == 0x1000);
	memset(&e, 0, sizeof(e));
	EXPECT(payload_load(&b, "k", PV_MODE_PV_HAP, MEMORY, &plan, &e));
	EXPECT_MSG(strstr(e.text[0], "expected mode: full/hap"), "%s", e.text[0]);
	blob_free(&b);
	tap_case("multiboot: an image with addresses; only with a PC");
}

static void test_bad_multiboot(void)
{
	static const struct {
		const char *name;
		size_t at; /* from the header's start */
		uint32_t value;
		const char *error;
	} bad[] = {
		{ "checksum", 8, 1, "the checksum of its multiboot header is wrong" },
		{ "header before the image", 12, MB_GPA - 4, "said to be where it is not" },
		{ "header too far", 12, MB_GPA + 0x1000, "said to be where it is not" },
		{ "load end", 20, MB_GPA - 1, "ends before its start" },
		{ "bss end", 24, MB_GPA + 0xfff, "ends before its start" },
		{ "longer than the file", 20, MB_GPA + 0x1001, "is longer than the file" },
		{ "entry below", 28, MB_GPA - 1, "the entry point is outside" },
		{ "entry behind", 28, MB_GPA + 0x1000, "the entry point is outside" },
		{ "beyond memory", 24, 0xfffffff0, "are beyond the domain's memory, 64M" },
	};
	static const uint32_t low[5] = { 0x8040, 0x8000, 0x9000, 0x9000, 0x8080 };
	struct blob b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = kernel_multiboot_flat();
		kernel_put32(&b, 0xc0 + bad[i].at, bad[i].value);
		expect_refused(bad[i].name, &b, bad[i].error);
	}
	b = kernel_multiboot_flat();
	memcpy(b.data + 0xc0 + 12, low, sizeof(low));
	expect_refused("low image", &b, "starts below 1M");
	b = kernel_multiboot_flat();
	b.size = 0xc0 + 20;
	expect_refused("cut header", &b, "is cut short, within its multiboot header");
	b = kernel_multiboot_flat();
	kernel_multiboot_header(&b, 0xc0, 3);
	expect_refused("no addresses", &b, "without addresses in a file that is not ELF");
	b = kernel_multiboot_flat();
	kernel_multiboot_header(&b, 0xc0, 0x10004);
	expect_refused("video mode", &b, "asks for a video mode");
	b = kernel_multiboot_flat();
	kernel_multiboot_header(&b, 0xc0, 0x10010);
	expect_refused("unknown feature", &b, "asks for unknown features (flags 0x10010)");
}

/* ---- random damage ---- */

static void check_plan(const struct load_plan *plan, const struct blob *b)
{
	const struct blob *from = plan->unpacked.data ? &plan->unpacked : b;

	for (unsigned int i = 0; i < plan->count; i++) {
		const struct load_segment *s = &plan->segments[i];

		EXPECT(s->gpa >= 0x100000 && s->gpa + s->mem_bytes <= MEMORY);
		EXPECT(s->file_bytes <= s->mem_bytes);
		EXPECT(s->bytes >= from->data &&
		       s->bytes + s->file_bytes <= from->data + from->size);
	}
	EXPECT(plan->count && plan->entry >= 0x100000 && plan->entry < MEMORY);
}

/* Of `make` one thing is changed a few times, mostly within [from, to). */
static void fuzz(const char *name, struct blob (*make)(uint64_t), unsigned int rounds, size_t from,
		 size_t to)
{
	unsigned int accepted = 0;
	uint64_t seed = 4;

	for (unsigned int round = 0; round < rounds; round++) {
		struct blob b = make(rnd(&seed)), exact;
		struct load_plan plan;
		struct errors e;

		for (uint64_t n = rnd(&seed) % 3 + (round > 0); n > 0; n--) {
			size_t at = rnd(&seed) % 4 ? from + rnd(&seed) % (to - from) :
						     rnd(&seed) % b.size;

			b.data[at] = rnd(&seed) % 2 ? (uint8_t)rnd(&seed) :
						      b.data[at] ^ (uint8_t)(1 << rnd(&seed) % 8);
		}
		if (round && rnd(&seed) % 8 == 0)
			b.size = rnd(&seed) % b.size;
		exact = (struct blob){ xmalloc(b.size), b.size }; /* the sanitizer sees its end */
		memcpy(exact.data, b.data, b.size);
		if (!load(&exact, &plan, &e)) {
			accepted++;
			EXPECT_EQ(e.count, 0);
			check_plan(&plan, &exact);
		} else {
			EXPECT(e.count == 1 && !strncmp(e.text[0], "k: ", 3));
		}
		load_plan_free(&plan);
		blob_free(&exact);
		blob_free(&b);
	}
	EXPECT_MSG(accepted > rounds / 50 && accepted < rounds, "%u of %u accepted", accepted,
		   rounds);
	tap_case(name);
}

static struct blob any_bzimage(uint64_t n)
{
	return bzimage(methods[n % 4].pack); /* lzma is slow to set up */
}

static struct blob any_multiboot(uint64_t n)
{
	return n % 2 ? kernel_multiboot32() : kernel_multiboot_flat();
}

static struct blob any_vmlinux(uint64_t n)
{
	(void)n;
	return kernel_vmlinux();
}

int main(void)
{
	test_bzimage();
	test_bad_bzimage();
	test_limits();
	test_multiboot();
	test_bad_multiboot();
	fuzz("random damage: bzImage", any_bzimage, 1500, 0x1f1, 0x260);
	fuzz("random damage: its payload", any_bzimage, 1500, BZ_PAYLOAD, BZ_PAYLOAD + 0x100);
	fuzz("random damage: vmlinux", any_vmlinux, 10000, 4, 64 + 2 * 56);
	fuzz("random damage: multiboot", any_multiboot, 10000, 0, 0x100);
	return tap_done();
}
