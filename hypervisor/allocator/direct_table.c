/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames become tables and cease to be. A table always has a pin of its own, and what it refers to
 * are tables already: so no call follows a tree, and each does at most 512 entries. PARTIAL says
 * that only the first `count` entries hold references; LOCKED, that a CPU is counting. A call that
 * runs out of units clears LOCKED and leaves the rest of the state in the word: any vCPU may go on,
 * in either direction, and the end of the domain needs no list of what was under way.
 */
#include "allocator/direct_internal.h"
#include "lib/lib.h"
#include "pv_abi.h"

/* LOCKED is ours: nobody else changes anything but the readers. */
static void word_settle(u64 *word, unsigned type, u64 count, u64 flags)
{
	u64 old = word_load(word);

	while (!word_replace(word, &old, word_retype(old, type, count, flags)))
		;
}

static void word_leave(struct direct *d, u64 *word, unsigned level)
{
	u64 old = word_load(word);

	while (!word_replace(word, &old, word_vacate(old, level, direct_clock(d))))
		;
}

/* Takes an incomplete table over from who left it. */
static bool word_resume(u64 *word, unsigned level, unsigned *index)
{
	u64 old = word_load(word);

	while (word_type(old) == level && (old & WORD_PARTIAL) && !(old & WORD_LOCKED)) {
		if (word_replace(word, &old, old | WORD_LOCKED)) {
			*index = (unsigned)word_count(old);
			return true;
		}
	}
	return false;
}

static bool unit_spent(unsigned index, u32 *units)
{
	if (index % DIRECT_PIN_PER_UNIT)
		return true;
	if (!*units)
		return false;
	--*units;
	return true;
}

/* Nobody writes to a frame that is LOCKED, but for A and D: what was read before is read again. */
static void entries_put(struct direct *d, const u64 *table, unsigned level, unsigned count)
{
	while (count)
		entry_put(d, level, entry_load(&table[--count]));
}

/* 0: all entries have their references; DIRECT_MORE: those before *index; else none has. */
static int entries_get(struct direct_vcpu *v, const u64 *table, unsigned level, unsigned *index,
		       u32 *units)
{
	for (; *index < DIRECT_ENTRIES; ++*index) {
		int error;

		if (!unit_spent(*index, units))
			return DIRECT_MORE;
		error = entry_get(v, level, entry_load(&table[*index]));
		if (error) {
			v->refusal.index = (u16)*index;
			entries_put(v->direct, table, level, *index);
			return error;
		}
	}
	return 0;
}

int direct_pin(struct direct_vcpu *v, u32 mfn, unsigned level, u32 *units)
{
	struct direct *d = v->direct;
	u64 *word = word_find(d, mfn), *table;
	unsigned index = 0;
	int error;

	call_begin(v);
	if (!level || level > LEVEL_TOP)
		return refuse(v, WHY_ARGUMENT);
	if (!word || !word_resume(word, level, &index)) {
		error = frame_claim(v, mfn, level, &word);
		if (error)
			return error;
	}
	table = d->ops->map(d->context, mfn);
	error = entries_get(v, table, level, &index, units);
	d->ops->unmap(d->context, table);
	if (error < 0)
		word_leave(d, word, level);
	else if (error == DIRECT_MORE)
		word_settle(word, level, index, WORD_PARTIAL);
	else
		word_settle(word, level, 1, 0);
	return error;
}

/* Makes a complete table that has nothing but its pin a LOCKED one. */
static int table_close_down(struct direct_vcpu *v, u64 *word, unsigned *level)
{
	u64 old = word_load(word), new;

	do {
		*level = word_type(old);
		if (!type_is_table(*level))
			return refuse(v, WHY_NO_TABLE);
		if (old & (WORD_PARTIAL | WORD_FOUND))
			return refuse(v, WHY_RACE);
		if (word_count(old) > 1)
			return refuse(v, WHY_REFERENCED);
		new = word_retype(old, *level, DIRECT_ENTRIES, WORD_PARTIAL | WORD_LOCKED);
	} while (!word_replace(word, &old, new));
	return 0;
}

int direct_unpin(struct direct_vcpu *v, u32 mfn, u32 *units)
{
	struct direct *d = v->direct;
	u64 *word = word_find(d, mfn), *table;
	unsigned index = DIRECT_ENTRIES, level;
	int error = 0;

	call_begin(v);
	v->refusal.mfn = mfn;
	if (!word)
		return refuse(v, WHY_FOREIGN);
	level = word_type(word_load(word));
	if (!type_is_table(level) || !word_resume(word, level, &index)) {
		error = table_close_down(v, word, &level);
		if (error)
			return error;
	}
	table = d->ops->map(d->context, mfn);
	while (index && unit_spent(index, units))
		entry_put(d, level, entry_load(&table[--index]));
	d->ops->unmap(d->context, table);
	if (index) {
		word_settle(word, level, index, WORD_PARTIAL);
		return DIRECT_MORE;
	}
	word_leave(d, word, level);
	return 0;
}

int direct_table_new(struct direct_vcpu *v, u32 mfn, unsigned level)
{
	struct direct *d = v->direct;
	u64 *word = word_find(d, mfn), *table;
	int error;

	call_begin(v);
	v->refusal.mfn = mfn;
	if (!level || level > LEVEL_TOP)
		return refuse(v, WHY_ARGUMENT);
	if (!word)
		return refuse(v, WHY_FOREIGN);
	if (!(word_load(word) & WORD_POOL))
		return refuse(v, WHY_POOL);
	error = frame_claim(v, mfn, level, &word);
	if (error)
		return error;
	table = d->ops->map(d->context, mfn);
	/* By whole entries: a CPU with an old translation may walk the frame at this level yet. */
	for (unsigned i = 0; i < DIRECT_ENTRIES; i++)
		__atomic_store_n(&table[i], 0, __ATOMIC_RELAXED);
	d->ops->unmap(d->context, table);
	word_settle(word, level, 1, 0);
	return 0;
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Whoever could write to the frame cannot any more, nor will again. */
static int pool_take(struct direct_vcpu *v, u64 *word)
{
	for (u32 i = 0; i < ATTEMPTS_MAX; i++) {
		u64 old = word_load(word), new = old | WORD_POOL;
		int settled = 0;

		if (word_type(old) == TYPE_WRITABLE)
			return refuse(v, WHY_WRITABLE);
		if (word_type(old) != TYPE_NONE)
			return refuse(v, word_type(old) == TYPE_GONE ? WHY_FOREIGN : WHY_IS_TABLE);
		if (word_was(old) == TYPE_WRITABLE) {
			settled = frame_settle(v, old, TYPE_NONE);
			new = word_retype(new, TYPE_NONE, 0, 0);
		}
		if (settled < 0)
			return settled;
		if (settled == 0 && word_replace(word, &old, new))
			return 0;
	}
	return refuse(v, WHY_RACE);
}

static void pool_leave(u64 *words, u32 count)
{
	while (count)
		__atomic_fetch_and(&words[--count], ~WORD_POOL, __ATOMIC_SEQ_CST);
}

/* A call about a chunk begins: the words of its frames. */
static int pool_begin(struct direct_vcpu *v, hpa_t chunk, u64 **words)
{
	*words = word_find(v->direct, chunk >> PAGE_SHIFT);
	call_begin(v);
	v->refusal.mfn = (u32)(chunk >> PAGE_SHIFT);
	if (chunk % CHUNK_SIZE)
		return refuse(v, WHY_ARGUMENT);
	return *words ? 0 : refuse(v, WHY_FOREIGN);
}

int direct_pool_add(struct direct_vcpu *v, hpa_t chunk)
{
	u64 *words;
	int error = pool_begin(v, chunk, &words);

	if (error)
		return error;
	if (word_load(words) & WORD_POOL)
		return refuse(v, WHY_POOL);
	for (u32 i = 0; i < DIRECT_ENTRIES; i++) {
		error = pool_take(v, &words[i]);
		if (error) {
			v->refusal.mfn += i;
			pool_leave(words, i);
			return error;
		}
	}
	return 0;
}

int direct_pool_remove(struct direct_vcpu *v, hpa_t chunk)
{
	u64 *words;
	int error = pool_begin(v, chunk, &words);

	if (error)
		return error;
	for (u32 i = 0; i < DIRECT_ENTRIES; i++) {
		if (word_type(word_load(&words[i])) != TYPE_NONE) {
			v->refusal.mfn += i;
			return refuse(v, WHY_REFERENCED);
		}
	}
	pool_leave(words, DIRECT_ENTRIES);
	return 0;
}
