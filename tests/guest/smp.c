/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several vCPUs, more than there are CPUs: VCPU_START and its refusals, IPIs with exact counts in
 * both directions, wake-up from HLT and by NMI. Needs vcpus: 4. At the end one vCPU spins with
 * interrupts off, and SHUTDOWN must end it all the same.
 */
#include "guest.h"

#define VCPUS 4u
#define ROUNDS 20u
#define VECTOR_PING 0x50 /* to the others; their handler answers */
#define VECTOR_PONG 0x60 /* + vCPU, to vCPU 0 */

static volatile u32 identity[VCPUS], apic_id[VCPUS], spinning;

static s64 refused(struct pv_vcpu_context *c)
{
	s64 result = hypercall(PV_CALL_VCPU_START, 1, (u64)c);

	vcpu_context(1, NULL, NULL); /* as it should be, for the next one */
	return result;
}

#define REFUSE(change) \
	do { \
		change; \
		ok(refused(c) == -PV_EINVAL, "EINVAL: " #change); \
	} while (0)

static void check_refusals(void)
{
	struct pv_vcpu_context *c = vcpu_context(1, NULL, NULL);
	u64 text = (u64)c;

	ok(hypercall(PV_CALL_VCPU_START, VCPUS, text) == -PV_ENOENT, "ENOENT: vCPU 4 of 4");
	ok(hypercall(PV_CALL_VCPU_START, BIT(32) + 1, text) == -PV_ENOENT,
	   "ENOENT: a number above 32 bits");
	ok(hypercall(PV_CALL_VCPU_START, 0, text) == -PV_EEXIST, "EEXIST: vCPU 0 runs");
	ok(hypercall(PV_CALL_VCPU_START, 1, text + 1) == -PV_EINVAL,
	   "EINVAL: an unaligned context");
	ok(hypercall(PV_CALL_VCPU_START, 1, 0x100f48) == -PV_EINVAL,
	   "EINVAL: a context across pages");
	ok(hypercall(PV_CALL_VCPU_START, 1, start_info->memory_bytes) == -PV_EFAULT,
	   "EFAULT: beyond memory");
	ok(hypercall(PV_CALL_VCPU_START, 1, ~0xfffull) == -PV_EFAULT,
	   "EFAULT: the end of the address space");
	REFUSE(c->rip = BIT(63));
	REFUSE(c->rsp = BIT(47));
	REFUSE(c->cr0 &= ~CR0_PG);
	REFUSE(c->cr0 &= ~CR0_PE);
	REFUSE(c->cr0 |= CR0_NW);
	REFUSE(c->cr0 |= BIT(32));
	REFUSE(c->cr3 = BIT(52));
	REFUSE(c->cr4 &= ~CR4_PAE);
	REFUSE(c->cr4 |= CR4_VMXE);
	REFUSE(c->cr4 |= BIT(31));
	REFUSE(c->efer &= ~EFER_LME);
	REFUSE(c->efer &= ~EFER_LMA);
	REFUSE(c->efer |= EFER_SVME);
	REFUSE(c->rflags = 0);
	REFUSE(c->rflags |= RFLAGS_VM);
	REFUSE(c->gdt_base = BIT(62));
	REFUSE(c->fs_base = BIT(50));
	REFUSE(c->cs = 0);
	REFUSE(c->reserved1 = 1);
	REFUSE(c->reserved8 = 1);
}

static bool answer(struct trap_frame *frame)
{
	u32 id = this_vcpu()->id;

	(void)frame;
	if (id)
		hypercall(PV_CALL_IPI_SEND, 0, VECTOR_PONG + id);
	return true;
}

/* Interrupts on only while it sleeps, so each HLT ends by exactly one event. */
static void other_main(void *arg)
{
	u32 id = (u32)(u64)arg;

	/* The identity last: vCPU 0 waits for it, and then reads both. */
	apic_id[id] = cpuid(1, 0).ebx >> 24;
	identity[id] = cpuid(PV_CPUID_BASE + PV_CPUID_IDENTITY, 0).ebx;
	while (vcpus[id].counts[VEC_NMI] == 0)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	if (id == 2) {
		spinning = 1;
		for (;;)
			__asm__ volatile("");
	}
}

static void check_start(u32 id)
{
	ok(vcpu_start(id, other_main, (void *)(u64)id) == 0, "vCPU %u starts", id);
	ok(wait_for(&vcpus[id].running, 1) && wait_for(&identity[id], id), "and knows its number");
	ok(apic_id[id] == id, "its APIC id is the same");
	ok(hypercall(PV_CALL_VCPU_START, id, (u64)&vcpus[id].context) == -PV_EEXIST,
	   "EEXIST: it runs already");
}

static void check_ipis(void)
{
	struct guest_vcpu *self = this_vcpu();
	bool lost = false;

	for (u32 n = 1; n <= ROUNDS; n++) {
		for (u32 id = 1; id < VCPUS; id++)
			lost |= hypercall(PV_CALL_IPI_SEND, id, VECTOR_PING) != 0;
		for (u32 id = 1; id < VCPUS; id++)
			lost |= !wait_for(&self->counts[VECTOR_PONG + id], n);
	}
	ok(!lost, "no IPI was lost");
	for (u32 id = 1; id < VCPUS; id++)
		ok(vcpus[id].counts[VECTOR_PING] == ROUNDS &&
			   self->counts[VECTOR_PONG + id] == ROUNDS,
		   "vCPU %u took %u and answered %u of %u", id, vcpus[id].counts[VECTOR_PING],
		   self->counts[VECTOR_PONG + id], ROUNDS);
}

void guest_main(void)
{
	plan(27 + 3 * 4 + 4 + 2);
	trap_hooks[VECTOR_PING] = answer;
	check_refusals();
	for (u32 id = 1; id < VCPUS; id++)
		check_start(id);
	check_ipis();
	hypercall(PV_CALL_IPI_SEND, 3, VEC_NMI);
	ok(wait_for(&vcpus[3].counts[VEC_NMI], 1), "an NMI wakes vCPU 3");
	hypercall(PV_CALL_IPI_SEND, 2, VEC_NMI);
	ok(wait_for(&spinning, 1), "vCPU 2 spins with interrupts off");
}
