/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run's counters said: the HELLO, STATS, DOMAIN_END and MACHINE_END frames, kept as they
 * came, and what is computed from them (marks, differences, sums by class). Filled by the run
 * session, read by the summary, by --stats, by the test runner and the benchmark.
 */
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bundle.h"
#include "host/frame.h"
#include "pvn.h"

/* The counters of one vCPU at one moment. */
struct stats_snapshot {
	struct pv_frame_stats head;
	struct pv_stats_row *rows; /* head.rows of them */
};

struct stats_domain {
	char name[32];
	uint32_t mode; /* PV_MODE_* */
	bool has_ended;
	struct pv_frame_domain_end end; /* where it has; its text is terminated */
};

struct stats {
	unsigned int domain_count;
	struct stats_domain domains[PV_BUNDLE_DOMAINS_MAX];
	bool has_hello, has_machine_end;
	struct pv_frame_hello hello; /* its texts are terminated */
	struct pv_frame_machine_end machine_end;
	struct stats_snapshot *snapshots; /* in the order of arrival */
	size_t snapshot_count;
	uint64_t malformed; /* frames whose content made no sense */
};

/* The sum of the counters of a domain's vCPUs at one mark. */
struct stats_mark {
	uint64_t id;
	uint64_t tsc; /* of the first vCPU's snapshot */
	size_t first; /* index of that snapshot */
	size_t end; /* index after the last one that may belong to it */
};

/* One counter summed over vCPUs. */
struct stats_sum {
	uint16_t space, code;
	uint64_t count, ticks, max_ticks;
};

#define STATS_SUMS_MAX (PV_EXIT_COUNT + 2 * PV_CALL_MAX + PV_EVENT_COUNT)

/* Zeroes *s; names and modes are filled in by the caller. */
void stats_init(struct stats *s);
void stats_free(struct stats *s);
/*
 * Takes a frame of the four types; others are ignored. Content is checked, hostile lengths are
 * safe.
 */
void stats_frame(struct stats *s, const struct pv_frame_header *header, const uint8_t *payload);

/*
 * Finds the next mark of a domain, searching from snapshot index *at; false when there is none.
 * *at moves on to where the next search begins.
 */
bool stats_next_mark(const struct stats *s, uint32_t domain, size_t *at, struct stats_mark *mark);

/* Sums the domain's counters at a mark, or at its end (mark NULL). Returns how many sums[] hold. */
size_t stats_sum(const struct stats *s, uint32_t domain, const struct stats_mark *mark,
		 struct stats_sum sums[STATS_SUMS_MAX]);
/* The count of one counter in sums[], 0 where it is absent. */
uint64_t stats_count(const struct stats_sum *sums, size_t n, uint16_t space, uint16_t code);
/* Turns after[] into after - before. Sums that become 0 stay. Returns their number. */
size_t stats_subtract(struct stats_sum *after, size_t after_count, const struct stats_sum *before,
		      size_t before_count);

/*
 * "cpuid", "CONSOLE", "injected"; "#n" for what no table names. The buffer is used for that only.
 */
const char *stats_name(uint16_t space, uint16_t code, char buffer[16]);
/* "exit", "call", "batch", "event". */
const char *stats_space_name(uint16_t space, char buffer[16]);
/* Class of an exit ("sensitive"); of the other spaces the name of the space. */
const char *stats_class_name(uint16_t space, uint16_t code, char buffer[16]);
/* "poweroff" */
const char *stats_shutdown_name(uint32_t reason, char buffer[16]);
/* Number of an exit or call by name; -1 where there is none. */
int stats_code(uint16_t space, const char *name);

/* How a domain ended, in words: "shutdown poweroff, status 0", "killed: ...", "still running". */
void stats_end_text(const struct stats_domain *domain, char *text, size_t size);
/* A guest that ended well: shutdown by poweroff with status 0. */
bool stats_ended_well(const struct stats_domain *domain);

#define STATS_JSON_VERSION 1u

/* Writes the JSON file. host is "bochs" etc. 0, or -1 with an error and no file left behind. */
int stats_write_json(const struct stats *s, const char *host, const char *path, struct errors *e);

/*
 * True where the two runs counted the same. Else the first difference as one line in `difference`.
 */
bool stats_equal(const struct stats *a, const struct stats *b, char *difference, size_t size);

#endif
