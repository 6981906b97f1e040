/* SPDX-License-Identifier: BSD-2-Clause */
/* struct pc, for the devices themselves. Everything in it is under its lock. */
#ifndef INTERPRETER_DEVICES_PLATFORM_H
#define INTERPRETER_DEVICES_PLATFORM_H

#include "interpreter/devices/acpi_pm.h"
#include "interpreter/devices/i8254.h"
#include "interpreter/devices/i8259.h"
#include "interpreter/devices/ioapic.h"
#include "interpreter/devices/lapic.h"
#include "interpreter/devices/pc.h"
#include "interpreter/devices/pci_host.h"
#include "interpreter/devices/reset.h"
#include "interpreter/devices/rtc.h"
#include "interpreter/devices/uart.h"
#include "lib/spinlock.h"
#include "lib/types.h"

/* Devices that wait for a time. */
enum pc_clock { CLOCK_PIT, CLOCK_RTC, CLOCK_UART, CLOCK_PM, CLOCKS };

struct pc {
	spinlock_t lock;
	u32 vcpus;
	const struct pc_host *host;
	void *owner;
	u64 due[CLOCKS]; /* ns, PC_NEVER */
	u64 pit_edge; /* ns of the PIT's next edge, whether or not somebody waits for it */
	u64 due_first; /* ns: the least of them */
	u64 deadline; /* TSC of that; read without the lock */
	u32 lowest_last; /* vCPU of the last lowest-priority interrupt */
	struct lapic lapic[PC_VCPUS_MAX];
	struct ioapic ioapic;
	struct i8259 pic;
	struct i8254 pit;
	struct rtc rtc;
	struct uart uart;
	struct acpi_pm pm;
	struct pci_host pci;
	struct reset_ports reset;
};
_Static_assert(sizeof(struct pc) <= PC_BYTES, "a pc is one frame");

#endif
