/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switching the machine off: Bochs's and QEMU's own ports where an emulator is recognised (on real
 * hardware anything may sit there), then ACPI S5, then nothing is left but to halt for ever.
 */
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define BOCHS_SHUTDOWN_PORT 0x8900
#define QEMU_EXIT_PORT 0xf4 /* isa-debug-exit; QEMU ends with status 2 * byte + 1 */
#define CPUID_HYPERVISOR BIT(31) /* leaf 1, ECX */

/* ACPI, "PM1 Control Registers" */
#define PM1_SCI_ENABLE BIT(0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE BIT(13)
#define ACPI_ENABLE_POLLS 1000000u

bool machine_is_emulator(void)
{
	return debug_port_present() || (cpuid(1, 0).ecx & CPUID_HYPERVISOR);
}

/* Bochs ends at the last letter. QEMU ends at the byte, if it was given that device. */
static void emulator_power_off(unsigned status)
{
	static const char word[] = "Shutdown";

	for (const char *c = word; *c; c++)
		outb(BOCHS_SHUTDOWN_PORT, (u8)*c);
	outb(QEMU_EXIT_PORT, (u8)status);
}

/* The PM1 registers belong to the firmware until it is asked to hand them over. */
static void acpi_take_over(void)
{
	if ((inw(acpi_info.pm1a_control) & PM1_SCI_ENABLE) || !acpi_info.smi_command)
		return;
	outb(acpi_info.smi_command, acpi_info.acpi_enable);
	for (u32 i = 0; i < ACPI_ENABLE_POLLS; i++)
		if (inw(acpi_info.pm1a_control) & PM1_SCI_ENABLE)
			return;
}

/* Type first, then type and enable: hardware may act only on the change of the enable bit. */
static void sleep_write(u16 port, u8 type)
{
	u16 value = inw(port);

	value = (u16)((value & ~PM1_SLEEP_TYPE_MASK) | (u16)(type << PM1_SLEEP_TYPE_SHIFT));
	outw(port, value);
	outw(port, (u16)(value | PM1_SLEEP_ENABLE));
}

static void acpi_power_off(void)
{
	if (!acpi_info.has_s5 || !acpi_info.pm1a_control)
		return;
	acpi_take_over();
	if (acpi_info.pm1b_control)
		sleep_write(acpi_info.pm1b_control, acpi_info.s5_type_b);
	sleep_write(acpi_info.pm1a_control, acpi_info.s5_type_a);
}

void power_off(unsigned status)
{
	__asm__ volatile("cli");
	if (machine_is_emulator())
		emulator_power_off(status);
	acpi_power_off();
	for (;;)
		__asm__ volatile("hlt");
}
