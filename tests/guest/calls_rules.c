/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds for every call of the table, whatever it does: unused registers must be 0, user mode
 * gets #UD, what is not batchable is refused in a ring, a call off the domain's list is EPERM (few:
 * it has CONSOLE and SHUTDOWN only), one whose feature is masked is EOPNOTSUPP (off= the bits).
 */
#include "guest.h"

static const struct {
	u32 nr, args;
	bool is_batchable;
	u64 feature;
	const char *name;
} rows[] = {
#define HYPERCALL(nr, handler, count, units, batch, bits) { nr, count, batch, bits, #handler },
#include "pv_dispatch.h"
};

static struct ring ring __attribute__((aligned(4096)));

static bool is_listed(u32 nr)
{
	return !arg_flag("few") || nr == PV_CALL_CONSOLE || nr == PV_CALL_SHUTDOWN;
}

/* Wrong in every register, so no call of the table can do anything. */
static void check_precedence(u64 off)
{
	static const u64 garbage[6] = { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull };

	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		s64 wanted = !is_listed(rows[n].nr)  ? PV_EPERM :
			     (rows[n].feature & off) ? PV_EOPNOTSUPP :
						       PV_EINVAL;

		case_run(rows[n].nr, wanted, rows[n].name, garbage);
	}
}

static void check_leaves(u64 off)
{
	struct cpuid_regs features = cpuid(PV_CPUID_BASE + PV_CPUID_FEATURES, 0);
	struct cpuid_regs limits = cpuid(PV_CPUID_BASE + PV_CPUID_LIMITS, 0);
	u64 seen = (u64)features.ebx << 32 | features.eax, known = 0;
	unsigned wrong = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		struct cpuid_regs r = cpuid(PV_CPUID_BASE + PV_CPUID_CALLS, rows[n].nr / 128);
		const u32 words[4] = { r.eax, r.ebx, r.ecx, r.edx };

		known |= rows[n].feature;
		wrong += !(words[rows[n].nr % 128 / 32] & BIT(rows[n].nr % 32)) ==
			 (is_listed(rows[n].nr) && !(rows[n].feature & off));
	}
	ok(!wrong, "CPUID shows the calls that the domain has (%u wrong)", wrong);
	ok((seen & known) == (known & ~off), "and its features (%#llx)", (unsigned long long)seen);
	ok(limits.ebx == PV_BATCH_ENTRIES && limits.ecx == PV_EVENT_PORTS,
	   "and the limits: %u batch entries, %u ports", limits.ebx, limits.ecx);
}

static void check_unused(void)
{
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		unsigned wrong = 0;

		for (unsigned arg = rows[n].args; arg < 6; arg++) {
			u64 args[6] = { 0 };

			args[arg] = arg % 2 ? BIT(63) : 1;
			wrong += hypercall6(rows[n].nr, args) != -PV_EINVAL;
		}
		ok(!wrong, "%s: %u unused registers", rows[n].name, 6 - rows[n].args);
	}
}

/* With garbage in the arguments: a member that may stand in a ring is refused for these. */
static void check_members(void)
{
	unsigned count = 0, wrong = 0;

	area_register(PV_AREA_BATCH, &ring);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		if (!rows[n].is_batchable)
			ring.entries[count++].nr = (u16)rows[n].nr;
	ring.head.prod = count;
	ok(hypercall(PV_CALL_BATCH_KICK, 0, 0) == count, "%u unbatchable members", count);
	for (unsigned n = 0; n < count; n++)
		wrong += ring.entries[n].status != -PV_EINVAL;
	ok(!wrong, "all refused (%u are not)", wrong);
	count = 0;
	for (u32 nr = 0; nr < 0x10000 && count < PV_BATCH_ENTRIES; nr += nr < 0x100 ? 3 : 0x333) {
		for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
			if (rows[n].nr == nr)
				goto known;
		ring.entries[count++].nr = (u16)nr;
known:;
	}
	ring.head.cons = 0;
	ring.head.prod = count;
	ok(hypercall(PV_CALL_BATCH_KICK, 0, 0) == count, "%u unknown members", count);
	for (unsigned n = 0; n < count; n++)
		wrong += ring.entries[n].status != -PV_ENOSYS;
	ok(!wrong, "all ENOSYS (%u are not)", wrong);
}

/* Members are counted apart from the kick, where the guest can see it. */
static void check_member_counts(void)
{
	static struct pv_vcpu_area area __attribute__((aligned(4096)));

	area_register(PV_AREA_VCPU, &area);
	memset(ring.entries, 0, sizeof(ring.entries));
	for (unsigned n = 0; n < 3; n++)
		ring.entries[n].nr = PV_CALL_NULL;
	ring.head.cons = 0;
	ring.head.prod = 3;
	hypercall(PV_CALL_BATCH_KICK, 0, 0);
	hypercall(PV_CALL_TIMER_SET, 0, 0); /* the area is written */
	ok(area.members[PV_CALL_NULL] == 3, "%llu NULL members of 3",
	   (unsigned long long)area.members[PV_CALL_NULL]);
}

static void check_user(void)
{
	unsigned wrong = 0;

	user_init();
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		wrong += run_user(hypercall_insn, (void *)(u64)rows[n].nr, 0).vector != VEC_UD;
	wrong += run_user(hypercall_insn, (void *)~0ull, 0).vector != VEC_UD;
	ok(!wrong, "ring 3: #UD for every number (%u are not)", wrong);
}

void guest_main(void)
{
	u64 off = arg_number("off", 0);

	check_precedence(off);
	check_leaves(off);
	if (off || arg_flag("few"))
		return;
	check_unused();
	check_members();
	check_member_counts();
	check_user();
}
