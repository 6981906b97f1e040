/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Activation of direct paging: tables of a guest that ran on nested paging, refused with nothing
 * changed, rewritten, stopped at every step, and killed at every step.
 */
#include <string.h>

#include "allocator/p2m.h"
#include "direct_world.h"
#include "fake/frames.h"
#include "pv_abi.h"
#include "tap.h"

#define T1 MFN(3, 1)
#define T2 MFN(3, 2)
#define T3 MFN(3, 3)
#define T4 MFN(3, 4)
#define T1B MFN(4, 0) /* the first of a chunk */
#define DATA MFN(5, 0)
#define UNITS_ALL 100000u

static struct p2m p2m;
static struct direct_activation activation;

/* Guest-physical: the chunks in the opposite order, from 0. */
static u64 gpa(u32 mfn)
{
	return (u64)(CHUNK_SPARE - mfn / 512) << CHUNK_SHIFT | (u64)(mfn % 512) << PAGE_SHIFT;
}

static void put(u32 table, unsigned slot, u32 target, u64 bits)
{
	*entry_at(table, slot) = gpa(target) | bits;
}

/*
 * Six chunks of guest memory, one of them missing. T4 -> T3 -> T2 -> T1, T1B; T1B has two parents.
 */
static void begin(void)
{
	world_begin(5);
	EXPECT_EQ(p2m_init(&p2m, 6 * CHUNK_SIZE), 0);
	for (u32 chunk = CHUNK_FIRST; chunk <= CHUNK_SPARE; chunk++)
		p2m_set(&p2m, CHUNK_SPARE - chunk, (hpa_t)chunk << CHUNK_SHIFT);
	put(T4, 0, T3, P | W | U);
	put(T4, 7, T3, P | W);
	put(T3, 0, T2, P | W | U);
	put(T2, 0, T1, P | W | U);
	put(T2, 1, T1B, P | W | U);
	put(T2, 2, T1B, P | U);
	put(T1, 0, DATA, P | W | U | A | D | NX);
	put(T1, 1, T1, P); /* tables mapped to be read */
	put(T1, 2, T4, P | ENTRY_GLOBAL);
	put(T1B, 0, DATA, P);
	put(T1B, 7, MFN(6, 11), P | W);
	*entry_at(T1B, 3) = ~entry_make(1000, 0) << 13 >> 1 & ~P; /* swapped out */
	activation = (struct direct_activation){ .v = vcpu(0), .p2m = &p2m };
}

static void end(void)
{
	p2m_destroy(&p2m);
	world_end();
	EXPECT_EQ(world.errors, 0);
}

static u64 contents(void)
{
	u64 sum = 0;

	for (unsigned id = 0; id < FRAMES; id++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			sum = sum * 1099511628211ull + *entry_at(id_mfn(id), slot);
	return sum;
}

static void know_tables(void)
{
	world.frames[mfn_id(T1)].level = world.frames[mfn_id(T1B)].level = 1;
	world.frames[mfn_id(T2)].level = 2;
	world.frames[mfn_id(T3)].level = 3;
	world.frames[mfn_id(T4)].level = 4;
}

static int run(u32 each, unsigned *rounds)
{
	int result = DIRECT_MORE;

	for (*rounds = 0; result == DIRECT_MORE && *rounds < UNITS_ALL; ++*rounds) {
		u32 units = each;

		result = direct_activate(&activation, gpa(T4), &units);
	}
	return result;
}

static void test_good(void)
{
	static const u32 each[] = { UNITS_ALL, 16, 5, 1 };
	unsigned rounds, last = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(each); i++) {
		begin();
		EXPECT_EQ(run(each[i], &rounds), 0);
		EXPECT(rounds > last); /* the less at a time, the more often */
		last = rounds;
		EXPECT_EQ(activation.root, T4);
		EXPECT_EQ(activation.tables, 5);
		know_tables();
		EXPECT(world_check());
		EXPECT_EQ(*entry_at(T4, 0), entry_make(T3, P | W | U));
		EXPECT_EQ(*entry_at(T1, 0), entry_make(DATA, P | W | U | A | D | NX));
		EXPECT_EQ(*entry_at(T1B, 3), ~entry_make(1000, 0) << 13 >> 1 & ~P);
		EXPECT_EQ(word_count(word_of(T1B)), 3); /* pin and two parents */
		EXPECT_EQ(direct_root_set(vcpu(0), 0, activation.root), 0);
		EXPECT_EQ(sim_access(0, T4, 0, true), DATA);
		EXPECT(world_check());
		EXPECT_EQ(world.flushes, 0);
		end();
	}
	tap_case("activation: found, counted, rewritten, in steps of any size");
}

static void refused(void (*spoil)(void), int error, unsigned why)
{
	unsigned rounds;
	u64 sum;

	begin();
	spoil();
	sum = contents();
	EXPECT_EQ(run(7, &rounds), -error);
	EXPECT_EQ(vcpu(0)->refusal.why, why);
	EXPECT_EQ(contents(), sum);
	EXPECT_EQ(world.d->refused[why], 1);
	end();
}

static void writable_alias(void)
{
	put(T1B, 4, T3, P | W);
}

static void writable_self(void)
{
	put(T1, 5, T1, P | W);
}

static void held(void)
{
	EXPECT_EQ(direct_hold(vcpu(0), T2), 0);
}

static void held_root(void)
{
	EXPECT_EQ(direct_hold(vcpu(0), T4), 0);
}

static void large(void)
{
	put(T2, 4, MFN(6, 0), P | W | ENTRY_LARGE);
}

static void large_upper(void)
{
	put(T3, 4, MFN(6, 0), P | W | ENTRY_LARGE);
}

static void uncached(void)
{
	put(T1, 6, DATA, P | ENTRY_CACHE_DISABLE);
}

static void self(void)
{
	put(T4, 3, T4, P | W);
}

static void same_level(void)
{
	put(T3, 3, T3, P | W);
}

static void two_levels(void)
{
	put(T3, 3, T1, P | W);
}

static void no_memory(void)
{
	*entry_at(T1, 6) = 5 * CHUNK_SIZE | P; /* within guest-physical space, but empty */
}

static void beyond(void)
{
	*entry_at(T2, 6) = BIT(45) | P;
}

static void hidden(void)
{
	put(T1B, 6, DATA, 0);
}

static void test_refused(void)
{
	refused(writable_alias, PV_EBUSY, WHY_TABLE);
	refused(writable_self, PV_EBUSY, WHY_TABLE);
	refused(held, PV_EBUSY, WHY_WRITABLE);
	refused(held_root, PV_EBUSY, WHY_WRITABLE);
	refused(large, PV_EINVAL, WHY_LARGE);
	refused(large_upper, PV_EINVAL, WHY_LARGE);
	refused(uncached, PV_EINVAL, WHY_MEMORY_TYPE);
	refused(self, PV_EINVAL, WHY_LEVEL);
	refused(same_level, PV_EINVAL, WHY_LEVEL);
	refused(two_levels, PV_EINVAL, WHY_LEVEL);
	refused(no_memory, PV_EFAULT, WHY_FOREIGN);
	refused(beyond, PV_EFAULT, WHY_FOREIGN);
	refused(hidden, PV_EINVAL, WHY_HIDDEN_ADDRESS);
	tap_case("activation refused: the cause, and no byte of the guest changed");
}

static void test_root(void)
{
	u32 units = UNITS_ALL;

	begin();
	EXPECT_EQ(direct_activate(&activation, gpa(T4) + 8, &units), -PV_EINVAL);
	EXPECT_EQ(direct_activate(&activation, 5 * CHUNK_SIZE, &units), -PV_EFAULT);
	EXPECT_EQ(direct_activate(&activation, ~0ull << PAGE_SHIFT, &units), -PV_EFAULT);
	end();
	tap_case("activation: a root that is none");
}

static void test_kill(void)
{
	unsigned rounds;
	u64 sum;

	for (unsigned stop = 0; stop < 90; stop++) {
		int result = DIRECT_MORE;

		begin();
		sum = contents();
		for (rounds = 0; result == DIRECT_MORE && rounds < stop; rounds++) {
			u32 units = 1;

			result = direct_activate(&activation, gpa(T4), &units);
			EXPECT(units == 0 || result == 0);
			if (activation.level)
				EXPECT_EQ(contents(), sum);
		}
		EXPECT_EQ(result, stop > 80 ? 0 : result); /* the last ones get to the end */
		end(); /* in steps; all frames come back */
	}
	/* And while tables are being checked or taken apart. */
	for (u32 stop = 0; stop <= 4; stop++) {
		u32 units = stop;

		begin();
		memset(frame_at(MFN(6, 0)), 0, PAGE_SIZE);
		EXPECT_EQ(direct_pin(vcpu(0), MFN(6, 0), 1, &units), stop < 4 ? DIRECT_MORE : 0);
		units = stop;
		direct_unpin(vcpu(1), MFN(6, 0), &units);
		end();
	}
	tap_case("kill during activation or validation: everything is freed, at every step");
}

/* Somebody writes to a table between the passes, against the rule: noticed where it can be. */
static void test_broken(void)
{
	int result = DIRECT_MORE;

	begin();
	while (result == DIRECT_MORE && (activation.level || !activation.begun)) {
		u32 units = 1;

		result = direct_activate(&activation, gpa(T4), &units);
	}
	EXPECT_EQ(result, DIRECT_MORE);
	*entry_at(T1B, 0) = 5 * CHUNK_SIZE | P;
	while (result == DIRECT_MORE) {
		u32 units = 1;

		result = direct_activate(&activation, gpa(T4), &units);
	}
	EXPECT_EQ(result, -PV_EAGAIN);
	EXPECT_EQ(vcpu(0)->refusal.why, WHY_RACE);
	end();
	tap_case("activation: a table that changed between the passes ends it");
}

int main(void)
{
	test_good();
	test_refused();
	test_root();
	test_kill();
	test_broken();
	return tap_done();
}
