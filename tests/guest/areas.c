/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the areas hold: the clock of TIME, alike on all vCPUs and as fast as the TSC; state, times,
 * deadline and counters of VCPU; the answers of CPUID. A moved or ended area is left alone. Needs
 * vcpus: 2.
 */
#include "guest.h"

#define MS 1000000ull

static u8 time_page[4096] __attribute__((aligned(4096)));
static struct pv_vcpu_area areas[2] __attribute__((aligned(4096)));
static struct pv_cpuid_row rows[128] __attribute__((aligned(4096)));
static volatile u64 latest;
static volatile u32 backwards, looks[2];

static const struct pv_time_entry *entry_of(u32 vcpu)
{
	return (const void *)(time_page + vcpu * PV_TIME_STRIDE);
}

/* As Linux reads its pvclock. */
static u64 clock_ns(u32 vcpu)
{
	const volatile struct pv_time_entry *e = entry_of(vcpu);
	u32 version;
	u64 ns;

	do {
		u64 delta;

		version = e->version;
		delta = rdtsc() - e->tsc_timestamp;
		delta = e->tsc_shift < 0 ? delta >> -e->tsc_shift : delta << e->tsc_shift;
		ns = e->system_time + (u64)((unsigned __int128)delta * e->tsc_to_system_mul >> 32);
	} while ((version & 1) || version != e->version);
	return ns;
}

/* Both vCPUs at once, each on its own entry: nobody sees less than anybody saw before. */
static void race(void *arg)
{
	u32 self = (u32)(u64)arg;
	u64 end = rdtsc() + 30 * tsc_khz();

	while (rdtsc() < end || looks[!self] < 100) {
		u64 before = latest, now = clock_ns(self);

		backwards += now < before;
		while (before < now &&
		       !__atomic_compare_exchange_n(&latest, &before, now, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST))
			;
		looks[self]++;
	}
}

static void check_time(void)
{
	u64 start_ns, start_clock, ns, clock;
	u32 features = cpuid(PV_CPUID_BASE + PV_CPUID_FEATURES, 0).eax;

	area_register(PV_AREA_TIME, time_page);
	ok(!(entry_of(0)->version & 1) && entry_of(0)->version, "the version is even");
	ok((features & BIT(PV_FEATURE_BIT_TSC_STABLE)) && entry_of(0)->flags == 1,
	   "one clock for all");
	start_ns = now_ns();
	start_clock = clock_ns(0);
	while (now_ns() < start_ns + 100 * MS)
		cpu_relax();
	ns = now_ns() - start_ns;
	clock = clock_ns(0) - start_clock;
	ok(clock > ns - ns / 1000 && clock < ns + ns / 1000, "%llu us of the TSC are %llu us",
	   (unsigned long long)ns / 1000, (unsigned long long)clock / 1000);
	ns = clock_ns(0) + 3 * MS;
	hypercall(PV_CALL_BLOCK, ns, 0);
	clock = clock_ns(0);
	ok(clock >= ns && clock < ns + 5 * MS, "BLOCK takes the same time, %lld us late",
	   (long long)(clock - ns) / 1000);
	vcpu_start(1, race, (void *)1);
	race(NULL);
	ok(!backwards, "%u and %u looks, %u times back", looks[0], looks[1], backwards);
}

/* Asks the scheduler, as a tick does: it writes the area. */
#define refresh() hypercall(PV_CALL_TIMER_SET, 0, 0)

static void check_vcpu(void)
{
	struct pv_vcpu_area *a = &areas[0];
	u64 deadline = now_ns() + 3600000 * MS, calls, cpuids, blocked;

	memset(a, 0, sizeof(*a));
	area_register(PV_AREA_VCPU, a);
	ok(a->state == PV_STATE_RUNNING && a->state_since_ns <= now_ns(), "it runs");
	ok(a->wall_ns > 946684800000 * MS, "the wall clock is in this century");
	hypercall(PV_CALL_TIMER_SET, deadline, 0);
	ok(a->next_deadline_ns >= deadline && a->next_deadline_ns < deadline + deadline / 1000,
	   "its deadline, %lld ns later", (long long)(a->next_deadline_ns - deadline));
	refresh();
	ok(!a->next_deadline_ns, "none any more");
	calls = a->calls[PV_CALL_NULL];
	cpuids = a->exits[PV_EXIT_CPUID];
	for (unsigned n = 0; n < 10; n++) {
		hypercall(PV_CALL_NULL, 0, 0);
		cpuid(0, 0);
	}
	refresh();
	ok(a->calls[PV_CALL_NULL] == calls + 10 && a->exits[PV_EXIT_CPUID] == cpuids + 10,
	   "its counters move by 10");
	for (unsigned n = calls = 0; n < ARRAY_SIZE(a->calls); n++)
		calls += a->calls[n];
	ok(a->exits[PV_EXIT_HYPERCALL] >= calls, "%llu exits by hypercall, %llu calls",
	   (unsigned long long)a->exits[PV_EXIT_HYPERCALL], (unsigned long long)calls);
	blocked = a->state_ns[PV_STATE_BLOCKED];
	hypercall(PV_CALL_BLOCK, now_ns() + 5 * MS, 0);
	refresh();
	blocked = a->state_ns[PV_STATE_BLOCKED] - blocked;
	ok(blocked > 3 * MS && blocked < 20 * MS, "blocked for %llu us of 5 ms",
	   (unsigned long long)blocked / 1000);
	area_register(PV_AREA_VCPU, &areas[1]);
	a->next_deadline_ns = 1;
	hypercall(PV_CALL_TIMER_SET, deadline, 0);
	ok(a->next_deadline_ns == 1 && areas[1].next_deadline_ns >= deadline, "it has moved");
	area_register(PV_AREA_VCPU, (void *)~0ull);
	areas[1].next_deadline_ns = 2;
	refresh();
	ok(areas[1].next_deadline_ns == 2, "it has ended");
}

static void check_cpuid(void)
{
	unsigned count = 0, wrong = 0;

	area_register(PV_AREA_CPUID, rows);
	for (; count < ARRAY_SIZE(rows) && rows[count].leaf != ~0u; count++) {
		struct cpuid_regs r = cpuid(rows[count].leaf, rows[count].subleaf);

		wrong += r.eax != rows[count].eax || r.ebx != rows[count].ebx ||
			 r.ecx != rows[count].ecx || r.edx != rows[count].edx;
	}
	ok(count > 15 && count < 128 && !wrong, "%u rows, %u unlike CPUID", count, wrong);
}

void guest_main(void)
{
	check_time();
	check_vcpu();
	check_cpuid();
}
