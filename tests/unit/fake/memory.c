/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and chunks of the fake machine, each an allocation of its own so that the sanitizer sees
 * every overrun. Who is still out is remembered, for what a panic left behind.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/frames.h"
#include "fake/hardware.h"
#include "machine/machine.h"

#define ALLOCATIONS_MAX 4096u

u32 fake_chunks_left = 64;

static void *allocations[ALLOCATIONS_MAX];
static unsigned used;

static void *take(size_t align, size_t bytes)
{
	void *memory = aligned_alloc(align, bytes);

	if (!memory || used == ALLOCATIONS_MAX)
		abort();
	allocations[used++] = memory;
	return memory;
}

static void give_back(void *memory)
{
	unsigned i = used;

	while (i && allocations[i - 1] != memory)
		i--;
	if (!i)
		panic("%p was never given out", memory);
	allocations[i - 1] = allocations[--used];
	free(memory);
}

void fake_memory_free(void)
{
	while (used)
		free(allocations[--used]);
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
	fake_chunks_left -= chunks;
	return (hpa_t)take(align_chunks * CHUNK_SIZE, chunks * CHUNK_SIZE);
}

hpa_t chunk_alloc(void)
{
	return chunk_alloc_run(1, 1);
}

void chunk_free(hpa_t chunk)
{
	give_back((void *)chunk);
	fake_chunks_left++;
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
	return (void *)frame;
}

void window_unmap(struct cpu *cpu, unsigned slot)
{
	(void)cpu;
	(void)slot;
}
