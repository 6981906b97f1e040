/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How pvn reads the counters of a machine that runs: from outside, in the emulator's memory. The
 * hypervisor does nothing for it but end the frame of each vCPU with this tag when it makes it, and
 * note the time where it looks at the clock anyway. So being watched costs a machine no
 * instruction, let alone an exit. A reader knows a tag by its key, which no guest can see.
 */
#ifndef PV_HOST_LIVE_H
#define PV_HOST_LIVE_H

#include "pv_abi.h"

#define PV_LIVE_MAGIC 0x31564c5650a5c35aull
#define PV_LIVE_VERSION 1u
#define PV_LIVE_FRAME 4096u
#define PV_LIVE_CALLS_MAX 64u

/* A counter as it stands in memory; each number is written by one aligned store. */
struct pv_live_counter {
	uint64_t count, ticks, max_ticks;
};

/* The last bytes of a vCPU's frame. Offsets are from the frame's start. */
struct pv_live {
	uint8_t call_number[PV_LIVE_CALLS_MAX]; /* of each of `calls` */
	uint16_t exits_offset, exits; /* struct pv_live_counter, by PV_EXIT_* */
	uint16_t calls_offset, calls; /* the same; the exit `hypercall` is without them */
	uint16_t members_offset; /* uint64_t, as many as calls: executed as batch members */
	uint16_t events_offset, events; /* uint64_t, by PV_EVENT_* */
	uint16_t seen_offset; /* uint64_t: TSC of the last look at the clock while it ran */
	uint16_t state_offset; /* uint32_t PV_STATE_* */
	uint16_t since_offset; /* uint64_t: TSC, in this state since */
	uint16_t times_offset; /* uint64_t[4]: TSC ticks in each state before */
	uint16_t domain, vcpu;
	uint16_t version; /* PV_LIVE_VERSION */
	uint16_t reserved[2];
	uint64_t key[2]; /* of the bundle's header */
	uint64_t magic; /* PV_LIVE_MAGIC */
};
_Static_assert(sizeof(struct pv_live) == 120, "live tag");

#endif
