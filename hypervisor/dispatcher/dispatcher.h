/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatcher's own interface: run loop, exit table, injection, scheduling. Handlers get a vCPU
 * and its exit and say how it goes on; only the dispatcher counts, traces, advances RIP and
 * injects.
 */
#ifndef DISPATCHER_DISPATCHER_H
#define DISPATCHER_DISPATCHER_H

#include "dispatcher/domain.h"
#include "dispatcher/vcpu.h"
#include "dispatcher/vmexit.h"

enum verdict {
	RESUME, /* back to the same instruction */
	ADVANCE, /* past it */
	FAULT, /* v->event holds an exception for it */
	KILL, /* vm_kill() has been called */
};

typedef enum verdict (*exit_handler_t)(struct vcpu *v, struct vmexit *exit);

extern const exit_handler_t exit_table[PV_EXIT_COUNT];

/* Looks up, checks and runs the call of a VMCALL or VMMCALL. (hypercalls/dispatch.c) */
enum verdict hypercall_exit(struct vcpu *v, struct vmexit *exit);

/* Everything that must be settled before an entry; false: v leaves the CPU. (prepare.c) */
bool vcpu_prepare(struct cpu *cpu, struct vcpu *v);
/* One step of a restart, for ATTENTION_REBUILD: at most a chunk of memory. (restart.c) */
void domain_rebuild(struct vcpu *v);
/* Sets ATTENTION_KICK if the scheduler is due. */
void vcpu_poll(struct vcpu *v);
/* Does what ATTENTION_FLUSH and ATTENTION_FLUSH_ALL ask for. */
void vcpu_flush_pending(struct vcpu *v);

/*
 * Past an instruction that was carried out where the hardware does not say its length: instead of
 * ADVANCE. Returns the verdict. (prepare.c)
 */
enum verdict advance_to(struct vcpu *v, u64 rip);

/* inject.c */
enum verdict fault(struct vcpu *v, unsigned vector); /* #UD, #GP(0) and the like; returns FAULT */
void event_raise(struct vcpu *v, unsigned vector, bool has_error, u32 error); /* merges to #DF */
void irq_raise(struct vcpu *v, unsigned vector); /* any CPU may call these two */
void nmi_raise(struct vcpu *v);
void events_prepare(struct vcpu *v); /* before each entry with attention */
bool irq_pending(struct vcpu *v);
/*
 * The vector that the hardware was given has been delivered meanwhile, or waits like any other
 * again. Also before a guest may look at the controller that it came from.
 */
void irq_take_back(struct vcpu *v);
/* The same for a vCPU that wants to sleep: what it has taken without an exit does not count. */
bool irq_waits(struct vcpu *v);

/* schedule.c */
extern u32 live_domains;
void sched_init(u64 slice_tsc, bool has_input);
bool sched_claim(struct vcpu *v); /* stopped -> starting; false: it runs, or is being started */
void sched_start(struct vcpu *v); /* a claimed vCPU becomes runnable */
void sched_domain_gone(void); /* one domain fewer; with the last one sched_next() returns NULL */
void sched_kick(struct vcpu *v); /* it has attention: wake it, or make it leave the guest */
/* The same for an interrupt that `from`, which exited just now, sends within its domain. */
void sched_ipi(struct vcpu *from, struct vcpu *to);
void sched_end(struct domain *d); /* each of its vCPUs leaves its CPU for good */
void sched_wake(struct vcpu *v); /* ends its BLOCK, or the next one */
/* Asks v to stop. False: it does already, or is the last one that runs and stays. */
bool sched_stop(struct vcpu *v);
bool sched_is_running(const struct vcpu *v);
/* Could another vCPU of its domain run here, and nowhere else now? (census.c) */
bool sched_has_waiting_sibling(const struct vcpu *v);
/* No other vCPU of v's domain runs until sched_thaw(); false: one does, and nothing has changed. */
bool sched_freeze_others(struct vcpu *v);
void sched_thaw(struct domain *d);
struct vcpu *sched_next(struct cpu *cpu); /* idles until there is one; NULL: the machine ends */
void sched_put(struct cpu *cpu, struct vcpu *v); /* v leaves this CPU */
/* Should v leave the CPU? Also wakes whoever is due, and arms the timer for v. */
bool sched_should_leave(struct cpu *cpu, struct vcpu *v);

/* context.c: what a vCPU carries beyond the hardware's structure */
int context_create(struct vcpu *v);
void context_destroy(struct vcpu *v);
void context_reset(struct vcpu *v); /* as created; v is not loaded anywhere */
void context_init(void); /* once, after the backend is chosen */
void context_load(struct vcpu *v);
void context_save(struct vcpu *v);
u64 context_xcr0(struct vcpu *v); /* of the vCPU that is loaded */
void context_set_xcr0(struct vcpu *v, u64 value);
void context_start(struct vcpu *v,
		   const struct pv_vcpu_context *start); /* v is not loaded anywhere */
int context_check(const struct pv_vcpu_context *c); /* -PV_EINVAL: not a 64-bit state we enter */

/* report.c */
void report_vcpu(struct vcpu *v);

#endif
