/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine memory: three bitmaps say of each 2 MiB chunk whether it exists, is free, or is the
 * pool's; guests get free chunks from the bottom, the pool takes its own from the top of the low 4
 * GiB, so neither breaks the other's contiguity. The first frame of a pool chunk describes the
 * other 511, hence a frame finds its descriptor by its address. One lock guards everything. A chunk
 * is always in exactly one state (free, pool, a guest's); the pool never gives a chunk back, since
 * it has no way to unmap one.
 */
#include "allocator/frames.h"
#include "lib/lib.h"
#include "lib/spinlock.h"
#include "machine/machine.h"

#define LOW_CHUNKS ((u32)(BIT(32) >> CHUNK_SHIFT))
#define FRAMES_PER_CHUNK 512u
#define WORDS(bits) ((bits) / 64)

/* Lies in frame 0 of each pool chunk. */
struct pool_chunk {
	struct pool_chunk *previous, *next; /* in the list of chunks that have free frames */
	u32 free_count;
	u64 free[WORDS(FRAMES_PER_CHUNK)]; /* bit 0 is the descriptor and never set */
};

static u64 exists[WORDS(FRAMES_CHUNKS_MAX)];
static u64 is_free[WORDS(FRAMES_CHUNKS_MAX)];
static u64 is_pool[WORDS(FRAMES_CHUNKS_MAX)];

static struct {
	spinlock_t lock;
	void (*map)(hpa_t chunk, u64 bytes);
	struct pool_chunk *partial; /* head of the list */
	bool growing; /* a CPU has taken a chunk and is mapping it without the lock */
	u32 lowest_free; /* no chunk below is free */
	struct frames_stats stats;
} frames;

static bool test(const u64 *bitmap, u32 n)
{
	return bitmap[n / 64] >> (n % 64) & 1;
}

static void set(u64 *bitmap, u32 n)
{
	bitmap[n / 64] |= BIT(n % 64);
}

static void clear(u64 *bitmap, u32 n)
{
	bitmap[n / 64] &= ~BIT(n % 64);
}

/* First chunk >= n that is set in the bitmap, or FRAMES_CHUNKS_MAX. */
static u32 next_set(const u64 *bitmap, u32 n)
{
	while (n < FRAMES_CHUNKS_MAX) {
		u64 word = bitmap[n / 64] >> (n % 64);

		if (word)
			return n + (u32)__builtin_ctzll(word);
		n = (n / 64 + 1) * 64;
	}
	return FRAMES_CHUNKS_MAX;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void chunk_take(u32 n)
{
	clear(is_free, n);
	frames.stats.chunks_free--;
}

/* Last free chunk below `end`, or 0: chunk 0 is never ours. */
static u32 last_free_below(u32 end)
{
	for (u32 n = end - 1; n; n--) {
		if (test(is_free, n))
			return n;
	}
	return 0;
}

static hpa_t alloc_run_locked(u32 chunks, u32 align)
{
	u32 start = frames.lowest_free, length = 0;

	while (length < chunks) {
		if (length == 0) {
			start = next_set(is_free, start);
			if (start == FRAMES_CHUNKS_MAX)
				return 0;
			if (start % align) {
				start = ALIGN_UP(start, align);
				continue;
			}
		}
		if (chunks > FRAMES_CHUNKS_MAX - start)
			return 0;
		if (test(is_free, start + length)) {
			length++;
		} else {
			start += length + 1;
			length = 0;
		}
	}
	for (u32 n = start; n < start + chunks; n++)
		chunk_take(n);
	frames.lowest_free = next_set(is_free, frames.lowest_free);
	return (hpa_t)start << CHUNK_SHIFT;
}

hpa_t chunk_alloc_run(u32 chunks, u32 align_chunks)
{
	hpa_t run;

	BUG_ON(!chunks || !align_chunks || (align_chunks & (align_chunks - 1)));
	spin_lock(&frames.lock);
	run = alloc_run_locked(chunks, align_chunks);
	spin_unlock(&frames.lock);
	return run;
}

hpa_t chunk_alloc(void)
{
	return chunk_alloc_run(1, 1);
}

void chunk_free(hpa_t chunk)
{
	u32 n = (u32)(chunk >> CHUNK_SHIFT);

	BUG_ON(chunk & (CHUNK_SIZE - 1) || chunk >> CHUNK_SHIFT >= FRAMES_CHUNKS_MAX);
	spin_lock(&frames.lock);
	BUG_ON(!test(exists, n) || test(is_free, n) || test(is_pool, n));
	set(is_free, n);
	frames.stats.chunks_free++;
	frames.lowest_free = min(frames.lowest_free, n);
	spin_unlock(&frames.lock);
}

/* ---- the pool -------------------------------------------------------------------------------- */

static void list_push(struct pool_chunk *chunk)
{
	chunk->previous = NULL;
	chunk->next = frames.partial;
	if (chunk->next)
		chunk->next->previous = chunk;
	frames.partial = chunk;
}

static void list_remove(struct pool_chunk *chunk)
{
	if (chunk->previous)
		chunk->previous->next = chunk->next;
	else
		frames.partial = chunk->next;
	if (chunk->next)
		chunk->next->previous = chunk->previous;
}

/* The chunk for the pool to take next, or 0: low memory from its top, else the lowest above 4 GiB.
 */
static u32 pool_candidate(void)
{
	u32 n = last_free_below(LOW_CHUNKS);

	if (!n) {
		n = next_set(is_free, LOW_CHUNKS);
		if (n == FRAMES_CHUNKS_MAX)
			return 0;
	}
	return n;
}

static void pool_add(u32 n)
{
	struct pool_chunk *chunk = (struct pool_chunk *)(uintptr_t)((u64)n << CHUNK_SHIFT);

	memset(chunk->free, 0xff, sizeof(chunk->free));
	chunk->free[0] &= ~BIT(0);
	chunk->free_count = FRAMES_PER_CHUNK - 1;
	list_push(chunk);
	frames.stats.pool_chunks++;
	frames.stats.pool_frames_free += FRAMES_PER_CHUNK - 1;
}

/*
 * Gets one more chunk. The lock is open while the chunk is mapped, because mapping allocates
 * frames: those come from the reserve, and `growing` keeps them (and other CPUs) from growing once
 * more.
 */
static void pool_grow_locked(void)
{
	u32 n = frames.map ? pool_candidate() : 0;

	if (!n)
		return; /* the reserve is given out to the last frame, then NULL */
	chunk_take(n);
	set(is_pool, n);
	frames.growing = true;
	spin_unlock(&frames.lock);
	frames.map((hpa_t)n << CHUNK_SHIFT, CHUNK_SIZE);
	spin_lock(&frames.lock);
	frames.growing = false;
	pool_add(n);
}

static void *take_frame_locked(void)
{
	struct pool_chunk *chunk = frames.partial;
	u32 word = 0, bit;

	if (!chunk)
		return NULL;
	while (!chunk->free[word])
		word++;
	bit = (u32)__builtin_ctzll(chunk->free[word]);
	chunk->free[word] &= ~BIT(bit);
	if (--chunk->free_count == 0)
		list_remove(chunk);
	frames.stats.pool_frames_free--;
	return (u8 *)chunk + (word * 64 + bit) * PAGE_SIZE;
}

void *frame_alloc(void)
{
	void *frame;

	spin_lock(&frames.lock);
	if (frames.stats.pool_frames_free < FRAMES_RESERVE && !frames.growing)
		pool_grow_locked();
	frame = take_frame_locked();
	spin_unlock(&frames.lock);
	if (frame)
		memset(frame, 0, PAGE_SIZE);
	return frame;
}

void frame_free(void *frame)
{
	u64 address = (uintptr_t)frame;
	u32 index = (u32)(address % CHUNK_SIZE / PAGE_SIZE);
	struct pool_chunk *chunk = (struct pool_chunk *)(uintptr_t)ALIGN_DOWN(address, CHUNK_SIZE);

	if (!frame)
		return;
	BUG_ON(address % PAGE_SIZE || !index || address >> CHUNK_SHIFT >= FRAMES_CHUNKS_MAX);
	spin_lock(&frames.lock);
	BUG_ON(!test(is_pool, (u32)(address >> CHUNK_SHIFT)) || test(chunk->free, index));
	set(chunk->free, index);
	if (chunk->free_count++ == 0)
		list_push(chunk);
	frames.stats.pool_frames_free++;
	spin_unlock(&frames.lock);
}

bool frames_pool_next(hpa_t *chunk)
{
	u64 first = (*chunk + CHUNK_SIZE - 1) >> CHUNK_SHIFT;
	u32 n = FRAMES_CHUNKS_MAX;

	spin_lock(&frames.lock);
	if (first < FRAMES_CHUNKS_MAX)
		n = next_set(is_pool, (u32)first);
	spin_unlock(&frames.lock);
	*chunk = (hpa_t)n << CHUNK_SHIFT;
	return n < FRAMES_CHUNKS_MAX;
}

/* ---- start and report ------------------------------------------------------------------------ */

static void add_range(const struct boot_range *range)
{
	u64 first = ALIGN_UP(range->start, CHUNK_SIZE) >> CHUNK_SHIFT;
	u64 end = min(range->end >> CHUNK_SHIFT, (u64)FRAMES_CHUNKS_MAX);

	/* 0 stands for "no chunk" throughout, and holds the firmware's memory anyway. */
	for (u64 n = max(first, 1ull); n < end; n++) {
		if (test(exists, (u32)n))
			continue;
		set(exists, (u32)n);
		set(is_free, (u32)n);
		frames.stats.chunks_total++;
		frames.stats.chunks_free++;
	}
}

void frames_init(const struct boot_info *boot, void (*map)(hpa_t chunk, u64 bytes))
{
	u32 first;

	memset(exists, 0, sizeof(exists));
	memset(is_free, 0, sizeof(is_free));
	memset(is_pool, 0, sizeof(is_pool));
	memset(&frames, 0, sizeof(frames));
	for (u32 i = 0; i < boot->ram_count; i++)
		add_range(&boot->ram[i]);
	first = last_free_below(LOW_CHUNKS);
	if (!first)
		panic("no free 2 MiB of memory below 4 GiB");
	chunk_take(first);
	set(is_pool, first);
	pool_add(first);
	frames.map = map;
}

struct frames_stats frames_stats(void)
{
	struct frames_stats stats;

	spin_lock(&frames.lock);
	stats = frames.stats;
	spin_unlock(&frames.lock);
	return stats;
}
