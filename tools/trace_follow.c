// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace --follow`: shows a trace while `pvn run --trace` still writes it. Entries are shown
 * when nothing can come any more that belongs to them; of CPUs that send at different times they
 * can be out of order by as much. It ends with the trace, or when nobody writes it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trace_view.h"

#define FOLLOW_MS 50
#define QUIET_ROUNDS 6 /* so many looks without news: what is open is shown as it is */

struct growing {
	int fd;
	uint8_t *bytes; /* read and not yet taken */
	size_t count, capacity, at;
};

/* Reads what there is; returns how many bytes. */
static size_t read_more(struct growing *file, struct trace *trace)
{
	size_t before;
	ssize_t got;

	if (file->at) {
		memmove(file->bytes, file->bytes + file->at, file->count - file->at);
		trace->skipped += file->at;
		file->count -= file->at;
		file->at = 0;
	}
	before = file->count;
	do {
		if (file->capacity - file->count < 65536) {
			file->capacity = file->count * 2 + 131072;
			file->bytes = xrealloc(file->bytes, file->capacity);
		}
		got = read(file->fd, file->bytes + file->count, file->capacity - file->count);
		if (got > 0)
			file->count += (size_t)got;
	} while (got > 0);
	return file->count - before;
}

/* Nobody writes it any more. */
static bool is_abandoned(const struct growing *file)
{
	if (flock(file->fd, LOCK_SH | LOCK_NB))
		return false;
	flock(file->fd, LOCK_UN);
	return true;
}

/*
 * Entries that may still gain something stay: the last one of each CPU, and members whose kick is
 * to come, with all that follows them.
 */
static size_t settled(const struct trace *trace)
{
	size_t count = trace->count, cpu;

	for (cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
		if (trace->last[cpu] && trace->last[cpu] - 1 < count)
			count = trace->last[cpu] - 1;
		if (trace->first_member[cpu] && trace->first_member[cpu] - 1 < count)
			count = trace->first_member[cpu] - 1;
	}
	return count;
}

/* Shows the first `count` entries in their order and forgets them. */
static void show_and_drop(struct trace_command *command, struct trace *trace, size_t count)
{
	size_t rest = trace->count - count, cpu;
	unsigned int i;

	trace->count = count;
	trace_sort(trace, 0);
	trace_show(command, trace, count);
	for (i = 0; i < command->output_count; i++)
		fflush(command->outputs[i].file);
	memmove(trace->entries, trace->entries + count, rest * sizeof(*trace->entries));
	trace->count = rest;
	for (cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
		trace->last[cpu] = trace->last[cpu] > count ? trace->last[cpu] - count : 0;
		trace->first_member[cpu] =
			trace->first_member[cpu] > count ? trace->first_member[cpu] - count : 0;
	}
}

static int follow_file(struct trace_command *command, struct trace *trace, struct growing *file,
		       struct errors *e)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000l };
	enum trace_status status = TRACE_MORE;
	unsigned int quiet = 0;
	bool is_last = false;
	enum pvn_exit begun;
	char why[200] = "it is empty";

	while (status == TRACE_MORE && !is_last) {
		is_last = is_abandoned(file);
		quiet = read_more(file, trace) ? 0 : quiet + 1;
		if (file->count)
			status = trace_take(trace, file->bytes, file->count, &file->at, why);
		begun = trace->is_described ? trace_begin(command, trace, e) : PVN_OK;
		if (begun != PVN_OK)
			return (int)begun;
		is_last = is_last && !quiet ? false : is_last;
		if (trace->is_described)
			show_and_drop(command, trace,
				      status != TRACE_MORE || is_last || quiet == QUIET_ROUNDS ?
					      trace->count :
					      settled(trace));
		if (status == TRACE_MORE && !is_last && quiet)
			nanosleep(&pause, NULL);
	}
	/* As of a whole file: what is empty is no trace. */
	if (!file->count && !trace->skipped)
		status = TRACE_FOREIGN;
	return trace_verdict(command, trace, status, why, e);
}

/* Not of a pipe: its writer would have to come first, and nothing says when it has gone. */
static bool is_regular(const struct growing *file, const char *path, struct errors *e)
{
	struct stat st;

	if (!fstat(file->fd, &st) && S_ISREG(st.st_mode))
		return true;
	errors_add(e, "%s: expected a regular file", path);
	return false;
}

int trace_follow(struct trace_command *command, struct trace *trace, struct errors *e)
{
	struct growing file = { .fd = open(command->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	int result = PVN_USAGE;

	if (file.fd < 0) {
		errors_add(e, "%s: cannot open: %s", command->file, strerror(errno));
		return PVN_USAGE;
	}
	if (is_regular(&file, command->file, e))
		result = follow_file(command, trace, &file, e);
	close(file.fd);
	free(file.bytes);
	return result;
}
