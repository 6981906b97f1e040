/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events around the instructions that hold them back: STI and MOV SS for one instruction, an NMI
 * until IRET. A hypercall or CPUID inside such a shadow ends it. 50 rounds each.
 */
#include "guest.h"

#define ROUNDS 50u
#define VECTOR 0x41

extern const u8 sti_next[];

static volatile u64 taken_at;
static volatile unsigned depth, deepest;

static bool note_rip(struct trap_frame *frame)
{
	taken_at = frame->rip;
	return true;
}

static void send(u64 vector)
{
	hypercall(PV_CALL_IPI_SEND, 0, vector);
}

/*
 * The instruction after STI runs before the interrupt; then it comes soon (SVM hardware: at once).
 */
static void check_sti(struct guest_vcpu *self)
{
	u64 counter = 0;
	unsigned early = 0, late = 0;

	trap_hooks[VECTOR] = note_rip;
	for (unsigned n = 0; n < ROUNDS; n++) {
		send(VECTOR);
		__asm__ volatile("sti; inc %0; .globl sti_next; sti_next: nop; nop; nop; nop; cli"
				 : "+r"(counter)
				 :
				 : "memory", "cc");
		early += taken_at < (u64)sti_next;
		late += taken_at > (u64)sti_next + 2;
	}
	ok(self->counts[VECTOR] == ROUNDS, "%u of %u interrupts after STI", self->counts[VECTOR],
	   ROUNDS);
	ok(counter == ROUNDS && !early, "none in the shadow of STI");
	ok(!late, "and none later than it must be");
	trap_hooks[VECTOR] = NULL;
}

/* Hypercall and CPUID as the shadowed instruction: emulation must end the shadow. */
static void check_exits_in_shadow(struct guest_vcpu *self)
{
	u32 ss = 0x10;

	counts_clear(self);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 a = 1, c = 0;

		send(VECTOR);
		__asm__ volatile("sti; cpuid; nop; cli"
				 : "+a"(a), "+c"(c)
				 :
				 : "rbx", "rdx", "memory");
	}
	ok(self->counts[VECTOR] == ROUNDS, "CPUID in the shadow of STI");

	counts_clear(self);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 a = PV_CALL_IPI_SEND;

#define SEND_IN_SHADOW(insn) \
	__asm__ volatile("sti; nop; xor %%r8d, %%r8d; xor %%r9d, %%r9d; mov %w1, %%ss; " insn \
			 "; nop; cli" \
			 : "+a"(a) \
			 : "r"(ss), "D"(0ull), "S"((u64)VECTOR), "d"(0ull), "c"(0ull) \
			 : "r8", "r9", "memory")
		if (is_amd)
			SEND_IN_SHADOW("vmmcall");
		else
			SEND_IN_SHADOW("vmcall");
	}
	ok(self->counts[VECTOR] == ROUNDS, "a hypercall in the shadow of MOV SS: %u of %u",
	   self->counts[VECTOR], ROUNDS);
}

/* An NMI handler that sends itself another NMI: it must wait for IRET, and then come. */
static bool nmi_handler(struct trap_frame *frame)
{
	(void)frame;
	deepest = max(deepest, ++depth);
	if (this_vcpu()->counts[VEC_NMI] % 2) {
		send(VEC_NMI);
		cpuid(0, 0); /* an entry at which it could wrongly be injected */
	}
	depth--;
	return true;
}

static void check_nmi(struct guest_vcpu *self)
{
	counts_clear(self);
	trap_hooks[VEC_NMI] = nmi_handler;
	for (unsigned n = 0; n < ROUNDS; n++) {
		send(VEC_NMI);
		cpuid(0, 0);
	}
	trap_hooks[VEC_NMI] = NULL;
	ok(self->counts[VEC_NMI] == 2 * ROUNDS, "%u of %u NMIs", self->counts[VEC_NMI], 2 * ROUNDS);
	ok(deepest == 1, "none inside an NMI handler (depth %u)", deepest);
}

/* NMI before interrupt when both are pending. */
static void check_priority(struct guest_vcpu *self)
{
	counts_clear(self);
	send(VECTOR);
	send(VEC_NMI);
	irq_window();
	ok(self->order_count == 2 && self->order[0] == VEC_NMI && self->order[1] == VECTOR,
	   "an NMI overtakes a masked interrupt");
}

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();

	plan(8);
	check_sti(self);
	check_exits_in_shadow(self);
	check_nmi(self);
	check_priority(self);
}
