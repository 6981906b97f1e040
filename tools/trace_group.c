// SPDX-License-Identifier: BSD-2-Clause
/*
 * From records to entries; see trace.h. Records of one CPU come in order: those that complete
 * another one directly behind it, members of a batch before the call that ran it. What has lost its
 * other half, because that was overwritten in the ring, stays an entry of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "trace.h"

/* Does a record of this kind belong to the entry before it? */
static bool completes(const struct trace_entry *entry, const struct pv_trace_record *r)
{
	bool is_call = entry->record.kind == PV_KIND_CALL || entry->record.kind == PV_KIND_MEMBER;

	if (entry->record.who != r->who || entry->record.code != r->code)
		return false;
	switch (r->kind) {
	case PV_KIND_RESULT:
		return is_call;
	case PV_KIND_ARGS:
		return is_call && r->raw >= 1 && r->raw < TRACE_ARGS_MAX;
	case PV_KIND_DETAIL:
		return entry->record.kind == PV_KIND_EXIT;
	case PV_KIND_TICKS:
		return entry->record.ticks == PV_TRACE_TICKS_LONG;
	default:
		return false;
	}
}

static void complete(struct trace_entry *entry, const struct pv_trace_record *r)
{
	switch (r->kind) {
	case PV_KIND_RESULT:
		entry->result = (int64_t)r->arg;
		break;
	case PV_KIND_ARGS:
		entry->args[r->raw] = r->rip;
		if (r->raw + 1u < TRACE_ARGS_MAX)
			entry->args[r->raw + 1] = r->arg;
		break;
	case PV_KIND_DETAIL:
		entry->detail.what = r->rip;
		entry->detail.value = r->arg;
		entry->detail.flags = r->raw;
		entry->detail.is_there = true;
		break;
	default:
		entry->ticks = r->arg;
		entry->start = entry->group = entry->record.tsc - r->arg;
	}
}

/* The members since the last kick of that CPU are this kick's. */
static void adopt_members(struct trace *trace, size_t kick, uint32_t cpu)
{
	struct trace_entry *parent = &trace->entries[kick];
	size_t i;

	for (i = trace->first_member[cpu]; i && i - 1 < kick; i++) {
		struct trace_entry *entry = &trace->entries[i - 1];

		if (entry->record.kind != PV_KIND_MEMBER || entry->cpu != cpu ||
		    entry->record.who != parent->record.who || entry->start < parent->start)
			continue;
		entry->group = parent->start;
		entry->has_kick = true;
	}
	trace->first_member[cpu] = 0;
}

static struct trace_entry *append(struct trace *trace)
{
	trace->entries =
		xgrow(trace->entries, trace->count, &trace->capacity, sizeof(*trace->entries));
	return &trace->entries[trace->count++];
}

static void new_entry(struct trace *trace, uint32_t cpu, const struct pv_trace_record *r)
{
	struct trace_entry *entry = append(trace);

	memset(entry, 0, sizeof(*entry));
	entry->record = *r;
	entry->cpu = (uint8_t)cpu;
	if (trace_has_ticks(entry))
		entry->ticks = r->ticks;
	if (r->kind == PV_KIND_CALL || r->kind == PV_KIND_MEMBER) {
		entry->args[0] = r->arg;
		entry->result = (int16_t)r->raw;
	}
	entry->start = entry->group = r->tsc - entry->ticks;
}

void trace_group_add(struct trace *trace, uint32_t cpu, const struct pv_trace_record *record)
{
	size_t last = trace->last[cpu];

	if (last && completes(&trace->entries[last - 1], record)) {
		complete(&trace->entries[last - 1], record);
		/* Only now it is known when the kick began. */
		if (record->kind == PV_KIND_TICKS && trace->first_member[cpu] &&
		    trace->entries[last - 1].record.kind == PV_KIND_CALL)
			adopt_members(trace, last - 1, cpu);
		return;
	}
	new_entry(trace, cpu, record);
	trace->last[cpu] = trace->count;
	if (record->kind == PV_KIND_MEMBER && !trace->first_member[cpu])
		trace->first_member[cpu] = trace->count;
	if (record->kind == PV_KIND_CALL && trace->first_member[cpu] &&
	    record->ticks != PV_TRACE_TICKS_LONG)
		adopt_members(trace, trace->count - 1, cpu);
}
