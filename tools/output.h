/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that an option names for a command to write. What cannot work is said before the work:
 * a machine may have run for an hour when its counters are to be saved.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include "pvn.h"

struct output {
	const char *option; /* "--json"; of what is read, a word for it */
	const char *path; /* NULL = not asked for, "-" = standard output */
	bool is_read; /* no output, but none may replace it */
	bool is_plain; /* "-" is a file like any other */
};

/* A short name for the common case. */
#define OUTPUT(option_, path_) { .option = (option_), .path = (path_) }
#define OUTPUT_READ(what_, path_) { .option = (what_), .path = (path_), .is_read = true }

bool output_is_stdout(const struct output *output);

/*
 * PVN_OK; or with a message PVN_USAGE where two outputs would replace each other, or one would
 * replace what is read, and PVN_HYPERVISOR_FAILED where a file cannot be made.
 */
enum pvn_exit outputs_check(const struct output *outputs, size_t count);

/* All of a text to path, "-" is standard output. 0, or -1 with an error. */
int output_write(const char *text, size_t bytes, const char *path, struct errors *e);

#endif
