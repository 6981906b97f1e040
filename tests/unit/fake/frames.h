/* SPDX-License-Identifier: BSD-2-Clause */
/* frame_alloc() and frame_free() on the host's heap, for tests of what uses them. */
#ifndef TESTS_UNIT_FAKE_FRAMES_H
#define TESTS_UNIT_FAKE_FRAMES_H

extern unsigned fake_frames_used; /* given out and not freed */
extern unsigned fake_frames_left; /* frame_alloc() fails when this is 0 */

#endif
