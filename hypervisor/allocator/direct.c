/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging of a domain as a whole: the words of its frames, a page for each of its chunks,
 * found by machine chunk; and its end. A page of words stays until the end even if the domain gave
 * the chunk back, since another CPU may be looking at it: its words say GONE then.
 *
 * Limit: a domain that keeps giving chunks back and taking others leaves 4 KiB behind for each
 * machine chunk that it ever had, until it ends.
 */
#include "allocator/direct_internal.h"
#include "allocator/frames.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "pv_abi.h"

_Static_assert(sizeof(struct direct) <= PAGE_SIZE, "struct direct is a frame");
_Static_assert(sizeof(struct direct_vcpu) * DIRECT_VCPUS_MAX <= PAGE_SIZE, "vCPUs are a frame");
_Static_assert(DIRECT_DIRECTORY *DIRECT_ENTRIES == FRAMES_CHUNKS_MAX, "all machine memory");

int direct_init(struct direct *d, const struct direct_ops *ops, void *context,
		const struct direct_limits *limits, u32 vcpus)
{
	BUG_ON(!vcpus || vcpus > DIRECT_VCPUS_MAX);
	BUG_ON(limits->physical_bits < 32 || limits->physical_bits > 52);
	d->ops = ops;
	d->context = context;
	d->limits = *limits;
	d->clock = 1;
	d->vcpus = frame_alloc();
	if (!d->vcpus)
		return -PV_ENOMEM;
	d->vcpu_count = vcpus;
	for (u32 i = 0; i < vcpus; i++) {
		d->vcpus[i].direct = d;
		d->vcpus[i].id = i;
	}
	return 0;
}

/* References need not be given back one by one: whoever had them ends with the domain. */
int direct_destroy(struct direct *d, u32 *units)
{
	for (u32 i = 0; i < DIRECT_DIRECTORY; i++) {
		u64 **chunks = d->directory[i];

		if (!chunks)
			continue;
		if (!*units)
			return DIRECT_MORE;
		--*units;
		for (u32 n = 0; n < DIRECT_ENTRIES; n++)
			frame_free(chunks[n]);
		frame_free(chunks);
		d->directory[i] = NULL;
	}
	frame_free(d->vcpus);
	d->vcpus = NULL;
	d->vcpu_count = 0;
	return 0;
}

int direct_chunk_add(struct direct *d, hpa_t chunk)
{
	u64 n = chunk >> CHUNK_SHIFT, **chunks, *words;

	BUG_ON(chunk % CHUNK_SIZE || n >= FRAMES_CHUNKS_MAX);
	chunks = d->directory[n / DIRECT_ENTRIES];
	if (!chunks) {
		chunks = frame_alloc();
		if (!chunks)
			return -PV_ENOMEM;
		__atomic_store_n(&d->directory[n / DIRECT_ENTRIES], chunks, __ATOMIC_RELEASE);
	}
	words = chunks[n % DIRECT_ENTRIES];
	if (words) { /* it had the chunk before */
		BUG_ON(word_type(word_load(words)) != TYPE_GONE);
		for (u32 i = 0; i < DIRECT_ENTRIES; i++)
			__atomic_store_n(&words[i], 0, __ATOMIC_SEQ_CST);
		return 0;
	}
	words = frame_alloc();
	if (!words)
		return -PV_ENOMEM; /* the page of the directory stays for the next one */
	__atomic_store_n(&chunks[n % DIRECT_ENTRIES], words, __ATOMIC_RELEASE);
	return 0;
}

#define WORD_RELEASING ((u64)TYPE_GONE << WORD_TYPE_SHIFT | WORD_LOCKED)

static bool word_release(u64 *word)
{
	u64 old = word_load(word);

	do {
		if (word_type(old) != TYPE_NONE || word_reads(old) || (old & WORD_POOL))
			return false;
	} while (!word_replace(word, &old, old | WORD_RELEASING));
	return true;
}

/* What it was is still in the word. */
static void words_restore(u64 *words, u32 count)
{
	while (count)
		__atomic_fetch_and(&words[--count], ~WORD_RELEASING, __ATOMIC_SEQ_CST);
}

/*
 * Nothing refers to the frames and nothing will, but all vCPUs may have translations of them, for
 * reading too: those have no stamps, so all vCPUs are flushed.
 */
int direct_chunk_release(struct direct_vcpu *v, hpa_t chunk)
{
	struct direct *d = v->direct;
	u64 *words = word_find(d, chunk >> PAGE_SHIFT), begun;

	call_begin(v);
	v->refusal.mfn = (u32)(chunk >> PAGE_SHIFT);
	if (chunk % CHUNK_SIZE)
		return refuse(v, WHY_ARGUMENT);
	if (!words || word_type(word_load(words)) == TYPE_GONE)
		return refuse(v, WHY_FOREIGN);
	for (u32 i = 0; i < DIRECT_ENTRIES; i++) {
		if (!word_release(&words[i])) {
			words_restore(words, i);
			v->refusal.mfn += i;
			return refuse(v, WHY_REFERENCED);
		}
	}
	begun = direct_flush_begin(d);
	if (!d->ops->flush(d->context, v->id, direct_all_vcpus(d))) {
		words_restore(words, DIRECT_ENTRIES);
		return refuse(v, WHY_FLUSH);
	}
	for (u32 i = 0; i < d->vcpu_count; i++)
		direct_flush_done(&d->vcpus[i], begun);
	for (u32 i = 0; i < DIRECT_ENTRIES; i++)
		__atomic_fetch_and(&words[i], ~WORD_LOCKED, __ATOMIC_SEQ_CST);
	return 0;
}
