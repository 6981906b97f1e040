/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of entries in tables that are in use: one, a run of them, and copy on write. The order is
 * always the same: reference for the new value, cmpxchg of the entry, reference of the old value
 * back. So whatever fails, and wherever a batch ends, each entry in a table has exactly its
 * references. While it works a call holds a reference on the table itself, so nobody takes that
 * apart.
 */
#include "allocator/direct_internal.h"
#include "pv_abi.h"

struct open_table {
	u32 mfn;
	unsigned level;
	u64 *entries;
};

static int table_open(struct direct_vcpu *v, hpa_t at, struct open_table *t)
{
	const struct direct *d = v->direct;
	u64 *word = word_find(d, at >> PAGE_SHIFT);
	int error;

	v->refusal.mfn = (u32)(at >> PAGE_SHIFT);
	v->refusal.index = at % PAGE_SIZE / sizeof(u64);
	if (at % sizeof(u64))
		return refuse(v, WHY_ARGUMENT);
	if (!word)
		return refuse(v, WHY_FOREIGN);
	t->mfn = (u32)(at >> PAGE_SHIFT);
	t->level = word_type(word_load(word));
	if (!type_is_table(t->level))
		return refuse(v, WHY_NO_TABLE);
	error = frame_get(v, t->mfn, t->level);
	if (error)
		return error;
	t->entries = d->ops->map(d->context, t->mfn);
	return 0;
}

static void table_close(struct direct_vcpu *v, struct open_table *t)
{
	struct direct *d = v->direct;

	d->ops->unmap(d->context, t->entries);
	frame_put(d, t->mfn, t->level);
}

static bool differs(const struct direct_change *change, u64 old)
{
	return change->has_expected && ((old ^ change->expected) & ~ENTRY_CPU);
}

/* 0: changed; change->old is what was there, in any case. */
static int entry_change(struct direct_vcpu *v, const struct open_table *t, unsigned index,
			struct direct_change *change)
{
	u64 *entry = &t->entries[index];

	for (u32 i = 0; i < ATTEMPTS_MAX; i++) {
		u64 old = entry_load(entry), new = (old & change->keep) | change->set;
		int error;

		change->old = old;
		if (differs(change, old))
			return DIRECT_DIFFERS;
		if (change->only_present && !(old & ENTRY_PRESENT))
			return 0;
		error = entry_get(v, t->level, new);
		if (error) {
			v->refusal.index = (u16)index;
			return error;
		}
		if (word_replace(entry, &old, new)) {
			entry_put(v->direct, t->level, old);
			return 0;
		}
		entry_put(v->direct, t->level, new);
	}
	return refuse(v, WHY_RACE);
}

int direct_change(struct direct_vcpu *v, hpa_t at, struct direct_change *change)
{
	struct open_table t;
	int error;

	call_begin(v);
	error = table_open(v, at, &t);
	if (error)
		return error;
	error = entry_change(v, &t, at % PAGE_SIZE / sizeof(u64), change);
	table_close(v, &t);
	return error;
}

int direct_range(struct direct_vcpu *v, hpa_t at, u32 entries, struct direct_change *change,
		 u32 *units, u32 *done)
{
	unsigned first = at % PAGE_SIZE / sizeof(u64);
	struct open_table t;
	int error;

	call_begin(v);
	*done = 0;
	if (!entries || entries > DIRECT_ENTRIES - first)
		return refuse(v, WHY_ARGUMENT);
	error = table_open(v, at, &t);
	if (error)
		return error;
	while (*done < entries && error >= 0) {
		if (*done % DIRECT_RANGE_PER_UNIT == 0) {
			if (!*units) {
				error = DIRECT_MORE;
				break;
			}
			--*units;
		}
		/* An entry that is not as expected is passed over. */
		error = entry_change(v, &t, first + *done, change);
		if (error >= 0)
			++*done;
	}
	table_close(v, &t);
	return error == DIRECT_DIFFERS ? 0 : error;
}

/* The old entry goes back, unless somebody has written to the entry meanwhile. */
static int cow_undo(struct direct_vcpu *v, const struct open_table *t, u64 *entry, u64 old)
{
	u64 empty = 0;

	if (!word_replace(entry, &empty, old))
		entry_put(v->direct, t->level, old);
	return refuse(v, WHY_FLUSH);
}

/*
 * Both references are held over the flush: the old one because it may have to go back, the new one
 * so that nothing can fail after it.
 */
static int cow_change(struct direct_vcpu *v, const struct open_table *t, u64 *entry,
		      struct direct_change *change, gva_t address, u64 vcpus)
{
	const struct direct *d = v->direct;
	u64 old = change->old, new = (old & change->keep) | change->set, empty = 0;
	int error = entry_get(v, t->level, new);

	if (error)
		return error;
	/* A and D may come in between: taken along as long as the rest is the same. */
	while (!word_replace(entry, &old, 0)) {
		if ((old ^ change->old) & ~ENTRY_CPU) {
			entry_put(v->direct, t->level, new);
			return refuse(v, WHY_RACE);
		}
	}
	change->old = old;
	if (!d->ops->flush_page(d->context, v->id, vcpus, address)) {
		entry_put(v->direct, t->level, new);
		return cow_undo(v, t, entry, old);
	}
	entry_put(v->direct, t->level, old);
	if (word_replace(entry, &empty, new))
		return 0;
	entry_put(v->direct, t->level, new);
	return refuse(v, WHY_RACE);
}

int direct_cow(struct direct_vcpu *v, hpa_t at, struct direct_change *change, gva_t address,
	       u64 vcpus)
{
	unsigned index = at % PAGE_SIZE / sizeof(u64);
	struct open_table t;
	int error;

	call_begin(v);
	if (vcpus & ~direct_all_vcpus(v->direct))
		return refuse(v, WHY_ARGUMENT);
	error = table_open(v, at, &t);
	if (error)
		return error;
	change->old = entry_load(&t.entries[index]);
	if (t.level != 1) /* the clear would leave a hole under a table in use */
		error = refuse(v, WHY_ARGUMENT);
	else if (differs(change, change->old))
		error = DIRECT_DIFFERS;
	else
		error = cow_change(v, &t, &t.entries[index], change, address, vcpus);
	table_close(v, &t);
	return error;
}
