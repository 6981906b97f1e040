/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random hypercalls with random registers: rounds= of them from seed=. Nothing may happen but an
 * errno. What ends the guest is left out, CONSOLE gets text without letters. Needs vcpus: 2, so
 * that VCPU_START has something to refuse.
 */
#include "guest.h"

#define VECTOR_PENDING 0xf0

static u8 newlines[4096] __attribute__((aligned(4096)));
static u8 noise[4096] __attribute__((aligned(4096)));
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
	switch (next() % 10) {
	case 0:
	case 1:
	case 2:
		return 0;
	case 3:
		return next() % 4;
	case 4:
		return next() % 300;
	case 5:
		return (u64)newlines + next() % 4096;
	case 6:
		return (u64)noise + (next() % 4096 & ~7ull);
	case 7:
		return start_info->memory_bytes - 8 + next() % 16;
	case 8:
		return ~0ull << next() % 64;
	default:
		return next();
	}
}

static u64 number(void)
{
	static const u64 known[] = {
		PV_CALL_NULL,         PV_CALL_INFO,       PV_CALL_AREA_REGISTER,
		PV_CALL_BATCH_KICK,   PV_CALL_CONSOLE,    PV_CALL_STATS_READ,
		PV_CALL_CONSOLE_READ, PV_CALL_VCPU_START, PV_CALL_VCPU_QUERY,
		PV_CALL_YIELD,        PV_CALL_BLOCK,      PV_CALL_KICK,
		PV_CALL_TIMER_SET,    PV_CALL_IPI_SEND,   PV_CALL_IPI_MASK,
		PV_CALL_TLB_FLUSH,    PV_CALL_MEM_LAYOUT, PV_CALL_MEM_CLAIM,
		PV_CALL_EVT_ALLOC,    PV_CALL_EVT_BIND,   PV_CALL_EVT_BIND_VIRQ,
		PV_CALL_EVT_SEND,     PV_CALL_EVT_UNMASK, PV_CALL_EVT_CLOSE,
		PV_CALL_EVT_ROUTE,
	};
	/* They end the guest, or take away the memory that it runs in. */
	static const u64 deadly[] = { PV_CALL_SHUTDOWN, PV_CALL_VCPU_STOP, PV_CALL_WATCHDOG,
				      PV_CALL_MEM_RELEASE, PV_CALL_EVT_SETUP };
	u64 nr = next() % 4 ? known[next() % ARRAY_SIZE(known)] :
		 next() % 2 ? next() % 256 :
			      next();

	for (unsigned n = 0; n < ARRAY_SIZE(deadly); n++)
		if (nr == deadly[n])
			return PV_CALL_NULL;
	return nr;
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
	u64 refused = 0, done = 0, strange = 0;

	plan(3);
	state = seed * 0x9e3779b97f4a7c15ull | 1;
	memset(newlines, '\n', sizeof(newlines));
	for (unsigned n = 0; n < sizeof(noise); n++)
		noise[n] = (u8)next();
	/* Masked and therefore always pending: no BLOCK can sleep. */
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR_PENDING);
	for (u64 n = 0; n < rounds; n++) {
		u64 nr = number(), args[6] = { interesting(), interesting() };
		s64 result;

		if (next() % 4 == 0)
			args[2 + next() % 4] = interesting();
		/*
		 * Text of ours only: a TAP line out of this image's own strings would be a verdict.
		 */
		if (nr == PV_CALL_CONSOLE && args[0] < start_info->memory_bytes)
			args[0] = (u64)newlines + args[0] % 4096;
		result = hypercall6(nr, args);
		refused += is_errno(result);
		done += result >= 0;
		strange += result < 0 && !is_errno(result);
	}
	ok(!strange, "%llu calls: only known errnos", (unsigned long long)rounds);
	ok(refused > rounds / 2, "%llu refused", (unsigned long long)refused);
	ok(done > rounds / 100, "%llu done", (unsigned long long)done);
}
