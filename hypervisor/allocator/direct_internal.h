/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of direct paging share: the validator, words, and references. */
#ifndef ALLOCATOR_DIRECT_INTERNAL_H
#define ALLOCATOR_DIRECT_INTERNAL_H

#include "allocator/direct.h"
#include "allocator/direct_word.h"
#include "lib/types.h"

/* SDM vol. 3 "4-Level Paging", APM vol. 2 "Long-Mode Page Translation". */
#define ENTRY_PRESENT BIT(0)
#define ENTRY_WRITE BIT(1)
#define ENTRY_WRITE_THROUGH BIT(3)
#define ENTRY_CACHE_DISABLE BIT(4)
#define ENTRY_ACCESSED BIT(5)
#define ENTRY_DIRTY BIT(6)
#define ENTRY_LARGE BIT(7) /* in an L1 entry: the PAT bit */
#define ENTRY_GLOBAL BIT(8)
#define ENTRY_NO_EXECUTE BIT(63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ENTRY_CPU (ENTRY_ACCESSED | ENTRY_DIRTY) /* bits that the CPU sets by itself */

#define ATTEMPTS_MAX 64u /* of a cmpxchg that others disturb, before -EAGAIN */

/* A reference that an entry makes: to which frame, as what. TYPE_NONE: none. */
struct reference {
	u32 mfn;
	u8 type;
};

/* The one validator. Bits alone: WHY_NOTHING, or what is wrong. */
unsigned entry_check(const struct direct_limits *limits, unsigned level, u64 entry);
/* Of an entry that passed the check. */
struct reference entry_reference(unsigned level, u64 entry);
/* Check and reference in one, the only way in which an entry gets one. */
int entry_get(struct direct_vcpu *v, unsigned level, u64 entry);
void entry_put(struct direct *d, unsigned level, u64 entry);

static inline u64 entry_load(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_SEQ_CST);
}

/* NULL: the frame is not, and never was, the domain's. */
u64 *word_find(const struct direct *d, u64 mfn);

static inline u64 word_load(const u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static inline bool word_replace(u64 *word, u64 *old, u64 new)
{
	return __atomic_compare_exchange_n(word, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Begins a public call. */
static inline void call_begin(struct direct_vcpu *v)
{
	v->flushes_left = DIRECT_FLUSHES_MAX;
	v->refusal = (struct direct_refusal){ 0 };
}

/* Notes and counts the cause; returns its errno, negative. */
int refuse(struct direct_vcpu *v, unsigned why);

int frame_get(struct direct_vcpu *v, u64 mfn, unsigned type);
void frame_put(struct direct *d, u64 mfn, unsigned type);
/* A frame that is nothing becomes a table that is LOCKED, with no entry counted. */
int frame_claim(struct direct_vcpu *v, u64 mfn, unsigned level, u64 **word);
/* The flush before a frame that is nothing gets a type: 0: not needed, 1: made, look again. */
int frame_settle(struct direct_vcpu *v, u64 word, unsigned type);
u64 direct_clock(const struct direct *d);
u64 direct_all_vcpus(const struct direct *d);

#endif
