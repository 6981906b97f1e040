/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU has which CPU (dispatcher/schedule.c with prepare.c, inject.c and domain.c): CPUs are
 * stepped one after the other, in random order; where the real ones could be overtaken by others,
 * the fake machine lets those act. After every step the whole state is checked.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "fake/simulator.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "tap.h"

static u64 seed;

static u64 roll(u64 n)
{
	return rnd(&seed) % n;
}

static void raise(struct vcpu *v)
{
	sim_raise(v, 32 + (unsigned)roll(200));
}

/* ---- single rules ---- */

static void test_block_and_wake(void)
{
	const struct world_domain one = { .vcpus = 1 };
	struct vcpu *v;

	sim_begin(&one, 1, 2);
	v = domains[0]->vcpus[0];
	sim_guest = sim_halt;
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	EXPECT(sim[0].idle && sim[1].idle);
	EXPECT(cpus[0].timer_armed == NEVER && cpus[1].timer_armed == NEVER);
	fake_cpus[0].kicks = fake_cpus[1].kicks = 0;
	sim_guest = NULL;
	raise(v);
	EXPECT_EQ(v->state, VCPU_RUNNABLE);
	EXPECT_EQ(fake_cpus[0].kicks + fake_cpus[1].kicks, 1);
	EXPECT_EQ(fake_cpus[v->cpu->index].kicks, 1); /* where it ran last */
	sim_run(50);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	EXPECT_EQ(recorder_of(v)->injections, 1);
	/* A kick with nothing that wakes: it sleeps on. */
	sim_guest = sim_halt;
	sim_run(50);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sched_kick(v);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_finish();
	tap_case("a halted vCPU costs nothing until an interrupt comes");
}

static struct vcpu *raised_meanwhile;

static void raise_meanwhile(void)
{
	struct cpu *cpu = fake_this_cpu;

	if (!raised_meanwhile)
		return;
	fake_this_cpu = &cpus[1];
	raise(raised_meanwhile);
	raised_meanwhile = NULL;
	fake_this_cpu = cpu;
}

static void test_wake_during_put(void)
{
	const struct world_domain two[] = { { .cpu_mask = 3 }, { .cpu_mask = 2 } };
	struct vcpu *v;

	sim_begin(two, 2, 2);
	v = domains[0]->vcpus[0];
	sim_run(100);
	/* Its registers are being saved on CPU 0 when CPU 1 raises: it must not fall asleep. */
	EXPECT(sim[0].v == v);
	fake_meanwhile = raise_meanwhile;
	raised_meanwhile = v;
	sim_halt(v);
	sim_step(0);
	EXPECT(!raised_meanwhile);
	EXPECT_EQ(v->state, VCPU_RUNNABLE);
	sim_finish();
	tap_case("an interrupt that comes while a vCPU goes to sleep is not lost");
}

static u64 deadline;

static void block_until(struct vcpu *v)
{
	if (deadline)
		sim_call(v, hypercall_block, deadline, 0);
	deadline = 0;
}

static void test_deadlines(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 1 } };
	struct vcpu *v;

	/* Alone: the CPU's timer is set to it. */
	sim_begin(two, 1, 1);
	v = domains[0]->vcpus[0];
	sim_run(100);
	sim_guest = block_until;
	deadline = fake_tsc + 5000;
	sim_run(1000);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	EXPECT_EQ(cpus[0].timer_armed, v->deadline);
	sim_run(3900);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sim_run(200);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	/* A past one does not block. */
	deadline = fake_tsc - 1;
	sim_run(100);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	sim_finish();

	/* In company: the other one is stopped in time, by either timer. */
	for (unsigned has_preempt = 0; has_preempt < 2; has_preempt++) {
		recorder_has_preempt = has_preempt;
		sim_begin(two, 2, 1);
		sim_run(10 * SLICE);
		v = sim[0].v;
		deadline = fake_tsc + 3 * SLICE / 2;
		sim_guest = block_until;
		sim_run(300);
		EXPECT(sim[0].v && sim[0].v != v && v->state == VCPU_BLOCKED);
		EXPECT(has_preempt ? recorder_of(sim[0].v)->preempt <= v->deadline :
				     cpus[0].timer_armed <= v->deadline);
		sim_run(SLICE);
		EXPECT_EQ(v->state, VCPU_BLOCKED);
		sim_run(SLICE + 100);
		EXPECT(v->state == VCPU_RUNNING || v->state == VCPU_RUNNABLE);
		sim_finish();
	}
	recorder_has_preempt = false;
	tap_case("a deadline ends a block, whoever has the CPU");
}

static void test_alone(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 2 } };

	for (unsigned has_preempt = 0; has_preempt < 2; has_preempt++) {
		recorder_has_preempt = has_preempt;
		sim_begin(two, 2, 2);
		sim_run(20 * SLICE);
		for (u32 i = 0; i < 2; i++) {
			EXPECT_EQ(cpus[i].timer_armed, NEVER);
			EXPECT_EQ(recorder_of(sim[i].v)->preempt, NEVER);
			EXPECT_EQ(sim[i].v->events[PV_EVENT_SCHED_IN], 1);
		}
		/* No timer, but a kick still reaches it. */
		fake_this_cpu = &cpus[1];
		raise(sim[0].v);
		EXPECT(fake_cpus[0].kick);
		sim_run(50);
		EXPECT_EQ(recorder_of(sim[0].v)->injections, 1);
		sim_finish();
	}
	recorder_has_preempt = false;
	tap_case("a vCPU that has a CPU for itself needs no timer");
}

static void test_round_robin(void)
{
	const struct world_domain list[] = { { .vcpus = 3, .cpu_mask = 3 },
					     { .vcpus = 2, .cpu_mask = 3 },
					     { .vcpus = 1, .cpu_mask = 4 },
					     { .vcpus = 2, .cpu_mask = 4 } };
	u64 ran[8], start;
	unsigned n = 0;

	sim_begin(list, 4, 3);
	sim_start_all();
	sim_run(20 * SLICE);
	memset(sim_vcpus, 0, sizeof(sim_vcpus));
	start = fake_tsc;
	sim_run(500 * SLICE);
	for (u32 d = 0; d < 4; d++)
		for (u32 i = 0; i < domains[d]->vcpu_count; i++)
			ran[n++] = sim_vcpus[d][i].ran;
	for (unsigned i = 0; i < 5; i++)
		EXPECT_MSG(llabs((long long)(ran[i] * 5 / 2 - (fake_tsc - start))) < 10 * SLICE,
			   "vCPU %u of 5 on 2 CPUs ran %llu ticks", i, (unsigned long long)ran[i]);
	for (unsigned i = 5; i < 8; i++)
		EXPECT_MSG(llabs((long long)(ran[i] * 3 - (fake_tsc - start))) < 10 * SLICE,
			   "vCPU %u of 3 on a CPU ran %llu ticks", i, (unsigned long long)ran[i]);
	memset(sim_vcpus, 0xff, sizeof(sim_vcpus));
	sim_finish();
	tap_case("spinning vCPUs share their CPUs evenly");
}

static void yield(struct vcpu *v)
{
	vcpu_attend(v, ATTENTION_YIELD);
}

static void test_yield(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 1 } };
	struct vcpu *a;

	sim_begin(two, 2, 1);
	sim_run(50);
	a = sim[0].v;
	yield(a);
	sim_run(50);
	EXPECT(sim[0].v && sim[0].v != a);
	EXPECT_EQ(a->state, VCPU_RUNNABLE);
	sim_guest = yield;
	sim_run(20 * SLICE);
	EXPECT(llabs((long long)(domains[0]->vcpus[0]->events[PV_EVENT_SCHED_IN] -
				 domains[1]->vcpus[0]->events[PV_EVENT_SCHED_IN])) <= 1);
	EXPECT(a->events[PV_EVENT_SCHED_IN] > 50);
	sim_finish();
	tap_case("who yields goes behind the others");
}

static void test_stuck(void)
{
	const struct world_domain list[] = { { .vcpus = 2 }, { .vcpus = 1 } };
	struct vcpu *a, *b;

	sim_begin(list, 2, 2);
	sim_start_all();
	sim_run(100);
	a = domains[0]->vcpus[0];
	b = domains[0]->vcpus[1];
	/* The other vCPU could send an NMI: not yet stuck. */
	sim_halt_deaf(a);
	sim_run(5 * SLICE);
	EXPECT(a->state == VCPU_BLOCKED && !domains[0]->ending);
	irq_raise(a, 0x40); /* interrupts are off */
	sched_kick(a);
	EXPECT_EQ(a->state, VCPU_BLOCKED);
	nmi_raise(a);
	sched_kick(a);
	EXPECT_EQ(a->state, VCPU_RUNNABLE);
	sim_run(5 * SLICE);
	sim_halt_deaf(a);
	sim_run(5 * SLICE);
	/* It waits in BLOCK, or for an interrupt: still something can happen. */
	sim_call(b, hypercall_block, fake_tsc + 20 * SLICE, 0);
	sim_run(10 * SLICE);
	EXPECT(b->state == VCPU_BLOCKED && !domains[0]->ending);
	sim_run(15 * SLICE);
	EXPECT(b->state == VCPU_RUNNING || b->state == VCPU_RUNNABLE);
	sim_halt_deaf(b);
	sim_run(5 * SLICE);
	EXPECT(domains[0]->ended && domains[0]->end.how == PV_END_KILLED);
	EXPECT(!strncmp(domains[0]->end.why, "halted with interrupts off", 26));
	EXPECT(!domains[1]->ending);
	sim_finish();
	tap_case("a domain that nothing can wake is ended, and no other one is");
}

static void test_start_while_ending(void)
{
	const struct world_domain one = { .vcpus = 2 };
	const struct pv_vcpu_context context = world_context(0x200000);

	sim_begin(&one, 1, 2);
	sim_run(100);
	EXPECT(sched_claim(domains[0]->vcpus[1]));
	vm_shutdown(domains[0], PV_SHUTDOWN_POWEROFF, 7);
	vm_kill(domains[0], NULL, "too late");
	context_start(domains[0]->vcpus[1], &context);
	sched_start(domains[0]->vcpus[1]);
	EXPECT_EQ(domains[0]->vcpus[1]->state, VCPU_STOPPED);
	sim_run(SLICE);
	EXPECT(domains[0]->ended && domains[0]->end.how == PV_END_SHUTDOWN);
	EXPECT_EQ(domains[0]->end.status, 7);
	sim_finish();
	tap_case("a vCPU that is started while its domain ends stays stopped");
}

/*
 * x may run on CPUs 0 and 1, w on 0 and 2; all are idle. CPU 1 is woken for x and CPU 0 for w, but
 * CPU 0 comes first and takes x: CPU 1 must not be left awake for nothing while CPU 2 sleeps beside
 * w.
 */
static void test_kick_for_another(void)
{
	const struct world_domain two[] = { { .cpu_mask = 3 }, { .cpu_mask = 5 } };
	struct vcpu *x, *w;

	sim_begin(two, 2, 3);
	x = domains[0]->vcpus[0];
	w = domains[1]->vcpus[0];
	sim_step(1);
	EXPECT(sim[1].v == x);
	sim_step(0);
	EXPECT(sim[0].v == w);
	sim_guest = sim_halt;
	sim_run(100);
	EXPECT(x->state == VCPU_BLOCKED && w->state == VCPU_BLOCKED);
	sim_guest = NULL;
	raise(x);
	raise(w);
	EXPECT(fake_cpus[1].kick && fake_cpus[0].kick && !fake_cpus[2].kick);
	sim_step(0);
	EXPECT(sim[0].v == x && fake_cpus[2].kick);
	sim_step(1);
	sim_step(2);
	EXPECT(sim[2].v == w && sim[1].idle);
	sim_finish();
	tap_case("a CPU that takes another vCPU than it was woken for wakes one for that");
}

/* ---- everything at once ---- */

static struct vcpu *any_vcpu(struct domain *d)
{
	return d->vcpus[roll(d->vcpu_count)];
}

static void meanwhile_random(void)
{
	static bool inside;
	struct cpu *cpu = fake_this_cpu;
	struct domain *d = domains[roll(domain_count)];

	if (inside || roll(4))
		return;
	inside = true;
	fake_this_cpu = &cpus[roll(sim_cpus)];
	if (!d->ended && fake_this_cpu != cpu) {
		struct vcpu *v = any_vcpu(d);

		if (v->state != VCPU_STOPPED && v->state != VCPU_STARTING &&
		    !(v->attention & ATTENTION_REBUILD))
			raise(v);
		/* Its first reboot is at once, a later one has to wait. */
		if (!roll(2000)) {
			d->restart_tsc -= d->restarts || d->restart_tsc ? 0 : RESTART_PERIOD_NS;
			vm_shutdown(d, PV_SHUTDOWN_REBOOT, 0);
		}
	}
	fake_this_cpu = cpu;
	inside = false;
}

static void start_sibling(struct vcpu *v)
{
	if (v->state != VCPU_STOPPED)
		return;
	if (!roll(50))
		vm_shutdown(v->domain, PV_SHUTDOWN_POWEROFF, 0);
	sim_start(v);
}

/*
 * As MEM_RELEASE does, but for longer: other CPUs go on, and none may take a vCPU of this domain.
 */
static void freeze_for_a_while(struct vcpu *v)
{
	static bool inside;
	struct cpu *cpu = fake_this_cpu;

	if (inside || !sched_freeze_others(v))
		return;
	inside = true;
	for (unsigned n = 0; n < 30; n++) {
		u32 other = (u32)roll(sim_cpus);

		if (&cpus[other] == cpu)
			continue;
		sim_step(other);
		fake_tsc += roll(5);
		sim_check();
	}
	fake_this_cpu = cpu;
	sched_thaw(v->domain);
	inside = false;
}

static void act_random(struct vcpu *v)
{
	struct vcpu *other = any_vcpu(v->domain);

	switch (roll(20)) {
	case 0:
	case 1:
		sim_call(v, hypercall_block, fake_tsc + roll(3 * SLICE), 0);
		break;
	case 2:
		sim_halt(v);
		break;
	case 3:
		sim_call(v, hypercall_block, roll(8) ? fake_tsc - roll(SLICE) : 0, 0);
		break;
	case 4:
		yield(v);
		break;
	case 5:
	case 6:
		if (other->state != VCPU_STOPPED && other->state != VCPU_STARTING)
			raise(other);
		break;
	case 7:
		nmi_raise(other);
		sched_kick(other);
		break;
	case 8:
		start_sibling(other);
		break;
	case 9:
		if (!roll(400))
			vm_kill(v->domain, v, "by the test");
		break;
	case 10:
		sim_call(v, hypercall_timer_set, fake_tsc + roll(3 * SLICE), roll(2) * 100000);
		break;
	case 11:
		sim_call(v, hypercall_kick, other->id, 0);
		break;
	case 12:
		if (!roll(4))
			sim_call(v, hypercall_vcpu_stop, 0, 0);
		break;
	case 13:
		freeze_for_a_while(v);
		break;
	default:
		break; /* computes */
	}
}

/* Each round is a machine of its own, and a seed of its own. */
static void test_random(unsigned rounds)
{
	unsigned long steps = 0, moved = 0, ended_early = 0, restarted = 0;

	for (unsigned round = 0; round < rounds && !tap.failures; round++) {
		struct world_domain list[4] = { { 0 } };
		u32 count, total = 0, wanted;

		seed = round;
		count = 1 + (u32)roll(4);
		wanted = 1 + (u32)roll(4);
		recorder_has_preempt = roll(2);
		recorder_has_virtual_irq = roll(2);
		for (u32 i = 0; i < count; i++) {
			list[i].vcpus = 1 + (u32)roll(4);
			list[i].cpu_mask = roll(2) ? 0 : roll(BIT(wanted));
			list[i].restarts = roll(2);
			total += list[i].vcpus;
		}
		sim_begin(list, count, wanted);
		sim_guest = act_random;
		fake_meanwhile = fake_unlocked = meanwhile_random;
		for (unsigned n = 0; n < 8000 && !tap.failures; n++, steps++) {
			sim_step((u32)roll(wanted));
			fake_tsc += roll(STEP_MAX / wanted);
			sim_check();
			sim_check_waits((total + 2) * 2 * SLICE + 60 * STEP_MAX);
		}
		for (u32 d = 0; d < count; d++) {
			ended_early += domains[d]->ended;
			restarted += domains[d]->restarts;
			for (u32 i = 0; i < domains[d]->vcpu_count; i++)
				moved += domains[d]->vcpus[i]->events[PV_EVENT_MOVED];
		}
		fake_meanwhile = fake_unlocked = NULL;
		sim_guest = NULL;
		if (tap.failures)
			printf("# round %u: %u CPUs, %u domains\n", round, wanted, count);
		sim_finish();
	}
	EXPECT_MSG(steps > 7000ul * rounds && moved > 10ul * rounds && ended_early > rounds / 20 &&
			   restarted > rounds / 20,
		   "%lu steps, %lu moves, %lu ends, %lu restarts", steps, moved, ended_early,
		   restarted);
	tap_case("random machines: no wake-up lost, no CPU idle for nothing, all ends reached");
}

/* test_schedule [ROUNDS] */
int main(int argc, char **argv)
{
	fake_cpuid_all();
	test_block_and_wake();
	test_wake_during_put();
	test_deadlines();
	test_alone();
	test_round_robin();
	test_yield();
	test_stuck();
	test_start_while_ending();
	test_kick_for_another();
	test_random(argc > 1 ? (unsigned)atoi(argv[1]) : 120);
	return tap_done();
}
