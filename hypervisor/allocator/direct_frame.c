/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References on frames, and the flush between two lives of a frame. A word changes by one cmpxchg,
 * so CPUs need no lock and a call that fails has nothing to give back.
 *
 * Flushes: the clock counts them; each begins by advancing it. The last typed reference to go
 * leaves the clock's value in the word, read after the entry was out of its table. A vCPU whose
 * last full flush began later holds nothing of it; only the others are flushed, and only when the
 * frame becomes something else than it was.
 */
#include "allocator/direct_internal.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "pv_abi.h"

static const struct {
	const char *name;
	int error;
} whys[] = {
	[WHY_NOTHING] = { "nothing", 0 },
	[WHY_HIDDEN_ADDRESS] = { "entry that is not present has an address", PV_EINVAL },
	[WHY_RESERVED] = { "reserved bit", PV_EINVAL },
	[WHY_LARGE] = { "large page", PV_EINVAL },
	[WHY_MEMORY_TYPE] = { "memory type other than write-back", PV_EINVAL },
	[WHY_NO_EXECUTE] = { "no-execute bit without the feature", PV_EINVAL },
	[WHY_FOREIGN] = { "frame is not the domain's", PV_EFAULT },
	[WHY_LEVEL] = { "frame is no table of the level below", PV_EINVAL },
	[WHY_TABLE] = { "page table would become writable", PV_EBUSY },
	[WHY_WRITABLE] = { "frame is mapped writable", PV_EBUSY },
	[WHY_POOL] = { "frame of a table pool would become writable", PV_EBUSY },
	[WHY_COUNT] = { "too many references", PV_EBUSY },
	[WHY_UNFINISHED] = { "table is not complete", PV_EBUSY },
	[WHY_REFERENCED] = { "something refers to the frame", PV_EBUSY },
	[WHY_NO_TABLE] = { "frame is no table", PV_EINVAL },
	[WHY_IS_TABLE] = { "frame is a table already", PV_EEXIST },
	[WHY_OTHER_LEVEL] = { "frame is a table of another level", PV_EBUSY },
	[WHY_ARGUMENT] = { "argument", PV_EINVAL },
	[WHY_FLUSH] = { "a vCPU did not flush in time", PV_EAGAIN },
	[WHY_RACE] = { "another vCPU changes the same", PV_EAGAIN },
	[WHY_MEMORY] = { "no memory for frame words", PV_ENOMEM },
};

const char *direct_why_name(unsigned why)
{
	return why < ARRAY_SIZE(whys) ? whys[why].name : "unknown";
}

int refuse(struct direct_vcpu *v, unsigned why)
{
	v->refusal.why = (u8)why;
	__atomic_fetch_add(&v->direct->refused[why], 1, __ATOMIC_RELAXED);
	return -whys[why].error;
}

u64 *word_find(const struct direct *d, u64 mfn)
{
	u64 chunk = mfn / DIRECT_ENTRIES, **chunks, *words;

	if (chunk >= (u64)DIRECT_DIRECTORY * DIRECT_ENTRIES)
		return NULL;
	chunks = __atomic_load_n(&d->directory[chunk / DIRECT_ENTRIES], __ATOMIC_ACQUIRE);
	if (!chunks)
		return NULL;
	words = __atomic_load_n(&chunks[chunk % DIRECT_ENTRIES], __ATOMIC_ACQUIRE);
	return words ? &words[mfn % DIRECT_ENTRIES] : NULL;
}

/* ---- flushes --------------------------------------------------------------------------------- */

u64 direct_clock(const struct direct *d)
{
	return __atomic_load_n(&d->clock, __ATOMIC_SEQ_CST);
}

u64 direct_all_vcpus(const struct direct *d)
{
	return d->vcpu_count == 64 ? ~0ull : BIT(d->vcpu_count) - 1;
}

u64 direct_flush_begin(struct direct *d)
{
	return __atomic_add_fetch(&d->clock, 1, __ATOMIC_SEQ_CST);
}

/* Two may report at once: the later flush stands. */
void direct_flush_done(struct direct_vcpu *v, u64 begun)
{
	u64 old = word_load(&v->flushed_at);

	while (old < begun && !word_replace(&v->flushed_at, &old, begun))
		;
}

static u64 stale_vcpus(const struct direct *d, u64 word)
{
	u64 stamp = word_stamp(word, direct_clock(d)), vcpus = 0;

	for (u32 i = 0; i < d->vcpu_count; i++) {
		if (word_load(&d->vcpus[i].flushed_at) <= stamp)
			vcpus |= BIT(i);
	}
	return vcpus;
}

static bool flush(struct direct_vcpu *v, u64 vcpus)
{
	struct direct *d = v->direct;
	u64 begun = direct_flush_begin(d);

	if (!d->ops->flush(d->context, v->id, vcpus))
		return false;
	for (u32 i = 0; i < d->vcpu_count; i++) {
		if (vcpus & BIT(i))
			direct_flush_done(&d->vcpus[i], begun);
	}
	return true;
}

/*
 * A table that was writable could still be written; one that was a table of another level, or is to
 * be writable, could still be walked as what it was, and get A and D bits. The same type again
 * gives nobody anything that was not checked for it.
 */
int frame_settle(struct direct_vcpu *v, u64 word, unsigned type)
{
	unsigned was = word_was(word);
	u64 vcpus;

	if (word_type(word) != TYPE_NONE || was == TYPE_NONE || was == type)
		return 0;
	vcpus = stale_vcpus(v->direct, word);
	if (!vcpus)
		return 0;
	if (!v->flushes_left)
		return refuse(v, WHY_FLUSH);
	v->flushes_left--;
	return flush(v, vcpus) ? 1 : refuse(v, WHY_FLUSH);
}

/* ---- references ------------------------------------------------------------------------------ */

/* The word with one more reference of this type; or why not. */
static unsigned word_take(u64 word, unsigned type, u64 *new)
{
	unsigned is = word_type(word);

	if (is == TYPE_GONE)
		return word & WORD_LOCKED ? WHY_RACE : WHY_FOREIGN;
	if (type == TYPE_READ) {
		*new = word + WORD_READ_ONE;
		return word_reads(word) == WORD_COUNT_MAX ? WHY_COUNT : WHY_NOTHING;
	}
	if (is == type) {
		if (word & (WORD_PARTIAL | WORD_FOUND))
			return WHY_UNFINISHED;
		*new = word + 1;
		return word_count(word) == WORD_COUNT_MAX ? WHY_COUNT : WHY_NOTHING;
	}
	if (type != TYPE_WRITABLE)
		return WHY_LEVEL;
	if (is != TYPE_NONE)
		return WHY_TABLE;
	*new = word_retype(word, TYPE_WRITABLE, 1, 0);
	return word & WORD_POOL ? WHY_POOL : WHY_NOTHING;
}

int frame_get(struct direct_vcpu *v, u64 mfn, unsigned type)
{
	u64 *word = word_find(v->direct, mfn), old, new;

	v->refusal.mfn = (u32)mfn;
	if (!word)
		return refuse(v, WHY_FOREIGN);
	for (u32 i = 0; i < ATTEMPTS_MAX; i++) {
		unsigned why;

		old = word_load(word);
		why = word_take(old, type, &new);
		if (why)
			return refuse(v, why);
		if (type != TYPE_READ) {
			int settled = frame_settle(v, old, type);

			if (settled < 0)
				return settled;
			if (settled > 0)
				continue;
		}
		if (word_replace(word, &old, new))
			return 0;
	}
	return refuse(v, WHY_RACE);
}

/*
 * The clock is read after the word: who saw it take the count from 2 to 1 had its entry out of the
 * table before, so the time left behind by the last one is late enough for all of them.
 */
void frame_put(struct direct *d, u64 mfn, unsigned type)
{
	u64 *word = word_find(d, mfn), old, new;

	BUG_ON(!word);
	old = word_load(word);
	do {
		if (type == TYPE_READ) {
			BUG_ON(!word_reads(old));
			new = old - WORD_READ_ONE;
		} else {
			BUG_ON(word_type(old) != type || !word_count(old));
			/* A table's last reference is its pin, and that ends by unpinning. */
			BUG_ON(type != TYPE_WRITABLE && word_count(old) == 1);
			new = word_count(old) > 1 ? old - 1 :
						    word_vacate(old, type, direct_clock(d));
		}
	} while (!word_replace(word, &old, new));
}

/* Why a frame of this type cannot become a table of `level`. */
static unsigned word_claimable(u64 word, unsigned level)
{
	unsigned is = word_type(word);

	if (is == TYPE_NONE)
		return WHY_NOTHING;
	if (word & WORD_LOCKED)
		return WHY_RACE;
	if (is == TYPE_GONE)
		return WHY_FOREIGN;
	if (is == TYPE_WRITABLE)
		return WHY_WRITABLE;
	if (word & WORD_PARTIAL)
		return WHY_UNFINISHED;
	return is == level ? WHY_IS_TABLE : WHY_OTHER_LEVEL;
}

int frame_claim(struct direct_vcpu *v, u64 mfn, unsigned level, u64 **found)
{
	u64 *word = word_find(v->direct, mfn);

	v->refusal.mfn = (u32)mfn;
	if (!word)
		return refuse(v, WHY_FOREIGN);
	*found = word;
	for (u32 i = 0; i < ATTEMPTS_MAX; i++) {
		u64 old = word_load(word);
		unsigned why = word_claimable(old, level);
		int settled;

		if (why)
			return refuse(v, why);
		settled = frame_settle(v, old, level);
		if (settled < 0)
			return settled;
		if (settled == 0 &&
		    word_replace(word, &old,
				 word_retype(old, level, 0, WORD_PARTIAL | WORD_LOCKED)))
			return 0;
	}
	return refuse(v, WHY_RACE);
}

int direct_hold(struct direct_vcpu *v, u32 mfn)
{
	call_begin(v);
	return frame_get(v, mfn, TYPE_WRITABLE);
}

void direct_unhold(struct direct *d, u32 mfn)
{
	frame_put(d, mfn, TYPE_WRITABLE);
}

int direct_root_set(struct direct_vcpu *v, unsigned slot, u32 mfn)
{
	u32 old;
	int error;

	call_begin(v);
	if (slot >= DIRECT_ROOTS)
		return refuse(v, WHY_ARGUMENT);
	error = mfn ? frame_get(v, mfn, TYPE_L4) : 0;
	if (error)
		return error;
	old = v->roots[slot];
	v->roots[slot] = mfn;
	if (old)
		frame_put(v->direct, old, TYPE_L4);
	return 0;
}
