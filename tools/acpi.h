/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of a fully virtualized domain: what its kernel learns of the emulated PC. Called
 * when the boot pages are made. Addresses and numbers agree with hypervisor/interpreter/devices/.
 */
#ifndef TOOLS_ACPI_H
#define TOOLS_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* Writes the tables for guest-physical BOOT_ACPI, the RSDP first. Returns their bytes. */
size_t acpi_build(uint8_t *to, unsigned int vcpus);

/* acpi_dsdt.c: the definition block's body in AML. Returns its bytes. */
size_t acpi_dsdt_body(uint8_t *to, size_t room);

#endif
