/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that only answer: serial port, PM timer, date and NVRAM, PCI configuration, and ports
 * where there is nothing. Marks 1..2: 100 x IN from the PM timer.
 */
#include "pc.h"

#define ROUNDS 100u
#define PM_BASE 0x600
#define PM_HZ 3579545u
#define UART 0x3f8

static void check_serial(void)
{
	static const char text[] = "# a line by the serial port\n";
	unsigned wrong = 0;

	console_flush();
	outb(UART + 3, 0x03); /* 8 bits */
	for (unsigned n = 0; n + 1 < sizeof(text); n++) {
		while (!(inb(UART + 5) & 0x20))
			cpu_relax();
		outb(UART, (u8)text[n]);
	}
	outb(UART + 7, 0x5a);
	ok(inb(UART + 7) == 0x5a, "scratch register");
	outb(UART + 3, 0x83);
	outb(UART, 1);
	outb(UART + 1, 0);
	ok(inb(UART) == 1 && inb(UART + 1) == 0, "divisor");
	outb(UART + 3, 0x03);
	outb(UART + 2, 0xc7);
	ok((inb(UART + 2) & 0xcf) == 0xc1, "FIFO on, nothing to tell");
	outb(UART + 4, 0x1a); /* loop back, RTS, OUT2 */
	ok((inb(UART + 6) & 0xf0) == 0x90, "loopback of the modem lines: %#x", inb(UART + 6));
	for (u8 n = 0; n < 16; n++)
		outb(UART, (u8)(n * 17));
	for (u8 n = 0; n < 16; n++)
		wrong += !(inb(UART + 5) & 1) || inb(UART) != (u8)(n * 17);
	ok(!wrong && !(inb(UART + 5) & 1), "16 bytes through the loop");
	for (unsigned n = 0; n < 17; n++)
		outb(UART, (u8)n);
	ok((inb(UART + 5) & 3) == 3 && !(inb(UART + 5) & 2), "the 17th is an overrun, told once");
	outb(UART + 2, 0x03);
	ok(!(inb(UART + 5) & 1), "a cleared FIFO is empty");
	outb(UART + 4, 0x0b);
}

static void check_pm_timer(void)
{
	u32 first, last;
	u64 start, ticks, wanted;

	first = inl(PM_BASE + 8);
	start = rdtsc();
	delay_us(10000);
	last = inl(PM_BASE + 8);
	wanted = (rdtsc() - start) * PM_HZ / tsc_hz;
	ticks = last - first;
	ok(ticks * 100 > wanted * 99 && ticks * 100 < wanted * 101,
	   "the PM timer counted %llu, by the TSC %llu", (unsigned long long)ticks,
	   (unsigned long long)wanted);
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		inl(PM_BASE + 8);
	mark(2);
	outw(PM_BASE + 2, 0x0120);
	ok(inw(PM_BASE + 2) == 0x0120 && (inw(PM_BASE + 4) & 1), "PM1 enable, SCI_EN");
	outw(PM_BASE + 2, 0);
}

static u8 nvram(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static unsigned from_bcd(u8 value)
{
	return (value >> 4) * 10u + (value & 15u);
}

static void check_rtc(void)
{
	u64 memory = (u64)nvram(0x31) << 18 | (u64)nvram(0x30) << 10;

	ok((nvram(0x0a) & 0x70) == 0x20 && (nvram(0x0b) & 0x80) == 0 && nvram(0x0d) == 0x80,
	   "the clock runs on a good battery");
	ok(from_bcd(nvram(0x32)) >= 19 && from_bcd(nvram(8)) - 1 < 12 &&
		   from_bcd(nvram(7)) - 1 < 31 && from_bcd(nvram(4)) < 24 &&
		   from_bcd(nvram(2)) < 60 && from_bcd(nvram(0)) < 60,
	   "a date: %02x%02x-%02x-%02x %02x:%02x", nvram(0x32), nvram(9), nvram(8), nvram(7),
	   nvram(4), nvram(2));
	ok(memory + 0x100000 == start_info->memory_bytes, "%llu KiB of extended memory",
	   (unsigned long long)memory >> 10);
	outb(0x70, 0x40);
	outb(0x71, 0xa5);
	ok(nvram(0x40) == 0xa5, "a byte of NVRAM");
}

static u32 pci_read(u32 address)
{
	outl(0xcf8, 0x80000000u | address);
	return inl(0xcfc);
}

static void check_pci(void)
{
	unsigned others = 0;

	outl(0xcf8, 0x80000000);
	ok(inl(0xcf8) == 0x80000000, "configuration mechanism 1");
	ok(pci_read(0) != ~0u && pci_read(8) >> 16 == 0x0600, "0:0.0 is a host bridge");
	ok(inw(0xcfe) == 0x0600 && inb(0xcff) == 0x06, "parts of a register");
	for (u32 device = 1; device < 256; device++)
		others += pci_read(device << 8) != ~0u;
	for (u32 bus = 1; bus < 256; bus += 17)
		others += pci_read(bus << 16) != ~0u;
	ok(!others, "and nothing else: %u", others);
	outl(0xcf8, 0);
	ok(inl(0xcfc) == ~0u, "all ones without the enable bit");
}

static void check_nothing(void)
{
	static const u16 ports[] = { 0x00f1, 0x0170, 0x01f0, 0x0278, 0x02f8,
				     0x0300, 0x0510, 0x1000, 0xc000, 0xffff };
	unsigned wrong = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(ports); n++) {
		outl(ports[n], 0);
		wrong += inb(ports[n]) != 0xff || inw(ports[n]) != 0xffff || inl(ports[n]) != ~0u;
	}
	ok(!wrong, "unknown ports read as ones: %u of %u not", wrong, (unsigned)ARRAY_SIZE(ports));
}

void guest_main(void)
{
	plan(19);
	pc_init();
	check_serial();
	check_pm_timer();
	check_rtc();
	check_pci();
	check_nothing();
}
