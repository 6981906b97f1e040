/* SPDX-License-Identifier: BSD-2-Clause */
/* What schedule.c and timers.c share; sched_lock is held wherever one calls the other. */
#ifndef DISPATCHER_SCHEDULE_H
#define DISPATCHER_SCHEDULE_H

#include "lib/types.h"

struct cpu;
struct domain;
struct vcpu;

#define NEVER (~0ull)

/* schedule.c: does anything that ends a block hold? */
bool sched_must_wake(const struct vcpu *v, u64 now);
void sched_unblock(struct vcpu *v); /* a blocked vCPU becomes runnable */

/* census.c: could anything but v want this CPU, or want v out of its guest? */
bool sched_has_company(const struct cpu *cpu, const struct vcpu *v);
bool sched_is_stuck(const struct vcpu *v); /* nothing can wake its domain any more */

/* timers.c */
void timers_init(bool has_input);
u64 timers_fire(const struct cpu *cpu, u64 now, struct domain **barking);
void timers_bark(struct domain *d); /* without the lock; NULL: none */

#endif
