/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of the local APIC: one-shot, periodic, TSC deadline, each against the TSC, its count
 * against the crystal of CPUID leaf 15h.
 */
#include "pc.h"

#define VECTOR 0xec

static struct guest_vcpu *self;

/* TSC from start until the vector has come n times; 0 = too long. */
static u64 wait_ticks(unsigned n, u64 start)
{
	return wait_taking(&self->counts[VECTOR], n) ? rdtsc() - start : 0;
}

static void check_count(void)
{
	u64 start, ticks, first;

	lapic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	lapic_write(APIC_TDCR, TDCR_BY_1);
	lapic_write(APIC_TMICT, ~0u);
	start = rdtsc();
	first = lapic_read(APIC_TMCCT);
	delay_us(4000);
	ticks = first - lapic_read(APIC_TMCCT);
	start = rdtsc() - start;
	ok(is_about(ticks, start * crystal_hz / tsc_hz, 5),
	   "counts the crystal: %llu in %llu of TSC", (unsigned long long)ticks,
	   (unsigned long long)start);
	lapic_write(APIC_TDCR, 2); /* by 8 */
	first = lapic_read(APIC_TMCCT);
	start = rdtsc();
	delay_us(4000);
	ticks = first - lapic_read(APIC_TMCCT);
	start = rdtsc() - start;
	ok(is_about(ticks * 8, start * crystal_hz / tsc_hz, 5), "divided by 8: %llu",
	   (unsigned long long)ticks);
	lapic_write(APIC_TMICT, 0);
	ok(lapic_read(APIC_TMCCT) == 0 && lapic_read(APIC_TMICT) == 0, "0 stops it");
	lapic_write(APIC_TDCR, TDCR_BY_1);
}

static void check_modes(void)
{
	u64 start, taken, ms = tsc_hz / 1000;
	bool reads_back;

	lapic_write(APIC_LVT_TIMER, VECTOR);
	start = rdtsc();
	lapic_write(APIC_TMICT, (u32)(crystal_hz / 500));
	taken = wait_ticks(1, start);
	ok(is_about(taken, 2 * ms, 5), "one-shot of 2 ms after %llu", (unsigned long long)taken);
	delay_us(3000);
	irq_window();
	ok(self->counts[VECTOR] == 1 && lapic_read(APIC_TMCCT) == 0, "and only once");
	lapic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	start = rdtsc();
	lapic_write(APIC_TMICT, (u32)(crystal_hz / 1000));
	taken = wait_ticks(6, start);
	ok(is_about(taken, 5 * ms, 5), "five periods of 1 ms after %llu",
	   (unsigned long long)taken);
	lapic_write(APIC_LVT_TIMER, LVT_PERIODIC | LVT_MASKED | VECTOR);
	delay_us(2000);
	irq_window();
	ok(self->counts[VECTOR] == 6, "masked, it is silent");
	lapic_write(APIC_TMICT, 0);
	counts_clear(self);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ms);
	ok(rdmsr(MSR_TSC_DEADLINE) == 0, "in another mode the deadline stays 0");
	lapic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	lapic_write(APIC_TMICT, 1000);
	ok(lapic_read(APIC_TMICT) == 0 && lapic_read(APIC_TMCCT) == 0, "and in this one the count");
	start = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, start + ms);
	reads_back = rdmsr(MSR_TSC_DEADLINE) == start + ms;
	taken = wait_ticks(1, start); /* no line before it: that takes longer */
	ok(reads_back, "the deadline reads back");
	ok(is_about(taken, ms, 5) && !rdmsr(MSR_TSC_DEADLINE),
	   "comes after %llu and reads as 0 then", (unsigned long long)taken);
	wrmsr(MSR_TSC_DEADLINE, start);
	irq_window();
	ok(self->counts[VECTOR] == 2, "one that is past comes at once");
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ms);
	wrmsr(MSR_TSC_DEADLINE, 0);
	delay_us(2000);
	irq_window();
	ok(self->counts[VECTOR] == 2, "0 calls it off");
}

void guest_main(void)
{
	plan(13);
	self = this_vcpu();
	pc_init();
	trap_hooks[VECTOR] = take_with_eoi;
	check_count();
	check_modes();
}
