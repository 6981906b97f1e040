/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two 8259A, the slave at IR2 of the master: ports 20h, 21h, A0h, A1h, and the edge/level control
 * registers 4D0h, 4D1h. Data sheets: Intel 8259A "Programmable Interrupt Controller" (231468) and
 * Intel 82371SB (PIIX3), "ELCR1", "ELCR2". Called by pc.c alone.
 *
 * One thing differs from the chip on purpose: an edge stays latched although its line falls before
 * it is acknowledged, where the chip would make a spurious IR7 of it. A guest that is not running
 * at the time would lose timer ticks otherwise.
 */
#include "interpreter/devices/i8259.h"
#include "lib/lib.h"

#define CASCADE 2u
#define SPURIOUS 7u

#define ICW1 0x10
#define ICW1_SINGLE 0x02
#define ICW1_ICW4 0x01
#define ICW4_AUTO_EOI 0x02
#define ICW4_NESTED 0x10

#define OCW3 0x08
#define OCW3_SET_MASK 0x40 /* bit 5 is a command for the special mask mode */
#define OCW3_MASK 0x20
#define OCW3_POLL 0x04
#define OCW3_SET_READ 0x02 /* bit 0 is one for what port 0 reads */
#define OCW3_READ_ISR 0x01

/* Inputs that cannot be level-triggered: timer, keyboard, cascade; RTC, coprocessor. */
static const u8 elcr_mask[2] = { 0xf8, 0xde };

static u8 requests(const struct i8259_chip *c)
{
	return (u8)((c->latch & ~c->elcr) | (c->lines & c->elcr));
}

/* The input of highest priority in a set, or -1. */
static int highest(const struct i8259_chip *c, u8 set)
{
	for (unsigned i = 1; set && i <= 8; i++)
		if (set & BIT((c->lowest + i) & 7))
			return (int)((c->lowest + i) & 7);
	return -1;
}

static unsigned rank(const struct i8259_chip *c, int input)
{
	return ((unsigned)input - c->lowest - 1) & 7;
}

/* The input that INT is raised for, or -1. */
static int pending(const struct i8259_chip *c)
{
	int input = highest(c, requests(c) & (u8)~c->imr), served;
	u8 blocking = c->isr;

	if (c->special_mask)
		blocking &= (u8)~c->imr;
	/* The slave's own priorities count, even while one of its inputs is in service. */
	if (c->special_nested)
		blocking &= (u8)~BIT(CASCADE);
	served = highest(c, blocking);
	if (input < 0 || c->next_icw || (served >= 0 && rank(c, served) <= rank(c, input)))
		return -1;
	return input;
}

static void chip_line(struct i8259_chip *c, unsigned input, bool level)
{
	u8 bit = (u8)BIT(input);

	if (level && !(c->lines & bit))
		c->latch |= bit;
	c->lines = (u8)(level ? c->lines | bit : c->lines & ~bit);
}

static void cascade(struct i8259 *p)
{
	bool level = pending(&p->chip[1]) >= 0;

	chip_line(&p->chip[0], CASCADE, level);
	if (!level) /* both ends are chips: nothing is lost, and no spurious IR7 of the slave */
		p->chip[0].latch &= (u8)~BIT(CASCADE);
}

/* The end of an INTA sequence: INT falls, and rises again for what is left. */
static int chip_acknowledge(struct i8259_chip *c)
{
	int input = pending(c);

	if (input < 0)
		return -1;
	c->latch &= (u8)~BIT(input);
	if (!c->auto_eoi)
		c->isr |= (u8)BIT(input);
	else if (c->rotate_on_auto_eoi)
		c->lowest = (u8)input;
	return input;
}

static int slave_acknowledge(struct i8259 *p)
{
	int input = chip_acknowledge(&p->chip[1]);

	chip_line(&p->chip[0], CASCADE, false);
	cascade(p);
	return input;
}

void i8259_line(struct i8259 *p, unsigned irq, bool level)
{
	if (irq >= 16 || irq == CASCADE)
		return;
	chip_line(&p->chip[irq / 8], irq % 8, level);
	cascade(p);
}

bool i8259_output(const struct i8259 *p)
{
	return pending(&p->chip[0]) >= 0;
}

bool i8259_wants(const struct i8259 *p, unsigned irq)
{
	const struct i8259_chip *c = &p->chip[irq / 8 & 1];

	return !((c->imr | c->latch) & BIT(irq % 8));
}

u8 i8259_acknowledge(struct i8259 *p)
{
	int input = chip_acknowledge(&p->chip[0]);

	if (input != (int)CASCADE || p->chip[0].is_single)
		return (u8)(p->chip[0].base + (input < 0 ? SPURIOUS : (unsigned)input));
	input = slave_acknowledge(p);
	return (u8)(p->chip[1].base + (input < 0 ? SPURIOUS : (unsigned)input));
}

/* ---- commands -------------------------------------------------------------------------------- */

static void end_of_interrupt(struct i8259_chip *c, u8 command)
{
	unsigned input = command & 7;
	bool rotates = command & 0x80, is_specific = command & 0x40;

	if (!is_specific) {
		int served = highest(c, c->special_mask ? c->isr & (u8)~c->imr : c->isr);

		if (served < 0)
			return;
		input = (unsigned)served;
	}
	c->isr &= (u8)~BIT(input);
	if (rotates)
		c->lowest = (u8)input;
}

static void ocw2(struct i8259_chip *c, u8 command)
{
	switch (command >> 5) {
	case 1: /* non-specific EOI */
	case 3: /* specific EOI */
	case 5: /* the same, and rotate */
	case 7:
		end_of_interrupt(c, command);
		break;
	case 0:
	case 4:
		c->rotate_on_auto_eoi = command >> 5 == 4;
		break;
	case 6:
		c->lowest = command & 7;
		break;
	}
}

static void ocw3(struct i8259_chip *c, u8 command)
{
	if (command & OCW3_SET_MASK)
		c->special_mask = command & OCW3_MASK;
	if (command & OCW3_SET_READ)
		c->read_isr = command & OCW3_READ_ISR;
	c->poll = command & OCW3_POLL;
}

static void icw1(struct i8259_chip *c, u8 command)
{
	c->latch = 0;
	c->imr = 0;
	c->isr = 0;
	c->lowest = 7;
	c->special_mask = c->read_isr = c->poll = false;
	c->auto_eoi = c->special_nested = c->rotate_on_auto_eoi = false;
	c->needs_icw4 = command & ICW1_ICW4;
	c->is_single = command & ICW1_SINGLE;
	c->next_icw = 2;
}

static void write_data(struct i8259_chip *c, u8 value)
{
	switch (c->next_icw) {
	case 2:
		c->base = value & 0xf8;
		c->next_icw = c->is_single ? 4 : 3;
		break;
	case 3: /* where the slave is: wired */
		c->next_icw = 4;
		break;
	case 4:
		c->auto_eoi = value & ICW4_AUTO_EOI;
		c->special_nested = value & ICW4_NESTED;
		c->next_icw = 0;
		break;
	default:
		c->imr = value;
		break;
	}
	if (c->next_icw == 4 && !c->needs_icw4)
		c->next_icw = 0;
}

void i8259_write(struct i8259 *p, u16 port, u8 value)
{
	struct i8259_chip *c = &p->chip[port >= 0xa0 && port <= 0xa1];

	if (port >= 0x4d0)
		p->chip[port & 1].elcr = value & elcr_mask[port & 1];
	else if (port & 1)
		write_data(c, value);
	else if (value & ICW1)
		icw1(c, value);
	else if (value & OCW3)
		ocw3(c, value);
	else
		ocw2(c, value);
	cascade(p);
}

/* After a poll command a read stands for both INTA: bit 7 and the input, or 0. */
static u8 read_poll(struct i8259 *p, struct i8259_chip *c)
{
	int input;

	c->poll = false;
	input = c == &p->chip[1] ? slave_acknowledge(p) : chip_acknowledge(c);
	return input < 0 ? 0 : (u8)(0x80 | input);
}

u8 i8259_read(struct i8259 *p, u16 port)
{
	struct i8259_chip *c = &p->chip[port >= 0xa0 && port <= 0xa1];

	if (port >= 0x4d0)
		return p->chip[port & 1].elcr;
	if (c->poll)
		return read_poll(p, c);
	if (port & 1)
		return c->imr;
	return c->read_isr ? c->isr : requests(c);
}

void i8259_reset(struct i8259 *p)
{
	for (unsigned i = 0; i < 2; i++) {
		u8 lines = p->chip[i].lines;

		p->chip[i] = (struct i8259_chip){
			.lines = lines, .imr = 0xff, .lowest = 7, .base = i ? 0x70 : 0x08
		};
	}
	cascade(p);
}
