/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `pvn top`, shared by its files: top.c (command line), top_table.c (samples to rows and rates),
 * top_text.c (--once, --batch), top_json.c (their --json), top_screen.c (what the terminal shows),
 * top_keys.c (the session at the terminal).
 */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

#include "live_client.h"

enum top_sort { TOP_BY_RATE, TOP_BY_TOTAL, TOP_BY_TICKS, TOP_BY_NAME, TOP_SORTS };

/* One counter of a domain, of one vCPU or summed over them. */
struct top_row {
	uint16_t space, code;
	uint32_t domain;
	int vcpu; /* -1 = the sum */
	uint64_t total, change; /* since the machine started; since the sample before */
	uint64_t ticks, ticks_change, max_ticks;
};

/* What is to be seen of a sample. */
struct top_view {
	int domain; /* -1 = all */
	bool splits_vcpus;
	bool has_details; /* batch members and events as well */
	bool is_active_only; /* only what has changed */
	enum top_sort sort;
};

struct top_table {
	struct top_row *rows;
	size_t count;
	double real_s, guest_s; /* between the two samples; 0 = only one, or no time has passed */
	uint64_t transitions, transitions_change; /* of what the view selects */
	uint64_t classes[16], classes_change[16]; /* PV_CLASS_* */
};

/* before: an earlier sample, or NULL. Free with top_table_free(). */
void top_table_build(struct top_table *table, const struct live_client *client,
		     const struct live_counts *before, const struct top_view *view);
void top_table_free(struct top_table *table);

/* Ticks as seconds of the guest; 0 as long as the machine has not said how fast its TSC is. */
double top_guest_seconds(const struct live_client *client, uint64_t ticks);
/* A change over some seconds; a negative number where there is no time to divide by. */
double top_rate(uint64_t change, double seconds);
const char *top_sort_name(enum top_sort sort);
/* TOP_SORTS where no key has that name. */
enum top_sort top_sort_parse(const char *name);
const char *top_state_name(uint32_t state);
/* Share of the time between the samples that a vCPU was in a state, 0..1; negative: unknown. */
double top_share(const struct live_client *client, const struct live_counts *before, int vcpu,
		 uint32_t state);
/*
 * "all guests ended well", "timeout: not ended after 5 s"; and of a domain "running", "killed: ..."
 */
void top_end_text(const struct live_client *client, char *text, size_t size);
void top_domain_text(const struct live_client *client, unsigned int domain, char *text,
		     size_t size);

struct top_options {
	const char *which; /* name or pid, NULL = the only one */
	const char *domain; /* only this one, NULL = all */
	double delay_s;
	uint64_t samples; /* 0 = until the machine ends */
	bool is_list, is_once, is_batch, is_json;
	struct top_view view;
};

/* Each takes the client whose machine is shown; enum pvn_exit. */
int top_print(struct live_client *client, const struct top_options *options);
int top_run_screen(struct live_client *client, const struct top_options *options);

/* One sample as text or as a line of JSON; *before may be without one. */
void top_print_text(const struct live_client *client, const struct live_counts *before,
		    const struct top_view *view);
void top_print_json(const struct live_client *client, const struct live_counts *before,
		    const struct top_view *view);
/* The end of the machine, likewise. */
void top_print_json_end(const struct live_client *client);

/* ---- top_screen.c: drawing, with ncurses ----------------------------------------------------- */

struct top_screen {
	struct top_view view;
	struct live_counts before, shown; /* the samples that are compared; shown is the later */
	bool is_paused, has_help, has_colors;
	size_t first_row; /* scrolled */
	double delay_s;
};

void top_draw(const struct live_client *client, struct top_screen *screen);

#endif
