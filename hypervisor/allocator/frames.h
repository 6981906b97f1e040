/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns which machine memory. 2 MiB chunks belong to a domain or to the hypervisor's pool; the
 * pool gives out zeroed 4 KiB frames. Guest chunks are not mapped; pool chunks are, at their own
 * address. Never called on the exit path.
 */
#ifndef ALLOCATOR_FRAMES_H
#define ALLOCATOR_FRAMES_H

#include "lib/types.h"

struct boot_info;

/* Limit: machine memory above this is not used. It costs 16 KiB of bitmap per 256 GiB and state. */
#define FRAMES_CHUNKS_MAX 131072u /* 256 GiB */

/*
 * Takes all 2 MiB chunks that lie wholly in usable RAM, and the first of them for the pool, below
 * 4 GiB: that one must be accessible already (the boot page tables cover it). Panics if there is
 * none. map: called for every later chunk of the pool, before a frame of it is given out; it may
 * allocate frames itself (page tables), but fewer than FRAMES_RESERVE. NULL: the pool never grows.
 */
void frames_init(const struct boot_info *boot, void (*map)(hpa_t chunk, u64 bytes));
#define FRAMES_RESERVE 16u /* the pool grows when fewer are free, so that `map` finds some */

/* Zeroed; NULL when memory is out. */
void *frame_alloc(void);
void frame_free(void *frame); /* panics on a double free or a foreign address; NULL is allowed */

/* The lowest free chunk, so that a domain's memory is contiguous where it can be; 0 when memory is
 * out. Contents undefined: whoever was its owner, its data is still there. */
hpa_t chunk_alloc(void);
/* The lowest free run of `chunks` chunks aligned to `align_chunks` (a power of two), or 0. Each of
 * its chunks is freed by itself. With 512 chunks aligned to 512, one 1 GiB leaf maps it. */
hpa_t chunk_alloc_run(u32 chunks, u32 align_chunks);
void chunk_free(hpa_t chunk); /* panics on a double free or a foreign address */

/* The chunks of the pool in ascending order, for paging_init() to map: *chunk becomes the first one
 * at or above it; false if there is none. */
bool frames_pool_next(hpa_t *chunk);

struct frames_stats {
	u64 chunks_total, chunks_free, pool_chunks, pool_frames_free;
};
struct frames_stats frames_stats(void);

#endif
