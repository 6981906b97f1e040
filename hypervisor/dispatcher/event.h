/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events: numbered ports by which a domain is told that something happened, delivered to a vCPU as
 * bits in its VCPU area and one upcall vector. The hypervisor sends some itself (virqs).
 */
#ifndef DISPATCHER_EVENT_H
#define DISPATCHER_EVENT_H

#include "lib/types.h"
#include "pv_abi.h"

struct domain;
struct vcpu;

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_BOUND, PORT_VIRQ };

struct event_port {
	u8 state; /* enum port_state */
	u8 vcpu; /* it is delivered to */
	u8 virq; /* PORT_VIRQ */
	u8 peer_port; /* PORT_BOUND */
	u16 peer; /* domain id: PORT_UNBOUND who may bind, PORT_BOUND the other end */
};

struct event_table {
	struct event_port ports[PV_EVENT_PORTS];
};

/* Makes a port pending; nothing if the domain ends. Any CPU. */
void event_pend(struct domain *d, unsigned port);
void events_close_all(struct domain *d);
/* Sends a virq to the port that is bound to it for v, if there is one. */
void event_virq(struct vcpu *v, unsigned virq);

#endif
