/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset and a new life, twice: by the reset control register and by port 92h. NVRAM, where the life
 * is counted, is all that stays; what each life leaves behind in the devices must be gone in the
 * next, the second CPU included. Needs vcpus: 2.
 */
#include "pc.h"

#define NVRAM_LIFE 0x50
#define TIMER 0x42

static u32 initialised = 0x12345678, zero;

static u8 nvram_read(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void nvram_write(u8 index, u8 value)
{
	outb(0x70, index);
	outb(0x71, value);
}

/* Numbers of results would begin anew in each life: only the last one has any. */
static void must(bool holds, const char *what)
{
	if (!holds)
		bail("not so: %s", what);
}

static void x2apic_eoi(void *unused)
{
	(void)unused;
	wrmsr(MSR_X2APIC(APIC_EOI), 0);
}

static void check_fresh(void)
{
	must(initialised == 0x12345678 && !zero, "memory is as it was loaded");
	must(rdmsr(MSR_APIC_BASE) == (LAPIC_BASE | APIC_BASE_ENABLE | BIT(8)), "xAPIC mode");
	must(inb(0x21) == 0xff && inb(0xa1) == 0xff, "8259: all masked");
	must(!(nvram_read(0x0b) & 0x70), "RTC: no interrupts");
	must(inb(0x3f9) == 0 && inb(0x3fc) == 0, "serial port: no interrupts, no loop");
	must(inl(0xcf8) == 0, "PCI: no address");
	must((inb(0x92) & 3) == 2 && inw(0x602) == 0, "port 92h and PM1 as after a reset");
	pc_init();
	must(!lapic_read(APIC_TPR) && !lapic_read(APIC_TMICT) &&
		     (lapic_read(APIC_LVT_TIMER) & LVT_MASKED) && !lapic_bit(APIC_IRR, TIMER),
	     "local APIC: nothing set, nothing pending");
	must(try_insn(x2apic_eoi, NULL).vector == VEC_GP, "x2APIC: no register");
	for (unsigned pin = 0; pin < 24; pin++)
		must(ioapic_read(0x10 + pin * 2) == LVT_MASKED, "IOAPIC: all masked");
}

static void other_main(void *arg)
{
	(void)arg;
	for (;;)
		cpu_relax();
}

static void leave_things(void)
{
	initialised = 0;
	zero = 1;
	must(startup_run(1, other_main, NULL), "the second CPU starts");
	outb(0x21, 0xfe);
	nvram_write(0x0b, (u8)(nvram_read(0x0b) | 0x40));
	outb(0x3fc, 0x18);
	outb(0x3f9, 0x0f);
	outl(0xcf8, 0x80000004);
	outw(0x602, 0x0100);
	for (unsigned pin = 0; pin < 24; pin++)
		ioapic_route(pin, TIMER);
	lapic_write(APIC_TPR, 0xf0);
	lapic_write(APIC_LVT_TIMER, LVT_PERIODIC | TIMER);
	lapic_write(APIC_TMICT, 10000);
	delay_us(200);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
}

void guest_main(void)
{
	u8 life = nvram_read(NVRAM_LIFE);

	check_fresh();
	nvram_write(NVRAM_LIFE, (u8)(life + 1));
	if (life < 2) {
		leave_things();
		life ? outb(0x92, inb(0x92) | 1) : outb(0xcf9, 0x06);
		bail("life %u goes on", life);
	}
	ok(life == 2, "life %u finds nothing of the former ones", life);
}
