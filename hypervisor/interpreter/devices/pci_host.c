/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration mechanism 1 at ports CF8h and CFCh, and the host bridge, device 0:0.0; every
 * other device is absent: all ones. PCI Local Bus Specification 3.0, "Software Generation of
 * Configuration Transactions" and "Configuration Space"; the bridge shows the identity of Intel's
 * 82441FX (290549), which every kernel takes for one, and no register beyond the header. Called by
 * pc.c alone.
 */
#include "interpreter/devices/pci_host.h"

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_STORED 0x80fffffcu
#define IDENTITY 0x12378086u /* device, vendor */
#define CLASS_AND_REVISION 0x06000002u /* host bridge */
#define COMMAND_FIXED 0x0006 /* memory and bus mastering cannot be turned off */
#define COMMAND_STORED 0x0140 /* SERR#, parity */
#define LATENCY_STORED 0xf8

static u32 header(const struct pci_host *p, unsigned offset)
{
	switch (offset) {
	case 0x00:
		return IDENTITY;
	case 0x04:
		return p->command | COMMAND_FIXED;
	case 0x08:
		return CLASS_AND_REVISION;
	case 0x0c:
		return (u32)p->latency << 8;
	default:
		return 0;
	}
}

static bool is_bridge(const struct pci_host *p)
{
	return (p->address & ADDRESS_ENABLE) && !(p->address & 0x00ffff00);
}

u32 pci_host_read(struct pci_host *p, u16 port, unsigned bytes)
{
	if (port < PCI_DATA)
		return port == PCI_ADDRESS && bytes == 4 ? p->address : 0xffffffffu;
	if (!is_bridge(p))
		return 0xffffffffu;
	return header(p, p->address & 0xfc) >> (port & 3) * 8;
}

void pci_host_write(struct pci_host *p, u16 port, unsigned bytes, u32 value)
{
	unsigned offset = (p->address & 0xfc) + (port & 3);

	if (port < PCI_DATA) {
		if (port == PCI_ADDRESS && bytes == 4)
			p->address = value & ADDRESS_STORED;
		return;
	}
	if (!is_bridge(p))
		return;
	if (offset == 0x04 && bytes >= 2)
		p->command = value & COMMAND_STORED;
	else if (offset == 0x04)
		p->command = (u16)((p->command & 0xff00) | (value & COMMAND_STORED & 0xff));
	else if (offset == 0x05)
		p->command = (u16)((p->command & 0xff) | (value << 8 & COMMAND_STORED & 0xff00));
	else if (offset == 0x0c && bytes >= 2)
		p->latency = value >> 8 & LATENCY_STORED;
	else if (offset == 0x0d)
		p->latency = value & LATENCY_STORED;
}

void pci_host_reset(struct pci_host *p)
{
	*p = (struct pci_host){ 0 };
}
