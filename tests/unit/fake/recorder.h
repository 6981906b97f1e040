/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend that records: registers are an array, what is injected and asked for is kept, what the
 * guest can take is up to the test. It checks what every backend may rely on: a vCPU is on one CPU
 * at a time, and one entry delivers one event.
 */
#ifndef TESTS_UNIT_FAKE_RECORDER_H
#define TESTS_UNIT_FAKE_RECORDER_H

#include "dispatcher/backend.h"
#include "dispatcher/vcpu.h"

#define VREG_COUNT (VREG_X2APIC + 1)

struct recorder {
	u64 reg[VREG_COUNT];
	struct event injected; /* valid: goes in with the next entry */
	unsigned injections;
	bool can_take[2];
	bool window[2];
	unsigned window_calls;
	int offered; /* with the hardware, -1 = none */
	bool offer_taken; /* the guest took it: V_IRQ or RVI is empty again */
	struct cpu *loaded;
	unsigned loads, flushes;
	u64 preempt; /* TSC, ~0 = off */
	struct pv_vcpu_context start;
	unsigned starts, dumps;
};

extern struct backend recorder_backend;
extern bool recorder_has_virtual_irq, recorder_has_preempt;

static inline struct recorder *recorder_of(struct vcpu *v)
{
	return v->hw;
}

#endif
