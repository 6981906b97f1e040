/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of a running machine, read in its emulator's memory (pv-abi/host/live.h). Used by
 * the socket's server. It only ever reads, and neither stops the emulator nor makes it do anything.
 */
#ifndef TOOLS_LIVE_MEMORY_H
#define TOOLS_LIVE_MEMORY_H

#include <sys/types.h>

#include "host/live.h"
#include "live.h"

#define LIVE_ROWS_MAX (256u + 2u * PV_LIVE_CALLS_MAX)

enum live_found { LIVE_SEARCHING, LIVE_FOUND, LIVE_FAILED };

struct live_memory;

/* The emulator's process; vcpus: how many frames bear the key. NULL with one line in why. */
struct live_memory *live_memory_open(pid_t pid, const uint64_t key[2], unsigned int vcpus,
				     char *why, size_t size);
/* Searches on for some milliseconds. FAILED: one line in why. */
enum live_found live_memory_search(struct live_memory *memory, char *why, size_t size);
/*
 * The counters of the n-th vCPU as they are now; head.tsc is when it was last seen. *since: TSC at
 * which its state began, whose time since then is not in vcpu->times. False if the memory is gone.
 */
bool live_memory_read(struct live_memory *memory, unsigned int n, struct pv_frame_stats *head,
		      struct pv_stats_row rows[LIVE_ROWS_MAX], struct live_vcpu *vcpu,
		      uint64_t *since);
void live_memory_close(struct live_memory *memory);

/* Of a frame's bytes: does it bear a tag with this key, all of whose offsets lie within? */
bool live_tag_fits(const uint8_t frame[PV_LIVE_FRAME], const uint64_t key[2], struct pv_live *tag);
/* Rows of the counters that are not 0, as the hypervisor would send them; returns how many. */
uint32_t live_rows(const uint8_t frame[PV_LIVE_FRAME], const struct pv_live *tag,
		   struct pv_stats_row rows[LIVE_ROWS_MAX]);

#endif
