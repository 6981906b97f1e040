/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events between two domains. role=answer (domain 0) makes a port for domain 1 and answers each
 * event; role=ask (domain 1) binds it, sends rounds= and waits for each answer; then it closes its
 * end. role=flood sends 10,000 events without waiting for anything; role=work (domain 0) is flooded
 * and works meanwhile.
 */
#include "guest.h"

#define VECTOR 0x61
#define MS 1000000ull
#define PORT 1 /* the first that a domain is given: both sides know it */
#define FLOOD 10000u

static struct pv_vcpu_area area __attribute__((aligned(4096)));
static volatile u32 events, strange;

static bool on_upcall(struct trap_frame *frame)
{
	u64 pending;

	(void)frame;
	pending = take_events(&area);
	events += pending == BIT(PORT);
	strange += pending != BIT(PORT);
	return true;
}

/* Waits for event number n, at most 2 s. */
static bool wait_event(u32 n)
{
	u64 end = now_ns() + 2000 * MS;

	while (events < n && now_ns() < end) {
		hypercall(PV_CALL_BLOCK, end, 0);
		irq_window();
	}
	return events >= n;
}

static s64 send(void)
{
	return hypercall(PV_CALL_EVT_SEND, PORT, 0);
}

static void make_port(void)
{
	s64 port = hypercall(PV_CALL_EVT_ALLOC, 1, 0);

	ok(port == PORT, "a port for domain 1: %lld", (long long)port);
	ok(hypercall(PV_CALL_EVT_BIND, PV_DOMAIN_SELF, PORT) == -PV_ENOENT, "not for ourselves");
}

static void bind_port(void)
{
	u64 end = now_ns() + 2000 * MS;
	s64 port;

	do {
		hypercall(PV_CALL_BLOCK, now_ns() + MS, 0);
		port = hypercall(PV_CALL_EVT_BIND, 0, PORT);
	} while (port == -PV_ENOENT && now_ns() < end);
	ok(port == PORT, "bound to domain 0: %lld", (long long)port);
	ok(hypercall(PV_CALL_EVT_BIND, 0, PORT) == -PV_EBUSY, "once");
}

static void answer(u32 rounds)
{
	u32 n = 0;
	u64 end;

	make_port();
	while (n < rounds && wait_event(n + 1) && send() == 0)
		n++;
	ok(n == rounds, "%u of %u answered", n, rounds);
	for (end = now_ns() + 2000 * MS; send() == 0 && now_ns() < end;)
		hypercall(PV_CALL_BLOCK, now_ns() + MS, 0);
	ok(send() == -PV_ENOENT, "the far end is closed");
	ok(hypercall(PV_CALL_EVT_CLOSE, PORT, 0) == 0, "so is ours");
}

static void ask(u32 rounds)
{
	u32 n = 0;

	bind_port();
	while (n < rounds && send() == 0 && wait_event(n + 1))
		n++;
	ok(n == rounds, "%u of %u answers", n, rounds);
	ok(hypercall(PV_CALL_EVT_CLOSE, PORT, 0) == 0, "closed");
	ok(send() == -PV_ENOENT, "nothing can be sent any more");
}

static void flood(void)
{
	u32 sent = 0;

	bind_port();
	for (unsigned n = 0; n < FLOOD; n++)
		sent += send() == 0;
	ok(sent == FLOOD, "%u events sent", sent);
}

static void work(void)
{
	u64 start, rounds = 0, longest = 0;

	make_port();
	ok(wait_event(1), "the flood begins");
	start = now_ns();
	__asm__ volatile("sti" : : : "memory");
	while (now_ns() < start + arg_number("ms", 60) * MS) {
		u64 before = now_ns();

		for (unsigned n = 0; n < 1000; n++)
			cpu_relax();
		longest = max(longest, now_ns() - before);
		rounds++;
	}
	cli();
	ok(rounds > 100, "%llu rounds of work, %u events, longest pause %llu us",
	   (unsigned long long)rounds, events, (unsigned long long)longest / 1000);
	ok(longest < 100 * MS, "no long pause");
}

void guest_main(void)
{
	u32 rounds = (u32)arg_number("rounds", 1000);

	trap_hooks[VECTOR] = on_upcall;
	area_register(PV_AREA_VCPU, &area);
	hypercall(PV_CALL_EVT_SETUP, VECTOR, 0);
	if (arg_is("role", "answer"))
		answer(rounds);
	else if (arg_is("role", "ask"))
		ask(rounds);
	else if (arg_is("role", "flood"))
		flood();
	else
		work();
	ok(!strange, "%u upcalls for another port or for none", strange);
}
