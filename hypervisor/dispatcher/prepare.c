/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow side of the run loop: what happens before an entry when something wants attention. */
#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

void vcpu_poll(struct vcpu *v)
{
	u64 now = rdtsc();

	v->seen = now;
	if (now >= v->cpu->due)
		vcpu_attend(v, ATTENTION_KICK);
}

enum verdict advance_to(struct vcpu *v, u64 rip)
{
	u64 rflags = backend->read(v, VREG_RFLAGS);

	backend->write(v, VREG_RIP, rip);
	backend->write(v, VREG_SHADOW, 0);
	backend->write(v, VREG_RFLAGS, rflags & ~(u64)RFLAGS_RF);
	if (!(rflags & RFLAGS_TF))
		return RESUME;
	backend->write(v, VREG_DR6, backend->read(v, VREG_DR6) | DR6_BS);
	event_raise(v, VEC_DB, false, 0);
	return FAULT;
}

void vcpu_flush_pending(struct vcpu *v)
{
	u32 why = v->attention;

	if (!(why & (ATTENTION_FLUSH | ATTENTION_FLUSH_ALL)))
		return;
	/* The flush comes first: whoever waits for the bit to go may rely on it. */
	backend->flush(v, why & ATTENTION_FLUSH_ALL ? FLUSH_PHYSICAL : FLUSH_LINEAR);
	vcpu_attended(v, why & (ATTENTION_FLUSH | ATTENTION_FLUSH_ALL));
}

/* May v stay? */
static bool ask_scheduler(struct cpu *cpu, struct vcpu *v)
{
	/* A loop of event deliveries comes by here each time and lets no timer through. */
	vcpu_poll(v);
	/*
	 * Cleared first: a kick that comes later is seen in the next round, or makes the entry
	 * exit.
	 */
	if (v->attention & ATTENTION_KICK) {
		vcpu_attended(v, ATTENTION_KICK);
		if (sched_should_leave(cpu, v))
			return false;
		/* In the PV modes a kernel says by itself that it waits. */
		if (v->domain->platform)
			backend->write(v, VREG_PAUSE_EXITS, sched_has_waiting_sibling(v));
	}
	return !(v->attention &
		 (ATTENTION_DYING | ATTENTION_BLOCK | ATTENTION_YIELD | ATTENTION_STOP));
}

bool vcpu_prepare(struct cpu *cpu, struct vcpu *v)
{
	if (!ask_scheduler(cpu, v))
		return false;
	while (unlikely(v->attention & ATTENTION_REBUILD)) {
		domain_rebuild(v);
		if (!ask_scheduler(cpu, v))
			return false;
	}
	vcpu_flush_pending(v);
	if (unlikely(v->attention & ATTENTION_TRACE)) {
		vcpu_attended(v, ATTENTION_TRACE);
		trace_drain(cpu->ring);
	}
	if (v->attention)
		events_prepare(v);
	return true;
}
