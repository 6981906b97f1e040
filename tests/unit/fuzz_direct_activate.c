/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Activation at random, for fuzz_direct.c: a tree with shared tables, now and then with an evil
 * entry or a frame that the hypervisor holds; the model says first whether it must be refused.
 * Some are killed on the way.
 */
#include <string.h>

#include "allocator/p2m.h"
#include "direct_world.h"
#include "fuzz_direct.h"
#include "tap.h"

#define TREE (2 * ACTIVE) /* frames that tables are taken from */
#define SHIFT 1u /* gfn of a frame: in another chunk than its machine frame */

static u32 frame_gfn(u32 mfn)
{
	return mfn + SHIFT * 512;
}

/* Tables as a guest has them before: a tree, some frames shared, with guest-physical addresses. */
static void build_guest(u32 mfn, unsigned level, unsigned *next)
{
	world.frames[mfn_id(mfn)].level = (u8)level;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		u32 target = any_frame();
		u64 flags = P | U;

		if (chance(2))
			continue;
		if (level > 1) {
			target = chance(2) ? any_table(level - 1) : 0;
			if (!target || world.frames[mfn_id(target)].level != level - 1) {
				if (*next >= TREE)
					continue;
				target = id_mfn((*next)++);
				build_guest(target, level - 1, next);
			}
			flags |= W;
		} else if (mfn_id(target) >= (int)TREE) {
			flags |= chance(2) ? W : 0; /* frames above hold no tables */
		}
		*entry_at(mfn, slot) = entry_make(frame_gfn(target), flags);
		if (chance(400))
			*entry_at(mfn, slot) = evil(*entry_at(mfn, slot));
	}
}

static bool reached[FRAMES];

/* An evil entry may have cut off a part of the tree. */
static void reach(u32 mfn, unsigned level)
{
	int id = mfn_id(mfn);

	if (id < 0 || reached[id] || world.frames[id].level != level)
		return;
	reached[id] = true;
	for (unsigned slot = 0; level > 1 && slot < SLOTS; slot++) {
		u64 e = *entry_at(mfn, slot);

		if (e & P)
			reach((u32)((e & ENTRY_ADDRESS) >> PAGE_SHIFT) - SHIFT * 512, level - 1);
	}
}

static u8 before[FRAMES][SLOTS * 8];

static void snapshot(bool restore)
{
	for (unsigned id = 0; id < FRAMES; id++)
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			u64 *at = entry_at(id_mfn(id), slot);

			if (!restore)
				memcpy(&before[id][slot * 8], at, 8);
			else if (memcmp(&before[id][slot * 8], at, 8))
				world_complain("a refused activation changed frame %#x",
					       id_mfn(id));
		}
}

/* Would each entry of the tree do, and does the model find no more than it built? */
static bool model_activates(void)
{
	bool good = true;

	for (unsigned id = 0; id < FRAMES; id++) {
		for (unsigned slot = 0; world.frames[id].level && slot < SLOTS; slot++) {
			u64 e = *entry_at(id_mfn(id), slot);
			u64 gfn = (e & ENTRY_ADDRESS) >> PAGE_SHIFT;

			if (e & P) {
				if (gfn < SHIFT * 512ull)
					return false;
				e = (e & ~ENTRY_ADDRESS) | (gfn - SHIFT * 512) << PAGE_SHIFT;
			}
			good &= model_may_stand(world.frames[id].level, e);
		}
	}
	return good;
}

static bool activate(struct p2m *p2m)
{
	struct direct_activation a = { .v = vcpu(0), .p2m = p2m };
	unsigned next = 1, rounds = 0;
	u32 root = id_mfn(0), kill_after = chance(8) ? random_below(30) : ~0u;
	int result = DIRECT_MORE;
	bool good;

	build_guest(root, 4, &next);
	memset(reached, 0, sizeof(reached));
	reach(root, 4);
	for (unsigned id = 0; id < FRAMES; id++)
		world.frames[id].level = reached[id] ? world.frames[id].level : 0;
	good = model_activates();
	for (u32 i = random_below(3); i; i--) { /* areas of the hypervisor */
		u32 mfn = id_mfn(random_below(chance(8) ? TREE : FRAMES) % (4 * ACTIVE));

		if (chance(4) ? chance(2) : mfn_id(mfn) < (int)TREE)
			continue;
		if (direct_hold(vcpu(0), mfn) == 0)
			world.frames[mfn_id(mfn)].holds++;
		good &= !world.frames[mfn_id(mfn)].level;
	}
	snapshot(false);
	while (result == DIRECT_MORE && rounds++ < kill_after) {
		u32 units = 1 + random_below(12);

		result = direct_activate(&a, (gpa_t)frame_gfn(root) << PAGE_SHIFT, &units);
	}
	if (result == DIRECT_MORE)
		return false; /* killed: the end must do with what there is */
	if ((result == 0) != good)
		world_complain("activation gave %d, model: %s", result,
			       good ? "allowed" : "refused");
	if (result < 0) {
		snapshot(true);
		fuzz.not_activated++;
		return false;
	}
	fuzz.activated++;
	world_check();
	return direct_root_set(vcpu(0), 0, a.root) == 0;
}

void begin_activated(void)
{
	struct p2m p2m;
	bool is_alive;

	if (p2m_init(&p2m, (CHUNK_SPARE + SHIFT + 1) * CHUNK_SIZE))
		world_complain("no memory for a p2m");
	for (u32 chunk = CHUNK_FIRST; chunk <= CHUNK_SPARE; chunk++)
		p2m_set(&p2m, chunk + SHIFT, (hpa_t)chunk << CHUNK_SHIFT);
	is_alive = activate(&p2m);
	p2m_destroy(&p2m);
	if (!is_alive) {
		u64 seed = world.seed, errors = world.errors;

		world_end();
		errors += world.errors;
		world_begin(seed);
		world.errors = errors;
	}
}
