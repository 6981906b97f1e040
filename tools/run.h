/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running one machine from start to end: a private folder, an emulator in its own process group,
 * the debug channel read until the machine has ended, and a verdict. Used by `run`, `test` and
 * `bench`. However a run ends, by itself, by a signal, by a timeout, no process and no folder stays
 * behind, except that the folder of an abnormal end is kept for its logs.
 */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

#include <sys/types.h>

#include "config.h"
#include "console.h"
#include "host.h"
#include "launch.h"
#include "stats.h"

/* ---- run_output.c: text on its way to a file descriptor that may be slow --------------------- */

struct run_output {
	int fd;
	const char *name; /* for errors: "standard output" */
	char *data;
	size_t start, end, capacity; /* data[start..end) waits */
	int error; /* errno of the write that failed; from then on everything is dropped */
};

void run_output_add(struct run_output *output, const void *data, size_t bytes);
/* Writes once, a piece so small that it does not block after poll() said POLLOUT. */
void run_output_flush(struct run_output *output);
void run_output_free(struct run_output *output);

/* ---- run_dir.c: private folders -------------------------------------------------------------- */

/* Makes one and removes forgotten ones; malloc'd absolute path, or NULL with an error. */
char *run_dir_create(struct errors *e);
/* Saves the folder from being removed by the next run; it stays for a day. */
void run_dir_keep(const char *dir);
/* Removes the folder and the plain files in it. */
void run_dir_remove(const char *dir);

/* ---- run_process.c: the emulator's process --------------------------------------------------- */

struct run_process {
	pid_t pid; /* 0 = none; also its process group */
	int channel; /* read end of its standard output, non-blocking; -1 = closed */
	bool has_exited;
	int status; /* as of waitpid(), after run_process_end() */
};

/* Starts what launch says, in launch->dir. 0, or -1 with an error. */
int run_process_start(struct run_process *process, const struct launch *launch,
		      const struct launcher *launcher, struct errors *e);
/* Notices an end; never waits. */
void run_process_poll(struct run_process *process);
/* Kills what is left of its process group, waits, closes the channel. */
void run_process_end(struct run_process *process);

/* ---- run_session.c: the run itself ----------------------------------------------------------- */

struct run_options {
	enum host host;
	unsigned int timeout_s; /* 0 = none */
	bool gdb;
	/* Runs this instead of the hypervisor; of the machine only CPUs and memory count. */
	const struct launch_bare *bare;
	const char *serial; /* file that receives the first serial port, or NULL: no such port */
	bool is_watchable; /* `pvn top` finds it */
	bool is_interactive; /* the terminal is the first domain's, see console.h */
	/* Told what comes in, as it comes; each may be NULL. */
	void (*on_start)(void *context, const struct launch *launch);
	void (*on_console)(void *context, uint32_t domain, const char *text, size_t bytes);
	void (*on_log)(void *context, const char *line); /* with symbols */
	void (*on_trace)(void *context, const uint8_t *payload, uint32_t length);
	void (*on_end)(void *context); /* nothing more will come */
	void *context;
	/* Outputs that the callbacks add to; the session writes them. */
	struct run_output *outputs;
	unsigned int output_count;
};

struct run_result {
	enum pvn_exit exit;
	int signal; /* the signal that ended the run, else 0 */
	bool is_quit; /* ended from the keyboard */
	char why[400]; /* one line, where exit is neither OK nor GUEST_FAILED */
	char unwatched[200]; /* why `pvn top` cannot find it, where it should */
	char *kept; /* private folder that was kept for its logs, or NULL */
	char *telling; /* last relevant lines of the emulator's log, or NULL */
	uint64_t lost, damaged; /* frames */
	double seconds;
	struct stats stats;
};

/*
 * Packs and runs the machine. Errors of the description land in *e with exit PVN_USAGE. Always
 * fills
 * *result, which run_result_free() releases.
 */
void run_machine(const struct machine *m, const struct run_options *options,
		 struct run_result *result, struct errors *e);
void run_result_free(struct run_result *result);

/* ---- run_log.c: the emulator's own log ------------------------------------------------------- */

/*
 * The last telling lines of a file, malloc'd, each ending with a newline; NULL where there is none.
 */
char *run_log_tail(const char *path, bool (*is_telling)(const char *line));

#endif
