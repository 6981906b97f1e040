/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT and NPT editing against a flat model: what each 4 KiB page translates to. Random mappings,
 * changes and removals of all sizes, with and without large leaves, also while memory runs out.
 * After each step every page of a small guest is read back by a walk of our own that knows the two
 * formats from the manuals, not from hap.c.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/hap.h"
#include "fake/frames.h"
#include "fake/panic.h"
#include "pv_abi.h"
#include "tap.h"

#define REGION_PAGES 1024u /* checked pages of one region */
#define REGIONS 3u

/* Where the regions lie: at 0, across a 1 GiB border, and across a 512 GiB border. */
static const gpa_t region_base[REGIONS] = { 0, (1ull << 30) - (2 << 20),
					    (512ull << 30) - (1 << 20) };

struct page {
	hpa_t hpa;
	u32 rights; /* 0 = not mapped */
};

static struct page model[REGIONS][REGION_PAGES];
static struct hap hap;
static bool is_ept;

/* ---- an independent walk --------------------------------------------------------------------- */

static struct page ept_rights(u64 entry)
{
	struct page page = { .rights = entry & 7 };

	EXPECT_EQ(entry >> 3 & 7, 6); /* write-back */
	EXPECT_EQ(entry & (1 << 6), 0); /* the guest's PAT counts */
	return page;
}

static struct page npt_rights(u64 entry)
{
	struct page page = { .rights = HAP_R };

	EXPECT((entry & 5) == 5); /* present, user */
	EXPECT_EQ(entry & 0x18, 0); /* PWT, PCD: write-back */
	if (entry & 2)
		page.rights |= HAP_W;
	if (!(entry >> 63))
		page.rights |= HAP_X;
	return page;
}

static struct page walk(gpa_t gpa, u64 *leaf_bytes)
{
	const u64 *table = hap.root;
	struct page page = { 0 };

	for (int shift = 39;; shift -= 9) {
		u64 entry = table[gpa >> shift & 511], offset_mask = (1ull << shift) - 1;

		*leaf_bytes = 1ull << shift;
		if (!entry)
			return page;
		if (shift == 12 || (shift < 39 && entry >> 7 & 1)) {
			page = is_ept ? ept_rights(entry) : npt_rights(entry);
			page.hpa = entry & 0xffffffffff000;
			EXPECT_EQ(page.hpa & offset_mask, 0);
			EXPECT(shift > 12 || !(entry >> 7 & 1));
			EXPECT(shift != 21 || hap.has_large);
			EXPECT(shift != 30 || hap.has_huge);
			page.hpa += gpa & offset_mask & ~0xfffull;
			return page;
		}
		EXPECT_EQ(entry & 7, 7); /* a table denies nothing: R W X, or P RW US */
		EXPECT_EQ(entry >> 63, 0);
		table = (const u64 *)(uintptr_t)(entry & 0xffffffffff000);
	}
}

static void check_all(void)
{
	for (unsigned r = 0; r < REGIONS; r++) {
		for (unsigned i = 0; i < REGION_PAGES; i++) {
			gpa_t gpa = region_base[r] + i * PAGE_SIZE;
			u64 bytes, reported;
			struct page found = walk(gpa, &bytes);
			u64 entry = hap_lookup(&hap, gpa + 0x123, &reported);

			EXPECT_MSG(found.rights == model[r][i].rights,
				   "gpa 0x%llx: rights %u, expected %u", (unsigned long long)gpa,
				   found.rights, model[r][i].rights);
			if (found.rights)
				EXPECT_EQ(found.hpa, model[r][i].hpa);
			EXPECT_EQ(entry != 0, found.rights != 0);
			EXPECT_EQ(reported, bytes);
			if (entry)
				EXPECT_EQ((entry & HAP_ADDRESS) + (gpa & (bytes - 1)), found.hpa);
		}
	}
}

/* ---- random operations ----------------------------------------------------------------------- */

static void set_model(gpa_t gpa, hpa_t hpa, u64 bytes, u32 rights)
{
	for (unsigned r = 0; r < REGIONS; r++) {
		for (unsigned i = 0; i < REGION_PAGES; i++) {
			gpa_t page = region_base[r] + i * PAGE_SIZE;

			if (page >= gpa && page - gpa < bytes)
				model[r][i] = (struct page){ hpa + (page - gpa), rights };
		}
	}
}

static void random_step(u64 *seed)
{
	static const u64 units[] = { PAGE_SIZE, PAGE_SIZE, CHUNK_SIZE, CHUNK_SIZE, 1ull << 30 };
	static const u32 some_rights[] = { 0, 1, 3, 5, 7, 7 };
	unsigned r = rnd(seed) % REGIONS;
	u64 unit = units[rnd(seed) % ARRAY_SIZE(units)];
	gpa_t gpa = region_base[r] + rnd(seed) % REGION_PAGES * PAGE_SIZE;
	u64 bytes = (rnd(seed) % 5 + 1) * unit;
	hpa_t hpa = rnd(seed) % (1ull << 40) & ~(unit - 1);
	u32 rights = some_rights[rnd(seed) % ARRAY_SIZE(some_rights)];
	int error;

	gpa &= ~(unit - 1);
	if (rnd(seed) % 4 == 0) { /* shift both: offsets within large pages agree */
		u64 shift = rnd(seed) % 512 * PAGE_SIZE;

		gpa += shift;
		hpa += shift;
	}
	if (rnd(seed) % 6 == 0)
		hpa += PAGE_SIZE; /* they do not */
	fake_frames_left = rnd(seed) % 3 ? ~0u : rnd(seed) % 6;
	error = hap_map(&hap, gpa, hpa, bytes, rights);
	if (fake_frames_left > 1000)
		EXPECT_EQ(error, 0);
	EXPECT(error == 0 || error == -PV_ENOMEM);
	if (!error)
		set_model(gpa, hpa, bytes, rights);
	EXPECT_EQ(hap.tables, fake_frames_used);
}

static void test_random(const struct hap_format *format, bool large, bool huge, u64 seed,
			const char *name)
{
	is_ept = format == &hap_ept;
	for (unsigned round = 0; round < 4; round++) {
		memset(model, 0, sizeof(model));
		fake_frames_left = ~0u;
		EXPECT_EQ(hap_init(&hap, format, large, huge), 0);
		for (unsigned step = 0; step < 30; step++) {
			random_step(&seed);
			check_all();
		}
		hap_destroy(&hap);
		EXPECT_EQ(fake_frames_used, 0);
	}
	tap_case(name);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static u64 leaf_at(gpa_t gpa)
{
	u64 bytes;

	return hap_lookup(&hap, gpa, &bytes) ? bytes : 0;
}

static void test_leaves(void)
{
	const u64 huge = 1ull << 30;

	fake_frames_left = ~0u;
	is_ept = true;
	EXPECT_EQ(hap_init(&hap, &hap_ept, true, true), 0);
	EXPECT_EQ(hap_map(&hap, 0, huge, 2 * huge, HAP_RWX), 0);
	EXPECT_EQ(leaf_at(0), huge);
	EXPECT_EQ(leaf_at(2 * huge - 1), huge);
	EXPECT_EQ(hap.tables, 2);
	EXPECT_EQ(hap_map(&hap, 5 * PAGE_SIZE, huge + 5 * PAGE_SIZE, PAGE_SIZE, HAP_R), 0);
	EXPECT_EQ(leaf_at(5 * PAGE_SIZE), PAGE_SIZE);
	EXPECT_EQ(leaf_at(CHUNK_SIZE), CHUNK_SIZE);
	EXPECT_EQ(leaf_at(huge), huge);
	EXPECT_EQ(hap.tables, 4);
	EXPECT_EQ(hap_map(&hap, huge, 0, huge, 0), 0); /* a whole leaf goes without a table */
	EXPECT_EQ(leaf_at(huge), 0);
	EXPECT_EQ(hap.tables, 4);
	EXPECT_EQ(hap_map(&hap, 1ull << 40, 0, 1ull << 40, 0),
		  0); /* what is not there costs none */
	EXPECT_EQ(hap_map(&hap, (1ull << 40) + PAGE_SIZE, 0, PAGE_SIZE, 0), 0);
	EXPECT_EQ(hap.tables, 4);
	hap_destroy(&hap);
	tap_case("largest leaf, split only where something changes");

	EXPECT_EQ(hap_init(&hap, &hap_ept, true, true), 0);
	EXPECT_EQ(hap_map(&hap, 0, 0, huge, HAP_RWX), 0);
	fake_frames_left = 1; /* the first of two splits succeeds */
	EXPECT_EQ(hap_map(&hap, 0, 0, PAGE_SIZE, 0), -PV_ENOMEM);
	EXPECT_EQ(leaf_at(0), CHUNK_SIZE);
	for (gpa_t gpa = 0; gpa < huge; gpa += CHUNK_SIZE) {
		u64 bytes;
		struct page page = walk(gpa, &bytes);

		EXPECT(page.hpa == gpa && page.rights == HAP_RWX);
	}
	fake_frames_left = 0;
	EXPECT_EQ(hap_map(&hap, PAGE_SIZE, 0, CHUNK_SIZE, HAP_R), -PV_ENOMEM);
	EXPECT_EQ(hap_map(&hap, CHUNK_SIZE, 0, CHUNK_SIZE, 0), 0); /* needs none */
	fake_frames_left = ~0u;
	hap_destroy(&hap);
	fake_frames_left = 0;
	EXPECT_EQ(hap_init(&hap, &hap_npt, true, true), -PV_ENOMEM);
	hap_destroy(&hap);
	fake_frames_left = ~0u;
	EXPECT_EQ(fake_frames_used, 0);
	tap_case("a split that fails leaves the old mapping");
}

static void test_refused(void)
{
	static const struct {
		gpa_t gpa;
		hpa_t hpa;
		u64 bytes;
		u32 rights;
		int result;
	} rows[] = {
		{ 0x1000, 0x1000, 0x1000, HAP_R, 0 },
		{ 0x1000, 0x1000, 0, HAP_R, 0 },
		{ 0x1001, 0x1000, 0x1000, HAP_R, -PV_EINVAL },
		{ 0x1000, 0x1800, 0x1000, HAP_R, -PV_EINVAL },
		{ 0x1000, 0x1000, 0x1800, HAP_R, -PV_EINVAL },
		{ 0x1000, 0x1000, 0x1000, HAP_W, -PV_EINVAL },
		{ 0x1000, 0x1000, 0x1000, HAP_X, -PV_EINVAL },
		{ 0x1000, 0x1000, 0x1000, 8 | HAP_R, -PV_EINVAL },
		{ 0x1000, 0x1801, 0x1000, 0, 0 }, /* hpa does not matter */
		{ (1ull << 48) - 0x1000, 0x1000, 0x1000, HAP_R, 0 },
		{ (1ull << 48) - 0x1000, 0x1000, 0x2000, HAP_R, -PV_EINVAL },
		{ 1ull << 48, 0x1000, 0x1000, HAP_R, -PV_EINVAL },
		{ 0x1000, 0x1000, ~0xfffull, HAP_R, -PV_EINVAL },
		{ ~0xfffull, 0x1000, 0x1000, HAP_R, -PV_EINVAL },
		{ 0x1000, (1ull << 52) - 0x1000, 0x1000, HAP_R, 0 },
		{ 0x1000, (1ull << 52) - 0x1000, 0x2000, HAP_R, -PV_EINVAL },
		{ 0x1000, 1ull << 52, 0x1000, HAP_R, -PV_EINVAL },
		{ 0x1000, ~0xfffull, 0x1000, HAP_R, -PV_EINVAL },
	};

	EXPECT_EQ(hap_init(&hap, &hap_npt, true, false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_MSG(hap_map(&hap, rows[i].gpa, rows[i].hpa, rows[i].bytes, rows[i].rights) ==
				   rows[i].result,
			   "row %zu", i);
	EXPECT_EQ(hap_lookup(&hap, 1ull << 48, NULL), 0);
	EXPECT_EQ(hap_lookup(&hap, ~0ull, NULL), 0);
	hap_destroy(&hap);
	EXPECT_EQ(fake_frames_used, 0);
	tap_case("what is refused");
}

int main(void)
{
	test_random(&hap_ept, true, true, 10, "EPT with 2 MiB and 1 GiB leaves");
	test_random(&hap_ept, true, false, 11, "EPT with 2 MiB leaves");
	test_random(&hap_npt, true, true, 12, "NPT with 2 MiB and 1 GiB leaves");
	test_random(&hap_npt, true, false, 13, "NPT with 2 MiB leaves");
	test_random(&hap_npt, false, false, 14, "NPT with 4 KiB leaves only");
	test_leaves();
	test_refused();
	return tap_done();
}
