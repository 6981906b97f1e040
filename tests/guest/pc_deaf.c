/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All CPUs but the first halt with interrupts off, their timers at the shortest period, by turns
 * with a vector and with a number that is none; the first sleeps for ms= milliseconds. Nothing of
 * it may cost a neighbour on the same CPU its time.
 */
#include "pc.h"

#define VECTOR 0x50
#define TIMER_VECTOR 0x51

static volatile u32 deaf;

static void other_main(void *arg)
{
	u64 id = (u64)arg;

	lapic_write(APIC_SVR, SVR_ENABLE | 0xff);
	lapic_write(APIC_TDCR, TDCR_BY_1);
	lapic_write(APIC_LVT_TIMER, LVT_PERIODIC | (id % 2 ? TIMER_VECTOR : 5));
	lapic_write(APIC_TMICT, 1);
	__atomic_fetch_add(&deaf, 1, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();

	plan(1);
	pc_init();
	trap_hooks[VECTOR] = take_with_eoi;
	for (u32 id = 1; id < start_info->vcpus; id++)
		if (!startup_run(id, other_main, (void *)(u64)id))
			bail("CPU %u does not start", id);
	while (deaf < start_info->vcpus - 1)
		cpu_relax();
	lapic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + arg_number("ms", 100) * tsc_hz / 1000);
	while (!self->counts[VECTOR])
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	ok(self->counts[VECTOR] == 1, "the first CPU sleeps and wakes");
}
