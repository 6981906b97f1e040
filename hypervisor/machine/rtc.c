/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wall clock: read once from the MC146818 real-time clock, which is accurate to a second; from
 * then on the TSC tells the time. Data sheet: Motorola MC146818, "Time, Calendar and Alarm".
 */
#include "machine/machine.h"
#include "machine/x86.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_SECONDS 0
#define RTC_MINUTES 2
#define RTC_HOURS 4
#define RTC_DAY 7
#define RTC_MONTH 8
#define RTC_YEAR 9
#define RTC_A 10
#define RTC_A_UPDATING 0x80
#define RTC_B 11
#define RTC_B_BINARY 0x04
#define RTC_TRIES 100000u

static u64 wall_at_zero;

static u8 rtc_read(u8 index)
{
	outb(RTC_INDEX, index);
	return inb(RTC_DATA);
}

static unsigned number(u8 index, bool is_binary)
{
	u8 value = rtc_read(index);

	return is_binary ? value : (value >> 4) * 10u + (value & 15u);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, 2000..2099. */
static u64 days_since_epoch(unsigned year, unsigned month, unsigned day)
{
	static const u16 before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	u64 days = (year - 1970) * 365 + (year - 1969) / 4;

	days += before[(month - 1) % 12] + day - 1;
	return month > 2 && year % 4 == 0 ? days + 1 : days;
}

void rtc_init(void)
{
	bool is_binary = rtc_read(RTC_B) & RTC_B_BINARY;
	u64 days, seconds;

	/* Never waits for ever: a machine without this clock reads all ones. */
	for (unsigned i = 0; i < RTC_TRIES && (rtc_read(RTC_A) & RTC_A_UPDATING); i++)
		cpu_relax();
	days = days_since_epoch(2000 + number(RTC_YEAR, is_binary) % 100,
				number(RTC_MONTH, is_binary), number(RTC_DAY, is_binary));
	seconds = days * 86400 + number(RTC_HOURS, is_binary) * 3600 +
		  number(RTC_MINUTES, is_binary) * 60 + number(RTC_SECONDS, is_binary);
	wall_at_zero = seconds * 1000000000ull - tsc_to_ns(rdtsc());
}

u64 wall_clock_ns(void)
{
	return wall_at_zero;
}
