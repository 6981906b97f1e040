/* SPDX-License-Identifier: BSD-2-Clause */
/* p2m: which machine chunk stands behind each 2 MiB of guest-physical memory. One u32 per chunk. */
#ifndef ALLOCATOR_P2M_H
#define ALLOCATOR_P2M_H

#include "lib/types.h"

#define P2M_CHUNKS_MAX 32768u /* 64 GiB */
#define P2M_NONE 0xffffffffu

struct p2m {
	u32 *pages[P2M_CHUNKS_MAX / 1024]; /* 1024 entries each: machine chunk number or P2M_NONE */
	u32 chunks; /* guest chunks that exist or may exist: the size of guest-physical space */
};

int p2m_init(struct p2m *p2m, u64 bytes); /* -PV_ENOMEM, -PV_E2BIG */
void p2m_destroy(struct p2m *p2m); /* frees the tables, not the chunks */
void p2m_set(struct p2m *p2m, u32 guest_chunk, hpa_t chunk); /* chunk 0 clears */
/* Machine address of a guest-physical one, or 0 where there is no memory. */
hpa_t p2m_lookup(const struct p2m *p2m, gpa_t gpa);
u64 p2m_bytes(const struct p2m *p2m); /* memory the tables take */

#endif
