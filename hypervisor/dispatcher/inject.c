/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into a guest: exceptions raised by handlers, deliveries that an exit cut
 * short, NMIs, and interrupt vectors that wait until the guest can take them. Only events_prepare()
 * hands anything to the hardware.
 */
#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

/* SDM vol. 3, "Interrupt 8 - Double Fault": contributory exceptions. */
#define CONTRIBUTORY (BIT(VEC_DE) | BIT(VEC_TS) | BIT(VEC_NP) | BIT(VEC_SS) | BIT(VEC_GP))

static bool is_contributory(unsigned vector)
{
	return vector < 32 && (CONTRIBUTORY & BIT(vector));
}

enum verdict fault(struct vcpu *v, unsigned vector)
{
	event_raise(v, vector, vector == VEC_GP, 0);
	return FAULT;
}

/* An exception while `first` was being delivered: what the CPU would make of the two. */
static bool makes_double_fault(const struct event *first, unsigned second)
{
	if (first->type != EVENT_EXCEPTION)
		return false;
	if (first->vector == VEC_PF)
		return second == VEC_PF || is_contributory(second);
	return is_contributory(first->vector) && is_contributory(second);
}

void event_raise(struct vcpu *v, unsigned vector, bool has_error, u32 error)
{
	struct event *e = &v->event;

	if (e->valid && e->type == EVENT_EXCEPTION && e->vector == VEC_DF && vector != VEC_DB) {
		vm_kill(v->domain, v, "triple fault: vector %u during a double fault", vector);
		return;
	}
	if (e->valid && e->type == EVENT_INTERRUPT)
		irq_raise(v, e->vector); /* comes again once the exception has been handled */
	else if (e->valid && e->type == EVENT_NMI)
		nmi_raise(v);
	if (e->valid && makes_double_fault(e, vector)) {
		vector = VEC_DF;
		has_error = true;
		error = 0;
	}
	*e = (struct event){ .valid = true, .type = EVENT_EXCEPTION, .vector = (u8)vector,
			     .has_error = has_error, .error = error };
	vcpu_attend(v, ATTENTION_EVENT);
}

void irq_raise(struct vcpu *v, unsigned vector)
{
	__atomic_fetch_or(&v->irr[vector / 64], BIT(vector % 64), __ATOMIC_SEQ_CST);
	vcpu_attend(v, ATTENTION_IRQ);
}

void nmi_raise(struct vcpu *v)
{
	vcpu_attend(v, ATTENTION_NMI);
}

bool irq_pending(const struct vcpu *v)
{
	return v->offered >= 0 || (v->irr[0] | v->irr[1] | v->irr[2] | v->irr[3]);
}

static int irq_highest(const struct vcpu *v)
{
	for (int word = 3; word >= 0; word--)
		if (v->irr[word])
			return word * 64 + 63 - __builtin_clzll(v->irr[word]);
	return -1;
}

static bool irq_is_only(const struct vcpu *v, int vector)
{
	int count = 0;

	for (unsigned word = 0; word < 4; word++)
		count += v->irr[word] ? 1 + !!(v->irr[word] & (v->irr[word] - 1)) : 0;
	return count == 1 && (v->irr[vector / 64] & BIT(vector % 64));
}

/*
 * It leaves the set of pending vectors before it is delivered: the next one of its kind is another.
 */
static void irq_withdraw(struct vcpu *v, int vector)
{
	__atomic_fetch_and(&v->irr[vector / 64], ~BIT(vector % 64), __ATOMIC_SEQ_CST);
}

static void irq_delivered(struct vcpu *v, int vector)
{
	v->events[PV_EVENT_INJECTED]++;
	if (v->ring)
		trace_inject(v->ring, v, (unsigned)vector, 0);
}

static void want_window(struct vcpu *v, enum event_line line, bool on)
{
	if (v->windows[line] == on)
		return;
	v->windows[line] = on;
	backend->set_window(v, line, on);
}

static void inject(struct vcpu *v, const struct event *e)
{
	backend->inject(v, e);
	v->events[PV_EVENT_INJECTED]++;
	if (v->ring)
		trace_inject(v->ring, v, e->vector, e->error);
}

/* The vector on offer has been delivered meanwhile, or waits like any other again. */
static void irq_take_back(struct vcpu *v)
{
	if (v->offered < 0)
		return;
	if (backend->virtual_irq(v, -1))
		irq_delivered(v, v->offered);
	else
		irq_raise(v, (unsigned)v->offered);
	v->offered = -1;
}

bool irq_waits(struct vcpu *v)
{
	irq_take_back(v);
	vcpu_attended(v, ATTENTION_IRQ);
	if (irq_pending(v))
		vcpu_attend(v, ATTENTION_IRQ);
	return v->attention & ATTENTION_IRQ;
}

static bool is_better_left(const struct vcpu *v, int vector)
{
	return backend->leaves_lone_irq && (backend->hw_features & PV_HW_VIRTUAL_INTERRUPTS) &&
	       irq_is_only(v, vector);
}

/*
 * A vector can go in with this entry, or is left with the hardware, or a window exit will tell us.
 */
static void irq_prepare(struct vcpu *v, bool entry_is_free)
{
	int vector;

	irq_take_back(v);
	/* Cleared before irr is read: a vector that is raised in between sets it again. */
	vcpu_attended(v, ATTENTION_IRQ);
	vector = irq_highest(v);
	if (vector < 0) {
		want_window(v, LINE_INTERRUPT, false);
		return;
	}
	if (entry_is_free && !is_better_left(v, vector) && backend->can_take(v, LINE_INTERRUPT)) {
		entry_is_free = false;
		irq_withdraw(v, vector);
		backend->inject(v, &(struct event){ .valid = true,
						    .type = EVENT_INTERRUPT,
						    .vector = (u8)vector });
		irq_delivered(v, vector);
		vector = irq_highest(v);
		if (vector < 0) {
			want_window(v, LINE_INTERRUPT, false);
			return;
		}
	}
	vcpu_attend(v, ATTENTION_IRQ);
	/*
	 * The hardware holds one, and nothing would tell us when it is time for the next. Never
	 * beside an injection in the same entry: Bochs looks at the IF from before it.
	 */
	if (entry_is_free && irq_is_only(v, vector) && backend->virtual_irq(v, vector)) {
		irq_withdraw(v, vector);
		v->offered = vector;
		want_window(v, LINE_INTERRUPT, false);
	} else {
		want_window(v, LINE_INTERRUPT, true);
	}
}

void events_prepare(struct vcpu *v)
{
	bool entry_is_free = true;

	if (v->attention & ATTENTION_EVENT) {
		vcpu_attended(v, ATTENTION_EVENT);
		inject(v, &v->event);
		v->event.valid = false;
		entry_is_free = false;
	}
	if (v->attention & ATTENTION_NMI) {
		if (entry_is_free && backend->can_take(v, LINE_NMI)) {
			vcpu_attended(v, ATTENTION_NMI);
			want_window(v, LINE_NMI, false);
			inject(v, &(struct event){
					  .valid = true, .type = EVENT_NMI, .vector = VEC_NMI });
			entry_is_free = false;
		} else {
			want_window(v, LINE_NMI, true);
		}
	}
	if (v->attention & ATTENTION_IRQ)
		irq_prepare(v, entry_is_free);
}
