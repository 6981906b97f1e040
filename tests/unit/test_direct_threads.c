/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct paging by several CPUs at once: test_direct_threads [STEPS]. Each thread is a vCPU that
 * makes calls, walks its tables, keeps what it walked, and writes through it; it hears of flushes
 * between two simulated instructions, or while it waits for one of its own. Under the thread
 * sanitizer. At every access: no table is written, and nothing is walked as what it is not. At the
 * end all words are recounted.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "allocator/direct.h"
#include "allocator/direct_internal.h"
#include "tap.h"

#define THREADS 4u
#define CHUNK_FIRST 3u
#define CHUNKS 3u
#define CHUNK_POOL 5u
#define ACTIVE 6u
#define SLOTS 4u /* used entries: 0, 170, 340, 510 */
#define CACHED 12u

struct translation {
	u32 mfn;
	u8 level; /* of the table; 0: a page that may be written */
};

struct cpu {
	u32 id;
	u64 seed, requested, served; /* flushes */
	bool ended;
	struct translation cache[CACHED];
	u32 next;
	u64 writes, walks, done, refused, waits;
};

/* Tables that stay, loaded by every CPU: L4 -> L3 -> L2 -> two L1. The lower two levels change. */
#define SKELETON(level) (CHUNK_POOL * 512u + ACTIVE + (level))

static struct cpu cpus[THREADS];
static struct direct *d;
static u8 *memory;
static u64 steps;
static unsigned violations;

static u64 *entry_at(u32 mfn, unsigned slot)
{
	return (u64 *)(memory + (mfn - CHUNK_FIRST * 512ull) * PAGE_SIZE) + slot * 170;
}

static u32 below(struct cpu *c, u32 n)
{
	return (u32)(rnd(&c->seed) % n);
}

static u32 any_frame(struct cpu *c)
{
	return (CHUNK_FIRST + below(c, CHUNKS)) * 512 + below(c, ACTIVE);
}

static void violation(const char *what, u32 mfn, u64 word)
{
	if (__atomic_fetch_add(&violations, 1, __ATOMIC_SEQ_CST) < 5)
		printf("# %s: frame %#x, word %#llx\n", what, mfn, (unsigned long long)word);
}

/* ---- flushes: a request and an answer -------------------------------------------------------- */

static void serve(struct cpu *c)
{
	u64 wanted = __atomic_load_n(&c->requested, __ATOMIC_SEQ_CST);

	if (wanted == c->served)
		return;
	memset(c->cache, 0, sizeof(c->cache));
	__atomic_store_n(&c->served, wanted, __ATOMIC_SEQ_CST);
}

static bool serve_flush(void *context, u32 caller, u64 vcpus)
{
	u64 wanted[THREADS];

	(void)context;
	cpus[caller].waits++;
	for (u32 i = 0; i < THREADS; i++)
		if (vcpus & BIT(i))
			wanted[i] = __atomic_add_fetch(&cpus[i].requested, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < THREADS; i++) {
		while ((vcpus & BIT(i)) && !__atomic_load_n(&cpus[i].ended, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&cpus[i].served, __ATOMIC_SEQ_CST) < wanted[i]) {
			serve(&cpus[caller]);
			sched_yield();
		}
	}
	return true;
}

static bool serve_flush_page(void *context, u32 caller, u64 vcpus, gva_t address)
{
	(void)address;
	return serve_flush(context, caller, vcpus);
}

static u64 *serve_map(void *context, u32 mfn)
{
	(void)context;
	return entry_at(mfn, 0);
}

static void serve_unmap(void *context, u64 *table)
{
	(void)context;
	(void)table;
}

static const struct direct_ops ops = { serve_map, serve_unmap, serve_flush, serve_flush_page };

/* ---- what a CPU does by itself --------------------------------------------------------------- */

static void check_table(u32 mfn, unsigned level)
{
	u64 word = word_load(word_find(d, mfn));

	if (word_type(word) != level && (word_type(word) != TYPE_NONE || word_was(word) != level))
		violation("walked as a table", mfn, word);
}

static void check_written(u32 mfn)
{
	u64 word = word_load(word_find(d, mfn));

	if (type_is_table(word_type(word)) || (word & WORD_POOL))
		violation("written", mfn, word);
}

static void keep(struct cpu *c, u32 mfn, unsigned level)
{
	c->cache[c->next++ % CACHED] = (struct translation){ mfn, (u8)level };
}

/* From a table, remembered or the root, down to a page; A and D as the CPU sets them. */
static void walk(struct cpu *c, u32 mfn, unsigned level)
{
	for (; level; level--) {
		u64 *entry = entry_at(mfn, below(c, SLOTS)), old = entry_load(entry);

		check_table(mfn, level);
		if (!(old & ENTRY_PRESENT) || (level == 1 && !(old & ENTRY_WRITE)))
			return;
		if (!word_replace(entry, &old, old | ENTRY_ACCESSED))
			return;
		mfn = (u32)((old & ENTRY_ADDRESS) >> PAGE_SHIFT);
		keep(c, mfn, level - 1);
	}
	c->walks++;
}

static void access_memory(struct cpu *c)
{
	struct translation t = c->cache[below(c, CACHED)];
	u32 root = d->vcpus[c->id].roots[below(c, 2)];

	if (t.level) {
		walk(c, t.mfn, t.level);
	} else if (t.mfn) {
		check_written(t.mfn);
		__atomic_store_n(entry_at(t.mfn, below(c, SLOTS)), 0, __ATOMIC_SEQ_CST);
		check_written(t.mfn);
		c->writes++;
	} else if (root) {
		walk(c, root, 4);
	}
}

/* ---- calls ----------------------------------------------------------------------------------- */

static unsigned level_of(u32 mfn)
{
	return word_type(word_load(word_find(d, mfn)));
}

static int call_change(struct cpu *c, bool cow)
{
	u32 table = below(c, 2) ? SKELETON(below(c, 3)) : any_frame(c), target = any_frame(c);
	unsigned level = level_of(table);
	struct direct_change change = { .set = (u64)target << PAGE_SHIFT | ENTRY_PRESENT };
	hpa_t at = (u64)table * PAGE_SIZE + below(c, SLOTS) * 170 * 8;

	for (u32 i = 0; i < 40 && level > 1 && level <= 4 && level_of(target) != level - 1; i++)
		target = any_frame(c);
	change.set = (u64)target << PAGE_SHIFT | ENTRY_PRESENT | (below(c, 4) ? ENTRY_WRITE : 0);
	if (below(c, 3) == 0)
		change = (struct direct_change){ 0 };
	if (below(c, 4) == 0)
		change = (struct direct_change){ .keep = ~ENTRY_WRITE };
	if (cow)
		return direct_cow(&d->vcpus[c->id], at, &change, 0, 1u << below(c, THREADS));
	return direct_change(&d->vcpus[c->id], at, &change);
}

static int call_range(struct cpu *c)
{
	struct direct_change change = { .keep = below(c, 2) ? ~ENTRY_WRITE : 0 };
	u32 units = 8, done;

	return direct_range(&d->vcpus[c->id], (u64)any_frame(c) * PAGE_SIZE, 512, &change, &units,
			    &done);
}

static int call_any(struct cpu *c)
{
	struct direct_vcpu *v = &d->vcpus[c->id];
	u32 mfn = any_frame(c), units = 4 - below(c, 2) * below(c, 4);

	switch (below(c, 16)) {
	case 0:
	case 1:
		return direct_pin(v, mfn, 1 + below(c, 4), &units);
	case 2:
		return direct_unpin(v, mfn, &units);
	case 3:
	case 4:
		return direct_table_new(v, CHUNK_POOL * 512 + below(c, ACTIVE), 1 + below(c, 4));
	case 5:
		if (direct_hold(v, mfn))
			return -1;
		check_written(mfn);
		__atomic_store_n(entry_at(mfn, below(c, SLOTS)), 0, __ATOMIC_SEQ_CST);
		check_written(mfn);
		direct_unhold(d, mfn);
		return 0;
	case 6:
		return direct_root_set(v, 0, below(c, 4) ? mfn : 0);
	case 7:
		return call_range(c);
	case 8:
		return call_change(c, true);
	default:
		return call_change(c, false);
	}
}

static void *run(void *argument)
{
	struct cpu *c = argument;

	for (u64 step = 0; step < steps; step++) {
		serve(c);
		if (below(c, 2)) {
			access_memory(c);
			continue;
		}
		if (call_any(c) >= 0)
			c->done++;
		else
			c->refused++;
	}
	__atomic_store_n(&c->ended, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* ---- the end: every reference counted once more ---------------------------------------------- */

#define FRAMES (CHUNKS * 512u)
static u32 typed[FRAMES][8], reads[FRAMES];

static void count_table(u32 mfn, u64 word)
{
	unsigned level = word_type(word);
	u64 end = word & WORD_PARTIAL ? word_count(word) : 512;

	for (unsigned slot = 0; slot < SLOTS && slot * 170 < end; slot++) {
		struct reference r = entry_reference(level, *entry_at(mfn, slot));

		if (r.type == TYPE_READ)
			reads[r.mfn - CHUNK_FIRST * 512]++;
		else if (r.type != TYPE_NONE)
			typed[r.mfn - CHUNK_FIRST * 512][r.type]++;
	}
}

static void recount(void)
{
	for (u32 n = 0; n < FRAMES; n++) {
		u64 word = word_load(word_find(d, CHUNK_FIRST * 512 + n));

		EXPECT(!(word & WORD_LOCKED));
		if (type_is_table(word_type(word)))
			count_table(CHUNK_FIRST * 512 + n, word);
	}
	for (u32 i = 0; i < 2 * THREADS; i++)
		if (d->vcpus[i / 2].roots[i % 2])
			typed[d->vcpus[i / 2].roots[i % 2] - CHUNK_FIRST * 512][4]++;
	for (u32 n = 0; n < FRAMES; n++) {
		u64 word = word_load(word_find(d, CHUNK_FIRST * 512 + n));
		unsigned type = word_type(word);

		EXPECT_EQ(word_reads(word), reads[n]);
		for (unsigned other = TYPE_L1; other <= TYPE_WRITABLE; other++)
			EXPECT(other == type || !typed[n][other]);
		if (type != TYPE_NONE && !(word & WORD_PARTIAL))
			EXPECT_EQ(word_count(word), typed[n][type] + type_is_table(type));
	}
}

static void build_skeleton(struct direct_vcpu *v)
{
	static const u8 levels[] = { 1, 1, 2, 3, 4 };

	for (u32 n = 0; n < ARRAY_SIZE(levels); n++)
		EXPECT_EQ(direct_table_new(v, SKELETON(n), levels[n]), 0);
	for (u32 n = 2; n < ARRAY_SIZE(levels); n++) {
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			u32 target = n == 2 ? SKELETON(slot % 2) : SKELETON(n - 1);
			struct direct_change c = { .set = (u64)target << PAGE_SHIFT |
							  ENTRY_PRESENT | ENTRY_WRITE };

			EXPECT_EQ(direct_change(v, (u64)SKELETON(n) * PAGE_SIZE + slot * 170 * 8,
						&c),
				  0);
		}
	}
	for (u32 i = 0; i < THREADS; i++)
		EXPECT_EQ(direct_root_set(&d->vcpus[i], 1, SKELETON(4)), 0);
}

int main(int argc, char **argv)
{
	static const struct direct_limits limits = { 40, true, BIT(36) };
	pthread_t threads[THREADS];
	u64 writes = 0, done = 0, waits = 0;
	u32 units = 1000;

	steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 40000;
	memory = aligned_alloc(CHUNK_SIZE, CHUNKS * CHUNK_SIZE);
	memset(memory, 0, CHUNKS * CHUNK_SIZE);
	d = calloc(1, sizeof(*d));
	EXPECT_EQ(direct_init(d, &ops, NULL, &limits, THREADS), 0);
	for (u64 chunk = CHUNK_FIRST; chunk < CHUNK_FIRST + CHUNKS; chunk++)
		EXPECT_EQ(direct_chunk_add(d, chunk << CHUNK_SHIFT), 0);
	EXPECT_EQ(direct_pool_add(&d->vcpus[0], (hpa_t)CHUNK_POOL << CHUNK_SHIFT), 0);
	build_skeleton(&d->vcpus[0]);
	for (u32 i = 0; i < THREADS; i++) {
		cpus[i].id = i;
		cpus[i].seed = 31 + i;
		EXPECT_EQ(pthread_create(&threads[i], NULL, run, &cpus[i]), 0);
	}
	for (u32 i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		printf("# CPU %u: calls %llu, refused %llu, walks %llu, writes %llu, waits %llu\n",
		       i, (unsigned long long)cpus[i].done, (unsigned long long)cpus[i].refused,
		       (unsigned long long)cpus[i].walks, (unsigned long long)cpus[i].writes,
		       (unsigned long long)cpus[i].waits);
		writes += cpus[i].writes;
		done += cpus[i].done;
		waits += cpus[i].waits;
	}
	EXPECT_EQ(violations, 0);
	EXPECT(writes > 0 && done > 0 && waits > 0);
	recount();
	EXPECT_EQ(direct_destroy(d, &units), 0);
	free(d);
	free(memory);
	tap_case("four CPUs at once: no table is written, and all counts are right");
	return tap_done();
}
