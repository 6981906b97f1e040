/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 40 of the calls, each with its success and every errno of its row in abi.toml, and what a
 * domain that sends to itself sees of an event: bits in the area, mask, upcall. Needs another
 * domain in the machine, whose number is peer=, and vcpus: 2.
 */
#include "guest.h"

#define VECTOR 0x61
#define SELF PV_DOMAIN_SELF
#define PORTS_MAX (PV_EVENT_PORTS - 1) /* port 0 is never given out */
#define NONE 200u /* a port that nobody has taken yet */

static struct pv_vcpu_area area __attribute__((aligned(4096)));

static bool bit_of(const u64 *words, s64 port)
{
	return READ_ONCE(words[port / 64]) & BIT(port % 64);
}

static void check_setup(void)
{
	CASE(EVT_SETUP, ENOENT, "before there is an area", VECTOR);
	area_register(PV_AREA_VCPU, &area);
	CASE(EVT_SETUP, EINVAL, "vector 31", 31);
	CASE(EVT_SETUP, EINVAL, "vector 256", 256);
	CASE(EVT_SETUP, EINVAL, "with rsi", VECTOR, 1);
	CASE(EVT_SETUP, OK, "none", 0);
	CASE(EVT_SETUP, OK, "", VECTOR);
}

/* Returns the near end; *far is the other. */
static s64 check_binding(s64 *far)
{
	u64 peer = arg_number("peer", 1);
	s64 port = CASE(EVT_ALLOC, OK, "for itself", SELF), foreign, virq;

	*far = port;
	ok(port > 0 && port < (s64)PV_EVENT_PORTS, "port %lld", (long long)port);
	foreign = CASE(EVT_ALLOC, OK, "for the other domain", peer);
	CASE(EVT_ALLOC, ESRCH, "for nobody", 99);
	CASE(EVT_ALLOC, ESRCH, "for domain 2^32", BIT(32));
	CASE(EVT_ALLOC, EINVAL, "with rsi", SELF, 1);
	CASE(EVT_SEND, ENOENT, "before it is bound", (u64)port);
	CASE(EVT_BIND, ESRCH, "to nobody's", 99, (u64)port);
	CASE(EVT_BIND, ENOENT, "to port 0", SELF, 0);
	CASE(EVT_BIND, ENOENT, "to port 256", SELF, 256);
	CASE(EVT_BIND, ENOENT, "to a port that is free", SELF, NONE);
	CASE(EVT_BIND, ENOENT, "to a port for somebody else", SELF, (u64)foreign);
	CASE(EVT_BIND, ENOENT, "to a port of the other domain", peer, NONE);
	CASE(EVT_BIND, EINVAL, "with rdx", SELF, (u64)port, 1);
	port = CASE(EVT_BIND, OK, "", SELF, (u64)port);
	CASE(EVT_BIND, EBUSY, "to what is bound", SELF, (u64)*far);
	virq = CASE(EVT_BIND_VIRQ, OK, "", PV_VIRQ_SHUTDOWN, 0);
	CASE(EVT_BIND_VIRQ, EEXIST, "a second time", PV_VIRQ_SHUTDOWN, 0);
	CASE(EVT_BIND_VIRQ, OK, "for the other vCPU", PV_VIRQ_SHUTDOWN, 1);
	CASE(EVT_BIND_VIRQ, EINVAL, "virq 3", 3, 0);
	CASE(EVT_BIND_VIRQ, EINVAL, "with rdx", PV_VIRQ_TIMER, 0, 1);
	CASE(EVT_BIND_VIRQ, ENOENT, "vCPU 2 of 2", PV_VIRQ_TIMER, 2);
	CASE(EVT_BIND, ENOENT, "to a virq's port", SELF, (u64)virq);
	CASE(EVT_SEND, ENOENT, "to a virq's port", (u64)virq);
	return port;
}

static void check_sending(s64 port, s64 far)
{
	volatile u32 *upcalls = &this_vcpu()->counts[VECTOR];

	CASE(EVT_SEND, EINVAL, "with rsi", (u64)port, 1);
	CASE(EVT_SEND, ENOENT, "port 0", 0);
	CASE(EVT_SEND, ENOENT, "port 2^32", BIT(32) + (u64)port);
	CASE(EVT_SEND, OK, "", (u64)port);
	ok(bit_of(area.port_pending, far) && area.upcall_pending &&
		   area.port_selector == BIT(far / 64),
	   "it is pending at the other end");
	CASE(EVT_SEND, OK, "again", (u64)port);
	irq_window();
	ok(*upcalls == 1, "two events, one upcall");
	ok(take_events(&area) == BIT(far), "and one bit");
	WRITE_ONCE(area.port_mask[far / 64], BIT(far % 64));
	CASE(EVT_SEND, OK, "to a masked port", (u64)port);
	irq_window();
	ok(bit_of(area.port_pending, far) && !area.upcall_pending && *upcalls == 1, "it waits");
	CASE(EVT_UNMASK, EINVAL, "with rsi", (u64)far, 1);
	CASE(EVT_UNMASK, ENOENT, "a free port", NONE);
	CASE(EVT_UNMASK, OK, "", (u64)far);
	irq_window();
	ok(!bit_of(area.port_mask, far) && *upcalls == 2, "and arrives when it is unmasked");
	ok(take_events(&area) == BIT(far), "once");
	CASE(EVT_UNMASK, OK, "with nothing pending", (u64)far);
	irq_window();
	ok(*upcalls == 2, "brings no upcall");
	CASE(EVT_ROUTE, ENOENT, "a free port", NONE, 0);
	CASE(EVT_ROUTE, ENOENT, "to vCPU 2 of 2", (u64)far, 2);
	CASE(EVT_ROUTE, EINVAL, "with rdx", (u64)far, 0, 1);
	CASE(EVT_ROUTE, OK, "", (u64)far, 0);
}

static void check_closing(s64 port, s64 far)
{
	CASE(EVT_CLOSE, EINVAL, "with rsi", (u64)port, 1);
	CASE(EVT_CLOSE, ENOENT, "a free port", NONE);
	CASE(EVT_CLOSE, OK, "", (u64)port);
	CASE(EVT_CLOSE, ENOENT, "twice", (u64)port);
	CASE(EVT_SEND, ENOENT, "to a closed end", (u64)far);
	CASE(EVT_BIND, OK, "its other end may be bound again", SELF, (u64)far);
	while (hypercall(PV_CALL_EVT_ALLOC, SELF, 0) > 0)
		;
	CASE(EVT_ALLOC, ENOSPC, "all ports in use", SELF);
	CASE(EVT_BIND, ENOSPC, "all ports in use", SELF, NONE);
	CASE(EVT_BIND_VIRQ, ENOSPC, "all ports in use", PV_VIRQ_TIMER, 0);
	CASE(EVT_CLOSE, OK, "the last one", PORTS_MAX);
	ok(CASE(EVT_ALLOC, OK, "there is room for one", SELF) == PORTS_MAX, "the last one again");
}

void guest_main(void)
{
	s64 far, port;

	check_setup();
	port = check_binding(&far);
	check_sending(port, far);
	check_closing(port, far);
}
