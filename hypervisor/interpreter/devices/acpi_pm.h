/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware: PM1a event and control registers, PM timer. No locks. */
#ifndef INTERPRETER_DEVICES_ACPI_PM_H
#define INTERPRETER_DEVICES_ACPI_PM_H

#include "lib/types.h"

#define ACPI_PM_BASE 0x600 /* PM1a status, enable; control at +4, timer at +8 */
#define ACPI_PM_LAST 0x60b
#define ACPI_PM_SCI 9
#define ACPI_PM_S5 5 /* SLP_TYP that means off; the DSDT says so */

struct acpi_pm {
	u16 status, enable, control;
	u64 seen; /* ns up to which the timer's status is right */
};

void acpi_pm_reset(struct acpi_pm *a, u64 ns);
u32 acpi_pm_read(struct acpi_pm *a, u16 port, unsigned bytes, u64 ns);
bool acpi_pm_write(struct acpi_pm *a, u16 port, unsigned bytes, u32 value, u64 ns); /* true: off */
void acpi_pm_button(struct acpi_pm *a); /* somebody pressed the power button */
bool acpi_pm_sync(struct acpi_pm *a, u64 ns); /* the level of SCI */
u64 acpi_pm_deadline(const struct acpi_pm *a); /* ns, ~0 = none */

#endif
