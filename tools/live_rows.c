// SPDX-License-Identifier: BSD-2-Clause
/*
 * From the bytes of a vCPU's frame to its counters; see live_memory.h. The tag says where what lies
 * and is believed only where that is within the frame. The rows are those of trace/stats.c.
 */
#include <string.h>

#include "live_memory.h"

static bool lies_within(unsigned int offset, unsigned int count, size_t each)
{
	return offset % 8 == 0 && offset + count * each <= PV_LIVE_FRAME - sizeof(struct pv_live);
}

bool live_tag_fits(const uint8_t frame[PV_LIVE_FRAME], const uint64_t key[2], struct pv_live *tag)
{
	memcpy(tag, frame + PV_LIVE_FRAME - sizeof(*tag), sizeof(*tag));
	return tag->magic == PV_LIVE_MAGIC && !memcmp(tag->key, key, sizeof(tag->key)) &&
	       tag->version == PV_LIVE_VERSION && tag->domain < PV_BUNDLE_DOMAINS_MAX &&
	       tag->vcpu < PV_VCPUS_MAX && tag->calls <= PV_LIVE_CALLS_MAX &&
	       tag->exits + tag->events < 256 &&
	       lies_within(tag->exits_offset, tag->exits, sizeof(struct pv_live_counter)) &&
	       lies_within(tag->calls_offset, tag->calls, sizeof(struct pv_live_counter)) &&
	       lies_within(tag->members_offset, tag->calls, 8) &&
	       lies_within(tag->events_offset, tag->events, 8) &&
	       lies_within(tag->seen_offset, 1, 8) && lies_within(tag->since_offset, 1, 8) &&
	       lies_within(tag->times_offset, 4, 8) && tag->state_offset % 4 == 0 &&
	       tag->state_offset < PV_LIVE_FRAME - sizeof(*tag);
}

static struct pv_live_counter counter_at(const uint8_t *frame, unsigned int offset, unsigned int n)
{
	struct pv_live_counter counter;

	memcpy(&counter, frame + offset + n * sizeof(counter), sizeof(counter));
	return counter;
}

static struct pv_live_counter number_at(const uint8_t *frame, unsigned int offset, unsigned int n)
{
	struct pv_live_counter counter = { 0 };

	memcpy(&counter.count, frame + offset + n * sizeof(counter.count), sizeof(counter.count));
	return counter;
}

struct rows {
	struct pv_stats_row *row;
	uint32_t count;
};

static void add(struct rows *rows, uint16_t space, unsigned int code, struct pv_live_counter c)
{
	if (c.count)
		rows->row[rows->count++] = (struct pv_stats_row){ .space = space,
								  .code = (uint16_t)code,
								  .count = c.count,
								  .ticks = c.ticks,
								  .max_ticks = c.max_ticks };
}

/* The calls are counted one by one; the exits that brought them are their sum. */
static struct pv_live_counter hypercall_exits(const uint8_t *frame, const struct pv_live *tag)
{
	struct pv_live_counter sum = { 0 };

	if (tag->exits > PV_EXIT_HYPERCALL)
		sum = counter_at(frame, tag->exits_offset, PV_EXIT_HYPERCALL);
	for (unsigned int i = 0; i < tag->calls; i++) {
		struct pv_live_counter call = counter_at(frame, tag->calls_offset, i);

		sum.count += call.count;
		sum.ticks += call.ticks;
		if (call.max_ticks > sum.max_ticks)
			sum.max_ticks = call.max_ticks;
	}
	return sum;
}

uint32_t live_rows(const uint8_t frame[PV_LIVE_FRAME], const struct pv_live *tag,
		   struct pv_stats_row rows[LIVE_ROWS_MAX])
{
	struct rows out = { rows, 0 };
	unsigned int i;

	add(&out, PV_STATS_EXIT, PV_EXIT_HYPERCALL, hypercall_exits(frame, tag));
	for (i = 0; i < tag->exits; i++)
		if (i != PV_EXIT_HYPERCALL)
			add(&out, PV_STATS_EXIT, i, counter_at(frame, tag->exits_offset, i));
	for (i = 0; i < tag->calls; i++)
		add(&out, PV_STATS_CALL, tag->call_number[i],
		    counter_at(frame, tag->calls_offset, i));
	for (i = 0; i < tag->calls; i++)
		add(&out, PV_STATS_BATCH, tag->call_number[i],
		    number_at(frame, tag->members_offset, i));
	for (i = 0; i < tag->events; i++)
		add(&out, PV_STATS_EVENT, i, number_at(frame, tag->events_offset, i));
	return out.count;
}
