/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of a local APIC: one-shot, periodic, TSC deadline. Intel SDM vol. 3, "APIC Timer". The
 * bus clock is 25 MHz, so a count is 40 ns times the divider. Called by lapic.c and pc.c.
 *
 * A running count is the time at which it reaches 0; a period keeps its phase, and periods that
 * nobody could serve become one interrupt. Limit: a period is at least 20 us.
 */
#include "dispatcher/area.h"
#include "interpreter/devices/platform.h"

#define PERIOD_MIN_NS 20000u
#define MODE(lvt) ((lvt) >> 17 & 3)

enum { ONE_SHOT, PERIODIC, TSC_DEADLINE };

static unsigned mode_of(const struct lapic *l)
{
	return MODE(lapic_get(l, LAPIC_LVT_TIMER));
}

/* Bits 3, 1, 0: divide by 2, 4, 8 .. 128, 1. */
static unsigned shift_of(u32 divide)
{
	return ((divide & 3) + (divide >> 1 & 4) + 1) & 7;
}

static unsigned shift(const struct lapic *l)
{
	return shift_of(lapic_get(l, LAPIC_TIMER_DIVIDE));
}

static u64 count_ns(const struct lapic *l)
{
	return (u64)PC_BUS_NS << shift(l);
}

static u64 period_ns(const struct lapic *l)
{
	u64 ns = lapic_get(l, LAPIC_TIMER_INITIAL) * count_ns(l);

	return mode_of(l) == PERIODIC ? max(ns, (u64)PERIOD_MIN_NS) : ns;
}

/* When something happens next, as a TSC value; whoever waits for it is told if it is earlier. */
static void arm(struct pc *pc, struct lapic *l)
{
	u64 before = l->deadline, next = PC_NEVER;
	u32 lvt = lapic_get(l, LAPIC_LVT_TIMER);
	bool is_known = (lvt & 0xff) < 16 && (l->errors & LAPIC_ERROR_RECEIVE_VECTOR);

	if ((lvt & LAPIC_LVT_MASK) || is_known)
		; /* counts, but nobody needs to see it: nothing comes of it, or the same error */
	else if (l->tsc_deadline)
		next = l->tsc_deadline;
	else if (l->target != PC_NEVER)
		next = pvclock_tsc(l->target);
	__atomic_store_n(&l->deadline, next, __ATOMIC_RELAXED);
	if (next < before && pc->host->timer)
		pc->host->timer(pc, l->id, next);
}

static void interrupt(struct pc *pc, struct lapic *l)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_TIMER);

	if (!(lvt & LAPIC_LVT_MASK))
		lapic_post(pc, l, lvt & 0xff, false);
}

/* Has the count reached 0? It stops there, or goes on with the first period that is not over. */
static bool run_out(struct lapic *l, u64 ns)
{
	u64 period;

	if (l->target > ns)
		return false;
	if (mode_of(l) == PERIODIC && lapic_get(l, LAPIC_TIMER_INITIAL)) {
		period = period_ns(l);
		l->target += ((ns - l->target) / period + 1) * period;
	} else {
		l->target = PC_NEVER;
	}
	return true;
}

void lapic_timer_fire(struct pc *pc, struct lapic *l, u64 now)
{
	if (l->tsc_deadline && l->tsc_deadline <= now) {
		l->tsc_deadline = 0;
		interrupt(pc, l);
	} else if (l->target != PC_NEVER && run_out(l, pvclock_ns(now))) {
		interrupt(pc, l);
	} else {
		return;
	}
	arm(pc, l);
}

u32 lapic_timer_count(const struct lapic *l, u64 now)
{
	u64 ns = pvclock_ns(now), left;

	if (l->target == PC_NEVER || l->target <= ns)
		return 0;
	left = (l->target - ns + count_ns(l) - 1) / count_ns(l);
	return (u32)min(left, (u64)lapic_get(l, LAPIC_TIMER_INITIAL));
}

void lapic_timer_lvt(struct pc *pc, struct lapic *l, u32 value, u64 now)
{
	lapic_timer_fire(pc, l, now); /* as it was set until now */
	if (MODE(value) == 3)
		value &= ~(u32)(3u << 17); /* reserved */
	if ((MODE(value) == TSC_DEADLINE) != (mode_of(l) == TSC_DEADLINE)) {
		l->target = PC_NEVER;
		l->tsc_deadline = 0;
		lapic_put(l, LAPIC_TIMER_INITIAL, 0);
	}
	lapic_put(l, LAPIC_LVT_TIMER, value);
	arm(pc, l);
}

void lapic_timer_initial(struct pc *pc, struct lapic *l, u32 value, u64 now)
{
	if (mode_of(l) == TSC_DEADLINE)
		return;
	lapic_put(l, LAPIC_TIMER_INITIAL, value);
	l->target = value ? pvclock_ns(now) + period_ns(l) : PC_NEVER;
	arm(pc, l);
}

void lapic_timer_divide(struct pc *pc, struct lapic *l, u32 value, u64 now)
{
	u64 count;

	lapic_timer_fire(pc, l, now);
	count = lapic_timer_count(l, now);
	lapic_put(l, LAPIC_TIMER_DIVIDE, value & 0xb);
	if (l->target != PC_NEVER)
		l->target = pvclock_ns(now) + count * count_ns(l);
	arm(pc, l);
}

void lapic_timer_deadline(struct pc *pc, struct lapic *l, u64 value, u64 now)
{
	if (mode_of(l) != TSC_DEADLINE)
		return;
	l->tsc_deadline = value;
	if (value && value <= now)
		lapic_timer_fire(pc, l, now); /* no need to wait for what is past */
	else
		arm(pc, l);
}

void lapic_timer_reset(struct lapic *l)
{
	l->tsc_deadline = 0;
	l->target = PC_NEVER;
	__atomic_store_n(&l->deadline, PC_NEVER, __ATOMIC_RELAXED);
}
