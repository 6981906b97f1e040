/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record ring: one a CPU, written by that CPU alone, so no lock and no wait. What has not been
 * sent when the ring is full is overwritten, oldest first; how many records that were is in the
 * frame that carries the next ones. What goes into them is in records.c. Sending has a lock, since
 * at the machine's end the first CPU sends all rings, and others may still be at theirs.
 */
#include "allocator/frames.h"
#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/records.h"
#include "trace/trace.h"

#define RECORDS_DEFAULT 4096u
#define RECORDS_MIN 16u
#define RECORDS_MAX 65536u
/*
 * A live ring is sent when so many records have come together: 4 KiB, for which a CPU needs about
 * 22,000 instructions and other CPUs may wait as long.
 */
#define LIVE_RECORDS 128u
#define FRAME_RECORDS_LIVE (2 * LIVE_RECORDS)
#define FRAME_RECORDS 1024u /* at the end, when nobody waits */

static struct trace_ring rings[PV_CPUS_MAX];
static u32 wanted_kinds, wanted_records;
static bool wanted_live;

void trace_init(u32 kinds, u32 records, bool is_live)
{
	wanted_kinds = kinds;
	wanted_live = is_live;
	wanted_records = records ? RECORDS_MIN : RECORDS_DEFAULT;
	while (wanted_records < records && wanted_records < RECORDS_MAX)
		wanted_records *= 2; /* so that segments of a live ring fit in whole */
}

/* Where the writer looks up next: at the end of the ring, or of a segment of it. */
static void set_stop(struct trace_ring *ring)
{
	ring->stop = ring->next +
		     (ring->is_live ? min(ring->capacity / 2, LIVE_RECORDS) : ring->capacity);
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
		struct trace_ring *ring = &rings[i];

		*ring = (struct trace_ring){
			.kinds = wanted_kinds,
			.cpu = i,
			.is_live = wanted_live,
			.records = (struct pv_trace_record *)memory + (u64)i * wanted_records,
			.capacity = wanted_records,
		};
		ring->next = ring->records;
		set_stop(ring);
		cpus[i].ring = ring;
	}
}

void trace_ring_turn(struct trace_ring *ring)
{
	if (ring->next == ring->records + ring->capacity) {
		ring->next = ring->records;
		ring->turns += ring->capacity;
	}
	set_stop(ring);
	/* Sent before this CPU's next entry; if it has no vCPU, on the scheduler's way. */
	if (ring->is_live && cpus[ring->cpu].current)
		vcpu_attend(cpus[ring->cpu].current, ATTENTION_TRACE);
}

static bool send_locked(struct trace_ring *ring, u64 max)
{
	u64 end = ring->turns + (u64)(ring->next - ring->records), start, count;
	struct pv_frame_trace head = { .cpu = ring->cpu };

	if (end - ring->sent > ring->capacity) {
		ring->lost += end - ring->sent - ring->capacity;
		ring->sent = end - ring->capacity;
	}
	if (end == ring->sent)
		return false;
	start = ring->sent % ring->capacity;
	count = min(end - ring->sent, max);
	count = min(count, ring->capacity - start);
	head.records = (u32)count;
	head.lost = ring->lost;
	channel_send_two(PV_FRAME_TRACE, &head, sizeof(head), &ring->records[start],
			 (u32)(count * sizeof(struct pv_trace_record)));
	ring->sent += count;
	return ring->sent != end;
}

/* One frame of at most `max` records; true: more wait. */
static bool send(struct trace_ring *ring, u64 max)
{
	bool more;

	spin_lock(&ring->sending);
	more = send_locked(ring, max);
	spin_unlock(&ring->sending);
	return more;
}

bool trace_drain(struct trace_ring *ring)
{
	return ring && ring->is_live && send(ring, FRAME_RECORDS_LIVE);
}

void trace_flush(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		while (cpus[i].ring && send(cpus[i].ring, FRAME_RECORDS))
			;
}
