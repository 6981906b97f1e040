/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain in direct paging for host tests: some chunks of memory, vCPUs with simulated TLBs and
 * paging-structure caches, and a slow model that knows only what calls succeeded. world_check()
 * counts all references from the tables' contents and compares them with every word, and looks for
 * translations that must not exist, following everything that a vCPU has cached.
 */
#ifndef TESTS_UNIT_DIRECT_WORLD_H
#define TESTS_UNIT_DIRECT_WORLD_H

#include "allocator/direct.h"
#include "allocator/direct_internal.h"

#define VCPUS 3u
#define CHUNK_FIRST 3u
#define CHUNKS 6u /* in memory: 3 to 8 */
#define CHUNK_POOL 5u /* of the tests that want one */
#define CHUNK_SPARE 6u /* given back and taken again */
#define CHUNK_FOREIGN 8u /* machine memory of somebody else */
#define ACTIVE 12u /* frames of each chunk, and entries of each table, that the tests use */
#define SLOTS 8u
#define FRAMES (CHUNKS * ACTIVE)
#define PHYSICAL_BITS 40u

#define P ENTRY_PRESENT
#define W ENTRY_WRITE
#define U BIT(2)
#define A ENTRY_ACCESSED
#define D ENTRY_DIRTY
#define NX ENTRY_NO_EXECUTE

extern const u16 slot_index[SLOTS];

struct sim_translation {
	bool valid, write;
	u16 va; /* slots of L4, L3, L2, L1: 3 bits each, from the top */
	u8 level; /* 0: a leaf; else the level of the table it leads to */
	u32 mfn;
};
#define CACHED 16u
struct sim_vcpu {
	struct sim_translation cache[CACHED];
	u32 next;
};

struct model_frame {
	u8 level; /* table, if not 0 */
	bool partial;
	u32 holds;
};

struct world {
	struct direct *d;
	u8 *memory;
	struct sim_vcpu sim[VCPUS];
	struct model_frame frames[FRAMES];
	bool present[CHUNKS], pool[CHUNKS];
	unsigned flushes, flushed_vcpus; /* asked for so far; in how many vCPUs */
	unsigned flush_fails; /* one in so many; 0: never */
	bool flush_failed;
	u64 seed;
	void (*meanwhile)(u32 caller); /* what others do while a call is under way */
	u64 errors;
};
extern struct world world;

#define MFN(chunk, n) ((chunk)*512u + (n))
#define ID(chunk, n) (((chunk)-CHUNK_FIRST) * ACTIVE + (n))
u32 id_mfn(unsigned id);
int mfn_id(u64 mfn); /* -1: none of ours */
u64 *frame_at(u32 mfn);
static inline u64 *entry_at(u32 mfn, unsigned slot)
{
	return &frame_at(mfn)[slot_index[slot]];
}
static inline hpa_t entry_address(u32 mfn, unsigned index)
{
	return (u64)mfn * PAGE_SIZE + index * 8ull;
}
static inline u64 entry_make(u32 mfn, u64 bits)
{
	return (u64)mfn << PAGE_SHIFT | bits;
}
u64 word_of(u32 mfn);
struct direct_vcpu *vcpu(unsigned id);

/* Chunks 3, 4, 5, 6 are the domain's. */
void world_begin(u64 seed);
void world_add_chunk(unsigned chunk);
void world_end(void); /* in steps; nothing may be left */

/*
 * A memory access by a vCPU: uses and fills its caches, sets A and D. The frame, or 0 on a fault.
 */
u32 sim_access(unsigned cpu, u32 root, u16 va, bool write);
void sim_flush(unsigned cpu);
void sim_flush_page(unsigned cpu, u16 va);

/* What the model says: may this entry stand in a table of this level? */
bool model_may_stand(unsigned level, u64 entry);

/* A vCPU can read, or write, this frame: may it? */
void reach_leaf(u32 mfn, bool write);

/* Caches only: also while a call is under way. Both count errors and print the first. */
bool world_check_caches(void);
bool world_check(void);
void world_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
