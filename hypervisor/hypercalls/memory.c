/* SPDX-License-Identifier: BSD-2-Clause */
/* Group 30, memory: MEM_LAYOUT, MEM_RELEASE, MEM_CLAIM. Arguments and errors: pv-abi/abi.toml. */
#include "allocator/copy.h"
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"

#define CHUNKS_MAX 64u
#define CLAIM_MIN 4u /* of one call, whatever the time */
#define MEM_RAM 1u /* type, as in an e820 map */

s64 hypercall_mem_layout(struct vcpu *v)
{
	struct domain *d = v->domain;
	gpa_t into = v->gpr[RDI];
	struct pv_mem_range range = { .type = MEM_RAM };
	u32 chunks = (u32)(d->memory_bytes >> CHUNK_SHIFT);
	s64 count = 0;

	if (into & (PAGE_SIZE - 1))
		return -PV_EINVAL;
	if (!p2m_lookup(&d->p2m, into))
		return -PV_EFAULT;
	for (u32 i = 0; i <= chunks; i++) {
		gpa_t at = (gpa_t)i << CHUNK_SHIFT;

		if (i < chunks && p2m_lookup(&d->p2m, at)) {
			if (!range.bytes)
				range.start = at;
			range.bytes += CHUNK_SIZE;
		} else if (range.bytes) {
			if ((u64)(count + 1) * sizeof(range) > PAGE_SIZE)
				break;
			guest_write(&d->p2m, into + (u64)count * sizeof(range), &range,
				    sizeof(range));
			range.bytes = 0;
			count++;
		}
	}
	return count;
}

static bool is_chunk_range(gpa_t start, u64 chunks)
{
	return !(start & (CHUNK_SIZE - 1)) && chunks && chunks <= CHUNKS_MAX;
}

/* The first chunk holds the boot pages, the start-info page among them: it stays. */
static bool chunk_release(struct vcpu *v, gpa_t at)
{
	struct domain *d = v->domain;
	hpa_t chunk = p2m_lookup(&d->p2m, at);
	bool done = false;

	spin_lock(&d->memory_lock);
	if (chunk && at && !area_in_chunk(d, at) && !hap_map(&d->hap, at, 0, CHUNK_SIZE, 0)) {
		p2m_set(&d->p2m, (u32)(at >> CHUNK_SHIFT), 0);
		done = true;
	}
	spin_unlock(&d->memory_lock);
	if (!done)
		return false;
	for (u32 i = 0; i < d->vcpu_count; i++)
		vcpu_attend(d->vcpus[i], ATTENTION_FLUSH_ALL);
	vcpu_flush_pending(v);
	chunk_free(chunk);
	return true;
}

/*
 * The chunk leaves the tables first and every vCPU's cached translations next; only then may
 * another domain have it. Limit: memory is released only while no other vCPU of the domain runs
 * (else -EBUSY, and the guest tries again), so that nobody is half-way through a copy of it.
 */
s64 hypercall_mem_release(struct vcpu *v)
{
	struct domain *d = v->domain;
	gpa_t start = v->gpr[RDI];
	u64 chunks = v->gpr[RSI], done = 0;

	if (!is_chunk_range(start, chunks))
		return -PV_EINVAL;
	if (!p2m_lookup(&d->p2m, start))
		return -PV_EFAULT;
	if (!sched_freeze_others(v))
		return -PV_EBUSY;
	for (gpa_t at = start; done < chunks; at += CHUNK_SIZE, done++)
		if (!chunk_release(v, at))
			break;
	sched_thaw(d);
	return done ? (s64)done : -PV_EBUSY;
}

/* Whatever was there belongs to somebody else: cleared before anybody can reach it. */
static void chunk_clear(hpa_t chunk)
{
	for (hpa_t page = chunk; page < chunk + CHUNK_SIZE; page += PAGE_SIZE)
		memset(window_map(this_cpu(), 0, page), 0, PAGE_SIZE);
	window_unmap(this_cpu(), 0);
}

/* 0, -PV_EEXIST, -PV_ENOMEM. The lock is held for the tables alone: others wait for it. */
static s64 chunk_claim(struct domain *d, gpa_t at)
{
	hpa_t chunk;
	s64 result = -PV_EEXIST;

	if (p2m_lookup(&d->p2m, at))
		return -PV_EEXIST;
	chunk = chunk_alloc();
	if (!chunk)
		return -PV_ENOMEM;
	chunk_clear(chunk);
	spin_lock(&d->memory_lock);
	if (!p2m_lookup(&d->p2m, at))
		result = hap_map(&d->hap, at, chunk, CHUNK_SIZE, HAP_RWX) ? -PV_ENOMEM : 0;
	if (!result)
		p2m_set(&d->p2m, (u32)(at >> CHUNK_SHIFT), chunk);
	spin_unlock(&d->memory_lock);
	if (result)
		chunk_free(chunk);
	return result;
}

s64 hypercall_mem_claim(struct vcpu *v)
{
	struct domain *d = v->domain;
	gpa_t start = v->gpr[RDI];
	u64 chunks = v->gpr[RSI], done = 0;
	s64 result = 0;

	if (!is_chunk_range(start, chunks) || start >= d->memory_bytes)
		return -PV_EINVAL;
	for (gpa_t at = start; done < chunks && at < d->memory_bytes; at += CHUNK_SIZE, done++) {
		/*
		 * Clearing takes time: at the end of the slice the rest is left for another call.
		 */
		if (done >= CLAIM_MIN && rdtsc() >= v->cpu->due)
			break;
		result = chunk_claim(d, at);
		if (result)
			break;
	}
	return done ? (s64)done : result;
}
