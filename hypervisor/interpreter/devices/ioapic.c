/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IOAPIC with 24 pins at FEC00000h. Data sheet: Intel 82093AA "I/O Advanced Programmable
 * Interrupt Controller" (290566), version 11h. Called by pc.c, and by apic_bus.c for EOIs.
 *
 * A pin is asserted or not; the polarity bit is remembered and changes nothing, since every device
 * here drives its line the way that the tables say.
 */
#include "interpreter/devices/platform.h"

#define INDEX 0x00
#define WINDOW 0x10
#define REG_ID 0x00
#define REG_VERSION 0x01
#define REG_ARBITRATION 0x02
#define REG_TABLE 0x10
#define VERSION (0x11u | (IOAPIC_PINS - 1) << 16)

#define ENTRY_LOGICAL BIT(11)
#define ENTRY_REMOTE_IRR BIT(14)
#define ENTRY_LEVEL BIT(15)
#define ENTRY_MASK BIT(16)
#define ENTRY_MODE(entry) ((entry) >> 8 & 7)
#define ENTRY_LOW 0x1afffull /* what a write of the low half sets */

static bool deliver(struct pc *pc, u64 entry, bool is_level)
{
	return apic_bus_deliver(pc, &(struct apic_message){
					    .destination = (u32)(entry >> 56),
					    .vector = (u8)entry,
					    .mode = ENTRY_MODE(entry),
					    .is_logical = entry & ENTRY_LOGICAL,
					    .is_level = is_level,
				    });
}

/*
 * Level is a matter of fixed and lowest priority; the other modes are edges whatever the bit says.
 */
static bool is_level(u64 entry)
{
	return (entry & ENTRY_LEVEL) && ENTRY_MODE(entry) <= APIC_LOWEST;
}

static void service_level(struct pc *pc, unsigned pin)
{
	u64 *entry = &pc->ioapic.entry[pin];

	if (!(pc->ioapic.lines & BIT(pin)) || !is_level(*entry) ||
	    (*entry & (ENTRY_MASK | ENTRY_REMOTE_IRR)))
		return;
	if (deliver(pc, *entry, true))
		*entry |= ENTRY_REMOTE_IRR;
}

void ioapic_line(struct pc *pc, unsigned pin, bool level)
{
	struct ioapic *io = &pc->ioapic;
	bool rises;

	if (pin >= IOAPIC_PINS)
		return;
	rises = level && !(io->lines & BIT(pin));
	io->lines = (u32)(level ? io->lines | BIT(pin) : io->lines & ~BIT(pin));
	if (is_level(io->entry[pin]))
		service_level(pc, pin);
	else if (rises && !(io->entry[pin] & ENTRY_MASK)) /* an edge at a masked pin is lost */
		deliver(pc, io->entry[pin], false);
}

bool ioapic_wants(const struct ioapic *io, unsigned pin)
{
	return !(io->entry[pin] & ENTRY_MASK);
}

void ioapic_eoi(struct pc *pc, unsigned vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *entry = &pc->ioapic.entry[pin];

		if (!(*entry & ENTRY_REMOTE_IRR) || (*entry & 0xff) != vector)
			continue;
		*entry &= ~ENTRY_REMOTE_IRR;
		service_level(pc, pin);
	}
}

/* ---- registers ------------------------------------------------------------------------------- */

static void write_entry(struct pc *pc, unsigned index, u32 value)
{
	unsigned pin = (index - REG_TABLE) / 2;
	u64 *entry = &pc->ioapic.entry[pin];

	if (index & 1) {
		*entry = (*entry & 0xffffffff) | (u64)(value & 0xff000000) << 32;
		return;
	}
	*entry = (*entry & ~ENTRY_LOW) | (value & ENTRY_LOW);
	/* Without an EOI register, going through edge is how software clears it. */
	if (!(*entry & ENTRY_LEVEL))
		*entry &= ~ENTRY_REMOTE_IRR;
	service_level(pc, pin);
}

u32 ioapic_read(struct pc *pc, u32 offset)
{
	const struct ioapic *io = &pc->ioapic;

	if (offset == INDEX)
		return io->index;
	if (offset != WINDOW)
		return 0;
	if (io->index >= REG_TABLE && io->index < REG_TABLE + 2 * IOAPIC_PINS)
		return (u32)(io->entry[(io->index - REG_TABLE) / 2] >> (io->index & 1) * 32);
	switch (io->index) {
	case REG_ID:
	case REG_ARBITRATION:
		return (u32)io->id << 24;
	case REG_VERSION:
		return VERSION;
	default:
		return 0;
	}
}

void ioapic_write(struct pc *pc, u32 offset, u32 value)
{
	struct ioapic *io = &pc->ioapic;

	if (offset == INDEX)
		io->index = (u8)value;
	else if (offset != WINDOW)
		return;
	else if (io->index >= REG_TABLE && io->index < REG_TABLE + 2 * IOAPIC_PINS)
		write_entry(pc, io->index, value);
	else if (io->index == REG_ID)
		io->id = value >> 24 & 15;
}

void ioapic_reset(struct ioapic *io)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = ENTRY_MASK;
	io->index = io->id = 0;
}
