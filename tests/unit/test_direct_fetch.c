/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging, access by access. Double fetch: how often an entry in guest memory is read, and
 * what if it differs at the second time. And two vCPUs: while one call is about to touch the word
 * of a frame, at each of its accesses in turn, another vCPU makes a whole call about that frame.
 */
#include <string.h>

#include "access_trap.h"
#include "direct_world.h"
#include "pv_abi.h"
#include "tap.h"

#define TABLE MFN(4, 0)
#define DATA MFN(4, 1)
#define VICTIM MFN(4, 2) /* a table that evil entries would make writable */

/* ---- double fetch ---------------------------------------------------------------------------- */

static u64 evil; /* xored into an entry after its first access */
static u64 good[512];

static void spoil(unsigned word, unsigned count)
{
	(void)count;
	if (access_trap.per_word[word] == 1)
		((u64 *)access_trap.page)[word] ^= evil;
}

static void begin(u64 bits)
{
	u32 units = 4;

	world_begin(3);
	EXPECT_EQ(direct_pin(vcpu(0), VICTIM, 1, &units), 0);
	world.frames[mfn_id(VICTIM)].level = 1;
	evil = bits;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		*entry_at(TABLE, slot) = entry_make(DATA, P | (slot % 2 ? W : 0));
	memcpy(good, frame_at(TABLE), PAGE_SIZE);
}

static void pin_table(void)
{
	u32 units = 4;

	EXPECT_EQ(direct_pin(vcpu(0), TABLE, 1, &units), 0);
	world.frames[mfn_id(TABLE)].level = 1;
}

static void watch_table(void)
{
	access_trap.after = spoil;
	access_trap_on(frame_at(TABLE));
}

static void end(const char *name)
{
	memcpy(frame_at(TABLE), good, PAGE_SIZE);
	EXPECT(world_check());
	world_end();
	EXPECT_EQ(world.errors, 0);
	tap_case(name);
}

static void test_pin(void)
{
	/* DATA and 0 become VICTIM, writable. */
	begin(entry_make(DATA ^ VICTIM, W));
	watch_table();
	pin_table();
	access_trap_off();
	for (unsigned i = 0; i < 512; i++)
		EXPECT_EQ(access_trap.per_word[i], 1);
	end("double fetch: a pin reads each entry once, and what it read counts");
}

static void test_change(void)
{
	struct direct_change c = { .keep = ~W };

	begin(D); /* the CPU sets D between the read and the exchange */
	pin_table();
	watch_table();
	EXPECT_EQ(direct_change(vcpu(0), entry_address(TABLE, slot_index[1]), &c), 0);
	access_trap_off();
	EXPECT_EQ(c.old, entry_make(DATA, P | W | D));
	EXPECT_EQ(*entry_at(TABLE, 1), entry_make(DATA, P | D));
	EXPECT_EQ(access_trap.per_word[slot_index[1]], 4); /* read, exchange, and both again */
	good[slot_index[1]] = entry_make(DATA, P | D);
	end("double fetch: a bit that the CPU sets in the middle of a change is not lost");
}

static void test_change_twice(void)
{
	struct direct_change c = { .keep = ~0ull, .set = W };

	/* Whatever appears there (none of ours could write it): the exchange sees it. */
	begin(entry_make(DATA ^ VICTIM, 0));
	pin_table();
	watch_table();
	EXPECT_EQ(direct_change(vcpu(0), entry_address(TABLE, 0), &c), -PV_EBUSY);
	access_trap_off();
	EXPECT_EQ(vcpu(0)->refusal.why, WHY_TABLE);
	EXPECT_EQ(access_trap.per_word[0], 3);
	end("double fetch: an entry that differs at the exchange is checked from the start");
}

/* ---- a whole call of another vCPU, between any two accesses ---------------------------------- */

#define T1 MFN(3, 1)
#define T4 MFN(3, 4)
#define TABLE2 MFN(3, 2)

static struct model_frame *data(void)
{
	return &world.frames[mfn_id(DATA)];
}

static int change(unsigned cpu, u32 table, unsigned slot, u64 entry)
{
	struct direct_change c = { .set = entry };

	return direct_change(vcpu(cpu), entry_address(table, slot_index[slot]), &c);
}

/* What a vCPU may do about DATA; slot: an entry of its own. */
static void map(unsigned cpu)
{
	change(cpu, T1, 4 + cpu, entry_make(DATA, P | W));
	if (vcpu(cpu)->roots[0])
		sim_access(cpu, T4, (u16)(4 + cpu), true);
}

static void map_to_read(unsigned cpu)
{
	change(cpu, T1, 6 + cpu, entry_make(DATA, P));
	change(cpu, T1, 6 + cpu, 0);
}

/* Flushed, then in use, then given up: nothing but its stamp tells of the stale translation. */
static void flush_use_unmap(unsigned cpu)
{
	u64 begun = direct_flush_begin(world.d);

	sim_flush(cpu);
	direct_flush_done(vcpu(cpu), begun);
	sim_access(cpu, T4, (u16)cpu, true);
	change(cpu, T1, cpu, 0);
}

static void unmap(unsigned cpu)
{
	change(cpu, T1, cpu, 0);
}

static void pin_data(unsigned cpu)
{
	u32 units = 4;

	if (direct_pin(vcpu(cpu), DATA, 1, &units) == 0) {
		data()->level = 1;
		data()->partial = false;
	}
}

static void pin_part(unsigned cpu)
{
	u32 units = 2;
	int result = direct_pin(vcpu(cpu), DATA, 1, &units);

	if (result >= 0) {
		data()->level = 1;
		data()->partial = result == DIRECT_MORE;
	}
}

static void unpin_data(unsigned cpu)
{
	u32 units = 4;

	if (direct_unpin(vcpu(cpu), DATA, &units) == 0) {
		data()->level = 0;
		data()->partial = false;
	}
}

static void pin_unpin(unsigned cpu)
{
	pin_data(cpu);
	unpin_data(cpu);
}

static void refer(unsigned cpu)
{
	change(cpu, TABLE2, 2 + cpu, entry_make(DATA, P | W));
}

/* DATA as the table that is changed: while that goes on it stays one. */
static void change_in(unsigned cpu)
{
	change(cpu, DATA, cpu, entry_make(MFN(5, 0), P | W));
}

static void clear_in(unsigned cpu)
{
	struct direct_change c = { 0 };
	u32 units = 8, done;

	direct_range(vcpu(cpu), entry_address(DATA, 0), 512, &c, &units, &done);
}

static void hold(unsigned cpu)
{
	if (direct_hold(vcpu(cpu), DATA) == 0)
		direct_unhold(world.d, DATA);
}

static void release(unsigned cpu)
{
	if (direct_chunk_release(vcpu(cpu), (hpa_t)4 << CHUNK_SHIFT) == 0)
		world.present[4 - CHUNK_FIRST] = false;
}

typedef void (*act_t)(unsigned cpu);
/* The last one touches all words of the chunk: only as the other's. */
/* The last one touches all words of the chunk: only as the other's. */
static const act_t acts[] = {
	map,	  pin_data,   map_to_read, flush_use_unmap, unmap,    refer,   hold,
	pin_part, unpin_data, pin_unpin,   change_in,	    clear_in, release,
};
static act_t other;
static unsigned other_at;

static void others_turn(unsigned word, unsigned count)
{
	(void)word;
	if (count != other_at)
		return;
	access_trap.before = NULL;
	other(1);
	world_check_caches();
}

/* DATA: mapped writable by T1's first two entries, by none of them, or a table. */
static void build(unsigned kind)
{
	u32 units = 100;

	world_begin(9);
	for (unsigned level = 2; level <= 4; level++)
		*entry_at(MFN(3, level), 0) = entry_make(MFN(3, level - 1), P | W);
	for (unsigned slot = 0; slot < 2 && kind == 0; slot++)
		*entry_at(T1, slot) = entry_make(DATA, P | W);
	for (unsigned level = 1; level <= 4; level++) {
		EXPECT_EQ(direct_pin(vcpu(0), MFN(3, level), level, &units), 0);
		world.frames[MFN(3, level) - MFN(3, 0)].level = (u8)level;
	}
	for (unsigned cpu = 0; cpu < 2; cpu++)
		EXPECT_EQ(direct_root_set(vcpu(cpu), 0, T4), 0);
	if (kind == 2)
		pin_data(0);
	if (kind == 3)
		pin_part(0);
	if (kind >= 4) { /* was writable, and vCPU 1 may know */
		map(1);
		change(1, T1, 5, 0);
	}
	EXPECT(world_check());
}

/* Returns whether the call had that many accesses. */
static bool interleave(unsigned kind, act_t first, act_t second, unsigned at)
{
	bool reached;

	build(kind);
	other = second;
	other_at = at;
	access_trap.before = others_turn;
	access_trap_on(word_find(world.d, MFN(4, 0)));
	first(0);
	reached = access_trap.count >= at;
	access_trap_off();
	EXPECT(world_check());
	/* Whatever came of it, the frame can go on: nothing stale is left behind. */
	if (world.present[4 - CHUNK_FIRST] && !data()->level) {
		change(0, T1, 0, 0);
		change(0, T1, 1, 0);
		change(0, T1, 4, 0);
		change(0, T1, 5, 0);
		EXPECT(world_check());
		memset(frame_at(DATA), 0, PAGE_SIZE);
		pin_data(2);
		EXPECT_EQ(data()->level, 1);
		EXPECT(world_check());
	}
	world_end();
	EXPECT_EQ(world.errors, 0);
	return reached;
}

static void test_two(void)
{
	unsigned cases = 0;

	for (unsigned kind = 0; kind < 5; kind++)
		for (unsigned first = 0; first < ARRAY_SIZE(acts) - 1; first++)
			for (unsigned second = 0; second < ARRAY_SIZE(acts); second++)
				for (unsigned at = 1; at < 40; at++) {
					cases++;
					if (!interleave(kind, acts[first], acts[second], at))
						break;
				}
	printf("# %u interleavings\n", cases);
	EXPECT(cases > 2000);
	tap_case("two vCPUs about one frame, between any two accesses to its word");
}

int main(void)
{
	test_pin();
	test_change();
	test_change_twice();
	test_two();
	return tap_done();
}
