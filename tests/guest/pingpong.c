/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No wake-up is lost: two vCPUs hand each other a turn rounds= times, by KICK, by IPI and by event
 * in turn, and sleep in BLOCK until they have it. A wake-up that got lost shows as a BLOCK that
 * only its deadline ended. Needs vcpus: 2.
 */
#include "guest.h"

#define VECTOR_IPI 0x51
#define VECTOR_UPCALL 0x61
#define PATIENCE_NS 200000000ull
#define LOST_MAX 5u /* more are not worth waiting for */

static struct pv_vcpu_area areas[2] __attribute__((aligned(4096)));
static u64 port_to[2]; /* the near end of a port that is delivered to the vCPU */
static volatile u64 turn; /* even: vCPU 0 has it */
static volatile u32 lost, refused;
static u64 rounds;

static bool on_upcall(struct trap_frame *frame)
{
	(void)frame;
	take_events(&areas[this_vcpu()->id]);
	return true;
}

static void wake(u32 vcpu, u64 how)
{
	bool done;

	if (how % 3 == 0)
		done = WANT(KICK, OK, vcpu);
	else if (how % 3 == 1)
		done = WANT(IPI_SEND, OK, vcpu, VECTOR_IPI);
	else
		done = WANT(EVT_SEND, OK, port_to[vcpu]);
	refused += !done;
}

static void wait_turn(u64 mine)
{
	while (turn % 2 != mine && lost < LOST_MAX) {
		u64 deadline = now_ns() + PATIENCE_NS;

		WANT(BLOCK, OK, deadline);
		if (now_ns() >= deadline && turn % 2 == mine)
			lost++;
		irq_window();
	}
}

static void play(u64 self)
{
	while (turn < 2 * rounds + self && lost < LOST_MAX) {
		wait_turn(self);
		turn++;
		wake(!self, turn / 2 + self);
	}
}

static void other_main(void *arg)
{
	(void)arg;
	area_register(PV_AREA_VCPU, &areas[1]);
	WANT(EVT_SETUP, OK, VECTOR_UPCALL);
	vcpus[1].running = 2;
	play(1);
	vcpus[1].running = 3;
}

static u64 port_for(u64 vcpu)
{
	s64 far = hypercall(PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF, 0);
	s64 near = hypercall(PV_CALL_EVT_BIND, PV_DOMAIN_SELF, (u64)far);

	if (far <= 0 || near <= 0 || near > 63)
		bail("no ports: %lld, %lld", (long long)far, (long long)near);
	if (hypercall(PV_CALL_EVT_ROUTE, (u64)far, vcpu) != 0)
		bail("the port cannot be delivered to vCPU %u", (u32)vcpu);
	return (u64)near;
}

void guest_main(void)
{
	u64 start = now_ns();

	rounds = arg_number("rounds", 20000);
	trap_hooks[VECTOR_UPCALL] = on_upcall;
	area_register(PV_AREA_VCPU, &areas[0]);
	hypercall(PV_CALL_EVT_SETUP, VECTOR_UPCALL, 0);
	port_to[0] = port_for(0);
	port_to[1] = port_for(1);
	ok(vcpu_start(1, other_main, NULL) == 0 && wait_for(&vcpus[1].running, 2), "vCPU 1 plays");
	play(0);
	ok(turn >= 2 * rounds, "%llu of %llu rounds", (unsigned long long)turn / 2,
	   (unsigned long long)rounds);
	ok(!lost, "%u wake-ups were lost", lost);
	ok(!refused, "%u calls were refused", refused);
	print("# %llu ns a round\n", (unsigned long long)((now_ns() - start) / rounds));
}
