/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions of the scheduler about all vCPUs there are. Asked under sched_lock, but for the one of
 * one vCPU.
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
