/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas (dispatcher/area.c): what a guest reads there is what it would be told, at any TSC
 * frequency; registering, moving and ending them; memory that is given back behind them.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "tap.h"

#define PAGE(n) (0x40000u + (n) * PAGE_SIZE)
#define VCPUS 3u

static struct vcpu *v;
static struct domain *d;

static void begin(void)
{
	const struct world_domain one = { .vcpus = VCPUS, .mode = PV_MODE_PV_HAP, .chunks = 2 };

	v = world_of(&one);
	d = v->domain;
}

static s64 set_area(struct vcpu *who, u64 kind, u64 page)
{
	return CALL_OF(who, PV_CALL_AREA_REGISTER, kind, page);
}

static struct pv_time_entry time_entry(gpa_t page, unsigned id)
{
	struct pv_time_entry entry;

	caller_get(v, page + id * PV_TIME_STRIDE, &entry, sizeof(entry));
	return entry;
}

/* Linux's own arithmetic (Documentation/virt/kvm/x86/msr.rst, "MSR_KVM_SYSTEM_TIME_NEW"). */
static u64 guest_ns(const struct pv_time_entry *e, u64 tsc)
{
	u64 delta = tsc - e->tsc_timestamp;

	delta = e->tsc_shift < 0 ? delta >> -e->tsc_shift : delta << e->tsc_shift;
	return e->system_time + (u64)(((unsigned __int128)delta * e->tsc_to_system_mul) >> 32);
}

static void test_time(void)
{
	begin();
	EXPECT_EQ(set_area(v, PV_AREA_TIME, PAGE(0)), 0);
	for (unsigned id = 0; id < VCPUS; id++) {
		struct pv_time_entry e = time_entry(PAGE(0), id);

		EXPECT(e.version && !(e.version & 1) && e.flags == 1);
		EXPECT(!e.pad0 && !e.pad1);
		EXPECT(llabs((long long)(guest_ns(&e, 1000000000000) - 1000000000000)) < 1000);
	}
	/* User space maps this page: it holds nothing else. */
	for (gpa_t at = PAGE(0) + VCPUS * PV_TIME_STRIDE; at < PAGE(1); at += 8)
		EXPECT_EQ(caller_get64(v, at), 0);
	EXPECT_EQ(set_area(d->vcpus[1], PV_AREA_TIME, PAGE(1)), 0); /* it is the domain's */
	EXPECT(time_entry(PAGE(1), 2).version && d->time_area == PAGE(1));
	EXPECT_EQ(set_area(v, PV_AREA_TIME, ~0ull), 0);
	EXPECT_EQ(d->time_area, AREA_NONE);
	/* Without the feature the entries promise less. */
	d->features &= ~BIT(PV_FEATURE_BIT_TSC_STABLE);
	EXPECT_EQ(set_area(v, PV_AREA_TIME, PAGE(2)), 0);
	EXPECT_EQ(time_entry(PAGE(2), 0).flags, 0);
	world_destroy();
	tap_case("TIME: an entry for each vCPU, and nothing else");
}

/* Every frequency a machine may have: right to a part in a million, never backwards or early. */
static void test_frequencies(void)
{
	static const u64 khz[] = { 1000,    19200,   500000,  500001,  999999,
				   1000000, 1000001, 1193182, 2000000, 2399998,
				   2400000, 3600000, 4000000, 5800000, 9999999 };
	u64 kept = tsc_khz, seed = 9;

	for (unsigned i = 0; i < ARRAY_SIZE(khz); i++) {
		struct pv_time_entry e;
		u64 before = 0;

		tsc_khz = khz[i];
		begin();
		EXPECT_EQ(set_area(v, PV_AREA_TIME, PAGE(0)), 0);
		e = time_entry(PAGE(0), 0);
		for (unsigned hours = 1; hours < 10000; hours *= 10) {
			u64 tsc = khz[i] * 3600000 * hours, ns = 3600000000000ull * hours;

			EXPECT(guest_ns(&e, tsc) == pvclock_ns(tsc));
			EXPECT_MSG(llabs((long long)(pvclock_ns(tsc) - ns)) <
					   (long long)(ns / 1000000),
				   "%llu kHz: %llu ns in %u hours", (unsigned long long)khz[i],
				   (unsigned long long)pvclock_ns(tsc), hours);
		}
		for (unsigned n = 0; n < 2000; n++) {
			u64 ns = rnd(&seed) >> (rnd(&seed) % 40 + 8), tsc = pvclock_tsc(ns);
			u64 step = khz[i] / 1000000 + 1;

			EXPECT_MSG(pvclock_ns(tsc) >= ns, "%llu kHz: %llu ns comes early",
				   (unsigned long long)khz[i], (unsigned long long)ns);
			EXPECT(tsc < 300 * step || pvclock_ns(tsc - 300 * step) <= ns);
			EXPECT(pvclock_ns(before + n) >= pvclock_ns(before));
			before = tsc;
		}
		EXPECT(pvclock_tsc(~0ull) == ~0ull && pvclock_tsc(BIT(60)) == ~0ull);
		EXPECT(pvclock_tsc(BIT(60) - 1) < ~0ull);
		world_destroy();
	}
	tsc_khz = kept;
	tap_case("the pvclock at any frequency, and back");
}

static void test_cpuid(void)
{
	struct vmexit exit = { .code.exit = PV_EXIT_CPUID };
	struct pv_cpuid_row row;
	unsigned count = 0;
	bool has_identity = false;

	begin();
	EXPECT_EQ(set_area(v, PV_AREA_CPUID, PAGE(0)), 0);
	for (;; count++) {
		bool is_mine; /* what differs between vCPUs is the reader's own */

		caller_get(v, PAGE(0) + count * sizeof(row), &row, sizeof(row));
		if (row.leaf == ~0u || count == PAGE_SIZE / sizeof(row) - 1)
			break;
		v->gpr[RAX] = row.leaf;
		v->gpr[RCX] = row.subleaf;
		EXPECT_EQ(interpret_cpuid(v, &exit), ADVANCE);
		is_mine = row.leaf == 1;
		EXPECT_MSG(row.eax == v->gpr[RAX] && row.ebx == v->gpr[RBX] &&
				   (is_mine || row.ecx == v->gpr[RCX]) && row.edx == v->gpr[RDX],
			   "leaf 0x%x, sub-leaf %u differs", row.leaf, row.subleaf);
		EXPECT(row.leaf != 0xd && !row.reserved && (row.is_indexed || !row.subleaf));
		has_identity |= row.leaf == PV_CPUID_BASE + PV_CPUID_IDENTITY;
	}
	EXPECT(row.leaf == ~0u && count > 20 && has_identity);
	EXPECT_EQ(set_area(v, PV_AREA_CPUID, ~0ull), 0);
	world_destroy();
	tap_case("CPUID: what the instruction says, without it");
}

static u64 field64(struct vcpu *who, size_t offset)
{
	return caller_get64(who, who->area + offset);
}

#define FIELD64(name) field64(v, PV_VCPU_AREA_##name)

static void test_vcpu(void)
{
	struct pv_vcpu_area area;

	begin();
	fake_wall_ns = 12345;
	CALL_OF(v, PV_CALL_TIMER_SET, 5000000, 0);
	CALL_OF(v, PV_CALL_NULL);
	v->calls[ROW_hypercall_null].count = 7;
	v->exits[PV_EXIT_CPUID].count = 3;
	v->public_state = PV_STATE_RUNNING;
	v->state_tsc[PV_STATE_RUNNABLE] = 4000000;
	EXPECT_EQ(set_area(v, PV_AREA_VCPU, PAGE(0)), 0);
	caller_get(v, PAGE(0), &area, sizeof(area));
	EXPECT(area.version && !(area.version & 1));
	EXPECT(area.state == PV_STATE_RUNNING && area.wall_ns == 12345);
	EXPECT(area.next_deadline_ns >= 5000000 && area.next_deadline_ns < 5000010);
	EXPECT(llabs((long long)(area.state_ns[PV_STATE_RUNNABLE] - 4000000)) < 10);
	EXPECT(area.calls[PV_CALL_NULL] == 7 && area.exits[PV_EXIT_CPUID] == 3);
	/* Kept up to date from then on, for this vCPU alone. */
	CALL_OF(v, PV_CALL_TIMER_SET, 0, 0);
	EXPECT_EQ(FIELD64(NEXT_DEADLINE_NS), 0);
	CALL_OF(v, PV_CALL_BLOCK, 9000000);
	EXPECT(FIELD64(NEXT_DEADLINE_NS) >= 9000000);
	area_write_preempted(v, true);
	EXPECT_EQ(FIELD64(PREEMPTED) & 0xff, 1);
	area_write_preempted(v, false);
	EXPECT_EQ(FIELD64(PREEMPTED) & 0xff, 0);
	CALL_OF(d->vcpus[1], PV_CALL_TIMER_SET, 1000, 0);
	EXPECT(FIELD64(NEXT_DEADLINE_NS) >= 9000000);
	/* Moved: the old page is left as it is. Ended: so is the new one. */
	EXPECT_EQ(set_area(v, PV_AREA_VCPU, PAGE(1)), 0);
	CALL_OF(v, PV_CALL_TIMER_SET, 0, 0);
	EXPECT_EQ(FIELD64(NEXT_DEADLINE_NS), 0);
	EXPECT(caller_get64(v, PAGE(0) + PV_VCPU_AREA_NEXT_DEADLINE_NS) >= 9000000);
	EXPECT_EQ(set_area(v, PV_AREA_VCPU, ~0ull), 0);
	CALL_OF(v, PV_CALL_TIMER_SET, 77000, 0);
	EXPECT_EQ(caller_get64(v, PAGE(1) + PV_VCPU_AREA_NEXT_DEADLINE_NS), 0);
	world_destroy();
	tap_case("VCPU: filled at once, kept up to date, moved and ended");
}

/* What is the guest's in there stays as it was: masks and pending bits of ports. */
static void test_guests_part(void)
{
	struct pv_vcpu_area area;

	begin();
	memset(&area, 0xa5, sizeof(area));
	caller_put(v, PAGE(0), &area, sizeof(area));
	EXPECT_EQ(set_area(v, PV_AREA_VCPU, PAGE(0)), 0);
	area_write_state(v);
	caller_get(v, PAGE(0), &area, sizeof(area));
	for (unsigned i = 0; i < 4; i++)
		EXPECT(area.port_mask[i] == 0xa5a5a5a5a5a5a5a5 &&
		       area.port_pending[i] == 0xa5a5a5a5a5a5a5a5);
	EXPECT(area.upcall_pending == 0xa5 && area.port_selector == 0xa5a5a5a5a5a5a5a5);
	EXPECT(!(area.version & 1));
	world_destroy();
	tap_case("VCPU: what belongs to the guest is left alone");
}

static unsigned not_zero(const u64 *at, size_t count)
{
	unsigned found = 0;

	for (size_t i = 0; i < count; i++)
		found += at[i] != 0;
	return found;
}

/* A page of garbage: every counter is there, and what no counter has is zero. */
static void test_counters(void)
{
	struct pv_vcpu_area area;
	unsigned shown = 0;
	u32 version;

	begin();
	memset(&area, 0xa5, sizeof(area));
	caller_put(v, PAGE(0), &area, sizeof(area));
	EXPECT_EQ(set_area(v, PV_AREA_VCPU, PAGE(0)), 0);
	caller_get(v, PAGE(0), &area, sizeof(area));
	EXPECT_EQ(not_zero(area.exits, ARRAY_SIZE(area.exits)), 0);
	EXPECT_EQ(not_zero(area.calls, ARRAY_SIZE(area.calls)), 0);
	EXPECT_EQ(not_zero(area.members, ARRAY_SIZE(area.members)), 0);
	version = area.version;
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		v->exits[i].count = 1000 + i;
	v->exits[PV_EXIT_HYPERCALL].count = 1;
	for (unsigned row = 0; row < HYPERCALL_ROWS; row++) {
		v->calls[row].count = 2000 + row;
		v->members[row] = 3000 + row;
	}
	area_write_state(v);
	caller_get(v, PAGE(0), &area, sizeof(area));
	EXPECT_EQ(area.version, version + 2);
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		EXPECT(i == PV_EXIT_HYPERCALL || area.exits[i] == 1000 + i);
	EXPECT_EQ(area.exits[PV_EXIT_HYPERCALL],
		  1 + 2000 * HYPERCALL_ROWS + HYPERCALL_ROWS * (HYPERCALL_ROWS - 1) / 2);
	for (unsigned row = 0; row < HYPERCALL_ROWS; row++) {
		EXPECT_EQ(area.calls[hypercall_number(row)], 2000 + row);
		if (hypercall_number(row) >= ARRAY_SIZE(area.members))
			continue;
		shown++;
		EXPECT_EQ(area.members[hypercall_number(row)], 3000 + row);
	}
	EXPECT_EQ(not_zero(area.exits, ARRAY_SIZE(area.exits)), PV_EXIT_COUNT);
	EXPECT_EQ(not_zero(area.calls, ARRAY_SIZE(area.calls)), HYPERCALL_ROWS);
	EXPECT_EQ(not_zero(area.members, ARRAY_SIZE(area.members)), shown);
	world_destroy();
	tap_case("VCPU: a counter for each exit and call, zero where there is none");
}

static void test_released(void)
{
	static const u64 kinds[] = { PV_AREA_TIME, PV_AREA_VCPU, PV_AREA_CPUID, PV_AREA_BATCH };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vcpu *who;

		begin();
		who = d->vcpus[i % 2]; /* of any vCPU */
		EXPECT(!area_in_chunk(d, 0) && !area_in_chunk(d, CHUNK_SIZE));
		EXPECT_EQ(set_area(who, kinds[i], 2 * CHUNK_SIZE - PAGE_SIZE), 0);
		EXPECT(!area_in_chunk(d, 0) && area_in_chunk(d, CHUNK_SIZE));
		EXPECT_EQ(CALL_OF(v, PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), -PV_EBUSY);
		EXPECT_EQ(set_area(who, kinds[i], ~0ull), 0);
		EXPECT_EQ(CALL_OF(v, PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), 1);
		EXPECT_EQ(set_area(who, kinds[i], 2 * CHUNK_SIZE - PAGE_SIZE), -PV_EFAULT);
		EXPECT(!area_in_chunk(d, CHUNK_SIZE));
		world_destroy();
	}
	tap_case("memory with an area in it is not given back");
}

int main(void)
{
	fake_cpuid_all();
	test_time();
	test_frequencies();
	test_cpuid();
	test_vcpu();
	test_guests_part();
	test_counters();
	test_released();
	return tap_done();
}
