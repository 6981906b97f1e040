/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 (interpreter/devices/i8254.c) against the data sheet: six modes, reading and latching,
 * BCD, the gate of counter 2; and that counter 0 keeps its phase without bursts.
 */
#include "fake/pc.h"
#include "lib/muldiv.h"
#include "tap.h"

#define HZ 1193182ull

static struct i8254 p;
static u64 clk; /* in clocks of the 8254 */

/* A little into the clock, so that rounding is none of our concern. */
static u64 ns(void)
{
	return multiply_divide(clk, SECOND, HZ) + 300;
}

static void w(u16 port, u8 value)
{
	i8254_write(&p, port, value, ns());
}

static u8 r(u16 port)
{
	return i8254_read(&p, port, ns());
}

static u16 count(unsigned counter)
{
	u8 low;

	w(0x43, (u8)(counter << 6));
	low = r((u16)(0x40 + counter));
	return (u16)(low | r((u16)(0x40 + counter)) << 8);
}

static u8 status(unsigned counter)
{
	w(0x43, (u8)(0xe0 | 2 << counter));
	return r((u16)(0x40 + counter));
}

static bool out2(void)
{
	return r(0x61) & 0x20;
}

static bool rose(void)
{
	bool it;

	i8254_sync(&p, ns(), &it);
	return it;
}

static void program(unsigned counter, unsigned mode, u16 value)
{
	w(0x43, (u8)(counter << 6 | 0x30 | mode << 1));
	w((u16)(0x40 + counter), (u8)value);
	w((u16)(0x40 + counter), (u8)(value >> 8));
}

static void start(void)
{
	clk = 5000000;
	i8254_reset(&p, ns());
}

static void mode0(void)
{
	start();
	w(0x61, 1);
	w(0x43, 0xb0);
	EXPECT(!out2());
	EXPECT_EQ(status(2), 0x70); /* no count yet */
	w(0x42, 10);
	clk += 100;
	EXPECT(!out2()); /* half a count does not count */
	w(0x42, 0);
	clk++;
	EXPECT_EQ(count(2), 10);
	EXPECT_EQ(status(2), 0x30);
	clk += 4;
	EXPECT_EQ(count(2), 6);
	w(0x61, 0); /* gate off */
	clk += 100;
	EXPECT_EQ(count(2), 6);
	w(0x61, 1);
	clk += 5;
	EXPECT(count(2) == 1 && !out2());
	clk++;
	EXPECT(count(2) == 0 && out2());
	clk++;
	EXPECT_EQ(count(2), 0xffff);
	EXPECT_EQ(status(2), 0xb0);
	w(0x42, 3); /* the first byte of a new count stops it and lowers OUT */
	EXPECT(!out2());
	w(0x42, 0);
	clk += 4;
	EXPECT(out2());
	tap_case("mode 0: interrupt on terminal count");
}

static void mode1(void)
{
	start();
	w(0x61, 0);
	program(2, 1, 5);
	clk += 10;
	EXPECT(out2());
	w(0x61, 1); /* trigger */
	clk++;
	EXPECT(!out2());
	clk += 4;
	EXPECT(!out2());
	w(0x61, 0);
	w(0x61, 1); /* again: it lasts longer */
	clk += 5;
	EXPECT(!out2());
	clk++;
	EXPECT(out2());
	program(2, 5, 5);
	EXPECT(out2());
	clk += 100;
	w(0x61, 0);
	w(0x61, 1);
	clk += 5;
	EXPECT(out2());
	clk++;
	EXPECT(!out2()); /* one clock */
	clk++;
	EXPECT(out2());
	tap_case("modes 1 and 5: by the gate");
}

static void mode2(void)
{
	start();
	w(0x61, 1);
	program(2, 2, 4);
	clk++;
	for (unsigned i = 0; i < 12; i++, clk++) {
		EXPECT_EQ(count(2), 4 - i % 4);
		EXPECT_EQ(out2(), i % 4 != 3);
	}
	clk++;
	w(0x42, 6); /* in use from the next period on */
	w(0x42, 0);
	EXPECT_EQ(count(2), 3);
	EXPECT_EQ(status(2), 0xf4);
	clk += 3;
	EXPECT_EQ(count(2), 6);
	EXPECT_EQ(status(2), 0xb4);
	clk += 5;
	EXPECT(count(2) == 1 && !out2());
	w(0x61, 0);
	EXPECT(out2()); /* high at once */
	clk += 50;
	w(0x61, 1);
	clk++;
	EXPECT_EQ(count(2), 6);
	tap_case("mode 2: rate generator");
}

static void mode3(void)
{
	static const u8 even[] = { 6, 4, 2, 6, 4, 2 }, odd[] = { 4, 2, 0, 4, 2 };

	start();
	w(0x61, 1);
	program(2, 3, 6);
	clk++;
	for (unsigned i = 0; i < 18; i++, clk++)
		EXPECT(count(2) == even[i % 6] && out2() == (i % 6 < 3));
	program(2, 3, 5);
	clk++;
	for (unsigned i = 0; i < 20; i++, clk++)
		EXPECT(count(2) == odd[i % 5] && out2() == (i % 5 < 3));
	w(0x61, 0);
	EXPECT(out2());
	program(2, 3, 1); /* not allowed: anything but a crash */
	w(0x61, 1);
	clk += 77;
	count(2);
	program(2, 4, 3);
	clk += 3;
	EXPECT(out2());
	clk++;
	EXPECT(!out2());
	clk++;
	EXPECT(out2());
	tap_case("modes 3 and 4: square wave, strobe");
}

static void reading(void)
{
	start();
	w(0x43, 0x34);
	w(0x40, 0x34);
	w(0x40, 0x12);
	clk++;
	w(0x43, 0x00);
	clk += 0x20;
	w(0x43, 0x00); /* the first latch stays */
	EXPECT_EQ(r(0x40), 0x34);
	EXPECT_EQ(r(0x40), 0x12);
	EXPECT_EQ(r(0x40), 0x14); /* and now as it counts */
	EXPECT_EQ(r(0x40), 0x12);
	w(0x43, 0xc2); /* status and count: status first */
	clk += 4;
	EXPECT_EQ(r(0x40), 0xb4);
	EXPECT(r(0x40) == 0x14 && r(0x40) == 0x12);
	w(0x43, 0xde); /* counts of all three, as one moment */
	clk += 3;
	EXPECT(r(0x40) == 0x10 && r(0x40) == 0x12);
	w(0x43, 0x14); /* low byte only */
	w(0x40, 9);
	clk += 2;
	EXPECT(r(0x40) == 8 && r(0x40) == 8);
	w(0x43, 0x24); /* high byte only */
	w(0x40, 2);
	clk += 2;
	EXPECT(r(0x40) == 1 && r(0x40) == 1);
	w(0x43, 0x31); /* BCD */
	w(0x40, 0x00);
	w(0x40, 0x10);
	clk += 2;
	EXPECT_EQ(count(0), 0x0999);
	clk += 1000;
	EXPECT_EQ(count(0), 0x9999);
	w(0x40, 0);
	w(0x40, 0); /* 0 is 10000 */
	clk += 2;
	EXPECT_EQ(count(0), 0x9999);
	EXPECT_EQ(r(0x43), 0xff);
	w(0x43, 0x3e); /* mode 7 is mode 3 */
	EXPECT_EQ(status(0) & 0xe, 6);
	tap_case("latches, read-back, byte modes, BCD");
}

static void phase(void)
{
	u64 begin, seed = 1, edges = 0;

	start();
	program(0, 2, 11932); /* 100 Hz */
	begin = clk + 1;
	rose();
	for (unsigned i = 1; i <= 50; i++) {
		u64 at = i8254_deadline(&p);
		bool it;

		EXPECT_EQ(multiply_divide(at, HZ, SECOND), begin + i * 11932);
		i8254_sync(&p, at - 1, &it);
		EXPECT(!it);
		i8254_sync(&p, at + rnd(&seed) % MS, &it); /* late, but not by a period */
		EXPECT(it);
	}
	clk = begin + 11932 * 1000 + 5;
	EXPECT(rose()); /* 950 at once are one */
	EXPECT(!rose());
	EXPECT_EQ(multiply_divide(i8254_deadline(&p), HZ, SECOND), begin + 11932 * 1001);

	program(0, 2, 2); /* 600 kHz asked for */
	for (u64 end = clk + HZ / 100; clk < end; edges++) {
		u64 at = i8254_deadline(&p);
		bool it;

		EXPECT(at > ns());
		clk = multiply_divide(at, HZ, SECOND);
		i8254_sync(&p, at, &it);
		EXPECT(it);
	}
	EXPECT(edges <= 501); /* 50 kHz */

	program(0, 0, 1000); /* one-shot */
	EXPECT(!rose());
	EXPECT_EQ(multiply_divide(i8254_deadline(&p), HZ, SECOND), clk + 1001);
	clk += 1001;
	EXPECT(rose());
	EXPECT_EQ(i8254_deadline(&p), ~0ull);
	program(0, 0, 3);
	clk += 4;
	EXPECT(rose()); /* as short as it likes */
	w(0x43, 0x30);
	EXPECT(i8254_deadline(&p) == ~0ull && !rose());
	w(0x43, 0x34); /* OUT goes up with the mode */
	EXPECT(rose());
	tap_case("counter 0: phase, no bursts, one-shots");
}

static void port61(void)
{
	u8 first;
	unsigned changes = 0;

	start();
	w(0x61, 0xff);
	EXPECT_EQ(r(0x61) & 0x0f, 0x0f);
	w(0x61, 0);
	EXPECT_EQ(r(0x61) & 0x0f, 0);
	first = r(0x61);
	for (unsigned i = 0; i < 100; i++, clk += 18, first = r(0x61))
		changes += (first ^ r(0x61)) >> 4 & 1;
	for (unsigned i = 0; i < 100; i++) {
		u8 before = r(0x61);

		clk += 18;
		changes += (before ^ r(0x61)) >> 4 & 1;
	}
	EXPECT(changes > 90); /* refresh toggles every 15 us */
	tap_case("port 61h");
}

int main(void)
{
	mode0();
	mode1();
	mode2();
	mode3();
	reading();
	phase();
	port61();
	return tap_done();
}
