/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock (interpreter/devices/rtc.c) against the data sheet of the MC146818A: calendar, formats,
 * setting, update cycle, the three interrupts, divider; NVRAM.
 */
#include <string.h>
#include <time.h>

#include "fake/pc.h"
#include "tap.h"

static struct rtc c;
static u64 t;

static u8 r(u8 index)
{
	mc146818_write(&c, 0x70, index | 0x80, t);
	return mc146818_read(&c, 0x71, t);
}

static void w(u8 index, u8 value)
{
	mc146818_write(&c, 0x70, index, t);
	mc146818_write(&c, 0x71, value, t);
}

static void start(u64 seconds)
{
	t = 77 * SECOND;
	mc146818_init(&c, 5ull << 30, seconds * SECOND, t);
}

static void expect_date(u64 seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	gmtime_r(&when, &tm);
	EXPECT_EQ(r(0), tm.tm_sec);
	EXPECT_EQ(r(2), tm.tm_min);
	EXPECT_EQ(r(4), tm.tm_hour);
	EXPECT_EQ(r(6), tm.tm_wday + 1);
	EXPECT_EQ(r(7), tm.tm_mday);
	EXPECT_EQ(r(8), tm.tm_mon + 1);
	EXPECT_EQ(r(9), tm.tm_year % 100);
	EXPECT_EQ(r(0x32), (tm.tm_year + 1900) / 100);
}

static void calendar(void)
{
	static const u64 moments[] = { 0,          951782399,  951782400,  951868799,
				       951868800,  978307199,  1709164800, 4107542400,
				       4107542399, 4294967296, 7258118400 };
	u64 seed = 3;

	for (unsigned i = 0; i < 3000; i++) {
		u64 s = i < ARRAY_SIZE(moments) ? moments[i] : rnd(&seed) % 18000000000ull;

		start(s);
		w(0x0b, 0x06); /* binary, 24 hours */
		expect_date(s);
		t += 86400ull * SECOND * 40 + 5 * SECOND;
		expect_date(s + 86400 * 40 + 5);
		/* Set, and read back. */
		w(0x0b, 0x86);
		for (u8 k = 0; k <= 9; k++)
			if (k != 1 && k != 3 && k != 5)
				w(k, r(k));
		w(0x0b, 0x06);
		expect_date(s + 86400 * 40 + 5);
	}
	tap_case("calendar beside gmtime(), set to what it reads");
}

static void formats(void)
{
	start(FAKE_WALL);
	EXPECT(r(0) == 0x40 && r(2) == 0x06 && r(4) == 0x12); /* BCD */
	w(0x0b, 0x00); /* 12 hours */
	EXPECT_EQ(r(4), 0x92);
	t += 3600 * SECOND;
	EXPECT_EQ(r(4), 0x81);
	t += 11ull * 3600 * SECOND;
	EXPECT_EQ(r(4), 0x12); /* midnight, AM */
	w(0x0b, 0x04);
	EXPECT_EQ(r(4), 12);
	w(4, 0x80 | 11); /* 11 PM */
	w(0x0b, 0x06);
	EXPECT_EQ(r(4), 23);
	w(0x0b, 0x02);
	EXPECT_EQ(r(0x32), 0x20);
	tap_case("BCD and binary, 12 and 24 hours");
}

static void setting(void)
{
	start(FAKE_WALL);
	w(0x0b, 0x86);
	EXPECT_EQ(r(0x0b) & 0x80, 0x80);
	w(0, 59);
	w(2, 59);
	w(4, 23);
	w(7, 28);
	w(8, 2);
	w(9, 24);
	w(0x32, 20);
	t += 100 * SECOND;
	EXPECT(r(0) == 59 && r(7) == 28); /* stands */
	w(0x0b, 0x06);
	t += SECOND;
	EXPECT(r(0) == 0 && r(4) == 0 && r(7) == 29 && r(8) == 2); /* 2024 */
	w(0x0a, 0x76); /* divider in reset */
	t += 100 * SECOND;
	EXPECT_EQ(r(0), 0);
	w(0x0a, 0x26); /* the first update comes half a second later */
	t += SECOND / 2 - 1;
	EXPECT_EQ(r(0), 0);
	t++;
	EXPECT_EQ(r(0), 1);
	w(8, 0xff); /* no month: still some date */
	w(7, 0);
	EXPECT(r(8) >= 1 && r(8) <= 12 && r(7) >= 1 && r(7) <= 31);
	tap_case("SET, divider reset, impossible dates");
}

static void update(void)
{
	start(FAKE_WALL);
	EXPECT_EQ(r(0x0a), 0x26);
	t += SECOND - 244001;
	EXPECT_EQ(r(0x0a), 0x26);
	t++;
	EXPECT_EQ(r(0x0a), 0xa6);
	EXPECT_EQ(r(0), 0x40);
	t += 244000;
	EXPECT_EQ(r(0x0a), 0x26);
	EXPECT_EQ(r(0), 0x41);
	EXPECT_EQ(r(0x0c) & 0x10, 0x10);
	EXPECT_EQ(r(0x0c), 0);
	EXPECT_EQ(r(0x0d), 0x80);
	w(0x0d, 0);
	w(0x0c, 0xff);
	EXPECT(r(0x0d) == 0x80 && r(0x0c) == 0);
	w(0x0b, 0x96);
	EXPECT_EQ(r(0x0b), 0x86); /* SET clears the update interrupt */
	EXPECT_EQ(mc146818_read(&c, 0x70, t), 0xff);
	tap_case("update in progress, register C, register D");
}

static void interrupts(void)
{
	u64 at;

	start(FAKE_WALL);
	EXPECT_EQ(mc146818_deadline(&c), ~0ull);
	w(0x0b, 0x12);
	EXPECT_EQ(mc146818_deadline(&c), 78 * SECOND);
	EXPECT(!mc146818_sync(&c, t = 78 * SECOND - 1));
	EXPECT(mc146818_sync(&c, t = 78 * SECOND));
	EXPECT_EQ(mc146818_deadline(&c), ~0ull); /* not again before C is read */
	t += 5 * SECOND;
	EXPECT_EQ(r(0x0c) & 0x90, 0x90);
	EXPECT(!mc146818_sync(&c, t));
	EXPECT_EQ(mc146818_deadline(&c), 84 * SECOND);

	w(0x0b, 0x42);
	r(0x0c);
	for (unsigned rate = 1; rate < 16; rate++) {
		u64 hz = rate < 3 ? 256 >> (rate - 1) : 65536 >> rate;

		w(0x0a, (u8)(0x20 | rate));
		r(0x0c);
		at = mc146818_deadline(&c);
		EXPECT(at > t && at - t <= SECOND / hz + 1);
		for (unsigned i = 0; i < 50; i++) {
			u64 next;

			t = at + 20000; /* late each time: no drift */
			EXPECT(mc146818_sync(&c, t));
			EXPECT_EQ(r(0x0c) & 0xc0, 0xc0);
			next = mc146818_deadline(&c);
			EXPECT(next - at + 1 >= SECOND / hz && next - at <= SECOND / hz + 2);
			at = next;
		}
		t += 10 * SECOND;
		EXPECT(mc146818_sync(&c, t));
		r(0x0c);
		EXPECT(!mc146818_sync(&c, t)); /* all those that were missed are one */
	}
	w(0x0a, 0x20);
	EXPECT_EQ(mc146818_deadline(&c), ~0ull);
	mc146818_reset(&c);
	EXPECT_EQ(r(0x0b), 0x02);
	tap_case("update-ended and periodic interrupts");
}

/* The alarm against a clock that really goes second by second. */
static void alarms(void)
{
	u64 seed = 9;

	for (unsigned i = 0; i < 300; i++) {
		u8 h = (u8)(rnd(&seed) % 26), m = (u8)(rnd(&seed) % 62), s = (u8)(rnd(&seed) % 62);
		u64 wall = FAKE_WALL + rnd(&seed) % 86400, expected = ~0ull;

		h = rnd(&seed) % 3 ? h : 0xff;
		m = rnd(&seed) % 3 ? m : 0xc0;
		s = rnd(&seed) % 3 ? s : 0xe5;
		start(wall);
		w(0x0b, 0x26);
		w(5, h);
		w(3, m);
		w(1, s);
		for (u64 k = 1; k <= 86400 && expected == ~0ull; k++) {
			u64 tod = (wall + k) % 86400;

			if ((h >= 0xc0 || h == tod / 3600) && (m >= 0xc0 || m == tod / 60 % 60) &&
			    (s >= 0xc0 || s == tod % 60))
				expected = t + k * SECOND;
		}
		EXPECT_EQ(mc146818_deadline(&c), expected);
		if (expected == ~0ull)
			continue;
		EXPECT(!mc146818_sync(&c, expected - 1));
		EXPECT(mc146818_sync(&c, t = expected));
		EXPECT_EQ(r(0x0c) & 0xa0, 0xa0);
		EXPECT(!mc146818_sync(&c, t));
	}
	start(FAKE_WALL); /* 12 hours, BCD: 1 PM */
	w(0x0b, 0x20);
	w(5, 0x81);
	w(3, 0);
	w(1, 0);
	t = mc146818_deadline(&c);
	EXPECT(mc146818_sync(&c, t) && r(4) == 0x81 && r(2) == 0 && r(0) == 0);
	tap_case("alarms, with and without don't-care, beside a search");
}

static void nvram(void)
{
	u8 sum = 0;

	start(FAKE_WALL);
	EXPECT(r(0x15) == 0x80 && r(0x16) == 0x02);
	EXPECT(r(0x30) == 0xff && r(0x31) == 0xff);
	EXPECT_EQ(r(0x34) | r(0x35) << 8, ((3ull << 30) - (16 << 20)) >> 16);
	EXPECT_EQ(r(0x5b) | r(0x5c) << 8 | r(0x5d) << 16, (2ull << 30) >> 16);
	for (u8 i = 0x10; i <= 0x2d; i++)
		sum = (u8)(sum + r(i));
	EXPECT_EQ(r(0x2f), sum);
	for (unsigned i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			w((u8)i, (u8)(i * 7));
	for (unsigned i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			EXPECT_EQ(r((u8)i), (u8)(i * 7));
	tap_case("NVRAM");
}

int main(void)
{
	calendar();
	formats();
	setting();
	update();
	interrupts();
	alarms();
	nvram();
	return tap_done();
}
