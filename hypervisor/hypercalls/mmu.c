/* SPDX-License-Identifier: BSD-2-Clause */
/* Group 20, mmu: in this mode only TLB_FLUSH. Arguments and errors: pv-abi/abi.toml. */
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define WAIT_US 50000u

/*
 * Waits until no vCPU in mask can use what it had cached. Two may wait for each other, so the
 * waiter serves its own flush meanwhile; and for a bounded time, since a guest that spins with
 * interrupts off may not be reached at once.
 */
static bool wait_flushed(struct vcpu *v, u64 mask)
{
	struct domain *d = v->domain;
	u64 end = rdtsc() + ns_to_tsc(1000ull * WAIT_US);

	for (u32 i = 0; i < d->vcpu_count; i++) {
		struct vcpu *other = d->vcpus[i];

		if (!(mask & BIT(i)) || other == v)
			continue;
		sched_kick(other);
		while (sched_is_running(other) && (other->attention & ATTENTION_FLUSH)) {
			vcpu_flush_pending(v);
			if (rdtsc() > end)
				return false;
			cpu_relax();
		}
	}
	return true;
}

/*
 * Each vCPU named gets a new address-space number before its next instruction: at once if it is the
 * caller, by a kick if it runs, and for nothing if it does not. A range is flushed as a whole.
 */
s64 hypercall_tlb_flush(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 scope = v->gpr[RDI], mask = v->gpr[RCX];

	if (scope > PV_FLUSH_CONTEXTS || mask >> d->vcpu_count)
		return -PV_EINVAL;
	for (u32 i = 0; i < d->vcpu_count; i++)
		if (mask & BIT(i))
			vcpu_attend(d->vcpus[i], ATTENTION_FLUSH);
	return wait_flushed(v, mask) ? 0 : -PV_EAGAIN;
}
