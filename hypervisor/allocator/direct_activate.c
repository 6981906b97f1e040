/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of a guest that ran on EPT or NPT become its own. First pass: from the root down, a
 * level at a time, every entry is translated, checked by the validator and given its reference; a
 * table is FOUND when an entry refers to it first, and looked at when its level's turn comes, by
 * going through all frames. Not along the tree: that could have 512^3 paths to one table. Second
 * pass: the same translations are written. Nothing of the guest's runs in between, and no frame
 * that is a table can be held for writing by the hypervisor, so this cannot fail; if an entry
 * differs all the same, somebody broke that rule.
 */
#include "allocator/direct_internal.h"
#include "allocator/p2m.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "pv_abi.h"

/* The entry as it will be. An address that is no memory becomes one that is nobody's. */
static u64 translate(const struct direct_activation *a, u64 entry, bool *is_memory)
{
	hpa_t frame;

	*is_memory = true;
	if (!(entry & ENTRY_PRESENT))
		return entry;
	frame = p2m_lookup(a->p2m, entry & ENTRY_ADDRESS);
	*is_memory = frame != 0;
	return (entry & ~ENTRY_ADDRESS) | frame;
}

/* An entry refers to a table of `level`. */
static int table_find(struct direct_activation *a, u64 mfn, unsigned level)
{
	u64 *word = word_find(a->v->direct, mfn), old;

	a->v->refusal.mfn = (u32)mfn;
	if (!word)
		return refuse(a->v, WHY_FOREIGN);
	old = word_load(word);
	if (word_type(old) == level) {
		if (word_count(old) == WORD_COUNT_MAX)
			return refuse(a->v, WHY_COUNT);
		*word = old + 1;
		return 0;
	}
	if (word_type(old) == TYPE_WRITABLE)
		return refuse(a->v, WHY_WRITABLE);
	if (word_type(old) != TYPE_NONE)
		return refuse(a->v, word_type(old) == TYPE_GONE ? WHY_FOREIGN : WHY_LEVEL);
	*word = word_retype(old, level, 2, WORD_FOUND); /* its pin and this one */
	a->tables++;
	return 0;
}

static int entry_find(struct direct_activation *a, u64 entry)
{
	struct direct_vcpu *v = a->v;
	bool is_memory;
	u64 new = translate(a, entry, &is_memory);
	unsigned why = entry_check(&v->direct->limits, a->level, new);
	struct reference r = entry_reference(a->level, new);
	int error;

	if (why)
		error = refuse(v, why);
	else if (!is_memory)
		error = refuse(v, WHY_FOREIGN);
	else if (type_is_table(r.type))
		error = table_find(a, r.mfn, r.type);
	else
		error = entry_get(v, a->level, new);
	if (error) {
		v->refusal.level = (u8)a->level;
		v->refusal.entry = entry;
	}
	return error;
}

static int table_check(struct direct_activation *a, const u64 *table)
{
	for (unsigned i = 0; i < DIRECT_ENTRIES; i++) {
		int error = entry_find(a, entry_load(&table[i]));

		if (error) {
			a->v->refusal.index = (u16)i;
			return error;
		}
	}
	return 0;
}

static int table_rewrite(struct direct_activation *a, u64 *table)
{
	for (unsigned i = 0; i < DIRECT_ENTRIES; i++) {
		bool is_memory;
		u64 new = translate(a, entry_load(&table[i]), &is_memory);

		if (!is_memory)
			return refuse(a->v, WHY_RACE);
		__atomic_store_n(&table[i], new, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Is this frame one that the pass looks at? */
static bool is_due(const struct direct_activation *a, u64 word)
{
	if (!a->level)
		return type_is_table(word_type(word));
	return word_type(word) == a->level && (word & WORD_FOUND);
}

static int frame_pass(struct direct_activation *a, u64 mfn, u64 *word, u32 *units)
{
	const struct direct *d = a->v->direct;
	u64 *table;
	int error;

	if (!is_due(a, *word))
		return 0;
	if (!*units)
		return DIRECT_MORE;
	*units -= min(*units, DIRECT_ENTRIES / DIRECT_PIN_PER_UNIT);
	table = d->ops->map(d->context, (u32)mfn);
	error = a->level ? table_check(a, table) : table_rewrite(a, table);
	d->ops->unmap(d->context, table);
	if (!error)
		*word &= ~WORD_FOUND;
	return error;
}

/*
 * All frames of the domain, from where the pass was. A chunk is paid for when it is left, so that
 * any unit brings the pass on.
 */
static int pass(struct direct_activation *a, u32 *units)
{
	u64 end = (u64)a->p2m->chunks * DIRECT_ENTRIES;

	while (a->gfn < end) {
		hpa_t frame = p2m_lookup(a->p2m, a->gfn << PAGE_SHIFT);
		u64 *word = frame ? word_find(a->v->direct, frame >> PAGE_SHIFT) : NULL;
		int error = word ? frame_pass(a, frame >> PAGE_SHIFT, word, units) : 0;

		if (error)
			return error;
		if (++a->gfn % DIRECT_SCAN_PER_UNIT)
			continue;
		if (!*units)
			return DIRECT_MORE;
		--*units;
	}
	return 0;
}

static int begin(struct direct_activation *a, gpa_t root)
{
	hpa_t frame = p2m_lookup(a->p2m, root);
	int error;

	if (root % PAGE_SIZE)
		return refuse(a->v, WHY_ARGUMENT);
	if (!frame)
		return refuse(a->v, WHY_FOREIGN);
	a->root = (u32)(frame >> PAGE_SHIFT);
	a->level = LEVEL_TOP;
	error = table_find(a, a->root, LEVEL_TOP);
	if (error)
		return error;
	*word_find(a->v->direct, a->root) -= 1; /* nothing but the pin */
	a->begun = true;
	return 0;
}

int direct_activate(struct direct_activation *a, gpa_t root, u32 *units)
{
	int error;

	call_begin(a->v);
	if (!a->begun) {
		error = begin(a, root);
		if (error)
			return error;
	}
	for (;;) {
		error = pass(a, units);
		if (error || !a->level)
			return error;
		a->level--;
		a->gfn = 0;
	}
}
