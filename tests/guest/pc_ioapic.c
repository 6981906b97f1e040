/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOAPIC: registers, edges from timer (pin 2) and RTC (pin 8), level from the serial port (pin
 * 4), masks, remote IRR, EOI broadcast. Marks 1..2: 20 x interrupt by the serial port's transmitter
 * with its read of IIR and its EOI.
 */
#include "pc.h"

#define ROUNDS 20u
#define TIMER 0x42
#define RTC 0x43
#define UART 0x44
#define REMOTE_IRR 0x4000u

static struct guest_vcpu *self;
static u32 remote_irr;
static u8 cause;

static bool take_rtc(struct trap_frame *frame)
{
	outb(0x70, 0x0c);
	inb(0x71);
	return take_with_eoi(frame);
}

static bool take_uart(struct trap_frame *frame)
{
	cause = inb(0x3fa);
	return take_with_eoi(frame);
}

/* The line stays up, and what the pin says before and after EOI is looked at. */
static bool take_level(struct trap_frame *frame)
{
	remote_irr = ioapic_read(0x18) & REMOTE_IRR;
	if (self->counts[UART] >= 3)
		cause = inb(0x3fa);
	return take_with_eoi(frame);
}

static void check_registers(void)
{
	unsigned wrong = 0;

	ok((ioapic_read(1) & 0xff) >= 0x11 && ioapic_read(1) >> 16 == 23, "version, 24 pins");
	ioapic_write(0, 0x05000000);
	ok(ioapic_read(0) == 0x05000000, "its id reads back");
	ioapic_write(0, 0);
	for (unsigned pin = 0; pin < 24; pin++)
		wrong += !(ioapic_read(0x10 + pin * 2) & LVT_MASKED);
	ok(!wrong, "all pins are masked");
	ioapic_write(0x11, ~0u);
	ioapic_write(0x10, ~0u & ~REMOTE_IRR & ~0x700u);
	ok(ioapic_read(0x11) == 0xff000000 && ioapic_read(0x10) == 0x1a8ff,
	   "read-only and reserved bits of an entry: %#x", ioapic_read(0x10));
	ioapic_write(0x10, LVT_MASKED);
	ok(mmio_read(IOAPIC_BASE) == 0x10, "the index reads back");
}

static u64 sleep_ticks(unsigned vector, unsigned n)
{
	return sleep_taking(&self->counts[vector], n) * 1000000 / tsc_hz;
}

static void check_edges(void)
{
	u64 us;

	outb(0x43, 0x34);
	outb(0x40, 0xa9); /* 1 ms */
	outb(0x40, 0x04);
	ioapic_route(2, TIMER);
	us = sleep_ticks(TIMER, 11);
	ok(us > 9900 && us < 12100, "11 ticks of the timer at pin 2: %llu us",
	   (unsigned long long)us);
	ioapic_route(2, LVT_MASKED | TIMER);
	counts_clear(self);
	delay_us(2500);
	irq_window();
	ok(!self->counts[TIMER], "none where the pin is masked");
	outb(0x70, 0x0a);
	outb(0x71, 0x26);
	outb(0x70, 0x0b);
	outb(0x71, (u8)(inb(0x71) | 0x40));
	ioapic_route(8, RTC);
	outb(0x70, 0x0c);
	inb(0x71);
	sleep_ticks(RTC, 2);
	us = sleep_ticks(RTC, 12);
	ok(us > 9000 && us < 10500, "10 ticks of the RTC at pin 8: %llu us",
	   (unsigned long long)us);
	ioapic_route(8, LVT_MASKED | RTC);
}

static void check_serial(void)
{
	outb(0x3fc, 0x08); /* OUT2: the interrupt is connected */
	ioapic_route(4, UART);
	__asm__ volatile("sti" : : : "memory");
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		outb(0x3f9, 0);
		outb(0x3f9, 2);
	}
	mark(2);
	cli();
	ok(self->counts[UART] == ROUNDS && (cause & 0x0f) == 2, "%u of %u: transmitter empty",
	   self->counts[UART], ROUNDS);
	outb(0x3f9, 0);
	trap_hooks[UART] = take_level;
	counts_clear(self);
	ioapic_route(4, REDIRECT_LEVEL | UART);
	outb(0x3f9, 2);
	ok(ioapic_read(0x18) & REMOTE_IRR && lapic_bit(APIC_TMR, UART), "level: remote IRR, TMR");
	irq_window();
	irq_window();
	irq_window();
	irq_window();
	ok(self->counts[UART] == 3 && remote_irr, "as long as its line is up it comes again: %u",
	   self->counts[UART]);
	ok(!(ioapic_read(0x18) & REMOTE_IRR), "until the cause is gone");
	outb(0x3f9, 0);
	ioapic_route(4, LVT_MASKED | REDIRECT_LEVEL | UART);
	outb(0x3f9, 2);
	irq_window();
	ok(self->counts[UART] == 3, "masked: nothing");
	ioapic_write(0x18, REDIRECT_LEVEL | UART);
	irq_window();
	ok(self->counts[UART] > 3, "a level that waited comes with the unmasking");
	outb(0x3f9, 0);
}

void guest_main(void)
{
	plan(14);
	self = this_vcpu();
	pc_init();
	trap_hooks[TIMER] = take_with_eoi;
	trap_hooks[RTC] = take_rtc;
	trap_hooks[UART] = take_uart;
	check_registers();
	check_edges();
	check_serial();
}
