/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware at ports 600h..60Bh: PM1a status (2 bytes), enable, control (2 bytes at +4)
 * and the 32-bit PM timer of 3.579545 MHz at +8. ACPI specification, "ACPI Hardware Specification":
 * "PM1 Event Grouping", "PM1 Control Grouping", "Power Management Timer". There is no SMI command
 * port: ACPI is always enabled. Called by pc.c alone.
 */
#include "interpreter/devices/acpi_pm.h"
#include "lib/lib.h"
#include "lib/muldiv.h"

#define HZ 3579545ull
#define NS 1000000000ull
#define NEVER (~0ull)
#define TIMER_HALF (1ull << 31) /* the status is set when the top bit changes */

#define STS_TIMER 0x0001
#define STS_POWER_BUTTON 0x0100
#define STS_ALL 0x8721 /* timer, global, power and sleep button, RTC, wake */
#define EN_ALL 0x0721
#define CNT_SCI_EN 0x0001
#define CNT_STORED 0x1c03 /* SLP_TYP, BM_RLD, SCI_EN */
#define CNT_SLP_EN 0x2000

static u64 clock_of(u64 ns)
{
	return multiply_divide(ns, HZ, NS);
}

bool acpi_pm_sync(struct acpi_pm *a, u64 ns)
{
	if (ns > a->seen) {
		if (clock_of(a->seen) / TIMER_HALF != clock_of(ns) / TIMER_HALF)
			a->status |= STS_TIMER;
		a->seen = ns;
	}
	return a->status & a->enable;
}

u64 acpi_pm_deadline(const struct acpi_pm *a)
{
	u64 clock = (clock_of(a->seen) / TIMER_HALF + 1) * TIMER_HALF;

	if (!(a->enable & STS_TIMER) || (a->status & STS_TIMER))
		return NEVER;
	return multiply_divide(clock, NS, HZ) + 1;
}

void acpi_pm_button(struct acpi_pm *a)
{
	a->status |= STS_POWER_BUTTON;
}

/* Registers are read byte by byte, so that any width and offset works; the timer in one look. */
u32 acpi_pm_read(struct acpi_pm *a, u16 port, unsigned bytes, u64 ns)
{
	unsigned offset = port - ACPI_PM_BASE;
	u64 registers[2];

	acpi_pm_sync(a, ns);
	registers[0] = a->status | (u64)a->enable << 16 | (u64)a->control << 32;
	registers[1] = (u32)clock_of(ns);
	if (offset >= 8)
		return (u32)(registers[1] >> (offset - 8) * 8);
	/*
	 * An access beyond the control register reads zeros, also of the timer: it must be aligned.
	 */
	return (u32)((registers[0] >> offset * 8) & (BIT(bytes * 8) - 1));
}

bool acpi_pm_write(struct acpi_pm *a, u16 port, unsigned bytes, u32 value, u64 ns)
{
	unsigned offset = port - ACPI_PM_BASE;
	u64 mask, written;

	acpi_pm_sync(a, ns);
	if (offset >= 8)
		return false;
	mask = (BIT(bytes * 8) - 1) << offset * 8;
	written = (u64)value << offset * 8 & mask;
	a->status &= (u16) ~(written & STS_ALL);
	a->enable = (u16)(((a->enable & ~(mask >> 16)) | written >> 16) & EN_ALL);
	a->control =
		(u16)((a->control & ~(mask >> 32)) | (written >> 32 & CNT_STORED) | CNT_SCI_EN);
	return (written >> 32 & CNT_SLP_EN) && (a->control >> 10 & 7) == ACPI_PM_S5;
}

void acpi_pm_reset(struct acpi_pm *a, u64 ns)
{
	*a = (struct acpi_pm){ .control = CNT_SCI_EN, .seen = ns };
}
