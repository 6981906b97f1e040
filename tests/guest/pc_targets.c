/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU an interrupt goes to: lowest priority to one of two, level-triggered lines to the other
 * one, whose EOI must bring them again. Needs vcpus: 2.
 */
#include "pc.h"

#define LOW 0x41
#define LINE 0x51

static struct guest_vcpu *self;
static volatile u32 other_is_ready;

static bool take_line(struct trap_frame *frame)
{
	if (this_vcpu()->counts[LINE] % 3 == 0)
		inb(0x3fa);
	return take_with_eoi(frame);
}

static void other_main(void *arg)
{
	(void)arg;
	lapic_write(APIC_SVR, SVR_ENABLE | 0xff);
	lapic_write(APIC_LDR, 2u << 24);
	other_is_ready = 1;
	__asm__ volatile("sti" : : : "memory");
	for (;;)
		cpu_relax();
}

void guest_main(void)
{
	struct guest_vcpu *other = &vcpus[1];
	u32 sum = 0;

	plan(3);
	self = this_vcpu();
	pc_init();
	lapic_write(APIC_LDR, 1u << 24);
	trap_hooks[LOW] = take_with_eoi;
	trap_hooks[LINE] = take_line;
	ok(startup_run(1, other_main, NULL) && wait_taking(&other_is_ready, 1), "another CPU");
	for (unsigned n = 1; n <= 10; n++) {
		ipi(3, ICR_LOGICAL | ICR_ASSERT | 0x100 | LOW);
		for (u64 end = rdtsc() + tsc_hz / 50; sum < n && rdtsc() < end;) {
			irq_window();
			sum = self->counts[LOW] + other->counts[LOW];
		}
	}
	ok(sum == 10, "lowest priority: each at one of them: %u", sum);
	outb(0x3fc, 0x08);
	ioapic_write(0x19, 1u << 24);
	ioapic_write(0x18, REDIRECT_LEVEL | LINE);
	outb(0x3f9, 0);
	for (unsigned n = 1; n <= 10; n++) {
		outb(0x3f9, 2);
		wait_taking(&other->counts[LINE], n * 3);
		outb(0x3f9, 0);
	}
	delay_us(1000);
	ok(other->counts[LINE] == 30, "a level line to the other: %u of 30", other->counts[LINE]);
}
