// SPDX-License-Identifier: BSD-2-Clause
/*
 * Text that waits for a slow reader. The session polls the descriptor together with everything
 * else, so a full pipe or a stopped terminal delays neither a signal nor a timeout; see run.h. The
 * first error is kept, so that a closed pipe or a full disk is reported once and not per line.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

void run_output_add(struct run_output *output, const void *data, size_t bytes)
{
	if (output->error || !bytes)
		return;
	if (output->start == output->end) {
		output->start = 0;
		output->end = 0;
	}
	if (output->start && output->capacity - output->end < bytes) {
		memmove(output->data, output->data + output->start, output->end - output->start);
		output->end -= output->start;
		output->start = 0;
	}
	if (output->capacity - output->end < bytes) {
		output->capacity = 2 * output->capacity + bytes;
		output->data = xrealloc(output->data, output->capacity);
	}
	memcpy(output->data + output->end, data, bytes);
	output->end += bytes;
}

void run_output_flush(struct run_output *output)
{
	size_t bytes = output->end - output->start;
	ssize_t written;

	if (!bytes)
		return;
	/* A pipe that polls writable takes PIPE_BUF bytes without blocking. */
	written = write(output->fd, output->data + output->start,
			bytes < PIPE_BUF ? bytes : PIPE_BUF);
	if (written >= 0) {
		output->start += (size_t)written;
	} else if (errno != EINTR && errno != EAGAIN) {
		output->error = errno;
		output->start = 0;
		output->end = 0;
	}
}

void run_output_free(struct run_output *output)
{
	free(output->data);
	output->data = NULL;
	output->start = 0;
	output->end = 0;
	output->capacity = 0;
}
