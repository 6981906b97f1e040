/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging by hand: one case for each class of errors that paravirtual MMUs have had, then
 * what else the interface promises. Every case ends with the model's recount (direct_world.c).
 */
#include <stdlib.h>
#include <string.h>

#include "direct_world.h"
#include "fake/frames.h"
#include "pv_abi.h"
#include "tap.h"

#define T1 MFN(3, 1) /* a table of each level, linked by build() */
#define T2 MFN(3, 2)
#define T3 MFN(3, 3)
#define T4 MFN(3, 4)
#define DATA MFN(4, 0)
#define OTHER MFN(4, 1)
#define SPARE MFN(4, 2)
#define FOREIGN MFN(CHUNK_FOREIGN, 0)
#define HUGE_UNITS 1000u

static struct direct_change change_to(u64 entry)
{
	return (struct direct_change){ .set = entry };
}

static int set(u32 table, unsigned slot, u64 entry)
{
	struct direct_change c = change_to(entry);

	return direct_change(vcpu(0), entry_address(table, slot_index[slot]), &c);
}

static unsigned why(void)
{
	return vcpu(0)->refusal.why;
}

static int pin(u32 mfn, unsigned level)
{
	u32 units = 4;
	int result = direct_pin(vcpu(0), mfn, level, &units);

	if (result == 0) {
		EXPECT_EQ(units, 0);
		world.frames[mfn_id(mfn)].level = (u8)level;
	}
	return result;
}

static int unpin(u32 mfn)
{
	u32 units = 4;
	int result = direct_unpin(vcpu(0), mfn, &units);

	if (result == 0)
		world.frames[mfn_id(mfn)].level = 0;
	return result;
}

/* T4 -> T3 -> T2 -> T1 -> DATA, writable, all at slot 0; vCPU 0 has T4 loaded. */
static void build(void)
{
	world_begin(1);
	*entry_at(T1, 0) = entry_make(DATA, P | W | U);
	*entry_at(T2, 0) = entry_make(T1, P | W | U);
	*entry_at(T3, 0) = entry_make(T2, P | W | U);
	*entry_at(T4, 0) = entry_make(T3, P | W | U);
	for (unsigned level = 1; level <= 4; level++)
		EXPECT_EQ(pin(MFN(3, level), level), 0);
	EXPECT_EQ(direct_root_set(vcpu(0), 0, T4), 0);
	EXPECT(world_check());
}

static void end(const char *name)
{
	EXPECT(world_check());
	world_end();
	EXPECT_EQ(world.errors, 0);
	tap_case(name);
}

/* The same bits through every call that puts a value into a table. */
static void refused_by_all(unsigned level, u64 entry, int error, unsigned cause)
{
	u32 table = MFN(3, level), units = HUGE_UNITS, done;
	u64 old = *entry_at(table, 1), present = *entry_at(table, 0);
	hpa_t at = entry_address(table, slot_index[1]);
	struct direct_change c = change_to(entry);

	EXPECT_EQ(direct_change(vcpu(0), at, &c), -error);
	EXPECT_EQ(why(), cause);
	EXPECT_EQ(vcpu(0)->refusal.entry, entry);
	EXPECT_EQ(vcpu(0)->refusal.index, slot_index[1]);
	EXPECT_EQ(vcpu(0)->refusal.level, level);
	EXPECT_EQ(direct_range(vcpu(0), at, 1, &c, &units, &done), -error);
	EXPECT_EQ(why(), cause);
	EXPECT_EQ(done, 0);
	if (level == 1) {
		EXPECT_EQ(direct_cow(vcpu(0), at, &c, 0, 1), -error);
		EXPECT_EQ(why(), cause);
	}
	EXPECT_EQ(*entry_at(table, 1), old);
	/* As a change of bits of an entry that is there. */
	c = (struct direct_change){ .keep = 0, .set = entry };
	EXPECT_EQ(direct_change(vcpu(0), entry_address(table, 0), &c), -error);
	EXPECT_EQ(*entry_at(table, 0), present);
	/* And in a frame that shall become a table. */
	*entry_at(SPARE, 3) = entry;
	EXPECT_EQ(pin(SPARE, level), -error);
	EXPECT_EQ(why(), cause);
	EXPECT_EQ(vcpu(0)->refusal.index, slot_index[3]);
	*entry_at(SPARE, 3) = 0;
	EXPECT(world_check());
}

/* ---- the classes ----------------------------------------------------------------------------- */

static void test_fast_path(void)
{
	struct direct_change to_write = { .keep = ~0ull, .set = W };
	u32 units = HUGE_UNITS, done;

	build();
	/* A read-only alias of a table; then "only a flag" is asked for. */
	EXPECT_EQ(set(T1, 1, entry_make(T1, P | U)), 0);
	EXPECT_EQ(set(T1, 2, entry_make(T4, P | U)), 0);
	EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 1), &to_write), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_TABLE);
	EXPECT_EQ(direct_range(vcpu(0), entry_address(T1, 1), 1, &to_write, &units, &done),
		  -PV_EBUSY);
	EXPECT_EQ(direct_cow(vcpu(0), entry_address(T1, 1), &to_write, 0, 1), -PV_EBUSY);
	/* Flags alone, in upper levels too: each goes through the validator. */
	for (unsigned level = 1; level <= 4; level++) {
		struct direct_change c = { .keep = ~0ull, .set = ENTRY_CACHE_DISABLE };

		EXPECT_EQ(direct_change(vcpu(0), entry_address(MFN(3, level), 0), &c), -PV_EINVAL);
		EXPECT_EQ(why(), WHY_MEMORY_TYPE);
		c.set = BIT(PHYSICAL_BITS);
		EXPECT_EQ(direct_change(vcpu(0), entry_address(MFN(3, level), 0), &c), -PV_EINVAL);
		EXPECT_EQ(why(), WHY_RESERVED);
		/* What software may use, and A and D, pass. */
		c.set = A | D | BIT(9) | BIT(11) | BIT(52) | BIT(58) | NX;
		EXPECT_EQ(direct_change(vcpu(0), entry_address(MFN(3, level), 0), &c), 0);
		/* Present again, with the address that was allowed before. */
		c = (struct direct_change){ .keep = ~P };
		EXPECT_EQ(direct_change(vcpu(0), entry_address(MFN(3, level), 0), &c), -PV_EINVAL);
		EXPECT_EQ(why(), WHY_HIDDEN_ADDRESS);
	}
	end("fast path that skips checks: a change of flags alone is a change");
}

static void test_superpage(void)
{
	build();
	for (unsigned level = 2; level <= 4; level++)
		refused_by_all(level, entry_make(MFN(4, 0), P | W | ENTRY_LARGE), PV_EINVAL,
			       WHY_LARGE);
	refused_by_all(1, entry_make(DATA, P | ENTRY_LARGE), PV_EINVAL, WHY_MEMORY_TYPE);
	end("superpage: refused at every level, and is PAT in the last");
}

static void test_self_reference(void)
{
	build();
	for (unsigned level = 2; level <= 4; level++)
		for (unsigned target = level; target <= 4; target++)
			refused_by_all(level, entry_make(MFN(3, target), P | W), PV_EINVAL,
				       WHY_LEVEL);
	refused_by_all(3, entry_make(T1, P), PV_EINVAL, WHY_LEVEL); /* nor two below */
	/* A frame that is to be a table and refers to itself. */
	for (unsigned level = 2; level <= 4; level++) {
		*entry_at(SPARE, 0) = entry_make(SPARE, P | W);
		EXPECT_EQ(pin(SPARE, level), -PV_EINVAL);
		EXPECT_EQ(why(), WHY_LEVEL);
	}
	*entry_at(SPARE, 0) = entry_make(SPARE, P | W);
	EXPECT_EQ(pin(SPARE, 1), -PV_EBUSY); /* maps itself writable */
	EXPECT_EQ(why(), WHY_TABLE);
	*entry_at(SPARE, 0) = entry_make(SPARE, P); /* to be read: harmless */
	EXPECT_EQ(pin(SPARE, 1), 0);
	EXPECT_EQ(pin(SPARE, 1), -PV_EEXIST);
	EXPECT_EQ(pin(SPARE, 2), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_OTHER_LEVEL);
	EXPECT_EQ(unpin(SPARE), 0);
	end("table that refers to itself, to its level, or above");
}

static void test_stale_translation(void)
{
	build();
	/* Two vCPUs have DATA writable; it is taken away; the third never saw it but may have. */
	EXPECT_EQ(direct_root_set(vcpu(1), 2, T4), 0);
	EXPECT_EQ(sim_access(0, T4, 0, true), DATA);
	EXPECT_EQ(sim_access(1, T4, 0, true), DATA);
	EXPECT_EQ(set(T1, 0, 0), 0);
	EXPECT_EQ(world.flushes, 0); /* nothing that needs one yet */
	/* A natural flush of vCPU 0 spares it the next one. */
	direct_flush_done(vcpu(0), direct_flush_begin(world.d));
	sim_flush(0);
	world.flush_fails = 1;
	EXPECT_EQ(pin(DATA, 1), -PV_EAGAIN);
	EXPECT_EQ(why(), WHY_FLUSH);
	EXPECT(world_check());
	world.flush_fails = 0;
	world.flushed_vcpus = world.flushes = 0;
	memset(frame_at(DATA), 0, PAGE_SIZE);
	EXPECT_EQ(pin(DATA, 1), 0);
	EXPECT_EQ(world.flushes, 1);
	EXPECT_EQ(world.flushed_vcpus, 2); /* 1 and 2 */
	EXPECT(world_check());
	/* The same table again, and read-only mappings: no flush. */
	EXPECT_EQ(set(T2, 1, entry_make(DATA, P | W)), 0);
	EXPECT_EQ(sim_access(1, T4, 0001, false), 0);
	EXPECT_EQ(set(T2, 1, 0), 0);
	EXPECT_EQ(unpin(DATA), 0);
	EXPECT_EQ(set(T1, 3, entry_make(DATA, P)), 0);
	EXPECT_EQ(pin(DATA, 1), 0);
	EXPECT_EQ(world.flushes, 1);
	end("type change with a stale TLB: writable to table, after the flush of who may hold it");
}

static void test_stale_walk(void)
{
	build();
	/* vCPU 1 walks through T1 and keeps the way to it. */
	EXPECT_EQ(direct_root_set(vcpu(1), 0, T4), 0);
	EXPECT_EQ(sim_access(1, T4, 0, false), DATA);
	EXPECT_EQ(set(T2, 0, 0), 0);
	EXPECT_EQ(unpin(T1), 0);
	EXPECT(world_check());
	/* As a table of another level, and writable: a flush each, but for who has flushed. */
	memset(frame_at(T1), 0, PAGE_SIZE);
	EXPECT_EQ(pin(T1, 2), 0);
	EXPECT_EQ(world.flushes, 1);
	EXPECT_EQ(world.flushed_vcpus, 3);
	EXPECT_EQ(unpin(T1), 0);
	EXPECT(world_check());
	world.flush_fails = 1;
	EXPECT_EQ(direct_hold(vcpu(0), T1), -PV_EAGAIN);
	world.flush_fails = 0;
	EXPECT_EQ(direct_hold(vcpu(0), T1), 0);
	EXPECT_EQ(world.flushes, 3);
	direct_unhold(world.d, T1);
	EXPECT_EQ(direct_hold(vcpu(0), T1), 0); /* writable again: nobody cares */
	direct_unhold(world.d, T1);
	EXPECT_EQ(world.flushes, 3);
	end("type change with stale paging-structure caches: table to another level, to writable");
}

static void put_count(u32 mfn, u64 count, u64 reads)
{
	u64 *word = word_find(world.d, mfn);

	*word = (*word & ~(WORD_COUNT_MAX | WORD_COUNT_MAX << 26)) | count | reads << 26;
}

static void test_overflow(void)
{
	u64 word;

	build();
	word = word_of(DATA);
	put_count(DATA, WORD_COUNT_MAX, 0);
	EXPECT_EQ(set(T1, 1, entry_make(DATA, P | W)), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_COUNT);
	EXPECT_EQ(word_of(DATA), (word & ~WORD_COUNT_MAX) | WORD_COUNT_MAX);
	EXPECT_EQ(direct_hold(vcpu(0), DATA), -PV_EBUSY);
	put_count(DATA, 1, WORD_COUNT_MAX);
	EXPECT_EQ(set(T1, 1, entry_make(DATA, P)), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_COUNT);
	EXPECT_EQ(set(T1, 1, entry_make(DATA, P | W)), 0); /* the other count has room */
	EXPECT_EQ(set(T1, 1, 0), 0);
	put_count(DATA, 1, 0);
	put_count(T1, WORD_COUNT_MAX, 0);
	EXPECT_EQ(set(T2, 1, entry_make(T1, P | W)), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_COUNT);
	EXPECT_EQ(set(T1, 1, 0), -PV_EBUSY); /* not even for the time of a call */
	put_count(T1, 2, 0);
	put_count(T4, WORD_COUNT_MAX, 0);
	EXPECT_EQ(direct_root_set(vcpu(1), 0, T4), -PV_EBUSY);
	EXPECT_EQ(vcpu(1)->roots[0], 0);
	put_count(T4, 2, 0);
	end("count overflow: every count ends at its limit, with -EBUSY");
}

static void test_clock_wraps(void)
{
	for (u64 clock = WORD_COUNT_MAX - 3; clock < WORD_COUNT_MAX + 4; clock++) {
		build();
		world.d->clock = clock;
		for (u32 i = 0; i < VCPUS; i++)
			vcpu(i)->flushed_at = clock;
		EXPECT_EQ(sim_access(0, T4, 0, true), DATA);
		EXPECT_EQ(set(T1, 0, 0), 0);
		memset(frame_at(DATA), 0, PAGE_SIZE);
		EXPECT_EQ(pin(DATA, 1), 0);
		EXPECT_EQ(world.flushes, 1);
		EXPECT(world_check());
		/*
		 * A round of the clock later the word means a time that is too late, never too
		 * early.
		 */
		EXPECT_EQ(unpin(DATA), 0);
		world.d->clock += WORD_COUNT_MAX + 1 + clock % 3;
		for (u32 i = 0; i < VCPUS; i++)
			vcpu(i)->flushed_at = world.d->clock;
		EXPECT_EQ(direct_hold(vcpu(0), DATA), 0);
		EXPECT_EQ(world.flushes, clock % 3 ? 1 : 2);
		direct_unhold(world.d, DATA);
		EXPECT(world_check());
		world_end();
		EXPECT_EQ(world.errors, 0);
	}
	tap_case("count overflow: the flush clock in a word goes round and only costs a flush");
}

static void test_loaded_root(void)
{
	build();
	EXPECT_EQ(unpin(T4), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_REFERENCED);
	EXPECT_EQ(direct_root_set(vcpu(1), 4, T4), 0); /* in a target list */
	EXPECT_EQ(direct_root_set(vcpu(0), 0, 0), 0);
	EXPECT_EQ(unpin(T4), -PV_EBUSY);
	EXPECT_EQ(direct_root_set(vcpu(1), 4, T4), 0); /* the same again */
	EXPECT_EQ(unpin(T4), -PV_EBUSY);
	EXPECT_EQ(direct_root_set(vcpu(1), 4, 0), 0);
	EXPECT_EQ(unpin(T4), 0);
	EXPECT_EQ(direct_root_set(vcpu(1), 4, T4), -PV_EINVAL); /* not a table any more */
	EXPECT_EQ(vcpu(1)->refusal.why, WHY_LEVEL);
	EXPECT_EQ(direct_root_set(vcpu(0), 0, T3), -PV_EINVAL);
	EXPECT_EQ(direct_root_set(vcpu(0), 0, FOREIGN), -PV_EFAULT);
	EXPECT_EQ(direct_root_set(vcpu(0), DIRECT_ROOTS, 0), -PV_EINVAL);
	EXPECT_EQ(unpin(T2), -PV_EBUSY); /* an entry refers to it */
	EXPECT_EQ(unpin(T3), 0);
	EXPECT_EQ(unpin(T2), 0);
	EXPECT_EQ(unpin(T2), -PV_EINVAL);
	EXPECT_EQ(why(), WHY_NO_TABLE);
	EXPECT_EQ(unpin(FOREIGN), -PV_EFAULT);
	end("unpin of a loaded root, or of one in a target list");
}

static void fill_leaves(u32 mfn)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		*entry_at(mfn, slot) = entry_make(MFN(4, 3 + slot), P | (slot % 2 ? W : 0));
}

static void test_half_validated(void)
{
	struct model_frame *f = &world.frames[mfn_id(SPARE)];
	u32 units;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		build();
		fill_leaves(SPARE);
		*entry_at(SPARE, slot) = entry_make(T1, P | W);
		EXPECT_EQ(pin(SPARE, 1), -PV_EBUSY);
		EXPECT_EQ(vcpu(0)->refusal.index, slot_index[slot]);
		EXPECT(world_check()); /* nothing is left of it */
		for (unsigned n = 3; n < ACTIVE; n++)
			EXPECT_EQ(word_reads(word_of(MFN(4, n))) + word_type(word_of(MFN(4, n))),
				  0);
		world_end();
	}
	build();
	fill_leaves(SPARE);
	units = 2;
	EXPECT_EQ(direct_pin(vcpu(0), SPARE, 1, &units), DIRECT_MORE);
	EXPECT_EQ(units, 0);
	f->level = 1;
	f->partial = true;
	EXPECT(world_check());
	EXPECT_EQ(set(T2, 1, entry_make(SPARE, P)), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_UNFINISHED);
	EXPECT_EQ(set(SPARE, 0, 0), -PV_EBUSY);
	EXPECT_EQ(direct_hold(vcpu(0), SPARE), -PV_EBUSY);
	EXPECT_EQ(direct_pin(vcpu(0), SPARE, 2, &units), -PV_EBUSY);
	EXPECT_EQ(set(T1, 2, entry_make(SPARE, P)), 0); /* to be read, why not */
	/* Another vCPU goes on, forth and back. */
	units = 1;
	EXPECT_EQ(direct_unpin(vcpu(1), SPARE, &units), DIRECT_MORE);
	EXPECT_EQ(word_count(word_of(SPARE)), 128);
	EXPECT(world_check());
	units = 9;
	EXPECT_EQ(direct_pin(vcpu(2), SPARE, 1, &units), 0);
	EXPECT_EQ(units, 6);
	f->partial = false;
	EXPECT(world_check());
	units = 3;
	EXPECT_EQ(direct_unpin(vcpu(1), SPARE, &units), DIRECT_MORE);
	f->partial = true;
	EXPECT(world_check());
	EXPECT_EQ(unpin(SPARE), 0);
	f->partial = false;
	end("half-validated table after an error or without units: no use, no trace, goes on");
}

static void test_cacheability(void)
{
	build();
	for (unsigned level = 1; level <= 4; level++) {
		u32 target = level > 1 ? MFN(3, level - 1) : DATA;

		refused_by_all(level, entry_make(target, P | ENTRY_CACHE_DISABLE), PV_EINVAL,
			       WHY_MEMORY_TYPE);
		refused_by_all(level, entry_make(target, P | W | ENTRY_WRITE_THROUGH), PV_EINVAL,
			       WHY_MEMORY_TYPE);
	}
	refused_by_all(1, entry_make(DATA, P | W | ENTRY_LARGE), PV_EINVAL, WHY_MEMORY_TYPE);
	end("cacheability change: write-back or nothing");
}

static void test_batch(void)
{
	struct direct_change protect = { .keep = ~W, .only_present = true }, c;
	u32 units = HUGE_UNITS, done;

	build();
	fill_leaves(SPARE);
	EXPECT_EQ(pin(SPARE, 1), 0);
	/* A call in the middle of several fails: what is before stands, what is behind does not. */
	EXPECT_EQ(set(T2, 1, entry_make(SPARE, P | W)), 0);
	EXPECT_EQ(set(T2, 2, entry_make(OTHER, P | W)), -PV_EINVAL);
	EXPECT_EQ(set(T2, 3, entry_make(SPARE, P | W)), 0);
	EXPECT(world_check());
	/* A run: the entry at index 128 cannot become writable, because it maps a table. */
	c = (struct direct_change){ .keep = ~0ull, .set = W, .only_present = true };
	EXPECT_EQ(set(SPARE, 3, entry_make(T1, P)), 0);
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, 0), 512, &c, &units, &done),
		  -PV_EBUSY);
	EXPECT_EQ(done, slot_index[3]);
	EXPECT_EQ(vcpu(0)->refusal.index, slot_index[3]);
	EXPECT(*entry_at(SPARE, 0) & W && *entry_at(SPARE, 2) & W && !(*entry_at(SPARE, 4) & W));
	EXPECT(world_check());
	/* Units run out: the rest later. 512 entries are 8 units. */
	units = 3;
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, 0), 512, &protect, &units, &done),
		  DIRECT_MORE);
	EXPECT_EQ(done, 192);
	EXPECT(world_check());
	units = 5;
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, done), 512 - done, &protect, &units,
			       &done),
		  0);
	EXPECT_EQ(units, 0);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		EXPECT(*entry_at(SPARE, slot) & P && !(*entry_at(SPARE, slot) & W));
	c = change_to(0);
	units = 8;
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, 0), 512, &c, &units, &done), 0);
	EXPECT_EQ(*entry_at(SPARE, 7), 0);
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, 1), 512, &c, &units, &done),
		  -PV_EINVAL);
	EXPECT_EQ(direct_range(vcpu(0), entry_address(SPARE, 1), 0, &c, &units, &done), -PV_EINVAL);
	end("batch that fails in the middle: what is done stands, and everything holds");
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void test_entries(void)
{
	struct direct_limits few = { .physical_bits = 40,
				     .no_execute = false,
				     .memory_end = BIT(36) };
	struct direct_limits full = { .physical_bits = 40, .memory_end = BIT(40) };

	build();
	for (unsigned level = 1; level <= 4; level++) {
		u32 target = level > 1 ? MFN(3, level - 1) : DATA;

		refused_by_all(level, entry_make(target, 0), PV_EINVAL, WHY_HIDDEN_ADDRESS);
		refused_by_all(level, entry_make(target, W | ENTRY_GLOBAL), PV_EINVAL,
			       WHY_HIDDEN_ADDRESS);
		for (unsigned bit = PHYSICAL_BITS; bit < 52; bit++)
			refused_by_all(level, entry_make(target, P | BIT(bit)), PV_EINVAL,
				       WHY_RESERVED);
		refused_by_all(level, entry_make(FOREIGN, P), PV_EFAULT, WHY_FOREIGN);
		refused_by_all(level, P | BIT(39), PV_EFAULT, WHY_FOREIGN);
		refused_by_all(level, P, PV_EFAULT, WHY_FOREIGN);
		if (level > 1)
			refused_by_all(level, entry_make(target, P | ENTRY_GLOBAL), PV_EINVAL,
				       WHY_RESERVED);
		/* Swapped out and PROT_NONE, as kernels write them: the address inverted. */
		EXPECT_EQ(set(MFN(3, level), 1, (~entry_make(DATA, 0) & ENTRY_ADDRESS) | 0x102), 0);
		EXPECT_EQ(set(MFN(3, level), 1, BIT(63) | BIT(58) | 0xffe), 0);
		EXPECT_EQ(set(MFN(3, level), 1, 0), 0);
		EXPECT_EQ(entry_check(&few, level, P | NX), WHY_NO_EXECUTE);
		EXPECT_EQ(entry_check(&full, level, BIT(39)), WHY_HIDDEN_ADDRESS);
		EXPECT_EQ(entry_check(&few, level, BIT(39)), WHY_NOTHING);
	}
	EXPECT_EQ(set(T1, 1, entry_make(DATA, P | ENTRY_GLOBAL)), 0);
	EXPECT_EQ(set(DATA, 0, 0), -PV_EINVAL);
	EXPECT_EQ(why(), WHY_NO_TABLE);
	EXPECT_EQ(set(FOREIGN, 0, 0), -PV_EFAULT);
	{
		struct direct_change c = change_to(0);

		EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 0) + 4, &c), -PV_EINVAL);
	}
	EXPECT_EQ(pin(SPARE, 0), -PV_EINVAL);
	EXPECT_EQ(pin(SPARE, 5), -PV_EINVAL);
	EXPECT_EQ(pin(DATA, 1), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_WRITABLE);
	EXPECT_EQ(world.d->refused[WHY_WRITABLE], 1);
	for (unsigned i = 0; i < WHY_COUNT_OF; i++)
		EXPECT(direct_why_name(i) && strlen(direct_why_name(i)) > 3);
	EXPECT_EQ(strcmp(direct_why_name(WHY_COUNT_OF), "unknown"), 0);
	end("what an entry may be, at every level, through every call");
}

static void test_rmw(void)
{
	struct direct_change c = { .keep = ~W };
	u64 old = entry_make(DATA, P | W | U);

	build();
	EXPECT_EQ(sim_access(0, T4, 0, true), DATA);
	EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 0), &c), 0);
	EXPECT_EQ(c.old, old | A | D);
	EXPECT_EQ(*entry_at(T1, 0), (old & ~W) | A | D);
	c = (struct direct_change){ .keep = ~A }; /* the young bit, tested and cleared */
	EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 0), &c), 0);
	EXPECT(c.old & A && !(*entry_at(T1, 0) & A));
	c = (struct direct_change){ .set = 0, .has_expected = true, .expected = old };
	EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 0), &c), DIRECT_DIFFERS);
	EXPECT_EQ(c.old, (old & ~W) | D);
	c.expected = (old & ~W) | A; /* A and D are nobody's expectation */
	EXPECT_EQ(direct_change(vcpu(0), entry_address(T1, 0), &c), 0);
	EXPECT_EQ(*entry_at(T1, 0), 0);
	EXPECT_EQ(c.old, (old & ~W) | D);
	end("read-modify-write: the old value, A and D kept, an expected value");
}

static u64 seen_at_flush;

static void look(u32 caller)
{
	(void)caller;
	seen_at_flush = *entry_at(T1, 0);
	EXPECT(world_check_caches());
}

static void write_meanwhile(u32 caller)
{
	(void)caller;
	world.meanwhile = NULL;
	EXPECT_EQ(set(T1, 0, entry_make(SPARE, P)), 0);
}

static void test_cow(void)
{
	u64 old = entry_make(DATA, P | U), new = entry_make(OTHER, P | W | U | A | D);
	struct direct_change c = change_to(new);
	hpa_t at = entry_address(T1, 0);

	build();
	EXPECT_EQ(set(T1, 0, old), 0);
	EXPECT_EQ(sim_access(0, T4, 0, false), DATA);
	old |= A;
	world.meanwhile = look;
	seen_at_flush = 1;
	EXPECT_EQ(direct_cow(vcpu(0), at, &c, 0, 1), 0);
	EXPECT_EQ(seen_at_flush, 0); /* clear, flush, set */
	EXPECT_EQ(c.old, old);
	EXPECT_EQ(*entry_at(T1, 0), new);
	EXPECT_EQ(sim_access(0, T4, 0, true), OTHER);
	EXPECT(world_check());
	/* The flush fails: nothing has changed. */
	world.flush_fails = 1;
	c = change_to(old);
	EXPECT_EQ(direct_cow(vcpu(0), at, &c, 0, 2), -PV_EAGAIN);
	EXPECT_EQ(*entry_at(T1, 0), new);
	EXPECT(world_check());
	/* It fails while another vCPU writes to the entry; and succeeds while it does. */
	world.meanwhile = write_meanwhile;
	EXPECT_EQ(direct_cow(vcpu(1), at, &c, 0, 2), -PV_EAGAIN);
	EXPECT_EQ(*entry_at(T1, 0), entry_make(SPARE, P));
	EXPECT(world_check());
	world.flush_fails = 0;
	world.meanwhile = write_meanwhile;
	EXPECT_EQ(direct_cow(vcpu(1), at, &c, 0, 2), -PV_EAGAIN);
	EXPECT_EQ(vcpu(1)->refusal.why, WHY_RACE);
	EXPECT_EQ(*entry_at(T1, 0), entry_make(SPARE, P));
	EXPECT(world_check());
	c.has_expected = true;
	c.expected = new;
	EXPECT_EQ(direct_cow(vcpu(0), at, &c, 0, 1), DIRECT_DIFFERS);
	EXPECT_EQ(direct_cow(vcpu(0), at, &c, 0, BIT(VCPUS)), -PV_EINVAL);
	EXPECT_EQ(direct_cow(vcpu(0), entry_address(T2, 0), &c, 0, 1), -PV_EINVAL);
	end("copy on write: clear, flush, set; or nothing");
}

static void test_pool(void)
{
	hpa_t chunk = (hpa_t)CHUNK_POOL << CHUNK_SHIFT;
	u32 a = MFN(CHUNK_POOL, 0), b = MFN(CHUNK_POOL, 1);

	build();
	EXPECT_EQ(direct_table_new(vcpu(0), a, 1), -PV_EBUSY); /* no pool yet */
	EXPECT_EQ(set(T1, 1, entry_make(b, P | W)), 0);
	EXPECT_EQ(sim_access(0, T4, 0001, true), b);
	EXPECT_EQ(direct_pool_add(vcpu(0), chunk), -PV_EBUSY);
	EXPECT_EQ(vcpu(0)->refusal.mfn, b);
	EXPECT(world_check());
	EXPECT_EQ(set(T1, 1, entry_make(b, P)), 0); /* the linear mapping, read-only for good */
	EXPECT_EQ(direct_pool_add(vcpu(0), chunk), 0);
	EXPECT_EQ(world.flushes, 1); /* the last that this chunk costs */
	world.pool[CHUNK_POOL - CHUNK_FIRST] = true;
	EXPECT_EQ(direct_pool_add(vcpu(0), chunk), -PV_EBUSY);
	EXPECT_EQ(set(T1, 1, entry_make(b, P | W)), -PV_EBUSY);
	EXPECT_EQ(why(), WHY_POOL);
	EXPECT_EQ(direct_hold(vcpu(0), a), -PV_EBUSY);
	*entry_at(a, 5) = 0x1234567;
	EXPECT_EQ(direct_table_new(vcpu(0), a, 1), 0);
	world.frames[mfn_id(a)].level = 1;
	EXPECT_EQ(*entry_at(a, 5), 0);
	EXPECT_EQ(direct_table_new(vcpu(0), a, 1), -PV_EEXIST);
	EXPECT_EQ(direct_table_new(vcpu(0), a, 0), -PV_EINVAL);
	EXPECT_EQ(direct_table_new(vcpu(0), FOREIGN, 1), -PV_EFAULT);
	EXPECT_EQ(set(T2, 1, entry_make(a, P | W)), 0);
	EXPECT_EQ(set(a, 0, entry_make(OTHER, P | W)), 0);
	EXPECT_EQ(unpin(a), -PV_EBUSY); /* leaf first: out of its parent */
	EXPECT_EQ(set(T2, 1, 0), 0);
	EXPECT_EQ(direct_pool_remove(vcpu(0), chunk), -PV_EBUSY);
	EXPECT_EQ(unpin(a), 0);
	EXPECT_EQ(word_type(word_of(OTHER)), TYPE_NONE);
	EXPECT_EQ(direct_table_new(vcpu(0), a, 1), 0); /* the same level: no flush */
	EXPECT_EQ(world.flushes, 1);
	EXPECT_EQ(unpin(a), 0);
	EXPECT_EQ(direct_table_new(vcpu(0), a, 2), 0);
	EXPECT_EQ(world.flushes, 2);
	EXPECT_EQ(unpin(a), 0);
	EXPECT_EQ(direct_pool_remove(vcpu(0), chunk), 0);
	world.pool[CHUNK_POOL - CHUNK_FIRST] = false;
	EXPECT_EQ(direct_hold(vcpu(0), a), 0);
	EXPECT_EQ(world.flushes, 3); /* it was a table */
	direct_unhold(world.d, a);
	EXPECT_EQ(direct_pool_add(vcpu(0), chunk + PAGE_SIZE), -PV_EINVAL);
	EXPECT_EQ(direct_pool_add(vcpu(0), (hpa_t)CHUNK_FOREIGN << CHUNK_SHIFT), -PV_EFAULT);
	end("tables typed from birth: a pool that never was writable, and costs no flush");
}

static void test_release(void)
{
	hpa_t chunk = (hpa_t)CHUNK_SPARE << CHUNK_SHIFT;
	u32 frame = MFN(CHUNK_SPARE, 7);

	build();
	EXPECT_EQ(set(T1, 1, entry_make(frame, P)), 0);
	EXPECT_EQ(sim_access(2, T4, 0001, false), frame);
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk), -PV_EBUSY); /* mapped to be read */
	EXPECT_EQ(vcpu(0)->refusal.mfn, frame);
	EXPECT(world_check());
	EXPECT_EQ(set(T1, 1, 0), 0);
	world.flush_fails = 1;
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk), -PV_EAGAIN);
	EXPECT(world_check());
	world.flush_fails = 0;
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk), 0);
	world.present[CHUNK_SPARE - CHUNK_FIRST] = false;
	EXPECT_EQ(world.flushes, 2);
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk), -PV_EFAULT);
	EXPECT_EQ(set(T1, 1, entry_make(frame, P)), -PV_EFAULT);
	EXPECT_EQ(pin(frame, 1), -PV_EFAULT);
	EXPECT(world_check());
	world_add_chunk(CHUNK_SPARE);
	EXPECT_EQ(set(T1, 1, entry_make(frame, P | W)), 0);
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk), -PV_EBUSY);
	EXPECT_EQ(direct_chunk_release(vcpu(0), chunk + 1), -PV_EINVAL);
	end("memory is given back when nobody can reach it any more");
}

static void test_bounds(void)
{
	struct direct d = { 0 };
	struct direct_limits limits = { 40, true, BIT(36) };
	u32 units;

	fake_frames_left = 0;
	EXPECT_EQ(direct_init(&d, NULL, NULL, &limits, 4), -PV_ENOMEM);
	for (u32 frames = 1; frames < 4; frames++) {
		memset(&d, 0, sizeof(d));
		fake_frames_left = frames;
		EXPECT_EQ(direct_init(&d, NULL, NULL, &limits, 4), 0);
		EXPECT_EQ(direct_chunk_add(&d, CHUNK_SIZE), frames < 3 ? -PV_ENOMEM : 0);
		units = 1;
		EXPECT_EQ(direct_destroy(&d, &units), 0);
		EXPECT_EQ(fake_frames_used, 0);
	}
	fake_frames_left = ~0u;
	/* Chunks all over the machine: the end takes as many calls as it has rows. */
	memset(&d, 0, sizeof(d));
	EXPECT_EQ(direct_init(&d, NULL, NULL, &limits, DIRECT_VCPUS_MAX), 0);
	for (u64 chunk = 1; chunk < 131072; chunk += 40000)
		EXPECT_EQ(direct_chunk_add(&d, chunk << CHUNK_SHIFT), 0);
	for (u32 i = 0; i < 3; i++) {
		units = 1;
		EXPECT_EQ(direct_destroy(&d, &units), DIRECT_MORE);
	}
	units = 1;
	EXPECT_EQ(direct_destroy(&d, &units), 0);
	EXPECT_EQ(fake_frames_used, 0);
	tap_case("memory that is out, and an end in bounded steps");
}

int main(void)
{
	test_fast_path();
	test_superpage();
	test_self_reference();
	test_stale_translation();
	test_stale_walk();
	test_overflow();
	test_clock_wraps();
	test_loaded_root();
	test_half_validated();
	test_cacheability();
	test_batch();
	test_entries();
	test_rmw();
	test_cow();
	test_pool();
	test_release();
	test_bounds();
	return tap_done();
}
