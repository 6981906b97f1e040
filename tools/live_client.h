/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher's side of live.h: one run that is being watched, and what it has said so far. `pvn
 * top` polls the descriptor, calls live_client_read() and looks at the fields. What comes over the
 * socket is checked like any input.
 */
#ifndef TOOLS_LIVE_CLIENT_H
#define TOOLS_LIVE_CLIENT_H

#include "channel.h"
#include "live.h"
#include "live_memory.h"

#define LIVE_RUNS_MAX 64u

struct live_vcpu_counts {
	struct pv_frame_stats head;
	struct live_vcpu vcpu;
	struct pv_stats_row rows[LIVE_ROWS_MAX];
};

/* All counters of a machine at one moment. */
struct live_counts {
	uint64_t number; /* of the sample; 0 = none yet */
	uint64_t real_ns, tsc;
	struct live_vcpu_counts *vcpus; /* domain by domain */
};

struct live_client {
	int fd; /* -1 = closed by the other side */
	bool has_about, has_hello, has_end;
	bool is_waiting; /* asked, and not answered yet */
	struct live_about about;
	struct pv_frame_hello hello;
	struct live_end end;
	unsigned int vcpu_count; /* of all domains */
	bool has_ended[PV_BUNDLE_DOMAINS_MAX];
	struct pv_frame_domain_end ends[PV_BUNDLE_DOMAINS_MAX];
	struct live_counts counts; /* the last complete sample */
	char trouble[LIVE_TEXT_MAX]; /* why there are no samples, or what was wrong; "" = nothing */

	/* private to live_client.c */
	struct channel channel;
	struct live_counts coming;
	uint16_t sequence;
	bool has_last; /* final counters came after the last sample */
};

/* All runs that answer, by process id; returns how many. */
size_t live_client_find(struct live_client *found[LIVE_RUNS_MAX]);
/* From a connected socket, which becomes its own; live_client_find() does this. */
struct live_client *live_client_new(int fd);
void live_client_close(struct live_client *client); /* NULL is fine */

void live_client_ask(struct live_client *client);
/* Takes what has come; never waits. */
void live_client_read(struct live_client *client);

/* Index into counts.vcpus; -1 if there is no such vCPU. */
int live_client_index(const struct live_client *client, uint32_t domain, uint32_t vcpu);

/* A copy for later comparison: `to` is zeroed before its first use, and freed by the second. */
void live_counts_copy(struct live_counts *to, const struct live_counts *from, unsigned int vcpus);
void live_counts_free(struct live_counts *counts);

#endif
