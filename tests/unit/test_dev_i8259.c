/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8259A (interpreter/devices/i8259.c) against the data sheet: initialization, priorities,
 * the ways to end an interrupt and to rotate, special modes, poll, spurious ones, the cascade, and
 * the edge/level registers.
 */
#include "fake/pc.h"
#include "tap.h"

static struct i8259 p;

static void w(u16 port, u8 value)
{
	i8259_write(&p, port, value);
}

static u8 r(u16 port)
{
	return i8259_read(&p, port);
}

/* As a PC sets them up; icw4 of both. */
static void start(u8 icw4)
{
	i8259_reset(&p);
	for (unsigned irq = 0; irq < 16; irq++)
		i8259_line(&p, irq, false);
	w(0x20, 0x11);
	w(0x21, 0x30);
	w(0x21, 0x04);
	w(0x21, icw4);
	w(0xa0, 0x11);
	w(0xa1, 0x38);
	w(0xa1, 0x02);
	w(0xa1, icw4);
}

static void pulse(unsigned irq)
{
	i8259_line(&p, irq, true);
	i8259_line(&p, irq, false);
}

static void initialization(void)
{
	i8259_reset(&p);
	EXPECT(r(0x21) == 0xff && r(0xa1) == 0xff && !i8259_output(&p));
	pulse(3);
	w(0x20, 0x11);
	EXPECT_EQ(r(0x20), 0); /* forgets edges */
	EXPECT_EQ(r(0x21), 0);
	w(0x21, 0x43); /* the low bits are not its business */
	pulse(1);
	EXPECT(!i8259_output(&p)); /* not before the sequence is over */
	w(0x21, 0x04);
	w(0x21, 0x01);
	EXPECT(i8259_output(&p));
	EXPECT_EQ(i8259_acknowledge(&p), 0x41);
	w(0x21, 0xfe);
	EXPECT_EQ(r(0x21), 0xfe); /* OCW1 from now on */
	w(0x20, 0x12); /* single, no ICW4 */
	w(0x21, 0x50);
	pulse(2);
	pulse(7);
	EXPECT_EQ(i8259_acknowledge(&p), 0x57); /* IR2 is wired to the slave; nothing else comes */
	tap_case("initialization words");
}

static void priorities(void)
{
	start(1);
	pulse(5);
	pulse(3);
	pulse(3);
	EXPECT_EQ(r(0x20), 0x28);
	EXPECT_EQ(i8259_acknowledge(&p), 0x33);
	w(0x20, 0x0b);
	EXPECT_EQ(r(0x20), 0x08);
	w(0x20, 0x0a);
	EXPECT_EQ(r(0x20), 0x20);
	EXPECT(!i8259_output(&p)); /* 5 is below 3 */
	pulse(3);
	EXPECT(!i8259_output(&p)); /* and so is 3 itself */
	pulse(1);
	EXPECT_EQ(i8259_acknowledge(&p), 0x31);
	w(0x20, 0x20); /* ends 1 */
	EXPECT(!i8259_output(&p));
	w(0x20, 0x63); /* ends 3 by name */
	EXPECT_EQ(i8259_acknowledge(&p), 0x33);
	w(0x20, 0x20);
	w(0x21, 0x20);
	EXPECT(!i8259_output(&p));
	w(0x21, 0);
	EXPECT_EQ(i8259_acknowledge(&p), 0x35);
	w(0x20, 0x20);
	w(0x20, 0x20); /* nothing in service: nothing happens */
	EXPECT_EQ(i8259_acknowledge(&p), 0x37); /* spurious, and not in service */
	w(0x20, 0x0b);
	EXPECT_EQ(r(0x20), 0);
	tap_case("priorities, masks, EOIs, spurious interrupts");
}

static void cascade(void)
{
	start(1);
	pulse(9);
	EXPECT_EQ(r(0x20), 0x04);
	EXPECT_EQ(i8259_acknowledge(&p), 0x39);
	w(0x20, 0x0b);
	w(0xa0, 0x0b);
	EXPECT(r(0x20) == 0x04 && r(0xa0) == 0x02);
	pulse(3); /* below the whole slave */
	pulse(8);
	EXPECT(!i8259_output(&p)); /* without special nesting the slave is blocked */
	w(0x20, 0x20);
	EXPECT_EQ(i8259_acknowledge(&p), 0x38);
	w(0xa0, 0x20);
	w(0xa0, 0x20);
	w(0x20, 0x20);
	EXPECT_EQ(i8259_acknowledge(&p), 0x33);
	w(0x20, 0x20);
	pulse(10);
	w(0xa1, 0xff); /* withdrawn before it was taken */
	EXPECT(!i8259_output(&p));
	w(0xa1, 0);
	EXPECT_EQ(i8259_acknowledge(&p), 0x3a);

	start(0x11); /* special fully nested */
	pulse(9);
	EXPECT_EQ(i8259_acknowledge(&p), 0x39);
	pulse(10);
	EXPECT(!i8259_output(&p));
	pulse(8);
	EXPECT_EQ(i8259_acknowledge(&p), 0x38);
	tap_case("the slave, nested and specially nested");
}

static void rotation(void)
{
	start(1);
	pulse(2 + 1);
	pulse(4);
	EXPECT_EQ(i8259_acknowledge(&p), 0x33);
	w(0x20, 0xa0); /* rotate: 3 is the lowest now */
	pulse(3);
	EXPECT_EQ(i8259_acknowledge(&p), 0x34);
	w(0x20, 0xe4);
	EXPECT_EQ(i8259_acknowledge(&p), 0x33);
	w(0x20, 0x63);
	w(0x20, 0xc0); /* 0 is the lowest, 1 the highest */
	pulse(0);
	pulse(7);
	EXPECT_EQ(i8259_acknowledge(&p), 0x37);
	w(0x20, 0x20);
	EXPECT_EQ(i8259_acknowledge(&p), 0x30);

	start(3); /* automatic EOI */
	w(0x20, 0x80);
	pulse(4);
	pulse(6);
	EXPECT_EQ(i8259_acknowledge(&p), 0x34);
	w(0x20, 0x0b);
	EXPECT_EQ(r(0x20), 0);
	pulse(4);
	EXPECT_EQ(i8259_acknowledge(&p), 0x36);
	w(0x20, 0x00);
	pulse(3);
	pulse(5);
	EXPECT_EQ(i8259_acknowledge(&p), 0x33); /* lowest is 6 still: 7, 0 .. 3 before 4, 5 */
	EXPECT_EQ(i8259_acknowledge(&p), 0x34);
	tap_case("rotation, automatic EOI");
}

static void special(void)
{
	start(1);
	pulse(1);
	EXPECT_EQ(i8259_acknowledge(&p), 0x31);
	pulse(6);
	w(0x21, 0x02);
	EXPECT(!i8259_output(&p));
	w(0x20, 0x68); /* special mask: the masked one in service blocks nobody */
	EXPECT_EQ(i8259_acknowledge(&p), 0x36);
	w(0x20, 0x20); /* not the masked one */
	w(0x20, 0x0b);
	EXPECT_EQ(r(0x20), 0x02);
	w(0x20, 0x48);
	pulse(6);
	EXPECT(!i8259_output(&p));

	start(1);
	w(0x20, 0x0c);
	EXPECT_EQ(r(0x20), 0); /* poll: nothing */
	pulse(4);
	w(0x20, 0x0c);
	EXPECT_EQ(r(0x20), 0x84);
	EXPECT(!i8259_output(&p));
	w(0x20, 0x0b);
	EXPECT_EQ(r(0x20), 0x10);
	w(0x20, 0x20);
	pulse(12);
	w(0xa0, 0x0c);
	EXPECT_EQ(r(0xa0), 0x84);
	tap_case("special mask, poll");
}

static void levels(void)
{
	start(1);
	w(0x4d0, 0xff);
	w(0x4d1, 0xff);
	EXPECT(r(0x4d0) == 0xf8 && r(0x4d1) == 0xde);
	i8259_line(&p, 5, true);
	EXPECT_EQ(i8259_acknowledge(&p), 0x35);
	w(0x20, 0x20);
	EXPECT_EQ(i8259_acknowledge(&p), 0x35); /* again, while it is up */
	i8259_line(&p, 5, false);
	w(0x20, 0x20);
	EXPECT(!i8259_output(&p));
	i8259_line(&p, 9, true);
	i8259_line(&p, 9, false);
	EXPECT(!i8259_output(&p));
	w(0x4d0, 0);
	i8259_line(&p, 5, true);
	EXPECT_EQ(i8259_acknowledge(&p), 0x35);
	w(0x20, 0x20);
	EXPECT(!i8259_output(&p));
	i8259_line(&p, 16, true);
	i8259_line(&p, 2, true);
	EXPECT(!i8259_output(&p));
	EXPECT(!i8259_wants(&p, 5) == false && i8259_wants(&p, 4));
	tap_case("level-triggered inputs");
}

int main(void)
{
	initialization();
	priorities();
	cascade();
	rotation();
	special();
	levels();
	return tap_done();
}
