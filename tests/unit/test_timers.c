/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What time does (dispatcher/timers.c) on a machine that runs: timers of vCPUs that run, wait and
 * sleep, their periods, watchdogs, typed input; and stopping, starting and kicking vCPUs.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/simulator.h"
#include "interpreter/platform.h"
#include "machine/machine.h"
#include "tap.h"

#define AREA_GPA 0x40000u
#define VECTOR 0x50u
#define PERIOD 100000u /* the shortest that there is */

static const struct world_domain one = { .vcpus = 2, .mode = PV_MODE_PV_HAP };
static const struct world_domain alone = { .vcpus = 1, .mode = PV_MODE_PV_HAP };
static struct vcpu *v;

/* A virq with an upcall that the guest takes at once. */
static void listen(unsigned virq)
{
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_VCPU, AREA_GPA), 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_EVT_SETUP, VECTOR), 0);
	EXPECT(CALL_OF(v, PV_CALL_EVT_BIND_VIRQ, virq, 0) > 0);
}

static unsigned upcalls; /* that the guest has taken */

static void take_upcall(struct vcpu *who)
{
	struct pv_vcpu_area *area = (void *)p2m_lookup(&who->domain->p2m, AREA_GPA);

	if (!area->upcall_pending)
		return;
	upcalls++;
	area->upcall_pending = 0;
	area->port_selector = 0;
	memset(area->port_pending, 0, sizeof(area->port_pending));
}

static void compute(struct vcpu *who)
{
	if (who == v)
		take_upcall(who);
}

static void sleep_again(struct vcpu *who)
{
	compute(who);
	if (who == v)
		sim_halt(who);
}

static void test_once(void)
{
	for (unsigned has_preempt = 0; has_preempt < 2; has_preempt++) {
		u64 at;

		recorder_has_preempt = has_preempt;
		sim_begin(&alone, 1, 1);
		v = domains[0]->vcpus[0];
		listen(PV_VIRQ_TIMER);
		sim_run(100);
		sim_guest = compute;
		upcalls = 0;
		at = fake_tsc + 5000;
		sim_call(v, hypercall_timer_set, at, 0);
		sim_run(4900);
		EXPECT_EQ(upcalls, 0);
		EXPECT(has_preempt ? recorder_of(v)->preempt == v->deadline :
				     cpus[0].timer_armed == v->deadline);
		sim_run(300);
		EXPECT_EQ(upcalls, 1);
		EXPECT(v->deadline == NEVER);
		EXPECT_EQ(caller_get64(v, AREA_GPA + PV_VCPU_AREA_NEXT_DEADLINE_NS), 0);
		/* In the past: at once, and once. */
		sim_call(v, hypercall_timer_set, fake_tsc - 500, 0);
		sim_run(100);
		EXPECT_EQ(upcalls, 2);
		sim_run(5000);
		EXPECT_EQ(upcalls, 2);
		/* Taken back. */
		sim_call(v, hypercall_timer_set, fake_tsc + 1000, 0);
		sim_call(v, hypercall_timer_set, 0, 0);
		sim_run(5000);
		EXPECT_EQ(upcalls, 2);
		sim_finish();
	}
	recorder_has_preempt = false;
	tap_case("a timer fires once, at its time");
}

static void test_periods(void)
{
	u64 first, due;

	sim_begin(&one, 1, 1);
	v = domains[0]->vcpus[0];
	listen(PV_VIRQ_TIMER);
	sim_run(100);
	sim_guest = compute;
	upcalls = 0;
	first = fake_tsc + 3000;
	sim_call(v, hypercall_timer_set, first, PERIOD);
	due = v->deadline;
	sim_run(3200);
	EXPECT_EQ(upcalls, 1);
	EXPECT_EQ(v->deadline, due + PERIOD);
	EXPECT(llabs((long long)(caller_get64(v, AREA_GPA + PV_VCPU_AREA_NEXT_DEADLINE_NS) - first -
				 PERIOD)) < 10);
	sim_run(10 * PERIOD);
	EXPECT_EQ(upcalls, 11);
	/* Nobody looked for a long time: one, and the next a period from now. */
	fake_tsc += 20 * PERIOD + 5;
	sim_step(0);
	sim_run(100);
	EXPECT_EQ(upcalls, 12);
	EXPECT(v->deadline > fake_tsc && v->deadline <= fake_tsc + PERIOD);
	/* BLOCK moves the timer, and the period goes on from there. */
	due = fake_tsc + 2000;
	sim_call(v, hypercall_block, due, 0);
	due = v->deadline;
	sim_run(1000);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_run(1200);
	EXPECT(v->state == VCPU_RUNNING && upcalls == 13);
	EXPECT_EQ(v->deadline, due + PERIOD);
	sim_finish();
	tap_case("a period goes on by itself, without bursts");
}

static void test_asleep(void)
{
	sim_begin(&one, 1, 2);
	v = domains[0]->vcpus[0];
	listen(PV_VIRQ_TIMER);
	sim_run(100);
	/* HLT: the upcall wakes it. */
	sim_guest = sleep_again;
	upcalls = 0;
	sim_call(v, hypercall_timer_set, fake_tsc + 3000, PERIOD);
	sim_run(2500);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_run(5 * PERIOD);
	EXPECT_EQ(upcalls, 5);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	EXPECT(v->events[PV_EVENT_SCHED_IN] < 10);
	/* Nobody is told: HLT sleeps on, BLOCK does not. */
	EXPECT_EQ(CALL_OF(v, PV_CALL_EVT_CLOSE, 1), 0);
	sim_run(3 * PERIOD);
	EXPECT(v->state == VCPU_BLOCKED && upcalls == 5);
	sim_raise(v, 0x60);
	sim_guest = NULL;
	sim_run(100);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	sim_call(v, hypercall_block, fake_tsc + 1000, 0);
	sim_run(500);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_run(700);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	sim_finish();
	tap_case("a timer wakes who sleeps");
}

/* The vCPU waits for a CPU that others have: its timer is pending when it gets one. */
static void test_waiting(void)
{
	const struct world_domain three[] = { { .cpu_mask = 1, .mode = PV_MODE_PV_HAP },
					      { .cpu_mask = 1 },
					      { .cpu_mask = 1 } };

	sim_begin(three, 3, 1);
	v = domains[0]->vcpus[0];
	listen(PV_VIRQ_TIMER);
	upcalls = 0;
	sim_guest = compute;
	sim_run(5 * SLICE);
	while (sim[0].v != v && !tap.failures)
		sim_run(100);
	sim_call(v, hypercall_timer_set, fake_tsc + 3 * SLICE / 2, 0);
	vcpu_attend(v, ATTENTION_YIELD);
	sim_run(4 * SLICE);
	EXPECT_EQ(upcalls, 1);
	EXPECT_EQ(v->irr[VECTOR / 64], 0);
	sim_finish();
	tap_case("a timer of a vCPU that waits for a CPU");
}

static void feed(struct vcpu *who)
{
	sim_call(who, hypercall_watchdog, 5 * SLICE, 0);
}

static void test_watchdog(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 1 } };

	sim_begin(two, 2, 1);
	v = domains[0]->vcpus[0];
	sim_run(100);
	feed(v);
	sim_guest = feed; /* both do */
	sim_run(50 * SLICE);
	EXPECT(!domains[0]->ending && !domains[1]->ending);
	sim_guest = NULL;
	sim_call(domains[1]->vcpus[0], hypercall_watchdog, 0, 0);
	sim_run(3 * SLICE);
	EXPECT(!domains[0]->ending);
	sim_run(10 * SLICE);
	EXPECT(domains[0]->ended && domains[0]->end.how == PV_END_KILLED);
	EXPECT(!strcmp(domains[0]->end.why, "its watchdog ran out") && !domains[1]->ending);
	sim_finish();
	/* All of its vCPUs sleep, and nothing else happens on the machine. */
	sim_begin(two, 1, 2);
	v = domains[0]->vcpus[0];
	sim_run(100);
	sim_call(v, hypercall_watchdog, 20 * SLICE, 0);
	sim_halt(v);
	sim_run(15 * SLICE);
	EXPECT(v->state == VCPU_BLOCKED && !domains[0]->ending);
	sim_run(10 * SLICE);
	EXPECT(domains[0]->ended);
	sim_finish();
	/* The longest watch is no short one. */
	sim_begin(two, 1, 1);
	sim_run(100);
	sim_call(domains[0]->vcpus[0], hypercall_watchdog, ~0ull, 0);
	sim_run(5 * SLICE);
	EXPECT(!domains[0]->ending);
	sim_finish();
	tap_case("a watchdog ends its domain, unless it is fed");
}

static void test_typed(void)
{
	char text[4];

	sim_begin(&one, 1, 1);
	sched_init(SLICE, true);
	v = domains[0]->vcpus[0];
	listen(PV_VIRQ_CONSOLE);
	sim_run(100);
	sim_guest = sleep_again;
	upcalls = 0;
	sim_run(100);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	fake_typed = "ls\n";
	sim_run(11000000);
	EXPECT_EQ(upcalls, 1);
	EXPECT_EQ(sim_call(v, hypercall_console_read, 0x20000, 4), 3);
	caller_get(v, 0x20000, text, sizeof(text));
	EXPECT(!memcmp(text, "ls\n", 3));
	/* An escape is for us: alone it is nobody's, twice it is the domain's. */
	fake_typed = "\x1dx\x1d";
	sim_run(11000000);
	EXPECT_EQ(upcalls, 1);
	fake_typed = "\x1d";
	sim_run(11000000);
	EXPECT_EQ(upcalls, 2);
	EXPECT_EQ(sim_call(v, hypercall_console_read, 0x20000, 4), 1);
	fake_typed = NULL;
	sched_init(SLICE, false);
	sim_finish();
	tap_case("what is typed wakes the first domain");
}

static void all_sleep_again(struct vcpu *who)
{
	take_upcall(who);
	sim_halt(who);
}

/* Ctrl-] p: every domain that listens is told, wherever it sleeps; nobody sees a key. */
static void test_poweroff(void)
{
	static const struct world_domain two[] = { { .mode = PV_MODE_PV_HAP, .vcpus = 1 },
						   { .mode = PV_MODE_PV_HAP, .vcpus = 1 } };

	sim_begin(two, 2, 2);
	sched_init(SLICE, true);
	sim_run(100);
	for (u32 d = 0; d < 2; d++) {
		v = domains[d]->vcpus[0];
		fake_this_cpu = v->cpu;
		listen(PV_VIRQ_SHUTDOWN);
	}
	sim_run(100);
	sim_guest = all_sleep_again;
	upcalls = 0;
	sim_run(100);
	fake_typed = "\x1dp";
	sim_run(11000000);
	EXPECT_EQ(upcalls, 2);
	EXPECT_EQ(sim_call(domains[0]->vcpus[0], hypercall_console_read, 0x20000, 4), 0);
	fake_typed = NULL;
	sched_init(SLICE, false);
	sim_finish();
	tap_case("who types Ctrl-] p asks all domains to power off");
}

/* A PC has a button instead, and a system that listens wakes up by it. */
static void test_power_button(void)
{
	static const struct world_domain pc = { .mode = PV_MODE_FULL_HAP, .vcpus = 1 };
	u32 value = 0;

	sim_begin(&pc, 1, 1);
	sched_init(SLICE, true);
	sim_run(100);
	v = domains[0]->vcpus[0];
	fake_this_cpu = v->cpu;
	EXPECT(platform_port_read(v, 0x600, 2, &value) && value == 0);
	fake_typed = "\x1dp";
	sim_run(11000000);
	fake_this_cpu = v->cpu;
	EXPECT(platform_port_read(v, 0x600, 2, &value) && value == 0x100);
	fake_typed = NULL;
	sched_init(SLICE, false);
	sim_finish();
	tap_case("and presses the power button of a PC");
}

static void test_kicks(void)
{
	sim_begin(&one, 1, 2);
	sim_start_all();
	v = domains[0]->vcpus[0];
	sim_run(100);
	sim_call(v, hypercall_block, 0, 0);
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	fake_this_cpu = domains[0]->vcpus[1]->cpu;
	sim_call(domains[0]->vcpus[1], hypercall_kick, 0, 0);
	sim_run(100);
	EXPECT(v->state == VCPU_RUNNING && !v->wake_sticky);
	/* Before the BLOCK: it ends the next one, and only that. */
	sim_call(domains[0]->vcpus[1], hypercall_kick, 0, 0);
	sim_call(domains[0]->vcpus[1], hypercall_kick, 0, 0);
	sim_call(v, hypercall_block, 0, 0);
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	sim_call(v, hypercall_block, 0, 0);
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	/* HLT is not ended by it. */
	sim_raise(v, 0x40);
	sim_run(100);
	sim_halt(v);
	sim_run(100);
	sim_call(domains[0]->vcpus[1], hypercall_kick, 0, 0);
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_finish();
	tap_case("a kick ends a BLOCK, or the next one");
}

static void test_stops(void)
{
	struct vcpu *other;

	sim_begin(&one, 1, 2);
	sim_start_all();
	v = domains[0]->vcpus[0];
	other = domains[0]->vcpus[1];
	sim_run(100);
	for (unsigned round = 0; round < 5; round++) {
		irq_raise(other, 0x77); /* of its former life */
		sim_call(other, hypercall_timer_set, fake_tsc + 3000, PERIOD);
		EXPECT_EQ(sim_call(other, hypercall_vcpu_stop, 0, 0), 0);
		EXPECT_EQ(sim_call(v, hypercall_vcpu_stop, 0, 0), -PV_EBUSY);
		sim_run(100);
		EXPECT(other->state == VCPU_STOPPED && other->public_state == PV_STATE_STOPPED);
		EXPECT(domains[0]->vcpus_live == 1 && !domains[0]->vcpus_stopping);
		EXPECT_EQ(sim_call(v, hypercall_vcpu_stop, 0, 0), -PV_EBUSY);
		sim_run(5000);
		sim_start(other);
		EXPECT(!irq_pending(other) && other->deadline == NEVER && !other->period);
		sim_run(200);
		EXPECT(other->state == VCPU_RUNNING && !recorder_of(other)->injected.valid);
	}
	/* The last one that runs sleeps for ever, and the other is stopped: nothing can come. */
	EXPECT_EQ(sim_call(other, hypercall_vcpu_stop, 0, 0), 0);
	sim_run(100);
	sim_halt_deaf(v);
	sim_run(200);
	EXPECT(domains[0]->ended);
	sim_finish();
	tap_case("vCPUs stop and start again, without what they were");
}

int main(void)
{
	fake_cpuid_all();
	test_once();
	test_periods();
	test_asleep();
	test_waiting();
	test_watchdog();
	test_typed();
	test_poweroff();
	test_power_button();
	test_kicks();
	test_stops();
	return tap_done();
}
