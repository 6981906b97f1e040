/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a run, shared by the three files that make it up: run_prepare.c (before the
 * emulator starts), run_session.c (the loop), run_verdict.c (after it has ended). Nobody else
 * includes this.
 */
#ifndef TOOLS_RUN_SESSION_H
#define TOOLS_RUN_SESSION_H

#include <signal.h>
#include <stdio.h>

#include "channel.h"
#include "live_server.h"
#include "run.h"
#include "symbols.h"

struct session {
	const struct machine *machine;
	const struct run_options *options;
	const struct launcher *launcher;
	struct run_result *result;
	struct launch launch;
	struct run_process process;
	struct channel channel;
	struct console console; /* where is_interactive */
	struct symbols symbols[PV_BUNDLE_DOMAINS_MAX];
	bool has_symbols;
	int signals; /* signalfd, -1 = none */
	sigset_t old_mask;
	struct sigaction old_pipe;
	double start, deadline, end_by; /* seconds of the monotonic clock; 0 = none */
	bool is_timed_out;
	bool has_exited; /* the emulator ended by itself */
	struct live_server *live; /* NULL = nobody can watch */
	uint64_t live_key[2];
	FILE *stray; /* what the emulator prints itself, NULL = dropped */
};

/* Blocks the signals that end a run and opens the descriptor they are read from. */
int session_block_signals(struct session *s, struct errors *e);
void session_restore_signals(struct session *s);
/* Private folder, bundle, emulator's configuration, emulator. 0, or -1 with an error. */
int session_prepare(struct session *s, struct errors *e);
/* run_live.c: lets `pvn top` watch this run, where that is wanted and possible. */
void session_listen(struct session *s);
/* Whoever watches is told how it ended. */
void session_live_end(struct session *s);
/* Sets exit and why of the result. */
void session_judge(struct session *s);
/* Removes the private folder, or keeps it where its logs may explain a failure. */
void session_keep_or_remove(struct session *s);

#endif
