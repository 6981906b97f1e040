/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TIMER_SET and the deadline of BLOCK, seen as VIRQ_TIMER: each fires once, never early, at once
 * where its time has passed. Marks 1..2: 20 periods cost 20 timer exits and nothing else, if the
 * domain is alone in the machine.
 */
#include "guest.h"

#define VECTOR 0x71
#define MS 1000000ull
#define PERIODS 20u

static struct pv_vcpu_area area __attribute__((aligned(4096)));
static volatile u32 fired;
static volatile u64 fired_at;
static s64 port;

static bool on_upcall(struct trap_frame *frame)
{
	(void)frame;
	fired_at = now_ns();
	fired += take_events(&area) == BIT(port);
	return true;
}

static void timer_set(u64 deadline, u64 period)
{
	if (hypercall(PV_CALL_TIMER_SET, deadline, period) != 0)
		bail("TIMER_SET is refused");
}

static void spin_until(u64 ns)
{
	while (now_ns() < ns)
		cpu_relax();
}

/* How often it fired until then, since the last time somebody asked. */
static u32 fired_until(u64 ns)
{
	u32 count;

	spin_until(ns);
	count = fired;
	fired = 0;
	return count;
}

static void check_one_shot(void)
{
	u64 now = now_ns();
	u32 count;

	timer_set(now + 2 * MS, 0);
	count = fired_until(now + 8 * MS);
	ok(count == 1, "one shot fires %u times", count);
	ok(fired_at >= now + 2 * MS && fired_at < now + 4 * MS, "%lld us after its time",
	   (long long)(fired_at - now - 2 * MS) / 1000);
	now = now_ns();
	timer_set(1, 0);
	ok(fired == 1, "a past deadline fires at once");
	timer_set(now, 0);
	ok(fired == 2, "so does now");
	count = fired_until(now + 3 * MS);
	ok(count == 2, "and never again");
	now = now_ns();
	timer_set(now + 2 * MS, 0);
	timer_set(0, 0);
	ok(fired_until(now + 5 * MS) == 0, "what is cancelled does not fire");
	now = now_ns();
	timer_set(now + 20 * MS, 0);
	timer_set(now + 2 * MS, 0);
	ok(fired_until(now + 5 * MS) == 1 && fired_until(now + 25 * MS) == 0,
	   "an earlier deadline replaces a later one");
	timer_set(BIT(60), 0);
	timer_set(~0ull, 0);
	ok(fired_until(now + 2 * MS) == 0, "the end of time is not yet");
}

static void check_periodic(void)
{
	u64 start = now_ns() + MS;
	u32 late;

	timer_set(start, MS / 2);
	mark(1);
	while (fired < PERIODS)
		cpu_relax();
	mark(2);
	late = (u32)((fired_at - start - (PERIODS - 1) * MS / 2) / 1000);
	ok(late < 1000, "%u periods of 500 us, the last one %u us late", PERIODS, late);
	cli(); /* longer than a period without a look: one event, no burst */
	fired = 0;
	spin_until(now_ns() + 5 * MS);
	__asm__ volatile("sti; nop" : : : "memory");
	ok(fired == 1, "%u after 10 periods with interrupts off", fired);
	timer_set(fired = 0, 0);
	ok(fired_until(now_ns() + 3 * MS) == 0, "it ends");
	timer_set(1, ~0ull);
	ok(fired_until(now_ns() + 3 * MS) == 1, "a period of 584 years is long");
	timer_set(0, 0);
}

static void check_block(void)
{
	u64 now = now_ns(), early = 0;

	hypercall(PV_CALL_BLOCK, now + 2 * MS, 0);
	ok(now_ns() >= now + 2 * MS && fired == 1, "the deadline of BLOCK fires %u times", fired);
	ok(fired_until(now_ns() + 3 * MS) == 1, "and never again");
	hypercall(PV_CALL_BLOCK, 1, 0);
	ok(fired_until(now_ns() + 2 * MS) == 1, "a past one too");
	for (unsigned n = 0; n < 20; n++) {
		u64 until = now_ns() + MS / 4;

		hypercall(PV_CALL_BLOCK, until, 0);
		early += now_ns() < until;
	}
	ok(fired == 20 && !early, "20 of 250 us: %u events, %u early", fired, (u32)early);
	fired = 0;
	cli();
	hypercall(PV_CALL_BLOCK, now_ns() + MS, 0);
	ok(!fired && area.upcall_pending, "with interrupts off it waits");
	hypercall(PV_CALL_BLOCK, 0, 0);
	ok(!fired, "and ends the next BLOCK at once");
	__asm__ volatile("sti; nop" : : : "memory");
	ok(fired == 1, "until interrupts are on");
	fired = 0;
	timer_set(now_ns() + MS, 0);
	__asm__ volatile("hlt" : : : "memory");
	ok(fired == 1, "it ends HLT");
	hypercall(PV_CALL_KICK, 0, 0);
	now = now_ns();
	hypercall(PV_CALL_BLOCK, now + 1000 * MS, 0);
	ok(now_ns() < now + 500 * MS, "KICK first, then BLOCK: at once");
}

void guest_main(void)
{
	trap_hooks[VECTOR] = on_upcall;
	area_register(PV_AREA_VCPU, &area);
	port = hypercall(PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, 0);
	if (port <= 0 || port > 63 || hypercall(PV_CALL_EVT_SETUP, VECTOR, 0) != 0)
		bail("no port for the timer");
	__asm__ volatile("sti" : : : "memory");
	check_one_shot();
	check_periodic();
	check_block();
	cli();
}
