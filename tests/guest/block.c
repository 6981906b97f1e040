/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BLOCK: until a deadline or an event, at once if either is there. One exit a call (marks 1..2: 50
 * with a past deadline; 3..4: 50 with an event pending).
 */
#include "guest.h"

#define ROUNDS 50u
#define VECTOR 0x41
#define MS 1000000ull

static void block(u64 deadline)
{
	if (hypercall(PV_CALL_BLOCK, deadline, 0) != 0)
		bail("BLOCK refuses deadline %llu", (unsigned long long)deadline);
}

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();
	unsigned early = 0;
	u64 start = now_ns();

	plan(8);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		block(1 + n);
	mark(2);
	ok(now_ns() - start < 50 * MS, "a past deadline returns at once");

	hypercall(PV_CALL_IPI_SEND, 0, VECTOR); /* IF = 0: it stays pending */
	start = now_ns();
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		block(0);
	mark(4);
	ok(self->counts[VECTOR] == 0, "a masked event ends BLOCK without being delivered");
	block(start + 1000000 * MS);
	ok(now_ns() - start < 1000 * MS, "also with a deadline far away");
	irq_window();
	ok(self->counts[VECTOR] == 1, "and is delivered when IF is set");

	for (unsigned n = 0; n < 10; n++) {
		start = now_ns();
		block(start + MS);
		early += now_ns() < start + MS;
	}
	ok(!early, "ten deadlines of 1 ms: none early");
	start = now_ns();
	block(start + 5 * MS);
	ok(now_ns() >= start + 5 * MS && now_ns() < start + 100 * MS,
	   "5 ms with IF = 0 take %llu us", (unsigned long long)(now_ns() - start) / 1000);

	__asm__ volatile("sti" : : : "memory");
	start = now_ns();
	block(start + MS);
	ok(now_ns() >= start + MS, "the same with IF = 1");
	cli();
	hypercall(PV_CALL_IPI_SEND, 0, VEC_NMI);
	ok(self->counts[VEC_NMI] == 1 && self->order_count == 2, "nothing else was delivered");
}
