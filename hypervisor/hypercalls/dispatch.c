/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a number in rax to its routine. A guest's mistake is an errno, counted and traced; it never
 * costs more than that. Numbers are flat, so one look-up in a byte table finds the row.
 */
#include "hypercalls/hypercalls.h"
#include "dispatcher/dispatcher.h"
#include "lib/lib.h"
#include "machine/x86.h"
#include "trace/trace.h"

/* A call that was there once. Its row needs a feature that there is not: so it is refused. */
#define HYPERCALL(nr, handler, count, units, batch, feature)
#define HYPERCALL_RESERVED(handler) \
	s64 handler(struct vcpu *v) \
	{ \
		(void)v; \
		return -PV_EOPNOTSUPP; \
	}
#include "pv_dispatch.h"
#undef HYPERCALL_RESERVED
#undef HYPERCALL

static const struct {
	hypercall_t call;
	u8 number, args, units;
	bool is_batchable;
	u32 feature; /* bits that must be in force */
} rows[HYPERCALL_ROWS] = {
#define HYPERCALL(nr, handler, count, units, batch, feature) \
	[ROW_##handler] = { handler, nr, count, units, batch, feature },
#include "pv_dispatch.h"
#undef HYPERCALL
};

/* number -> row + 1, 0 = no such call */
static const u8 row_of[PV_CALL_MAX] = {
#define HYPERCALL(nr, handler, count, units, batch, feature) [nr] = ROW_##handler + 1,
#include "pv_dispatch.h"
#undef HYPERCALL
};

/* Argument registers beyond the call's own must be 0, so that they can gain a meaning later. */
static bool unused_are_zero(const struct vcpu *v, unsigned args)
{
	u64 rest = 0;

	switch (args) {
	case 0:
		rest |= v->gpr[RDI];
		__attribute__((fallthrough));
	case 1:
		rest |= v->gpr[RSI];
		__attribute__((fallthrough));
	case 2:
		rest |= v->gpr[RDX];
		__attribute__((fallthrough));
	case 3:
		rest |= v->gpr[RCX];
		__attribute__((fallthrough));
	case 4:
		rest |= v->gpr[R8];
		__attribute__((fallthrough));
	case 5:
		rest |= v->gpr[R9];
		break;
	default:
		break;
	}
	return rest == 0;
}

/* What is the same for all calls: the domain's list and features, and the unused registers. */
static inline s64 checked_call(struct vcpu *v, unsigned row)
{
	unsigned number = rows[row].number;
	s64 result;

	if (!(v->domain->call_mask[number / 64] & BIT(number % 64)))
		result = -PV_EPERM;
	else if (rows[row].feature & ~v->domain->features)
		result = -PV_EOPNOTSUPP;
	else if (!unused_are_zero(v, rows[row].args))
		result = -PV_EINVAL;
	else
		result = rows[row].call(v);
	if (unlikely(result < 0))
		v->events[PV_EVENT_CALL_REFUSED]++;
	return result;
}

static __attribute__((noinline)) enum verdict call(struct vcpu *v, unsigned row)
{
	v->counter = &v->calls[row];
	v->gpr[RAX] = (u64)checked_call(v, row);
	return ADVANCE;
}

s64 hypercall_member(struct vcpu *v, unsigned number)
{
	unsigned row;

	if (number >= PV_CALL_MAX || !row_of[number])
		return -(s64)PV_ENOSYS;
	row = row_of[number] - 1u;
	if (!rows[row].is_batchable)
		return -PV_EINVAL;
	v->members[row]++;
	return checked_call(v, row);
}

unsigned hypercall_units(unsigned number)
{
	return number < PV_CALL_MAX && row_of[number] ? rows[row_of[number] - 1u].units : 1;
}

/* The number's own routine, or -ENOSYS. */
static inline enum verdict call_by_number(struct vcpu *v, u64 number)
{
	if (number < PV_CALL_MAX && row_of[number])
		return call(v, row_of[number] - 1u);
	v->events[PV_EVENT_CALL_UNKNOWN]++;
	v->gpr[RAX] = (u64)-(s64)PV_ENOSYS;
	return ADVANCE;
}

/* The trace wants the number, which the result overwrites. */
static __attribute__((noinline)) enum verdict special_call(struct vcpu *v, struct vmexit *exit,
							   u64 number)
{
	/* A kernel that may not call sees what it would without us. */
	if (v->special & SPECIAL_FORBIDDEN) {
		exit->qualification = (u16)number | TRACE_CALL_KNOWN | TRACE_CALL_FORBIDDEN;
		return fault(v, VEC_UD);
	}
	exit->qualification = number;
	if (number >= PV_CALL_MAX)
		exit->qualification = min(number, 0xffffull); /* not another one's low bits */
	else if (row_of[number])
		exit->qualification |= TRACE_CALL_KNOWN;
	return call_by_number(v, number);
}

enum verdict hypercall_exit(struct vcpu *v, struct vmexit *exit)
{
	u64 number = v->gpr[RAX];

	if (unlikely(v->special))
		return special_call(v, exit, number);
	return call_by_number(v, number);
}

unsigned hypercall_number(unsigned row)
{
	return rows[row].number;
}

u32 hypercall_bitmap(const u64 *mask, u64 features, unsigned word)
{
	u32 bits = 0;

	for (unsigned row = 0; row < HYPERCALL_ROWS; row++) {
		unsigned number = rows[row].number;

		if (number / 32 == word && (mask[number / 64] & BIT(number % 64)) &&
		    !(rows[row].feature & ~features))
			bits |= (u32)BIT(number % 32);
	}
	return bits;
}
