/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest copies through a fake window: a guest of four chunks, one of them absent, its machine
 * memory scattered over a host buffer. Random copies are compared with an array of the guest's
 * bytes, and the window checks how it is used.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "allocator/p2m.h"
#include "fake/panic.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "tap.h"

#define CHUNKS 4u
#define HOLE 2u
#define GUEST_BYTES (CHUNKS * CHUNK_SIZE)
#define HPA_BASE (32 * CHUNK_SIZE)

static struct cpu fake_cpu;
struct cpu *fake_this_cpu = &fake_cpu;

static u8 *machine_memory; /* at "machine address" HPA_BASE */
static u8 *model; /* the guest's bytes, in guest order */
static struct p2m p2m;
static u32 table[CHUNKS] = { 34, 32, P2M_NONE, 33 }; /* machine chunks */

static unsigned mapped, maps;
static u8 window[3 * 4096] __attribute__((
	aligned(4096))); /* the page in the middle; its neighbours must stay as they are */
static hpa_t window_frame;

void *window_map(struct cpu *cpu, unsigned slot, hpa_t frame)
{
	EXPECT(cpu == &fake_cpu && slot == 0 && mapped == 0);
	EXPECT(frame % PAGE_SIZE == 0 && frame >= HPA_BASE && frame < HPA_BASE + 3 * CHUNK_SIZE);
	mapped++;
	maps++;
	window_frame = frame;
	memset(window, 0xcc, sizeof(window));
	memcpy(window + PAGE_SIZE, machine_memory + (frame - HPA_BASE), PAGE_SIZE);
	return window + PAGE_SIZE;
}

void window_unmap(struct cpu *cpu, unsigned slot)
{
	EXPECT(cpu == &fake_cpu && slot == 0 && mapped == 1);
	mapped--;
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		EXPECT(window[i] == 0xcc && window[2 * PAGE_SIZE + i] == 0xcc);
	memcpy(machine_memory + (window_frame - HPA_BASE), window + PAGE_SIZE, PAGE_SIZE);
}

static bool exists(gpa_t gpa, size_t n)
{
	gpa_t end = gpa + n;

	if (!n)
		return true;
	if (end < gpa || end > GUEST_BYTES)
		return false;
	return end <= HOLE * CHUNK_SIZE || gpa >= (HOLE + 1) * CHUNK_SIZE;
}

/* An address near a boundary more often than not. */
static gpa_t pick_gpa(u64 *seed)
{
	switch (rnd(seed) % 8) {
	case 0:
		return rnd(seed); /* anywhere */
	case 1:
		return -(rnd(seed) % 20000);
	case 2:
	case 3:
		return rnd(seed) % (CHUNKS + 1) * CHUNK_SIZE + rnd(seed) % 12000 - 6000;
	default:
		return rnd(seed) % GUEST_BYTES;
	}
}

static void test_random(void)
{
	static u8 buffer[20000], before[20000];
	u64 seed = 5;
	unsigned refused = 0, done = 0;

	for (unsigned step = 0; step < 6000; step++) {
		gpa_t gpa = pick_gpa(&seed);
		size_t n = rnd(&seed) % (rnd(&seed) % 4 ? 200 : sizeof(buffer));
		int wanted = exists(gpa, n) ? 0 : -PV_EFAULT;

		for (size_t i = 0; i < n; i++)
			before[i] = buffer[i] = (u8)(rnd(&seed) >> 13);
		wanted ? refused++ : done++;
		maps = 0;
		switch (rnd(&seed) % 3) {
		case 0:
			EXPECT_EQ(guest_read(&p2m, gpa, buffer, n), wanted);
			EXPECT(!n || memcmp(buffer, wanted ? before : model + gpa, n) == 0);
			break;
		case 1:
			EXPECT_EQ(guest_write(&p2m, gpa, buffer, n), wanted);
			if (!wanted && n)
				memcpy(model + gpa, buffer, n);
			break;
		default:
			EXPECT_EQ(guest_zero(&p2m, gpa, n), wanted);
			if (!wanted && n)
				memset(model + gpa, 0, n);
			break;
		}
		EXPECT_EQ(mapped, 0);
		EXPECT(maps <= n / PAGE_SIZE + 2 && !(wanted && maps));
	}
	EXPECT(refused > 1000 && done > 1000);
	for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
		if (chunk != HOLE)
			EXPECT(memcmp(model + chunk * CHUNK_SIZE,
				      machine_memory + (table[chunk] * CHUNK_SIZE - HPA_BASE),
				      CHUNK_SIZE) == 0);
	}
	tap_case("random reads, writes and zeroes");
}

static void test_corners(void)
{
	u8 byte = 0;

	EXPECT_EQ(guest_read(&p2m, GUEST_BYTES - 1, &byte, 1), 0);
	EXPECT_EQ(guest_read(&p2m, GUEST_BYTES, &byte, 1), -PV_EFAULT);
	EXPECT_EQ(guest_read(&p2m, ~0ull, &byte, 1), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, ~0ull, 2), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, 0, SIZE_MAX), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, 1, SIZE_MAX), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, 4096, SIZE_MAX - 4095), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, 2, SIZE_MAX), -PV_EFAULT); /* wraps to a last byte that exists */
	EXPECT_EQ(guest_zero(&p2m, 4096, SIZE_MAX), -PV_EFAULT);
	EXPECT_EQ(guest_read(&p2m, HOLE * CHUNK_SIZE - 1, &byte, 1), 0);
	EXPECT_EQ(guest_zero(&p2m, HOLE * CHUNK_SIZE - 1, 2), -PV_EFAULT);
	EXPECT_EQ(guest_zero(&p2m, (HOLE - 1) * CHUNK_SIZE, CHUNK_SIZE + 1), -PV_EFAULT);
	EXPECT_EQ(guest_read(&p2m, ~0ull, NULL, 0), 0);
	tap_case("ends of memory and of the address space");
}

/* Each size: what it holds is written over, or told; nothing beside it changes. */
static void test_cmpxchg(void)
{
	const unsigned sizes[] = { 1, 2, 4, 8, 16 };

	for (unsigned i = 0; i < 5; i++) {
		unsigned n = sizes[i];
		gpa_t gpa = 0x3000 + (n == 16 ? 16 : PAGE_SIZE - n); /* 16 bytes: aligned */
		u8 held[48], expected[16], wanted[16], after[48];

		memset(held, 0x50 + i, sizeof(held));
		memset(wanted, 0xa7, sizeof(wanted));
		guest_write(&p2m, gpa - 16, held, 16 + n);
		memset(expected, 0x11, sizeof(expected));
		EXPECT_EQ(guest_cmpxchg(&p2m, gpa, expected, wanted, n), 0);
		EXPECT(!memcmp(expected, held, n)); /* another value: told */
		guest_read(&p2m, gpa - 16, after, 16 + n);
		EXPECT(!memcmp(after, held, 16 + n));
		EXPECT_EQ(guest_cmpxchg(&p2m, gpa, expected, wanted, n), 0);
		guest_read(&p2m, gpa - 16, after, 16 + n);
		EXPECT(!memcmp(after, held, 16) && !memcmp(after + 16, wanted, n));
	}
	EXPECT(guest_cmpxchg(&p2m, 0x3000 + PAGE_SIZE - 4, &(u64){ 0 }, &(u64){ 1 }, 8) < 0);
	EXPECT(guest_cmpxchg(&p2m, 0x3008, &(u64[2]){ 0 }, &(u64[2]){ 1 }, 16) < 0);
	EXPECT(guest_cmpxchg(&p2m, HOLE * CHUNK_SIZE, &(u64){ 0 }, &(u64){ 1 }, 8) < 0);
	EXPECT(guest_cmpxchg(&p2m, ~7ull, &(u64){ 0 }, &(u64){ 1 }, 8) < 0);
	tap_case("compare and exchange");
}

int main(void)
{
	u64 seed = 6;

	machine_memory = malloc(3 * CHUNK_SIZE);
	model = calloc(CHUNKS, CHUNK_SIZE);
	if (!machine_memory || !model || p2m_init(&p2m, GUEST_BYTES))
		return 1;
	for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
		if (chunk == HOLE)
			continue;
		p2m_set(&p2m, chunk, table[chunk] * CHUNK_SIZE);
		for (u64 i = 0; i < CHUNK_SIZE; i += 8) {
			u64 word = rnd(&seed);

			memcpy(model + chunk * CHUNK_SIZE + i, &word, 8);
			memcpy(machine_memory + (table[chunk] * CHUNK_SIZE - HPA_BASE) + i, &word,
			       8);
		}
	}
	test_random();
	test_corners();
	test_cmpxchg();
	p2m_destroy(&p2m);
	free(model);
	free(machine_memory);
	return tap_done();
}
