/* SPDX-License-Identifier: BSD-2-Clause */
/* struct domain: one virtual machine, its memory and its end. */
#ifndef DISPATCHER_DOMAIN_H
#define DISPATCHER_DOMAIN_H

#include "allocator/hap.h"
#include "allocator/p2m.h"
#include "dispatcher/event.h"
#include "host/bundle.h"
#include "host/frame.h"
#include "interpreter/cpuid.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "trace/console.h"

struct platform;
struct vcpu;

struct domain {
	u32 id;
	const struct pv_bundle_header *bundle; /* where it comes from */
	const struct pv_bundle_domain *from;
	u32 mode; /* PV_MODE_* */
	char name[32];
	u64 memory_bytes;
	u64 features; /* PV_FEATURE_* in force */
	u64 call_mask[4];
	struct p2m p2m;
	struct hap hap;
	struct cpuid_table cpuid;
	struct console console;
	struct event_table events;
	void *apic_access_page; /* what EPT maps where the local APICs' registers lie */
	struct platform *platform; /* the emulated PC of full virtualization, NULL = none */
	gpa_t time_area, cpuid_area; /* AREA_NONE = none */
	u64 watchdog; /* TSC, ~0 = off */
	spinlock_t memory_lock; /* p2m, hap and areas after the start; inside sched_lock */
	bool frozen; /* under sched_lock: none of its vCPUs is put on a CPU */
	u32 vcpu_count;
	struct vcpu *vcpus[PV_VCPUS_MAX];
	u32 vcpus_stopping; /* of them: in VCPU_STOP */
	u32 vcpus_live; /* started and not yet gone; under sched_lock */
	u32 vcpus_leaving; /* gone, and their CPU is not yet done with them; atomic */

	u32 restarts; /* so often has it rebooted */
	u64 restart_tsc; /* its latest life begins then, not before */
	u64 rebuilt; /* bytes of its memory that are as at the start again */

	spinlock_t end_lock;
	bool ending; /* no vCPU of it is entered again */
	bool ended; /* and none runs: its counters are final */
	struct pv_frame_domain_end end;
};

extern struct domain *domains[PV_BUNDLE_DOMAINS_MAX];
extern u32 domain_count;

/* Builds all domains of a bundle that has passed bundle_check(); panics only for lack of memory. */
void domains_create(const void *bundle);

/* domain_memory.c */
void domain_memory_create(struct domain *d); /* panics for lack of memory */
/* Makes the chunk at this address what it was at the start: there, zero but for the segments. */
int domain_memory_fill(struct domain *d, gpa_t at);
void domain_memory_destroy(struct domain *d);

/*
 * The end of a domain; the first caller's reason stays. vm_shutdown: the guest asked for it.
 * vm_kill: it did what cannot go on; a readable report of v (NULL: none) goes to the log.
 */
void vm_shutdown(struct domain *d, u32 reason, u32 status);
void vm_kill(struct domain *d, struct vcpu *v, const char *format, ...) PRINTF(3, 4);

/* Its last vCPU has left: final counters and the end go to the channel, the memory back. */
void domain_ended(struct domain *d);
/* From one start to the next at the least: a storm of reboots must not become one of messages. */
#define RESTART_PERIOD_NS 100000000u
/* restart.c: false if it has not rebooted, or shall not start again. */
bool domain_restart(struct domain *d);

static inline bool domain_has(const struct domain *d, u64 feature)
{
	return (d->features & feature) != 0;
}

#endif
