/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the platform share. */
#ifndef INTERPRETER_PLATFORM_INTERNAL_H
#define INTERPRETER_PLATFORM_INTERNAL_H

#include "interpreter/devices/pc.h"
#include "interpreter/platform.h"

struct platform {
	struct pc *pc;
	struct domain *domain;
	/* Bits of vCPUs, atomic. */
	u32 looks; /* an interrupt or an NMI waits: wake it, or make it leave the guest */
	u32 rearms; /* it has a timer that is earlier than what its CPU knows */
	u32 inits, startups; /* INIT and SIPI have been sent to it */
	u32 awaits_startup;
	u8 startup_page[PV_VCPUS_MAX];
	u16 sent[PV_VCPUS_MAX]; /* bit 8 and the byte that its write sent to the console */
	u32 devices_cpu; /* index of the CPU that keeps the devices' timers; atomic */
	bool devices_rearm; /* they have one that is earlier than what it knows; atomic */
	bool ends; /* why_ends is valid */
	enum pc_end why_ends;
};
_Static_assert(sizeof(struct platform) <= PAGE_SIZE && PC_BYTES <= PAGE_SIZE, "a frame each");

extern const struct pc_host platform_host; /* platform_events.c */
/* Carries out what the PC has asked for: after each access, with no lock held. */
void platform_settle(struct vcpu *v);

#endif
