/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 40, events: ports and their delivery. A port's two ends lie in two domains' tables; both
 * are changed under one lock for all domains, which is taken for a bounded time only. Pending and
 * mask bits live in the VCPU area, where the guest changes them without a call.
 */
#include "dispatcher/event.h"
#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "machine/x86.h"

static spinlock_t lock;

static struct domain *domain_of(struct vcpu *v, u64 id)
{
	if (id == PV_DOMAIN_SELF)
		return v->domain;
	if (id >= domain_count || domains[id]->ended)
		return NULL;
	return domains[id];
}

static struct event_port *port_of(struct domain *d, u64 port)
{
	if (!port || port >= PV_EVENT_PORTS || d->events.ports[port].state == PORT_FREE)
		return NULL;
	return &d->events.ports[port];
}

static s64 port_take(struct domain *d, struct event_port with)
{
	for (unsigned port = 1; port < PV_EVENT_PORTS; port++) {
		if (d->events.ports[port].state != PORT_FREE)
			continue;
		d->events.ports[port] = with;
		return port;
	}
	return -PV_ENOSPC;
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* Sets a bit of a u64 array in the VCPU area; returns whether it was set already. */
static bool area_test_and_set(struct vcpu *v, size_t array, unsigned bit)
{
	return guest_set_bit(&v->domain->p2m, v->area + array + bit / 64 * 8, bit % 64);
}

/* Returns whether the vCPU must be told: it has not come to look since the last time. */
static bool upcall(struct vcpu *v)
{
	u8 pending = 0, one = 1;
	gpa_t at = v->area + offsetof(struct pv_vcpu_area, upcall_pending);

	guest_read(&v->domain->p2m, at, &pending, 1);
	if (pending)
		return false; /* it will see this port when it comes */
	guest_write(&v->domain->p2m, at, &one, 1);
	if (v->upcall_vector)
		irq_raise(v, v->upcall_vector);
	else
		v->wake_sticky = true; /* it polls: let it, at least after a BLOCK */
	return true;
}

/* The vCPU that must be told, or NULL. */
static struct vcpu *pend_in_area(struct domain *d, unsigned port)
{
	struct vcpu *v = d->vcpus[d->events.ports[port].vcpu];
	u64 mask = 0;

	if (v->area == AREA_NONE)
		return NULL;
	if (area_test_and_set(v, offsetof(struct pv_vcpu_area, port_pending), port))
		return NULL;
	guest_read(&d->p2m, v->area + offsetof(struct pv_vcpu_area, port_mask) + port / 64 * 8,
		   &mask, 8);
	if (mask & BIT(port % 64))
		return NULL;
	area_test_and_set(v, offsetof(struct pv_vcpu_area, port_selector), port / 64);
	return upcall(v) ? v : NULL;
}

/*
 * Without taking sched_lock: for the scheduler itself, which wakes v as it sees fit. The sender may
 * belong to another domain, so the area must not move, nor its memory go, while it is written.
 */
static struct vcpu *pend_locked(struct domain *d, unsigned port)
{
	struct vcpu *told;

	spin_lock(&d->memory_lock);
	told = pend_in_area(d, port);
	spin_unlock(&d->memory_lock);
	return told;
}

/*
 * A sender that floods costs the receiver nothing more than its first event. Whom to kick was found
 * under the lock: EVT_ROUTE may move the port meanwhile.
 */
void event_pend(struct domain *d, unsigned port)
{
	struct vcpu *told = pend_locked(d, port);

	if (told)
		sched_kick(told);
}

void event_virq(struct vcpu *v, unsigned virq)
{
	u8 port = v->virq_port[virq];

	if (port)
		pend_locked(v->domain, port);
}

/* ---- calls ----------------------------------------------------------------------------------- */

s64 hypercall_evt_setup(struct vcpu *v)
{
	u64 vector = v->gpr[RDI];

	if (vector > 255 || (vector && vector < 32))
		return -PV_EINVAL;
	if (v->area == AREA_NONE)
		return -PV_ENOENT;
	v->upcall_vector = (u8)vector;
	return 0;
}

s64 hypercall_evt_alloc(struct vcpu *v)
{
	struct domain *peer = domain_of(v, v->gpr[RDI]);
	s64 result = -PV_ESRCH;

	spin_lock(&lock);
	if (peer)
		result = port_take(v->domain, (struct event_port){ .state = PORT_UNBOUND,
								   .vcpu = (u8)v->id,
								   .peer = (u16)peer->id });
	spin_unlock(&lock);
	return result;
}

s64 hypercall_evt_bind(struct vcpu *v)
{
	struct domain *d = v->domain, *peer = domain_of(v, v->gpr[RDI]);
	struct event_port *far;
	s64 result = -PV_ESRCH;

	spin_lock(&lock);
	far = peer ? port_of(peer, v->gpr[RSI]) : NULL;
	if (peer && (!far || far->state == PORT_VIRQ || far->peer != d->id))
		result = -PV_ENOENT;
	else if (far && far->state != PORT_UNBOUND)
		result = -PV_EBUSY;
	else if (far)
		result = port_take(d, (struct event_port){ .state = PORT_BOUND,
							   .vcpu = (u8)v->id,
							   .peer = (u16)peer->id,
							   .peer_port = (u8)v->gpr[RSI] });
	if (result > 0) {
		far->state = PORT_BOUND;
		far->peer_port = (u8)result;
	}
	spin_unlock(&lock);
	return result;
}

s64 hypercall_evt_bind_virq(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 virq = v->gpr[RDI], id = v->gpr[RSI];
	s64 result;

	if (virq >= VIRQS)
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	spin_lock(&lock);
	if (d->vcpus[id]->virq_port[virq])
		result = -PV_EEXIST;
	else
		result = port_take(d, (struct event_port){ .state = PORT_VIRQ,
							   .vcpu = (u8)id,
							   .virq = (u8)virq });
	if (result > 0)
		d->vcpus[id]->virq_port[virq] = (u8)result;
	spin_unlock(&lock);
	return result;
}

s64 hypercall_evt_send(struct vcpu *v)
{
	struct event_port *port;
	struct domain *to = NULL;
	unsigned number = 0;

	spin_lock(&lock);
	port = port_of(v->domain, v->gpr[RDI]);
	if (port && port->state == PORT_BOUND) {
		to = domains[port->peer];
		number = port->peer_port;
	}
	spin_unlock(&lock);
	if (!to)
		return -PV_ENOENT;
	event_pend(to, number);
	return 0;
}

s64 hypercall_evt_unmask(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 number = v->gpr[RDI], words[4];
	struct event_port *port = port_of(d, number);
	struct vcpu *to;

	if (!port)
		return -PV_ENOENT;
	to = d->vcpus[port->vcpu];
	if (to->area == AREA_NONE)
		return 0;
	guest_clear_bit(&d->p2m,
			to->area + offsetof(struct pv_vcpu_area, port_mask) + number / 64 * 8,
			number % 64);
	guest_read(&d->p2m, to->area + offsetof(struct pv_vcpu_area, port_pending), words,
		   sizeof(words));
	if (!(words[number / 64] & BIT(number % 64)))
		return 0;
	area_test_and_set(to, offsetof(struct pv_vcpu_area, port_selector), (unsigned)number / 64);
	upcall(to);
	sched_kick(to);
	return 0;
}

s64 hypercall_evt_close(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct event_port *port;
	s64 result = -PV_ENOENT;

	spin_lock(&lock);
	port = port_of(d, v->gpr[RDI]);
	if (port) {
		if (port->state == PORT_VIRQ)
			d->vcpus[port->vcpu]->virq_port[port->virq] = 0;
		/* The far end may be bound again, by the same domain. */
		if (port->state == PORT_BOUND)
			domains[port->peer]->events.ports[port->peer_port].state = PORT_UNBOUND;
		*port = (struct event_port){ .state = PORT_FREE };
		result = 0;
	}
	spin_unlock(&lock);
	return result;
}

/*
 * The mask bit goes along, and so does what is pending: it would never be found where it was, if it
 * came while the guest had the port masked to move it.
 */
static void port_move(struct domain *d, unsigned port, struct vcpu *to)
{
	struct vcpu *from = d->vcpus[d->events.ports[port].vcpu];
	const gpa_t mask = offsetof(struct pv_vcpu_area, port_mask) + port / 64 * 8;
	const gpa_t pending = offsetof(struct pv_vcpu_area, port_pending) + port / 64 * 8;

	d->events.ports[port].vcpu = (u8)to->id;
	if (from == to || from->area == AREA_NONE || to->area == AREA_NONE)
		return;
	if (guest_clear_bit(&d->p2m, from->area + mask, port % 64))
		guest_set_bit(&d->p2m, to->area + mask, port % 64);
	else
		guest_clear_bit(&d->p2m, to->area + mask, port % 64);
	if (guest_clear_bit(&d->p2m, from->area + pending, port % 64))
		pend_in_area(d, port);
}

s64 hypercall_evt_route(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RSI];
	struct event_port *port;
	s64 result = -PV_ENOENT;

	spin_lock(&lock);
	port = port_of(d, v->gpr[RDI]);
	/* A virq belongs to the vCPU it was bound for. */
	if (port && id < d->vcpu_count && port->state != PORT_VIRQ) {
		spin_lock(&d->memory_lock);
		port_move(d, (unsigned)v->gpr[RDI], d->vcpus[id]);
		spin_unlock(&d->memory_lock);
		result = 0;
	}
	spin_unlock(&lock);
	if (!result)
		sched_kick(d->vcpus[id]);
	return result;
}

void events_close_all(struct domain *d)
{
	spin_lock(&lock);
	for (unsigned i = 1; i < PV_EVENT_PORTS; i++) {
		struct event_port *port = &d->events.ports[i];

		if (port->state == PORT_BOUND)
			domains[port->peer]->events.ports[port->peer_port].state = PORT_UNBOUND;
		*port = (struct event_port){ .state = PORT_FREE };
	}
	spin_unlock(&lock);
}
