// SPDX-License-Identifier: BSD-2-Clause
/*
 * Collects the counters that a run reports, and answers questions about them; see stats.h. Nothing
 * is trusted: a row that does not fit its frame makes the frame malformed, and a number that no
 * generated table knows keeps its number (#n), because a trace of a newer hypervisor is still a
 * trace.
 */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv_names.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const space_names[] = {
	[PV_STATS_EXIT] = "exit",
	[PV_STATS_CALL] = "call",
	[PV_STATS_BATCH] = "batch",
	[PV_STATS_EVENT] = "event",
};

void stats_init(struct stats *s)
{
	memset(s, 0, sizeof(*s));
}

void stats_free(struct stats *s)
{
	size_t i;

	for (i = 0; i < s->snapshot_count; i++)
		free(s->snapshots[i].rows);
	free(s->snapshots);
	stats_init(s);
}

static bool take_snapshot(struct stats *s, const uint8_t *payload, uint32_t length)
{
	struct stats_snapshot new;
	size_t bytes;

	if (length < sizeof(new.head))
		return false;
	memcpy(&new.head, payload, sizeof(new.head));
	bytes = length - sizeof(new.head);
	if (new.head.domain >= s->domain_count || new.head.vcpu >= PV_VCPUS_MAX)
		return false;
	if (bytes != (size_t) new.head.rows * sizeof(*new.rows))
		return false;
	new.rows = xmalloc(bytes ? bytes : 1);
	memcpy(new.rows, payload + sizeof(new.head), bytes);
	s->snapshots = xrealloc(s->snapshots, (s->snapshot_count + 1) * sizeof(*s->snapshots));
	s->snapshots[s->snapshot_count++] = new;
	return true;
}

static bool take_domain_end(struct stats *s, const uint8_t *payload, uint32_t length)
{
	struct pv_frame_domain_end end;

	if (length != sizeof(end))
		return false;
	memcpy(&end, payload, sizeof(end));
	if (end.domain >= s->domain_count || end.how > PV_END_KILLED)
		return false;
	end.why[sizeof(end.why) - 1] = 0;
	s->domains[end.domain].end = end;
	s->domains[end.domain].has_ended = true;
	return true;
}

static bool take(struct stats *s, uint16_t type, const uint8_t *payload, uint32_t length)
{
	switch (type) {
	case PV_FRAME_STATS:
		return take_snapshot(s, payload, length);
	case PV_FRAME_DOMAIN_END:
		return take_domain_end(s, payload, length);
	case PV_FRAME_HELLO:
		if (length != sizeof(s->hello))
			return false;
		memcpy(&s->hello, payload, sizeof(s->hello));
		s->hello.backend[sizeof(s->hello.backend) - 1] = 0;
		s->hello.build[sizeof(s->hello.build) - 1] = 0;
		s->has_hello = true;
		return true;
	case PV_FRAME_MACHINE_END:
		if (length != sizeof(s->machine_end))
			return false;
		memcpy(&s->machine_end, payload, sizeof(s->machine_end));
		s->machine_end.why[sizeof(s->machine_end.why) - 1] = 0;
		s->has_machine_end = true;
		return true;
	default:
		return true;
	}
}

void stats_frame(struct stats *s, const struct pv_frame_header *header, const uint8_t *payload)
{
	if (!take(s, header->type, payload, header->length))
		s->malformed++;
}

/*
 * A mark is one snapshot a vCPU, all with the same id. Frames of other domains may stand between
 * them; the same vCPU again, or another id, is the next mark.
 */
bool stats_next_mark(const struct stats *s, uint32_t domain, size_t *at, struct stats_mark *mark)
{
	uint32_t seen = 0;
	size_t i;

	for (i = *at; i < s->snapshot_count; i++) {
		const struct pv_frame_stats *head = &s->snapshots[i].head;

		if (head->domain != domain || head->why != PV_STATS_MARK)
			continue;
		if (seen && (head->mark != mark->id || (seen & 1u << head->vcpu)))
			break;
		if (!seen)
			*mark = (struct stats_mark){ head->mark, head->tsc, i, 0 };
		seen |= 1u << head->vcpu;
	}
	*at = i;
	mark->end = i;
	return seen != 0;
}

static void add_row(struct stats_sum *sums, size_t *n, const struct pv_stats_row *row)
{
	size_t i;

	for (i = 0; i < *n; i++) {
		if (sums[i].space == row->space && sums[i].code == row->code)
			break;
	}
	if (i == STATS_SUMS_MAX)
		return;
	if (i == *n) {
		sums[i] = (struct stats_sum){ .space = row->space, .code = row->code };
		(*n)++;
	}
	sums[i].count += row->count;
	sums[i].ticks += row->ticks;
	if (row->max_ticks > sums[i].max_ticks)
		sums[i].max_ticks = row->max_ticks;
}

size_t stats_sum(const struct stats *s, uint32_t domain, const struct stats_mark *mark,
		 struct stats_sum sums[STATS_SUMS_MAX])
{
	uint32_t why = mark ? PV_STATS_MARK : PV_STATS_END;
	size_t end = mark ? mark->end : s->snapshot_count;
	size_t n = 0, i;
	uint32_t r;

	for (i = mark ? mark->first : 0; i < end; i++) {
		const struct stats_snapshot *snapshot = &s->snapshots[i];

		if (snapshot->head.domain != domain || snapshot->head.why != why)
			continue;
		for (r = 0; r < snapshot->head.rows; r++)
			add_row(sums, &n, &snapshot->rows[r]);
	}
	return n;
}

uint64_t stats_count(const struct stats_sum *sums, size_t n, uint16_t space, uint16_t code)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (sums[i].space == space && sums[i].code == code)
			return sums[i].count;
	}
	return 0;
}

size_t stats_subtract(struct stats_sum *after, size_t after_count, const struct stats_sum *before,
		      size_t before_count)
{
	size_t i, k;

	for (i = 0; i < before_count; i++) {
		for (k = 0; k < after_count; k++) {
			if (after[k].space != before[i].space || after[k].code != before[i].code)
				continue;
			after[k].count -= before[i].count;
			after[k].ticks -= before[i].ticks;
			break;
		}
	}
	return after_count;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *table_name(const char *const *table, size_t size, unsigned int n, char *buffer)
{
	if (n < size && table[n])
		return table[n];
	snprintf(buffer, 16, "#%u", n);
	return buffer;
}

const char *stats_name(uint16_t space, uint16_t code, char buffer[16])
{
	switch (space) {
	case PV_STATS_EXIT:
		return table_name(pv_exit_names, COUNT(pv_exit_names), code, buffer);
	case PV_STATS_CALL:
	case PV_STATS_BATCH:
		return table_name(pv_call_names, COUNT(pv_call_names), code, buffer);
	case PV_STATS_EVENT:
		return table_name(pv_event_names, COUNT(pv_event_names), code, buffer);
	default:
		return table_name(NULL, 0, code, buffer);
	}
}

const char *stats_space_name(uint16_t space, char buffer[16])
{
	return table_name(space_names, COUNT(space_names), space, buffer);
}

const char *stats_class_name(uint16_t space, uint16_t code, char buffer[16])
{
	if (space != PV_STATS_EXIT)
		return stats_space_name(space, buffer);
	if (code >= COUNT(pv_exit_class))
		return "unknown";
	return table_name(pv_class_names, COUNT(pv_class_names), pv_exit_class[code], buffer);
}

const char *stats_shutdown_name(uint32_t reason, char buffer[16])
{
	return table_name(pv_shutdown_names, COUNT(pv_shutdown_names), reason, buffer);
}

int stats_code(uint16_t space, const char *name)
{
	const char *const *table = space == PV_STATS_EXIT ? pv_exit_names : pv_call_names;
	size_t size = space == PV_STATS_EXIT ? COUNT(pv_exit_names) : COUNT(pv_call_names);
	size_t i;

	for (i = 0; i < size; i++) {
		if (table[i] && !strcmp(table[i], name))
			return (int)i;
	}
	return -1;
}

/* ---- ends and comparison --------------------------------------------------------------------- */

void stats_end_text(const struct stats_domain *domain, char *text, size_t size)
{
	const struct pv_frame_domain_end *end = &domain->end;
	char buffer[16];

	if (!domain->has_ended)
		snprintf(text, size, "still running");
	else if (end->how == PV_END_KILLED)
		snprintf(text, size, "killed: %s", end->why);
	else
		snprintf(text, size, "shutdown %s, status %u",
			 stats_shutdown_name(end->reason, buffer), end->status);
}

bool stats_ended_well(const struct stats_domain *domain)
{
	return domain->has_ended && domain->end.how == PV_END_SHUTDOWN &&
	       domain->end.reason == PV_SHUTDOWN_POWEROFF && domain->end.status == 0;
}

static bool snapshot_equal(const struct stats_snapshot *a, const struct stats_snapshot *b,
			   const char *domain, char *difference, size_t size)
{
	char space[16], name[16], other[16];
	uint32_t r;

	if (a->head.domain != b->head.domain || a->head.vcpu != b->head.vcpu ||
	    a->head.why != b->head.why || a->head.mark != b->head.mark) {
		snprintf(difference, size, "the snapshots come in another order");
		return false;
	}
	for (r = 0; r < a->head.rows && r < b->head.rows; r++) {
		const struct pv_stats_row *x = &a->rows[r], *y = &b->rows[r];

		if (!memcmp(x, y, sizeof(*x)))
			continue;
		snprintf(difference, size,
			 "%s vcpu %u: %s %s: count %llu, ticks %llu, then %s: %llu, %llu", domain,
			 a->head.vcpu, stats_class_name(x->space, x->code, space),
			 stats_name(x->space, x->code, name), (unsigned long long)x->count,
			 (unsigned long long)x->ticks, stats_name(y->space, y->code, other),
			 (unsigned long long)y->count, (unsigned long long)y->ticks);
		return false;
	}
	if (a->head.rows != b->head.rows) {
		snprintf(difference, size, "%s vcpu %u: %u counters, then %u", domain, a->head.vcpu,
			 a->head.rows, b->head.rows);
		return false;
	}
	return true;
}

bool stats_equal(const struct stats *a, const struct stats *b, char *difference, size_t size)
{
	size_t i;

	for (i = 0; i < a->snapshot_count && i < b->snapshot_count; i++) {
		const struct stats_snapshot *x = &a->snapshots[i];

		if (!snapshot_equal(x, &b->snapshots[i], a->domains[x->head.domain].name,
				    difference, size))
			return false;
	}
	if (a->snapshot_count != b->snapshot_count) {
		snprintf(difference, size, "%zu snapshots, then %zu", a->snapshot_count,
			 b->snapshot_count);
		return false;
	}
	return true;
}
