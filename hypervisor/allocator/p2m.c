/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical map of a domain. Filled when the domain is built, read by the copy functions
 * and by whoever builds EPT/NPT. No lock: writers own the domain, and readers see whole entries. An
 * entry is a chunk of machine RAM that belongs to this domain and to no other.
 */
#include "allocator/frames.h"
#include "allocator/p2m.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "pv_abi.h"

#define ENTRIES_PER_PAGE 1024u

static u32 page_count(const struct p2m *p2m)
{
	return (p2m->chunks + ENTRIES_PER_PAGE - 1) / ENTRIES_PER_PAGE;
}

int p2m_init(struct p2m *p2m, u64 bytes)
{
	u64 chunks = (bytes >> CHUNK_SHIFT) + !!(bytes & (CHUNK_SIZE - 1));

	memset(p2m, 0, sizeof(*p2m));
	if (chunks > P2M_CHUNKS_MAX)
		return -PV_E2BIG;
	p2m->chunks = (u32)chunks;
	for (u32 i = 0; i < page_count(p2m); i++) {
		p2m->pages[i] = frame_alloc();
		if (!p2m->pages[i]) {
			p2m_destroy(p2m);
			return -PV_ENOMEM;
		}
		memset(p2m->pages[i], 0xff, PAGE_SIZE); /* P2M_NONE */
	}
	return 0;
}

void p2m_destroy(struct p2m *p2m)
{
	for (u32 i = 0; i < page_count(p2m); i++)
		frame_free(p2m->pages[i]);
	memset(p2m, 0, sizeof(*p2m));
}

void p2m_set(struct p2m *p2m, u32 guest_chunk, hpa_t chunk)
{
	BUG_ON(guest_chunk >= p2m->chunks || chunk & (CHUNK_SIZE - 1));
	BUG_ON(chunk >> CHUNK_SHIFT >= P2M_NONE);
	p2m->pages[guest_chunk / ENTRIES_PER_PAGE][guest_chunk % ENTRIES_PER_PAGE] =
		chunk ? (u32)(chunk >> CHUNK_SHIFT) : P2M_NONE;
}

hpa_t p2m_lookup(const struct p2m *p2m, gpa_t gpa)
{
	u64 guest_chunk = gpa >> CHUNK_SHIFT;
	u32 chunk;

	if (guest_chunk >= p2m->chunks)
		return 0;
	chunk = p2m->pages[guest_chunk / ENTRIES_PER_PAGE][guest_chunk % ENTRIES_PER_PAGE];
	if (chunk == P2M_NONE)
		return 0;
	return (hpa_t)chunk << CHUNK_SHIFT | (gpa & (CHUNK_SIZE - 1));
}

u64 p2m_bytes(const struct p2m *p2m)
{
	return page_count(p2m) * PAGE_SIZE;
}
