/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes into the records of the ring (struct pv_trace_record). A traced call or exit may cost
 * 40 instructions and is made of one record of constant shape; whatever takes more is behind one
 * rarely taken branch at the end, as records of their own that belong to the one before them.
 */
#include "dispatcher/dispatcher.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/records.h"
#include "trace/trace.h"

#define LONG PV_TRACE_TICKS_LONG

_Static_assert(PV_BUNDLE_DOMAINS_MAX <= 16 && PV_VCPUS_MAX <= 16, "PV_TRACE_WHO() has 4 bits each");

/*
 * A new record with its time; returns the low half of the TSC, which is stored as halves. The
 * clobber keeps loads of what goes into it behind, where there are registers for them.
 */
static inline __attribute__((always_inline)) u32 begin(struct trace_ring *ring)
{
	u32 *tsc = (u32 *)&ring->next->tsc, low, high;

	ring->next++;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	tsc[0] = low;
	tsc[1] = high;
	return low;
}

#define RECORD(r, v, kind_, code_, rip_, arg_, raw_) \
	do { \
		(r)->rip = (rip_); \
		(r)->arg = (arg_); \
		(r)->kind = (kind_); \
		(r)->who = (v)->trace_who; \
		(r)->code = (u16)(code_); \
		(r)->raw = (u16)(raw_); \
	} while (0)

/* Any record off the hot path. */
static void append(struct trace_ring *ring, const struct vcpu *v, u8 kind, u16 code, u64 rip,
		   u64 arg, u16 raw)
{
	struct pv_trace_record *r;

	if (!(ring->kinds & BIT(kind)))
		return;
	r = ring->next;
	begin(ring);
	RECORD(r, v, kind, code, rip, arg, raw);
	r->ticks = 0;
	if (ring->next == ring->stop)
		trace_ring_turn(ring);
}

/* What comes after every record with ticks: the look at the ring's end, and ticks without room. */
static void finish(struct trace_ring *ring, const struct vcpu *v, u32 ticks)
{
	struct pv_trace_record *r = ring->next - 1;
	bool is_long = ticks >= LONG && (ring->kinds & BIT(PV_KIND_TICKS));

	if (unlikely(ticks >= LONG))
		r->ticks = is_long ? LONG : LONG - 1;
	if (ring->next == ring->stop)
		trace_ring_turn(ring);
	if (is_long)
		append(ring, v, PV_KIND_TICKS, r->code, 0, ticks, 0);
}

/* A record with ticks off the hot path. */
static __attribute__((noinline)) void append_timed(struct trace_ring *ring, const struct vcpu *v,
						   u8 kind, u16 code, u64 rip, u64 arg, u16 raw,
						   u32 started)
{
	struct pv_trace_record *r = ring->next;
	u32 ticks = begin(ring) - started;

	RECORD(r, v, kind, code, rip, arg, raw);
	r->ticks = (u16)ticks;
	finish(ring, v, ticks);
}

/* ---- exits ----------------------------------------------------------------------------------- */

#define DETAILED \
	(BIT(PV_EXIT_RDMSR) | BIT(PV_EXIT_WRMSR) | BIT(PV_EXIT_XSETBV) | BIT(PV_EXIT_PORT_IN) | \
	 BIT(PV_EXIT_PORT_OUT) | BIT(PV_EXIT_CR_READ) | BIT(PV_EXIT_CR_WRITE) | BIT(PV_EXIT_DR) | \
	 BIT(PV_EXIT_NESTED_FAULT) | BIT(PV_EXIT_NESTED_MISCONFIG) | BIT(PV_EXIT_EXCEPTION) | \
	 BIT(PV_EXIT_APIC))
_Static_assert(PV_EXIT_COUNT <= 64, "DETAILED has a bit an exit");

/* RSP is not in gpr[], and not worth asking the hardware for. */
static u64 moved(const struct vcpu *v, bool has_gpr, unsigned gpr)
{
	return has_gpr && gpr != RSP ? v->gpr[gpr] : 0;
}

static u64 detail_cr(const struct vcpu *v, const struct vmexit *exit, u64 *value)
{
	const struct exit_cr *cr = &exit->cr;

	*value = cr->op == CR_LMSW ? cr->lmsw : moved(v, cr->has_gpr, cr->gpr);
	return cr->cr | (u64)cr->op << 8 | (u64)cr->gpr << 16 |
	       (cr->has_gpr ? PV_DETAIL_CR_HAS_GPR : 0);
}

static u64 detail_dr(const struct vcpu *v, const struct vmexit *exit, u64 *value)
{
	const struct exit_dr *dr = &exit->dr;

	*value = moved(v, dr->has_gpr, dr->gpr);
	return dr->dr | (u64)(dr->is_write ? CR_MOV_TO : CR_MOV_FROM) << 8 | (u64)dr->gpr << 16 |
	       (dr->has_gpr ? PV_DETAIL_CR_HAS_GPR : 0);
}

static u64 detail_port(const struct vcpu *v, const struct vmexit *exit, u64 *value)
{
	const struct exit_io *io = &exit->io;

	*value = io->is_string ? 0 : v->gpr[RAX] & (BIT(io->bytes * 8u) - 1);
	return io->port | (u64)io->bytes << 16 | (io->is_in ? PV_DETAIL_PORT_IN : 0) |
	       (io->is_string ? PV_DETAIL_PORT_STRING : 0) | (io->is_rep ? PV_DETAIL_PORT_REP : 0);
}

static u16 fault_flags(const struct exit_fault *fault)
{
	return (u16)((fault->is_write ? PV_DETAIL_FAULT_WRITE : 0) |
		     (fault->is_fetch ? PV_DETAIL_FAULT_FETCH : 0) |
		     (fault->was_mapped ? PV_DETAIL_FAULT_MAPPED : 0) |
		     (fault->in_walk ? PV_DETAIL_FAULT_WALK : 0) |
		     (fault->gva_valid ? PV_DETAIL_FAULT_LINEAR : 0));
}

/* What the exit was about, after its handler: registers hold what the guest gets. */
static void detail(struct trace_ring *ring, const struct vcpu *v, const struct vmexit *exit)
{
	u16 raw = v->event.valid && v->event.type == EVENT_EXCEPTION ? PV_DETAIL_FAULTED : 0;
	u64 what = 0, value = 0;

	switch (exit->code.exit) {
	case PV_EXIT_RDMSR:
	case PV_EXIT_WRMSR:
	case PV_EXIT_XSETBV:
		what = (u32)v->gpr[RCX];
		value = v->gpr[RDX] << 32 | (u32)v->gpr[RAX];
		break;
	case PV_EXIT_PORT_IN:
	case PV_EXIT_PORT_OUT:
		what = detail_port(v, exit, &value);
		break;
	case PV_EXIT_CR_READ:
	case PV_EXIT_CR_WRITE:
		what = detail_cr(v, exit, &value);
		break;
	case PV_EXIT_DR:
		what = detail_dr(v, exit, &value);
		break;
	case PV_EXIT_EXCEPTION:
		what = exit->exception.vector;
		value = exit->exception.has_error ? exit->exception.error : exit->exception.address;
		raw = 0; /* that it goes on to the guest is what it is about */
		break;
	case PV_EXIT_APIC:
		what = exit->apic.is_eoi;
		value = exit->apic.number;
		break;
	default:
		what = exit->fault.gpa;
		value = exit->fault.gva_valid ? exit->fault.gva : 0;
		raw |= fault_flags(&exit->fault);
	}
	append(ring, v, PV_KIND_DETAIL, exit->code.exit, what, value, raw);
}

static __attribute__((noinline)) void exit_more(const struct vcpu *v, const struct vmexit *exit,
						u32 ticks)
{
	finish(v->ring, v, ticks);
	if (DETAILED & BIT(exit->code.exit))
		detail(v->ring, v, exit);
}

void trace_exit(const struct vcpu *v, const struct vmexit *exit)
{
	struct trace_ring *ring = v->ring;
	struct pv_trace_record *r = ring->next;
	u32 ticks;

	if (!(ring->kinds & BIT(PV_KIND_EXIT)))
		return;
	ticks = begin(ring) - exit->tsc_low;
	RECORD(r, v, PV_KIND_EXIT, exit->code.exit, exit->rip, exit->qualification, exit->code.raw);
	r->ticks = (u16)ticks;
	if (unlikely(ring->next == ring->stop || ticks >= LONG ||
		     (DETAILED & BIT(exit->code.exit))))
		exit_more(v, exit, ticks);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Arguments beyond the first, where one of them is not 0: two a record. */
static __attribute__((noinline)) void append_args(struct trace_ring *ring, const struct vcpu *v,
						  u16 number, const u64 *args, unsigned count)
{
	for (unsigned i = 1; i < count; i += 2) {
		u64 second = i + 1 < count ? args[i + 1] : 0;

		if (args[i] | second)
			append(ring, v, PV_KIND_ARGS, number, args[i], second, (u16)i);
	}
}

static void call_args(const struct vcpu *v, u16 number)
{
	const u64 args[] = { v->gpr[RDI], v->gpr[RSI], v->gpr[RDX],
			     v->gpr[RCX], v->gpr[R8],  v->gpr[R9] };

	append_args(v->ring, v, number, args, ARRAY_SIZE(args));
}

static inline void append_result(struct trace_ring *ring, const struct vcpu *v, u16 number,
				 s64 result)
{
	if (result != (int16_t)result)
		append(ring, v, PV_KIND_RESULT, number, 0, (u64)result, 0);
}

/* No call: to a domain that may not make any it is an instruction like others. */
static __attribute__((noinline)) void forbidden_call(const struct vcpu *v,
						     const struct vmexit *exit)
{
	if (v->ring->kinds & BIT(PV_KIND_EXIT))
		append_timed(v->ring, v, PV_KIND_EXIT, PV_EXIT_HYPERCALL, exit->rip, v->gpr[RDI],
			     (u16)exit->code.raw, exit->tsc_low);
}

static __attribute__((noinline)) void call_more(const struct vcpu *v, const struct vmexit *exit,
						u32 ticks)
{
	if (exit->qualification & TRACE_CALL_FORBIDDEN) {
		v->ring->next--; /* that was not one */
		forbidden_call(v, exit);
		return;
	}
	finish(v->ring, v, ticks);
	if (!(exit->qualification & TRACE_CALL_KNOWN))
		return;
	if (v->gpr[RSI] | v->gpr[RDX] | v->gpr[RCX] | v->gpr[R8] | v->gpr[R9])
		call_args(v, (u16)exit->qualification);
	append_result(v->ring, v, (u16)exit->qualification, (s64)v->gpr[RAX]);
}

void trace_call(const struct vcpu *v, const struct vmexit *exit)
{
	struct trace_ring *ring = v->ring;
	struct pv_trace_record *r = ring->next;
	u32 ticks;

	if (!(ring->kinds & BIT(PV_KIND_CALL))) {
		if (exit->qualification & TRACE_CALL_FORBIDDEN)
			forbidden_call(v, exit);
		return;
	}
	ticks = begin(ring) - exit->tsc_low;
	RECORD(r, v, PV_KIND_CALL, exit->qualification, exit->rip, v->gpr[RDI], v->gpr[RAX]);
	r->ticks = (u16)ticks;
	if (unlikely(ring->next == ring->stop || ticks >= LONG || (s64)exit->qualification < 0))
		call_more(v, exit, ticks);
}

void trace_member(const struct vcpu *v, const struct pv_batch_entry *e, u32 entry, u32 start,
		  s64 result)
{
	struct trace_ring *ring = v->ring;
	u32 kick = (u32)v->calls[ROW_hypercall_batch_kick].count;

	if (!(ring->kinds & BIT(PV_KIND_MEMBER)))
		return;
	append_timed(ring, v, PV_KIND_MEMBER, e->nr,
		     (u64)kick << 32 | (u32)e->flags << 16 | (u16)entry, e->args[0], (u16)result,
		     start);
	append_args(ring, v, e->nr, e->args, ARRAY_SIZE(e->args));
	append_result(ring, v, e->nr, result);
}

/* ---- the rest -------------------------------------------------------------------------------- */

void trace_inject(struct trace_ring *ring, const struct vcpu *v, unsigned vector, u32 error)
{
	append(ring, v, PV_KIND_INJECT, (u16)vector, 0, error, 0);
}

void trace_sched(struct trace_ring *ring, const struct vcpu *v, unsigned what)
{
	append(ring, v, PV_KIND_SCHED, (u16)what, 0, v->cpu->index, 0);
}

void trace_domain(struct trace_ring *ring, const struct vcpu *v, unsigned what)
{
	append(ring, v, PV_KIND_DOMAIN, (u16)what, 0, v->domain->end.how, 0);
}

void trace_mark(struct trace_ring *ring, const struct vcpu *v, u64 id)
{
	append(ring, v, PV_KIND_MARK, 0, 0, id, 0);
}
