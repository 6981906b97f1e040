/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The batch ring: order, a status in every entry, stop on error, full and wrapping rings, members
 * that are refused, indices that are. Marks 1..2: 10 kicks of 20 NULLs are 10 hypercalls.
 */
#include "guest.h"

#define UNTOUCHED 0x77777777
#define ENTRIES PV_BATCH_ENTRIES

static struct ring rings[2] __attribute__((aligned(4096)));
static struct ring *ring = &rings[0];

#define at(index) (&ring->entries[(u32)(index) % ENTRIES])

static void begin(u32 index)
{
	memset(ring->entries, 0, sizeof(ring->entries));
	ring->head = (struct pv_batch_head){ .prod = index, .cons = index, .first_error = 999 };
}

static u32 put(u64 nr, u16 flags, u64 arg0, u64 arg1)
{
	*at(ring->head.prod) = (struct pv_batch_entry){
		.nr = (u16)nr, .flags = flags, .status = UNTOUCHED, .args = { arg0, arg1 }
	};
	return ring->head.prod++;
}

#define kick() hypercall(PV_CALL_BATCH_KICK, 0, 0)

static void check_indices(void)
{
	CASE(BATCH_KICK, ENOENT, "before there is a ring");
	area_register(PV_AREA_BATCH, ring);
	CASE(BATCH_KICK, EINVAL, "with rdi", 1);
	ok(CASE(BATCH_KICK, OK, "nothing to do") == 0, "0 done");
	ring->head.prod = ENTRIES + 1;
	CASE(BATCH_KICK, EINVAL, "125 entries");
	begin(5);
	ring->head.prod = 4;
	CASE(BATCH_KICK, EINVAL, "prod before cons");
	ok(ring->head.cons == 5, "nothing was done");
}

static void check_statuses(void)
{
	static char text[] __attribute__((aligned(64))) = "# member 1\n# member 2\n# member 3\n";
	static const struct {
		u64 nr;
		u16 flags;
		u64 arg[2];
		s32 status;
	} rows[] = {
		{ PV_CALL_CONSOLE, 0, { (u64)text, 11 }, 11 },
		{ PV_CALL_CONSOLE, 0, { (u64)text + 11, 11 }, 11 },
		{ PV_CALL_CONSOLE, 0, { (u64)text + 22, 11 }, 11 },
		{ PV_CALL_NULL, 0, { 0 }, 0 },
		{ PV_CALL_NULL, 0, { 1 }, -PV_EINVAL }, /* an unused argument */
		{ PV_CALL_IPI_SEND, 0, { 0, 31 }, -PV_EINVAL },
		{ PV_CALL_KICK, 0, { 77 }, -PV_ENOENT },
		{ PV_CALL_EVT_SEND, 0, { 9 }, -PV_ENOENT },
		{ PV_CALL_BATCH_KICK, 0, { 0 }, -PV_EINVAL }, /* nested */
		{ PV_CALL_BLOCK, 0, { 0 }, -PV_EINVAL }, /* not batchable */
		{ 0xee, 0, { 0 }, -PV_ENOSYS },
		{ PV_CALL_NULL, PV_BATCH_FLAG_EXPECT, { 0 }, -PV_EINVAL }, /* for MMU calls */
		{ PV_CALL_NULL, 0x8000, { 0 }, -PV_EINVAL },
		{ PV_CALL_NULL, PV_BATCH_FLAG_STOP_ON_ERROR, { 0 }, 0 }, /* no error, no stop */
		{ PV_CALL_TLB_FLUSH, 0, { 0 }, -PV_EINVAL }, /* it has four arguments */
		{ PV_CALL_NULL, 0, { 0 }, 0 },
	};

	begin(0);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		put(rows[n].nr, rows[n].flags, rows[n].arg[0], rows[n].arg[1]);
	ok(kick() == (s64)ARRAY_SIZE(rows) && ring->head.cons == ARRAY_SIZE(rows), "all are done");
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		ok(at(n)->status == rows[n].status, "member %u: %d", n, at(n)->status);
	ok(ring->head.first_error == 999, "no kick was stopped");
}

static void check_stop(void)
{
	begin(100);
	put(PV_CALL_NULL, 0, 0, 0);
	put(PV_CALL_NULL, 0, 1, 0);
	put(0xee, PV_BATCH_FLAG_STOP_ON_ERROR, 0, 0);
	put(PV_CALL_NULL, 0, 0, 0);
	ok(kick() == 3 && ring->head.cons == 103, "stopped after three");
	ok(ring->head.first_error == 102 && at(102)->status == -PV_ENOSYS, "by the third");
	ok(at(101)->status == -PV_EINVAL && at(103)->status == UNTOUCHED,
	   "the fourth is not begun");
	ok(kick() == 1 && at(103)->status == 0, "the next kick goes on there");
}

/* Indices run freely. At 2^32 the entry after the last is the first one. */
static void check_wrap(void)
{
	static const u32 starts[] = { 0, 60, ENTRIES - 1, ENTRIES * 1000u - 5 };

	for (unsigned n = 0; n < ARRAY_SIZE(starts); n++) {
		unsigned wrong = 0;
		s64 done;

		begin(starts[n]);
		for (u32 i = 0; i < ENTRIES; i++)
			put(PV_CALL_NULL, 0, i % 3 == 0, 0);
		/* What exceeds the units of one kick is left for the next. */
		do
			done = kick();
		while (done > 0 && ring->head.cons != ring->head.prod);
		for (u32 i = 0; i < ENTRIES; i++)
			wrong += at(starts[n] + i)->status != (i % 3 ? 0 : -PV_EINVAL);
		ok(done > 0 && !wrong && kick() == 0, "a full ring from %u on: %u wrong", starts[n],
		   wrong);
	}
	begin(~0u);
	put(PV_CALL_NULL, 0, 1, 0);
	put(PV_CALL_NULL, 0, 0, 0);
	ok(kick() == 2 && ring->head.cons == 1 && at(~0u)->status == -PV_EINVAL && !at(0)->status,
	   "across 2^32");
}

static void check_areas(void)
{
	begin(0);
	ring = &rings[1];
	area_register(PV_AREA_BATCH, ring);
	begin(7);
	put(PV_CALL_NULL, 0, 0, 0);
	ok(kick() == 1 && ring->head.cons == 8, "the ring has moved");
	mark(1);
	for (unsigned n = 0; n < 10; n++) {
		for (unsigned i = 0; i < 20; i++)
			put(PV_CALL_NULL, 0, 0, 0);
		kick();
	}
	mark(2);
	area_register(PV_AREA_BATCH, (void *)~0ull);
	CASE(BATCH_KICK, ENOENT, "after the end of the ring");
}

void guest_main(void)
{
	check_indices();
	check_statuses();
	check_stop();
	check_wrap();
	check_areas();
}
