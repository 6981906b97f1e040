/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into a guest (dispatcher/inject.c): the order of exceptions, NMIs and
 * interrupts, the double-fault rules, and random runs beside a model of an interrupt-request
 * register.
 */
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "machine/x86.h"
#include "tap.h"

static struct vcpu *v;
static struct recorder *r;

static void begin(bool has_virtual_irq)
{
	recorder_has_virtual_irq = has_virtual_irq;
	recorder_backend.hw_features &= ~PV_HW_VIRTUAL_INTERRUPTS;
	if (has_virtual_irq)
		recorder_backend.hw_features |= PV_HW_VIRTUAL_INTERRUPTS;
	v = world_small(1);
	r = recorder_of(v);
}

static void end(void)
{
	recorder_backend.leaves_lone_irq = false;
	world_destroy();
}

/* An entry: what was injected has gone in. */
static struct event enter(void)
{
	struct event event;

	events_prepare(v);
	event = r->injected;
	r->injected.valid = false;
	return event;
}

static void exit_window(enum event_line line)
{
	struct vmexit exit = { .code.exit = line == LINE_NMI ? PV_EXIT_NMI_WINDOW :
							       PV_EXIT_IRQ_WINDOW };

	EXPECT_EQ(exit_table[exit.code.exit](v, &exit), RESUME);
}

static void test_priorities(void)
{
	struct event e;

	begin(false);
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
	irq_raise(v, 0x31);
	irq_raise(v, 0x80);
	nmi_raise(v);
	EXPECT_EQ(fault(v, VEC_GP), FAULT);
	e = enter();
	EXPECT(e.valid && e.type == EVENT_EXCEPTION && e.vector == VEC_GP && e.has_error &&
	       !e.error);
	EXPECT(r->window[LINE_NMI] && r->window[LINE_INTERRUPT]);
	exit_window(LINE_NMI);
	e = enter();
	EXPECT(e.valid && e.type == EVENT_NMI && e.vector == VEC_NMI && !e.has_error);
	EXPECT(!r->window[LINE_NMI] && r->window[LINE_INTERRUPT]);
	e = enter();
	EXPECT(e.valid && e.type == EVENT_INTERRUPT && e.vector == 0x80);
	EXPECT(r->window[LINE_INTERRUPT]);
	e = enter();
	EXPECT(e.valid && e.type == EVENT_INTERRUPT && e.vector == 0x31);
	EXPECT(!r->window[LINE_INTERRUPT] && !v->attention && !irq_pending(v));
	EXPECT_EQ(v->events[PV_EVENT_INJECTED], 4);
	EXPECT(!enter().valid);
	end();
	tap_case("exceptions go before NMIs, NMIs before interrupts, high vectors before low ones");
}

static void test_windows(void)
{
	begin(false);
	irq_raise(v, 0x40);
	EXPECT(!enter().valid && r->window[LINE_INTERRUPT]);
	EXPECT(!enter().valid);
	EXPECT_EQ(r->window_calls, 1); /* asked for once */
	exit_window(LINE_INTERRUPT);
	EXPECT(!r->window[LINE_INTERRUPT]);
	r->can_take[LINE_INTERRUPT] = true;
	EXPECT_EQ(enter().vector, 0x40);
	EXPECT(!r->window[LINE_INTERRUPT] && !v->attention);

	/* The guest can take it before the window exit came: the request goes with the vector. */
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = false;
	irq_raise(v, 0x41);
	nmi_raise(v);
	EXPECT(!enter().valid && r->window[LINE_INTERRUPT] && r->window[LINE_NMI]);
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
	EXPECT_EQ(enter().type, EVENT_NMI);
	EXPECT(!r->window[LINE_NMI]);
	EXPECT_EQ(enter().vector, 0x41);
	EXPECT(!r->window[LINE_INTERRUPT] && !v->attention);

	/* A second NMI while the first is handled waits for its own window. */
	nmi_raise(v);
	r->can_take[LINE_NMI] = false;
	EXPECT(!enter().valid && r->window[LINE_NMI]);
	nmi_raise(v); /* NMIs do not queue */
	exit_window(LINE_NMI);
	r->can_take[LINE_NMI] = true;
	EXPECT_EQ(enter().type, EVENT_NMI);
	EXPECT(!enter().valid && !v->attention && !r->window[LINE_NMI]);
	end();
	tap_case("window exits are asked for once, and withdrawn when nothing waits");
}

static void test_virtual_irq(void)
{
	begin(true);
	irq_raise(v, 0x50);
	EXPECT(!enter().valid && r->offered == 0x50 && !r->window[LINE_INTERRUPT]);
	EXPECT(irq_pending(v) && v->events[PV_EVENT_INJECTED] == 0);
	r->offer_taken = true; /* the guest did STI: no exit */
	EXPECT(!enter().valid && r->offered == -1 && !v->attention && !irq_pending(v));
	EXPECT_EQ(v->events[PV_EVENT_INJECTED], 1);

	/* A second vector while one is on offer: back to one order, and to windows. */
	irq_raise(v, 0x50);
	EXPECT(!enter().valid && r->offered == 0x50);
	irq_raise(v, 0x60);
	EXPECT(!enter().valid && r->offered == -1 && r->window[LINE_INTERRUPT]);
	r->can_take[LINE_INTERRUPT] = true;
	exit_window(LINE_INTERRUPT);
	/* Nothing is left with the hardware beside an injection. */
	EXPECT_EQ(enter().vector, 0x60);
	EXPECT(r->offered == -1 && r->window[LINE_INTERRUPT]);
	/* The same vector again while it is on offer: one, or two if the first one went in. */
	irq_raise(v, 0x50);
	r->can_take[LINE_INTERRUPT] = false;
	EXPECT(!enter().valid && r->offered == 0x50);
	irq_raise(v, 0x50);
	r->offer_taken = true;
	EXPECT(!enter().valid && r->offered == 0x50);
	r->offer_taken = true;
	EXPECT(!enter().valid && r->offered == -1 && !v->attention && !irq_pending(v));
	end();
	tap_case("a single vector is left with the hardware, several need windows");
}

/* Where an injection is dear: what could go in is left with the hardware, if it is alone. */
static void test_lone_irq(void)
{
	struct event e;

	begin(true);
	recorder_backend.leaves_lone_irq = true;
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
	irq_raise(v, 0x50);
	EXPECT(!enter().valid && r->offered == 0x50 && !r->window[LINE_INTERRUPT]);
	r->offer_taken = true;
	EXPECT(!enter().valid && r->offered == -1 && !v->attention && !irq_pending(v));
	EXPECT_EQ(v->events[PV_EVENT_INJECTED], 1);
	/* Two of them: the first is injected, and the second waits for it. */
	irq_raise(v, 0x50);
	irq_raise(v, 0x60);
	e = enter();
	EXPECT(e.type == EVENT_INTERRUPT && e.vector == 0x60);
	EXPECT(r->offered == -1 && r->window[LINE_INTERRUPT]);
	exit_window(LINE_INTERRUPT);
	EXPECT(!enter().valid && r->offered == 0x50 && !r->window[LINE_INTERRUPT]);
	r->offer_taken = true;
	EXPECT(!enter().valid && !v->attention);
	/* Beside an event of another kind it waits for its window. */
	irq_raise(v, 0x50);
	nmi_raise(v);
	EXPECT_EQ(enter().type, EVENT_NMI);
	EXPECT(r->offered == -1 && r->window[LINE_INTERRUPT]);
	exit_window(LINE_INTERRUPT);
	EXPECT(!enter().valid && r->offered == 0x50);
	end();

	/* Without such a thing it is injected as ever. */
	begin(false);
	recorder_backend.leaves_lone_irq = true;
	r->can_take[LINE_INTERRUPT] = true;
	irq_raise(v, 0x50);
	EXPECT_EQ(enter().vector, 0x50);
	EXPECT(!v->attention && !r->window[LINE_INTERRUPT]);
	end();
	tap_case("a vector alone is left with the hardware where an injection is dear");
}

/* ---- double faults: SDM vol. 3, "Interrupt 8 - Double Fault Exception (#DF)", tables 6-4, 6-5  */

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum class class_of(unsigned vector) {
	switch (vector){
		case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case
		VEC_GP: return CONTRIBUTORY;
		case VEC_PF: return PAGE_FAULT;
		default: return BENIGN;
	}
}

static const u8 exceptions[] = { VEC_DE, VEC_DB, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM, VEC_TS,
				 VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_MF, VEC_AC, VEC_XM };

static bool makes_double(unsigned first, unsigned second)
{
	if (class_of(first) == CONTRIBUTORY)
		return class_of(second) == CONTRIBUTORY;
	return class_of(first) == PAGE_FAULT && class_of(second) != BENIGN;
}

static bool has_error_code(unsigned vector)
{
	return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC;
}

/* As an exit leaves it that cut a delivery short. */
static void cut_short(u8 type, unsigned vector)
{
	v->event = (struct event){ .valid = true, .type = type, .vector = (u8)vector,
				   .has_error = type == EVENT_EXCEPTION && has_error_code(vector),
				   .error = 0x77 };
	vcpu_attend(v, ATTENTION_EVENT);
}

static void test_double_faults(void)
{
	begin(false);
	for (unsigned i = 0; i < sizeof(exceptions); i++) {
		for (unsigned n = 0; n < sizeof(exceptions); n++) {
			unsigned first = exceptions[i], second = exceptions[n];
			bool has_error = has_error_code(second);
			struct event e;

			cut_short(EVENT_EXCEPTION, first);
			event_raise(v, second, has_error, 0x1234);
			e = enter();
			EXPECT(e.valid && e.type == EVENT_EXCEPTION && !v->event.valid);
			if (makes_double(first, second))
				EXPECT_MSG(e.vector == VEC_DF && e.has_error && !e.error,
					   "%u, then %u: vector %u", first, second, e.vector);
			else
				EXPECT_MSG(e.vector == second && e.has_error == has_error &&
						   (!e.has_error || e.error == 0x1234),
					   "%u, then %u: vector %u", first, second, e.vector);
		}
	}
	/* A software interrupt or INT3 that faulted is executed again after the fault. */
	for (unsigned n = 0; n < sizeof(exceptions); n++) {
		cut_short(EVENT_SOFT_INTERRUPT, 0x80);
		event_raise(v, exceptions[n], false, 0);
		EXPECT_EQ(enter().vector, exceptions[n]);
		cut_short(EVENT_SOFT_EXCEPTION, VEC_BP);
		event_raise(v, exceptions[n], false, 0);
		EXPECT_EQ(enter().vector, exceptions[n]);
	}
	EXPECT(!v->attention && !domains[0]->ending);
	end();
	tap_case("all pairs of exceptions: serial, or a double fault");
}

static void test_triple_faults(void)
{
	for (unsigned n = 0; n < sizeof(exceptions); n++) {
		begin(false);
		cut_short(EVENT_EXCEPTION, VEC_DF);
		event_raise(v, exceptions[n], has_error_code(exceptions[n]), 0);
		if (class_of(exceptions[n]) != BENIGN) {
			EXPECT(domains[0]->ending && domains[0]->end.how == PV_END_KILLED);
			EXPECT(!strncmp(domains[0]->end.why, "triple fault", 12));
			EXPECT(v->attention & ATTENTION_DYING);
		} else if (exceptions[n] == VEC_DB) {
			EXPECT(!domains[0]->ending && enter().vector == VEC_DB);
		}
		end();
	}
	/* Its delivery alone, tried again, is no fault. */
	begin(false);
	cut_short(EVENT_EXCEPTION, VEC_DF);
	EXPECT_EQ(enter().vector, VEC_DF);
	EXPECT(!domains[0]->ending);
	end();
	tap_case("an exception while a double fault is delivered ends the domain");
}

static void test_interrupted_delivery(void)
{
	struct event e;

	begin(false);
	r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
	/* Tried again as it was, before all else, though the guest cannot "take" it any more. */
	irq_raise(v, 0xf0);
	nmi_raise(v);
	r->can_take[LINE_INTERRUPT] = false;
	cut_short(EVENT_INTERRUPT, 0x33);
	e = enter();
	EXPECT(e.type == EVENT_INTERRUPT && e.vector == 0x33);
	EXPECT_EQ(enter().type, EVENT_NMI);
	r->can_take[LINE_INTERRUPT] = true;
	EXPECT_EQ(enter().vector, 0xf0);

	/* A fault on the way: the fault first, the interrupt afterwards. */
	cut_short(EVENT_INTERRUPT, 0x33);
	event_raise(v, VEC_PF, true, 2);
	e = enter();
	EXPECT(e.type == EVENT_EXCEPTION && e.vector == VEC_PF && e.error == 2);
	e = enter();
	EXPECT(e.type == EVENT_INTERRUPT && e.vector == 0x33);
	cut_short(EVENT_NMI, VEC_NMI);
	event_raise(v, VEC_GP, true, 0);
	EXPECT_EQ(enter().vector, VEC_GP);
	e = enter();
	EXPECT(e.type == EVENT_NMI && e.vector == VEC_NMI);

	/* INT n is no longer in the instruction: its length goes along. */
	v->event = (struct event){ .valid = true, .type = EVENT_SOFT_INTERRUPT, .vector = 0x80,
				   .insn_bytes = 2 };
	vcpu_attend(v, ATTENTION_EVENT);
	e = enter();
	EXPECT(e.type == EVENT_SOFT_INTERRUPT && e.vector == 0x80 && e.insn_bytes == 2);
	EXPECT(!enter().valid && !v->attention);
	end();
	tap_case("a delivery that an exit cut short comes again");
}

/* ---- random runs beside a model ---- */

/*
 * What an architectural request register would hold. A raise while the guest runs reaches it at the
 * next exit: that is when the kick arrives.
 */
static struct {
	u64 irr[4], in_flight[4];
	int acknowledged; /* being delivered: goes in before anything else, -1 = none */
	bool nmi, nmi_in_flight, nmi_acknowledged;
	bool in_guest;
	bool may_take, nmi_may_take; /* IF and no shadow; NMIs not masked */
	unsigned long raised, delivered;
} model;

static void set(u64 *vectors, unsigned vector, bool on)
{
	if (on)
		vectors[vector / 64] |= BIT(vector % 64);
	else
		vectors[vector / 64] &= ~BIT(vector % 64);
}

static int model_highest(void)
{
	for (int word = 3; word >= 0; word--)
		if (model.irr[word])
			return word * 64 + 63 - __builtin_clzll(model.irr[word]);
	return -1;
}

static void model_raise(unsigned vector)
{
	model.raised++;
	set(model.in_guest ? model.in_flight : model.irr, vector, true);
	irq_raise(v, vector);
}

static void model_nmi(void)
{
	if (model.in_guest)
		model.nmi_in_flight = true;
	else
		model.nmi = true;
	nmi_raise(v);
}

static void model_delivered(int vector, bool was_acknowledged)
{
	if (was_acknowledged) {
		EXPECT_EQ(vector, model.acknowledged);
		model.acknowledged = -1;
	} else {
		EXPECT(model.acknowledged < 0);
		EXPECT_EQ(vector, model_highest());
		EXPECT(vector >= 32 && model.may_take);
		if (vector >= 0)
			set(model.irr, (unsigned)vector, false);
	}
	model.delivered++;
	model.may_take = false; /* through an interrupt gate */
}

/* Before an entry: nothing may be forgotten, and nothing asked for in vain. */
static void check_requests(void)
{
	int waiting = model_highest();

	if (r->injected.valid && r->injected.type == EVENT_INTERRUPT && model.acknowledged < 0) {
		EXPECT_EQ(r->injected.vector, waiting);
		set(model.irr, r->injected.vector, false);
		waiting = model_highest();
		set(model.irr, r->injected.vector, true);
	}
	EXPECT_EQ(r->window[LINE_INTERRUPT] + (r->offered >= 0), waiting >= 0);
	if (r->offered >= 0)
		EXPECT_EQ(r->offered, waiting);
	if (!model.nmi)
		EXPECT(!r->window[LINE_NMI]);
	else if (!(r->injected.valid && r->injected.type == EVENT_NMI && !model.nmi_acknowledged))
		EXPECT(r->window[LINE_NMI]);
}

/* What was injected goes in, or an exit stops it half-way. */
static void deliver_injected(u64 *seed)
{
	struct event e = r->injected;

	if (!e.valid)
		return;
	r->injected.valid = false;
	if (e.type == EVENT_INTERRUPT) {
		model_delivered(e.vector, model.acknowledged >= 0);
	} else if (e.type == EVENT_NMI) {
		EXPECT(model.nmi_acknowledged || (model.nmi && model.nmi_may_take));
		if (!model.nmi_acknowledged)
			model.nmi = false;
		model.nmi_acknowledged = false;
		model.nmi_may_take = false;
	}
	if (rnd(seed) % 8)
		return;
	v->event = e;
	vcpu_attend(v, ATTENTION_EVENT);
	if (e.type == EVENT_INTERRUPT) {
		model.acknowledged = e.vector;
		model.delivered--;
		model.may_take = true;
	} else if (e.type == EVENT_NMI) {
		model.nmi_acknowledged = true;
		model.nmi_may_take = true;
	}
}

static void arrive(void)
{
	for (unsigned i = 0; i < 4; i++) {
		model.irr[i] |= model.in_flight[i];
		model.in_flight[i] = 0;
	}
	model.nmi |= model.nmi_in_flight;
	model.nmi_in_flight = false;
}

/* Instructions of the guest; ends with an exit. */
static void run_guest(u64 *seed)
{
	deliver_injected(seed);
	for (unsigned n = (unsigned)rnd(seed) % 6; n && !v->event.valid; n--) {
		if (model.nmi_may_take && r->window[LINE_NMI]) {
			exit_window(LINE_NMI);
			break;
		}
		if (model.may_take && r->offered >= 0 && !r->offer_taken) {
			r->offer_taken = true;
			model_delivered(r->offered, false);
		}
		if (model.may_take && r->window[LINE_INTERRUPT]) {
			exit_window(LINE_INTERRUPT);
			break;
		}
		switch (rnd(seed) % 6) {
		case 0:
		case 1:
			model.may_take = true; /* IRET, STI */
			break;
		case 2:
			model.may_take = false;
			break;
		case 3:
			model.nmi_may_take = true; /* IRET */
			break;
		case 4:
			model_raise(32 + (unsigned)rnd(seed) % (rnd(seed) % 4 ? 3 : 224));
			break;
		default:
			if (rnd(seed) % 4 == 0)
				model_nmi();
			break;
		}
	}
}

/* A handler of the exit raises an exception: an interrupted delivery waits again. */
static void raise_exception(void)
{
	if (model.acknowledged >= 0)
		set(model.irr, (unsigned)model.acknowledged, true);
	model.nmi |= model.nmi_acknowledged;
	model.acknowledged = -1;
	model.nmi_acknowledged = false;
	if (v->event.valid && v->event.type == EVENT_EXCEPTION)
		return; /* no double faults here */
	event_raise(v, VEC_UD, false, 0);
}

static void model_step(u64 *seed)
{
	model.in_guest = false;
	if (rnd(seed) % 4 == 0)
		model_raise(32 + (unsigned)rnd(seed) % (rnd(seed) % 2 ? 2 : 224));
	if (rnd(seed) % 16 == 0)
		model_nmi();
	if (rnd(seed) % 8 == 0)
		raise_exception();
	r->can_take[LINE_INTERRUPT] = model.may_take;
	r->can_take[LINE_NMI] = model.nmi_may_take;
	if (v->attention)
		events_prepare(v);
	check_requests();
	model.in_guest = true;
	run_guest(seed);
	arrive();
}

static void test_model(bool has_virtual_irq, bool leaves_lone, const char *name)
{
	u64 seed = 11;

	begin(has_virtual_irq);
	recorder_backend.leaves_lone_irq = leaves_lone;
	memset(&model, 0, sizeof(model));
	model.acknowledged = -1;
	for (unsigned i = 0; i < 120000 && !tap.failures; i++)
		model_step(&seed);
	/* Nothing more comes: all that was raised goes in. */
	for (unsigned i = 0; i < 600; i++) {
		model.in_guest = false;
		model.may_take = model.nmi_may_take = true;
		r->can_take[LINE_INTERRUPT] = r->can_take[LINE_NMI] = true;
		if (v->attention)
			events_prepare(v);
		deliver_injected(&seed);
		if (r->offered >= 0 && !r->offer_taken) {
			r->offer_taken = true;
			model_delivered(r->offered, false);
		}
	}
	EXPECT_EQ(model_highest(), -1);
	EXPECT(!model.nmi && !model.nmi_acknowledged && model.acknowledged < 0);
	EXPECT(!v->attention && !irq_pending(v));
	EXPECT(model.delivered > 20000 && model.raised > model.delivered);
	end();
	tap_case(name);
}

int main(void)
{
	fake_cpuid_all();
	test_priorities();
	test_windows();
	test_virtual_irq();
	test_lone_irq();
	test_double_faults();
	test_triple_faults();
	test_interrupted_delivery();
	test_model(false, false, "random interleavings, vectors by windows");
	test_model(true, false, "random interleavings, vectors left with the hardware");
	test_model(true, true, "random interleavings, each lone vector left with the hardware");
	return tap_done();
}
