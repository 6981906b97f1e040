/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging: the guest's own page tables are what the MMU walks, so every change of one is
 * checked here. Always: a frame that is a page table is writable through no translation of any
 * vCPU, cached ones included. Any number of vCPUs may call at once, each with its own
 * direct_vcpu; no lock is held anywhere. Work is bounded by units, as in a batch.
 *
 * Results: 0, DIRECT_MORE (units ran out: the same call again goes on where it stopped), or -errno
 * with v->refusal saying what was wrong, and nothing changed unless said otherwise.
 */
#ifndef ALLOCATOR_DIRECT_H
#define ALLOCATOR_DIRECT_H

#include "lib/types.h"

struct p2m;

#define DIRECT_MORE 1
#define DIRECT_DIFFERS 2 /* the entry is not what was expected: left alone */
#define DIRECT_ROOTS 5u /* slot 0: what is loaded; 1 to 4: the CR3-target list */
#define DIRECT_VCPUS_MAX 64u
/* Id of a caller that is no vCPU of the domain; it has a struct direct_vcpu of its own. */
#define DIRECT_ENTRIES 512u

/* What one unit of work buys; a kick of a batch has 128. */
#define DIRECT_RANGE_PER_UNIT 64u /* entries changed */
#define DIRECT_PIN_PER_UNIT 128u /* entries of a table that gets or loses its references */
#define DIRECT_SCAN_PER_UNIT 512u /* frames looked at */
#define DIRECT_FLUSHES_MAX 4u /* flushes a call may wait for; beyond it returns -EAGAIN */

enum direct_why {
	WHY_NOTHING,
	WHY_HIDDEN_ADDRESS,
	WHY_RESERVED,
	WHY_LARGE,
	WHY_MEMORY_TYPE,
	WHY_NO_EXECUTE,
	WHY_FOREIGN,
	WHY_LEVEL,
	WHY_TABLE,
	WHY_WRITABLE,
	WHY_POOL,
	WHY_COUNT,
	WHY_UNFINISHED,
	WHY_REFERENCED,
	WHY_NO_TABLE,
	WHY_IS_TABLE,
	WHY_OTHER_LEVEL,
	WHY_ARGUMENT,
	WHY_FLUSH,
	WHY_RACE,
	WHY_MEMORY,
	WHY_COUNT_OF,
};
const char *direct_why_name(unsigned why);

struct direct_refusal {
	u32 mfn; /* frame that stands against it: of the call, or the one that the entry names */
	u16 index; /* of the entry, where there is one */
	u8 level; /* of the table */
	u8 why;
	u64 entry; /* value that was refused */
};

struct direct_limits { /* of the CPUs and the machine */
	unsigned physical_bits; /* MAXPHYADDR */
	bool no_execute; /* EFER.NXE is on */
	u64 memory_end; /* no memory at or above this machine address */
};

/* How the rest of the hypervisor, or a test, serves. */
struct direct_ops {
	/* A frame of guest memory, for the calling CPU, until unmap(). One at a time. */
	u64 *(*map)(void *context, u32 mfn);
	void (*unmap)(void *context, u64 *table);
	/*
	 * Returns when none of these vCPUs can use what it had cached: a running one has flushed
	 * everything, global entries and paging-structure caches included; another one will before
	 * its next instruction. false if one was not reached in time. Called with no lock held;
	 * must serve the caller's own requests while it waits.
	 */
	bool (*flush)(void *context, u32 caller, u64 vcpus);
	/* The same for the translation of one address. */
	bool (*flush_page)(void *context, u32 caller, u64 vcpus, gva_t address);
};

struct direct_vcpu {
	struct direct *direct;
	u32 id;
	u32 flushes_left;
	u64 flushed_at; /* everything cached before this time of the flush clock is gone */
	u32 roots[DIRECT_ROOTS]; /* frames it holds references on; 0: none */
	struct direct_refusal refusal; /* why the last call failed */
};

#define DIRECT_DIRECTORY 256u
struct direct { /* at most a frame */
	const struct direct_ops *ops;
	void *context;
	struct direct_limits limits;
	u32 vcpu_count;
	u64 clock; /* counts flushes begun */
	struct direct_vcpu *vcpus;
	u32 refused[WHY_COUNT_OF];
	u64 **directory[DIRECT_DIRECTORY]; /* by machine chunk: a page of 512 words each */
};

/* ---- the domain ------------------------------------------------------------------------------ */

/* `d` is zeroed memory. -PV_ENOMEM: nothing is left behind. */
int direct_init(struct direct *d, const struct direct_ops *ops, void *context,
		const struct direct_limits *limits, u32 vcpus);
/* Frees a bounded part; DIRECT_MORE until all is gone. Any state will do, but no vCPU runs. */
int direct_destroy(struct direct *d, u32 *units);

/* One at a time: the caller owns the domain's memory map. */
int direct_chunk_add(struct direct *d, hpa_t chunk);
/* The domain gives the chunk back: refused while anything refers to a frame of it. After this no
 * vCPU can read it any more. */
int direct_chunk_release(struct direct_vcpu *v, hpa_t chunk);

/* A flush that the hypervisor made for its own reasons spares one here. */
u64 direct_flush_begin(struct direct *d);
void direct_flush_done(struct direct_vcpu *v, u64 begun);

/* The hypervisor, or a device of its, writes to a frame: until the put it is no page table. */
int direct_hold(struct direct_vcpu *v, u32 mfn);
void direct_unhold(struct direct *d, u32 mfn);

/* ---- tables ---------------------------------------------------------------------------------- */

/* Makes a frame a table if all its entries may stand in one; 4 units. */
int direct_pin(struct direct_vcpu *v, u32 mfn, unsigned level, u32 *units);
/* The end of a table that nothing refers to any more, finished or half pinned; 4 units. TABLE_FREE
 * is the same. */
int direct_unpin(struct direct_vcpu *v, u32 mfn, u32 *units);
/* An empty table out of a frame of a pool, typed from birth. */
int direct_table_new(struct direct_vcpu *v, u32 mfn, unsigned level);
/* A chunk whose frames are mapped read-only for good becomes a pool; or ceases to be one, if it
 * holds no table. */
int direct_pool_add(struct direct_vcpu *v, hpa_t chunk);
int direct_pool_remove(struct direct_vcpu *v, hpa_t chunk);

/* The vCPU, and only it, gets another root (0: none) in a slot. The reference on the new one is
 * there before the old one's goes. */
int direct_root_set(struct direct_vcpu *v, unsigned slot, u32 mfn);

/* ---- entries --------------------------------------------------------------------------------- */

/*
 * What becomes of an entry: (old & keep) | set. A and D that the CPU sets meanwhile are not lost.
 */
struct direct_change {
	u64 keep, set;
	u64 expected; /* A and D are not compared */
	bool has_expected;
	bool only_present; /* leaves entries alone that are not */
	u64 old; /* result: the whole old entry */
};

/* at: machine address of an entry of a table. MMU_SET is keep = 0, exchange too. */
int direct_change(struct direct_vcpu *v, hpa_t at, struct direct_change *change);
/*
 * The same for a run of entries of one table. *done: how many are; DIRECT_MORE when units ran out
 * before the rest. After an error those before *done are changed.
 */
int direct_range(struct direct_vcpu *v, hpa_t at, u32 entries, struct direct_change *change,
		 u32 *units, u32 *done);
/*
 * Copy on write: the entry is cleared, the address is flushed on the vCPUs of the mask, the new
 * entry is set. If the flush fails the old entry is back. -PV_EAGAIN as well if another vCPU wrote
 * to the entry meanwhile: then what it wrote stands.
 */
int direct_cow(struct direct_vcpu *v, hpa_t at, struct direct_change *change, gva_t address,
	       u64 vcpus);

/* ---- activation ------------------------------------------------------------------------------ */

/*
 * The guest's tables still hold guest-physical addresses, it has one started vCPU, that is not
 * running, and nobody makes another call about the domain. First everything below the root is
 * checked and counted, while the guest's memory stays untouched; then the entries are rewritten to
 * machine addresses. Refused: destroy `direct`, and nothing was.
 */
struct direct_activation {
	struct direct_vcpu *v;
	const struct p2m *p2m;
	u32 root; /* machine frame */
	u32 level; /* tables looked at: 4 to 1, then 0: rewriting */
	u64 gfn; /* next frame to look at */
	u64 tables; /* found so far */
	bool begun;
};

/* 0: done, `root` may be loaded. */
int direct_activate(struct direct_activation *activation, gpa_t root, u32 *units);

#endif
