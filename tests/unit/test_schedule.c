/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU has which CPU (dispatcher/schedule.c with prepare.c, inject.c and domain.c): CPUs are
 * stepped one after the other, in random order; where the real ones could be overtaken by others,
 * the fake machine lets those act. After every step the whole state is checked.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "tap.h"

#define SLICE 1000u
#define STEP_MAX 100u /* ticks of one step */
#define NEVER (~0ull)
#define VCPUS_MAX 16u

struct sim_cpu {
	struct vcpu *v;
	bool idle, ended;
	u64 busy; /* ticks with a vCPU */
};

struct sim_vcpu {
	u64 runnable_since, raised_at; /* NEVER: is not, was not */
	u64 ran;
};

static struct sim_cpu sim[PV_CPUS_MAX];
static struct sim_vcpu track[PV_BUNDLE_DOMAINS_MAX][PV_VCPUS_MAX];
static u32 cpus_used;
static u64 seed;
static jmp_buf idle_return;

static u64 roll(u64 n)
{
	return rnd(&seed) % n;
}

static void leave_idle(void)
{
	longjmp(idle_return, 1);
}

static struct sim_vcpu *track_of(const struct vcpu *v)
{
	return &track[v->domain->id][v->id];
}

static void raise(struct vcpu *v)
{
	struct sim_vcpu *t = track_of(v);

	if (t->raised_at == NEVER)
		t->raised_at = fake_tsc;
	irq_raise(v, 32 + (unsigned)roll(200));
	sched_kick(v);
}

/* ---- one step of one CPU, as dispatcher/main.c and run.h do it ---- */

static void (*guest_acts)(struct vcpu *v);

static void step_empty(struct cpu *cpu, struct sim_cpu *s)
{
	struct vcpu *v;

	if (s->idle && !fake_cpus[cpu->index].kick && cpu->timer_armed > fake_tsc)
		return;
	if (s->idle)
		irq_window();
	s->idle = true;
	if (setjmp(idle_return))
		return;
	v = sched_next(cpu);
	s->idle = false;
	if (!v) {
		s->ended = true;
		return;
	}
	for (u32 i = 0; i < cpus_used; i++)
		EXPECT(sim[i].v != v);
	s->v = v;
	track_of(v)->runnable_since = NEVER;
	vcpu_attend(v, ATTENTION_KICK);
}

static void take_exit(struct vcpu *v, u16 class)
{
	struct vmexit exit = { .code.exit = class };

	EXPECT_EQ(exit_table[class](v, &exit), RESUME);
}

static void step_guest(struct cpu *cpu, struct vcpu *v)
{
	struct recorder *r = recorder_of(v);

	EXPECT(r->loaded == cpu && cpu->current == v);
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
	if (r->injected.valid) {
		r->injected.valid = false;
		if (!irq_pending(v))
			track_of(v)->raised_at = NEVER;
	}
	if (fake_cpus[cpu->index].kick || cpu->timer_armed <= fake_tsc)
		take_exit(v, PV_EXIT_INTERRUPT);
	else if (r->preempt <= fake_tsc)
		take_exit(v, PV_EXIT_PREEMPT_TIMER);
	else if (r->window[LINE_INTERRUPT])
		take_exit(v, PV_EXIT_IRQ_WINDOW);
	else if (guest_acts)
		guest_acts(v);
}

static void step(u32 index)
{
	struct cpu *cpu = &cpus[index];
	struct sim_cpu *s = &sim[index];
	struct vcpu *v = s->v;

	fake_this_cpu = cpu;
	if (s->ended)
		return;
	if (!v) {
		step_empty(cpu, s);
		return;
	}
	if (v->attention && !vcpu_prepare(cpu, v)) {
		s->v = NULL;
		sched_put(cpu, v);
		return;
	}
	step_guest(cpu, v);
}

/* ---- what always holds ---- */

static void check_vcpu(const struct vcpu *v)
{
	struct sim_vcpu *t = track_of(v);
	unsigned holders = 0, sleeping = 0, waking = 0;

	for (u32 i = 0; i < cpus_used; i++)
		holders += sim[i].v == v;
	EXPECT_EQ(holders, v->state == VCPU_RUNNING);
	if (v->state == VCPU_RUNNING)
		EXPECT(sim[v->cpu->index].v == v && (v->cpu_mask & BIT(v->cpu->index)));
	if (v->state == VCPU_BLOCKED) {
		EXPECT(!(v->attention & (v->wake_mask | ATTENTION_DYING)));
		EXPECT_MSG(v->deadline > fake_tsc || fake_tsc - v->deadline < 40 * STEP_MAX,
			   "d%u/%u sleeps %llu ticks too long", v->domain->id, v->id,
			   (unsigned long long)(fake_tsc - v->deadline));
	}
	if (v->state != VCPU_RUNNABLE) {
		t->runnable_since = NEVER;
		return;
	}
	if (t->runnable_since == NEVER)
		t->runnable_since = fake_tsc;
	/* A CPU that is about to wake takes it, or wakes the next one for it. */
	for (u32 i = 0; i < cpus_used; i++) {
		if (!(v->cpu_mask & BIT(i)) || !sim[i].idle)
			continue;
		if (fake_cpus[i].kick || cpus[i].timer_armed <= fake_tsc)
			waking++;
		else
			sleeping++;
	}
	EXPECT_MSG(!sleeping || waking, "d%u/%u waits beside %u idle CPUs", v->domain->id, v->id,
		   sleeping);
}

static void check(void)
{
	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			const struct vcpu *v = domains[d]->vcpus[i];
			const struct recorder *r = v->hw;

			check_vcpu(v);
			if (domains[d]->ended)
				EXPECT(v->state == VCPU_STOPPED && !r);
			else if (r->loaded)
				EXPECT(r->loaded->current == v);
		}
	}
	for (u32 i = 0; i < cpus_used; i++) {
		struct vcpu *v = cpus[i].current;

		EXPECT(!v || recorder_of(v)->loaded == &cpus[i]);
		EXPECT(!sim[i].ended || (!v && !live_domains));
	}
}

/* No vCPU waits longer than all the others' slices, nor does an interrupt. */
static void check_waits(u64 bound)
{
	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			const struct sim_vcpu *t = &track[d][i];

			if (domains[d]->ending)
				continue;
			EXPECT_MSG(t->runnable_since == NEVER ||
					   fake_tsc - t->runnable_since < bound,
				   "d%u/%u has waited %llu ticks for a CPU", d, i,
				   (unsigned long long)(fake_tsc - t->runnable_since));
			EXPECT_MSG(t->raised_at == NEVER || fake_tsc - t->raised_at < bound,
				   "d%u/%u: an interrupt was lost", d, i);
		}
	}
}

/* ---- a machine from its start to its end ---- */

static void begin(const struct world_domain *list, u32 count, u32 cpu_wanted)
{
	world_create(list, count, cpu_wanted);
	cpus_used = cpu_wanted;
	memset(sim, 0, sizeof(sim));
	memset(track, 0xff, sizeof(track));
	sched_init(SLICE);
	fake_idle = leave_idle;
	guest_acts = NULL;
	for (u32 i = 0; i < count; i++) {
		EXPECT(sched_claim(domains[i]->vcpus[0]));
		EXPECT(!sched_claim(domains[i]->vcpus[0]));
		sched_start(domains[i]->vcpus[0]);
	}
}

static void start_all(void)
{
	const struct pv_vcpu_context context = world_context(0x200000);

	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 1; i < domains[d]->vcpu_count; i++) {
			EXPECT(sched_claim(domains[d]->vcpus[i]));
			context_start(domains[d]->vcpus[i], &context);
			sched_start(domains[d]->vcpus[i]);
		}
	}
}

/* All CPUs run for a while, in equal steps. */
static void run(u64 ticks)
{
	u64 until = fake_tsc + ticks;

	while (fake_tsc < until && !tap.failures) {
		for (u32 i = 0; i < cpus_used; i++) {
			if (sim[i].v)
				track_of(sim[i].v)->ran += 10;
			step(i);
			check();
		}
		fake_tsc += 10;
	}
}

static void finish(void)
{
	u64 until;

	fake_this_cpu = &cpus[0];
	for (u32 d = 0; d < domain_count; d++)
		vm_shutdown(domains[d], PV_SHUTDOWN_POWEROFF, 0);
	until = fake_tsc + 200 * SLICE;
	while (fake_tsc < until) {
		bool all = true;

		for (u32 i = 0; i < cpus_used; i++) {
			step(i);
			check();
			all &= sim[i].ended;
		}
		fake_tsc += 10;
		if (all)
			break;
	}
	for (u32 i = 0; i < cpus_used; i++)
		EXPECT_MSG(sim[i].ended, "CPU %u does not end", i);
	for (u32 d = 0; d < domain_count; d++)
		EXPECT(domains[d]->ended && domains[d]->vcpus_live == 0);
	EXPECT_EQ(live_domains, 0);
	fake_meanwhile = NULL;
	fake_idle = NULL;
	fake_output_clear();
	world_destroy();
}

/* ---- single rules ---- */

static void halt(struct vcpu *v)
{
	vcpu_block(v, NEVER, true);
}

static void test_block_and_wake(void)
{
	const struct world_domain one = { .vcpus = 1 };
	struct vcpu *v;

	begin(&one, 1, 2);
	v = domains[0]->vcpus[0];
	guest_acts = halt;
	run(200);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	EXPECT(sim[0].idle && sim[1].idle);
	EXPECT(cpus[0].timer_armed == NEVER && cpus[1].timer_armed == NEVER);
	fake_cpus[0].kicks = fake_cpus[1].kicks = 0;
	guest_acts = NULL;
	raise(v);
	EXPECT_EQ(v->state, VCPU_RUNNABLE);
	EXPECT_EQ(fake_cpus[0].kicks + fake_cpus[1].kicks, 1);
	EXPECT_EQ(fake_cpus[v->cpu->index].kicks, 1); /* where it ran last */
	run(50);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	EXPECT_EQ(recorder_of(v)->injections, 1);
	/* A kick with nothing that wakes: it sleeps on. */
	guest_acts = halt;
	run(50);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	sched_kick(v);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	finish();
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

	begin(two, 2, 2);
	v = domains[0]->vcpus[0];
	run(100);
	/* Its registers are being saved on CPU 0 when CPU 1 raises: it must not fall asleep. */
	EXPECT(sim[0].v == v);
	fake_meanwhile = raise_meanwhile;
	raised_meanwhile = v;
	halt(v);
	step(0);
	EXPECT(!raised_meanwhile);
	EXPECT_EQ(v->state, VCPU_RUNNABLE);
	finish();
	tap_case("an interrupt that comes while a vCPU goes to sleep is not lost");
}

static u64 deadline;

static void block_until(struct vcpu *v)
{
	if (deadline)
		vcpu_block(v, deadline, true);
	deadline = 0;
}

static void test_deadlines(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 1 } };
	struct vcpu *v;

	/* Alone: the CPU's timer is set to it. */
	begin(two, 1, 1);
	v = domains[0]->vcpus[0];
	run(100);
	guest_acts = block_until;
	deadline = fake_tsc + 5000;
	run(1000);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	EXPECT_EQ(cpus[0].timer_armed, v->deadline);
	run(3900);
	EXPECT_EQ(v->state, VCPU_BLOCKED);
	run(200);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	/* A past one does not block. */
	deadline = fake_tsc - 1;
	run(100);
	EXPECT_EQ(v->state, VCPU_RUNNING);
	finish();

	/* In company: the other one is stopped in time, by either timer. */
	for (unsigned has_preempt = 0; has_preempt < 2; has_preempt++) {
		recorder_has_preempt = has_preempt;
		begin(two, 2, 1);
		run(10 * SLICE);
		v = sim[0].v;
		deadline = fake_tsc + 3 * SLICE / 2;
		guest_acts = block_until;
		run(300);
		EXPECT(sim[0].v && sim[0].v != v && v->state == VCPU_BLOCKED);
		EXPECT(has_preempt ? recorder_of(sim[0].v)->preempt <= v->deadline :
				     cpus[0].timer_armed <= v->deadline);
		run(SLICE);
		EXPECT_EQ(v->state, VCPU_BLOCKED);
		run(SLICE + 100);
		EXPECT(v->state == VCPU_RUNNING || v->state == VCPU_RUNNABLE);
		finish();
	}
	recorder_has_preempt = false;
	tap_case("a deadline ends a block, whoever has the CPU");
}

static void test_alone(void)
{
	const struct world_domain two[] = { { .cpu_mask = 1 }, { .cpu_mask = 2 } };

	for (unsigned has_preempt = 0; has_preempt < 2; has_preempt++) {
		recorder_has_preempt = has_preempt;
		begin(two, 2, 2);
		run(20 * SLICE);
		for (u32 i = 0; i < 2; i++) {
			EXPECT_EQ(cpus[i].timer_armed, NEVER);
			EXPECT_EQ(recorder_of(sim[i].v)->preempt, NEVER);
			EXPECT_EQ(sim[i].v->events[PV_EVENT_SCHED_IN], 1);
		}
		/* No timer, but a kick still reaches it. */
		fake_this_cpu = &cpus[1];
		raise(sim[0].v);
		EXPECT(fake_cpus[0].kick);
		run(50);
		EXPECT_EQ(recorder_of(sim[0].v)->injections, 1);
		finish();
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

	begin(list, 4, 3);
	start_all();
	run(20 * SLICE);
	memset(track, 0, sizeof(track));
	start = fake_tsc;
	run(500 * SLICE);
	for (u32 d = 0; d < 4; d++)
		for (u32 i = 0; i < domains[d]->vcpu_count; i++)
			ran[n++] = track[d][i].ran;
	for (unsigned i = 0; i < 5; i++)
		EXPECT_MSG(llabs((long long)(ran[i] * 5 / 2 - (fake_tsc - start))) < 10 * SLICE,
			   "vCPU %u of 5 on 2 CPUs ran %llu ticks", i, (unsigned long long)ran[i]);
	for (unsigned i = 5; i < 8; i++)
		EXPECT_MSG(llabs((long long)(ran[i] * 3 - (fake_tsc - start))) < 10 * SLICE,
			   "vCPU %u of 3 on a CPU ran %llu ticks", i, (unsigned long long)ran[i]);
	memset(track, 0xff, sizeof(track));
	finish();
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

	begin(two, 2, 1);
	run(50);
	a = sim[0].v;
	yield(a);
	run(50);
	EXPECT(sim[0].v && sim[0].v != a);
	EXPECT_EQ(a->state, VCPU_RUNNABLE);
	guest_acts = yield;
	run(20 * SLICE);
	EXPECT(llabs((long long)(domains[0]->vcpus[0]->events[PV_EVENT_SCHED_IN] -
				 domains[1]->vcpus[0]->events[PV_EVENT_SCHED_IN])) <= 1);
	EXPECT(a->events[PV_EVENT_SCHED_IN] > 50);
	finish();
	tap_case("who yields goes behind the others");
}

static void test_stuck(void)
{
	const struct world_domain list[] = { { .vcpus = 2 }, { .vcpus = 1 } };
	struct vcpu *a, *b;

	begin(list, 2, 2);
	start_all();
	run(100);
	a = domains[0]->vcpus[0];
	b = domains[0]->vcpus[1];
	/* The other vCPU could send an NMI: not yet stuck. */
	vcpu_block(a, NEVER, false);
	run(5 * SLICE);
	EXPECT(a->state == VCPU_BLOCKED && !domains[0]->ending);
	irq_raise(a, 0x40); /* interrupts are off */
	sched_kick(a);
	EXPECT_EQ(a->state, VCPU_BLOCKED);
	nmi_raise(a);
	sched_kick(a);
	EXPECT_EQ(a->state, VCPU_RUNNABLE);
	run(5 * SLICE);
	vcpu_block(a, NEVER, false);
	run(5 * SLICE);
	/* It waits for a deadline only: still something will happen. */
	vcpu_block(b, fake_tsc + 20 * SLICE, false);
	run(10 * SLICE);
	EXPECT(b->state == VCPU_BLOCKED && !domains[0]->ending);
	run(15 * SLICE);
	EXPECT(b->state == VCPU_RUNNING || b->state == VCPU_RUNNABLE);
	vcpu_block(b, NEVER, false);
	run(5 * SLICE);
	EXPECT(domains[0]->ended && domains[0]->end.how == PV_END_KILLED);
	EXPECT(!strncmp(domains[0]->end.why, "halted with interrupts off", 26));
	EXPECT(!domains[1]->ending);
	finish();
	tap_case("a domain that nothing can wake is ended, and no other one is");
}

static void test_start_while_ending(void)
{
	const struct world_domain one = { .vcpus = 2 };
	const struct pv_vcpu_context context = world_context(0x200000);

	begin(&one, 1, 2);
	run(100);
	EXPECT(sched_claim(domains[0]->vcpus[1]));
	vm_shutdown(domains[0], PV_SHUTDOWN_POWEROFF, 7);
	vm_kill(domains[0], NULL, "too late");
	context_start(domains[0]->vcpus[1], &context);
	sched_start(domains[0]->vcpus[1]);
	EXPECT_EQ(domains[0]->vcpus[1]->state, VCPU_STOPPED);
	run(SLICE);
	EXPECT(domains[0]->ended && domains[0]->end.how == PV_END_SHUTDOWN);
	EXPECT_EQ(domains[0]->end.status, 7);
	finish();
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

	begin(two, 2, 3);
	x = domains[0]->vcpus[0];
	w = domains[1]->vcpus[0];
	step(1);
	EXPECT(sim[1].v == x);
	step(0);
	EXPECT(sim[0].v == w);
	guest_acts = halt;
	run(100);
	EXPECT(x->state == VCPU_BLOCKED && w->state == VCPU_BLOCKED);
	guest_acts = NULL;
	raise(x);
	raise(w);
	EXPECT(fake_cpus[1].kick && fake_cpus[0].kick && !fake_cpus[2].kick);
	step(0);
	EXPECT(sim[0].v == x && fake_cpus[2].kick);
	step(1);
	step(2);
	EXPECT(sim[2].v == w && sim[1].idle);
	finish();
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
	fake_this_cpu = &cpus[roll(cpus_used)];
	if (!d->ended && fake_this_cpu != cpu) {
		struct vcpu *v = any_vcpu(d);

		if (v->state != VCPU_STOPPED && v->state != VCPU_STARTING)
			raise(v);
		if (!roll(2000))
			vm_shutdown(d, PV_SHUTDOWN_REBOOT, 0);
	}
	fake_this_cpu = cpu;
	inside = false;
}

static void start_sibling(struct vcpu *v)
{
	const struct pv_vcpu_context context = world_context(0x200000);

	if (!sched_claim(v))
		return;
	context_start(v, &context);
	if (!roll(50))
		vm_shutdown(v->domain, PV_SHUTDOWN_POWEROFF, 0);
	sched_start(v);
}

static void act_random(struct vcpu *v)
{
	struct vcpu *other = any_vcpu(v->domain);

	switch (roll(16)) {
	case 0:
	case 1:
		/* Sleeps are short: that an interrupt waits is then a wake-up lost. */
		if (!irq_pending(v))
			vcpu_block(v, fake_tsc + roll(3 * SLICE), true);
		break;
	case 2:
		halt(v);
		break;
	case 3:
		vcpu_block(v, roll(2) ? fake_tsc + roll(SLICE) : fake_tsc - roll(SLICE), roll(2));
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
	default:
		break; /* computes */
	}
}

static void test_random(void)
{
	unsigned long steps = 0, moved = 0, ended_early = 0;

	for (unsigned round = 0; round < 40 && !tap.failures; round++) {
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
			total += list[i].vcpus;
		}
		begin(list, count, wanted);
		guest_acts = act_random;
		fake_meanwhile = meanwhile_random;
		for (unsigned n = 0; n < 8000 && !tap.failures; n++, steps++) {
			step((u32)roll(wanted));
			fake_tsc += roll(STEP_MAX / wanted);
			check();
			check_waits((total + 2) * 2 * SLICE + 60 * STEP_MAX);
		}
		for (u32 d = 0; d < count; d++) {
			ended_early += domains[d]->ended;
			for (u32 i = 0; i < domains[d]->vcpu_count; i++)
				moved += domains[d]->vcpus[i]->events[PV_EVENT_MOVED];
		}
		fake_meanwhile = NULL;
		guest_acts = NULL;
		if (tap.failures)
			printf("# round %u: %u CPUs, %u domains\n", round, wanted, count);
		finish();
	}
	EXPECT_MSG(steps > 300000 && moved > 1000 && ended_early > 5,
		   "%lu steps, %lu moves, %lu ends", steps, moved, ended_early);
	tap_case("random machines: no wake-up lost, no CPU idle for nothing, all ends reached");
}

int main(void)
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
	test_random();
	return tap_done();
}
