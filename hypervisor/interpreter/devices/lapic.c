/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of a local APIC, as MMIO (xAPIC) and as MSRs (x2APIC): which may be read and written
 * how, LINT0, errors, APIC_BASE. Intel SDM vol. 3, "Advanced Programmable Interrupt Controller".
 * Version 14h with six LVT entries (no CMCI) and no suppression of EOI broadcasts; the APIC ID is
 * the number of the vCPU and read-only. Called by pc.c, apic_bus.c and lapic_timer.c.
 */
#include "interpreter/devices/platform.h"
#include "lib/lib.h"

#define VERSION 0x00050014u
#define LVT_READ_ONLY (LAPIC_LVT_REMOTE_IRR | BIT(12)) /* and delivery status: always idle */
#define LINT_EXTINT 0x700u
#define LINT_NMI 0x400u
#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define APIC_BASE_ADDRESS 0xfee00000ull
#define APIC_BASE_RESERVED (~0xfffffffffffffull | 0x2ff) /* above 52 bits; 9 and 7..0 */

enum access { ABSENT, READ = 1, WRITE = 2, BOTH = 3 };

/* One row a register: access as MMIO and as MSR, and the bits that a write may set. */
#define REG(reg) [(reg) >> 4]
#define REGS(first) [(first) >> 4 ... ((first) >> 4) + 7]
static const struct row {
	u8 mmio, msr; /* enum access */
	u32 bits;
} rows[0x40] = {
	REG(LAPIC_ID) = { READ, READ, 0 },
	REG(LAPIC_VERSION) = { READ, READ, 0 },
	REG(LAPIC_TPR) = { BOTH, BOTH, 0xff },
	REG(LAPIC_APR) = { READ, ABSENT, 0 },
	REG(LAPIC_PPR) = { READ, READ, 0 },
	REG(LAPIC_EOI) = { WRITE, WRITE, 0 },
	REG(LAPIC_RRD) = { READ, ABSENT, 0 },
	REG(LAPIC_LDR) = { BOTH, READ, 0xff000000 },
	REG(LAPIC_DFR) = { BOTH, ABSENT, 0xf0000000 },
	REG(LAPIC_SVR) = { BOTH, BOTH, 0x3ff },
	REGS(LAPIC_ISR) = { READ, READ, 0 },
	REGS(LAPIC_TMR) = { READ, READ, 0 },
	REGS(LAPIC_IRR) = { READ, READ, 0 },
	REG(LAPIC_ESR) = { BOTH, BOTH, 0 },
	REG(LAPIC_ICR) = { BOTH, BOTH, 0x000ccfff },
	REG(LAPIC_ICR_HIGH) = { BOTH, ABSENT, 0xff000000 },
	REG(LAPIC_LVT_TIMER) = { BOTH, BOTH, 0x000700ff },
	REG(LAPIC_LVT_THERMAL) = { BOTH, BOTH, 0x000107ff },
	REG(LAPIC_LVT_PERF) = { BOTH, BOTH, 0x000107ff },
	REG(LAPIC_LVT_LINT0) = { BOTH, BOTH, 0x0001a7ff },
	REG(LAPIC_LVT_LINT1) = { BOTH, BOTH, 0x0001a7ff },
	REG(LAPIC_LVT_ERROR) = { BOTH, BOTH, 0x000100ff },
	REG(LAPIC_TIMER_INITIAL) = { BOTH, BOTH, 0xffffffff },
	REG(LAPIC_TIMER_CURRENT) = { READ, READ, 0 },
	REG(LAPIC_TIMER_DIVIDE) = { BOTH, BOTH, 0xb },
	REG(LAPIC_SELF_IPI) = { ABSENT, WRITE, 0xff },
};

static const struct row *row_of(u32 reg)
{
	static const struct row absent;

	return reg >> 4 < ARRAY_SIZE(rows) ? &rows[reg >> 4] : &absent;
}

/* "Error Handling". An error of the error interrupt itself is only noted. */
void lapic_error(struct pc *pc, struct lapic *l, u32 bit)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_ERROR);
	bool is_new = !(l->errors & bit);

	l->errors |= (u8)bit;
	if (!is_new || (lvt & LAPIC_LVT_MASK))
		return;
	if ((lvt & 0xff) < 16)
		l->errors |= LAPIC_ERROR_RECEIVE_VECTOR;
	else
		lapic_post(pc, l, lvt & 0xff, false);
}

/* ---- LINT0 ----------------------------------------------------------------------------------- */

bool lapic_takes_extint(const struct lapic *l)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_LINT0);

	if (!lapic_is_on(l))
		return true; /* the pin is the CPU's INTR then */
	return !(lvt & LAPIC_LVT_MASK) && LVT_MODE(lvt) == APIC_EXTINT;
}

void lapic_line0(struct pc *pc, struct lapic *l, bool level)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_LINT0);
	bool rises = level && !l->line0;

	l->line0 = level;
	if (!level)
		return;
	if (lapic_takes_extint(l)) {
		pc->host->look(pc, l->id);
	} else if (lvt & LAPIC_LVT_MASK) {
		return;
	} else if (LVT_MODE(lvt) == APIC_FIXED && !(lvt & LAPIC_LVT_LEVEL)) {
		if (rises)
			lapic_post(pc, l, lvt & 0xff, false);
	} else if (LVT_MODE(lvt) == APIC_FIXED && !(lvt & LAPIC_LVT_REMOTE_IRR)) {
		if (lapic_post(pc, l, lvt & 0xff, true))
			lapic_put(l, LAPIC_LVT_LINT0, lvt | (u32)LAPIC_LVT_REMOTE_IRR);
	} else if (LVT_MODE(lvt) == APIC_NMI && rises) {
		pc->host->nmi(pc, l->id);
	}
}

/* ---- registers ------------------------------------------------------------------------------- */

static u32 read(struct pc *pc, struct lapic *l, u32 reg, u64 now)
{
	if (reg != LAPIC_TIMER_CURRENT)
		return lapic_get(l, reg);
	lapic_timer_fire(pc, l, now);
	return lapic_timer_count(l, now);
}

/* Without software enable every LVT entry is masked and stays so. */
static void write_svr(struct pc *pc, struct lapic *l, u32 value, u64 now)
{
	lapic_put(l, LAPIC_SVR, value);
	if (value & LAPIC_SVR_ENABLE)
		return;
	lapic_timer_lvt(pc, l, lapic_get(l, LAPIC_LVT_TIMER) | (u32)LAPIC_LVT_MASK, now);
	for (unsigned reg = LAPIC_LVT_THERMAL; reg <= LAPIC_LVT_ERROR; reg += 16)
		lapic_put(l, reg, lapic_get(l, reg) | (u32)LAPIC_LVT_MASK);
}

static void write_lvt(struct pc *pc, struct lapic *l, u32 reg, u32 value, u64 now)
{
	if (!(lapic_get(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		value |= (u32)LAPIC_LVT_MASK;
	if (reg == LAPIC_LVT_TIMER) {
		lapic_timer_lvt(pc, l, value, now);
		return;
	}
	if (value & LAPIC_LVT_LEVEL)
		value |= lapic_get(l, reg) & (u32)LAPIC_LVT_REMOTE_IRR;
	lapic_put(l, reg, value);
	if (reg == LAPIC_LVT_LINT0)
		lapic_line0(pc, l, l->line0);
}

static void write(struct pc *pc, struct lapic *l, u32 reg, u32 value, u64 now)
{
	switch (reg) {
	case LAPIC_TPR:
		lapic_set_tpr(pc, l, (u8)value);
		break;
	case LAPIC_EOI:
		apic_bus_eoi(pc, l);
		break;
	case LAPIC_DFR:
		lapic_put(l, reg, value | 0x0fffffff);
		break;
	case LAPIC_SVR:
		write_svr(pc, l, value, now);
		break;
	case LAPIC_ESR:
		lapic_put(l, reg, l->errors);
		l->errors = 0;
		break;
	case LAPIC_ICR:
		lapic_put(l, reg, value);
		apic_bus_send_icr(pc, l, value, lapic_get(l, LAPIC_ICR_HIGH) >> 24);
		break;
	case LAPIC_LVT_TIMER:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERF:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
		write_lvt(pc, l, reg, value, now);
		break;
	case LAPIC_TIMER_INITIAL:
		lapic_timer_initial(pc, l, value, now);
		break;
	case LAPIC_TIMER_DIVIDE:
		lapic_timer_divide(pc, l, value, now);
		break;
	default:
		lapic_put(l, reg, value);
		break;
	}
}

/* ---- xAPIC: 32 bits at addresses that are multiples of 16 ------------------------------------ */

u64 lapic_mmio_read(struct pc *pc, struct lapic *l, u32 offset, u64 now)
{
	u32 reg = offset & 0xff0, within = offset & 15;
	const struct row *row = row_of(reg);

	if (row->mmio == ABSENT) {
		lapic_error(pc, l, LAPIC_ERROR_REGISTER);
		return 0;
	}
	/* Undefined by the manual: parts of a register read as such, what lies between as 0. */
	if (within >= 4 || !(row->mmio & READ))
		return 0;
	return read(pc, l, reg, now) >> within * 8;
}

void lapic_mmio_write(struct pc *pc, struct lapic *l, u32 offset, unsigned bytes, u64 value,
		      u64 now)
{
	const struct row *row = row_of(offset & 0xff0);

	if (row->mmio == ABSENT)
		lapic_error(pc, l, LAPIC_ERROR_REGISTER);
	else if ((row->mmio & WRITE) && bytes == 4 && !(offset & 15))
		write(pc, l, offset, (u32)value & row->bits, now);
}

/* ---- x2APIC ---------------------------------------------------------------------------------- */

bool lapic_msr_read(struct pc *pc, struct lapic *l, u32 msr, u64 *value, u64 now)
{
	u32 reg = (msr & 0xff) << 4;
	const struct row *row = row_of(reg);

	if (!lapic_is_x2(l) || !(row->msr & READ))
		return false;
	*value = read(pc, l, reg, now);
	if (reg == LAPIC_ICR)
		*value |= (u64)lapic_get(l, LAPIC_ICR_HIGH) << 32;
	return true;
}

bool lapic_msr_write(struct pc *pc, struct lapic *l, u32 msr, u64 value, u64 now)
{
	u32 reg = (msr & 0xff) << 4;
	const struct row *row = row_of(reg);
	u64 read_only;

	if (!lapic_is_x2(l))
		return false;
	if (reg == LAPIC_EOI && !value) { /* each interrupt ends here */
		apic_bus_eoi(pc, l);
		return true;
	}
	if (!(row->msr & WRITE))
		return false;
	if (reg == LAPIC_ICR) {
		if ((u32)value & ~row->bits)
			return false;
		lapic_put(l, LAPIC_ICR, (u32)value);
		lapic_put(l, LAPIC_ICR_HIGH, (u32)(value >> 32));
		apic_bus_send_icr(pc, l, (u32)value, (u32)(value >> 32));
		return true;
	}
	read_only = reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR ? LVT_READ_ONLY : 0;
	if (value & ~(row->bits | read_only))
		return false;
	value &= row->bits;
	if (reg == LAPIC_SELF_IPI)
		apic_bus_send_icr(pc, l, (u32)value | 1u << 18, 0);
	else
		write(pc, l, reg, (u32)value, now);
	return true;
}

void lapic_written(struct pc *pc, struct lapic *l, u32 reg, u64 now)
{
	u32 value = lapic_get(l, reg);

	lapic_put(l, reg, lapic_get(l, reg + 4));
	if (lapic_is_x2(l)) /* a vector that SELF_IPI may not have */
		lapic_msr_write(pc, l, 0x800 | reg >> 4, value, now);
	else
		lapic_mmio_write(pc, l, reg, 4, value, now);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void set_identity(struct lapic *l)
{
	if (!lapic_is_x2(l)) {
		lapic_put(l, LAPIC_ID, (u32)l->id << 24);
		return;
	}
	lapic_put(l, LAPIC_ID, l->id);
	lapic_put(l, LAPIC_LDR, (u32)(l->id >> 4) << 16 | (u32)BIT(l->id & 15));
	lapic_put(l, LAPIC_ICR_HIGH, 0);
}

/* "Local APIC State After It Receives an INIT-Deassert / Power-Up or Reset" */
void lapic_reset(struct lapic *l)
{
	memset(l->page, 0, PAGE_SIZE);
	lapic_put(l, LAPIC_VERSION, VERSION);
	lapic_put(l, LAPIC_DFR, 0xffffffff);
	lapic_put(l, LAPIC_SVR, 0xff);
	for (unsigned reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 16)
		lapic_put(l, reg, (u32)LAPIC_LVT_MASK);
	l->errors = 0;
	l->extint = false;
	lapic_timer_reset(l);
	set_identity(l);
}

void lapic_init(struct lapic *l, void *page, u8 id)
{
	l->page = page;
	l->id = id;
	l->line0 = false;
	l->base = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | (id ? 0 : APIC_BASE_BSP);
	lapic_reset(l);
}

void lapic_firmware(struct lapic *l)
{
	lapic_put(l, LAPIC_SVR, 0x1ff);
	lapic_put(l, LAPIC_LVT_LINT0, LINT_EXTINT);
	lapic_put(l, LAPIC_LVT_LINT1, LINT_NMI);
}

/* "x2APIC State Transitions": into x2APIC from xAPIC only, out of it into disabled only. */
bool lapic_base_write(struct pc *pc, struct lapic *l, u64 value)
{
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_X2;
	u64 from = l->base & mode, to = value & mode;

	if ((value & APIC_BASE_RESERVED) || to == APIC_BASE_X2 ||
	    (from == mode && to == APIC_BASE_ENABLE) || (!from && to == mode))
		return false;
	l->base = (value & ~APIC_BASE_BSP) | (l->base & APIC_BASE_BSP);
	if (from == to)
		return true;
	if (to == mode)
		set_identity(l);
	else
		lapic_reset(l);
	if (l->id == 0 && l->line0)
		pc->host->look(pc, l->id); /* the PIC's INTR may pass differently now */
	return true;
}
