/* SPDX-License-Identifier: BSD-2-Clause */
/* Group 10, vcpu: VCPU_START, YIELD, BLOCK, IPI_SEND. Arguments and errors: pv-abi/abi.toml. */
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "machine/x86.h"

s64 hypercall_vcpu_start(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RDI];
	gpa_t gpa = v->gpr[RSI];
	struct pv_vcpu_context context;

	if ((gpa & 7) || (gpa & (PAGE_SIZE - 1)) + sizeof(context) > PAGE_SIZE)
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	if (guest_read(&d->p2m, gpa, &context, sizeof(context)))
		return -PV_EFAULT;
	if (context_check(&context))
		return -PV_EINVAL;
	/* Two callers at once: the first takes it from stopped to starting, the other is told so. */
	if (!sched_claim(d->vcpus[id]))
		return -PV_EEXIST;
	context_start(d->vcpus[id], &context);
	sched_start(d->vcpus[id]);
	return 0;
}

s64 hypercall_yield(struct vcpu *v)
{
	vcpu_attend(v, ATTENTION_YIELD);
	return 0;
}

s64 hypercall_block(struct vcpu *v)
{
	u64 deadline = v->gpr[RDI];

	if (irq_pending(v) || (v->attention & ATTENTION_NMI))
		return 0;
	vcpu_block(v, deadline ? ns_to_tsc(deadline) : ~0ull, true);
	return 0;
}

s64 hypercall_ipi_send(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RDI], vector = v->gpr[RSI];

	if ((vector < 32 && vector != VEC_NMI) || vector > 255)
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	if (vector == VEC_NMI)
		nmi_raise(d->vcpus[id]);
	else
		irq_raise(d->vcpus[id], (unsigned)vector);
	sched_kick(d->vcpus[id]);
	return 0;
}
