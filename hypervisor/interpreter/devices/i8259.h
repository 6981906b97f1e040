/* SPDX-License-Identifier: BSD-2-Clause */
/* The pair of interrupt controllers of a PC. No locks: the pc's is held. */
#ifndef INTERPRETER_DEVICES_I8259_H
#define INTERPRETER_DEVICES_I8259_H

#include "lib/types.h"

struct i8259_chip {
	u8 lines; /* levels of the inputs */
	u8 latch; /* edges since the last acknowledge; only of edge-triggered inputs */
	u8 imr, isr, elcr;
	u8 base; /* vector of IR0 */
	u8 lowest; /* input of the lowest priority */
	u8 next_icw; /* 0 = operating, else the one that port 1 expects */
	bool needs_icw4, is_single, auto_eoi, rotate_on_auto_eoi;
	bool special_mask, special_nested, read_isr, poll;
};

struct i8259 {
	struct i8259_chip chip[2]; /* master, slave */
};

/* As firmware leaves it: vectors 0x08 and 0x70, everything masked. Levels of inputs stay. */
void i8259_reset(struct i8259 *p);
void i8259_line(struct i8259 *p, unsigned irq, bool level);
bool i8259_output(const struct i8259 *p); /* INT of the master */
u8 i8259_acknowledge(struct i8259 *p); /* both INTA cycles: the vector */
u8 i8259_read(struct i8259 *p, u16 port);
void i8259_write(struct i8259 *p, u16 port, u8 value);
/* Would an edge of that input set anything now? */
bool i8259_wants(const struct i8259 *p, unsigned irq);

#endif
