/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's ports, and its start. A wider access to devices of eight bits becomes one for each
 * byte, as on the ISA bus; the 32-bit ones get it as it is. Whatever has no row is absent.
 */
#include "dispatcher/area.h"
#include "interpreter/devices/pc_internal.h"
#include "lib/lib.h"

enum device { PIC, PIT, RTC, RESET, UART, PM, PCI };

static const struct {
	u16 first, last;
	u8 device; /* enum device */
} rows[] = {
	{ 0x3f8, 0x3ff, UART }, /* first what is used most */
	{ ACPI_PM_BASE, ACPI_PM_LAST, PM },
	{ 0x020, 0x021, PIC },
	{ 0x0a0, 0x0a1, PIC },
	{ 0x040, 0x043, PIT },
	{ 0x061, 0x061, PIT },
	{ 0x070, 0x071, RTC },
	{ PCI_ADDRESS, PCI_ADDRESS + 3, PCI }, /* but a byte at CF9h is RESET */
	{ PCI_DATA, PCI_DATA + 3, PCI },
	{ RESET_FAST, RESET_FAST, RESET },
	{ 0x4d0, 0x4d1, PIC },
};

static int find(u16 port, unsigned bytes)
{
	if (port == RESET_CONTROL && bytes == 1)
		return RESET;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (port >= rows[i].first && port <= rows[i].last)
			return rows[i].device;
	return -1;
}

static bool is_wide(int device)
{
	return device == PM || device == PCI;
}

static u8 read_byte(struct pc *pc, int device, u16 port, u64 ns)
{
	u8 value = 0xff;

	switch (device) {
	case PIC:
		pc_update_pit_pin(pc, ns); /* edges until now, before one sees them */
		value = i8259_read(&pc->pic, port);
		pc_update_intr(pc);
		pc_update_pit_pin(pc, ns);
		break;
	case PIT:
		value = i8254_read(&pc->pit, port, ns);
		pc_update(pc, CLOCK_PIT, ns);
		break;
	case RTC:
		value = mc146818_read(&pc->rtc, port, ns);
		pc_update(pc, CLOCK_RTC, ns);
		break;
	case UART:
		value = uart_read(&pc->uart, port, ns);
		pc_update(pc, CLOCK_UART, ns);
		break;
	case RESET:
		value = reset_ports_read(&pc->reset, port);
		break;
	}
	return value;
}

static void write_byte(struct pc *pc, int device, u16 port, u8 value, u64 ns)
{
	u8 sent;

	switch (device) {
	case PIC:
		pc_update_pit_pin(pc, ns);
		i8259_write(&pc->pic, port, value);
		pc_update_intr(pc);
		pc_update_pit_pin(pc, ns); /* it may be open now */
		break;
	case PIT:
		i8254_write(&pc->pit, port, value, ns);
		pc_update(pc, CLOCK_PIT, ns);
		break;
	case RTC:
		mc146818_write(&pc->rtc, port, value, ns);
		pc_update(pc, CLOCK_RTC, ns);
		break;
	case UART:
		if (uart_write(&pc->uart, port, value, ns, &sent))
			pc->host->text(pc, sent);
		pc_update(pc, CLOCK_UART, ns);
		break;
	case RESET:
		if (reset_ports_write(&pc->reset, port, value))
			pc->host->end(pc, PC_END_RESET);
		break;
	}
}

static u32 read_wide(struct pc *pc, int device, u16 port, unsigned bytes, u64 ns)
{
	if (device == PCI)
		return pci_host_read(&pc->pci, port, bytes);
	return acpi_pm_read(&pc->pm, port, bytes, ns);
}

static void write_wide(struct pc *pc, int device, u16 port, unsigned bytes, u32 value, u64 ns)
{
	if (device == PCI) {
		pci_host_write(&pc->pci, port, bytes, value);
		return;
	}
	if (acpi_pm_write(&pc->pm, port, bytes, value, ns))
		pc->host->end(pc, PC_END_POWEROFF);
	pc_update(pc, CLOCK_PM, ns);
}

bool pc_port_read(struct pc *pc, u16 port, unsigned bytes, u32 *value, u64 now)
{
	int device = find(port, bytes);
	u64 ns;

	*value = (u32)(BIT(bytes * 8) - 1);
	if (device < 0)
		return false;
	ns = pvclock_ns(now);
	spin_lock(&pc->lock);
	if (is_wide(device)) {
		*value &= read_wide(pc, device, port, bytes, ns);
	} else {
		*value = 0;
		for (unsigned i = 0; i < bytes; i++)
			*value |= (u32)read_byte(pc, find((u16)(port + i), 1), (u16)(port + i), ns)
				  << i * 8;
	}
	spin_unlock(&pc->lock);
	return true;
}

bool pc_port_write(struct pc *pc, u16 port, unsigned bytes, u32 value, u64 now)
{
	int device = find(port, bytes);
	u64 ns;

	if (device < 0)
		return false;
	ns = pvclock_ns(now);
	spin_lock(&pc->lock);
	if (is_wide(device))
		write_wide(pc, device, port, bytes, value & (u32)(BIT(bytes * 8) - 1), ns);
	else
		for (unsigned i = 0; i < bytes; i++)
			write_byte(pc, find((u16)(port + i), 1), (u16)(port + i),
				   (u8)(value >> i * 8), ns);
	spin_unlock(&pc->lock);
	return true;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void reset(struct pc *pc, u64 ns)
{
	ioapic_reset(&pc->ioapic);
	i8259_reset(&pc->pic);
	i8254_reset(&pc->pit, ns);
	mc146818_reset(&pc->rtc);
	uart_reset(&pc->uart);
	acpi_pm_reset(&pc->pm, ns);
	pci_host_reset(&pc->pci);
	reset_ports_reset(&pc->reset);
	for (u32 i = 0; i < pc->vcpus; i++)
		lapic_init(&pc->lapic[i], pc->lapic[i].page, (u8)i);
	lapic_firmware(&pc->lapic[0]);
	for (unsigned i = 0; i < CLOCKS; i++)
		pc_update(pc, i, ns);
}

void pc_init(struct pc *pc, const struct pc_host *host, void *owner, u32 vcpus,
	     void *const lapic_pages[], u64 memory_bytes, u64 wall_ns, u64 now)
{
	u64 ns = pvclock_ns(now);

	memset(pc, 0, sizeof(*pc));
	pc->host = host;
	pc->owner = owner;
	pc->vcpus = min(vcpus, PC_VCPUS_MAX);
	pc->due_first = pc->deadline = PC_NEVER;
	for (unsigned i = 0; i < CLOCKS; i++)
		pc->due[i] = PC_NEVER;
	for (u32 i = 0; i < pc->vcpus; i++)
		pc->lapic[i].page = lapic_pages[i];
	mc146818_init(&pc->rtc, memory_bytes, wall_ns, ns);
	reset(pc, ns);
}

void pc_reset(struct pc *pc, u64 now)
{
	spin_lock(&pc->lock);
	reset(pc, pvclock_ns(now));
	spin_unlock(&pc->lock);
}

void *pc_owner(const struct pc *pc)
{
	return pc->owner;
}
