/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a tick of the local APIC's timer costs, by TSC deadline, rearmed in the handler. Marks 1..2:
 * 100 ticks while the guest computes; 3..4: 100 while it sleeps by HLT. With "x2apic" on the
 * command line the EOIs are by MSR.
 */
#include "pc.h"

#define TICKS 100u
#define VECTOR 0xec
#define TICK (tsc_hz / 2000)

static struct guest_vcpu *self;
static bool is_x2;
static u64 late_most;

static bool take_and_rearm(struct trap_frame *frame)
{
	static u64 deadline;
	u64 now = rdtsc();

	if (self->counts[VECTOR] > 1)
		late_most = max(late_most, now - deadline);
	deadline = now + TICK;
	if (self->counts[VECTOR] < TICKS)
		wrmsr(MSR_TSC_DEADLINE, deadline);
	if (!is_x2)
		return take_with_eoi(frame);
	wrmsr(MSR_X2APIC(APIC_EOI), 0);
	return true;
}

static void check_ticks(unsigned first_mark, bool sleeps)
{
	counts_clear(self);
	late_most = 0;
	mark(first_mark);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + TICK);
	while (sleeps && self->counts[VECTOR] < TICKS)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	__asm__ volatile("sti" : : : "memory");
	while (self->counts[VECTOR] < TICKS)
		cpu_relax();
	cli();
	mark(first_mark + 1);
	ok(self->counts[VECTOR] == TICKS && late_most < TICK / 2, "%u ticks, late by at most %llu",
	   TICKS, (unsigned long long)late_most);
}

void guest_main(void)
{
	plan(2);
	self = this_vcpu();
	pc_init();
	lapic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	is_x2 = arg_flag("x2apic");
	if (is_x2)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	trap_hooks[VECTOR] = take_and_rearm;
	check_ticks(1, false);
	check_ticks(3, true);
}
