/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts in company: 8259 and local APIC at once, nested handlers, HLT beside what may not be
 * delivered. Marks 1..2: one HLT that a vector held back must not end.
 */
#include "pc.h"

#define IRQ_TIMER 0x30
#define LOW 0x41
#define HIGH 0x61
#define HIGHEST 0xe1

static struct guest_vcpu *self;
static volatile u32 depth, deepest;

static bool take_pic(struct trap_frame *frame)
{
	(void)frame;
	outb(0x20, 0x20);
	return true;
}

/* Sends itself the next higher one, and lets it in. */
static bool take_nested(struct trap_frame *frame)
{
	depth++;
	deepest = max(deepest, depth);
	if (frame->vector < HIGHEST)
		lapic_write(APIC_ICR,
			    ICR_SELF | ICR_ASSERT | (frame->vector == LOW ? HIGH : HIGHEST));
	irq_window();
	depth--;
	return take_with_eoi(frame);
}

static void start_pic(void)
{
	static const u8 words[4] = { 0x11, IRQ_TIMER, 0x04, 0x01 };

	for (unsigned n = 0; n < 4; n++)
		outb(n ? 0x21 : 0x20, words[n]);
	outb(0x43, 0x30);
	outb(0x21, 0xfe);
	outb(0x40, 0x40);
	outb(0x40, 0);
	delay_us(200);
}

static void check_both(void)
{
	start_pic();
	lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | LOW);
	irq_window();
	irq_window();
	ok(self->counts[IRQ_TIMER] == 1 && self->counts[LOW] == 1 && self->order_count == 2,
	   "one of the 8259 and one of the local APIC: %u", self->order_count);
	lapic_write(APIC_TPR, 0xf0);
	start_pic();
	lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | LOW);
	irq_window();
	irq_window();
	ok(self->counts[IRQ_TIMER] == 2 && self->counts[LOW] == 1,
	   "TPR holds back the latter alone");
	outb(0x21, 0xff);
	lapic_write(APIC_TPR, 0);
	irq_window();
	ok(self->counts[LOW] == 2, "which comes later");
}

static void check_nesting(void)
{
	trap_hooks[LOW] = trap_hooks[HIGH] = trap_hooks[HIGHEST] = take_nested;
	counts_clear(self);
	for (unsigned n = 0; n < 20; n++) {
		lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | LOW);
		irq_window();
	}
	ok(deepest == 3 && !depth && self->counts[LOW] == 20 && self->counts[HIGH] == 20 &&
		   self->counts[HIGHEST] == 20,
	   "handlers nested three deep, 20 times");
	ok(!lapic_bit(APIC_ISR, LOW) && !lapic_bit(APIC_ISR, HIGHEST) && !lapic_read(APIC_PPR),
	   "and nothing is left in service");
	trap_hooks[LOW] = trap_hooks[HIGH] = trap_hooks[HIGHEST] = take_with_eoi;
}

static void check_halt(void)
{
	u64 start;

	counts_clear(self);
	lapic_write(APIC_TPR, 0x60);
	lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | LOW);
	lapic_write(APIC_LVT_TIMER, LVT_DEADLINE | HIGHEST);
	start = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, start + tsc_hz / 500);
	mark(1);
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	mark(2);
	ok(rdtsc() - start >= tsc_hz / 500 && self->counts[HIGHEST] == 1 && !self->counts[LOW],
	   "HLT sleeps beside a vector that TPR holds back");
	lapic_write(APIC_TPR, 0);
	irq_window();
	ok(self->counts[LOW] == 1, "which is not lost");
}

void guest_main(void)
{
	plan(7);
	self = this_vcpu();
	pc_init();
	trap_hooks[IRQ_TIMER] = take_pic;
	trap_hooks[LOW] = trap_hooks[HIGH] = trap_hooks[HIGHEST] = take_with_eoi;
	check_both();
	check_nesting();
	check_halt();
}
