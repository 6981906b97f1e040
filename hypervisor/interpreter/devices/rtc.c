/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818 real-time clock and 128 bytes of NVRAM at ports 70h and 71h. Data sheet: Motorola
 * MC146818A "Real-Time Clock Plus RAM"; the meaning of NVRAM bytes is that of IBM's AT, and that of
 * 34h, 35h, 5Bh..5Dh (memory above 16 MiB and above 4 GiB) is what firmware of virtual machines
 * agrees on. Called by pc.c alone.
 *
 * Nothing ticks: date and flags follow from the time when somebody asks. An interrupt that is
 * raised stays until register C is read, so none can come in a burst. Limit: a date beyond the year
 * 2554 comes out as another one.
 */
#include "interpreter/devices/rtc.h"
#include "lib/lib.h"
#include "lib/muldiv.h"

#define NS 1000000000ull
#define NEVER (~0ull)
#define UIP_NS 244000u /* before an update, by the data sheet */
#define HALF_SECOND 500000000ull
#define CRYSTAL 32768u

enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH,
	YEAR, REG_A, REG_B, REG_C, REG_D, CENTURY = 0x32,
};

#define A_UIP 0x80
#define A_DIVIDER_RESET 0x60 /* both bits: the clock stands */
#define B_SET 0x80
#define B_PERIODIC 0x40
#define B_ALARM 0x20
#define B_UPDATE 0x10
#define B_BINARY 0x04
#define B_24H 0x02
#define C_IRQ 0x80
#define C_PERIODIC B_PERIODIC
#define C_ALARM B_ALARM
#define C_UPDATE B_UPDATE
#define D_VALID 0x80
#define HOUR_PM 0x80
#define ALARM_ANY 0xc0

static bool stands(const struct rtc *r)
{
	return (r->ram[REG_B] & B_SET) || (r->ram[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* ---- numbers as the registers hold them ------------------------------------------------------ */

static u8 encode(const struct rtc *r, unsigned value)
{
	return (u8)(r->ram[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static unsigned decode(const struct rtc *r, u8 value)
{
	return r->ram[REG_B] & B_BINARY ? value : (value >> 4) * 10u + (value & 15u);
}

static u8 encode_hour(const struct rtc *r, unsigned hour)
{
	if (r->ram[REG_B] & B_24H)
		return encode(r, hour);
	return (u8)(encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0));
}

static unsigned decode_hour(const struct rtc *r, u8 value)
{
	if (r->ram[REG_B] & B_24H)
		return decode(r, value);
	return decode(r, value & (u8)~HOUR_PM) % 12 + (value & HOUR_PM ? 12 : 0);
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const u8 days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the 1st of January of a year from 1970 on. */
static u64 days_before_year(unsigned year)
{
	u64 y = year - 1;

	return (u64)(year - 1970) * 365 + (y / 4 - y / 100 + y / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
}

/* Registers of the date and the time of day, from seconds since 1970. */
static void show(struct rtc *r, u64 seconds)
{
	u64 days = seconds / 86400;
	unsigned tod = (unsigned)(seconds % 86400), year, month = 1;

	days = min(days, days_before_year(9999)); /* two digits of century */
	year = 1970 + (unsigned)(days / 366);
	while (days_before_year(year + 1) <= days) /* 22 rounds at most: one a missed leap day */
		year++;
	r->ram[WEEKDAY] = encode(r, (unsigned)((days + 4) % 7 + 1)); /* a Thursday; Sunday is 1 */
	days -= days_before_year(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	r->ram[SECONDS] = encode(r, tod % 60);
	r->ram[MINUTES] = encode(r, tod / 60 % 60);
	r->ram[HOURS] = encode_hour(r, tod / 3600);
	r->ram[DAY] = encode(r, (unsigned)days + 1);
	r->ram[MONTH] = encode(r, month);
	r->ram[YEAR] = encode(r, year % 100);
	r->ram[CENTURY] = encode(r, year / 100);
}

/* Back again. What is no date becomes the nearest sum, as if the fields counted on. */
static u64 seconds_shown(const struct rtc *r)
{
	unsigned year = decode(r, r->ram[CENTURY]) % 100 * 100 + decode(r, r->ram[YEAR]) % 100;
	unsigned month = decode(r, r->ram[MONTH]);
	u64 days;

	year = max(year, 1970u);
	month = max(month, 1u);
	month = min(month, 12u);
	days = days_before_year(year) + max(decode(r, r->ram[DAY]), 1u) - 1;
	for (unsigned m = 1; m < month; m++)
		days += month_days(year, m);
	return days * 86400 + decode_hour(r, r->ram[HOURS]) * 3600u +
	       decode(r, r->ram[MINUTES]) * 60u + decode(r, r->ram[SECONDS]);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* Crystal clocks of a period, 0 = none. */
static u32 period(const struct rtc *r)
{
	unsigned rate = r->ram[REG_A] & 15;

	return rate ? 1u << (rate < 3 ? rate + 6 : rate - 1) : 0;
}

static u64 next_periodic(const struct rtc *r, u64 ns)
{
	u64 clocks = period(r);

	if (!clocks || (r->ram[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET)
		return NEVER;
	clocks *= multiply_divide(ns, CRYSTAL, NS) / clocks + 1;
	return multiply_divide(clocks, NS, CRYSTAL) +
	       1; /* the first ns at or behind it, and no less */
}

static u64 next_update(const struct rtc *r, u64 ns)
{
	return stands(r) ? NEVER : ns + NS - (ns + r->wall) % NS;
}

static bool alarm_fits(u8 alarm, unsigned wanted, unsigned found)
{
	return alarm >= ALARM_ANY || wanted == found;
}

/* The update after `ns` at which the alarm rings. Bounded: a few hundred steps. */
static u64 next_alarm(const struct rtc *r, u64 ns)
{
	const u8 *ram = r->ram;
	unsigned h = decode_hour(r, ram[HOURS_ALARM]), m = decode(r, ram[MINUTES_ALARM]);
	unsigned s = decode(r, ram[SECONDS_ALARM]), tod, at = 0;
	u64 update = next_update(r, ns);

	if (update == NEVER || (ram[HOURS_ALARM] < ALARM_ANY && h > 23) ||
	    (ram[MINUTES_ALARM] < ALARM_ANY && m > 59) ||
	    (ram[SECONDS_ALARM] < ALARM_ANY && s > 59))
		return NEVER;
	tod = (unsigned)((update + r->wall) / NS % 86400);
	/*
	 * Each field that does not fit carries the time to its next value, with the lower ones 0.
	 */
	for (at = tod; at < tod + 2 * 86400u;) {
		if (!alarm_fits(ram[HOURS_ALARM], h, at / 3600 % 24))
			at = (at / 3600 + 1) * 3600;
		else if (!alarm_fits(ram[MINUTES_ALARM], m, at / 60 % 60))
			at = (at / 60 + 1) * 60;
		else if (!alarm_fits(ram[SECONDS_ALARM], s, at % 60))
			at++;
		else
			break;
	}
	return update + (at - tod) * NS;
}

bool mc146818_sync(struct rtc *r, u64 ns)
{
	u8 *c = &r->ram[REG_C];

	if (ns > r->seen) {
		if (!(*c & C_PERIODIC) && next_periodic(r, r->seen) <= ns)
			*c |= C_PERIODIC;
		if (!(*c & C_UPDATE) && next_update(r, r->seen) <= ns)
			*c |= C_UPDATE;
		if (r->alarm_at <= ns) {
			*c |= C_ALARM;
			r->alarm_at = next_alarm(r, ns);
		}
		r->seen = ns;
	}
	*c &= (u8)~C_IRQ;
	if (*c & r->ram[REG_B] & (C_PERIODIC | C_UPDATE | C_ALARM))
		*c |= C_IRQ;
	return *c & C_IRQ;
}

u64 mc146818_deadline(const struct rtc *r)
{
	u8 wanted = r->ram[REG_B] & (u8)~r->ram[REG_C];
	u64 next = NEVER;

	if (r->ram[REG_C] & C_IRQ)
		return NEVER; /* its line is up until C is read */
	if (wanted & C_PERIODIC)
		next = next_periodic(r, r->seen);
	if (wanted & C_UPDATE)
		next = min(next, next_update(r, r->seen));
	if (wanted & C_ALARM)
		next = min(next, r->alarm_at);
	return next;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void refresh(struct rtc *r, u64 ns)
{
	if (!stands(r))
		show(r, (ns + r->wall) / NS);
}

/* The clock goes on from what the registers say; after a divider reset half a second later. */
static void start(struct rtc *r, u64 ns, u64 fraction)
{
	r->wall = seconds_shown(r) * NS + fraction - ns;
}

u8 mc146818_read(struct rtc *r, u16 port, u64 ns)
{
	u8 value;

	if (port == 0x70)
		return 0xff; /* write-only */
	mc146818_sync(r, ns);
	switch (r->index) {
	case REG_A:
		value = r->ram[REG_A];
		return !stands(r) && next_update(r, ns) - ns <= UIP_NS ? value | A_UIP : value;
	case REG_C:
		value = r->ram[REG_C];
		r->ram[REG_C] = 0;
		return value;
	case REG_D:
		return D_VALID;
	}
	refresh(r, ns);
	return r->ram[r->index];
}

static void write_control(struct rtc *r, u8 value, u64 ns)
{
	bool stood = stands(r), was_reset = r->index == REG_A;

	refresh(r, ns);
	if (r->index == REG_A)
		r->ram[REG_A] = value & (u8)~A_UIP;
	else
		r->ram[REG_B] = value & B_SET ? value & (u8)~B_UPDATE : value;
	if (stood && !stands(r))
		start(r, ns, was_reset ? HALF_SECOND : (ns + r->wall) % NS);
}

void mc146818_write(struct rtc *r, u16 port, u8 value, u64 ns)
{
	if (port == 0x70) {
		r->index = value & 0x7f; /* bit 7 masks NMI, of which there is none */
		return;
	}
	mc146818_sync(r, ns);
	switch (r->index) {
	case REG_A:
	case REG_B:
		write_control(r, value, ns);
		break;
	case REG_C:
	case REG_D:
		return;
	case SECONDS:
	case MINUTES:
	case HOURS:
	case WEEKDAY:
	case DAY:
	case MONTH:
	case YEAR:
	case CENTURY:
		refresh(r, ns);
		r->ram[r->index] = value;
		if (!stands(r))
			start(r, ns, (ns + r->wall) % NS);
		break;
	default:
		r->ram[r->index] = value;
		break;
	}
	r->alarm_at = next_alarm(r, r->seen);
	mc146818_sync(r, ns);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void store16(struct rtc *r, unsigned index, u64 value)
{
	u16 stored = (u16)min(value, (u64)0xffff);

	r->ram[index] = (u8)stored;
	r->ram[index + 1] = (u8)(stored >> 8);
}

void mc146818_reset(struct rtc *r)
{
	r->ram[REG_B] &= (u8) ~(B_PERIODIC | B_ALARM | B_UPDATE);
	r->ram[REG_C] = 0;
	r->index = 0;
}

/* Memory beyond 3 GiB lies above 4 GiB. */
void mc146818_init(struct rtc *r, u64 memory_bytes, u64 wall_ns, u64 ns)
{
	u64 low = min(memory_bytes, 3ull << 30), high = (memory_bytes - low) >> 16, sum = 0;

	memset(r, 0, sizeof(*r));
	r->wall = wall_ns - ns;
	r->seen = ns;
	r->ram[REG_A] = 0x26;
	r->ram[REG_B] = B_24H;
	r->ram[0x14] = 0x06; /* equipment: coprocessor, mouse port; no diskette */
	store16(r, 0x15, 640);
	store16(r, 0x17, low > 1 << 20 ? (low >> 10) - 1024 : 0);
	store16(r, 0x30, low > 1 << 20 ? (low >> 10) - 1024 : 0);
	store16(r, 0x34, low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0);
	store16(r, 0x5b, high & 0xffff);
	r->ram[0x5d] = (u8)(high >> 16);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += r->ram[i];
	r->ram[0x2e] = (u8)(sum >> 8);
	r->ram[0x2f] = (u8)sum;
	show(r, wall_ns / NS);
	r->alarm_at = next_alarm(r, ns);
}
