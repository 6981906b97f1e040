/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between local APICs, and from IOAPIC and MSI to them: who is meant, and what it does
 * there. Intel SDM vol. 3, "Issuing Interprocessor Interrupts", "Determining IPI Destination",
 * "Lowest Priority Delivery Mode", "Signaling Interrupt Servicing Completion". Called by lapic.c,
 * ioapic.c and pc.c. SMI does nothing: there is no system-management mode.
 */
#include "interpreter/devices/platform.h"

#define BROADCAST 0xffu
#define BROADCAST_WIDE 0xffffffffu

#define ICR_MODE(low) ((low) >> 8 & 7)
#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_SHORTHAND(low) ((low) >> 18 & 3)

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

static bool is_physical_match(const struct lapic *l, const struct apic_message *m)
{
	if (m->destination == (m->is_wide ? BROADCAST_WIDE : BROADCAST))
		return true;
	return m->destination == l->id;
}

static bool is_logical_match(const struct lapic *l, const struct apic_message *m)
{
	u32 ldr = lapic_get(l, LAPIC_LDR), wanted = m->destination;

	if (lapic_is_x2(l)) /* always clusters of 16 */
		return wanted == BROADCAST_WIDE ||
		       (wanted >> 16 == ldr >> 16 && (wanted & ldr & 0xffff));
	ldr >>= 24;
	if (wanted > 0xff && wanted != BROADCAST_WIDE)
		return false;
	wanted &= 0xff;
	if (lapic_get(l, LAPIC_DFR) >> 28 == 0xf) /* flat */
		return wanted & ldr;
	return (wanted >> 4 == ldr >> 4 || wanted >> 4 == 0xf) && (wanted & ldr & 0xf);
}

static bool is_match(const struct lapic *l, const struct apic_message *m)
{
	if (!lapic_is_on(l))
		return false;
	return m->is_logical ? is_logical_match(l, m) : is_physical_match(l, m);
}

static void init_one(struct pc *pc, struct lapic *l)
{
	lapic_reset(l);
	pc->host->init(pc, l->id);
}

/* What a message does to one that it is meant for. */
static bool receive(struct pc *pc, struct lapic *l, const struct apic_message *m)
{
	switch (m->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return lapic_post(pc, l, m->vector, m->is_level);
	case APIC_NMI:
		pc->host->nmi(pc, l->id);
		return true;
	case APIC_INIT:
		init_one(pc, l);
		return true;
	case APIC_SIPI:
		pc->host->sipi(pc, l->id, m->vector);
		return true;
	case APIC_EXTINT:
		l->extint = true;
		pc->host->look(pc, l->id);
		return true;
	default:
		return false;
	}
}

/* Of those that are meant, the one with the lowest PPR; round robin among equals. */
static struct lapic *lowest(struct pc *pc, const struct apic_message *m)
{
	struct lapic *best = NULL;

	for (u32 i = 1; i <= pc->vcpus; i++) {
		struct lapic *l = &pc->lapic[(pc->lowest_last + i) % pc->vcpus];

		if (!is_match(l, m) || !(lapic_get(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
			continue;
		if (!best || lapic_get(l, LAPIC_PPR) >> 4 < lapic_get(best, LAPIC_PPR) >> 4)
			best = l;
	}
	if (best)
		pc->lowest_last = best->id;
	return best;
}

bool apic_bus_deliver(struct pc *pc, const struct apic_message *m)
{
	bool taken = false;

	if (m->mode == APIC_LOWEST) {
		struct lapic *l = lowest(pc, m);

		return l && receive(pc, l, m);
	}
	/* By far the most frequent one: to one LAPIC by its number. */
	if (!m->is_logical && m->destination < pc->vcpus)
		return lapic_is_on(&pc->lapic[m->destination]) &&
		       receive(pc, &pc->lapic[m->destination], m);
	for (u32 i = 0; i < pc->vcpus; i++)
		if (is_match(&pc->lapic[i], m))
			taken |= receive(pc, &pc->lapic[i], m);
	return taken;
}

static void to_all(struct pc *pc, const struct apic_message *m, const struct lapic *except)
{
	for (u32 i = 0; i < pc->vcpus; i++)
		if (&pc->lapic[i] != except && lapic_is_on(&pc->lapic[i]))
			receive(pc, &pc->lapic[i], m);
}

void apic_bus_send_icr(struct pc *pc, struct lapic *l, u32 low, u32 destination)
{
	struct apic_message m = {
		.destination = destination,
		.vector = (u8)low,
		.mode = ICR_MODE(low),
		.is_logical = low & ICR_LOGICAL,
		.is_wide = lapic_is_x2(l),
	};

	if (m.mode <= APIC_LOWEST && m.vector < 16) {
		lapic_error(pc, l, LAPIC_ERROR_SEND_VECTOR);
		return;
	}
	/* No IOAPIC sends ExtINT here; an INIT without "assert" only sets arbitration numbers. */
	if (m.mode == APIC_EXTINT || (m.mode == APIC_INIT && !(low & ICR_ASSERT)))
		return;
	switch (ICR_SHORTHAND(low)) {
	case SHORTHAND_NONE:
		apic_bus_deliver(pc, &m);
		break;
	case SHORTHAND_SELF:
		if (m.mode == APIC_FIXED || m.mode == APIC_NMI) /* the others are invalid */
			receive(pc, l, &m);
		break;
	case SHORTHAND_ALL:
		to_all(pc, &m, NULL);
		break;
	case SHORTHAND_OTHERS:
		to_all(pc, &m, l);
		break;
	}
}

void apic_bus_eoi_vector(struct pc *pc, struct lapic *l, unsigned vector)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_LINT0);

	if (!(lapic_get(l, LAPIC_TMR + vector / 32 * 16) & BIT(vector % 32)))
		return;
	if ((lvt & LAPIC_LVT_REMOTE_IRR) && (lvt & 0xff) == vector) {
		lapic_put(l, LAPIC_LVT_LINT0, lvt & ~(u32)LAPIC_LVT_REMOTE_IRR);
		lapic_line0(pc, l, l->line0);
	}
	ioapic_eoi(pc, vector);
}

void apic_bus_eoi(struct pc *pc, struct lapic *l)
{
	int vector = lapic_end(l);

	if (vector < 0)
		return;
	apic_bus_eoi_vector(pc, l, (unsigned)vector);
	if (lapic_deliverable(l) >= 0)
		pc->host->look(pc, l->id);
}
