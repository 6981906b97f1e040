/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a domain: taken when it is built, filled from the bundle's segments, given back at
 * its end. A restart brings back the layout of the start, chunk by chunk. The bundle stays where
 * the boot loader put it, mapped and given to nobody, as long as the machine runs.
 */
#include "allocator/copy.h"
#include "allocator/frames.h"
#include "dispatcher/dispatcher.h"
#include "lib/lib.h"
#include "machine/machine.h"

/* Whole GiB of memory come in one piece where there is one, so that one large leaf can map them. */
static hpa_t chunks_take(const struct domain *d, gpa_t at, u64 *bytes)
{
	hpa_t start = 0;

	*bytes = HUGE_SIZE;
	if (d->hap.has_huge && !(at & (HUGE_SIZE - 1)) && d->memory_bytes - at >= HUGE_SIZE)
		start = chunk_alloc_run(HUGE_SIZE / CHUNK_SIZE, HUGE_SIZE / CHUNK_SIZE);
	if (start)
		return start;
	*bytes = CHUNK_SIZE;
	start = chunk_alloc();
	if (!start)
		panic("domain %s: out of memory after %llu of %llu MiB", d->name,
		      (unsigned long long)at >> 20, (unsigned long long)d->memory_bytes >> 20);
	return start;
}

/* What of a segment lies in the chunk at `at`. */
static int segment_load(struct domain *d, const struct pv_bundle_segment *s, gpa_t at)
{
	const char *bytes = (const char *)d->bundle + s->offset;
	gpa_t start = max(s->gpa, at), end = min(s->gpa + s->file_bytes, at + CHUNK_SIZE);

	if (start < end && guest_write(&d->p2m, start, bytes + (start - s->gpa), end - start))
		return -PV_EFAULT;
	if (!(s->flags & PV_SEGMENT_READONLY))
		return 0;
	end = min(s->gpa + s->mem_bytes, at + CHUNK_SIZE);
	for (; start < end; start += PAGE_SIZE)
		if (hap_map(&d->hap, start, p2m_lookup(&d->p2m, start), PAGE_SIZE, HAP_R))
			return -PV_ENOMEM;
	return 0;
}

/* A chunk that was released comes back; one in 4 KiB pages may have had other rights. */
static int chunk_restore(struct domain *d, gpa_t at)
{
	hpa_t chunk = p2m_lookup(&d->p2m, at);
	bool is_new = !chunk;
	int error = 0;
	u64 leaf;

	if (is_new)
		chunk = chunk_alloc();
	if (!chunk)
		return -PV_ENOMEM;
	if (!hap_lookup(&d->hap, at, &leaf) || leaf < CHUNK_SIZE)
		error = hap_map(&d->hap, at, chunk, CHUNK_SIZE, HAP_RWX);
	if (error && is_new)
		chunk_free(chunk);
	else if (is_new)
		p2m_set(&d->p2m, (u32)(at >> CHUNK_SHIFT), chunk);
	return error;
}

int domain_memory_fill(struct domain *d, gpa_t at)
{
	const struct pv_bundle_segment *s =
		(const void *)((const char *)d->bundle + d->bundle->segments_offset);
	int error = chunk_restore(d, at);

	/* Whatever was there belongs to somebody else: another domain, or the machine's past. */
	if (!error)
		error = guest_zero(&d->p2m, at, CHUNK_SIZE);
	s += d->from->first_segment;
	for (u32 i = 0; !error && i < d->from->segment_count; i++)
		error = segment_load(d, &s[i], at);
	return error;
}

void domain_memory_create(struct domain *d)
{
	u64 hw = backend->hw_features, bytes;

	if (p2m_init(&d->p2m, d->memory_bytes) ||
	    hap_init(&d->hap, backend->hap, hw & PV_HW_LARGE_PAGES, hw & PV_HW_HUGE_PAGES))
		panic("domain %s: no memory for its tables", d->name);
	for (gpa_t at = 0; at < d->memory_bytes; at += bytes) {
		hpa_t start = chunks_take(d, at, &bytes);

		for (u64 part = 0; part < bytes; part += CHUNK_SIZE)
			p2m_set(&d->p2m, (u32)((at + part) >> CHUNK_SHIFT), start + part);
		if (hap_map(&d->hap, at, start, bytes, HAP_RWX))
			panic("domain %s: no memory for its tables", d->name);
	}
	for (gpa_t at = 0; at < d->memory_bytes; at += CHUNK_SIZE)
		if (domain_memory_fill(d, at))
			panic("domain %s: no memory for its tables", d->name);
}

/*
 * Other domains' events may be on their way into an area: from the moment that the p2m is gone
 * their look-ups find nothing, and only then does the memory belong to nobody.
 */
void domain_memory_destroy(struct domain *d)
{
	u32 chunks = (u32)(d->memory_bytes >> CHUNK_SHIFT);
	static struct p2m gone; /* domains end one after the other: destroy_lock */
	static spinlock_t destroy_lock;

	spin_lock(&destroy_lock);
	spin_lock(&d->memory_lock);
	gone = d->p2m;
	memset(&d->p2m, 0, sizeof(d->p2m));
	spin_unlock(&d->memory_lock);
	for (u32 i = 0; i < chunks; i++)
		if (p2m_lookup(&gone, (gpa_t)i << CHUNK_SHIFT))
			chunk_free(p2m_lookup(&gone, (gpa_t)i << CHUNK_SHIFT));
	p2m_destroy(&gone);
	spin_unlock(&destroy_lock);
	hap_destroy(&d->hap);
}
