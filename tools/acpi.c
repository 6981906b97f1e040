// SPDX-License-Identifier: BSD-2-Clause
/*
 * ACPI tables; see acpi.h. Layouts are those of the Advanced Configuration and Power Interface
 * Specification 6.4, chapter 5, "ACPI Software Programming Model"; the revisions are older ones,
 * which every kernel reads.
 */
#include "acpi.h"

#include <assert.h>
#include <string.h>

#include "boot_pages.h"

/* Of the table area, which begins with the RSDP. */
#define AT_RSDT 0x040u
#define AT_XSDT 0x080u
#define AT_FACS 0x0c0u /* 64-byte aligned */
#define AT_FADT 0x100u
#define AT_MADT 0x200u
#define AT_DSDT 0x400u

#define RSDP_BYTES 36u
#define RSDP_BYTES_1 20u /* that the first checksum is of */
#define HEADER_BYTES 36u
#define FACS_BYTES 64u
#define FADT_BYTES 244u
#define FADT_REVISION 3u
#define MADT_REVISION 3u

#define SCI 9u
#define PM1_EVENT 0x600u
#define PM1_CONTROL 0x604u
#define PM_TIMER 0x608u
#define RESET_PORT 0xcf9u
#define RESET_VALUE 6u
#define CENTURY 0x32u /* in the RTC's NVRAM */
#define LOCAL_APIC 0xfee00000u
#define IO_APIC 0xfec00000u

/* FADT, "Fixed ACPI Description Table Fixed Feature Flags". */
#define WBINVD (1u << 0)
#define PROC_C1 (1u << 2)
#define SLP_BUTTON (1u << 5) /* there is none; the power button (bit 4 clear) is PM1's */
#define FIX_RTC (1u << 6) /* no wake status */
#define TMR_VAL_EXT (1u << 8)
#define RESET_REG_SUP (1u << 10)
/* FADT, "IA-PC Boot Architecture Flags": no keyboard controller either. */
#define LEGACY_DEVICES (1u << 0)
#define VGA_NOT_PRESENT (1u << 2)

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void add_checksum(uint8_t *table, size_t bytes, size_t at)
{
	uint8_t sum = 0;

	table[at] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + table[i]);
	table[at] = (uint8_t)-sum;
}

/* The header that all tables but RSDP and FACS have; the last thing to be written. */
static void finish(uint8_t *table, const char *signature, uint8_t revision, size_t bytes)
{
	memcpy(table, signature, 4);
	boot_put32(table + 4, (uint32_t)bytes);
	table[8] = revision;
	memcpy(table + 10, "PARAVN", 6);
	memcpy(table + 16, "PARAVANE", 8);
	boot_put32(table + 24, 1);
	memcpy(table + 28, "PVN ", 4);
	boot_put32(table + 32, 1);
	add_checksum(table, bytes, 9);
}

static void build_rsdp(uint8_t *rsdp)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "PARAVN", 6);
	rsdp[15] = 2;
	boot_put32(rsdp + 16, (uint32_t)BOOT_ACPI + AT_RSDT);
	boot_put32(rsdp + 20, RSDP_BYTES);
	boot_put64(rsdp + 24, BOOT_ACPI + AT_XSDT);
	add_checksum(rsdp, RSDP_BYTES_1, 8);
	add_checksum(rsdp, RSDP_BYTES, 32);
}

static void build_roots(uint8_t *to)
{
	static const uint32_t tables[] = { AT_FADT, AT_MADT };
	const size_t count = sizeof(tables) / sizeof(tables[0]);
	uint8_t *rsdt = to + AT_RSDT, *xsdt = to + AT_XSDT;

	for (size_t i = 0; i < count; i++) {
		boot_put32(rsdt + HEADER_BYTES + i * 4, (uint32_t)BOOT_ACPI + tables[i]);
		boot_put64(xsdt + HEADER_BYTES + i * 8, BOOT_ACPI + tables[i]);
	}
	finish(rsdt, "RSDT", 1, HEADER_BYTES + count * 4);
	finish(xsdt, "XSDT", 1, HEADER_BYTES + count * 8);
}

static void build_facs(uint8_t *facs)
{
	memcpy(facs, "FACS", 4);
	boot_put32(facs + 4, FACS_BYTES);
	facs[32] = 1; /* version; nobody wakes from sleep here, so the rest is 0 */
}

/* "Generic Address Structure": a port. */
static void put_port(uint8_t *at, uint8_t bits, uint8_t access, uint32_t port)
{
	at[0] = 1;
	at[1] = bits;
	at[2] = 0;
	at[3] = access; /* 1: byte, 2: word, 3: dword */
	boot_put64(at + 4, port);
}

/* SMI_CMD is 0: there is no other mode to switch from, SCI_EN always reads 1. */
static void build_fadt(uint8_t *fadt)
{
	boot_put32(fadt + 36, (uint32_t)BOOT_ACPI + AT_FACS);
	boot_put32(fadt + 40, (uint32_t)BOOT_ACPI + AT_DSDT);
	put16(fadt + 46, SCI);
	boot_put32(fadt + 56, PM1_EVENT);
	boot_put32(fadt + 64, PM1_CONTROL);
	boot_put32(fadt + 76, PM_TIMER);
	fadt[88] = 4; /* PM1_EVT_LEN */
	fadt[89] = 2; /* PM1_CNT_LEN */
	fadt[91] = 4; /* PM_TMR_LEN */
	put16(fadt + 96, 101); /* P_LVL2_LAT: above 100 means no C2 */
	put16(fadt + 98, 1001); /* P_LVL3_LAT: above 1000 means no C3 */
	fadt[108] = CENTURY;
	put16(fadt + 109, LEGACY_DEVICES | VGA_NOT_PRESENT);
	boot_put32(fadt + 112,
		   WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | TMR_VAL_EXT | RESET_REG_SUP);
	put_port(fadt + 116, 8, 1, RESET_PORT);
	fadt[128] = RESET_VALUE;
	boot_put64(fadt + 132, BOOT_ACPI + AT_FACS); /* X_FIRMWARE_CTRL */
	boot_put64(fadt + 140, BOOT_ACPI + AT_DSDT); /* X_DSDT */
	put_port(fadt + 148, 32, 2, PM1_EVENT);
	put_port(fadt + 172, 16, 2, PM1_CONTROL);
	put_port(fadt + 208, 32, 3, PM_TIMER);
	finish(fadt, "FACP", FADT_REVISION, FADT_BYTES);
}

/* "Interrupt Source Override Structure". */
static uint8_t *put_override(uint8_t *at, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	at[0] = 2;
	at[1] = 10;
	at[3] = irq;
	boot_put32(at + 4, gsi);
	put16(at + 8, flags);
	return at + 10;
}

static void build_madt(uint8_t *madt, unsigned int vcpus)
{
	uint8_t *at = madt + HEADER_BYTES;

	boot_put32(at, LOCAL_APIC);
	boot_put32(at + 4, 1); /* PCAT_COMPAT: 8259s to be masked */
	at += 8;
	for (unsigned int i = 0; i < vcpus; i++, at += 8) {
		at[0] = 0; /* processor local APIC: ACPI id, APIC id, enabled */
		at[1] = 8;
		at[2] = at[3] = (uint8_t)i;
		boot_put32(at + 4, 1);
	}
	at[0] = 1; /* I/O APIC: id, address, first GSI, the last two 0 here */
	at[1] = 12;
	boot_put32(at + 4, IO_APIC);
	at += 12;
	at = put_override(at, 0, 2, 0); /* the 8254 is at pin 2 */
	at = put_override(at, SCI, SCI, 0xd); /* level-triggered, active high */
	at[0] = 4; /* local APIC NMI: all processors, as the bus has it, LINT1 */
	at[1] = 6;
	at[2] = 0xff;
	at[5] = 1;
	at += 6;
	finish(madt, "APIC", MADT_REVISION, (size_t)(at - madt));
}

static_assert(AT_MADT + HEADER_BYTES + 8 + PV_VCPUS_MAX * 8 + 12 + 2 * 10 + 6 <= AT_DSDT,
	      "the MADT of most vCPUs");

size_t acpi_build(uint8_t *to, unsigned int vcpus)
{
	size_t dsdt;

	memset(to, 0, BOOT_ACPI_BYTES);
	build_rsdp(to);
	build_roots(to);
	build_facs(to + AT_FACS);
	build_fadt(to + AT_FADT);
	build_madt(to + AT_MADT, vcpus);
	dsdt = acpi_dsdt_body(to + AT_DSDT + HEADER_BYTES,
			      BOOT_ACPI_BYTES - AT_DSDT - HEADER_BYTES);
	finish(to + AT_DSDT, "DSDT", 2, HEADER_BYTES + dsdt);
	return AT_DSDT + HEADER_BYTES + dsdt;
}
