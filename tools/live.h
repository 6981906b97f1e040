/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching a run from another process: `pvn run` listens on a Unix socket, and whoever connects
 * asks for samples of the counters. What goes over it are frames of pv-abi/host/frame.h: some of
 * the hypervisor's own, and those below. One question, one answer: a client that is slow gets
 * fewer samples, and one that hangs gets none.
 */
#ifndef TOOLS_LIVE_H
#define TOOLS_LIVE_H

#include <sys/types.h>

#include "host/bundle.h"
#include "host/frame.h"
#include "pvn.h"

#define LIVE_VERSION 1u
#define LIVE_TEXT_MAX 400u

/*
 * From the run: ABOUT first, then HELLO as soon as the machine has said it. For each ASK: a STATS
 * frame for each vCPU, then SAMPLE with the rest; or TROUBLE. Unasked: STATS with PV_STATS_END and
 * DOMAIN_END as they come, and END, which is the last.
 */
enum live_frame {
	LIVE_ABOUT = 0x101, /* struct live_about */
	LIVE_ASK = 0x102, /* from the client, empty */
	LIVE_SAMPLE = 0x103, /* struct live_sample, then struct live_vcpu for each vCPU */
	LIVE_TROUBLE = 0x104, /* text: why there are no samples */
	LIVE_END = 0x105, /* struct live_end */
};

struct live_about {
	uint32_t version; /* LIVE_VERSION */
	int32_t pid; /* of pvn run */
	int64_t started; /* seconds since 1970 */
	char name[64]; /* of the machine: its description without folder and .yaml */
	char file[256]; /* the description */
	char host[16]; /* "bochs" */
	uint32_t cpus;
	uint32_t domain_count;
	struct {
		char name[32];
		uint32_t mode; /* PV_MODE_* */
		uint32_t vcpus;
	} domains[PV_BUNDLE_DOMAINS_MAX];
};

struct live_vcpu {
	uint32_t domain, vcpu;
	uint32_t state; /* PV_STATE_* */
	uint32_t reserved;
	uint64_t times[4]; /* TSC ticks in each state */
};

struct live_sample {
	uint64_t number; /* counts from 1 for each client */
	uint64_t real_ns; /* CLOCK_MONOTONIC when the counters were read */
	uint64_t tsc; /* of the machine, when the hypervisor last looked at it */
	uint64_t vcpus; /* struct live_vcpu that follow */
};

struct live_end {
	int32_t exit; /* enum pvn_exit */
	int32_t signal; /* that ended the run, or 0 */
	char why[LIVE_TEXT_MAX]; /* one line, or empty where all is well */
};

/* ---- live_path.c: where the sockets are ------------------------------------------------------ */

/*
 * $XDG_RUNTIME_DIR/paravane, or `live` in the cache folder; mode 0700 and ours. A socket is named
 * PID-RANDOM.sock. Sockets of runs that are gone are removed when somebody comes by.
 */

/* Listens; *name is malloc'd for live_path_remove(). -1 with one line in why. */
int live_path_listen(char **name, char *why, size_t size);
void live_path_remove(const char *name);
/* Connects to every run there is; returns how many sockets fds[] got. */
size_t live_path_connect_all(int *fds, size_t max);

#endif
