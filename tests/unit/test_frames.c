/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator on a piece of host memory that lies at the "machine address" it stands for.
 * Random allocations and releases; after each one the counters must add up, and every chunk and
 * frame in hand is remembered in a map of our own, so overlap is noticed. The map callback
 * allocates frames itself, as paging does.
 *
 * Built twice: with low memory only (the address sanitizer occupies everything from 2 GiB to far
 * beyond what the allocator manages), and without that sanitizer for memory beyond 4 GiB.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "allocator/frames.h"
#include "fake/panic.h"
#include "machine/machine.h"
#include "tap.h"

#define MB (1ull << 20)
#define LOW_BASE (256 * MB)
#define LOW_CHUNKS 24u
#define HIGH_BASE (4096 * MB)
#define HIGH_CHUNKS 6u
#define MINE_MAX 8192u

static u8 owned[(HIGH_BASE + HIGH_CHUNKS * CHUNK_SIZE) / PAGE_SIZE]; /* 1: in somebody's hand */
static bool mapped[(HIGH_BASE + HIGH_CHUNKS * CHUNK_SIZE) / CHUNK_SIZE];
static void *map_frames[64]; /* what the map callback took */
static unsigned map_frames_count, map_takes, map_depth;

static void *frames_held[MINE_MAX];
static unsigned frames_count;
static hpa_t chunks_held[256];
static unsigned chunks_count;

static void take(hpa_t start, u64 bytes)
{
	for (hpa_t page = start; page < start + bytes; page += PAGE_SIZE) {
		EXPECT_MSG(!owned[page / PAGE_SIZE], "0x%llx given out twice",
			   (unsigned long long)page);
		owned[page / PAGE_SIZE] = 1;
	}
}

static void give_back(hpa_t start, u64 bytes)
{
	memset(&owned[start / PAGE_SIZE], 0, bytes / PAGE_SIZE);
}

static void remember_frame(void *frame)
{
	hpa_t address = (uintptr_t)frame;
	static const u8 zero[4096];

	EXPECT(address % PAGE_SIZE == 0 && mapped[address / CHUNK_SIZE]);
	EXPECT(memcmp(frame, zero, PAGE_SIZE) == 0);
	take(address, PAGE_SIZE);
	memset(frame, 0xa5, PAGE_SIZE); /* whoever gets it next must not see this */
}

static void on_map(hpa_t chunk, u64 bytes)
{
	EXPECT(bytes == CHUNK_SIZE && chunk % CHUNK_SIZE == 0);
	EXPECT(map_depth++ == 0); /* one chunk at a time, though mapping allocates */
	for (unsigned i = 0; i < map_takes; i++) {
		void *frame = frame_alloc();

		EXPECT_MSG(frame != NULL, "no reserve for mapping");
		if (!frame || map_frames_count == ARRAY_SIZE(map_frames))
			break;
		remember_frame(frame);
		map_frames[map_frames_count++] = frame;
	}
	EXPECT(!mapped[chunk / CHUNK_SIZE]);
	mapped[chunk / CHUNK_SIZE] = true;
	map_depth--;
}

/* Marks the pool's first chunk: it must be accessible from the start. */
static void start(const struct boot_info *boot, unsigned takes)
{
	hpa_t first = 0;

	memset(owned, 0, sizeof(owned));
	memset(mapped, 0, sizeof(mapped));
	map_frames_count = frames_count = chunks_count = map_depth = 0;
	map_takes = takes;
	frames_init(boot, on_map);
	EXPECT(frames_pool_next(&first));
	mapped[first / CHUNK_SIZE] = true;
}

static void check_counters(u64 chunks_total)
{
	struct frames_stats stats = frames_stats();
	u64 used = frames_count + map_frames_count, pool = 0;

	EXPECT_EQ(stats.chunks_total, chunks_total);
	EXPECT_EQ(stats.chunks_total, stats.chunks_free + stats.pool_chunks + chunks_count);
	EXPECT_EQ(stats.pool_frames_free + used, stats.pool_chunks * 511);
	for (hpa_t chunk = 0; frames_pool_next(&chunk); chunk += CHUNK_SIZE) {
		EXPECT(mapped[chunk / CHUNK_SIZE]);
		pool++;
	}
	EXPECT_EQ(pool, stats.pool_chunks);
}

/* ---- random operations ----------------------------------------------------------------------- */

static void random_chunks(u64 *seed)
{
	static const u32 aligns[] = { 1, 1, 1, 2, 4 };
	u32 align = aligns[rnd(seed) % ARRAY_SIZE(aligns)], n = rnd(seed) % 4 + 1;
	hpa_t run;

	if (rnd(seed) % 2 && chunks_count) {
		u32 victim = rnd(seed) % chunks_count;

		give_back(chunks_held[victim], CHUNK_SIZE);
		chunk_free(chunks_held[victim]);
		chunks_held[victim] = chunks_held[--chunks_count];
		return;
	}
	run = align == 1 && n == 1 ? chunk_alloc() : chunk_alloc_run(n, align);
	if (!run)
		return;
	EXPECT_EQ(run % (align * CHUNK_SIZE), 0);
	take(run, n * CHUNK_SIZE);
	for (u32 i = 0; i < n; i++) {
		EXPECT(!mapped[(run + i * CHUNK_SIZE) / CHUNK_SIZE]);
		chunks_held[chunks_count++] = run + i * CHUNK_SIZE;
	}
}

static void random_frames(u64 *seed, bool growing)
{
	unsigned n = rnd(seed) % 60;

	for (unsigned i = 0; i < n; i++) {
		if (rnd(seed) % 8 < (growing ? 6 : 2)) {
			void *frame = frames_count < MINE_MAX ? frame_alloc() : NULL;

			if (!frame)
				continue;
			remember_frame(frame);
			frames_held[frames_count++] = frame;
		} else if (frames_count) {
			u32 victim = rnd(seed) % frames_count;

			give_back((uintptr_t)frames_held[victim], PAGE_SIZE);
			frame_free(frames_held[victim]);
			frames_held[victim] = frames_held[--frames_count];
		}
	}
}

static void test_random(const struct boot_info *boot, u64 chunks_total, u64 seed)
{
	u64 most = 0;

	start(boot, 3);
	for (unsigned step = 0; step < 1200; step++) {
		if (rnd(&seed) % 3 == 0)
			random_chunks(&seed);
		else
			random_frames(&seed, step / 200 % 2 == 0);
		check_counters(chunks_total);
		most = max(most, frames_stats().pool_chunks);
	}
	EXPECT(most >= 4);
	tap_case("random allocations: nothing twice, counters add up");
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void test_boot_ranges(void)
{
	const hpa_t top = FRAMES_CHUNKS_MAX * CHUNK_SIZE - 4 * MB;
	struct boot_info boot = {
		.ram = {
			{ 0, 640 * 1024 },
			{ MB, 3 * MB }, /* no whole chunk */
			{ LOW_BASE + 4096, LOW_BASE + 6 * MB }, /* two */
			{ LOW_BASE + 8 * MB, LOW_BASE + 10 * MB + 4095 }, /* one */
			{ top, 0xffff000010000000 }, /* two are managed */
		},
		.ram_count = 5,
	};

	start(&boot, 0);
	EXPECT_EQ(frames_stats().chunks_total, 5);
	EXPECT_EQ(chunk_alloc(), LOW_BASE + 2 * MB);
	EXPECT_EQ(chunk_alloc(), LOW_BASE + 4 * MB); /* the pool has the last one below 4 GiB */
	EXPECT_EQ(chunk_alloc_run(3, 1), 0);
	EXPECT_EQ(chunk_alloc_run(2, 1), top);
	EXPECT_EQ(chunk_alloc(), 0);
	boot.ram_count = 2;
	EXPECT_PANIC(frames_init(&boot, on_map));
	boot.ram[0] = (struct boot_range){ 0, 2 * MB };
	boot.ram[1] = (struct boot_range){ LOW_BASE, LOW_BASE + 2 * MB };
	start(&boot, 0);
	EXPECT_EQ(frames_stats().chunks_total, 1); /* chunk 0 is not given out */
	tap_case("only whole chunks of RAM");
}

static void test_runs(const struct boot_info *boot)
{
	hpa_t last = LOW_BASE + (LOW_CHUNKS - 1) * CHUNK_SIZE, chunk;

	start(boot, 0);
	EXPECT(mapped[last / CHUNK_SIZE]);
	EXPECT_EQ(chunk_alloc(), LOW_BASE);
	EXPECT_EQ(chunk_alloc_run(4, 4), LOW_BASE + 4 * CHUNK_SIZE);
	EXPECT_EQ(chunk_alloc(), LOW_BASE + CHUNK_SIZE); /* the gap before it */
	EXPECT_EQ(chunk_alloc_run(2, 1), LOW_BASE + 2 * CHUNK_SIZE);
	EXPECT_EQ(chunk_alloc_run(LOW_CHUNKS, 1), 0);
	EXPECT_EQ(chunk_alloc_run(1, 1u << 20), 0);
	EXPECT_EQ(chunk_alloc_run(~0u, 1), 0);
	chunk_free(LOW_BASE + 5 * CHUNK_SIZE); /* from the middle of a run */
	EXPECT_EQ(chunk_alloc(), LOW_BASE + 5 * CHUNK_SIZE);
	EXPECT_EQ(chunk_alloc_run(15, 1), LOW_BASE + 8 * CHUNK_SIZE);
	EXPECT_EQ(chunk_alloc(), 0);
	chunk = last - 3 * CHUNK_SIZE;
	chunk_free(chunk);
	EXPECT_EQ(chunk_alloc_run(2, 1), 0);
	EXPECT_EQ(chunk_alloc(), chunk);
	tap_case("runs are the lowest that fit");
}

static void test_exhaustion(const struct boot_info *boot, u64 chunks_total)
{
	void *frame;

	start(boot, 2);
	while ((frame = frame_alloc()))
		take((uintptr_t)frame, PAGE_SIZE), frames_count++;
	EXPECT_EQ(frames_stats().pool_chunks, chunks_total);
	EXPECT_EQ(frames_count + map_frames_count, chunks_total * 511);
	EXPECT_EQ(chunk_alloc(), 0);
	frame_free(map_frames[0]);
	EXPECT(frame_alloc() == map_frames[0]);
	EXPECT(frame_alloc() == NULL);
	tap_case("the pool takes all there is, then says NULL");

	start(boot, 0);
	frames_init(boot, NULL);
	for (unsigned i = 0; i < 511; i++)
		EXPECT(frame_alloc() != NULL);
	EXPECT(frame_alloc() == NULL);
	EXPECT_EQ(frames_stats().pool_chunks, 1);
	tap_case("without a map callback it does not grow");
}

static void test_misuse(const struct boot_info *boot)
{
	u8 *frame;
	hpa_t chunk;

	start(boot, 0);
	frame_free(NULL);
	frame = frame_alloc();
	frame_free(frame);
	EXPECT_PANIC(frame_free(frame));
	start(boot, 0);
	frame = frame_alloc();
	EXPECT_PANIC(frame_free(frame + 8));
	EXPECT_PANIC(
		frame_free((u8 *)ALIGN_DOWN((uintptr_t)frame, CHUNK_SIZE))); /* the descriptor */
	EXPECT_PANIC(frame_free((u8 *)(uintptr_t)LOW_BASE + PAGE_SIZE)); /* not the pool's */
	start(boot, 0);
	EXPECT_PANIC(frame_free((u8 *)~0xfffull));
	tap_case("misuse of frames panics");

	chunk = chunk_alloc();
	chunk_free(chunk);
	EXPECT_PANIC(chunk_free(chunk));
	start(boot, 0);
	chunk = chunk_alloc();
	EXPECT_PANIC(chunk_free(chunk + PAGE_SIZE));
	EXPECT_PANIC(chunk_free(ALIGN_DOWN((uintptr_t)frame, CHUNK_SIZE))); /* the pool's */
	start(boot, 0);
	EXPECT_PANIC(chunk_free(0));
	start(boot, 0);
	EXPECT_PANIC(chunk_free(LOW_BASE + 1024 * MB)); /* no RAM */
	EXPECT_PANIC(chunk_free(1ull << 45));
	EXPECT_PANIC(chunk_alloc_run(0, 1));
	EXPECT_PANIC(chunk_alloc_run(1, 3));
	tap_case("misuse of chunks panics");
}

static bool reserve(hpa_t base, u64 bytes)
{
	void *at = mmap((void *)base, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);

	return at == (void *)base;
}

int main(int argc, char **argv)
{
	bool has_high = argc > 1 && strcmp(argv[1], "high") == 0;
	struct boot_info boot = { .ram = { { LOW_BASE, LOW_BASE + LOW_CHUNKS * CHUNK_SIZE } },
				  .ram_count = 1 };
	u64 chunks_total = LOW_CHUNKS;

	if (!reserve(LOW_BASE, LOW_CHUNKS * CHUNK_SIZE) ||
	    (has_high && !reserve(HIGH_BASE, HIGH_CHUNKS * CHUNK_SIZE))) {
		printf("Bail out! no room at the addresses that stand for machine memory\n");
		return 1;
	}
	test_boot_ranges();
	test_runs(&boot);
	test_misuse(&boot);
	if (has_high) {
		boot.ram[boot.ram_count++] =
			(struct boot_range){ HIGH_BASE, HIGH_BASE + HIGH_CHUNKS * CHUNK_SIZE };
		chunks_total += HIGH_CHUNKS;
	}
	test_exhaustion(&boot, chunks_total);
	for (u64 seed = 20; seed < 23; seed++)
		test_random(&boot, chunks_total, seed);
	return tap_done();
}
