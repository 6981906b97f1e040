/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random hypercalls, rounds= of them from seed=: registers, batch rings, areas and the memory under
 * them. Nothing may happen but an errno. What ends the guest is left out, CONSOLE gets text without
 * letters, MEM_RELEASE the upper half of memory. Needs vcpus: 2, so that VCPU_START has something
 * to refuse, and 8M.
 */
#include "guest.h"

#define VECTOR_PENDING 0xf0
#define CHUNK 0x200000ull
#define PAGES 5u /* one more than there are kinds of areas */

static struct ring ring __attribute__((aligned(4096)));
static u8 newlines[4096] __attribute__((aligned(4096)));
static u8 pages[PAGES][4096] __attribute__((aligned(4096)));
static u64 state;

/* xorshift64*: the same sequence on every machine. */
static u64 next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static u64 interesting(void)
{
	switch (next() % 12) {
	case 0 ... 2:
		return 0;
	case 3 ... 4:
		return next() % 4;
	case 5:
		return next() % 300;
	case 6:
		return (u64)pages[next() % PAGES];
	case 7:
		return (u64)pages + (next() % sizeof(pages) & ~7ull);
	case 8:
		return start_info->memory_bytes - 8 + next() % 16;
	case 9:
		return start_info->memory_bytes / CHUNK / 2 * CHUNK + next() % 2 * CHUNK;
	case 10:
		return ~0ull << next() % 64;
	default:
		return next();
	}
}

/* Calls of the table three times of four. */
static u64 number(void)
{
	static const u16 known[] = {
#define HYPERCALL(nr, handler, args, units, batch, feature) nr,
#include "pv_dispatch.h"
#undef HYPERCALL
	};
	u64 nr = next() % 4 ? known[next() % ARRAY_SIZE(known)] :
		 next() % 2 ? next() % 256 :
			      next();

	/* They end the guest; a mark is a long report. */
	if (nr == PV_CALL_SHUTDOWN || nr == PV_CALL_VCPU_STOP || nr == PV_CALL_WATCHDOG)
		return PV_CALL_NULL;
	return nr == PV_CALL_TRACE_MARK && next() % 16 ? PV_CALL_NULL : nr;
}

/* Arguments for a call, seldom more than it has: what it must not get is replaced. */
static void choose(u64 nr, u64 *args, unsigned count)
{
	static const u8 args_of[PV_CALL_MAX] = {
#define HYPERCALL(nr, handler, args, units, batch, feature) [nr] = args,
#include "pv_dispatch.h"
#undef HYPERCALL
	};
	unsigned used = nr < PV_CALL_MAX && next() % 16 ? args_of[nr] : 6;

	for (unsigned n = 0; n < count; n++)
		args[n] = n < used ? interesting() : 0;
	/* Text of ours only: a TAP line out of this image's own strings would be a verdict. */
	if (nr == PV_CALL_CONSOLE && args[0] < start_info->memory_bytes)
		args[0] = (u64)newlines + args[0] % 4096;
	if (nr == PV_CALL_MEM_RELEASE && args[0] < start_info->memory_bytes)
		args[0] = start_info->memory_bytes / 2 + next() % 2 * CHUNK + next() % 2 * 4096;
}

/* Mostly a ring that runs, now and then one that makes no sense. */
static void fill_ring(void)
{
	u32 count = (u32)(next() % (PV_BATCH_ENTRIES + 2));

	if (next() % 4)
		hypercall(PV_CALL_AREA_REGISTER, PV_AREA_BATCH, (u64)&ring);
	ring.head.cons = (u32)interesting();
	ring.head.prod = next() % 16 ? ring.head.cons + count : (u32)next();
	for (u32 n = 0; n < count && n < PV_BATCH_ENTRIES; n++) {
		struct pv_batch_entry *e = &ring.entries[(ring.head.cons + n) % PV_BATCH_ENTRIES];

		e->nr = (u16)number();
		e->flags = (u16)(next() % 32 ? 0 : next());
		choose(e->nr, e->args, ARRAY_SIZE(e->args));
	}
}

static bool is_errno(s64 result)
{
	static const s64 errnos[] = { PV_EPERM,  PV_ENOENT, PV_ESRCH,     PV_E2BIG,  PV_EAGAIN,
				      PV_ENOMEM, PV_EFAULT, PV_EBUSY,     PV_EEXIST, PV_EINVAL,
				      PV_ENOSPC, PV_ENOSYS, PV_EOPNOTSUPP };

	for (unsigned n = 0; n < ARRAY_SIZE(errnos); n++)
		if (result == -errnos[n])
			return true;
	return false;
}

void guest_main(void)
{
	u64 rounds = arg_number("rounds", 20000), seed = arg_number("seed", 1);
	u64 refused = 0, done = 0, strange = 0, members = 0;

	state = seed * 0x9e3779b97f4a7c15ull | 1;
	memset(newlines, '\n', sizeof(newlines));
	/* Masked and therefore always pending: no BLOCK can sleep. */
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR_PENDING);
	for (u64 n = 0; n < rounds; n++) {
		u64 nr = number(), args[6];
		s64 result;

		choose(nr, args, ARRAY_SIZE(args));
		if (n % 64 == 0)
			for (unsigned i = 0; i < sizeof(pages[0]); i += 8)
				*(u64 *)&pages[n / 64 % PAGES][i] = interesting();
		if (nr == PV_CALL_BATCH_KICK)
			fill_ring();
		result = hypercall6(nr, args);
		refused += is_errno(result);
		done += result >= 0;
		strange += result < 0 && !is_errno(result);
		members += nr == PV_CALL_BATCH_KICK && result > 0 ? (u64)result : 0;
	}
	ok(!strange, "%llu calls: only known errnos", (unsigned long long)rounds);
	ok(refused > rounds / 4, "%llu refused", (unsigned long long)refused);
	ok(done > rounds / 10, "%llu done", (unsigned long long)done);
	ok(members > rounds / 4, "%llu members", (unsigned long long)members);
}
