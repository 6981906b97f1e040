/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The word of a machine frame in direct paging: what the frame is now, how often it is referred to
 * as that, and what it was before. Pure: who changes a word is direct_frame.c and direct_table.c,
 * always by one cmpxchg of a value that a function of this file made.
 */
#ifndef ALLOCATOR_DIRECT_WORD_H
#define ALLOCATOR_DIRECT_WORD_H

#include "lib/types.h"

/* Tables have their level as number. */
enum frame_type {
	TYPE_NONE, /* may be read by anybody in the domain, and become anything */
	TYPE_L1,
	TYPE_L2,
	TYPE_L3,
	TYPE_L4,
	TYPE_WRITABLE, /* mapped writable, or held by the hypervisor to write to it */
	TYPE_GONE, /* not the domain's (any more) */
	TYPE_READ, /* never in a word: a reference that only reads, possible beside every type */
};
#define LEVEL_TOP 4u

/*
 * 25:0   count: typed references while the type is a table or writable (a table's pin is one);
 *        entries done while PARTIAL; the flush clock when the last reference went, while NONE
 * 51:26  reads: references that only read
 * 54:52  type
 * 57:55  while NONE or GONE: the type before, if translations of that time may be cached
 * 61:58  flags
 */
#define WORD_COUNT_MAX (BIT(26) - 1)
#define WORD_READ_ONE BIT(26)
#define WORD_TYPE_SHIFT 52
#define WORD_WAS_SHIFT 55
#define WORD_PARTIAL BIT(58) /* a table of which only `count` entries hold their references */
#define WORD_LOCKED BIT(59) /* with PARTIAL or GONE: a CPU works on it */
#define WORD_POOL BIT(60) /* of a table pool: never writable */
#define WORD_FOUND BIT(61) /* activation: referred to, but not looked at yet */

static inline u64 word_count(u64 word)
{
	return word & WORD_COUNT_MAX;
}

static inline u64 word_reads(u64 word)
{
	return word >> 26 & WORD_COUNT_MAX;
}

static inline unsigned word_type(u64 word)
{
	return word >> WORD_TYPE_SHIFT & 7;
}

static inline unsigned word_was(u64 word)
{
	return word >> WORD_WAS_SHIFT & 7;
}

static inline bool type_is_table(unsigned type)
{
	return type >= TYPE_L1 && type <= TYPE_L4;
}

/* Everything anew but the readers and the pool, which no change of type touches. */
static inline u64 word_retype(u64 word, unsigned type, u64 count, u64 flags)
{
	return (word & (WORD_COUNT_MAX << 26 | WORD_POOL)) | (u64)type << WORD_TYPE_SHIFT | flags |
	       count;
}

/* Nothing now; it was `was` until `clock`. */
static inline u64 word_vacate(u64 word, unsigned was, u64 clock)
{
	return word_retype(word, TYPE_NONE, clock & WORD_COUNT_MAX, (u64)was << WORD_WAS_SHIFT);
}

/*
 * When the last reference went, on the whole clock. Only its low bits are kept: of the times that
 * they can mean this is the latest, so a word that waited for a round of the clock costs a flush
 * that was not needed, and never saves one that was.
 */
static inline u64 word_stamp(u64 word, u64 clock)
{
	return clock - ((clock - word) & WORD_COUNT_MAX);
}

#endif
