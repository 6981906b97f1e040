/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and chunks of the fake machine, each an allocation of its own so that the sanitizer sees
 * every overrun. Who is still out is remembered, for what a panic left behind.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "allocator/frames.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "machine/machine.h"

#define ALLOCATIONS_MAX 4096u

u32 fake_chunks_left = 64;

static void *allocations[ALLOCATIONS_MAX];
static unsigned used;

/*
 * Single chunks are used again, because the host takes long to give and take 2 MiB; poisoned
 * meanwhile.
 */
#define SPARE_MAX 64u
static void *spare_chunks[SPARE_MAX], *single_chunks[ALLOCATIONS_MAX];
static unsigned spare, singles;

static void *take(size_t align, size_t bytes)
{
	void *memory = aligned_alloc(align, bytes);

	if (!memory || used == ALLOCATIONS_MAX)
		abort();
	allocations[used++] = memory;
	return memory;
}

static void *take_chunk(void)
{
	void *chunk;

	if (!spare) {
		chunk = take(CHUNK_SIZE, CHUNK_SIZE);
	} else {
		chunk = spare_chunks[--spare];
		ASAN_UNPOISON_MEMORY_REGION(chunk, CHUNK_SIZE);
		allocations[used++] = chunk;
	}
	single_chunks[singles++] = chunk;
	return chunk;
}

static void release(void *memory)
{
	unsigned i = singles;

	while (i && single_chunks[i - 1] != memory)
		i--;
	if (i)
		single_chunks[i - 1] = single_chunks[--singles];
	if (!i || spare == SPARE_MAX) {
		free(memory);
		return;
	}
	ASAN_POISON_MEMORY_REGION(memory, CHUNK_SIZE);
	spare_chunks[spare++] = memory;
}

static void give_back(void *memory)
{
	unsigned i = used;

	while (i && allocations[i - 1] != memory)
		i--;
	if (!i)
		panic("%p was never given out", memory);
	allocations[i - 1] = allocations[--used];
	release(memory);
}

void fake_memory_free(void)
{
	while (used)
		release(allocations[--used]);
	fake_chunks_left = 64;
}

void *frame_alloc(void)
{
	void *frame = take(PAGE_SIZE, PAGE_SIZE);

	memset(frame, 0, PAGE_SIZE);
	return frame;
}

void frame_free(void *frame)
{
	if (frame)
		give_back(frame);
}

hpa_t chunk_alloc_run(u32 chunks, u32 align_chunks)
{
	if (fake_chunks_left < chunks)
		return 0;
	if (chunks == 1)
		return chunk_alloc();
	fake_chunks_left -= chunks;
	return (hpa_t)take(align_chunks * CHUNK_SIZE, chunks * CHUNK_SIZE);
}

hpa_t chunk_alloc(void)
{
	if (!fake_chunks_left)
		return 0;
	fake_chunks_left--;
	return (hpa_t)take_chunk();
}

void chunk_free(hpa_t chunk)
{
	give_back((void *)chunk);
	fake_chunks_left++;
}

struct frames_stats frames_stats(void)
{
	return (struct frames_stats){ .chunks_free = fake_chunks_left,
				      .pool_frames_free = ALLOCATIONS_MAX - used };
}

void paging_map(hpa_t start, u64 bytes, u32 flags)
{
	(void)start;
	(void)bytes;
	(void)flags;
}

void paging_unmap(hpa_t start, u64 bytes)
{
	(void)start;
	(void)bytes;
}

void *window_map(struct cpu *cpu, unsigned slot, hpa_t frame)
{
	(void)cpu;
	(void)slot;
	/* Between two copies without a lock others may act. */
	if (!fake_locks_held && fake_unlocked)
		fake_unlocked();
	return (void *)frame;
}

void window_unmap(struct cpu *cpu, unsigned slot)
{
	(void)cpu;
	(void)slot;
}
