/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables as far as acpi.c reads them: ACPI Specification, "ACPI System Description Tables".
 * Packed, because firmware puts them at any address.
 */
#ifndef MACHINE_ACPI_TABLES_H
#define MACHINE_ACPI_TABLES_H

#include "lib/types.h"

struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	u8 checksum; /* of the first 20 bytes */
	char oem[6];
	u8 revision; /* 0: the fields below do not exist */
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

#define ACPI_RSDP_OLD_BYTES 20u

struct acpi_header {
	char signature[4];
	u32 length; /* with this header */
	u8 revision;
	u8 checksum; /* makes the sum of all bytes 0 */
	char oem[6];
	char oem_table[8];
	u32 oem_revision;
	u32 creator;
	u32 creator_revision;
} __attribute__((packed));

struct acpi_address { /* "Generic Address Structure" */
	u8 space; /* 1 = I/O port */
	u8 bits;
	u8 offset;
	u8 access;
	u64 address;
} __attribute__((packed));

#define ACPI_SPACE_IO 1

struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved1, profile;
	u16 sci;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes;
	u8 gpe0_bytes, gpe1_bytes, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved2;
	u32 flags;
	struct acpi_address reset_register;
	u8 reset_value;
	u16 arm_flags;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
} __attribute__((packed));

_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "FADT");
_Static_assert(offsetof(struct acpi_fadt, x_pm_timer) == 208, "FADT");

#define FADT_RESET_SUPPORTED BIT(10)

struct acpi_madt {
	struct acpi_header header;
	u32 lapic;
	u32 flags;
} __attribute__((packed));

struct acpi_madt_entry {
	u8 type, length;
} __attribute__((packed));

enum { MADT_LAPIC = 0, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };

struct acpi_madt_lapic {
	struct acpi_madt_entry entry;
	u8 processor, id;
	u32 flags;
} __attribute__((packed));

struct acpi_madt_lapic_address {
	struct acpi_madt_entry entry;
	u16 reserved;
	u64 address;
} __attribute__((packed));

struct acpi_madt_x2apic {
	struct acpi_madt_entry entry;
	u16 reserved;
	u32 id, flags, processor;
} __attribute__((packed));

#define MADT_ENABLED 1u

/* Signature and checksums; for revision >= 2 of the whole structure. */
bool acpi_rsdp_valid(const struct acpi_rsdp *rsdp);

#endif
