/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine that runs: its CPUs are stepped one after the other through the real scheduler, run
 * loop preparation and injection; the guests' instructions are a function of the test. After every
 * step the whole state is checked: who holds what, who waits, which timer is late.
 */
#ifndef TESTS_UNIT_FAKE_SIMULATOR_H
#define TESTS_UNIT_FAKE_SIMULATOR_H

#include "fake/world.h"

#define SLICE 1000u
#define STEP_MAX 100u /* ticks of one step */
#define NEVER_RAISED (~0ull)

struct sim_cpu {
	struct vcpu *v;
	bool idle, ended;
};

struct sim_vcpu {
	u64 runnable_since, raised_at; /* NEVER_RAISED: is not, was not */
	u64 ran; /* ticks on a CPU */
};

extern struct sim_cpu sim[PV_CPUS_MAX];
extern struct sim_vcpu sim_vcpus[PV_BUNDLE_DOMAINS_MAX][PV_VCPUS_MAX];
extern u32 sim_cpus;
/* What a guest does in one step; NULL: computes. */
extern void (*sim_guest)(struct vcpu *v);

/* The first vCPU of each domain is started. */
void sim_begin(const struct world_domain *list, u32 count, u32 cpus);
void sim_start_all(void); /* and all others */
void sim_start(struct vcpu *v); /* a stopped one, in the place of VCPU_START */
void sim_step(u32 cpu);
void sim_check(void);
/* All CPUs run for a while, in equal steps. */
void sim_run(u64 ticks);
/* All domains are shut down; every CPU must end. */
void sim_finish(void);
/* A vector for v, as a device or another vCPU sends it: it must be injected some time. */
void sim_raise(struct vcpu *v, unsigned vector);
/* No runnable vCPU waits longer than this, nor does an interrupt. */
void sim_check_waits(u64 ticks);

/* HLT, with interrupts on or off. */
void sim_halt(struct vcpu *v);
void sim_halt_deaf(struct vcpu *v);
/* A hypercall by its routine; ns are ticks. */
s64 sim_call(struct vcpu *v, hypercall_t call, u64 rdi, u64 rsi);

#endif
