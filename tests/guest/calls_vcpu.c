/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 10 of the calls, each with its success and every errno of its row in abi.toml: starting,
 * stopping and asking for vCPUs, waiting, kicks, timers, interrupts. Needs vcpus: 2.
 */
#include "guest.h"

#define VCPUS 2u
#define VECTOR 0x51
#define NOWHERE (start_info->memory_bytes)
#define MS 1000000ull

static volatile u32 lives, woken;

/* Takes interrupts while it sleeps; an NMI makes it stop itself. */
static void other_main(void *arg)
{
	(void)arg;
	lives++;
	while (!vcpus[1].counts[VEC_NMI]) {
		WANT(BLOCK, OK, 0);
		woken++;
		irq_window();
	}
	vcpus[1].counts[VEC_NMI] = 0;
	WANT(VCPU_STOP, OK);
	lives = 100; /* it does not return */
}

/* Waits until vCPU 1 is in a state. */
static bool wait_state(s64 state)
{
	u64 end = now_ns() + 1000 * MS;

	while (hypercall(PV_CALL_VCPU_QUERY, 1, 0) != state && now_ns() < end)
		hypercall(PV_CALL_YIELD, 0, 0);
	return hypercall(PV_CALL_VCPU_QUERY, 1, 0) == state;
}

static void check_start(void)
{
	u64 context = (u64)vcpu_context(1, other_main, NULL);

	ok(CASE(VCPU_QUERY, OK, "itself", 0) == PV_STATE_RUNNING, "it runs");
	ok(CASE(VCPU_QUERY, OK, "the other", 1) == PV_STATE_STOPPED, "it does not");
	CASE(VCPU_QUERY, ENOENT, "vCPU 2 of 2", VCPUS);
	CASE(VCPU_QUERY, ENOENT, "vCPU 2^32", BIT(32));
	CASE(VCPU_QUERY, EINVAL, "with rsi", 0, 1);
	CASE(VCPU_STOP, EBUSY, "the last one that runs");
	CASE(VCPU_STOP, EINVAL, "with rdi", 1);
	CASE(VCPU_START, EINVAL, "unaligned", 1, context + 4);
	CASE(VCPU_START, EINVAL, "across pages", 1, 0x100f48);
	CASE(VCPU_START, EINVAL, "with rdx", 1, context, 1);
	vcpus[1].context.cr0 &= ~CR0_PG;
	CASE(VCPU_START, EINVAL, "without paging", 1, context);
	vcpu_context(1, other_main, NULL);
	CASE(VCPU_START, ENOENT, "vCPU 2 of 2", VCPUS, context);
	CASE(VCPU_START, EFAULT, "beyond memory", 1, NOWHERE);
	CASE(VCPU_START, EEXIST, "itself", 0, context);
	CASE(VCPU_START, OK, "", 1, context);
	ok(wait_state(PV_STATE_BLOCKED) && lives == 1, "it starts, and blocks");
	CASE(VCPU_START, EEXIST, "it has started", 1, context);
}

static void check_interrupts(void)
{
	CASE(IPI_SEND, OK, "", 1, VECTOR);
	ok(wait_for(&vcpus[1].counts[VECTOR], 1), "it arrives");
	CASE(IPI_SEND, EINVAL, "vector 31", 1, 31);
	CASE(IPI_SEND, EINVAL, "vector 256", 1, 256);
	CASE(IPI_SEND, EINVAL, "with rdx", 1, VECTOR, 1);
	CASE(IPI_SEND, ENOENT, "vCPU 2 of 2", VCPUS, VECTOR);
	CASE(IPI_MASK, OK, "both", 3, VECTOR);
	irq_window();
	ok(vcpus[0].counts[VECTOR] == 1, "one here");
	ok(wait_for(&vcpus[1].counts[VECTOR], 2), "and one there");
	CASE(IPI_MASK, OK, "nobody", 0, VECTOR);
	CASE(IPI_MASK, EINVAL, "vector 31", 1, 31);
	CASE(IPI_MASK, EINVAL, "vector 2^32", 1, BIT(32) | VECTOR);
	CASE(IPI_MASK, EINVAL, "vCPU 2 of 2", BIT(VCPUS) | 1, VECTOR);
	CASE(IPI_MASK, EINVAL, "vCPU 63", BIT(63) | 1, VECTOR);
	CASE(IPI_MASK, EINVAL, "with rdx", 1, VECTOR, 1);
	irq_window();
	ok(vcpus[0].counts[VECTOR] == 1, "what is refused sends nothing");
}

static void check_waiting(void)
{
	u32 before;

	ok(wait_state(PV_STATE_BLOCKED), "it blocks again");
	before = woken;
	CASE(KICK, OK, "the other", 1);
	ok(wait_for(&woken, before + 1), "a kick ends its block");
	CASE(KICK, OK, "itself", 0);
	CASE(BLOCK, OK, "without deadline, after the kick", 0);
	CASE(BLOCK, OK, "a past deadline", 1);
	CASE(BLOCK, EINVAL, "with rsi", 0, 1);
	CASE(KICK, ENOENT, "vCPU 2 of 2", VCPUS);
	CASE(KICK, EINVAL, "with rsi", 0, 1);
	CASE(YIELD, OK, "");
	CASE(YIELD, EINVAL, "with rdi", 1);
}

static void check_timers(void)
{
	CASE(TIMER_SET, OK, "in an hour", now_ns() + 3600000 * MS, 0);
	CASE(TIMER_SET, OK, "100 us is the shortest period", now_ns() + 3600000 * MS, 100000);
	CASE(TIMER_SET, EINVAL, "below it", 0, 99999);
	CASE(TIMER_SET, EINVAL, "1 ns", 0, 1);
	CASE(TIMER_SET, EINVAL, "with rdx", 0, 0, 1);
	CASE(TIMER_SET, OK, "never", 0, 0);
	CASE(WATCHDOG, OK, "in an hour", 3600000 * MS);
	CASE(WATCHDOG, EINVAL, "with rsi", MS, 1);
	CASE(WATCHDOG, OK, "off", 0);
}

static void check_stop(void)
{
	u64 context;

	hypercall(PV_CALL_IPI_SEND, 1, VEC_NMI);
	ok(wait_state(PV_STATE_STOPPED), "an NMI makes it stop itself");
	ok(lives == 1, "VCPU_STOP did not return");
	CASE(VCPU_STOP, EBUSY, "again the last one");
	CASE(IPI_SEND, OK, "to one that is stopped", 1, VECTOR + 1);
	CASE(KICK, OK, "one that is stopped", 1);
	context = (u64)vcpu_context(1, other_main, NULL);
	CASE(VCPU_START, OK, "a second life", 1, context);
	ok(wait_for(&lives, 2) && wait_state(PV_STATE_BLOCKED), "it lives again");
}

void guest_main(void)
{
	check_start();
	check_interrupts();
	check_waiting();
	check_timers();
	check_stop();
}
