/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into a guest: exceptions raised by handlers, deliveries that an exit cut
 * short, NMIs, and interrupt vectors that wait until the guest can take them. Only events_prepare()
 * hands anything to the hardware.
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/platform.h"
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

/*
 * The next vector: of those that were raised here, or else what an emulated interrupt controller
 * has to offer. -1: none.
 */
static int irq_highest(struct vcpu *v)
{
	for (int word = 3; word >= 0; word--)
		if (v->irr[word])
			return word * 64 + 63 - __builtin_clzll(v->irr[word]);
	return v->domain->platform ? platform_irq(v) : -1;
}

bool irq_pending(struct vcpu *v)
{
	return v->offered >= 0 || irq_highest(v) >= 0;
}

static bool is_raised(const struct vcpu *v, int vector)
{
	return vector >= 0 && vector < 256 && (v->irr[vector / 64] & BIT(vector % 64));
}

/*
 * May the hardware have it, all by itself? Of a local APIC's vectors the next one comes after an
 * EOI, which exits. Which one an 8259 has is not known yet.
 */
static bool irq_is_only(struct vcpu *v, int vector)
{
	int count = 0;

	if (v->domain->platform && !is_raised(v, vector))
		return vector != PLATFORM_EXTINT;
	if (v->domain->platform && platform_irq(v) >= 0)
		return false;
	for (unsigned word = 0; word < 4; word++)
		count += v->irr[word] ? 1 + !!(v->irr[word] & (v->irr[word] - 1)) : 0;
	return count == 1 && is_raised(v, vector);
}

/*
 * It leaves the set of pending vectors before it is delivered: the next one of its kind is another.
 * Which vector it is, an 8259 says only now.
 */
static int irq_withdraw(struct vcpu *v, int vector)
{
	if (!is_raised(v, vector))
		return v->domain->platform ? platform_irq_take(v) : vector;
	__atomic_fetch_and(&v->irr[vector / 64], ~BIT(vector % 64), __ATOMIC_SEQ_CST);
	return vector;
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

void irq_take_back(struct vcpu *v)
{
	if (v->offered < 0)
		return;
	if (backend->virtual_irq(v, -1)) {
		irq_delivered(v, v->offered);
	} else if (v->is_offer_apics) {
		platform_irq_undo(v, v->offered);
		vcpu_attend(v, ATTENTION_IRQ);
	} else {
		irq_raise(v, (unsigned)v->offered);
	}
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

static bool is_better_left(struct vcpu *v, int vector)
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
		vector = irq_withdraw(v, vector);
		if (vector >= 0) {
			entry_is_free = false;
			backend->inject(v, &(struct event){ .valid = true,
							    .type = EVENT_INTERRUPT,
							    .vector = (u8)vector });
			irq_delivered(v, vector);
		}
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
		v->is_offer_apics = v->domain->platform && !is_raised(v, vector);
		v->offered = irq_withdraw(v, vector);
		want_window(v, LINE_INTERRUPT, false);
		if (v->offered == vector)
			return;
		/* The controller has another one, or none, by now. */
		backend->virtual_irq(v, -1);
		if (v->offered >= 0)
			irq_raise(v, (unsigned)v->offered);
		v->offered = -1;
	}
	want_window(v, LINE_INTERRUPT, true);
}

/*
 * The CPU itself delivers from the emulated local APIC's page, priorities included: it only has to
 * hear of changes, and be kept from it where this entry injects something. What did not come from
 * that page (an 8259's vector, one that an exit cut short) goes in as ever. False: no such CPU.
 */
static bool apic_prepare(struct vcpu *v, bool entry_is_free)
{
	int vector = irq_highest(v);
	bool is_other = vector == PLATFORM_EXTINT || is_raised(v, vector);
	bool is_handed = entry_is_free && !is_other;

	if (!backend->virtual_irq(v, is_handed ? VIRTUAL_IRQ_APIC : VIRTUAL_IRQ_HOLD))
		return false;
	if (is_handed) {
		vcpu_attended(v, ATTENTION_IRQ);
		/* What came in between is in the page by now. */
		backend->virtual_irq(v, VIRTUAL_IRQ_APIC);
		want_window(v, LINE_INTERRUPT, false);
		return true;
	}
	irq_prepare(v, entry_is_free);
	/* Held back for this entry alone: an exit as soon as one could go in. */
	vcpu_attend(v, ATTENTION_IRQ);
	want_window(v, LINE_INTERRUPT, true);
	return true;
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
	if (v->apic_page && (!entry_is_free || (v->attention & ATTENTION_IRQ)) &&
	    apic_prepare(v, entry_is_free))
		return;
	if (v->attention & ATTENTION_IRQ)
		irq_prepare(v, entry_is_free);
}
