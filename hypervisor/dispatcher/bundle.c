/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle comes from outside: a boot medium may be truncated or made by another version. After
 * this check every offset, count and size in it can be used as it stands.
 */
#include "dispatcher/bundle.h"
#include "lib/canonical.h"
#include "lib/lib.h"

/* [offset, offset + count * each) within bytes, without overflow, 8-byte aligned. */
static bool table_fits(u64 offset, u64 count, u64 each, u64 bytes)
{
	return !(offset & 7) && offset <= bytes && count <= (bytes - offset) / each;
}

static const char *domain_check(const struct pv_bundle_header *h, const struct pv_bundle_domain *d)
{
	if (!d->name[0] || d->name[sizeof(d->name) - 1])
		return "a domain has no name";
	if (d->mode != PV_MODE_FULL_HAP && d->mode != PV_MODE_PV_HAP)
		return "a domain wants a mode that this version does not have";
	if (!d->vcpus || d->vcpus > PV_VCPUS_MAX)
		return "a domain wants more vCPUs than there can be";
	if (!d->memory_bytes || d->memory_bytes & (CHUNK_SIZE - 1))
		return "a domain's memory is not a multiple of 2 MiB";
	/* The one register of the boot context that we load ourselves: WRMSR would fault on it. */
	if (!is_canonical(d->boot.kernel_gs_base))
		return "a domain's boot context has a kernel GS base that is no address";
	if (d->first_segment > h->segment_count ||
	    d->segment_count > h->segment_count - d->first_segment)
		return "a domain's segments lie outside the table";
	return NULL;
}

static const char *segment_check(const struct pv_bundle_segment *s, u64 memory, u64 bytes)
{
	if (s->offset > bytes || s->file_bytes > bytes - s->offset)
		return "a segment's bytes lie outside the bundle";
	if (s->file_bytes > s->mem_bytes || s->gpa > memory || s->mem_bytes > memory - s->gpa)
		return "a segment lies outside its domain's memory";
	if ((s->flags & PV_SEGMENT_READONLY) && ((s->gpa | s->mem_bytes) & (PAGE_SIZE - 1)))
		return "a read-only segment is not made of whole pages";
	return NULL;
}

static bool sum_matches(const struct pv_bundle_header *h)
{
	struct pv_bundle_sum sum = pv_bundle_sum(h + 1, h->size - sizeof(*h));

	return sum.words == h->sum[0] && sum.weighted == h->sum[1];
}

static const char *header_check(const struct pv_bundle_header *h, u64 bytes)
{
	if (bytes < sizeof(*h) || h->magic != PV_BUNDLE_MAGIC)
		return "there is no bundle";
	if (h->version != PV_BUNDLE_VERSION || h->header_size != sizeof(*h))
		return "the bundle is of another version";
	if (h->size < sizeof(*h) || h->size > bytes)
		return "the bundle is truncated";
	if (!h->domain_count || h->domain_count > PV_BUNDLE_DOMAINS_MAX ||
	    h->segment_count > PV_BUNDLE_SEGMENTS_MAX)
		return "the bundle has too many domains or segments, or no domain";
	if (!table_fits(h->domains_offset, h->domain_count, sizeof(struct pv_bundle_domain),
			h->size) ||
	    !table_fits(h->segments_offset, h->segment_count, sizeof(struct pv_bundle_segment),
			h->size))
		return "the bundle's tables lie outside it";
	if (!sum_matches(h))
		return "the bundle's checksum does not match";
	return NULL;
}

const char *bundle_check(const void *bundle, u64 bytes)
{
	const struct pv_bundle_header *h = bundle;
	const struct pv_bundle_domain *d;
	const struct pv_bundle_segment *s;
	const char *why = header_check(h, bytes);

	if (why)
		return why;
	d = (const void *)((const char *)bundle + h->domains_offset);
	s = (const void *)((const char *)bundle + h->segments_offset);
	for (u32 i = 0; i < h->domain_count; i++, d++) {
		why = domain_check(h, d);
		for (u32 n = 0; !why && n < d->segment_count; n++)
			why = segment_check(&s[d->first_segment + n], d->memory_bytes, h->size);
		if (why)
			return why;
	}
	return NULL;
}
