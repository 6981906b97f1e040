/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame pool on the heap, so that the sanitizer sees overruns, double frees and leaks. */
#include <stdlib.h>
#include <string.h>

#include "allocator/frames.h"
#include "fake/frames.h"

unsigned fake_frames_used;
unsigned fake_frames_left = ~0u;

void *frame_alloc(void)
{
	void *frame;

	if (!fake_frames_left)
		return NULL;
	frame = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	if (!frame)
		abort();
	memset(frame, 0, PAGE_SIZE);
	fake_frames_left--;
	fake_frames_used++;
	return frame;
}

void frame_free(void *frame)
{
	if (!frame)
		return;
	free(frame);
	fake_frames_left++;
	fake_frames_used--;
}
