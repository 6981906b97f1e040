/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BATCH_KICK: the entries of the caller's ring, one after the other, each with a status. A member
 * is an ordinary call with its arguments in the entry; its cost units are counted, and what does
 * not fit in one kick is left for the next: there is no continuation by running the instruction
 * again.
 */
#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

#define RESULT_MAX 0x7fffffff
/* So long a kick may last in any case; beyond, the end of the slice is the end of the kick. */
#define KICK_NS 1000000u

/* The member runs with its arguments where a call would have them; rax and the rest come back. */
static s64 member_run(struct vcpu *v, const struct pv_batch_entry *e)
{
	static const u8 used[] = { RDI, RSI, RDX, RCX, R8, R9 };
	u64 saved[ARRAY_SIZE(used)];
	s64 result;

	for (unsigned i = 0; i < ARRAY_SIZE(used); i++) {
		saved[i] = v->gpr[used[i]];
		v->gpr[used[i]] = i < 3 ? e->args[i] : 0;
	}
	result = hypercall_member(v, e->nr);
	for (unsigned i = 0; i < ARRAY_SIZE(used); i++)
		v->gpr[used[i]] = saved[i];
	return result;
}

static s64 entry_run(struct vcpu *v, const struct pv_batch_entry *e, unsigned *units)
{
	/*
	 * EXPECT belongs to calls that change memory the hypervisor validates; there is none in
	 * this mode.
	 */
	if (e->flags & ~(unsigned)PV_BATCH_FLAG_STOP_ON_ERROR)
		return -PV_EINVAL;
	*units += hypercall_units(e->nr);
	return member_run(v, e);
}

/*
 * Members are cheap but for text that goes to a slow serial port: 256 bytes take 22 ms there, and
 * others wait for this CPU.
 */
static bool is_late(u64 start)
{
	u64 now = rdtsc();

	return now >= this_cpu()->due && now - start >= ns_to_tsc(KICK_NS);
}

s64 hypercall_batch_kick(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct pv_batch_head head;
	u64 start = rdtsc();
	unsigned units = 0;
	s64 done = 0;

	if (v->batch == AREA_NONE)
		return -PV_ENOENT;
	if (guest_read(&d->p2m, v->batch, &head, sizeof(head)) ||
	    head.prod - head.cons > PV_BATCH_ENTRIES)
		return -PV_EINVAL;
	while (head.cons != head.prod && units < PV_BATCH_UNITS && !is_late(start)) {
		gpa_t at = v->batch + sizeof(head) +
			   head.cons % PV_BATCH_ENTRIES * sizeof(struct pv_batch_entry);
		u32 started = (u32)rdtsc();
		struct pv_batch_entry e;
		s64 result;

		if (guest_read(&d->p2m, at, &e, sizeof(e)))
			break;
		result = entry_run(v, &e, &units);
		if (v->ring)
			trace_member(v, &e, head.cons, started, result);
		e.status = (s32)min(result, (s64)RESULT_MAX);
		guest_write(&d->p2m, at + offsetof(struct pv_batch_entry, status), &e.status,
			    sizeof(e.status));
		head.cons++;
		done++;
		if (result < 0 && (e.flags & PV_BATCH_FLAG_STOP_ON_ERROR)) {
			head.first_error = head.cons - 1;
			guest_write(&d->p2m, v->batch + offsetof(struct pv_batch_head, first_error),
				    &head.first_error, 4);
			break;
		}
	}
	guest_write(&d->p2m, v->batch + offsetof(struct pv_batch_head, cons), &head.cons,
		    sizeof(head.cons));
	return done;
}
