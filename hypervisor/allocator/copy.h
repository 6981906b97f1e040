/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checked copies between the hypervisor and a guest's memory, the only way to touch it: each page
 * is mapped in a window of the calling CPU while it is copied, and unmapped again. Ranges may cross
 * pages and chunks. They are checked as a whole first, so a refused copy has changed nothing. All
 * return 0, or -PV_EFAULT if a byte of the range is no memory of the guest or the range wraps.
 */
#ifndef ALLOCATOR_COPY_H
#define ALLOCATOR_COPY_H

#include "lib/types.h"

struct p2m;

int guest_read(const struct p2m *p2m, gpa_t gpa, void *dst, size_t n);
int guest_write(const struct p2m *p2m, gpa_t gpa, const void *src, size_t n);
int guest_zero(const struct p2m *p2m, gpa_t gpa, size_t n);

/*
 * Atomically set or clear a bit of the aligned u64 at gpa; what it was before (false: no memory).
 */
bool guest_set_bit(const struct p2m *p2m, gpa_t gpa, unsigned bit);
bool guest_clear_bit(const struct p2m *p2m, gpa_t gpa, unsigned bit);

/*
 * One locked step on 1, 2, 4, 8 or 16 bytes within a page (16: aligned): writes desired where
 * memory holds *expected, else loads it there.
 */
int guest_cmpxchg(const struct p2m *p2m, gpa_t gpa, void *expected, const void *desired, size_t n);

#endif
