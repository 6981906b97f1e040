/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU has which CPU. One FIFO of runnable vCPUs for the machine; a CPU takes the first that
 * may run there, and a slice's end puts it back at the tail (round robin). A blocked vCPU costs
 * nothing: its CPU takes another or halts. sched_lock guards states, the queue and idle_cpus; no
 * wake-up is lost because attention is set before the lock is taken, and read under it.
 */
#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

#define NEVER (~0ull)

u32 live_domains;
static spinlock_t sched_lock;
static struct vcpu *queue_head, *queue_tail;
static u64 idle_cpus; /* bit per CPU index */
static u64 slice_tsc;
static volatile bool started;

static bool may_run(const struct vcpu *v, const struct cpu *cpu)
{
	return v->cpu_mask & BIT(cpu->index);
}

/* Wakes an idle CPU that may run v, if there is one. */
static void kick_idle_for(const struct vcpu *v)
{
	u64 idle = idle_cpus & v->cpu_mask;

	if (!idle)
		return;
	/* The CPU it ran on last, if that is idle: its caches may still be warm. */
	if (v->cpu && (idle & BIT(v->cpu->index)))
		idle = BIT(v->cpu->index);
	idle_cpus &= ~(idle & -idle);
	apic_send_kick(&cpus[__builtin_ctzll(idle)]);
}

static void enqueue(struct vcpu *v)
{
	v->state = VCPU_RUNNABLE;
	v->deadline = NEVER;
	v->next_runnable = NULL;
	if (queue_tail)
		queue_tail->next_runnable = v;
	else
		queue_head = v;
	queue_tail = v;
	kick_idle_for(v);
}

static void wake(struct vcpu *v)
{
	struct trace_ring *ring = this_cpu()->ring;

	if (ring)
		trace_sched(ring, v, TRACE_SCHED_WAKE);
	enqueue(v);
}

static struct vcpu *dequeue(struct cpu *cpu)
{
	struct vcpu *previous = NULL;

	for (struct vcpu *v = queue_head; v; previous = v, v = v->next_runnable) {
		if (!may_run(v, cpu))
			continue;
		if (previous)
			previous->next_runnable = v->next_runnable;
		else
			queue_head = v->next_runnable;
		if (queue_tail == v)
			queue_tail = previous;
		return v;
	}
	return NULL;
}

static bool somebody_waits(const struct cpu *cpu)
{
	for (const struct vcpu *v = queue_head; v; v = v->next_runnable)
		if (may_run(v, cpu))
			return true;
	return false;
}

/*
 * Wakes the blocked vCPUs of this CPU whose time has come; returns the next deadline among the
 * rest. Every CPU watches those that blocked on it, so one timer a CPU is enough.
 */
static u64 wake_due(const struct cpu *cpu, u64 now)
{
	u64 next = NEVER;

	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			struct vcpu *v = domains[d]->vcpus[i];

			if (v->state != VCPU_BLOCKED || v->cpu != cpu)
				continue;
			if (v->deadline <= now)
				wake(v);
			else
				next = min(next, v->deadline);
		}
	}
	return next;
}

/* Could anything but v itself ever want this CPU, or want v out of its guest? */
static bool has_company(const struct cpu *cpu, const struct vcpu *v)
{
	for (u32 d = 0; d < domain_count; d++) {
		if (domains[d]->ended)
			continue;
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			const struct vcpu *other = domains[d]->vcpus[i];

			if (other != v && (other->domain == v->domain || may_run(other, cpu)))
				return true;
		}
	}
	return false;
}

void sched_init(u64 slice)
{
	slice_tsc = slice;
}

bool sched_claim(struct vcpu *v)
{
	bool ours;

	spin_lock(&sched_lock);
	ours = v->state == VCPU_STOPPED;
	if (ours)
		v->state = VCPU_STARTING;
	spin_unlock(&sched_lock);
	return ours;
}

void sched_start(struct vcpu *v)
{
	spin_lock(&sched_lock);
	/* A domain that ends meanwhile counts its vCPUs down; a new one must not join them. */
	if (v->domain->ending) {
		v->state = VCPU_STOPPED;
	} else {
		v->domain->vcpus_live++;
		enqueue(v);
	}
	started = true;
	spin_unlock(&sched_lock);
}

void sched_kick(struct vcpu *v)
{
	struct cpu *running = NULL;

	spin_lock(&sched_lock);
	if (v->state == VCPU_BLOCKED && (v->attention & (v->wake_mask | ATTENTION_DYING)))
		wake(v);
	else if (v->state == VCPU_RUNNING && v->cpu != this_cpu())
		running = v->cpu;
	spin_unlock(&sched_lock);
	if (running)
		apic_send_kick(running);
}

/*
 * The preemption timer counts only while the guest runs, and no timer is seen by a guest that ties
 * the CPU up in event deliveries: for these the run loop compares the clock with `due` now and then.
 */
static void timer_arm(struct cpu *cpu, struct vcpu *v, u64 tsc)
{
	cpu->due = tsc;
	if (v && backend->arm_preempt(v, tsc))
		tsc = NEVER;
	if (cpu->timer_armed != tsc)
		apic_timer_arm(tsc);
}

/*
 * A CPU with nothing else to do runs one vCPU without any timer at all: no slice, no exit. With
 * company there is always an end to the slice, which also bounds how long a guest that spins with
 * interrupts off can ignore a kick.
 */
bool sched_should_leave(struct cpu *cpu, struct vcpu *v)
{
	u64 now = rdtsc(), next;
	bool leave = false;

	spin_lock(&sched_lock);
	next = wake_due(cpu, now);
	if (now >= cpu->slice_end) {
		leave = somebody_waits(cpu);
		cpu->slice_end = now + slice_tsc;
	}
	if (has_company(cpu, v))
		next = min(next, cpu->slice_end);
	spin_unlock(&sched_lock);
	timer_arm(cpu, v, next);
	return leave;
}

static void give_up_state(struct cpu *cpu)
{
	struct vcpu *v = cpu->current;

	if (!v)
		return;
	backend->vcpu_unload(v);
	context_save(v);
	cpu->current = NULL;
}

static void take_state(struct cpu *cpu, struct vcpu *v)
{
	v->events[PV_EVENT_SCHED_IN]++;
	if (v->cpu && v->cpu != cpu)
		v->events[PV_EVENT_MOVED]++;
	v->cpu = cpu;
	v->ring = cpu->ring;
	if (v->ring)
		trace_sched(v->ring, v, TRACE_SCHED_IN);
	if (cpu->current == v)
		return;
	give_up_state(cpu);
	v->special = (u8)((v->special & ~SPECIAL_TRACED) | (cpu->ring ? SPECIAL_TRACED : 0));
	context_load(v);
	backend->vcpu_load(v, cpu);
	cpu->current = v;
}

struct vcpu *sched_next(struct cpu *cpu)
{
	for (;;) {
		struct vcpu *v;
		u64 now = rdtsc(), next;

		spin_lock(&sched_lock);
		cpu->kicked = false;
		next = wake_due(cpu, now);
		v = dequeue(cpu);
		if (v) {
			v->state = VCPU_RUNNING;
			idle_cpus &= ~BIT(cpu->index);
			/* The kick that woke this CPU may have been for another one than v. */
			for (const struct vcpu *other = queue_head; other; other = other->next_runnable)
				kick_idle_for(other);
			cpu->slice_end = now + slice_tsc;
			spin_unlock(&sched_lock);
			take_state(cpu, v);
			return v;
		}
		if (started && !live_domains) {
			spin_unlock(&sched_lock);
			give_up_state(cpu);
			return NULL;
		}
		idle_cpus |= BIT(cpu->index);
		spin_unlock(&sched_lock);
		timer_arm(cpu, NULL, next);
		if (!cpu->kicked)
			idle_wait();
		cpu->idle_tsc += rdtsc() - now;
	}
}

/* Halted for good: interrupts are off, no deadline, and no vCPU of the domain is left to send an NMI. */
static bool is_stuck(const struct vcpu *v)
{
	for (u32 i = 0; i < v->domain->vcpu_count; i++) {
		const struct vcpu *other = v->domain->vcpus[i];

		if (other->state == VCPU_STOPPED)
			continue;
		if (other->state != VCPU_BLOCKED || (other->wake_mask & ATTENTION_IRQ) || other->deadline != NEVER)
			return false;
	}
	return true;
}

void sched_put(struct cpu *cpu, struct vcpu *v)
{
	bool stuck = false, gone = false, last = false;
	u32 why;

	/* Another CPU may take it the moment it is runnable: its state must be in memory by then. */
	if (v->cpu_mask != BIT(cpu->index) || (v->attention & ATTENTION_DYING))
		give_up_state(cpu);
	if (cpu->ring)
		trace_sched(cpu->ring, v, v->attention & ATTENTION_BLOCK ? TRACE_SCHED_BLOCK : TRACE_SCHED_OUT);
	spin_lock(&sched_lock);
	why = v->attention;
	vcpu_attended(v, ATTENTION_BLOCK | ATTENTION_YIELD);
	if (why & ATTENTION_DYING) {
		v->state = VCPU_STOPPED;
		gone = true;
		last = --v->domain->vcpus_live == 0;
	} else if ((why & ATTENTION_BLOCK) && !(why & v->wake_mask) && v->deadline > rdtsc()) {
		v->state = VCPU_BLOCKED;
		stuck = is_stuck(v);
	} else {
		enqueue(v);
	}
	spin_unlock(&sched_lock);
	if (stuck)
		vm_kill(v->domain, NULL, "halted with interrupts off: nothing can wake it");
	if (gone && last)
		domain_ended(v->domain);
}

void sched_domain_gone(void)
{
	spin_lock(&sched_lock);
	live_domains--;
	spin_unlock(&sched_lock);
	if (live_domains)
		return;
	for (u32 i = 0; i < cpu_count; i++)
		if (&cpus[i] != this_cpu())
			apic_send_kick(&cpus[i]);
}
