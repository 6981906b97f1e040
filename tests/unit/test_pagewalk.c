/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest page walk. Rights: every combination of page, access and control bits against the rules
 * of the manual, restated here as a decision list. Formats: random walks whose tables are built for
 * the case, so what must come out is known from how they were built. Then corners, one by one.
 */
#include <string.h>

#include "lib/pagewalk.h"
#include "tap.h"

#define CR0_WP (1ull << 16)
#define CR0_PG (1ull << 31)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define P 1ull
#define W 2ull
#define U 4ull
#define PS 0x80ull
#define NX (1ull << 63)

/* ---- a memory of a few entries --------------------------------------------------------------- */

static struct {
	gpa_t gpa;
	unsigned bytes;
	u64 value;
} entries[8];
static unsigned entry_count, reads;
static gpa_t memory_end; /* what lies below and is no entry reads as 0 */

static void put(gpa_t gpa, unsigned bytes, u64 value)
{
	entries[entry_count].gpa = gpa;
	entries[entry_count].bytes = bytes;
	entries[entry_count++].value = value;
}

static bool read_entry(void *context, gpa_t gpa, unsigned bytes, u64 *entry)
{
	EXPECT(context == &entries && gpa % bytes == 0);
	reads++;
	*entry = 0;
	for (unsigned i = 0; i < entry_count; i++) {
		if (entries[i].gpa == gpa && entries[i].bytes == bytes) {
			*entry = entries[i].value;
			return true;
		}
	}
	return gpa < memory_end;
}

static struct walk_result walk(const struct walk_state *state, gva_t gva, u32 access)
{
	reads = 0;
	return page_walk(state, gva, access, read_entry, &entries);
}

static void reset(void)
{
	entry_count = 0;
	memory_end = 1ull << 52;
}

static struct walk_state long_mode(void)
{
	return (struct walk_state){ .cr0 = CR0_PG | CR0_WP | 1,
				    .cr3 = 0x1000,
				    .cr4 = CR4_PAE,
				    .efer = EFER_LMA | EFER_NXE,
				    .physical_bits = 40 };
}

/* ---- rights ---------------------------------------------------------------------------------- */

/* SDM vol. 3 "Determination of Access Rights", read as a list; page: bits W, U, NX. */
static bool is_allowed(const struct walk_state *s, u64 page, u32 access)
{
	bool has_nx = s->efer & EFER_NXE;

	if (access & WALK_USER) {
		if (!(page & U))
			return false;
		if (access & WALK_WRITE)
			return page & W;
		if (access & WALK_FETCH)
			return !has_nx || !(page & NX);
		return true;
	}
	if (access & WALK_FETCH) {
		if (page & U && s->cr4 & CR4_SMEP)
			return false;
		return !has_nx || !(page & NX);
	}
	if (page & U && s->cr4 & CR4_SMAP && !s->rflags_ac)
		return false;
	if (access & WALK_WRITE && s->cr0 & CR0_WP)
		return page & W;
	return true;
}

static void check_rights(struct walk_state *s, u64 page, unsigned narrow_level)
{
	static const u32 accesses[] = { 0, WALK_WRITE, WALK_FETCH };
	/* The whole path allows all, but for one level. */
	u64 loose = P | W | U;

	reset();
	for (unsigned level = 0; level < 4; level++) {
		u64 flags = level == narrow_level ? P | page : loose;

		put(0x1000 + 0x1000 * level + 8 * (level + 1), 8,
		    flags | (0x2000 + 0x1000 * level));
	}
	for (unsigned i = 0; i < 6; i++) {
		u32 access = accesses[i % 3] | (i / 3 ? WALK_USER : 0), error = 1;
		struct walk_result r =
			walk(s, 1ull << 39 | 2ull << 30 | 3ull << 21 | 4ull << 12 | 0x123, access);
		bool allowed = is_allowed(s, page, access);

		EXPECT_MSG(r.ok == allowed,
			   "page 0x%llx access %u cr0 0x%llx cr4 0x%llx efer 0x%llx ac %d",
			   (unsigned long long)page, access, (unsigned long long)s->cr0,
			   (unsigned long long)s->cr4, (unsigned long long)s->efer, s->rflags_ac);
		if (allowed) {
			EXPECT(r.gpa == 0x5123 && r.page_bytes == 4096 && r.error == 0);
			EXPECT(r.writable == !!(page & W) && r.user == !!(page & U) &&
			       r.executable == !(page & NX));
			continue;
		}
		error |= access & WALK_WRITE ? 2 : 0;
		error |= access & WALK_USER ? 4 : 0;
		/* I/D is told only where fetching can fault at all. */
		error |= access & WALK_FETCH && (s->efer & EFER_NXE || s->cr4 & CR4_SMEP) ? 16 : 0;
		EXPECT_EQ(r.error, error);
		EXPECT(!r.bad_table && !r.non_canonical);
	}
}

static void test_rights(void)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		for (unsigned page = 0; page < 8; page++) {
			struct walk_state s = long_mode();
			u64 flags = (page & 1 ? W : 0) | (page & 2 ? U : 0) | (page & 4 ? NX : 0);

			if (!(bits & 1))
				s.cr0 &= ~CR0_WP;
			if (bits & 2)
				s.cr4 |= CR4_SMEP;
			if (bits & 4)
				s.cr4 |= CR4_SMAP;
			s.rflags_ac = bits & 8;
			if (bits & 16) {
				s.efer &= ~EFER_NXE; /* then NX is a reserved bit: see below */
				flags &= ~NX;
			}
			for (unsigned level = 0; level < 4; level++)
				check_rights(&s, flags, level);
		}
	}
	tap_case("rights: all pages, accesses, WP, SMEP, SMAP, AC, NXE, narrowed at each level");
}

/* ---- formats --------------------------------------------------------------------------------- */

struct layout {
	const char *name;
	u64 cr4, efer;
	unsigned levels, index_bits, top_bits, entry_bytes;
	unsigned leaf_levels; /* bit n: level n (0 = 4 KiB) may hold a leaf */
	unsigned linear_bits;
};

static const struct layout layouts[] = {
	{ "4-level", CR4_PAE, EFER_LMA | EFER_NXE, 4, 9, 9, 8, 7, 48 },
	{ "4-level without NX", CR4_PAE, EFER_LMA, 4, 9, 9, 8, 7, 48 },
	{ "5-level", CR4_PAE | CR4_LA57, EFER_LMA | EFER_NXE, 5, 9, 9, 8, 7, 57 },
	{ "PAE", CR4_PAE, EFER_NXE, 3, 9, 2, 8, 3, 32 },
	{ "2-level with PSE", CR4_PSE, 0, 2, 10, 10, 4, 3, 32 },
	{ "2-level without PSE", 0, 0, 2, 10, 10, 4, 1, 32 },
};

#define WIDTH 39 /* physical bits of the random walks */

/* A random walk: builds its tables, says what must come out. break_level: that entry is spoilt. */
static void random_walk(const struct layout *l, u64 *seed, int break_how)
{
	struct walk_state s = {
		.cr0 = CR0_PG | 1, .cr4 = l->cr4, .efer = l->efer, .physical_bits = WIDTH
	};
	u64 gva = rnd(seed), mask = (1ull << WIDTH) - 1, rights = W | U, table, offset_mask;
	bool is_pae = l->levels == 3, no_execute = false;
	unsigned leaf, shift, break_level;
	struct walk_result r;
	u32 error;

	if (l->entry_bytes == 4)
		mask = 0xffffffff;
	do
		leaf = rnd(seed) % 3;
	while (!(l->leaf_levels >> leaf & 1));
	break_level = leaf + (unsigned)(rnd(seed) % (l->levels - leaf));
	if (l->linear_bits > 32)
		gva = (u64)((s64)(gva << (64 - l->linear_bits)) >> (64 - l->linear_bits));
	table = rnd(seed) & mask & (is_pae ? 0xffffffe0 : ~0xfffull);
	s.cr3 = table |
		(is_pae ? rnd(seed) % 32 : rnd(seed) % 4096); /* PCID, PWT, PCD and the like */
	reset();
	memory_end = 0;
	for (unsigned level = l->levels - 1;; level--) {
		bool is_top = level == l->levels - 1;
		u64 flags = P | (rnd(seed) & (W | U)), next = rnd(seed) & mask & ~0xfffull, entry;
		u64 index = gva >> (12 + l->index_bits * level);

		shift = 12 + l->index_bits * leaf;
		offset_mask = (1ull << shift) - 1;
		index &= (1ull << (is_top ? l->top_bits : l->index_bits)) - 1;
		if (!(is_top && is_pae)) {
			flags |= rnd(seed) & 0xe60; /* A, D, available bits */
			if (l->efer & EFER_NXE && rnd(seed) % 4 == 0)
				flags |= NX;
			rights &= flags;
			no_execute |= !!(flags & NX);
		} else {
			flags = P;
		}
		if (level == leaf) {
			next &= ~offset_mask;
			if (level)
				flags |= PS | (rnd(seed) & 0x100);
		}
		entry = next | flags;
		if (l->entry_bytes == 4 && level &&
		    level == leaf) { /* PSE-36: bits 20:13 are 39:32 */
			u64 high = rnd(seed) % (1u << (WIDTH - 32));

			entry |= high << 13;
			next |= high << 32;
		}
		if (break_how && level == break_level)
			entry = break_how == 1 ? entry & ~P : entry | 1ull << WIDTH;
		put(table + index * l->entry_bytes, l->entry_bytes, entry);
		table = next;
		if (level == leaf)
			break;
	}
	r = walk(&s, gva, WALK_USER);
	EXPECT(reads <= l->levels);
	error = break_how == 1 ? 4 : break_how == 2 ? 13 : 5;
	EXPECT_MSG(r.ok == (!break_how && rights & U) && !r.bad_table && !r.non_canonical &&
			   r.error == (r.ok ? 0 : error),
		   "%s, leaf at level %u: ok %d error %u bad_table %d", l->name, leaf, r.ok,
		   r.error, r.bad_table);
	if (!r.ok)
		return;
	EXPECT(r.gpa == (table | (gva & offset_mask)) && r.page_bytes == 1ull << shift);
	EXPECT(r.user && r.writable == !!(rights & W) && r.executable == !no_execute);
}

static void test_formats(void)
{
	u64 seed = 50;

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		for (unsigned step = 0; step < 10000; step++)
			random_walk(&layouts[i], &seed, (int)(rnd(&seed) % 2));
		if (layouts[i].entry_bytes == 8) { /* a bit beyond the physical width */
			for (unsigned step = 0; step < 3000; step++)
				random_walk(&layouts[i], &seed, 2);
		}
		tap_case(layouts[i].name);
	}
}

/* ---- corners --------------------------------------------------------------------------------- */

/* One walk of gva 0 through the given entries, top first, every table at 0x1000, 0x2000, ... */
static struct walk_result walk_entries(const struct walk_state *s, unsigned bytes, u64 e3, u64 e2,
				       u64 e1, u64 e0)
{
	const u64 values[4] = { e3, e2, e1, e0 };
	unsigned levels = bytes == 4 ? 2 : s->efer & EFER_LMA ? 4 : 3;

	reset();
	for (unsigned i = 4 - levels; i < 4; i++)
		put(s->cr3 + (i - (4 - levels)) * 0x1000, bytes, values[i]);
	return walk(s, 0, 0);
}

static void test_reserved(void)
{
	struct walk_state s = long_mode(), pae = long_mode(), legacy = long_mode();
	const u64 t2 = 0x2000 | P | W | U, t3 = 0x3000 | P | W | U, t4 = 0x4000 | P | W | U;

	EXPECT(walk_entries(&s, 8, t2, t3, t4, P).ok);
	EXPECT_EQ(walk_entries(&s, 8, t2 | PS, t3, t4, P).error, 9); /* PS in the PML4E */
	EXPECT_EQ(walk_entries(&s, 8, t2, P | PS | 0x2000, 0, 0).error, 9); /* 1 GiB page, bit 13 */
	EXPECT(walk_entries(&s, 8, t2, P | PS | 0x1000, 0, 0).ok); /* bit 12 is PAT */
	EXPECT_EQ(walk_entries(&s, 8, t2, t3, P | PS | 0x100000, 0).error,
		  9); /* 2 MiB page, bit 20 */
	EXPECT_EQ(walk_entries(&s, 8, t2, t3, t4, P | 1ull << 40).error, 9);
	EXPECT_EQ(walk_entries(&s, 8, t2, t3, t4, P | 1ull << 51).error, 9);
	EXPECT(walk_entries(&s, 8, t2, t3, t4, P | 0x7ff0000000000000).ok); /* ignored bits */
	EXPECT_EQ(walk_entries(&s, 8, t2, t3, t4, ~P).error, 0); /* nothing counts without P */
	s.physical_bits = 52;
	EXPECT(walk_entries(&s, 8, t2, t3, t4, P | 1ull << 51).ok);
	s = long_mode();
	s.efer &= ~EFER_NXE;
	EXPECT_EQ(walk_entries(&s, 8, t2 | NX, t3, t4, P).error, 9);
	EXPECT_EQ(walk_entries(&s, 8, t2, t3, t4, P | NX).error, 9);
	tap_case("reserved bits: 4-level");

	pae.efer = EFER_NXE;
	EXPECT(walk_entries(&pae, 8, 0, 0x2000 | P, t3, P).ok);
	EXPECT(walk_entries(&pae, 8, 0, 0x2000 | P | 0xe18, t3, P).ok); /* PWT, PCD, available */
	for (unsigned bit = 0; bit < 64; bit++) {
		u64 reserved = 0xffffff00000001c6; /* with 40 physical bits; bit 5: QEMU's A bit */

		if (bit < 12 || bit >= 40)
			EXPECT_MSG(
				walk_entries(&pae, 8, 0, 0x2000 | P | 1ull << bit, t3, P).error ==
					(reserved >> bit & 1 ? 9 : 0),
				"PDPTE bit %u", bit);
	}
	EXPECT_EQ(walk_entries(&pae, 8, 0, 0x2000 | P, t3, P | 1ull << 52).error, 9);
	EXPECT_EQ(walk_entries(&pae, 8, 0, 0x2000 | P, t3 | 1ull << 62, P).error, 9);
	EXPECT(walk_entries(&pae, 8, 0, 0x2000 | P, t3, P | NX).ok);
	tap_case("reserved bits: PAE");

	legacy.efer = EFER_NXE; /* means nothing in 32-bit paging */
	legacy.cr4 = CR4_PSE;
	EXPECT(walk_entries(&legacy, 4, 0, 0, t2, P).ok);
	EXPECT_EQ(walk_entries(&legacy, 4, 0, 0, P | PS | 1 << 21, 0).error, 9);
	EXPECT_EQ(walk_entries(&legacy, 4, 0, 0, P | PS | 0xff << 13, 0).gpa, 0xff00000000);
	legacy.physical_bits = 36;
	EXPECT_EQ(walk_entries(&legacy, 4, 0, 0, P | PS | 1 << 17, 0).error, 9);
	EXPECT_EQ(walk_entries(&legacy, 4, 0, 0, P | PS | 1 << 16, 0).gpa, 1ull << 35);
	legacy.cr4 = 0; /* then bit 7 is ignored */
	EXPECT_EQ(walk_entries(&legacy, 4, 0, 0, t2 | PS, 0x7000 | P).gpa, 0x7000);
	tap_case("reserved bits: 32-bit");
}

static void test_corners(void)
{
	struct walk_state s = long_mode();
	struct walk_result r;

	reset();
	memory_end = 0x3000;
	put(0x1000, 8, 0x2000 | P);
	put(0x2000, 8, 0x9000 | P);
	r = walk(&s, 0, WALK_WRITE);
	EXPECT(!r.ok && r.bad_table && r.error == 0 && reads == 3);
	s.cr3 = 0xfffffff000;
	r = walk(&s, 0, 0);
	EXPECT(!r.ok && r.bad_table && reads == 1);
	tap_case("tables outside memory");

	s = long_mode();
	r = walk(&s, 0x800000000000, 0);
	EXPECT(!r.ok && r.non_canonical && r.error == 0 && reads == 0);
	EXPECT(walk(&s, 0xffff7fffffffffff, 0).non_canonical);
	EXPECT(!walk(&s, 0xffff800000000000, 0).non_canonical);
	s.cr4 |= CR4_LA57;
	EXPECT(!walk(&s, 0x800000000000, 0).non_canonical);
	EXPECT(walk(&s, 1ull << 56, 0).non_canonical);
	tap_case("canonical addresses");

	s.cr0 = 1;
	s.efer = 0;
	r = walk(&s, 0x12345678abcde, WALK_WRITE | WALK_USER);
	EXPECT(r.ok && r.gpa == 0x5678abcde % (1ull << 32) && reads == 0);
	EXPECT(r.writable && r.user && r.executable && r.page_bytes == 4096);
	tap_case("paging off: linear is physical");

	/* A table that points to itself ends after its levels, as the MMU does. */
	s = long_mode();
	reset();
	put(0x1000, 8, 0x1000 | P);
	r = walk(&s, 0x123, 0);
	EXPECT(r.ok && r.gpa == 0x1123 && reads == 4);
	tap_case("a recursive table");
}

int main(void)
{
	test_rights();
	test_formats();
	test_reserved();
	test_corners();
	return tap_done();
}
