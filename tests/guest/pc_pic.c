/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of the first PCs: 8259 pair, interval timer through it (ExtINT), counter 2 by port
 * 61h, periodic interrupt of the RTC through the slave. Marks 1..2: 50 x OUT to a mask register.
 */
#include "pc.h"

#define ROUNDS 50u
#define BASE 0x30
#define IRQ_TIMER BASE
#define IRQ_RTC (BASE + 8)
#define PIT_HZ 1193182u
#define EOI 0x20

static struct guest_vcpu *self;
static u8 isr_master, isr_slave;

static u8 pic_isr(u16 port)
{
	return outb(port, 0x0b), inb(port);
}

static bool take(struct trap_frame *frame)
{
	isr_master = pic_isr(0x20);
	isr_slave = pic_isr(0xa0);
	if (frame->vector >= IRQ_RTC)
		outb(0xa0, EOI);
	outb(0x20, EOI);
	return true;
}

static bool take_rtc(struct trap_frame *frame)
{
	outb(0x70, 0x0c);
	inb(0x71); /* or its line stays up */
	return take(frame);
}

static void check_pic(void)
{
	static const u8 words[4] = { 0x11, BASE, 0x04, 0x01 };
	static const u8 slave_words[4] = { 0x11, BASE + 8, 0x02, 0x01 };

	for (unsigned n = 0; n < 4; n++) {
		outb(n ? 0x21 : 0x20, words[n]);
		outb(n ? 0xa1 : 0xa0, slave_words[n]);
	}
	outb(0x21, 0xa5);
	outb(0xa1, 0x5a);
	ok(inb(0x21) == 0xa5 && inb(0xa1) == 0x5a, "mask registers read back");
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		outb(0xa1, 0xff);
	mark(2);
	ok(!pic_isr(0x20) && !pic_isr(0xa0) && lapic_read(APIC_LVT_LINT0) == 0x700,
	   "nothing in service, LINT0 passes ExtINT on");
}

static void pit_start(unsigned counter, u8 mode, u16 count)
{
	outb(0x43, (u8)(counter << 6 | 0x30 | mode << 1)); /* both bytes */
	outb((u16)(0x40 + counter), (u8)count);
	outb((u16)(0x40 + counter), (u8)(count >> 8));
}

/* Sleeps until the vector has come n times; what that took, in us. */
static u64 sleep_us(unsigned vector, unsigned n)
{
	return sleep_taking(&self->counts[vector], n) * 1000000 / tsc_hz;
}

static void check_timer(void)
{
	u64 us;

	outb(0x21, 0xfe);
	pit_start(0, 2, PIT_HZ / 1000);
	us = sleep_us(IRQ_TIMER, 11);
	outb(0x21, 0xff);
	ok(is_about(us, 11000, 10) && isr_master == 1 && !isr_slave,
	   "11 ticks of 1 ms, with HLT, in service: input 0: %llu us", (unsigned long long)us);
	delay_us(2500);
	counts_clear(self);
	irq_window();
	ok(!self->counts[IRQ_TIMER], "masked, it is silent");
	outb(0x21, 0xfe);
	irq_window();
	outb(0x43, 0x30); /* stops it: a line on the console takes longer than a tick */
	ok(self->counts[IRQ_TIMER] == 1, "the edge was kept");
	pit_start(0, 0, PIT_HZ / 500);
	counts_clear(self);
	us = sleep_us(IRQ_TIMER, 1);
	ok(is_about(us, 2000, 10), "one-shot of 2 ms: %llu us", (unsigned long long)us);
	delay_us(3000);
	irq_window();
	outb(0x43, 0xe2); /* read back: status of counter 0 */
	ok(self->counts[IRQ_TIMER] == 1 && (inb(0x40) & 0xbf) == 0xb0, "only once, output high");
	lapic_write(APIC_LVT_LINT0, 0x700 | LVT_MASKED);
	pit_start(0, 2, PIT_HZ / 1000);
	delay_us(2500);
	irq_window();
	ok(self->counts[IRQ_TIMER] == 1, "LINT0 masked: no ExtINT");
	outb(0x21, 0xff);
	lapic_write(APIC_LVT_LINT0, 0x700);
}

static void check_speaker(void)
{
	u64 start;

	outb(0x61, (u8)((inb(0x61) & ~3u) | 1));
	pit_start(2, 0, PIT_HZ / 200);
	start = rdtsc();
	ok(!(inb(0x61) & 0x20), "counter 2 counts");
	while (!(inb(0x61) & 0x20) && rdtsc() - start < tsc_hz / 10)
		cpu_relax();
	start = (rdtsc() - start) * 1000000 / tsc_hz;
	ok(is_about(start, 5000, 10), "and is done after %llu us", (unsigned long long)start);
}

static void check_rtc(void)
{
	u64 us;

	outb(0x70, 0x0a);
	outb(0x71, 0x26); /* 1024 Hz */
	outb(0x70, 0x0b);
	outb(0x71, (u8)(inb(0x71) | 0x40));
	outb(0x21, 0xfb);
	outb(0xa1, 0xfe);
	sleep_us(IRQ_RTC, 2); /* one may have waited; from then on they are regular */
	us = sleep_us(IRQ_RTC, 12);
	ok(is_about(us, 10 * 1000000 / 1024, 8), "10 ticks at 1024 Hz: %llu us",
	   (unsigned long long)us);
	ok(isr_master == 4 && isr_slave == 1, "in service: the slave's input 0");
}

void guest_main(void)
{
	plan(12);
	self = this_vcpu();
	pc_init();
	trap_hooks[IRQ_TIMER] = take;
	trap_hooks[IRQ_RTC] = take_rtc;
	check_pic();
	check_timer();
	check_speaker();
	check_rtc();
}
