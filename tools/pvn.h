/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all of pvn shares: the commands, the exit codes, messages to the user, the places of built
 * and cached files, bytes of files in memory, and the errors that a reader of input gathers.
 * Messages go to standard error; standard output carries only what a command was asked for.
 */
#ifndef TOOLS_PVN_H
#define TOOLS_PVN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The exit codes of every command. */
enum pvn_exit {
	PVN_OK = 0, /* all domains ended well; the command did what it was asked */
	PVN_GUEST_FAILED = 1, /* a guest failed; a test failed; nothing to run on (doctor) */
	PVN_USAGE = 2, /* the command line or the machine description is wrong */
	PVN_HYPERVISOR_FAILED =
		3, /* the hypervisor or the emulator under it failed; a file error */
	PVN_TIMEOUT = 4,
};

/*
 * The commands. argv[0] is the command's name. Each returns an enum pvn_exit. None handles --help:
 * main() prints the table's usage before it calls one.
 */
int cmd_check(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_guest(int argc, char **argv);
int cmd_scan(int argc, char **argv);

/* Prints the usage line of the named command on standard error, returns PVN_USAGE. */
int pvn_usage(const char *command);

/* One line on standard error: "pvn: error: ..." and "pvn: ...". No newline in fmt. */
void pvn_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void pvn_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Memory that cannot fail: out of memory ends pvn with a message and PVN_HYPERVISOR_FAILED. */
void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *old, size_t bytes);
char *xstrdup(const char *text);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A list of entries of so many bytes each, with room for one more than count; *room follows. */
void *xgrow(void *list, size_t count, size_t *room, size_t bytes);
/* Adds bytes to a text of *length (NULL: 0), which always ends with a NUL beyond its length. */
void text_append(char **text, size_t *length, const void *bytes, size_t count);

/*
 * Places. All return a new string that the caller frees. The source tree is $PVN_ROOT, the build
 * folder $PVN_BUILD (both set by the bootstrap script), the cache $XDG_CACHE_HOME/paravane or
 * ~/.cache/paravane; pvn writes nowhere else unless a command names a file.
 */
char *pvn_root_path(const char *relative); /* "docs/examples/hello.yaml" */
char *pvn_build_path(const char *relative); /* "hypervisor/paravane.elf" */
char *pvn_payload_path(const char *name); /* "hello" -> <build>/tests/guest/hello.elf */
/* A file in the cache; its folders are made. NULL with errno where they cannot be. */
char *pvn_cache_path(const char *relative);

/* A whole number from low to high, of an option that messages call what; false with a message. */
bool option_number(const char *what, const char *text, unsigned int low, unsigned int high,
		   unsigned int *out);

/* The entry of names[] (ends with NULL, skips nothing) nearest to word, or NULL if none is near. */
const char *nearest_name(const char *word, const char *const *names);

/* ---- errors in input ---- */

#define ERRORS_MAX 10u
#define ERROR_TEXT_MAX 600u

/* Errors found in one input. The first ERRORS_MAX are kept, all are counted. Zero it before use. */
struct errors {
	unsigned int count;
	char text[ERRORS_MAX][ERROR_TEXT_MAX];
};

/* Adds "fmt". Always returns -1, so that a reader can `return errors_add(...)`. */
int errors_add(struct errors *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Adds "file:line:column: fmt"; line and column count from 1, in line 0 stands what is in no file.
 * Returns -1.
 */
int errors_add_at(struct errors *e, const char *file, size_t line, size_t column, const char *fmt,
		  ...) __attribute__((format(printf, 5, 6)));
/* Prints all that were kept, and how many more there were. */
void errors_print(const struct errors *e, FILE *to);

/* ---- bytes ---- */

struct blob {
	uint8_t *data; /* malloc'd */
	size_t size;
};

/*
 * Reads a whole regular file of at most max bytes; a NUL that size does not count follows them. 0,
 * or -1 with one error that names the file.
 */
int blob_read(struct blob *b, const char *path, size_t max, struct errors *e);
/*
 * Writes path as a whole or not at all: a temporary file beside it, fsync, rename. A full disk is
 * found at write, fsync or close and reported. 0, or -1 with one error; no temporary file stays.
 */
int blob_write(const struct blob *b, const char *path, struct errors *e);
/* All of it into an open file, however many writes that takes. 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t bytes);
void blob_free(struct blob *b);

/* IEEE CRC-32 as in Ethernet and zlib; start with crc = 0, pass the result on to continue. */
uint32_t crc32_ieee(uint32_t crc, const void *data, size_t bytes);

#endif
