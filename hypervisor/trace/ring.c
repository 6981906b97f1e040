/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record ring: one a CPU, written by that CPU alone, so no lock and no wait. The oldest records
 * are overwritten when it is full; how many is in the frame that carries the rest.
 */
#include "allocator/frames.h"
#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

#define RECORDS_DEFAULT 4096u
#define RECORDS_MIN 16u
#define RECORDS_MAX 65536u
#define FRAME_RECORDS 1024u /* of one TRACE frame */

static struct trace_ring rings[PV_CPUS_MAX];
static u32 wanted_kinds, wanted_records;

void trace_init(u32 kinds, u32 records)
{
	wanted_kinds = kinds;
	wanted_records = records ? RECORDS_MIN : RECORDS_DEFAULT;
	while (wanted_records < records && wanted_records < RECORDS_MAX)
		wanted_records *= 2; /* a power of two, so that the ring wraps by masking */
}

void trace_rings_create(void)
{
	u64 bytes = ALIGN_UP((u64)cpu_count * wanted_records * sizeof(struct pv_trace_record),
			     CHUNK_SIZE);
	hpa_t memory;

	if (!wanted_kinds)
		return;
	memory = chunk_alloc_run((u32)(bytes >> CHUNK_SHIFT), 1);
	if (!memory) {
		log_line("no memory for trace rings of %u records: tracing is off", wanted_records);
		return;
	}
	paging_map(memory, bytes, MAP_W);
	for (u32 i = 0; i < cpu_count; i++) {
		rings[i].mask = wanted_records * sizeof(struct pv_trace_record) - 1;
		rings[i].kinds = wanted_kinds;
		rings[i].records = (struct pv_trace_record *)memory + (u64)i * wanted_records;
		cpus[i].ring = &rings[i];
	}
}

/*
 * The last eight bytes of a record are made as one word: kind, vCPU, code, domain, raw from the low
 * end (struct pv_trace_record). The TSC is stored as its two halves. Both keep a traced call cheap.
 */
static inline void record(struct trace_ring *ring, const struct vcpu *v, u8 kind, u64 rip, u64 code,
			  u64 arg, u64 raw)
{
	struct record_words {
		u32 tsc_low, tsc_high;
		u64 rip, arg, last;
	} * r;

	_Static_assert(sizeof(*r) == sizeof(struct pv_trace_record), "one layout");
	if (!(ring->kinds & BIT(kind)))
		return;
	r = (void *)((char *)ring->records + (ring->head & ring->mask));
	ring->head += sizeof(*r);
	__asm__ volatile("rdtsc" : "=a"(r->tsc_low), "=d"(r->tsc_high));
	r->rip = rip;
	r->arg = arg;
	r->last = v->trace_word | kind | (u32)(u16)code << 16 | raw << 48;
}

u64 trace_word(unsigned domain, unsigned vcpu)
{
	return (u64)domain << 32 | (u64)vcpu << 8;
}

void trace_exit(const struct vcpu *v, const struct vmexit *exit)
{
	record(v->ring, v, PV_KIND_EXIT, exit->rip, exit->code.exit, exit->qualification,
	       exit->code.raw);
}

void trace_call(const struct vcpu *v, const struct vmexit *exit)
{
	s64 result = (s64)v->gpr[RAX];

	record(v->ring, v, PV_KIND_CALL, exit->rip, exit->qualification, v->gpr[RDI], (u64)result);
	if (unlikely(result != (int16_t)result))
		record(v->ring, v, PV_KIND_RESULT, exit->rip, exit->qualification, (u64)result, 0);
}

void trace_inject(struct trace_ring *ring, const struct vcpu *v, unsigned vector, u32 error)
{
	record(ring, v, PV_KIND_INJECT, 0, vector, error, 0);
}

void trace_sched(struct trace_ring *ring, const struct vcpu *v, unsigned what)
{
	record(ring, v, PV_KIND_SCHED, 0, what, v->cpu->index, 0);
}

void trace_domain(struct trace_ring *ring, const struct vcpu *v, unsigned what)
{
	record(ring, v, PV_KIND_DOMAIN, 0, what, v->domain->end.how, 0);
}

void trace_mark(struct trace_ring *ring, const struct vcpu *v, u64 id)
{
	record(ring, v, PV_KIND_MARK, 0, 0, id, 0);
}

void trace_flush(void)
{
	const u64 each = sizeof(struct pv_trace_record);

	for (u32 i = 0; i < cpu_count; i++) {
		struct trace_ring *ring = cpus[i].ring;
		u64 capacity, end, lost;

		if (!ring)
			continue;
		capacity = (ring->mask + 1) / each;
		end = ring->head / each;
		lost = end > capacity ? end - capacity : 0;
		for (u64 at = lost; at < end;) {
			u64 start = at % capacity, run = min(end - at, capacity - start);
			u64 count = min(run, (u64)FRAME_RECORDS);
			struct pv_frame_trace head = { .cpu = i,
						       .records = (u32)count,
						       .lost = lost };

			channel_send_two(PV_FRAME_TRACE, &head, sizeof(head), &ring->records[start],
					 (u32)(count * each));
			at += count;
		}
	}
}
