/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 10, vcpu: starting and stopping, waiting, timers, interrupts. Arguments and errors: pv-
 * abi/abi.toml.
 */
#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "machine/x86.h"

s64 hypercall_vcpu_start(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RDI];
	gpa_t gpa = v->gpr[RSI];
	struct pv_vcpu_context context;

	if ((gpa & 7) || (gpa & (PAGE_SIZE - 1)) + sizeof(context) > PAGE_SIZE)
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	if (guest_read(&d->p2m, gpa, &context, sizeof(context)))
		return -PV_EFAULT;
	if (context_check(&context))
		return -PV_EINVAL;
	/*
	 * Two callers at once: the first takes it from stopped to starting, the other is told so.
	 */
	if (!sched_claim(d->vcpus[id]))
		return -PV_EEXIST;
	context_start(d->vcpus[id], &context);
	sched_start(d->vcpus[id]);
	return 0;
}

s64 hypercall_yield(struct vcpu *v)
{
	vcpu_attend(v, ATTENTION_YIELD);
	return 0;
}

s64 hypercall_block(struct vcpu *v)
{
	u64 deadline = v->gpr[RDI];

	/* The deadline holds in any case: it replaces the timer's. */
	v->deadline = deadline ? pvclock_tsc(deadline) : ~0ull;
	area_write_deadline(v);
	vcpu_attend(v, ATTENTION_KICK);
	if (irq_waits(v) || (v->attention & ATTENTION_NMI))
		return 0;
	v->is_kickable = true;
	vcpu_block(v, true);
	return 0;
}

static bool is_vector(u64 vector)
{
	return vector == VEC_NMI || (vector >= 32 && vector <= 255);
}

static void vector_send(struct vcpu *from, struct vcpu *to, unsigned vector)
{
	if (vector == VEC_NMI)
		nmi_raise(to);
	else
		irq_raise(to, vector);
	sched_ipi(from, to);
}

s64 hypercall_ipi_mask(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 mask = v->gpr[RDI], vector = v->gpr[RSI];

	if (!is_vector(vector) || mask >> d->vcpu_count)
		return -PV_EINVAL;
	for (u32 i = 0; i < d->vcpu_count; i++)
		if (mask & BIT(i))
			vector_send(v, d->vcpus[i], (unsigned)vector);
	return 0;
}

s64 hypercall_ipi_send(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RDI], vector = v->gpr[RSI];

	if (!is_vector(vector))
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	vector_send(v, d->vcpus[id], (unsigned)vector);
	return 0;
}

s64 hypercall_vcpu_stop(struct vcpu *v)
{
	return sched_stop(v) ? 0 : -PV_EBUSY;
}

s64 hypercall_vcpu_query(struct vcpu *v)
{
	u64 id = v->gpr[RDI];

	return id < v->domain->vcpu_count ? (s64)v->domain->vcpus[id]->public_state : -PV_ENOENT;
}

s64 hypercall_kick(struct vcpu *v)
{
	u64 id = v->gpr[RDI];

	if (id >= v->domain->vcpu_count)
		return -PV_ENOENT;
	sched_wake(v->domain->vcpus[id]);
	return 0;
}

#define PERIOD_MIN_NS 100000u

s64 hypercall_timer_set(struct vcpu *v)
{
	u64 deadline = v->gpr[RDI], period = v->gpr[RSI];

	if (period && period < PERIOD_MIN_NS)
		return -PV_EINVAL;
	/* Deadlines are below 2^62 (pvclock_tsc), so the sum of both never wraps. */
	v->period = min(ns_to_tsc(period), BIT(62));
	v->deadline = deadline ? pvclock_tsc(deadline) : ~0ull;
	area_write_deadline(v);
	vcpu_attend(v, ATTENTION_KICK); /* the scheduler arms the hardware, or fires at once */
	return 0;
}

s64 hypercall_watchdog(struct vcpu *v)
{
	u64 timeout = v->gpr[RDI];

	v->domain->watchdog = timeout ? rdtsc() + min(ns_to_tsc(timeout), BIT(62)) : ~0ull;
	vcpu_attend(v, ATTENTION_KICK);
	return 0;
}
