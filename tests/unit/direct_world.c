/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain and the simulated vCPUs of direct paging's tests; see direct_world.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct_world.h"
#include "fake/frames.h"
#include "tap.h"

struct world world;
const u16 slot_index[SLOTS] = { 0, 1, 127, 128, 255, 256, 384, 511 };

void world_complain(const char *format, ...)
{
	va_list args;

	if (world.errors++ >= 5)
		return;
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

u32 id_mfn(unsigned id)
{
	return MFN(CHUNK_FIRST + id / ACTIVE, id % ACTIVE);
}

int mfn_id(u64 mfn)
{
	u64 chunk = mfn / 512;

	if (chunk < CHUNK_FIRST || chunk >= CHUNK_FIRST + CHUNKS || mfn % 512 >= ACTIVE)
		return -1;
	return (int)ID(chunk, mfn % 512);
}

u64 *frame_at(u32 mfn)
{
	return (u64 *)(world.memory + (mfn - CHUNK_FIRST * 512ull) * PAGE_SIZE);
}

u64 word_of(u32 mfn)
{
	u64 *word = word_find(world.d, mfn);

	return word ? word_load(word) : (u64)TYPE_GONE << WORD_TYPE_SHIFT;
}

struct direct_vcpu *vcpu(unsigned id)
{
	return &world.d->vcpus[id];
}

/* ---- what the hypervisor's rest would serve -------------------------------------------------- */

static u64 *serve_map(void *context, u32 mfn)
{
	(void)context;
	return frame_at(mfn);
}

static void serve_unmap(void *context, u64 *table)
{
	(void)context;
	(void)table;
}

static bool fails(void)
{
	bool failed = world.flush_fails && rnd(&world.seed) % world.flush_fails == 0;

	world.flush_failed |= failed;
	return failed;
}

static bool serve_flush(void *context, u32 caller, u64 vcpus)
{
	bool failed = fails();

	(void)context;
	if (world.meanwhile)
		world.meanwhile(caller);
	world.flushes++;
	for (u32 i = 0; i < VCPUS; i++) {
		if ((vcpus & BIT(i)) && !(failed && i % 2)) {
			sim_flush(i);
			world.flushed_vcpus++;
		}
	}
	if (world.meanwhile)
		world.meanwhile(caller);
	return !failed;
}

static bool serve_flush_page(void *context, u32 caller, u64 vcpus, gva_t address)
{
	bool failed = fails();

	(void)context;
	for (u32 i = 0; i < VCPUS; i++) {
		if ((vcpus & BIT(i)) && !(failed && i % 2))
			sim_flush_page(i, (u16)address);
	}
	if (world.meanwhile)
		world.meanwhile(caller);
	return !failed;
}

static const struct direct_ops ops = {
	.map = serve_map,
	.unmap = serve_unmap,
	.flush = serve_flush,
	.flush_page = serve_flush_page,
};

/* ---- the world ------------------------------------------------------------------------------- */

void world_add_chunk(unsigned chunk)
{
	if (direct_chunk_add(world.d, (hpa_t)chunk << CHUNK_SHIFT))
		world_complain("chunk %u cannot be added", chunk);
	world.present[chunk - CHUNK_FIRST] = true;
}

void world_begin(u64 seed)
{
	static const struct direct_limits limits = { PHYSICAL_BITS, true, BIT(36) };
	u8 *memory = world.memory;

	if (!memory)
		memory = aligned_alloc(CHUNK_SIZE, CHUNKS * CHUNK_SIZE);
	world = (struct world){ .memory = memory, .seed = seed };
	for (unsigned id = 0; id < FRAMES; id++)
		memset(frame_at(id_mfn(id)), 0, PAGE_SIZE);
	world.d = calloc(1, sizeof(*world.d));
	if (direct_init(world.d, &ops, &world, &limits, VCPUS))
		world_complain("no memory");
	for (unsigned chunk = CHUNK_FIRST; chunk <= CHUNK_SPARE; chunk++)
		world_add_chunk(chunk);
}

void world_end(void)
{
	int result;

	do {
		u32 units = 1;

		result = direct_destroy(world.d, &units);
	} while (result == DIRECT_MORE);
	if (result || fake_frames_used)
		world_complain("%u frames are left after the end", fake_frames_used);
	free(world.d);
	world.d = NULL;
}

/* ---- simulated vCPUs ------------------------------------------------------------------------- */

void sim_flush(unsigned cpu)
{
	memset(world.sim[cpu].cache, 0, sizeof(world.sim[cpu].cache));
}

void sim_flush_page(unsigned cpu, u16 va)
{
	for (u32 i = 0; i < CACHED; i++) {
		struct sim_translation *t = &world.sim[cpu].cache[i];

		/* As INVLPG: the address, and all paging-structure caches. */
		if (t->level || t->va == (va & 0xfff))
			t->valid = false;
	}
}

static u16 prefix(u16 va, unsigned level)
{
	return va >> 3 * level & (0xfff >> 3 * level);
}

static void remember(unsigned cpu, u16 va, unsigned level, u32 mfn, bool write)
{
	struct sim_vcpu *sim = &world.sim[cpu];

	sim->cache[sim->next++ % CACHED] = (struct sim_translation){
		.valid = true, .write = write, .va = va, .level = (u8)level, .mfn = mfn
	};
}

/* The cached way that leads furthest: whatever root is loaded, since a CPU may keep what it has. */
static const struct sim_translation *recall(unsigned cpu, u16 va, bool write)
{
	const struct sim_translation *best = NULL;

	for (u32 i = 0; i < CACHED; i++) {
		const struct sim_translation *t = &world.sim[cpu].cache[i];

		if (!t->valid || prefix(t->va, t->level) != prefix(va, t->level))
			continue;
		if (t->level == 0 && write && !t->write)
			continue;
		if (!best || t->level < best->level)
			best = t;
	}
	return best;
}

u32 sim_access(unsigned cpu, u32 root, u16 va, bool write)
{
	const struct sim_translation *start = recall(cpu, va, write);
	unsigned level = start ? start->level : 4;
	u32 mfn = start ? start->mfn : root;

	for (; level; level--) {
		u64 *entry = entry_at(mfn, va >> 3 * (level - 1) & 7), old = *entry;

		if (!(old & P) || (write && !(old & W)))
			return 0;
		*entry = old | A | (level == 1 && write ? D : 0);
		mfn = (u32)((old & ENTRY_ADDRESS) >> PAGE_SHIFT);
		if (mfn_id(mfn) < 0) {
			world_complain("a walk leads to frame %#x", mfn);
			return 0;
		}
		remember(cpu, va, level - 1, mfn, level == 1 && (old & W));
	}
	return mfn;
}
