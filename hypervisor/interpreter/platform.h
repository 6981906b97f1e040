/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the emulated PC of a fully virtualized domain meets our vCPUs: accesses go in, interrupts,
 * INIT, start-up and the end come out. A domain without one has d->platform == NULL.
 */
#ifndef INTERPRETER_PLATFORM_H
#define INTERPRETER_PLATFORM_H

#include "dispatcher/dispatcher.h"

/* 0 or -PV_ENOMEM. Its vCPUs exist already. */
int platform_create(struct domain *d);
void platform_destroy(struct domain *d);
/* As after a reset of the machine; none of its vCPUs runs. */
void platform_reset(struct domain *d);

/* False: no device answers. */
bool platform_port_read(struct vcpu *v, u16 port, unsigned bytes, u32 *value);
bool platform_port_write(struct vcpu *v, u16 port, unsigned bytes, u32 value);
bool platform_mmio_read(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 *value);
bool platform_mmio_write(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 value);
/* Local APIC and its timer; false: #GP. */
bool platform_msr_read(struct vcpu *v, u32 msr, u64 *value);
bool platform_msr_write(struct vcpu *v, u32 msr, u64 value);
/* From now on its TSC is the machine's and so much more; deadlines stay where they are in it. */
bool platform_set_tsc_offset(struct vcpu *v, u64 offset);
/* CR8 is the upper half of the local APIC's task priority. */
u8 platform_cr8(struct vcpu *v);
void platform_set_cr8(struct vcpu *v, u8 value);

/*
 * The interrupt that the vCPU would get now: a vector, or PLATFORM_EXTINT where the 8259 shall say
 * it; -1: none.
 */
#define PLATFORM_EXTINT 256
int platform_irq(struct vcpu *v);
/* It is being delivered. Returns the vector. */
int platform_irq_take(struct vcpu *v);
/* It was not delivered after all: the local APIC has it again. */
void platform_irq_undo(struct vcpu *v, int vector);

/* An INIT has taken effect: a start-up may wait for it. No lock is held. */
void platform_stopped(struct vcpu *v);
bool platform_starts(const struct vcpu *v); /* does one? */

/*
 * Fires what is due of v, on the CPU that it lives on, or of the devices, if this CPU keeps their
 * timers, and returns when it wants to be called again (TSC). Under the scheduler's lock.
 */
u64 platform_tick(struct vcpu *v, u64 now);
u64 platform_tick_devices(struct domain *d, const struct cpu *cpu, u64 now);
/* Somebody typed, or pressed the power button. Under the scheduler's lock. */
void platform_input(struct domain *d, const char *text, size_t count);
void platform_power_button(struct domain *d, u64 now);

#endif
