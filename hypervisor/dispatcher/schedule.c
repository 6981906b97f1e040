/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU has which CPU. One FIFO of runnable vCPUs for the machine; a CPU takes the first that
 * may run there, and a slice's end puts it back at the tail (round robin). A blocked vCPU costs
 * nothing: its CPU takes another or halts. sched_lock guards states, the queue and idle_cpus; no
 * wake-up is lost because attention is set before the lock is taken, and read under it.
 */
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "interpreter/platform.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

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

/* The time since the last change belongs to the state that ends. */
static void account(struct vcpu *v, u32 state)
{
	u64 now = rdtsc();

	v->state_tsc[v->public_state] += now - v->state_since;
	v->state_since = now;
	v->public_state = state;
}

static void enqueue(struct vcpu *v)
{
	account(v, PV_STATE_RUNNABLE);
	v->state = VCPU_RUNNABLE;
	v->next_runnable = NULL;
	if (queue_tail)
		queue_tail->next_runnable = v;
	else
		queue_head = v;
	queue_tail = v;
	kick_idle_for(v);
}

static struct vcpu *dequeue(struct cpu *cpu)
{
	struct vcpu *previous = NULL;

	for (struct vcpu *v = queue_head; v; previous = v, v = v->next_runnable) {
		if (!may_run(v, cpu) || v->domain->frozen)
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

/* HLT ends by an event alone, BLOCK also by time and by KICK. */
bool sched_must_wake(const struct vcpu *v, u64 now)
{
	if (v->attention & (v->wake_mask | ATTENTION_DYING))
		return true;
	return v->is_kickable && (v->wake_sticky || v->deadline <= now);
}

void sched_unblock(struct vcpu *v)
{
	struct trace_ring *ring = this_cpu()->ring;

	if (ring)
		trace_sched(ring, v, TRACE_SCHED_WAKE);
	v->wake_sticky = false;
	enqueue(v);
}

static bool somebody_waits(const struct cpu *cpu)
{
	for (const struct vcpu *v = queue_head; v; v = v->next_runnable)
		if (may_run(v, cpu))
			return true;
	return false;
}

void sched_init(u64 slice, bool input)
{
	slice_tsc = slice;
	timers_init(input);
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
	if (v->state == VCPU_BLOCKED && sched_must_wake(v, rdtsc()))
		sched_unblock(v);
	else if (v->state == VCPU_RUNNING && v->cpu != this_cpu())
		running = v->cpu;
	spin_unlock(&sched_lock);
	if (running)
		apic_send_kick(running);
}

/*
 * Who sends an IPI mostly waits for it to be taken. One that is runnable and finds no CPU but the
 * sender's would be waited for to the end of a slice, with interrupts off as often as not.
 */
void sched_ipi(struct vcpu *from, struct vcpu *to)
{
	bool waits;

	sched_kick(to);
	spin_lock(&sched_lock);
	waits = to->state == VCPU_RUNNABLE && may_run(to, from->cpu) && !(idle_cpus & to->cpu_mask);
	spin_unlock(&sched_lock);
	if (waits && to != from)
		vcpu_attend(from, ATTENTION_YIELD);
}

void sched_wake(struct vcpu *v)
{
	v->wake_sticky = true;
	sched_kick(v);
}

void sched_end(struct domain *d)
{
	/* All at once: the last vCPU to leave must find the bit, whichever it is. */
	spin_lock(&sched_lock);
	for (u32 i = 0; i < d->vcpu_count; i++)
		vcpu_attend(d->vcpus[i], ATTENTION_DYING);
	spin_unlock(&sched_lock);
	for (u32 i = 0; i < d->vcpu_count; i++)
		sched_kick(d->vcpus[i]);
}

bool sched_stop(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool may;

	spin_lock(&sched_lock);
	/* Two may ask for the same stop: it is counted once, and none is left for its next life. */
	may = v->state != VCPU_STOPPED && v->state != VCPU_STARTING &&
	      !(v->attention & ATTENTION_STOP) && d->vcpus_live - d->vcpus_stopping > 1;
	d->vcpus_stopping += may;
	if (may)
		vcpu_attend(v, ATTENTION_STOP);
	spin_unlock(&sched_lock);
	return may;
}

bool sched_freeze_others(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool quiet = true;

	spin_lock(&sched_lock);
	for (u32 i = 0; i < d->vcpu_count; i++)
		quiet &= d->vcpus[i] == v || d->vcpus[i]->state != VCPU_RUNNING;
	d->frozen = quiet;
	spin_unlock(&sched_lock);
	return quiet;
}

void sched_thaw(struct domain *d)
{
	spin_lock(&sched_lock);
	d->frozen = false;
	for (u32 i = 0; i < cpu_count; i++)
		if (idle_cpus & BIT(i))
			apic_send_kick(&cpus[i]);
	spin_unlock(&sched_lock);
}

/*
 * The preemption timer counts only while the guest runs, and no timer is seen by a guest that ties
 * the CPU up in event deliveries: for these the run loop compares the clock with `due` now and
 * then.
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
	struct domain *barking = NULL;
	u64 now = rdtsc(), next;
	bool leave = false;

	spin_lock(&sched_lock);
	next = timers_fire(cpu, now, &barking);
	if (now >= cpu->slice_end) {
		leave = somebody_waits(cpu);
		cpu->slice_end = now + slice_tsc;
	}
	if (sched_has_company(cpu, v))
		next = min(next, cpu->slice_end);
	spin_unlock(&sched_lock);
	timers_bark(barking);
	trace_drain(cpu->ring);
	area_write_state(v);
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
		struct domain *barking = NULL;
		struct vcpu *v;
		u64 now = rdtsc(), next;

		spin_lock(&sched_lock);
		cpu->kicked = false;
		idle_cpus &= ~BIT(cpu->index); /* it is awake: no kick, least of all its own */
		next = timers_fire(cpu, now, &barking);
		v = dequeue(cpu);
		if (v) {
			account(v, PV_STATE_RUNNING);
			v->state = VCPU_RUNNING;
			idle_cpus &= ~BIT(cpu->index);
			/* The kick that woke this CPU may have been for another one than v. */
			for (const struct vcpu *other = queue_head; other;
			     other = other->next_runnable)
				kick_idle_for(other);
			cpu->slice_end = now + slice_tsc;
			spin_unlock(&sched_lock);
			timers_bark(barking);
			take_state(cpu, v);
			area_write_preempted(v, false);
			return v;
		}
		if (started && !live_domains) {
			spin_unlock(&sched_lock);
			give_up_state(cpu);
			return NULL;
		}
		idle_cpus |= BIT(cpu->index);
		spin_unlock(&sched_lock);
		timers_bark(barking);
		timer_arm(cpu, NULL, next);
		if (!trace_drain(cpu->ring) && !cpu->kicked)
			idle_wait();
		cpu->idle_tsc += rdtsc() - now;
	}
}

void sched_put(struct cpu *cpu, struct vcpu *v)
{
	bool stuck = false, gone = false, last = false;
	u32 why;

	/*
	 * Another CPU may take it the moment it is runnable: its state must be in memory by then.
	 */
	if (v->cpu_mask != BIT(cpu->index) || (v->attention & (ATTENTION_DYING | ATTENTION_STOP)))
		give_up_state(cpu);
	if (cpu->ring)
		trace_sched(cpu->ring, v,
			    v->attention & ATTENTION_BLOCK ? TRACE_SCHED_BLOCK : TRACE_SCHED_OUT);
	if (!(v->attention & (ATTENTION_BLOCK | ATTENTION_STOP | ATTENTION_DYING)))
		area_write_preempted(v, true);
	spin_lock(&sched_lock);
	why = v->attention;
	vcpu_attended(v, ATTENTION_BLOCK | ATTENTION_YIELD | ATTENTION_STOP);
	if (why & (ATTENTION_DYING | ATTENTION_STOP)) {
		if (cpu->current == v) /* the end came after the look above */
			give_up_state(cpu);
		account(v, PV_STATE_STOPPED);
		v->state = VCPU_STOPPED;
		v->deadline = NEVER;
		if (why & ATTENTION_STOP) {
			v->domain->vcpus_stopping--;
			__atomic_fetch_add(&v->domain->vcpus_leaving, 1, __ATOMIC_SEQ_CST);
		}
		gone = why & ATTENTION_DYING;
		last = --v->domain->vcpus_live == 0;
		stuck = !gone && !platform_starts(v) && sched_is_stuck(v);
	} else if ((why & ATTENTION_BLOCK) && !sched_must_wake(v, rdtsc())) {
		account(v, PV_STATE_BLOCKED);
		v->state = VCPU_BLOCKED;
		stuck = sched_is_stuck(v);
	} else {
		if (why & ATTENTION_BLOCK)
			v->wake_sticky = false;
		enqueue(v);
	}
	spin_unlock(&sched_lock);
	if (why & ATTENTION_STOP)
		platform_stopped(v);
	if (stuck)
		vm_kill(v->domain, NULL, "halted with interrupts off: nothing can wake it");
	/* A vCPU that stopped by itself before the end began was not the last. */
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
