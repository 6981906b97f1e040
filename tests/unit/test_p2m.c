/* SPDX-License-Identifier: BSD-2-Clause */
/* The p2m against an array, its corners, and running out of memory while it is made. */
#include <string.h>

#include "allocator/p2m.h"
#include "fake/frames.h"
#include "fake/panic.h"
#include "pv_abi.h"
#include "tap.h"

#define MODEL_CHUNKS 3000u

static void test_model(void)
{
	static hpa_t model[MODEL_CHUNKS];
	struct p2m p2m;
	u64 seed = 4;

	EXPECT_EQ(p2m_init(&p2m, MODEL_CHUNKS * CHUNK_SIZE), 0);
	EXPECT_EQ(p2m_bytes(&p2m), 3 * PAGE_SIZE);
	for (unsigned step = 0; step < 100000; step++) {
		u32 chunk = rnd(&seed) % MODEL_CHUNKS;
		gpa_t gpa = (u64)chunk << CHUNK_SHIFT | rnd(&seed) % CHUNK_SIZE;

		if (step % 3 == 0) {
			model[chunk] = rnd(&seed) % 4 ? (rnd(&seed) % 0xffffffff) << CHUNK_SHIFT :
							0;
			p2m_set(&p2m, chunk, model[chunk]);
		}
		EXPECT_EQ(p2m_lookup(&p2m, gpa),
			  model[chunk] ? model[chunk] + gpa % CHUNK_SIZE : 0);
	}
	EXPECT_EQ(p2m_lookup(&p2m, MODEL_CHUNKS * CHUNK_SIZE), 0);
	EXPECT_EQ(p2m_lookup(&p2m, ~0ull), 0);
	EXPECT_EQ(p2m_lookup(&p2m, 1ull << 63), 0);
	p2m_destroy(&p2m);
	EXPECT_EQ(fake_frames_used, 0);
	EXPECT_EQ(p2m_lookup(&p2m, 0), 0); /* a destroyed one is empty */
	tap_case("lookups agree with an array");
}

static void test_sizes(void)
{
	static const struct {
		u64 bytes, table_bytes;
		int result;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 4096, 0 },
		{ 2 << 20, 4096, 0 },
		{ 64ull << 20, 4096, 0 },
		{ 2ull << 30, 4096, 0 },
		{ (2ull << 30) + 1, 8192, 0 },
		{ 64ull << 30, 32 * 4096, 0 },
		{ (64ull << 30) + 1, 0, -PV_E2BIG },
		{ ~0ull, 0, -PV_E2BIG },
	};
	struct p2m p2m;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(p2m_init(&p2m, rows[i].bytes), rows[i].result);
		EXPECT_EQ(p2m_bytes(&p2m), rows[i].table_bytes);
		EXPECT_EQ(p2m_lookup(&p2m, 0), 0);
		p2m_destroy(&p2m);
		EXPECT_EQ(fake_frames_used, 0);
	}
	tap_case("sizes and limits");
}

static void test_failures(void)
{
	struct p2m p2m;

	for (unsigned left = 0; left < 4; left++) {
		fake_frames_left = left;
		EXPECT_EQ(p2m_init(&p2m, 8ull << 30), left < 4 ? -PV_ENOMEM : 0);
		EXPECT_EQ(fake_frames_used, 0);
	}
	fake_frames_left = ~0u;
	tap_case("running out of memory leaves nothing behind");

	EXPECT_EQ(p2m_init(&p2m, 8 << 20), 0);
	EXPECT_PANIC(p2m_set(&p2m, 4, CHUNK_SIZE));
	EXPECT_PANIC(p2m_set(&p2m, 0, CHUNK_SIZE + PAGE_SIZE));
	EXPECT_PANIC(p2m_set(&p2m, 0, (u64)P2M_NONE << CHUNK_SHIFT)); /* would read as "none" */
	p2m_destroy(&p2m);
	tap_case("impossible entries are bugs of ours");
}

int main(void)
{
	test_model();
	test_sizes();
	test_failures();
	return tap_done();
}
