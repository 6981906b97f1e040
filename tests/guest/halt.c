/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HLT. With an event pending it is one exit and goes on at once (marks 1..2: 50 x IPI_SEND and
 * HLT); a sleeping vCPU is woken by an NMI even with interrupts off.
 */
#include "guest.h"

#define ROUNDS 50u
#define VECTOR 0x41

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();
	u64 before;

	plan(4);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
	mark(2);
	ok(self->counts[VECTOR] == ROUNDS, "%u of %u interrupts ended their HLT",
	   self->counts[VECTOR], ROUNDS);

	/* IF = 1 before the event: it is taken at once, HLT must not wait for another one. */
	hypercall(PV_CALL_IPI_SEND, 0, VEC_NMI);
	ok(self->counts[VEC_NMI] == 1, "an NMI is taken with interrupts off");

	/* Pending and masked: HLT in the shadow of STI still ends. */
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR + 1);
	before = rdtsc();
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	irq_window();
	ok(self->counts[VECTOR + 1] == 1, "two pending vectors end one HLT");
	ok(self->counts[VECTOR] == ROUNDS + 1 && rdtsc() > before, "and both arrive");
}
