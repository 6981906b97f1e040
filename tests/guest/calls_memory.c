/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups 20 and 30 of the calls, each with its success and every errno of its row in abi.toml but
 * for EAGAIN (payload flush): memory given back and claimed again, flushes of one vCPU. Needs 8 MiB
 * or more; the last three chunks of 2 MiB are free for play.
 */
#include "guest.h"

#define MIB (1ull << 20)
#define CHUNK (2 * MIB)

static u8 page[4096] __attribute__((aligned(4096)));
static const struct pv_mem_range *const ranges = (const void *)page;
static const u64 into = (u64)page;
static u64 end, last, before; /* of memory, its last chunk, the one before that */

static void check_layout(void)
{
	CASE(MEM_LAYOUT, EINVAL, "unaligned", into + 24);
	CASE(MEM_LAYOUT, EINVAL, "with rsi", into, 1);
	CASE(MEM_LAYOUT, EFAULT, "beyond memory", end);
	ok(CASE(MEM_LAYOUT, OK, "", into) == 1, "one range");
	ok(!ranges[0].start && ranges[0].bytes == end && ranges[0].type == 1 && !ranges[0].reserved,
	   "all memory");
}

/* Claimed memory is zeroed whatever it held. */
static u64 count_dirty(u64 start)
{
	u64 dirty = 0;

	for (const u64 *p = (const u64 *)start; p < (const u64 *)(start + CHUNK); p++)
		dirty += *p != 0;
	return dirty;
}

static void check_release(void)
{
	memset((void *)before, 0x5a, 2 * CHUNK);
	CASE(MEM_RELEASE, EINVAL, "unaligned", last + 4096, 1);
	CASE(MEM_RELEASE, EINVAL, "nothing", last, 0);
	CASE(MEM_RELEASE, EINVAL, "65 chunks", last, 65);
	CASE(MEM_RELEASE, EINVAL, "with rdx", last, 1, 1);
	CASE(MEM_RELEASE, EFAULT, "beyond memory", end, 1);
	CASE(MEM_RELEASE, EFAULT, "the end of addresses", ~(CHUNK - 1), 1);
	CASE(MEM_RELEASE, EBUSY, "the chunk of the start-info page", 0, 1);
	for (u64 kind = 0; kind <= PV_AREA_BATCH; kind++) {
		area_register(kind, (void *)last);
		CASE(MEM_RELEASE, EBUSY, "a chunk with an area", last, 1);
		ok(CASE(MEM_RELEASE, OK, "up to it", before, 2) == 1, "one of two");
		CASE(MEM_CLAIM, OK, "", before, 1);
		area_register(kind, (void *)~0ull);
	}
	ok(CASE(MEM_RELEASE, OK, "", last, 1) == 1, "one chunk");
	CASE(MEM_RELEASE, EFAULT, "it is gone", last, 1);
	ok(hypercall(PV_CALL_MEM_LAYOUT, into, 0) == 1 && ranges[0].bytes == last,
	   "seen in LAYOUT");
	CASE(MEM_RELEASE, OK, "a hole", before, 1);
	CASE(MEM_CLAIM, OK, "above it", last, 1);
	ok(hypercall(PV_CALL_MEM_LAYOUT, into, 0) == 2 && ranges[0].bytes == before &&
		   ranges[1].start == last && ranges[1].bytes == CHUNK,
	   "two ranges");
}

/* The chunk before the last is not there. */
static void check_hole(void)
{
	CASE(INFO, EFAULT, "into the hole", before);
	CASE(MEM_LAYOUT, EFAULT, "into the hole", before + 4096);
	CASE(STATS_READ, EFAULT, "into the hole", 0, before);
	CASE(CONSOLE, EFAULT, "out of the hole", before, 8);
	CASE(CONSOLE_READ, EFAULT, "into the hole", before, 8);
	CASE(AREA_REGISTER, EFAULT, "in the hole", PV_AREA_VCPU, before);
	CASE(VCPU_START, EFAULT, "from the hole", 1, before);
}

static void check_claim(void)
{
	CASE(MEM_CLAIM, EINVAL, "unaligned", before + 4096, 1);
	CASE(MEM_CLAIM, EINVAL, "nothing", before, 0);
	CASE(MEM_CLAIM, EINVAL, "65 chunks", before, 65);
	CASE(MEM_CLAIM, EINVAL, "beyond memory", end, 1);
	CASE(MEM_CLAIM, EINVAL, "the end of addresses", ~(CHUNK - 1), 1);
	CASE(MEM_CLAIM, EINVAL, "with rdx", before, 1, 1);
	CASE(MEM_CLAIM, EEXIST, "memory", last, 1);
	CASE(MEM_CLAIM, EEXIST, "the first chunk", 0, 1);
	ok(CASE(MEM_CLAIM, OK, "up to what is there", before, 2) == 1, "one of two");
	CASE(MEM_CLAIM, EEXIST, "it is back", before, 1);
	ok(!count_dirty(before) && !count_dirty(last), "what is claimed is zeroed");
	memset((void *)before, 0xa5, 2 * CHUNK);
	ok(CASE(MEM_RELEASE, OK, "two", before, 2) == 2, "two chunks");
	ok(CASE(MEM_CLAIM, OK, "two", before, 2) == 2, "two chunks");
	ok(!count_dirty(before) && !count_dirty(last), "both zeroed");
	ok(hypercall(PV_CALL_MEM_LAYOUT, into, 0) == 1 && ranges[0].bytes == end,
	   "all memory again");
}

static void check_flush(void)
{
	CASE(TLB_FLUSH, OK, "all, itself", PV_FLUSH_ALL, 0, 0, 1);
	CASE(TLB_FLUSH, OK, "a range, itself", PV_FLUSH_RANGE, into, 1, 1);
	CASE(TLB_FLUSH, OK, "a range of any size", PV_FLUSH_RANGE, ~0ull, ~0ull, 1);
	CASE(TLB_FLUSH, OK, "all contexts", PV_FLUSH_CONTEXTS, 0, 0, 1);
	CASE(TLB_FLUSH, OK, "one that is not running", PV_FLUSH_ALL, 0, 0, 3);
	CASE(TLB_FLUSH, OK, "nobody", PV_FLUSH_ALL, 0, 0, 0);
	CASE(TLB_FLUSH, EINVAL, "scope 3", PV_FLUSH_CONTEXTS + 1, 0, 0, 1);
	CASE(TLB_FLUSH, EINVAL, "vCPU 2 of 2", PV_FLUSH_ALL, 0, 0, BIT(2));
	CASE(TLB_FLUSH, EINVAL, "vCPU 63", PV_FLUSH_ALL, 0, 0, BIT(63) | 1);
	CASE(TLB_FLUSH, EINVAL, "with r8", PV_FLUSH_ALL, 0, 0, 1, 1);
}

void guest_main(void)
{
	end = start_info->memory_bytes;
	last = end - CHUNK;
	before = last - CHUNK;
	check_layout();
	check_release();
	check_hole();
	check_claim();
	check_flush();
}
