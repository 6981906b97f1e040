/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 with its three counters at ports 40h..43h, and gate and output of counter 2 at port 61h.
 * Data sheets: Intel 8254 "Programmable Interval Timer" (231164); port 61h: Intel 82371SB (PIIX3),
 * "NMI Status and Control". Called by pc.c alone.
 *
 * Nothing runs: a counter is the clock at which it was loaded and its count, and all else follows
 * from the time. So a period keeps its phase however late anybody looks, and edges that were missed
 * become one. Limit: periodic edges of counter 0 are reported at least 20 us apart.
 */
#include "interpreter/devices/i8254.h"
#include "lib/lib.h"
#include "lib/muldiv.h"

#define HZ 1193182ull
#define NS 1000000000ull
#define NEVER (~0ull)
#define EDGE_CLOCKS_MIN 24u /* 20 us */

#define READ_BACK 3
#define GATE2 0x01
#define SPEAKER_BITS 0x0f
#define REFRESH 0x10
#define OUT2 0x20
#define REFRESH_NS 15085u

static u64 clock_of(u64 ns)
{
	return multiply_divide(ns, HZ, NS);
}

/* The first nanosecond of a clock. */
static u64 ns_of(u64 clock)
{
	u64 ns = multiply_divide(clock, NS, HZ);

	return clock_of(ns) < clock ? ns + 1 : ns;
}

static bool is_periodic(const struct i8254_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* A count of 1 is not allowed there; any other answer than a division by it will do. */
static u32 period(const struct i8254_counter *c)
{
	return max(c->n, 2u);
}

static u64 elapsed(const struct i8254_counter *c, u64 now)
{
	if (c->phase == I8254_STOPPED)
		return c->elapsed;
	return now > c->start ? now - c->start : 0;
}

static void load(struct i8254_counter *c, u64 now)
{
	c->n = c->next_n;
	c->start = now + 1; /* with the next clock */
	c->has_switch = false;
	c->is_null = false;
	c->phase = I8254_RUNNING;
}

/* A count written meanwhile comes into use at the end of a period. */
static void catch_up(struct i8254_counter *c, u64 now)
{
	if (!c->has_switch || now < c->switch_at)
		return;
	c->n = c->next_n;
	c->start = c->switch_at;
	c->has_switch = false;
	c->is_null = false;
}

static bool out(const struct i8254_counter *c, u64 now)
{
	u64 e = elapsed(c, now);

	if (c->phase == I8254_IDLE || c->phase == I8254_WAITING)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return e >= c->n;
	case 2:
		return c->phase == I8254_STOPPED || e % period(c) != period(c) - 1;
	case 3:
		return c->phase == I8254_STOPPED || e % period(c) < (period(c) + 1) / 2;
	default:
		return e != c->n;
	}
}

static u32 wrap(const struct i8254_counter *c)
{
	return c->is_bcd ? 10000u : 65536u;
}

static u16 to_bcd(u32 value)
{
	return (u16)(value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 |
		     value / 1000 % 10 << 12);
}

/* Any nibble is a digit to the chip, above 9 as well. */
static u32 from_bcd(u16 value)
{
	return ((value >> 12) * 1000u + (value >> 8 & 15) * 100u + (value >> 4 & 15) * 10u +
		(value & 15)) %
	       10000;
}

static u16 count(const struct i8254_counter *c, u64 now)
{
	u64 e = elapsed(c, now);
	u32 value, half = (period(c) + 1) / 2;

	if (c->phase == I8254_IDLE || c->phase == I8254_WAITING) {
		value = c->n;
	} else if (c->mode == 2) {
		value = period(c) - (u32)(e % period(c));
	} else if (c->mode == 3) {
		u32 place = (u32)(e % period(c));

		value = (period(c) & ~1u) - 2 * (place < half ? place : place - half);
	} else {
		value = (u32)((c->n + wrap(c) - e % wrap(c)) % wrap(c));
	}
	value %= wrap(c);
	return c->is_bcd ? to_bcd(value) : (u16)value;
}

/* The first clock after `now` at which OUT rises. */
static u64 next_rise(const struct i8254_counter *c, u64 now)
{
	u64 at;

	if (c->phase != I8254_RUNNING)
		return NEVER;
	if (is_periodic(c))
		return c->start +
		       (now < c->start ? 1 : (now - c->start) / period(c) + 1) * period(c);
	at = c->start + c->n + (c->mode >= 4 ? 1 : 0);
	return at > now ? at : NEVER;
}

/* The next edge to report. A one-shot is never too early: the guest has had an exit for it. */
static u64 next_edge(const struct i8254 *p)
{
	const struct i8254_counter *c = &p->counter[0];
	u64 from = p->seen;

	if (is_periodic(c))
		from = max(from, p->reported + EDGE_CLOCKS_MIN - 1);
	return next_rise(c, from);
}

static void catch_up_all(struct i8254 *p, u64 now)
{
	if (now > p->seen) {
		if (next_edge(p) <= now) {
			p->rose = true;
			p->reported = now;
		}
		p->seen = now;
	}
	for (unsigned i = 0; i < 3; i++)
		catch_up(&p->counter[i], now);
}

bool i8254_sync(struct i8254 *p, u64 ns, bool *rose)
{
	u64 now = clock_of(ns);

	catch_up_all(p, now);
	*rose = p->rose;
	p->rose = false;
	return out(&p->counter[0], now);
}

u64 i8254_deadline(const struct i8254 *p)
{
	u64 rise = next_edge(p);

	return rise == NEVER ? NEVER : ns_of(rise);
}

/* ---- the gate of counter 2 ------------------------------------------------------------------- */

static void set_gate(struct i8254_counter *c, bool gate, u64 now)
{
	bool rises = gate && !c->gate, falls = !gate && c->gate;

	c->gate = gate;
	if (c->phase == I8254_IDLE)
		return;
	if (c->mode == 1 || c->mode == 5) {
		if (rises)
			load(c, now);
	} else if (falls && c->phase == I8254_RUNNING) {
		c->elapsed = elapsed(c, now);
		c->phase = I8254_STOPPED;
	} else if (rises && c->phase == I8254_STOPPED) {
		if (is_periodic(c)) {
			load(c, now);
		} else {
			c->start = now - min(now, c->elapsed);
			c->phase = I8254_RUNNING;
		}
	}
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void count_written(struct i8254_counter *c, u16 value, u64 now)
{
	c->next_n = c->is_bcd ? from_bcd(value) : value;
	if (!c->next_n)
		c->next_n = wrap(c);
	c->is_null = true;
	if (c->mode == 1 || c->mode == 5) {
		if (c->phase == I8254_IDLE) {
			c->n = c->next_n;
			c->phase = I8254_WAITING;
		}
	} else if (is_periodic(c) && c->phase == I8254_RUNNING) {
		c->has_switch = true;
		c->switch_at = next_rise(c, now);
	} else if (is_periodic(c) && c->phase == I8254_STOPPED) {
		c->n = c->next_n; /* the gate will load it */
	} else {
		load(c, now);
		if (!c->gate) {
			c->elapsed = 0;
			c->phase = I8254_STOPPED;
		}
	}
}

static void write_count(struct i8254_counter *c, u8 value, u64 now)
{
	if (c->access == 1) {
		count_written(c, value, now);
	} else if (c->access == 2) {
		count_written(c, (u16)(value << 8), now);
	} else if (!c->write_high) {
		c->low = value;
		c->write_high = true;
		if (c->mode == 0) { /* "writing the first byte disables counting" */
			c->n = wrap(c);
			c->elapsed = 0;
			c->phase = I8254_STOPPED;
		}
	} else {
		c->write_high = false;
		count_written(c, (u16)(value << 8 | c->low), now);
	}
}

static void latch_count(struct i8254_counter *c, u64 now)
{
	if (c->latched_bytes)
		return;
	c->latched = count(c, now);
	c->latched_bytes = c->access == 3 ? 2 : 1;
	c->read_high = c->access == 2;
}

static void latch_status(struct i8254_counter *c, u64 now)
{
	if (c->has_status)
		return;
	c->has_status = true;
	c->status = (u8)(out(c, now) << 7 | (c->is_null || c->start > now) << 6 | c->access << 4 |
			 c->mode << 1 | c->is_bcd);
}

static void control(struct i8254 *p, u8 value, u64 now)
{
	unsigned select = value >> 6;
	struct i8254_counter *c;

	if (select == READ_BACK) {
		for (unsigned i = 0; i < 3; i++) {
			if (!(value & BIT(i + 1)))
				continue;
			if (!(value & 0x20))
				latch_count(&p->counter[i], now);
			if (!(value & 0x10))
				latch_status(&p->counter[i], now);
		}
		return;
	}
	c = &p->counter[select];
	if (!(value & 0x30)) {
		latch_count(c, now);
		return;
	}
	*c = (struct i8254_counter){ .mode = value >> 1 & 7,
				     .access = value >> 4 & 3,
				     .is_bcd = value & 1,
				     .gate = c->gate,
				     .is_null = true,
				     .n = c->n,
				     .next_n = c->n };
	if (c->mode > 5)
		c->mode -= 4;
}

static u8 read_count(struct i8254_counter *c, u64 now)
{
	u16 value = c->latched_bytes ? c->latched : count(c, now);
	bool high = c->access == 2 || (c->access == 3 && c->read_high);

	if (c->has_status) {
		c->has_status = false;
		return c->status;
	}
	if (c->latched_bytes)
		c->latched_bytes--;
	c->read_high = c->access == 3 && !high;
	return (u8)(high ? value >> 8 : value);
}

u8 i8254_read(struct i8254 *p, u16 port, u64 ns)
{
	u64 now = clock_of(ns);

	catch_up_all(p, now);
	if (port == 0x61)
		return (u8)(p->port61 | (ns / REFRESH_NS & 1 ? REFRESH : 0) |
			    (out(&p->counter[2], now) ? OUT2 : 0));
	return port == 0x43 ? 0xff : read_count(&p->counter[port & 3], now);
}

void i8254_write(struct i8254 *p, u16 port, u8 value, u64 ns)
{
	u64 now = clock_of(ns);
	bool before;

	catch_up_all(p, now);
	before = out(&p->counter[0], now);
	if (port == 0x61) {
		p->port61 = value & SPEAKER_BITS;
		set_gate(&p->counter[2], value & GATE2, now);
	} else if (port == 0x43) {
		control(p, value, now);
	} else {
		write_count(&p->counter[port & 3], value, now);
	}
	if (!before && out(&p->counter[0], now))
		p->rose = true;
}

void i8254_reset(struct i8254 *p, u64 ns)
{
	u64 now = clock_of(ns);

	memset(p, 0, sizeof(*p));
	p->seen = p->reported = now;
	for (unsigned i = 0; i < 3; i++) {
		struct i8254_counter *c = &p->counter[i];

		/* As firmware leaves it: 18.2 Hz, refresh, and a silent speaker. */
		c->mode = i == 1 ? 2 : 3;
		c->access = i == 1 ? 1 : 3;
		c->gate = i != 2;
		c->next_n = c->n = i == 1 ? 18 : 65536;
		if (c->gate)
			load(c, now);
		else
			c->phase = I8254_IDLE;
	}
}
