/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors in a local APIC: pending, in service, priorities. Intel SDM vol. 3, "Handling
 * Interrupts". IRR is changed by atomic operations, since the CPU may work on the same page. Called
 * by the other parts of the LAPIC and by pc.c.
 */
#include "interpreter/devices/platform.h"

int lapic_highest(const struct lapic *l, unsigned reg)
{
	const u32 *word = (const u32 *)(l->page + reg + 0x70);

	for (int first = 224; first >= 0; first -= 32, word -= 4) {
		u32 bits = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (bits)
			return first + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* "Task and Processor Priorities" */
static void set_ppr(struct lapic *l, int served)
{
	u32 tpr = lapic_get(l, LAPIC_TPR) & 0xff;
	u32 served_class = served < 0 ? 0 : (u32)served & 0xf0;

	lapic_put(l, LAPIC_PPR, (tpr & 0xf0) >= served_class ? tpr : served_class);
}

int lapic_deliverable(struct lapic *l)
{
	int vector = lapic_highest(l, LAPIC_IRR);

	if (vector < 0 || (u32)vector >> 4 <= lapic_get(l, LAPIC_PPR) >> 4)
		return -1;
	return vector;
}

int lapic_accept(struct lapic *l)
{
	int vector = lapic_deliverable(l);
	unsigned word;

	if (vector < 0)
		return -1;
	word = (unsigned)vector / 32 * 16;
	__atomic_fetch_and((u32 *)(l->page + LAPIC_IRR + word), ~(u32)BIT(vector % 32),
			   __ATOMIC_SEQ_CST);
	lapic_put(l, LAPIC_ISR + word, lapic_get(l, LAPIC_ISR + word) | (u32)BIT(vector % 32));
	set_ppr(l, vector); /* it is above all others, or it would not be deliverable */
	return vector;
}

void lapic_undo(struct lapic *l, unsigned vector)
{
	unsigned word = vector / 32 * 16;
	u32 bit = (u32)BIT(vector % 32);

	lapic_put(l, LAPIC_ISR + word, lapic_get(l, LAPIC_ISR + word) & ~bit);
	__atomic_fetch_or((u32 *)(l->page + LAPIC_IRR + word), bit, __ATOMIC_SEQ_CST);
	set_ppr(l, lapic_highest(l, LAPIC_ISR));
}

int lapic_end(struct lapic *l)
{
	int vector = lapic_highest(l, LAPIC_ISR);
	unsigned reg;

	if (vector < 0)
		return -1;
	reg = LAPIC_ISR + (unsigned)vector / 32 * 16;
	lapic_put(l, reg, lapic_get(l, reg) & ~(u32)BIT(vector % 32));
	set_ppr(l, lapic_highest(l, LAPIC_ISR));
	return vector;
}

bool lapic_post(struct pc *pc, struct lapic *l, unsigned vector, bool is_level)
{
	unsigned word = vector / 32 * 16;
	u32 bit = (u32)BIT(vector % 32), tmr;

	if (!lapic_is_on(l) || !(lapic_get(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		return false;
	if (vector < 16) {
		lapic_error(pc, l, LAPIC_ERROR_RECEIVE_VECTOR);
		return false;
	}
	tmr = lapic_get(l, LAPIC_TMR + word);
	if (!(tmr & bit) == is_level)
		lapic_put(l, LAPIC_TMR + word, tmr ^ bit);
	__atomic_fetch_or((u32 *)(l->page + LAPIC_IRR + word), bit, __ATOMIC_SEQ_CST);
	pc->host->look(pc, l->id);
	return true;
}

void lapic_set_tpr(struct pc *pc, struct lapic *l, u8 tpr)
{
	lapic_put(l, LAPIC_TPR, tpr);
	set_ppr(l, lapic_highest(l, LAPIC_ISR));
	if (lapic_deliverable(l) >= 0)
		pc->host->look(pc, l->id);
}
