/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain that reboots starts again in its place. When its last vCPU has left, everything that the
 * old life registered is forgotten (domain_restart()); vCPU 0 then brings back the memory, a chunk
 * at a time in its own time slices (domain_rebuild()), and enters the first instruction. So a
 * domain that reboots for ever costs others what any domain costs them, and takes no memory that it
 * did not have. Counters go on.
 */
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/schedule.h"
#include "interpreter/interpreter.h"
#include "interpreter/platform.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

/* No area, port or timer of the old life; other domains' events look under the lock. */
static void registrations_forget(struct domain *d)
{
	events_close_all(d);
	spin_lock(&d->memory_lock);
	d->time_area = d->cpuid_area = AREA_NONE;
	for (u32 i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];

		v->area = v->batch = AREA_NONE;
		v->upcall_vector = 0;
		memset(v->virq_port, 0, sizeof(v->virq_port));
	}
	spin_unlock(&d->memory_lock);
	d->watchdog = NEVER;
}

/* None of them runs, is loaded, or waits in a queue. The rest is context_start()'s. */
static void vcpus_reset(struct domain *d)
{
	for (u32 i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];

		context_reset(v);
		v->tsc_offset = 0;
		v->is_x2apic = false; /* before context_start(), which makes its controls */
		v->is_kickable = false;
		v->state_since = rdtsc();
		memset(v->state_tsc, 0, sizeof(v->state_tsc));
	}
	context_start(d->vcpus[0], &d->from->boot);
}

static void announce(const struct domain *d)
{
	struct frames_stats frames = frames_stats();

	log_line("domain %s restarts (%u): %llu KiB of tables, the machine has %llu chunks and "
		 "%llu frames free",
		 d->name, d->restarts,
		 (unsigned long long)(p2m_bytes(&d->p2m) + d->hap.tables * PAGE_SIZE) / 1024,
		 (unsigned long long)frames.chunks_free,
		 (unsigned long long)frames.pool_frames_free);
}

bool domain_restart(struct domain *d)
{
	struct vcpu *first = d->vcpus[0];

	if (!(d->from->flags & PV_DOMAIN_RESTARTS) || d->end.how != PV_END_SHUTDOWN ||
	    d->end.reason != PV_SHUTDOWN_REBOOT)
		return false;
	console_restart(&d->console);
	registrations_forget(d);
	vcpus_reset(d);
	platform_reset(d);
	d->restarts++;
	first->events[PV_EVENT_RESTART]++;
	announce(d);
	if (this_cpu()->ring)
		trace_domain(this_cpu()->ring, first, TRACE_DOMAIN_RESTART);
	d->restart_tsc = max(rdtsc(), d->restart_tsc + ns_to_tsc(RESTART_PERIOD_NS));
	d->rebuilt = 0;
	d->end = (struct pv_frame_domain_end){ 0 };
	vcpu_attend(first, ATTENTION_REBUILD);
	__atomic_store_n(&d->ending, false, __ATOMIC_SEQ_CST);
	sched_claim(first);
	sched_start(first);
	return true;
}

void domain_rebuild(struct vcpu *v)
{
	struct domain *d = v->domain;

	if (rdtsc() < d->restart_tsc) {
		v->deadline = d->restart_tsc;
		v->is_kickable = true;
		vcpu_block(v, false);
	} else if (d->rebuilt == d->memory_bytes) {
		v->deadline = NEVER;
		vcpu_attend(v, ATTENTION_FLUSH_ALL);
		vcpu_attended(v, ATTENTION_REBUILD);
	} else if (domain_memory_fill(d, d->rebuilt)) {
		vm_kill(d, NULL, "restart: the machine has no memory left");
	} else {
		d->rebuilt += CHUNK_SIZE;
	}
}
