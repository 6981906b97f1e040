/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor says of itself: the framed debug channel, the log, the snapshots of the
 * always-on counters, and the optional ring of records (one a CPU, 32 bytes a record).
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "dispatcher/vcpu.h"
#include "dispatcher/vmexit.h"
#include "host/bundle.h"
#include "host/frame.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct p2m;

/* ---- channel.c: frames to the debug port; any CPU, any time ---------------------------------- */

void channel_send(u16 type, const void *payload, u32 bytes);
void channel_send_two(u16 type, const void *head, u32 head_bytes, const void *rest, u32 bytes);
/* For a panic: whoever held the lock is stopped and will not give it back. */
void channel_break_lock(void);

/* ---- log.c ----------------------------------------------------------------------------------- */

/* One line, without newline, to the channel and the serial port; cut at 200 characters. */
void log_line(const char *format, ...) PRINTF(1, 2);
void log_panic_line(const char *text);
void log_machine_end(bool failed, const char *why);

/* ---- stats.c: snapshots of a vCPU's counters ------------------------------------------------- */

void stats_send(struct vcpu *v, u32 why, u64 mark);
/* The same as a frame's payload into one page of guest memory, which exists; returns the rows. */
u32 stats_copy(struct vcpu *v, const struct p2m *p2m, gpa_t into);
void stats_mark(struct vcpu *v, u64 id); /* of all vCPUs of v's domain */
/* Ends v's frame with the tag by which pvn finds its counters from outside (host/live.h). */
void stats_describe(struct vcpu *v, const u64 key[2]);

/* ---- ring.c ---------------------------------------------------------------------------------- */

struct trace_ring {
	struct pv_trace_record *next; /* where the next record goes */
	struct pv_trace_record *stop; /* the record before it is the last one that needs no look */
	u32 kinds; /* bit per PV_KIND_* */
	u32 cpu;
	bool is_live;
	struct pv_trace_record *records;
	u32 capacity; /* records, a power of two */
	u64 turns; /* records in whole turns of the ring since boot */
	u64 sent, lost; /* records that need not be sent any more; those of them that never were */
	spinlock_t sending; /* guards both */
};

enum { TRACE_SCHED_IN, TRACE_SCHED_OUT, TRACE_SCHED_BLOCK, TRACE_SCHED_WAKE };

void trace_init(u32 kinds, u32 records, bool is_live);
void trace_rings_create(void); /* once all CPUs have started */
/*
 * Sends records that wait in this CPU's ring, a bounded number, in a TRACE frame; true: there are
 * more. Does nothing unless there is a ring and it is live.
 */
bool trace_drain(struct trace_ring *ring);
void trace_flush(void); /* all rings to the channel, whole */

/*
 * In exit->qualification of a hypercall, for trace_call(): the number has a row; the domain may not
 * call at all.
 */
#define TRACE_CALL_KNOWN BIT(63)
#define TRACE_CALL_FORBIDDEN BIT(62)

/*
 * After the handler. A hypercall has one record with number, first argument and result in place of
 * an exit's; what does not fit (a large result, more arguments, many ticks) and what an exit was
 * about follows in records of its own.
 */
void trace_exit(const struct vcpu *v, const struct vmexit *exit);
void trace_call(const struct vcpu *v, const struct vmexit *exit);
/* One entry of a batch, since `start` (low half of the TSC); before the record of its kick. */
void trace_member(const struct vcpu *v, const struct pv_batch_entry *e, u32 entry, u32 start,
		  s64 result);
void trace_inject(struct trace_ring *ring, const struct vcpu *v, unsigned vector, u32 error);
void trace_sched(struct trace_ring *ring, const struct vcpu *v, unsigned what);
/* A domain starts, ends, or starts again; v: its first vCPU. */
enum { TRACE_DOMAIN_START, TRACE_DOMAIN_END, TRACE_DOMAIN_RESTART };
void trace_domain(struct trace_ring *ring, const struct vcpu *v, unsigned what);
void trace_mark(struct trace_ring *ring, const struct vcpu *v, u64 id);

#endif
