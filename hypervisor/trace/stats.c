/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of the counters. Each counter has one writer, the CPU that runs the vCPU, and is exact;
 * a snapshot of a vCPU that runs elsewhere is as of some moment during it.
 */
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "lib/lib.h"
#include "lib/spinlock.h"
#include "machine/machine.h"
#include "trace/trace.h"

#define ROWS_MAX (PV_EXIT_COUNT + 2 * HYPERCALL_ROWS + PV_EVENT_COUNT)

static spinlock_t lock;
static struct pv_stats_row rows[ROWS_MAX];
static u32 used;

static void row_add(u16 space, unsigned code, const struct counter *c)
{
	if (!c->count)
		return;
	rows[used++] = (struct pv_stats_row){ .space = space,
					      .code = (u16)code,
					      .count = c->count,
					      .ticks = c->ticks,
					      .max_ticks = c->max_ticks };
}

/* The calls are counted one by one; the exits that brought them are their sum. */
static struct counter hypercall_exits(const struct vcpu *v)
{
	struct counter sum = v->exits[PV_EXIT_HYPERCALL];

	for (unsigned i = 0; i < HYPERCALL_ROWS; i++) {
		sum.count += v->calls[i].count;
		sum.ticks += v->calls[i].ticks;
		sum.max_ticks = max(sum.max_ticks, v->calls[i].max_ticks);
	}
	return sum;
}

/* Fills rows[]; under lock. */
static void rows_fill(const struct vcpu *v)
{
	struct counter hypercalls = hypercall_exits(v);

	used = 0;
	row_add(PV_STATS_EXIT, PV_EXIT_HYPERCALL, &hypercalls);
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		if (i != PV_EXIT_HYPERCALL)
			row_add(PV_STATS_EXIT, i, &v->exits[i]);
	for (unsigned i = 0; i < HYPERCALL_ROWS; i++)
		row_add(PV_STATS_CALL, hypercall_number(i), &v->calls[i]);
	for (unsigned i = 0; i < HYPERCALL_ROWS; i++)
		row_add(PV_STATS_BATCH, hypercall_number(i),
			&(struct counter){ .count = v->members[i] });
	for (unsigned i = 0; i < PV_EVENT_COUNT; i++)
		row_add(PV_STATS_EVENT, i, &(struct counter){ .count = v->events[i] });
}

void stats_send(struct vcpu *v, u32 why, u64 mark)
{
	struct pv_frame_stats head = {
		.domain = v->domain->id, .vcpu = v->id, .why = why, .mark = mark, .tsc = rdtsc()
	};

	spin_lock(&lock);
	rows_fill(v);
	head.rows = used;
	channel_send_two(PV_FRAME_STATS, &head, sizeof(head), rows, used * (u32)sizeof(rows[0]));
	spin_unlock(&lock);
}

u32 stats_copy(struct vcpu *v, const struct p2m *p2m, gpa_t into)
{
	struct pv_frame_stats head = {
		.domain = v->domain->id, .vcpu = v->id, .why = PV_STATS_REQUEST, .tsc = rdtsc()
	};
	const u32 room = (u32)((PAGE_SIZE - sizeof(head)) / sizeof(rows[0]));

	spin_lock(&lock);
	rows_fill(v);
	head.rows = min(used, room);
	guest_write(p2m, into, &head, sizeof(head));
	guest_write(p2m, into + sizeof(head), rows, head.rows * sizeof(rows[0]));
	spin_unlock(&lock);
	return head.rows;
}

void stats_mark(struct vcpu *v, u64 id)
{
	struct domain *d = v->domain;

	for (u32 i = 0; i < d->vcpu_count; i++)
		stats_send(d->vcpus[i], PV_STATS_MARK, id);
}

_Static_assert(sizeof(struct counter) == sizeof(struct pv_live_counter), "a reader's counter");
_Static_assert(HYPERCALL_ROWS <= PV_LIVE_CALLS_MAX, "numbers of all calls");

void stats_describe(struct vcpu *v, const u64 key[2])
{
	struct pv_live *live = (void *)((char *)v + PAGE_SIZE - sizeof(*live));

	*live = (struct pv_live){
		.exits_offset = offsetof(struct vcpu, exits),
		.exits = PV_EXIT_COUNT,
		.calls_offset = offsetof(struct vcpu, calls),
		.calls = HYPERCALL_ROWS,
		.members_offset = offsetof(struct vcpu, members),
		.events_offset = offsetof(struct vcpu, events),
		.events = PV_EVENT_COUNT,
		.seen_offset = offsetof(struct vcpu, seen),
		.state_offset = offsetof(struct vcpu, public_state),
		.since_offset = offsetof(struct vcpu, state_since),
		.times_offset = offsetof(struct vcpu, state_tsc),
		.domain = (u16)v->domain->id,
		.vcpu = (u16)v->id,
		.version = PV_LIVE_VERSION,
		.key = { key[0], key[1] },
		.magic = PV_LIVE_MAGIC,
	};
	for (unsigned i = 0; i < HYPERCALL_ROWS; i++)
		live->call_number[i] = (u8)hypercall_number(i);
}
