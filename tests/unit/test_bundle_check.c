/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle as it comes from a boot medium (dispatcher/bundle.c): a whole one is accepted, one
 * that is truncated or damaged is refused, and one that passes although it was changed builds
 * domains without touching anything outside it, or says what memory is missing.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/bundle.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/interpreter.h"
#include "lib/lib.h"
#include "tap.h"

static const struct world_domain two[] = {
	{ .vcpus = 2, .mode = PV_MODE_PV_HAP },
	{ .chunks = 2 },
};
static u8 *good;
static u64 size;

/* The check on a copy behind which nothing may be read. */
static const char *check_copy(const void *bundle, u64 bytes)
{
	static u8 copy[32768] __attribute__((aligned(16)));
	const char *why;

	memcpy(copy, bundle, bytes);
	ASAN_POISON_MEMORY_REGION(copy + bytes, sizeof(copy) - bytes);
	why = bundle_check(copy, bytes);
	ASAN_UNPOISON_MEMORY_REGION(copy, sizeof(copy));
	return why;
}

static unsigned built, panics;

/* Whatever the check lets through: the domains are built, or there is no memory for them. */
static void build(const void *bundle, u64 bytes)
{
	void *copy = malloc(bytes);

	memcpy(copy, bundle, bytes);
	fake_cpus_init(2);
	fake_chunks_left = 6;
	panic_expected = true;
	if (!setjmp(panic_return)) {
		domains_create(copy);
		built++;
		EXPECT(domain_count >= 1 && domain_count <= PV_BUNDLE_DOMAINS_MAX);
		for (u32 i = 0; i < domain_count; i++)
			EXPECT(domains[i]->vcpu_count <= PV_VCPUS_MAX &&
			       domains[i]->vcpus[0]->cpu_mask);
	} else {
		panics++;
	}
	panic_expected = false;
	for (u32 i = 0; i < PV_BUNDLE_DOMAINS_MAX; i++)
		if (domains[i])
			memset(domains[i], 0, sizeof(*domains[i]));
	domain_count = live_domains = 0;
	fake_memory_free();
	fake_output_clear();
	free(copy);
}

static void test_good(void)
{
	EXPECT(!check_copy(good, size));
	build(good, size);
	EXPECT(built == 1 && panics == 0);
	tap_case("a whole bundle is accepted and built");
}

static void test_truncated(void)
{
	u8 *copy = malloc(size);

	for (u64 bytes = 0; bytes < size; bytes++) {
		EXPECT_MSG(check_copy(good, bytes), "%llu bytes are accepted",
			   (unsigned long long)bytes);
		/* And where the header says so too. */
		if (bytes < sizeof(struct pv_bundle_header))
			continue;
		memcpy(copy, good, bytes);
		((struct pv_bundle_header *)copy)->size = bytes;
		world_seal(copy);
		EXPECT_MSG(check_copy(copy, bytes),
			   "%llu bytes and a header that says so are accepted",
			   (unsigned long long)bytes);
	}
	/* More bytes than it has: a module is as long as the boot loader likes. */
	copy = realloc(copy, size + 5000);
	memcpy(copy, good, size);
	memset(copy + size, 0xee, 5000);
	EXPECT(!check_copy(copy, size + 5000));
	free(copy);
	tap_case("every truncation is refused");
}

static void test_flipped_bits(void)
{
	u8 *copy = malloc(size);

	/* The header has no checksum: its fields are the next test. */
	for (u64 at = sizeof(struct pv_bundle_header); at < size; at++) {
		memcpy(copy, good, size);
		copy[at] ^= (u8)(1 << at % 8);
		if (at % 5 == 0 || at < 1000)
			EXPECT(check_copy(copy, size));
	}
	/* Words that have changed places, behind the tables, where no field has a rule. */
	for (u64 at = size - PAGE_SIZE; at < size - 64; at += 64) {
		memcpy(copy, good, size);
		copy[at] = 0x77;
		world_seal(copy);
		EXPECT(!check_copy(copy, size));
		copy[at] = 0;
		copy[at + 8] = 0x77;
		EXPECT(check_copy(copy, size));
	}
	free(copy);
	tap_case("a flipped bit is found, and words in another order");
}

/* Fields with a rule: a value that must be refused, with a right checksum. */
#define FIELD(table, base, field, value) \
	{ (base) + offsetof(struct table, field), sizeof(((struct table *)0)->field), value, \
	  #field " of " #table }
#define DOMAINS sizeof(struct pv_bundle_header)
#define SEGMENTS (DOMAINS + 2 * sizeof(struct pv_bundle_domain))
#define HEADER(field, value) FIELD(pv_bundle_header, 0, field, value)
#define DOMAIN(field, value) FIELD(pv_bundle_domain, DOMAINS, field, value)
#define SEGMENT(field, value) FIELD(pv_bundle_segment, SEGMENTS, field, value)

static const struct {
	u64 offset, bytes, value;
	const char *what;
} bad[] = {
	HEADER(magic, 0), HEADER(magic, PV_BUNDLE_MAGIC + 1), HEADER(version, 0),
	HEADER(version, PV_BUNDLE_VERSION + 1),
	HEADER(size, 0), HEADER(size, 111), HEADER(size, ~0ull), HEADER(size, BIT(63)),
	HEADER(header_size, 0), HEADER(header_size, 104), HEADER(header_size, ~0u),
	HEADER(domain_count, 0), HEADER(domain_count, 17), HEADER(domain_count, ~0u),
	HEADER(segment_count, 0), HEADER(segment_count, 257), HEADER(segment_count, ~0u),
	HEADER(domains_offset, ~7ull), HEADER(domains_offset, BIT(63)), HEADER(domains_offset, 113),
	HEADER(segments_offset, ~7ull), HEADER(segments_offset, BIT(62)),
	HEADER(segments_offset, 116),
	DOMAIN(name, 0), DOMAIN(mode, PV_MODE_FULL_SHADOW), DOMAIN(mode, PV_MODE_PV_DIRECT),
	DOMAIN(mode, ~0u),
	DOMAIN(vcpus, 0), DOMAIN(vcpus, 17), DOMAIN(vcpus, ~0u), DOMAIN(first_segment, 2),
	DOMAIN(first_segment, ~0u), DOMAIN(segment_count, 3), DOMAIN(segment_count, ~0u),
	DOMAIN(memory_bytes, 0), DOMAIN(memory_bytes, 4096), DOMAIN(memory_bytes, CHUNK_SIZE + 1),
	DOMAIN(memory_bytes, ~0ull), SEGMENT(gpa, CHUNK_SIZE), SEGMENT(gpa, ~0xfffull),
	SEGMENT(gpa, 0x8010),
	SEGMENT(offset, ~0ull), SEGMENT(offset, BIT(63)), SEGMENT(file_bytes, 4097),
	SEGMENT(file_bytes, ~0ull),
	SEGMENT(mem_bytes, 0), SEGMENT(mem_bytes, 4095), SEGMENT(mem_bytes, 5000),
	SEGMENT(mem_bytes, ~0ull),
	SEGMENT(mem_bytes, CHUNK_SIZE), SEGMENT(offset, 0xfffffff8),
};

static void test_bad_fields(void)
{
	u8 *copy = malloc(size);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pv_bundle_header *h = (void *)copy;
		u64 value = bad[i].value;

		memcpy(copy, good, size);
		memset(copy + bad[i].offset, 0, bad[i].bytes);
		memcpy(copy + bad[i].offset, &value, min(bad[i].bytes, 8ull));
		if (h->size == size)
			world_seal(copy);
		EXPECT_MSG(check_copy(copy, size), "%s = 0x%llx is accepted", bad[i].what,
			   (unsigned long long)value);
	}
	/* A name without an end. */
	memcpy(copy, good, size);
	memset(copy + sizeof(struct pv_bundle_header), 'n', 32);
	world_seal(copy);
	EXPECT(check_copy(copy, size));
	free(copy);
	tap_case("fields that cannot be are refused");
}

static u64 wild_value(u64 *seed)
{
	u64 value = rnd(seed);

	switch (rnd(seed) % 8) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return BIT(value % 64);
	case 3:
		return BIT(value % 64) - 1;
	case 4:
		return value % 32;
	case 5:
		return value % (2 * size);
	case 6:
		return value % 64 * CHUNK_SIZE;
	default:
		return value;
	}
}

/* Every aligned field of all tables with wild values and a right checksum, then several at once. */
static void test_changed(void)
{
	u64 tables = sizeof(struct pv_bundle_header) +
		     2 * (sizeof(struct pv_bundle_domain) + sizeof(struct pv_bundle_segment));
	unsigned accepted = 0, refused = 0;
	u8 *copy = malloc(size);
	u64 seed = 67;

	for (unsigned i = 0; i < 6000; i++) {
		struct pv_bundle_header *h = (void *)copy;
		unsigned changes = i < 2000 ? 1 : 1 + (unsigned)rnd(&seed) % 4;

		memcpy(copy, good, size);
		for (unsigned n = 0; n < changes; n++) {
			u64 value = wild_value(&seed),
			    at = (i < 2000 ? i * 4 : rnd(&seed)) % tables & ~3ull;

			memcpy(copy + at, &value, at % 8 || rnd(&seed) % 2 ? 4 : 8);
		}
		if (h->size >= sizeof(*h) && h->size <= size && rnd(&seed) % 8)
			world_seal(copy);
		if (check_copy(copy, size)) {
			refused++;
			continue;
		}
		if (accepted++ % 8 == 0)
			build(copy, size);
	}
	EXPECT_MSG(accepted > 500 && refused > 500 && built > 60,
		   "%u accepted, %u refused, %u built", accepted, refused, built);
	free(copy);
	tap_case("what passes the check is harmless");
}

int main(void)
{
	fake_cpuid_all();
	context_init();
	interpreter_init();
	good = world_bundle(two, 2, &size);
	test_good();
	test_truncated();
	test_flipped_bits();
	test_bad_fields();
	test_changed();
	free(good);
	return tap_done();
}
