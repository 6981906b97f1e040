/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running a program to its end with its output gathered, grub-mkrescue for one. Emulators that run
 * machines are not started here but by run_process.c.
 */
#ifndef TOOLS_PROCESS_H
#define TOOLS_PROCESS_H

#include "pvn.h"

#define PROCESS_OUTPUT_MAX (64u << 10) /* bytes that are kept, the last ones */

/*
 * Runs argv (found on $PATH) with standard input empty; environment[] (NULL, or pairs "NAME=value"
 * ending with NULL) is added. output (NULL: dropped) receives both of its streams as text ending
 * with a NUL that size does not count; the caller frees it. The program dies when pvn does. Returns
 * its exit status 0..255, 128 + signal, or -1 if it could not be started (errno).
 */
int process_run(const char *const *argv, const char *const *environment, struct blob *output);

/* The full path of a program on $PATH or in /usr/sbin and /sbin, malloc'd; NULL if none. */
char *process_find(const char *program);

#endif
