/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts that the hypervisor injects: each exactly once, the highest vector first, none while
 * IF = 0. Marks 1..2: 100 x IPI_SEND with IF=0, then STI; 3..4: 100 x IPI_SEND with IF=1; 5..6: 32
 * vectors pending at one STI. What they cost beyond the hypercalls depends on the hardware.
 */
#include "guest.h"

#define ROUNDS 100u
#define VECTOR 0x41
#define MANY 32u

static s64 send(u64 vector)
{
	return hypercall(PV_CALL_IPI_SEND, 0, vector);
}

static void check_masked(struct guest_vcpu *self)
{
	send(VECTOR);
	ok(self->counts[VECTOR] == 0, "nothing arrives while IF = 0");
	irq_window();
	ok(self->counts[VECTOR] == 1, "it arrives when IF is set");
	irq_window();
	ok(self->counts[VECTOR] == 1 && self->order_count == 1, "once");
	send(VECTOR);
	send(VECTOR);
	irq_window();
	ok(self->counts[VECTOR] == 2, "a vector that is pending already merges");
}

static void check_cost(struct guest_vcpu *self)
{
	counts_clear(self);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		send(VECTOR);
		irq_window();
	}
	mark(2);
	ok(self->counts[VECTOR] == ROUNDS, "%u of %u with IF = 0 before", self->counts[VECTOR],
	   ROUNDS);
	counts_clear(self);
	__asm__ volatile("sti" : : : "memory");
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		send(VECTOR);
	mark(4);
	cli();
	ok(self->counts[VECTOR] == ROUNDS, "%u of %u with IF = 1", self->counts[VECTOR], ROUNDS);
}

/*
 * Vectors 32..255 in a scattered order; multiplying by an odd number modulo 224 visits each once.
 */
static void check_order(struct guest_vcpu *self)
{
	unsigned wrong = 0;

	counts_clear(self);
	for (unsigned n = 0; n < 224; n++)
		send(32 + n * 97 % 224);
	irq_window();
	for (unsigned n = 0; n < 224; n++)
		wrong += self->order[n] != 255 - n || self->counts[32 + n] != 1;
	ok(self->order_count == 224, "%u of 224 vectors arrived", self->order_count);
	ok(!wrong, "from the highest to the lowest, each once");

	counts_clear(self);
	mark(5);
	for (unsigned n = 0; n < MANY; n++)
		send(0x40 + n * 5);
	irq_window();
	mark(6);
	ok(self->order_count == MANY, "%u of %u pending at one STI", self->order_count, MANY);

	/* There is no EOI: a high vector must not hold back a lower one that comes later. */
	counts_clear(self);
	send(0xe1);
	irq_window();
	send(0x31);
	irq_window();
	ok(self->order_count == 2 && self->order[1] == 0x31, "a low vector after a high one");
}

/* The handler sends more: with IF = 0 in it, they wait until it returns. */
static bool send_from_handler(struct trap_frame *frame)
{
	struct guest_vcpu *self = this_vcpu();

	(void)frame;
	trap_hooks[VECTOR] = NULL;
	send(VECTOR + 1);
	send(VECTOR);
	return ok(self->order_count == 1, "nothing nests while a handler runs with IF = 0");
}

static void check_nested(struct guest_vcpu *self)
{
	counts_clear(self);
	trap_hooks[VECTOR] = send_from_handler;
	send(VECTOR);
	irq_window();
	irq_window();
	ok(self->counts[VECTOR] == 2 && self->counts[VECTOR + 1] == 1,
	   "what it sent arrives after it");
}

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();

	plan(12);
	check_masked(self);
	check_cost(self);
	check_order(self);
	check_nested(self);
}
