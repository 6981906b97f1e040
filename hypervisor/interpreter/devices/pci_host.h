/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration mechanism 1 with a host bridge and nothing behind it. No locks. */
#ifndef INTERPRETER_DEVICES_PCI_HOST_H
#define INTERPRETER_DEVICES_PCI_HOST_H

#include "lib/types.h"

#define PCI_ADDRESS 0xcf8 /* 32-bit accesses only */
#define PCI_DATA 0xcfc

struct pci_host {
	u32 address;
	u16 command;
	u8 latency;
};

void pci_host_reset(struct pci_host *p);
u32 pci_host_read(struct pci_host *p, u16 port, unsigned bytes);
void pci_host_write(struct pci_host *p, u16 port, unsigned bytes, u32 value);

#endif
