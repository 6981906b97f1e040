/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging at random: fuzz_direct [STEPS [SEED]]. Several vCPUs make calls, walk their tables,
 * keep what they walked, write to what they may; within a call, where it waits for a flush, others
 * go on. After every step the slow model of direct_world.c recounts everything. A domain lives some
 * thousand steps, is activated from tables of its own now and then, and is killed at any moment.
 */
#include <stdlib.h>
#include <string.h>

#include "direct_world.h"
#include "fuzz_direct.h"
#include "tap.h"

#define LIFE 4000u /* steps of a domain */

struct fuzz_state fuzz;

u32 random_below(u32 n)
{
	return (u32)(rnd(&world.seed) % n);
}

bool chance(u32 n)
{
	return random_below(n) == 0;
}

/*
 * Of the few that this life has, so that they meet; of what is not the domain's now and then. The
 * last two chunks have less of them, so that nothing refers to any at times.
 */
u32 any_frame(void)
{
	u32 chunk = CHUNK_FIRST + random_below(chance(50) ? CHUNKS : CHUNK_SPARE - CHUNK_FIRST + 1);

	if (fuzz.depth > 1 && fuzz.victim && chance(4))
		return fuzz.victim;
	return MFN(chunk, random_below(chunk < CHUNK_POOL ? fuzz.frames : fuzz.few));
}

/* A frame that the model knows as a table of this level (0: any), if there is one. */
u32 any_table(unsigned level)
{
	unsigned start = random_below(FRAMES);

	if (fuzz.depth > 1 && fuzz.victim && !level && chance(4))
		return fuzz.victim;
	for (unsigned i = 0; i < FRAMES; i++) {
		unsigned id = (start + i) % FRAMES;

		if (level ? world.frames[id].level == level : world.frames[id].level)
			return id_mfn(id);
	}
	return any_frame();
}

u64 evil(u64 entry)
{
	static const u64 bits[] = { 0x8, 0x10, 0x80, 0x100, 1ull << 45, 1ull << 39, 1 };

	if (chance(3))
		return rnd(&world.seed);
	return entry ^ bits[random_below(ARRAY_SIZE(bits))];
}

/* Mostly what a kernel would write, to a table of this level. */
static u64 any_entry(unsigned level)
{
	u64 flags = P | U | (chance(3) ? 0 : W) | (chance(3) ? A : 0) | (chance(4) ? D : 0) |
		    (chance(4) ? NX : 0);
	u64 entry;

	if (chance(6))
		return chance(3) ? (~0ull << 14 & ~P) : 0;
	entry = entry_make(level > 1 && !chance(12) ? any_table(level - 1) : any_frame(), flags);
	return chance(25) ? evil(entry) : entry;
}

/* ---- steps ----------------------------------------------------------------------------------- */

typedef int (*step_t)(unsigned cpu);

/* A prediction holds if nothing else happened meanwhile and every flush came through. */
static bool undisturbed(u64 epoch)
{
	return fuzz.depth == 1 && fuzz.epoch == epoch && !world.flush_failed;
}

static void expect_result(const char *what, int result, bool allowed, u64 epoch)
{
	if (undisturbed(epoch) && (result >= 0) != allowed)
		world_complain("%s gave %d, model: %s", what, result,
			       allowed ? "allowed" : "refused");
}

/* An address that is likely mapped under this root. */
static u16 any_address(u32 root)
{
	u32 mfn = root;
	u16 va = 0;

	for (unsigned level = 4; level; level--) {
		unsigned slot = random_below(SLOTS);

		for (unsigned i = 0; i < SLOTS && mfn && !(*entry_at(mfn, slot) & P); i++)
			slot = (slot + 1) % SLOTS;
		va = (u16)(va << 3 | slot);
		if (mfn && (*entry_at(mfn, slot) & P))
			mfn = (u32)((*entry_at(mfn, slot) & ENTRY_ADDRESS) >> PAGE_SHIFT);
		else
			mfn = 0;
	}
	return va;
}

static int step_walk(unsigned cpu)
{
	unsigned slot = random_below(DIRECT_ROOTS);
	bool write = chance(2);
	u32 root, mfn;

	for (unsigned i = 0; i < DIRECT_ROOTS && !vcpu(cpu)->roots[slot]; i++)
		slot = (slot + 1) % DIRECT_ROOTS;
	root = vcpu(cpu)->roots[slot];
	if (!root)
		return -1;
	mfn = sim_access(cpu, root, chance(8) ? (u16)random_below(4096) : any_address(root), write);
	if (!mfn)
		return -1;
	if (write) {
		reach_leaf(mfn, true);
		*entry_at(mfn, random_below(SLOTS)) = any_entry(1 + random_below(4));
	}
	return 0;
}

/* The hypervisor, asked by the guest, writes what shall become a table. */
static int fill(unsigned cpu, u32 mfn, unsigned level)
{
	int result = direct_hold(vcpu(cpu), mfn);

	if (result)
		return result;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		u64 entry = chance(2) ? 0 : any_entry(level);

		for (u32 i = 0; i < 4 && !chance(40) && !model_may_stand(level, entry); i++)
			entry = i < 3 ? any_entry(level) : 0;
		*entry_at(mfn, slot) = entry;
	}
	direct_unhold(world.d, mfn);
	return 0;
}

static int step_hold(unsigned cpu)
{
	u32 mfn = any_frame();
	int id = mfn_id(mfn), result;

	if (world.frames[id].holds && chance(2)) {
		world.frames[id].holds--;
		direct_unhold(world.d, mfn);
		return 0;
	}
	result = direct_hold(vcpu(cpu), mfn);
	if (!result)
		world.frames[id].holds++;
	return result;
}

static bool model_pins(u32 mfn, unsigned level)
{
	const struct model_frame *f = &world.frames[mfn_id(mfn)];
	u64 word = word_of(mfn);

	if (f->level ? f->level != level || !f->partial : word_type(word) != TYPE_NONE)
		return false;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		u64 e = *entry_at(mfn, slot);

		if (f->partial && slot_index[slot] < word_count(word))
			continue;
		/* A table that refers to itself: the model has not got it as one yet. */
		if (!model_may_stand(level, e) ||
		    (level == 1 && (e & P) && (e & W) && e << 12 >> 24 == mfn))
			return false;
	}
	return true;
}

static int pin(unsigned cpu, u32 mfn, unsigned level, u32 units)
{
	struct model_frame *f = &world.frames[mfn_id(mfn)];
	bool allowed = model_pins(mfn, level), resumed = f->level == level && f->partial;
	u64 epoch = fuzz.epoch;
	int result;

	fuzz.victim = mfn;
	result = direct_pin(vcpu(cpu), mfn, level, &units);
	if (result != DIRECT_MORE) /* the first entries may be right */
		expect_result("pin", result, allowed, epoch);
	if (result >= 0) {
		f->level = (u8)level;
		f->partial = result == DIRECT_MORE;
	} else if (resumed) {
		f->level = 0;
		f->partial = false;
	}
	return result;
}

static int step_pin(unsigned cpu)
{
	unsigned level = 1 + random_below(4);

	if (fuzz.depth > 1 && fuzz.victim && type_is_table(word_type(word_of(fuzz.victim))))
		return pin(cpu, fuzz.victim, word_type(word_of(fuzz.victim)), 4);
	return pin(cpu, chance(3) ? any_table(level) : any_frame(), level, random_below(9));
}

/* As a kernel before it changes the use of a frame: what refers to it loses these bits. */
static void unlink_frame(unsigned cpu, u32 mfn, u64 bits)
{
	struct direct_change c = { .keep = ~bits };

	for (unsigned id = 0; id < FRAMES; id++) {
		for (unsigned slot = 0; world.frames[id].level && slot < SLOTS; slot++) {
			struct reference r = entry_reference(world.frames[id].level,
							     *entry_at(id_mfn(id), slot));

			if (r.mfn == mfn && r.type != TYPE_NONE)
				direct_change(vcpu(cpu),
					      entry_address(id_mfn(id), slot_index[slot]), &c);
		}
	}
	for (unsigned slot = 0; slot < DIRECT_ROOTS; slot++)
		if (vcpu(cpu)->roots[slot] == mfn)
			direct_root_set(vcpu(cpu), slot, 0);
}

/* Puts a new table to use. */
static void link_table(unsigned cpu, u32 mfn, unsigned level)
{
	struct direct_change c = { .set = entry_make(mfn, P | W | U) };
	u32 parent = any_table(level + 1);
	unsigned slot = random_below(SLOTS);

	if (level == LEVEL_TOP)
		direct_root_set(vcpu(cpu), random_below(DIRECT_ROOTS), mfn);
	else if (world.frames[mfn_id(parent)].level == level + 1)
		direct_change(vcpu(cpu), entry_address(parent, slot_index[slot]), &c);
}

static int step_make(unsigned cpu)
{
	unsigned level = 1 + random_below(4);
	u32 mfn = any_frame();
	int result;

	for (u32 i = 0; i < 4 && world.frames[mfn_id(mfn)].level; i++)
		mfn = any_frame();
	if (!world.frames[mfn_id(mfn)].level && chance(2))
		unlink_frame(cpu, mfn, W);
	result = fill(cpu, mfn, level);
	if (!result)
		result = pin(cpu, mfn, level, chance(8) ? random_below(5) : 4);
	if (!result)
		link_table(cpu, mfn, level);
	return result;
}

static int unpin(unsigned cpu, u32 mfn, u32 units)
{
	struct model_frame *f = &world.frames[mfn_id(mfn)];
	u64 epoch = fuzz.epoch;
	bool allowed;
	int result;

	allowed = f->level && (f->partial || word_count(word_of(mfn)) == 1);
	result = direct_unpin(vcpu(cpu), mfn, &units);
	expect_result("unpin", result, allowed, epoch);
	if (result >= 0) {
		f->partial = result == DIRECT_MORE;
		if (!f->partial)
			f->level = 0;
	}
	return result;
}

static int step_unpin(unsigned cpu)
{
	u32 mfn = chance(6) ? any_frame() : any_table(0);

	if (world.frames[mfn_id(mfn)].level && chance(3))
		unlink_frame(cpu, mfn, ~0ull);
	return unpin(cpu, mfn, chance(2) ? 4 : random_below(5));
}

static int step_table_new(unsigned cpu)
{
	u32 mfn = MFN(CHUNK_POOL, random_below(fuzz.frames));
	unsigned level = 1 + random_below(4);
	struct model_frame *f = &world.frames[mfn_id(mfn)];
	bool allowed = world.pool[CHUNK_POOL - CHUNK_FIRST] && !f->level;
	u64 epoch = fuzz.epoch;
	int result;

	fuzz.victim = mfn;
	result = direct_table_new(vcpu(cpu), mfn, level);
	expect_result("table_new", result, allowed, epoch);
	if (result == 0) {
		f->level = (u8)level;
		for (unsigned slot = 0; slot < SLOTS; slot++)
			if (undisturbed(epoch) && *entry_at(mfn, slot))
				world_complain("a new table is not empty");
	}
	return result;
}

static struct direct_change any_change(unsigned level, u64 old)
{
	static const u64 masks[] = { W, A, D, A | D, P, NX, U };
	u64 mask = masks[random_below(ARRAY_SIZE(masks))];
	struct direct_change c = { .set = any_entry(level) };

	if (chance(2)) {
		c.keep = chance(2) ? ~mask : ~0ull;
		c.set = c.keep == ~0ull ? mask : 0;
	}
	c.has_expected = chance(4);
	c.expected = chance(4) ? old ^ W : old ^ (chance(2) ? A : 0);
	c.only_present = chance(4);
	return c;
}

/* What a change does to an entry as the model sees it: 0, 1 refused, 2 left alone. */
static int model_changes(const struct model_frame *f, const struct direct_change *c, u64 old,
			 u64 *new)
{
	*new = old;
	if (!f->level || f->partial)
		return 1;
	if ((c->has_expected && (old & ~(A | D)) != (c->expected & ~(A | D))) ||
	    (c->only_present && !(old & P)))
		return 2;
	*new = (old & c->keep) | c->set;
	if (model_may_stand(f->level, *new))
		return 0;
	*new = old;
	return 1;
}

static int step_change(unsigned cpu)
{
	u32 mfn = chance(20) ? any_frame() : any_table(chance(2) ? 1 : 0);
	const struct model_frame *f = &world.frames[mfn_id(mfn)];
	unsigned slot = random_below(SLOTS);
	u64 *entry = entry_at(mfn, slot), old = *entry, new, epoch = fuzz.epoch;
	hpa_t at = entry_address(mfn, slot_index[slot]);
	struct direct_change c = any_change(f->level ? f->level : 1, old);
	bool cow = f->level == 1 && chance(5);
	int model = model_changes(f, &c, old, &new), result;

	fuzz.victim = mfn;
	if (cow) {
		if (c.only_present) /* not a thing of this call */
			return -1;
		result = direct_cow(vcpu(cpu), at, &c, random_below(4096),
				    random_below(1u << VCPUS));
	} else {
		result = direct_change(vcpu(cpu), at, &c);
	}
	expect_result(cow ? "cow" : "change", result, model != 1, epoch);
	if (fuzz.epoch == epoch) {
		if (*entry != (result == 0 ? new : old))
			world_complain("entry %#llx became %#llx, result %d",
				       (unsigned long long)old, (unsigned long long)*entry, result);
		if (result >= 0 && c.old != old)
			world_complain("the old entry is told wrong");
	}
	return result;
}

static int step_range(unsigned cpu)
{
	u32 mfn = any_table(chance(2) ? 1 : 0), units = random_below(9), done;
	unsigned first = random_below(512);
	u32 entries = random_below(600) + (chance(20) ? 0 : 1);
	struct direct_change c = { .keep = ~W, .only_present = true };
	int result;

	if (chance(3)) /* clear */
		c = (struct direct_change){ 0 };
	else if (chance(3)) /* a right for all of them */
		c = (struct direct_change){ .keep = ~0ull, .set = W, .only_present = true };
	result = direct_range(vcpu(cpu), entry_address(mfn, first), entries, &c, &units, &done);
	if (result >= 0 && (result == DIRECT_MORE ? done >= entries : done != entries))
		world_complain("range of %u: %u done, result %d", entries, done, result);
	return result;
}

static int step_root(unsigned cpu)
{
	u32 mfn = chance(4) ? 0 : chance(8) ? any_frame() : any_table(4);
	const struct model_frame *f = mfn ? &world.frames[mfn_id(mfn)] : NULL;
	bool allowed = !f || (f->level == 4 && !f->partial);
	u64 epoch = fuzz.epoch;
	int result = direct_root_set(vcpu(cpu), random_below(DIRECT_ROOTS), mfn);

	expect_result("root", result, allowed, epoch);
	return result;
}

static int step_flush(unsigned cpu)
{
	u64 begun = direct_flush_begin(world.d);

	sim_flush(cpu);
	direct_flush_done(vcpu(cpu), begun);
	return 0;
}

static bool chunk_is_unused(unsigned chunk, bool readers)
{
	for (u32 n = 0; n < 512; n++) {
		u64 word = word_of(MFN(chunk, n));

		if (word_type(word) != TYPE_NONE || (readers && word_reads(word)))
			return false;
	}
	return true;
}

static int change_pool(unsigned cpu)
{
	bool *pool = &world.pool[CHUNK_POOL - CHUNK_FIRST];
	hpa_t chunk = (hpa_t)CHUNK_POOL << CHUNK_SHIFT;
	bool allowed = chunk_is_unused(CHUNK_POOL, false);
	u64 epoch = fuzz.epoch;
	int result;

	if (fuzz.depth > 1)
		return -1;
	result = *pool ? direct_pool_remove(vcpu(cpu), chunk) : direct_pool_add(vcpu(cpu), chunk);
	expect_result("pool", result, allowed, epoch);
	if (result == 0)
		*pool = !*pool;
	return result;
}

/* As a guest that wants a chunk for something else. */
static void empty_chunk(unsigned cpu, unsigned chunk, u64 bits)
{
	for (u32 n = 0; n < fuzz.few; n++) {
		u32 mfn = MFN(chunk, n);
		struct model_frame *f = &world.frames[mfn_id(mfn)];

		unlink_frame(cpu, mfn, f->level ? ~0ull : bits);
		if (f->level)
			unpin(cpu, mfn, 4);
		for (; f->holds; f->holds--)
			direct_unhold(world.d, mfn);
	}
}

static int step_pool(unsigned cpu)
{
	if (!chance(8))
		return -1;
	if (chance(2))
		empty_chunk(cpu, CHUNK_POOL, W);
	return change_pool(cpu);
}

static int step_release(unsigned cpu)
{
	bool *present = &world.present[CHUNK_SPARE - CHUNK_FIRST];
	bool allowed = chunk_is_unused(CHUNK_SPARE, true);
	u64 epoch = fuzz.epoch;
	int result;

	if (fuzz.depth > 1)
		return -1;
	if (!*present) {
		for (unsigned n = 0; n < ACTIVE; n++)
			memset(frame_at(MFN(CHUNK_SPARE, n)), 0, PAGE_SIZE);
		world_add_chunk(CHUNK_SPARE);
		return 0;
	}
	if (chance(8)) {
		empty_chunk(cpu, CHUNK_SPARE, ~0ull);
		allowed = chunk_is_unused(CHUNK_SPARE, true);
	}
	result = direct_chunk_release(vcpu(cpu), (hpa_t)CHUNK_SPARE << CHUNK_SHIFT);
	expect_result("release", result, allowed, epoch);
	if (result == 0)
		*present = false;
	return result;
}

static const struct {
	step_t step;
	u32 weight;
	const char *name;
} steps[] = {
	{ step_walk, 30, "walk" },
	{ step_change, 24, "change" },
	{ step_make, 12, "make" },
	{ step_pin, 6, "pin" },
	{ step_unpin, 7, "unpin" },
	{ step_table_new, 4, "new" },
	{ step_range, 3, "range" },
	{ step_root, 6, "root" },
	{ step_hold, 2, "hold" },
	{ step_flush, 8, "flush" },
	{ step_pool, 2, "pool" },
	{ step_release, 3, "release" },
};

static void one_step(unsigned cpu)
{
	u32 total = 0, pick;
	unsigned kind = 0;
	int result;

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		total += steps[i].weight;
	for (pick = random_below(total); pick >= steps[kind].weight; kind++)
		pick -= steps[kind].weight;
	fuzz.depth++;
	if (fuzz.depth == 1)
		fuzz.victim = 0;
	result = steps[kind].step(cpu);
	fuzz.depth--;
	fuzz.epoch++;
	if (result >= 0)
		fuzz.done[kind]++;
	else
		fuzz.refused[kind]++;
}

/* A table that a CPU is counting is nobody else's. */
static void try_locked(u32 cpu)
{
	u64 word = fuzz.victim ? word_of(fuzz.victim) : 0;
	u32 units = 8;

	if (!(word & WORD_PARTIAL) || !(word & WORD_LOCKED))
		return;
	fuzz.locked++;
	if (direct_pin(vcpu(cpu), fuzz.victim, word_type(word), &units) >= 0 ||
	    direct_unpin(vcpu(cpu), fuzz.victim, &units) >= 0)
		world_complain("two CPUs count table %#x", fuzz.victim);
}

/* While a call waits for a flush other vCPUs go on. */
static void meanwhile(u32 caller)
{
	world_check_caches();
	try_locked((caller + 1) % VCPUS);
	if (fuzz.depth > 2 || !chance(2))
		return;
	for (u32 i = random_below(8); i; i--) {
		fuzz.nested++;
		one_step((caller + 1 + random_below(VCPUS - 1)) % VCPUS);
		world_check_caches();
	}
}

int main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 200000;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 20261120, lives = 0, errors = 0;

	printf("# %llu steps, seed %llu\n", (unsigned long long)count, (unsigned long long)seed);
	for (u64 step = 0; step < count && !errors;) {
		u64 life = 1 + rnd(&seed) % LIFE;

		world_begin(rnd(&seed));
		world.flush_fails = chance(3) ? 0 : chance(2) ? 3 : 20;
		fuzz.frames = 2 + random_below(ACTIVE - 1);
		fuzz.few = 1 + random_below(fuzz.frames);
		if (chance(2))
			begin_activated();
		world.meanwhile = meanwhile;
		if (chance(2))
			change_pool(0);
		for (; life && step < count && !world.errors; life--, step++) {
			world.flush_failed = false;
			one_step(random_below(VCPUS));
			world_check();
		}
		fuzz.flushes += world.flushes;
		world.meanwhile = NULL;
		world_end();
		errors += world.errors;
		if (errors)
			printf("# life %llu, step %llu\n", (unsigned long long)lives,
			       (unsigned long long)step);
		lives++;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		printf("# %-8s %9llu done %9llu refused\n", steps[i].name,
		       (unsigned long long)fuzz.done[i], (unsigned long long)fuzz.refused[i]);
		EXPECT_MSG(fuzz.done[i] > 0, "no step %s was ever done", steps[i].name);
	}
	printf("# %llu lives, %llu nested steps, %llu flushes, %llu activations (%llu refused)\n",
	       (unsigned long long)lives, (unsigned long long)fuzz.nested,
	       (unsigned long long)fuzz.flushes, (unsigned long long)fuzz.activated,
	       (unsigned long long)fuzz.not_activated);
	EXPECT_EQ(errors, 0);
	EXPECT(fuzz.activated > 0 && fuzz.not_activated > 0 && fuzz.nested > 0 && fuzz.locked > 0);
	tap_case("model and words agree, and no table can be written");
	return tap_done();
}
