/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas: pages of guest memory that the hypervisor keeps filled, so that the guest can read there
 * what it would otherwise have to ask for. They stay the guest's memory: it may write nonsense, and
 * whatever the hypervisor needs itself it keeps elsewhere.
 */
#ifndef DISPATCHER_AREA_H
#define DISPATCHER_AREA_H

#include "lib/types.h"

struct domain;
struct vcpu;

#define AREA_NONE (~0ull)

/* AREA_REGISTER: 0, -PV_EINVAL, -PV_EFAULT. page ~0 ends it. */
int area_register(struct vcpu *v, u64 kind, gpa_t page);
/* Is this 2 MiB chunk of guest memory in use by an area? */
bool area_in_chunk(const struct domain *d, gpa_t chunk);

/* Fields of the VCPU area; nothing where none is registered. */
void area_write_deadline(struct vcpu *v);
void area_write_preempted(struct vcpu *v, bool preempted);
void area_write_state(struct vcpu *v); /* state, times in each state, counters */
/* TIME entry of a vCPU. */
void area_write_time(struct vcpu *v);

/* The pvclock of all guests: ns = ((tsc << shift) * mul) >> 32 (negative shift: right). */
u64 pvclock_ns(u64 tsc);
u64 pvclock_tsc(u64 ns); /* the first TSC value at which pvclock_ns() has reached ns; saturates */

#endif
