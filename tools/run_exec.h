/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `pvn run FILE --exec COMMAND`: one command in the first Linux guest. It travels on the kernel's
 * command line, where the guest's init finds it; its output is the domain's console from one mark
 * to the next, its status the domain's. Used by run.c.
 */
#ifndef TOOLS_RUN_EXEC_H
#define TOOLS_RUN_EXEC_H

#include "run.h"

/* The index of the first domain whose kernel is Linux, or -1. */
int run_exec_find(const struct machine *m);
/* Adds the command to a domain's command line. 0, or -1 with an error: it is too long. */
int run_exec_add(struct domain *d, const char *command, struct errors *e);

/* RFC 4648, "Base 64 Encoding", malloc'd: what the guest's init takes as exec=. */
char *run_exec_base64(const char *text);

/* The console on its way to a file. Zero it before use. */
struct run_exec_text {
	enum { RUN_EXEC_BEFORE, RUN_EXEC_DURING, RUN_EXEC_AFTER } state;
	bool has_return; /* the last byte was a CR that waits for what follows */
	unsigned int matched; /* bytes of a mark */
	char *aside; /* what is no output: the kernel's messages before and after */
	size_t aside_bytes;
};

/* The command's output goes to out, with LF for a terminal's CR LF; the rest is laid aside. */
void run_exec_console(struct run_exec_text *text, struct run_output *out, const char *data,
		      size_t bytes);
/* Nothing more will come. */
void run_exec_finish(struct run_exec_text *text, struct run_output *out);

/*
 * The exit code of the whole: the command's status, or PVN_GUEST_FAILED with a message and what was
 * laid aside where the guest did not come to its end. Frees the text.
 */
int run_exec_status(const struct run_result *result, unsigned int domain,
		    struct run_exec_text *text);

#endif
