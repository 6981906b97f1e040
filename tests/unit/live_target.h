/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame that live_target.c and tools_live.c agree on; its places are not those of struct vcpu.
 */
#ifndef TESTS_UNIT_LIVE_TARGET_H
#define TESTS_UNIT_LIVE_TARGET_H

#include <string.h>

#include "host/bundle.h"
#include "host/live.h"

#define TARGET_EXITS 256u
#define TARGET_CALLS 2048u
#define TARGET_MEMBERS 3072u
#define TARGET_EVENTS 3200u
#define TARGET_SEEN 8u
#define TARGET_STATE 20u
#define TARGET_SINCE 24u
#define TARGET_TIMES 32u

static inline void target_tag(uint8_t *frame, const uint64_t key[2], unsigned int domain,
			      unsigned int vcpu)
{
	const struct pv_live tag = {
		.call_number = { PV_CALL_NULL, PV_CALL_CONSOLE },
		.exits_offset = TARGET_EXITS,
		.exits = PV_EXIT_COUNT,
		.calls_offset = TARGET_CALLS,
		.calls = 2,
		.members_offset = TARGET_MEMBERS,
		.events_offset = TARGET_EVENTS,
		.events = PV_EVENT_COUNT,
		.seen_offset = TARGET_SEEN,
		.state_offset = TARGET_STATE,
		.since_offset = TARGET_SINCE,
		.times_offset = TARGET_TIMES,
		.domain = (uint16_t)domain,
		.vcpu = (uint16_t)vcpu,
		.version = PV_LIVE_VERSION,
		.key = { key[0], key[1] },
		.magic = PV_LIVE_MAGIC,
	};

	memcpy(frame + PV_LIVE_FRAME - sizeof(tag), &tag, sizeof(tag));
}

static inline struct pv_live_counter *target_exit(uint8_t *frame, unsigned int exit)
{
	return (struct pv_live_counter *)(frame + TARGET_EXITS) + exit;
}

static inline struct pv_live_counter *target_call(uint8_t *frame, unsigned int call)
{
	return (struct pv_live_counter *)(frame + TARGET_CALLS) + call;
}

static inline uint64_t *target_number(uint8_t *frame, unsigned int offset)
{
	return (uint64_t *)(frame + offset);
}

#endif
