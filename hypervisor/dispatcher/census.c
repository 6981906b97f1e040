/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions of the scheduler about all vCPUs there are. Asked under sched_lock, but for the two
 * whose answers are old the next moment anyway: of one vCPU, and of siblings that wait.
 */
#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "machine/cpu.h"

/* Could anything but v itself ever want this CPU, or want v out of its guest? */
bool sched_has_company(const struct cpu *cpu, const struct vcpu *v)
{
	for (u32 d = 0; d < domain_count; d++) {
		if (domains[d]->ended)
			continue;
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			const struct vcpu *other = domains[d]->vcpus[i];

			if (other != v &&
			    (other->domain == v->domain || (other->cpu_mask & BIT(cpu->index))))
				return true;
		}
	}
	return false;
}

/*
 * Who spins waits for a sibling as likely as not, and it may be the one that has no CPU. Where each
 * vCPU has one, a sibling that is runnable is about to be taken; then the answer is no.
 */
bool sched_has_waiting_sibling(const struct vcpu *v)
{
	const struct domain *d = v->domain;
	u32 live = 0;

	for (u32 i = 0; i < domain_count; i++)
		live += domains[i]->vcpus_live;
	for (u32 i = 0; live > cpu_count && i < d->vcpu_count; i++) {
		const struct vcpu *other = d->vcpus[i];

		if (other != v && (other->cpu_mask & BIT(v->cpu->index)) &&
		    __atomic_load_n(&other->state, __ATOMIC_SEQ_CST) == VCPU_RUNNABLE)
			return true;
	}
	return false;
}

bool sched_is_running(const struct vcpu *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_SEQ_CST) == VCPU_RUNNING;
}

/*
 * Halted for good: interrupts are off, no deadline, and no vCPU of the domain is left to send an
 * NMI.
 */
bool sched_is_stuck(const struct vcpu *v)
{
	for (u32 i = 0; i < v->domain->vcpu_count; i++) {
		const struct vcpu *other = v->domain->vcpus[i];

		if (other->state == VCPU_STOPPED)
			continue;
		if (other->state != VCPU_BLOCKED || (other->wake_mask & ATTENTION_IRQ) ||
		    (other->is_kickable && other->deadline != NEVER))
			return false;
	}
	return true;
}
