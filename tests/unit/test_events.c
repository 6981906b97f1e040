/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events (hypercalls/events.c): ports between domains and within one, masks, the upcall, routes,
 * virqs, what the end of a port or of a domain leaves behind; and that no wake-up is lost between
 * BLOCK and an event, a kick or an interrupt, however the CPUs interleave.
 *
 *	test_events [TRIES of the last]
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "fake/recorder.h"
#include "fake/simulator.h"
#include "machine/machine.h"
#include "tap.h"

#define AREA_GPA 0x40000u /* VCPU area of vCPU 0; a page each */
#define VECTOR 0x50u

static struct vcpu *a, *a1, *b, *c; /* two vCPUs of domain 0, one each of 1 and 2 */

static void begin(void)
{
	const struct world_domain list[] = { { .vcpus = 2, .mode = PV_MODE_PV_HAP },
					     { .vcpus = 1, .mode = PV_MODE_PV_HAP },
					     { .vcpus = 1, .mode = PV_MODE_PV_HAP } };

	world_create(list, ARRAY_SIZE(list), 2);
	a = domains[0]->vcpus[0];
	a1 = domains[0]->vcpus[1];
	b = domains[1]->vcpus[0];
	c = domains[2]->vcpus[0];
}

static void listen_at(struct vcpu *v, u64 vector)
{
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_VCPU, AREA_GPA + v->id * PAGE_SIZE), 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_EVT_SETUP, vector), 0);
}

static u64 word(struct vcpu *v, size_t array, unsigned index)
{
	return caller_get64(v, v->area + array + index * 8);
}

static bool is_pending(struct vcpu *v, s64 port)
{
	return word(v, PV_VCPU_AREA_PORT_PENDING, (unsigned)port / 64) >> port % 64 & 1;
}

static u8 upcall_of(struct vcpu *v)
{
	u8 byte;

	caller_get(v, v->area + PV_VCPU_AREA_UPCALL_PENDING, &byte, 1);
	return byte;
}

/* The guest's upcall handler, which takes whole words at once; returns how many ports it found. */
static unsigned handle(struct vcpu *v)
{
	struct pv_vcpu_area *area = (void *)p2m_lookup(&v->domain->p2m, v->area);
	unsigned found = 0;
	u64 selector;

	__atomic_exchange_n(&area->upcall_pending, 0, __ATOMIC_SEQ_CST);
	selector = __atomic_exchange_n(&area->port_selector, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < PV_EVENT_PORTS / 64; i++)
		if (selector & BIT(i))
			found += (unsigned)__builtin_popcountll(
				__atomic_exchange_n(&area->port_pending[i], 0, __ATOMIC_SEQ_CST));
	v->irr[VECTOR / 64] = 0;
	v->attention = 0;
	return found;
}

static void mask(struct vcpu *v, s64 port, bool on)
{
	gpa_t at = v->area + PV_VCPU_AREA_PORT_MASK + (u64)port / 64 * 8;

	if (on)
		guest_set_bit(&v->domain->p2m, at, (unsigned)port % 64);
	else
		guest_clear_bit(&v->domain->p2m, at, (unsigned)port % 64);
}

/* Both ends of what is bound know each other, and every virq its port. */
static void check_tables(void)
{
	for (u32 n = 0; n < domain_count; n++) {
		const struct domain *d = domains[n];

		for (unsigned p = 0; p < PV_EVENT_PORTS; p++) {
			const struct event_port *port = &d->events.ports[p], *far;

			EXPECT(p || port->state == PORT_FREE);
			EXPECT(port->state == PORT_FREE || port->vcpu < d->vcpu_count);
			if (port->state == PORT_VIRQ)
				EXPECT_EQ(d->vcpus[port->vcpu]->virq_port[port->virq], p);
			if (port->state != PORT_BOUND)
				continue;
			far = &domains[port->peer]->events.ports[port->peer_port];
			EXPECT(far->state == PORT_BOUND && far->peer == n && far->peer_port == p);
		}
		for (u32 i = 0; i < d->vcpu_count && !d->ended; i++)
			for (unsigned virq = 0; virq < VIRQS; virq++) {
				u8 port = d->vcpus[i]->virq_port[virq];

				EXPECT(!port || (d->events.ports[port].state == PORT_VIRQ &&
						 d->events.ports[port].vcpu == i));
			}
	}
}

static void test_two_domains(void)
{
	s64 ours, theirs;

	begin();
	listen_at(a, VECTOR);
	listen_at(b, VECTOR);
	ours = CALL_OF(a, PV_CALL_EVT_ALLOC, 1);
	EXPECT_EQ(ours, 1);
	EXPECT_EQ(CALL_OF(c, PV_CALL_EVT_BIND, 0, 1), -PV_ENOENT); /* it is not for it */
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), -PV_ENOENT); /* nobody is there yet */
	CALL_OF(b, PV_CALL_EVT_ALLOC, 2); /* so that the numbers differ */
	theirs = CALL_OF(b, PV_CALL_EVT_BIND, 0, 1);
	EXPECT_EQ(theirs, 2);
	check_tables();
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, (u64)ours), 0);
	EXPECT(is_pending(b, theirs) && upcall_of(b) == 1 && b->irr[VECTOR / 64]);
	EXPECT(!upcall_of(a) && !a->irr[VECTOR / 64]);
	EXPECT_EQ(handle(b), 1);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, (u64)theirs), 0);
	EXPECT(is_pending(a, ours) && a->irr[VECTOR / 64] && !b->irr[VECTOR / 64]);
	EXPECT_EQ(handle(a), 1);
	/* Others' ports are theirs: numbers name one's own. */
	EXPECT_EQ(CALL_OF(c, PV_CALL_EVT_SEND, (u64)theirs), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(c, PV_CALL_EVT_CLOSE, (u64)theirs), -PV_ENOENT);
	world_destroy();
	tap_case("two domains, and nobody else");
}

static void test_close(void)
{
	begin();
	listen_at(a, VECTOR);
	listen_at(b, VECTOR);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, 1), 1);
	for (unsigned round = 0; round < 3; round++) {
		EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_BIND, 0, 1), 1);
		EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_BIND, 0, 1), -PV_EBUSY);
		EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_CLOSE, 1), 0);
		check_tables();
		EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), -PV_ENOENT);
		EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), -PV_ENOENT);
	}
	/* The end that was made first goes first. */
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_BIND, 0, 1), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_CLOSE, 1), 0);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(c, PV_CALL_EVT_BIND, 1, 1), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_UNMASK, 1), 0);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_CLOSE, 1), 0);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_CLOSE, 1), -PV_ENOENT);
	check_tables();
	/* Numbers are given again, lowest first; all of them but 0. */
	for (unsigned port = 1; port < PV_EVENT_PORTS; port++)
		EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), port);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), -PV_ENOSPC);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_CLOSE, 77), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 255), 77);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), 1); /* each domain has its own */
	check_tables();
	world_destroy();
	tap_case("closing either end, and all ports");
}

static void test_masks(void)
{
	begin();
	listen_at(a, VECTOR);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), 2);
	/* Sends merge while nobody looks; the upcall comes once. */
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(irq_pending(a));
	a->irr[VECTOR / 64] = 0;
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 2), 0); /* another port */
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 2), 0);
	EXPECT(!irq_pending(a));
	EXPECT_EQ(word(a, PV_VCPU_AREA_PORT_SELECTOR, 0), 1);
	EXPECT_EQ(handle(a), 2);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(irq_pending(a));
	EXPECT_EQ(handle(a), 1);
	/* Masked: pending is all. Unmasking delivers it, once. */
	mask(a, 2, true);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(is_pending(a, 2) && !upcall_of(a) && !irq_pending(a));
	EXPECT_EQ(word(a, PV_VCPU_AREA_PORT_SELECTOR, 0), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_UNMASK, 1), 0); /* another one */
	EXPECT(!irq_pending(a));
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_UNMASK, 2), 0);
	EXPECT(irq_pending(a) && upcall_of(a));
	EXPECT_EQ(handle(a), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_UNMASK, 2), 0);
	EXPECT(!irq_pending(a) && !upcall_of(a));
	/* The guest may clear the bit by itself: what comes then is delivered. */
	mask(a, 2, true);
	mask(a, 2, false);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(irq_pending(a));
	world_destroy();
	tap_case("masks, and one upcall until the guest has looked");
}

static void test_without(void)
{
	begin();
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), 2);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0); /* no area: nobody is told */
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_UNMASK, 1), 0);
	EXPECT(!irq_pending(a) && !a->wake_sticky);
	/* No vector: it polls, and must not sleep through it. */
	listen_at(a, 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(is_pending(a, 2) && upcall_of(a) && !irq_pending(a) && a->wake_sticky);
	/* A vector that is set later serves from then on. */
	EXPECT_EQ(handle(a), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SETUP, VECTOR), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(irq_pending(a));
	/* The area ends: nothing is written to where it was. */
	handle(a);
	EXPECT_EQ(CALL_OF(a, PV_CALL_AREA_REGISTER, PV_AREA_VCPU, ~0ull), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), 0);
	EXPECT_EQ(caller_get64(a, AREA_GPA + PV_VCPU_AREA_PORT_PENDING), 0);
	EXPECT(!irq_pending(a));
	for (u64 vector = 0; vector < 256; vector++)
		EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SETUP, vector),
			  vector && vector < 32 ? -PV_EINVAL : -PV_ENOENT);
	world_destroy();
	tap_case("without an area, and without a vector");
}

static void test_route(void)
{
	begin();
	listen_at(a, VECTOR);
	listen_at(a1, VECTOR + 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, 1), 1);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_BIND, 0, 1), 1);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(is_pending(a, 1) && irq_pending(a));
	EXPECT_EQ(handle(a), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ROUTE, 1, 1), 0);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), 0);
	EXPECT(!is_pending(a, 1) && !irq_pending(a));
	EXPECT(is_pending(a1, 1) && a1->irr[1] == BIT(VECTOR + 1 - 64));
	a1->irr[1] = 0;
	EXPECT_EQ(handle(a1), 1);
	/* It is the vCPU that binds which is told at first. */
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_ALLOC, 0), 2);
	EXPECT_EQ(CALL_OF(a1, PV_CALL_EVT_BIND, 1, 2), 2);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 2), 0);
	EXPECT(is_pending(a1, 2) && !is_pending(a, 2));
	/* Masked to be moved: what came meanwhile goes along, and the mask too. */
	a->irr[1] = a1->irr[1] = 0;
	handle(a1);
	mask(a, 1, true); /* of an earlier port of this number */
	mask(a1, 1, true);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), 0);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ROUTE, 1, 0), 0);
	EXPECT(is_pending(a, 1) && !is_pending(a1, 1) && !irq_pending(a));
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_UNMASK, 1), 0);
	EXPECT(irq_pending(a) && !word(a1, PV_VCPU_AREA_PORT_MASK, 0));
	EXPECT_EQ(handle(a), 1);
	/* Not masked: it is told where it goes to, even if it was told where it was. */
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_SEND, 1), 0);
	mask(a1, 1, true);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ROUTE, 1, 1), 0);
	EXPECT(is_pending(a1, 1) && irq_pending(a1) && !is_pending(a, 1));
	world_destroy();
	tap_case("a port is delivered where its route says");
}

static void test_virqs(void)
{
	begin();
	listen_at(a, VECTOR);
	listen_at(a1, VECTOR);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, 0), 1);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, 1), 2); /* for another one */
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_SHUTDOWN, 0), 3);
	check_tables();
	event_virq(a, PV_VIRQ_TIMER);
	EXPECT(is_pending(a, 1) && !is_pending(a, 3) && !is_pending(a1, 2));
	event_virq(a1, PV_VIRQ_TIMER);
	EXPECT(is_pending(a1, 2));
	event_virq(a, PV_VIRQ_CONSOLE); /* nobody wants it */
	event_virq(a1, PV_VIRQ_SHUTDOWN);
	EXPECT(handle(a) == 1 && handle(a1) == 1);
	EXPECT_EQ(CALL_OF(a1, PV_CALL_EVT_CLOSE, 1), 0); /* ports are the domain's */
	event_virq(a, PV_VIRQ_TIMER);
	EXPECT(!is_pending(a, 1) && !irq_pending(a));
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, 0), 1);
	event_pend(domains[0], 3); /* from another CPU */
	EXPECT(is_pending(a, 3) && irq_pending(a));
	check_tables();
	world_destroy();
	tap_case("events of the hypervisor");
}

static void test_domain_end(void)
{
	begin();
	listen_at(a, VECTOR);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, 1), 1);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_BIND, 0, 1), 1);
	EXPECT_EQ(CALL_OF(b, PV_CALL_EVT_ALLOC, 0), 2);
	domains[1]->vcpus_live = 1;
	domain_ended(domains[1]);
	check_tables();
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_SEND, 1), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_BIND, 1, 2), -PV_ESRCH);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_ALLOC, 1), -PV_ESRCH);
	EXPECT_EQ(CALL_OF(a, PV_CALL_EVT_CLOSE, 1), 0);
	world_destroy();
	tap_case("the end of a domain closes its ports");
}

/* Ports of three domains in any order: the tables stay consistent. */
static void test_random(void)
{
	static const unsigned numbers[] = { PV_CALL_EVT_ALLOC,     PV_CALL_EVT_BIND,
					    PV_CALL_EVT_BIND_VIRQ, PV_CALL_EVT_SEND,
					    PV_CALL_EVT_UNMASK,    PV_CALL_EVT_CLOSE,
					    PV_CALL_EVT_ROUTE };
	unsigned long done = 0;
	u64 seed = 3;

	begin();
	listen_at(a, VECTOR);
	listen_at(b, 0);
	for (unsigned n = 0; n < 60000; n++) {
		struct vcpu *const all[] = { a, a1, b, c };
		struct vcpu *v = all[rnd(&seed) % 4];
		unsigned number = numbers[rnd(&seed) % ARRAY_SIZE(numbers)];
		u64 first = rnd(&seed) % 8, second = rnd(&seed) % 8;

		if (number <= PV_CALL_EVT_BIND)
			first = first > 3 ? PV_DOMAIN_SELF : first;
		if (number == PV_CALL_EVT_ALLOC || number == PV_CALL_EVT_SEND ||
		    number == PV_CALL_EVT_UNMASK || number == PV_CALL_EVT_CLOSE)
			second = 0;
		done += CALL_OF(v, number, first, second) >= 0;
		if (n % 8 == 0)
			check_tables();
	}
	EXPECT_MSG(done > 20000, "%lu succeeded", done);
	world_destroy();
	tap_case("random calls keep both ends in step");
}

/* ---- no wake-up is lost ---- */

enum way { BY_VECTOR, BY_POLLING, BY_KICK, BY_IPI, WAYS };

static struct {
	enum way way;
	struct vcpu *receiver, *sender;
	unsigned long sent, wanted, slept;
	unsigned injections; /* of which the receiver has taken note */
	bool flag; /* what a kick tells of; for the others the area does */
	bool inside;
	u64 seed;
} try;

static void try_send(void)
{
	struct vcpu *s = try.sender;

	try.sent++;
	try.slept += try.receiver->state == VCPU_BLOCKED;
	switch (try.way) {
	case BY_KICK:
		try.flag = true;
		EXPECT_EQ(sim_call(s, hypercall_kick, try.receiver->id, 0), 0);
		break;
	case BY_IPI:
		EXPECT_EQ(sim_call(s, hypercall_ipi_send, try.receiver->id, VECTOR), 0);
		break;
	default:
		EXPECT_EQ(sim_call(s, hypercall_evt_send, 1, 0), 0);
		break;
	}
}

/* The sender's CPU acts while another is half-way through something. */
static void try_meanwhile(void)
{
	struct cpu *cpu = fake_this_cpu, *theirs = try.sender->cpu;

	if (try.inside || !theirs || cpu == theirs || sim[theirs->index].v != try.sender ||
	    rnd(&try.seed) % 16)
		return;
	try.inside = true;
	fake_this_cpu = theirs;
	try_send();
	fake_this_cpu = cpu;
	try.inside = false;
}

/* What the receiver does when it runs: looks, and sleeps if there is nothing. */
static void receive(struct vcpu *v)
{
	unsigned injections = recorder_of(v)->injections;
	bool found = false;

	if (try.way == BY_KICK) {
		found = try.flag;
		try.flag = false;
	} else if (try.way == BY_POLLING) {
		found = upcall_of(v);
	} else {
		found = injections != try.injections;
	}
	try.injections = injections;
	if (found && try.way <= BY_POLLING) {
		u32 attention = v->attention; /* handle() is for tests without a scheduler */
		u64 irr = v->irr[VECTOR / 64];

		handle(v);
		v->attention |= attention;
		v->irr[VECTOR / 64] |= irr;
	}
	if (!found)
		sim_call(v, hypercall_block, rnd(&try.seed) % 8 ? 0 : fake_tsc + 500, 0);
}

static void try_guest(struct vcpu *v)
{
	if (v == try.receiver) {
		receive(v);
		return;
	}
	if (v != try.sender)
		return;
	if (rnd(&try.seed) % 4 == 0)
		try_send();
	/* With one CPU for both, that is when the receiver gets it. */
	if (rnd(&try.seed) % 2)
		vcpu_attend(v, ATTENTION_YIELD);
}

/* Asleep with something there, and nobody on the way to wake it: nobody may act meanwhile. */
static bool is_lost(void)
{
	bool has_something;

	if (try.receiver->state != VCPU_BLOCKED)
		return false;
	if (try.way == BY_KICK)
		return try.flag;
	if (try.way == BY_IPI)
		return irq_pending(try.receiver);
	try.inside = true;
	has_something =
		is_pending(try.receiver, try.receiver->domain == try.sender->domain ? 2 : 1);
	try.inside = false;
	return has_something;
}

static void try_round(enum way way, bool is_same_domain, u32 cpus_wanted, unsigned long tries)
{
	const struct world_domain list[] = { { .vcpus = 2, .mode = PV_MODE_PV_HAP },
					     { .vcpus = 1, .mode = PV_MODE_PV_HAP } };

	sim_begin(list, 2, cpus_wanted);
	memset(&try, 0, sizeof(try));
	try.way = way;
	try.seed = way * 4 + cpus_wanted * 2 + is_same_domain;
	try.receiver = domains[0]->vcpus[0];
	try.sender = is_same_domain ? domains[0]->vcpus[1] : domains[1]->vcpus[0];
	try.wanted = tries;
	listen_at(try.receiver, way == BY_POLLING ? 0 : VECTOR);
	if (is_same_domain) {
		EXPECT_EQ(CALL_OF(try.sender, PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), 1);
		EXPECT_EQ(CALL_OF(try.receiver, PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), 2);
	} else {
		EXPECT_EQ(CALL_OF(try.receiver, PV_CALL_EVT_ALLOC, 1), 1);
		EXPECT_EQ(CALL_OF(try.sender, PV_CALL_EVT_BIND, 0, 1), 1);
	}
	sim_start_all();
	sim_guest = try_guest;
	fake_meanwhile = fake_unlocked = try_meanwhile;
	while (try.sent < try.wanted && !tap.failures) {
		sim_step((u32)(rnd(&try.seed) % cpus_wanted));
		fake_tsc += rnd(&try.seed) % 4;
		EXPECT_MSG(!is_lost(), "lost after %lu tries, way %d", try.sent, way);
	}
	EXPECT_MSG(try.slept * 20 > try.sent, "it slept in %lu of %lu tries", try.slept, try.sent);
	fake_meanwhile = fake_unlocked = NULL;
	sim_guest = NULL;
	sim_finish();
}

static void test_no_wake_up_is_lost(unsigned long tries)
{
	static const char *const names[WAYS] = {
		"no wake-up is lost: events with an upcall",
		"no wake-up is lost: events and polling",
		"no wake-up is lost: kicks",
		"no wake-up is lost: interrupts",
	};

	for (enum way way = 0; way < WAYS; way++) {
		for (u32 cpus_wanted = 1; cpus_wanted <= 3; cpus_wanted++) {
			try_round(way, true, cpus_wanted, tries / 24 + 1);
			if (way <= BY_POLLING) /* the others stay within a domain */
				try_round(way, false, cpus_wanted, tries / 24 + 1);
		}
		tap_case(names[way]);
	}
}

int main(int argc, char **argv)
{
	fake_cpuid_all();
	test_two_domains();
	test_close();
	test_masks();
	test_without();
	test_route();
	test_virqs();
	test_domain_end();
	test_random();
	test_no_wake_up_is_lost(argc > 1 ? strtoul(argv[1], NULL, 10) : 24000);
	return tap_done();
}
