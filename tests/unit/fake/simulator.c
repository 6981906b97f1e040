/* SPDX-License-Identifier: BSD-2-Clause */
/* The stepped machine; see simulator.h. */
#include "fake/simulator.h"

#include <setjmp.h>
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "tap.h"

struct sim_cpu sim[PV_CPUS_MAX];
struct sim_vcpu sim_vcpus[PV_BUNDLE_DOMAINS_MAX][PV_VCPUS_MAX];
u32 sim_cpus;
void (*sim_guest)(struct vcpu *v);
static jmp_buf idle_return;

static void leave_idle(void)
{
	longjmp(idle_return, 1);
}

static struct sim_vcpu *sim_of(const struct vcpu *v)
{
	return &sim_vcpus[v->domain->id][v->id];
}

void sim_raise(struct vcpu *v, unsigned vector)
{
	struct sim_vcpu *t = sim_of(v);

	if (t->raised_at == NEVER_RAISED)
		t->raised_at = fake_tsc;
	irq_raise(v, vector);
	sched_kick(v);
}

void sim_halt(struct vcpu *v)
{
	v->is_kickable = false;
	vcpu_block(v, true);
}

void sim_halt_deaf(struct vcpu *v)
{
	v->is_kickable = false;
	vcpu_block(v, false);
}

s64 sim_call(struct vcpu *v, hypercall_t call, u64 rdi, u64 rsi)
{
	v->gpr[RDI] = rdi;
	v->gpr[RSI] = rsi;
	return call(v);
}

/* ---- one step of one CPU, as dispatcher/main.c and run.h do it ---- */

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
	for (u32 i = 0; i < sim_cpus; i++)
		EXPECT(sim[i].v != v);
	s->v = v;
	sim_of(v)->runnable_since = NEVER_RAISED;
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
			sim_of(v)->raised_at = NEVER_RAISED;
	}
	if (fake_cpus[cpu->index].kick || cpu->timer_armed <= fake_tsc)
		take_exit(v, PV_EXIT_INTERRUPT);
	else if (r->preempt <= fake_tsc)
		take_exit(v, PV_EXIT_PREEMPT_TIMER);
	else if (r->window[LINE_INTERRUPT])
		take_exit(v, PV_EXIT_IRQ_WINDOW);
	else if (sim_guest)
		sim_guest(v);
}

void sim_step(u32 index)
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
	struct sim_vcpu *t = sim_of(v);
	unsigned holders = 0, sleeping = 0, waking = 0;

	for (u32 i = 0; i < sim_cpus; i++)
		holders += sim[i].v == v;
	EXPECT_EQ(holders, v->state == VCPU_RUNNING);
	if (v->state == VCPU_RUNNING)
		EXPECT(sim[v->cpu->index].v == v && (v->cpu_mask & BIT(v->cpu->index)));
	if (v->state == VCPU_BLOCKED) {
		EXPECT(!(v->attention & (v->wake_mask | ATTENTION_DYING)));
		EXPECT(!v->is_kickable || !v->wake_sticky);
	}
	/* Its home CPU may have to be stepped before it can know. */
	EXPECT_MSG(v->deadline > fake_tsc || fake_tsc - v->deadline < 40 * STEP_MAX,
		   "the timer of d%u/%u is %llu ticks late", v->domain->id, v->id,
		   (unsigned long long)(fake_tsc - v->deadline));
	if (v->state != VCPU_RUNNABLE) {
		t->runnable_since = NEVER_RAISED;
		return;
	}
	if (t->runnable_since == NEVER_RAISED)
		t->runnable_since = fake_tsc;
	if (v->domain->frozen)
		return;
	/* A CPU that is about to wake takes it, or wakes the next one for it. */
	for (u32 i = 0; i < sim_cpus; i++) {
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

void sim_check(void)
{
	EXPECT_EQ(fake_locks_held, 0);
	for (u32 d = 0; d < domain_count; d++) {
		unsigned running = 0;

		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			const struct vcpu *v = domains[d]->vcpus[i];
			const struct recorder *r = v->hw;

			check_vcpu(v);
			running += v->state == VCPU_RUNNING;
			if (domains[d]->ended)
				EXPECT(v->state == VCPU_STOPPED && !r);
			else if (r->loaded)
				EXPECT(r->loaded->current == v);
		}
		EXPECT(!domains[d]->frozen || running <= 1);
	}
	for (u32 i = 0; i < sim_cpus; i++) {
		struct vcpu *v = cpus[i].current;

		EXPECT(!v || recorder_of(v)->loaded == &cpus[i]);
		EXPECT(!sim[i].ended || (!v && !live_domains));
	}
}

void sim_check_waits(u64 bound)
{
	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			struct sim_vcpu *t = &sim_vcpus[d][i];

			/* What a stopped one had pending is gone when it starts again. */
			if (domains[d]->vcpus[i]->attention & ATTENTION_REBUILD)
				t->raised_at = NEVER_RAISED;
			if (domains[d]->ending || domains[d]->vcpus[i]->state == VCPU_STOPPED)
				continue;
			EXPECT_MSG(t->runnable_since == NEVER_RAISED ||
					   fake_tsc - t->runnable_since < bound,
				   "d%u/%u has waited %llu ticks for a CPU", d, i,
				   (unsigned long long)(fake_tsc - t->runnable_since));
			EXPECT_MSG(t->raised_at == NEVER_RAISED || fake_tsc - t->raised_at < bound,
				   "d%u/%u: an interrupt was lost", d, i);
		}
	}
}

/* ---- a machine from its start to its end ---- */

void sim_begin(const struct world_domain *list, u32 count, u32 cpus_wanted)
{
	world_create(list, count, cpus_wanted);
	sim_cpus = cpus_wanted;
	memset(sim, 0, sizeof(sim));
	memset(sim_vcpus, 0xff, sizeof(sim_vcpus));
	sched_init(SLICE, false);
	fake_idle = leave_idle;
	sim_guest = NULL;
	for (u32 i = 0; i < count; i++) {
		EXPECT(sched_claim(domains[i]->vcpus[0]));
		EXPECT(!sched_claim(domains[i]->vcpus[0]));
		sched_start(domains[i]->vcpus[0]);
	}
}

void sim_start(struct vcpu *v)
{
	const struct pv_vcpu_context context = world_context(0x200000);

	EXPECT(sched_claim(v));
	context_start(v, &context);
	sim_of(v)->raised_at = NEVER_RAISED;
	sched_start(v);
}

void sim_start_all(void)
{
	for (u32 d = 0; d < domain_count; d++)
		for (u32 i = 1; i < domains[d]->vcpu_count; i++)
			sim_start(domains[d]->vcpus[i]);
}

void sim_run(u64 ticks)
{
	u64 until = fake_tsc + ticks;

	while (fake_tsc < until && !tap.failures) {
		for (u32 i = 0; i < sim_cpus; i++) {
			if (sim[i].v)
				sim_of(sim[i].v)->ran += 10;
			sim_step(i);
			sim_check();
		}
		fake_tsc += 10;
	}
}

void sim_finish(void)
{
	u64 until;

	fake_this_cpu = &cpus[0];
	for (u32 d = 0; d < domain_count; d++)
		vm_shutdown(domains[d], PV_SHUTDOWN_POWEROFF, 0);
	until = fake_tsc + 200 * SLICE;
	while (fake_tsc < until) {
		bool all = true;

		for (u32 i = 0; i < sim_cpus; i++) {
			sim_step(i);
			sim_check();
			all &= sim[i].ended;
		}
		fake_tsc += 10;
		if (all)
			break;
	}
	for (u32 i = 0; i < sim_cpus; i++)
		EXPECT_MSG(sim[i].ended, "CPU %u does not end", i);
	for (u32 d = 0; d < domain_count; d++)
		EXPECT(domains[d]->ended && !domains[d]->vcpus_live && !domains[d]->vcpus_stopping);
	EXPECT_EQ(live_domains, 0);
	fake_meanwhile = fake_unlocked = NULL;
	fake_idle = NULL;
	fake_output_clear();
	world_destroy();
}
