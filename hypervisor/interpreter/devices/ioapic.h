/* SPDX-License-Identifier: BSD-2-Clause */
/* The IOAPIC: 24 pins. The pc's lock is held. */
#ifndef INTERPRETER_DEVICES_IOAPIC_H
#define INTERPRETER_DEVICES_IOAPIC_H

#include "lib/types.h"

struct pc;

#define IOAPIC_ADDRESS 0xfec00000ull
#define IOAPIC_PINS 24u

struct ioapic {
	u64 entry[IOAPIC_PINS];
	u32 lines; /* levels of the pins */
	u8 index, id;
};

void ioapic_reset(struct ioapic *io); /* all pins masked; their levels stay */
u32 ioapic_read(struct pc *pc, u32 offset);
void ioapic_write(struct pc *pc, u32 offset, u32 value);
void ioapic_line(struct pc *pc, unsigned pin, bool level);
void ioapic_eoi(struct pc *pc, unsigned vector);
bool ioapic_wants(const struct ioapic *io, unsigned pin); /* would an edge of it go anywhere? */

#endif
