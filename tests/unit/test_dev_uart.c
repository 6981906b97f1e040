/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port (interpreter/devices/uart.c) against the data sheet of the PC16550D: registers,
 * FIFOs and trigger levels, the five interrupts in their order, loopback, modem lines.
 */
#include <string.h>

#include "fake/pc.h"
#include "tap.h"

static struct uart u;
static u64 t;
static char text[64];
static unsigned sent;

static u8 r(unsigned reg)
{
	return uart_read(&u, (u16)(0x3f8 + reg), t);
}

static void w(unsigned reg, u8 value)
{
	u8 byte;

	if (uart_write(&u, (u16)(0x3f8 + reg), value, t, &byte))
		text[sent++ % sizeof(text)] = (char)byte;
}

static bool irq(void)
{
	return uart_sync(&u, t);
}

static void type(const char *bytes)
{
	EXPECT_EQ(uart_input(&u, (const u8 *)bytes, strlen(bytes), t), strlen(bytes));
}

static void start(u8 fcr, u8 ier)
{
	memset(&u, 0, sizeof(u));
	t = 5;
	uart_reset(&u);
	sent = 0;
	w(3, 0x83);
	w(0, 1);
	w(1, 0);
	w(3, 0x03);
	w(4, 0x0b);
	w(2, fcr);
	w(1, ier);
}

static void registers(void)
{
	start(0, 0);
	w(7, 0xa5);
	EXPECT_EQ(r(7), 0xa5);
	w(1, 0xff);
	EXPECT_EQ(r(1), 0x0f);
	w(3, 0x9b);
	w(0, 0x34);
	w(1, 0x12);
	EXPECT(r(0) == 0x34 && r(1) == 0x12 && r(3) == 0x9b);
	EXPECT_EQ(sent, 0);
	w(3, 0x1b);
	EXPECT_EQ(r(1), 0x0f);
	w(4, 0xff);
	EXPECT_EQ(r(4), 0x1f);
	w(5, 0xff);
	w(6, 0xff);
	EXPECT_EQ(r(5), 0x60);
	start(0, 0);
	EXPECT(r(2) == 0x01 && r(6) == 0xb0);
	w(2, 0xc1);
	EXPECT_EQ(r(2), 0xc1);
	w(2, 0xc6); /* without bit 0 the rest is off as well */
	EXPECT_EQ(r(2), 0x01);
	tap_case("registers, divisor latch");
}

static void transmit(void)
{
	start(1, 0x02);
	EXPECT(irq());
	EXPECT_EQ(r(2), 0xc2);
	EXPECT(!irq()); /* reading it acknowledges */
	EXPECT_EQ(r(2), 0xc1);
	w(0, 'h');
	EXPECT(irq());
	w(0, 'i');
	EXPECT_EQ(r(5), 0x60);
	EXPECT_EQ(r(2), 0xc2);
	EXPECT(!irq());
	EXPECT(sent == 2 && !memcmp(text, "hi", 2));
	w(1, 0x02); /* no change */
	EXPECT(!irq());
	w(1, 0x00);
	w(1, 0x02); /* enabling it while empty tells again */
	EXPECT(irq());
	w(4, 0x03); /* OUT2 gates it */
	EXPECT(!irq());
	w(3, 0x02);
	w(0, 0xc1); /* seven bits */
	EXPECT_EQ(text[2], 0x41);
	tap_case("transmitter");
}

static void receive(void)
{
	static const u8 levels[4] = { 1, 4, 8, 14 };

	start(0, 0x01);
	type("ab");
	EXPECT(irq() && r(2) == 0x04 && r(5) == 0x61);
	EXPECT_EQ(r(0), 'a');
	EXPECT(irq()); /* the next one comes in */
	EXPECT_EQ(r(0), 'b');
	EXPECT(!irq() && r(5) == 0x60 && r(0) == 0);

	for (unsigned i = 0; i < 4; i++) {
		start((u8)(i << 6 | 1), 0x01);
		for (unsigned k = 1; k < levels[i]; k++)
			type("x");
		EXPECT(!irq());
		type("y");
		EXPECT(irq() && r(2) == 0xc4);
		EXPECT_EQ(uart_deadline(&u), ~0ull);
		r(0);
		EXPECT(!irq() || levels[i] == 1);
	}
	start(0xc1, 0x01); /* 14 */
	type("abc");
	EXPECT(!irq() && r(5) == 0x61);
	EXPECT_EQ(uart_deadline(&u), t + 347222);
	t += 347221;
	EXPECT(!irq());
	t++;
	EXPECT(irq());
	EXPECT_EQ(r(2), 0xcc); /* the time-out */
	EXPECT_EQ(r(0), 'a');
	EXPECT(!irq()); /* starts again */
	EXPECT_EQ(uart_deadline(&u), t + 347222);
	w(2, 0xc3); /* cleared */
	EXPECT(r(5) == 0x60 && uart_deadline(&u) == ~0ull);
	tap_case("receiver: FIFO, trigger levels, time-out");
}

static void backlog(void)
{
	u8 bytes[400], taken = 0;
	size_t count;

	start(0xc1, 0x01);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 3);
	count = uart_input(&u, bytes, sizeof(bytes), t);
	EXPECT(count >= 256 && count < sizeof(bytes)); /* the rest later */
	count += uart_input(&u, bytes + count, sizeof(bytes) - count, t);
	for (unsigned i = 0; i < count; i++, taken++)
		EXPECT(r(0) == (u8)(i * 3) && !(r(5) & 2)); /* never an overrun */
	EXPECT_EQ(r(5), 0x60);
	tap_case("fast typists lose nothing");
}

static void loopback(void)
{
	start(0x01, 0x05);
	w(4, 0x1b);
	type("z"); /* from outside: waits */
	w(0, 'a');
	w(0, 'b');
	EXPECT_EQ(sent, 0);
	EXPECT(r(0) == 'a' && r(0) == 'b' && r(5) == 0x60);
	for (unsigned i = 0; i < 17; i++)
		w(0, (u8)('A' + i));
	EXPECT_EQ(r(2), 0xc6);
	EXPECT_EQ(r(5), 0x63); /* overrun; told once */
	EXPECT_EQ(r(5), 0x61);
	EXPECT_EQ(r(2), 0xc4);
	for (unsigned i = 0; i < 16; i++)
		EXPECT_EQ(r(0), 'A' + i);
	w(4, 0x0b);
	EXPECT_EQ(r(0), 'z');
	start(0, 0x04);
	w(4, 0x18);
	w(0, 'a');
	w(0, 'b'); /* without a FIFO the later one stays */
	EXPECT(r(5) == 0x63 && r(0) == 'b');
	tap_case("loopback, overrun");
}

static void modem(void)
{
	start(0, 0x08);
	EXPECT(!irq() && r(6) == 0xb0);
	w(4, 0x1f);
	EXPECT_EQ(r(6), 0xf0); /* RI came: not told */
	w(4, 0x1b);
	EXPECT_EQ(r(2), 0x00);
	EXPECT_EQ(r(6), 0xb4); /* and went */
	EXPECT_EQ(r(6), 0xb0);
	w(4, 0x10);
	EXPECT_EQ(r(6), 0x0b);
	w(4, 0x12);
	EXPECT_EQ(r(6), 0x11);
	w(4, 0x11);
	EXPECT_EQ(r(6), 0x23);
	w(4, 0x0b);
	EXPECT(irq());
	EXPECT_EQ(r(6), 0xb9);
	EXPECT(!irq());
	tap_case("modem lines");
}

int main(void)
{
	registers();
	transmit();
	receive();
	backlog();
	loopback();
	modem();
	return tap_done();
}
