/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain that reboots (dispatcher/restart.c, domain_memory.c): its second life finds the memory
 * and the vCPUs as the first one did, and nothing of what that one registered; its neighbours keep
 * theirs; memory and tables are the same after any number of lives.
 */
#include <string.h>

#include "allocator/copy.h"
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/simulator.h"
#include "hypercalls/hypercalls.h"
#include "machine/machine.h"
#include "tap.h"

#define CHUNKS 3u
#define READONLY_GPA 0x8000u /* of fake/world.c: a page of the bundle */
#define AREA 0x40000u
#define PERIOD RESTART_PERIOD_NS

static struct domain *d, *neighbour;
static struct vcpu *first;

static void begin(bool restarts)
{
	const struct world_domain two[] = {
		{ .vcpus = 3,
		  .mode = PV_MODE_PV_HAP,
		  .chunks = CHUNKS,
		  .console_limit = 40,
		  .restarts = restarts },
		{ .vcpus = 1, .mode = PV_MODE_PV_HAP, .restarts = true },
	};

	sim_begin(two, 2, 2);
	d = domains[0];
	neighbour = domains[1];
	first = d->vcpus[0];
	d->restart_tsc = 0 - (u64)PERIOD; /* it was started long ago */
	sim_run(100);
	EXPECT_EQ(first->state, VCPU_RUNNING);
	fake_this_cpu = first->cpu;
}

static bool runs_again(u32 lives)
{
	return d->restarts == lives && first->state == VCPU_RUNNING &&
	       !(first->attention & ATTENTION_REBUILD);
}

static void reboot(void)
{
	u32 lives = d->restarts + 1;

	fake_this_cpu = first->cpu;
	CALL_OF(first, PV_CALL_SHUTDOWN, PV_SHUTDOWN_REBOOT, 0);
	for (unsigned n = 0; n < 100 && !runs_again(lives); n++)
		sim_run(20);
	EXPECT(runs_again(lives) && !d->ending && !d->ended);
	fake_this_cpu = first->cpu;
}

static void test_end(void)
{
	begin(false);
	CALL_OF(first, PV_CALL_SHUTDOWN, PV_SHUTDOWN_REBOOT, 0);
	sim_run(500);
	EXPECT(d->ended && d->end.reason == PV_SHUTDOWN_REBOOT && d->end.how == PV_END_SHUTDOWN);
	sim_finish();
	/* And one that restarts ends for any other reason. */
	for (u64 reason = 0; reason <= PV_SHUTDOWN_CRASH; reason++) {
		if (reason == PV_SHUTDOWN_REBOOT)
			continue;
		begin(true);
		CALL_OF(first, PV_CALL_SHUTDOWN, reason, 0);
		sim_run(500);
		EXPECT(d->ended && d->end.reason == reason && !d->restarts);
		sim_finish();
	}
	begin(true);
	vm_kill(d, NULL, "by the test");
	sim_run(500);
	EXPECT(d->ended && d->end.how == PV_END_KILLED && !d->restarts);
	sim_finish();
	tap_case("only a reboot restarts, and only where the description says so");
}

static unsigned count_bytes(gpa_t from, u64 bytes, u8 value)
{
	u8 page[PAGE_SIZE];
	unsigned found = 0;

	for (gpa_t at = from; at < from + bytes; at += PAGE_SIZE) {
		caller_get(first, at, page, sizeof(page));
		for (unsigned i = 0; i < PAGE_SIZE; i++)
			found += page[i] == value;
	}
	return found;
}

static void check_layout(void)
{
	for (gpa_t at = 0; at < CHUNKS * CHUNK_SIZE; at += PAGE_SIZE) {
		u64 entry = hap_lookup(&d->hap, at, NULL);
		bool is_writable = entry & d->hap.format->write;

		EXPECT_MSG(p2m_lookup(&d->p2m, at) && entry && is_writable == (at != READONLY_GPA),
			   "the page at 0x%llx: entry 0x%llx", (unsigned long long)at,
			   (unsigned long long)entry);
	}
}

static void test_memory(void)
{
	struct frames_stats before, after;
	u8 garbage[PAGE_SIZE];
	u32 tables;

	begin(true);
	memset(garbage, 0x5a, sizeof(garbage));
	before = frames_stats();
	tables = d->hap.tables;
	for (unsigned life = 0; life < 5; life++) {
		for (gpa_t at = 0; at < CHUNKS * CHUNK_SIZE; at += PAGE_SIZE)
			caller_put(first, at, garbage, sizeof(garbage));
		/* In its own life it gives the last chunk away, and takes the one before anew. */
		EXPECT_EQ(CALL_OF(first, PV_CALL_MEM_RELEASE, CHUNK_SIZE, 2), 2);
		EXPECT_EQ(CALL_OF(first, PV_CALL_MEM_CLAIM, CHUNK_SIZE, 1), 1);
		reboot();
		EXPECT_EQ(count_bytes(0, CHUNKS * CHUNK_SIZE, 0), CHUNKS * CHUNK_SIZE);
		check_layout();
		d->restart_tsc -= PERIOD;
	}
	after = frames_stats();
	EXPECT_EQ(after.chunks_free, before.chunks_free);
	EXPECT_EQ(after.pool_frames_free, before.pool_frames_free);
	EXPECT_EQ(d->hap.tables, tables);
	/* Nothing is left for a chunk that it gave away: it ends, and says why. */
	EXPECT_EQ(CALL_OF(first, PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), 1);
	fake_chunks_left = 0;
	CALL_OF(first, PV_CALL_SHUTDOWN, PV_SHUTDOWN_REBOOT, 0);
	sim_run(500);
	EXPECT(d->ended && d->end.how == PV_END_KILLED && strstr(d->end.why, "no memory"));
	sim_finish();
	tap_case("memory is as at the start, and no more of it is used");
}

static void register_all(struct vcpu *v)
{
	const u64 kinds[] = { PV_AREA_TIME, PV_AREA_VCPU, PV_AREA_CPUID, PV_AREA_BATCH };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, kinds[i], AREA + i * PAGE_SIZE), 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_EVT_SETUP, 0x40), 0);
	for (unsigned virq = 0; virq < VIRQS; virq++)
		EXPECT(CALL_OF(v, PV_CALL_EVT_BIND_VIRQ, virq, 0) > 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_TIMER_SET, fake_tsc + 50000, 200000), 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_WATCHDOG, 60000), 0);
}

static void test_registrations(void)
{
	struct vcpu *other;
	s64 ours, theirs;

	begin(true);
	other = neighbour->vcpus[0];
	for (unsigned life = 0; life < 2; life++) {
		register_all(first);
		ours = CALL_OF(first, PV_CALL_EVT_ALLOC, neighbour->id);
		theirs = CALL_OF(other, PV_CALL_EVT_BIND, d->id, (u64)ours);
		EXPECT(ours > 0 && theirs > 0);
		EXPECT_EQ(CALL_OF(other, PV_CALL_EVT_SEND, (u64)theirs), 0);
		reboot();
		EXPECT(d->time_area == AREA_NONE && d->cpuid_area == AREA_NONE);
		EXPECT(first->area == AREA_NONE && first->batch == AREA_NONE);
		EXPECT(!first->upcall_vector && !irq_pending(first));
		for (unsigned port = 0; port < PV_EVENT_PORTS; port++)
			EXPECT_EQ(d->events.ports[port].state, PORT_FREE);
		EXPECT_EQ(neighbour->events.ports[theirs].state, PORT_UNBOUND);
		EXPECT_EQ(CALL_OF(other, PV_CALL_EVT_SEND, (u64)theirs), -PV_ENOENT);
		EXPECT_EQ(CALL_OF(other, PV_CALL_EVT_CLOSE, (u64)theirs), 0);
		EXPECT(d->watchdog == NEVER && first->deadline == NEVER && !first->period);
		d->restart_tsc -= PERIOD;
	}
	/* Neither the watchdog nor the timer of a former life comes. */
	sim_run(200000);
	EXPECT(!d->ended && first->state == VCPU_RUNNING && !irq_pending(first));
	sim_finish();
	tap_case("areas, ports, timers and the watchdog of a former life are gone");
}

static void test_vcpus(void)
{
	u64 calls;

	begin(true);
	sim_start(d->vcpus[1]);
	sim_run(3000);
	calls = first->calls[ROW_hypercall_null].count;
	for (unsigned n = 0; n < 16; n++)
		first->gpr[n] = 0x1111;
	first->cr8 = 5;
	irq_raise(first, 0x77);
	reboot();
	EXPECT(d->vcpus[1]->state == VCPU_STOPPED && d->vcpus[2]->state == VCPU_STOPPED);
	EXPECT(d->vcpus_live == 1 && !d->vcpus_stopping);
	EXPECT_EQ(recorder_of(first)->reg[VREG_RIP], d->from->boot.rip);
	EXPECT(first->gpr[RDI] == d->from->boot.rdi && !first->gpr[RBX] && !first->cr8);
	EXPECT(!irq_pending(first) && !recorder_of(first)->injected.valid);
	EXPECT(first->calls[ROW_hypercall_null].count >= calls);
	EXPECT_EQ(first->events[PV_EVENT_RESTART], 1);
	/* The others start again, and end with it. */
	sim_start(d->vcpus[1]);
	sim_start(d->vcpus[2]);
	sim_run(3000);
	EXPECT_EQ(d->vcpus_live, 3);
	d->restart_tsc -= PERIOD;
	reboot();
	EXPECT_EQ(d->vcpus_live, 1);
	sim_finish();
	tap_case("vCPU 0 is at the start, the others are stopped, counters go on");
}

static void test_console(void)
{
	static const char text[] = "0123456789012345678901234567890123456789 too much\n";

	begin(true);
	for (unsigned life = 0; life < 2; life++) {
		console_write(&d->console, text, sizeof(text) - 1);
		EXPECT(d->console.silenced && d->console.used == 40);
		console_type(&d->console, "typed", 5);
		reboot();
		EXPECT(!d->console.silenced && !d->console.written && !d->console.used);
		EXPECT_EQ(console_take(&d->console, (char[8]){ 0 }, 8), 0);
		d->restart_tsc -= PERIOD;
	}
	EXPECT(fake_serial_has("domain d0 restarts (2): "));
	sim_finish();
	tap_case("the console begins anew, its limit too");
}

static void reboot_at_once(struct vcpu *v)
{
	if (v->domain == d)
		sim_call(v, hypercall_shutdown, PV_SHUTDOWN_REBOOT, 0);
}

/* It reboots as soon as it runs; each life comes a period after the one before. */
static void test_storm(void)
{
	struct sim_vcpu *worker = &sim_vcpus[1][0];
	u64 start;

	begin(true);
	sim_guest = reboot_at_once;
	sim_run(500); /* the first reboot is at once, the next one waits */
	EXPECT(d->restarts == 2 && first->state == VCPU_BLOCKED);
	worker->ran = 0;
	start = fake_tsc;
	for (unsigned n = 0; n < 5; n++) {
		u32 lives = d->restarts;

		fake_tsc = max(fake_tsc, d->restart_tsc - 200);
		sim_run(150);
		EXPECT_EQ(d->restarts, lives);
		sim_run(500);
		EXPECT_EQ(d->restarts, lives + 1);
	}
	EXPECT(fake_tsc - start >= 4ull * PERIOD);
	EXPECT(worker->ran >= 5 * 600);
	sim_guest = NULL;
	sim_finish();
	tap_case("a storm of reboots waits for its time, the neighbour runs");
}

int main(void)
{
	fake_cpuid_all();
	recorder_has_preempt = true;
	test_end();
	test_memory();
	test_registrations();
	test_vcpus();
	test_console();
	test_storm();
	return tap_done();
}
