/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `pvn run` shows of a run: guest consoles on standard output, with "[name] " before each line
 * if there is more than one domain; the hypervisor's log on standard error, all of it or only what
 * a user must see; a summary at the end. Used by run.c; the session writes the outputs.
 */
#ifndef TOOLS_RUN_PRINT_H
#define TOOLS_RUN_PRINT_H

#include "run.h"

#define PRINT_HELD 30u /* log lines that are shown after all when the hypervisor fails */

struct run_print {
	const struct machine *machine;
	bool is_verbose;
	bool is_interactive; /* the first domain's text passes as it comes */
	struct run_output outputs[2]; /* standard output and error */
	struct {
		char *text;
		size_t bytes, capacity;
	} partial[PV_BUNDLE_DOMAINS_MAX]; /* lines that are not complete yet */
	bool is_last_shown; /* of the log: indented lines follow the one above them */
	char *held[PRINT_HELD];
	size_t held_count;
};

void run_print_init(struct run_print *print, const struct machine *machine, bool is_verbose);
void run_print_console(struct run_print *print, uint32_t domain, const char *text, size_t bytes);
void run_print_log(struct run_print *print, const char *line);
/* Incomplete last lines; call before the outputs are flushed for the last time. */
void run_print_finish(struct run_print *print);
void run_print_free(struct run_print *print);

/*
 * How each domain ended and its transitions by class; the reason of a failure. To standard error.
 */
void run_print_summary(const struct run_print *print, const struct run_result *result);

#endif
