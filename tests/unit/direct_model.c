/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slow model of direct paging: counts every reference from the contents of the tables, compares
 * with the words, and follows everything that a vCPU can reach, cached ways included. It shares no
 * rule with what it checks.
 */
#include <string.h>

#include "direct_world.h"

/* ---- the model ------------------------------------------------------------------------------- */

static bool is_gone(int id)
{
	return id < 0 || !world.present[id / (int)ACTIVE];
}

bool model_may_stand(unsigned level, u64 e)
{
	u64 address = e & 0x000ffffffffff000ull;
	int id = mfn_id(address >> 12);
	const struct model_frame *f = id < 0 ? NULL : &world.frames[id];

	if (!(e & 1))
		return address == 0 || (address >> (PHYSICAL_BITS - 1) & 1);
	if (e & 0x98) /* PWT, PCD, PS or PAT */
		return false;
	if (level > 1 && (e & 0x100))
		return false;
	if (address >> PHYSICAL_BITS || is_gone(id))
		return false;
	if (level > 1)
		return f->level == level - 1 && !f->partial;
	return !(e & 2) || (!f->level && !world.pool[id / (int)ACTIVE]);
}

struct expected {
	u32 writes, reads, tables[5];
};
static struct expected expected[FRAMES];

static void count_entry(u32 table, unsigned level, unsigned slot)
{
	u64 e = *entry_at(table, slot);
	int id = mfn_id((e & ENTRY_ADDRESS) >> PAGE_SHIFT);

	if (!model_may_stand(level, e)) {
		world_complain("entry %#llx may not stand in table %#x of level %u",
			       (unsigned long long)e, table, level);
		return;
	}
	if (!(e & P))
		return;
	if (level > 1)
		expected[id].tables[level - 1]++;
	else if (e & W)
		expected[id].writes++;
	else
		expected[id].reads++;
}

static void count_all(void)
{
	memset(expected, 0, sizeof(expected));
	for (unsigned id = 0; id < FRAMES; id++) {
		const struct model_frame *f = &world.frames[id];
		u32 mfn = id_mfn(id);
		u64 done = f->partial ? word_count(word_of(mfn)) : 512;

		expected[id].writes += f->holds;
		for (unsigned slot = 0; f->level && slot < SLOTS; slot++)
			if (slot_index[slot] < done)
				count_entry(mfn, f->level, slot);
	}
	for (unsigned i = 0; i < VCPUS; i++)
		for (unsigned slot = 0; slot < DIRECT_ROOTS; slot++)
			if (vcpu(i)->roots[slot])
				expected[mfn_id(vcpu(i)->roots[slot])].tables[4]++;
}

static u64 want_count(const struct model_frame *f, const struct expected *e, u64 word)
{
	if (!f->level)
		return e->writes ? e->writes : word_count(word); /* else the clock */
	return f->partial ? word_count(word) : 1 + e->tables[f->level];
}

static void compare(unsigned id)
{
	const struct model_frame *f = &world.frames[id];
	const struct expected *e = &expected[id];
	u64 word = word_of(id_mfn(id)), flags = f->partial ? WORD_PARTIAL : 0;
	unsigned type = f->level ? f->level : e->writes ? TYPE_WRITABLE : TYPE_NONE;

	if (is_gone((int)id))
		type = TYPE_GONE;
	else if (world.pool[id / ACTIVE])
		flags |= WORD_POOL;
	for (unsigned level = 1; level <= 4; level++)
		if (e->tables[level] && (f->level != level || f->partial))
			world_complain("frame %#x is referred to as L%u", id_mfn(id), level);
	if (e->writes && (f->level || world.pool[id / ACTIVE]))
		world_complain("frame %#x is a table, or of a pool, and writable", id_mfn(id));
	if (f->partial && word_count(word) % DIRECT_PIN_PER_UNIT)
		world_complain("frame %#x: stopped in the middle of a unit", id_mfn(id));
	if (type == TYPE_GONE ?
		    word_type(word) != type || e->reads || e->writes :
		    word_type(word) != type || word_reads(word) != e->reads ||
			    word_count(word) != want_count(f, e, word) || word >> 58 << 58 != flags)
		world_complain(
			"frame %#x: word %#llx, model type %u reads %u writes %u flags %#llx",
			id_mfn(id), (unsigned long long)word, type, e->reads, e->writes,
			(unsigned long long)flags);
}

/* ---- what can be reached --------------------------------------------------------------------- */

static u8 seen[FRAMES]; /* bit n: as a table of level n */

/* Nothing any more; while it is being given back (LOCKED) it is the domain's yet. */
static bool is_free(u64 word)
{
	return word_type(word) == TYPE_NONE ||
	       (word_type(word) == TYPE_GONE && (word & WORD_LOCKED));
}

void reach_leaf(u32 mfn, bool write)
{
	u64 word = word_of(mfn);

	if (mfn_id(mfn) < 0 || (word_type(word) == TYPE_GONE && !is_free(word)))
		world_complain("frame %#x can be reached and is not the domain's", mfn);
	else if (write && (type_is_table(word_type(word)) || (word & WORD_POOL)))
		world_complain("frame %#x can be written: word %#llx", mfn,
			       (unsigned long long)word);
}

/* A vCPU may use this frame as a table of this level. */
static void reach_table(u32 mfn, unsigned level)
{
	int id = mfn_id(mfn);
	u64 word = word_of(mfn);

	if (id < 0) {
		world_complain("frame %#x can be walked", mfn);
		return;
	}
	if (seen[id] & 1u << level)
		return;
	seen[id] |= (u8)(1u << level);
	if (word_type(word) != level && (!is_free(word) || word_was(word) != level)) {
		world_complain("frame %#x can be walked as L%u: word %#llx", mfn, level,
			       (unsigned long long)word);
		return;
	}
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		u64 e = *entry_at(mfn, slot);
		u32 next = (u32)((e & ENTRY_ADDRESS) >> PAGE_SHIFT);

		if (!(e & P))
			continue;
		if (level > 1)
			reach_table(next, level - 1);
		else
			reach_leaf(next, e & W);
	}
}

bool world_check_caches(void)
{
	u64 before = world.errors;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < VCPUS; i++) {
		for (unsigned slot = 0; slot < DIRECT_ROOTS; slot++)
			if (vcpu(i)->roots[slot])
				reach_table(vcpu(i)->roots[slot], 4);
		for (unsigned n = 0; n < CACHED; n++) {
			const struct sim_translation *t = &world.sim[i].cache[n];

			if (t->valid && t->level)
				reach_table(t->mfn, t->level);
			else if (t->valid)
				reach_leaf(t->mfn, t->write);
		}
	}
	return world.errors == before;
}

bool world_check(void)
{
	u64 before = world.errors;

	count_all();
	for (unsigned id = 0; id < FRAMES; id++)
		compare(id);
	world_check_caches();
	return world.errors == before;
}
