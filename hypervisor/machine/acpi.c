/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ACPI says about this machine, into acpi_info: CPUs and LAPIC (MADT), power-off and reset
 * (FADT, \_S5_ in the DSDT), PM timer. Called once by the boot CPU on boot page tables, which map
 * all that is read here. Tables come from the firmware and may be wrong: every length is checked,
 * and what does not add up is left out with a line in the log.
 */
#include "lib/lib.h"
#include "machine/acpi_tables.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define LAPIC_DEFAULT 0xfee00000ull
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define TABLE_BYTES_MAX (16u << 20) /* larger than any real DSDT */
#define TABLES_MAX 256u /* of one RSDT or XSDT */
#define APIC_ID_XAPIC_MAX 0xfe /* 0xff is the broadcast */

struct acpi_info acpi_info;

/* All of a table's bytes add up to 0 modulo 256, its checksum field among them. */
static u8 sum(const void *data, size_t bytes)
{
	u8 total = 0;

	for (size_t i = 0; i < bytes; i++)
		total = (u8)(total + ((const u8 *)data)[i]);
	return total;
}

bool acpi_rsdp_valid(const struct acpi_rsdp *rsdp)
{
	if (memcmp(rsdp->signature, "RSD PTR ", 8) || sum(rsdp, ACPI_RSDP_OLD_BYTES))
		return false;
	return rsdp->revision < 2 || sum(rsdp, sizeof(*rsdp)) == 0;
}

/*
 * A table that may be read to its stated length, or NULL. Firmware below 4 GiB is the rule: ACPI
 * tables are made by code that runs in 32 bits, so what lies above is not worth a mapping of its
 * own.
 */
static const struct acpi_header *table_at(hpa_t at, const char *what)
{
	const struct acpi_header *table = machine_pointer(at);

	if (!at)
		return NULL;
	if (at >= BOOT_MAPPED - sizeof(*table)) {
		log_line("acpi: %s at 0x%lx is above 4 GiB, ignored", what, (unsigned long)at);
		return NULL;
	}
	if (table->length < sizeof(*table) || table->length > TABLE_BYTES_MAX ||
	    table->length > BOOT_MAPPED - at) {
		log_line("acpi: %s at 0x%lx has a bad length, ignored", what, (unsigned long)at);
		return NULL;
	}
	if (sum(table, table->length)) {
		log_line("acpi: %.4s at 0x%lx has a bad checksum, ignored", table->signature,
			 (unsigned long)at);
		return NULL;
	}
	return table;
}

/* ---- MADT: CPUs ------------------------------------------------------------------------------ */

/* apic_ids[0] is this CPU from the start, so it is neither lost nor listed twice. */
static void add_cpu(u32 id)
{
	for (u32 i = 0; i < acpi_info.cpu_count; i++)
		if (acpi_info.apic_ids[i] == id)
			return;
	if (acpi_info.cpu_count < ARRAY_SIZE(acpi_info.apic_ids))
		acpi_info.apic_ids[acpi_info.cpu_count++] = id;
}

/*
 * Entries with the enabled flag only: "online capable" ones are sockets without a CPU. A CPU may
 * be listed by both kinds of entry; add_cpu() sees to that.
 */
static void read_madt_entry(const struct acpi_madt_entry *entry)
{
	const struct acpi_madt_lapic *lapic = (const void *)entry;
	const struct acpi_madt_x2apic *x2apic = (const void *)entry;
	const struct acpi_madt_lapic_address *address = (const void *)entry;

	switch (entry->type) {
	case MADT_LAPIC:
		if (entry->length >= sizeof(*lapic) && (lapic->flags & MADT_ENABLED) &&
		    lapic->id <= APIC_ID_XAPIC_MAX)
			add_cpu(lapic->id);
		break;
	case MADT_X2APIC:
		if (entry->length >= sizeof(*x2apic) && (x2apic->flags & MADT_ENABLED))
			add_cpu(x2apic->id);
		break;
	case MADT_LAPIC_ADDRESS:
		if (entry->length >= sizeof(*address))
			acpi_info.lapic = address->address;
		break;
	}
}

static void read_madt(const struct acpi_header *table)
{
	const struct acpi_madt *madt = (const void *)table;
	const u8 *at = (const u8 *)(madt + 1), *end = (const u8 *)table + table->length;

	if (table->length < sizeof(*madt))
		return;
	if (madt->lapic)
		acpi_info.lapic = madt->lapic;
	/* An entry of length 0 would be read for ever, one beyond the end is cut off. */
	while (end - at >= (ptrdiff_t)sizeof(struct acpi_madt_entry)) {
		const struct acpi_madt_entry *entry = (const void *)at;

		if (entry->length < sizeof(*entry) || entry->length > end - at)
			break;
		read_madt_entry(entry);
		at += entry->length;
	}
}

/* ---- FADT and DSDT: power -------------------------------------------------------------------- */

/*
 * AML integer constant; returns the bytes it takes, 0 if it is none. ACPI, "AML Grammar",
 * ComputationalData.
 */
static size_t aml_integer(const u8 *at, size_t bytes, u8 *value)
{
	if (bytes >= 1 && at[0] <= 1) { /* ZeroOp, OneOp */
		*value = at[0];
		return 1;
	}
	if (bytes >= 2 && at[0] == 0x0a) { /* BytePrefix */
		*value = at[1];
		return 2;
	}
	if (bytes >= 3 && at[0] == 0x0b) { /* WordPrefix */
		*value = at[1];
		return 3;
	}
	return 0;
}

/* What follows the name _S5_: PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ... */
static bool read_s5_package(const u8 *at, size_t bytes)
{
	size_t skip, used;
	u8 type_a, type_b;

	if (bytes < 3 || at[0] != 0x12)
		return false;
	skip = 1 + 1 + (at[1] >> 6) + 1; /* PkgLength takes 1..4 bytes */
	if (bytes <= skip)
		return false;
	at += skip;
	bytes -= skip;
	used = aml_integer(at, bytes, &type_a);
	if (!used)
		return false;
	if (!aml_integer(at + used, bytes - used, &type_b))
		type_b = type_a;
	acpi_info.s5_type_a = type_a & 7;
	acpi_info.s5_type_b = type_b & 7;
	acpi_info.has_s5 = true;
	return true;
}

/* Looks for the bytes rather than running AML: firmware writes \_S5_ as a constant package. */
static void find_s5(const struct acpi_header *table)
{
	const u8 *at = (const u8 *)(table + 1), *end = (const u8 *)table + table->length;

	for (; !acpi_info.has_s5 && end - at > 4; at++)
		if (!memcmp(at, "_S5_", 4))
			read_s5_package(at + 4, (size_t)(end - at - 4));
}

/* A port from the 64-bit field where the table has it and it names one, else the old one. */
static u16 fadt_port(const struct acpi_fadt *fadt, const struct acpi_address *extended, u32 old)
{
	size_t end = (size_t)((const u8 *)(extended + 1) - (const u8 *)fadt);

	if (fadt->header.length >= end && extended->space == ACPI_SPACE_IO && extended->address &&
	    extended->address <= 0xffff)
		return (u16)extended->address;
	return old <= 0xffff ? (u16)old : 0;
}

/*
 * ACPI 1.0 has a FADT of 116 bytes; each later field counts only where the table is long enough.
 * The reset register must be a port: other address spaces belong to hardware that we do not drive.
 */
static void read_fadt(const struct acpi_header *table)
{
	const struct acpi_fadt *fadt = (const void *)table;
	const struct acpi_header *dsdt = NULL;

	if (table->length < offsetof(struct acpi_fadt, reset_register)) {
		log_line("acpi: FADT too short, ignored");
		return;
	}
	acpi_info.pm1a_control = fadt_port(fadt, &fadt->x_pm1a_control, fadt->pm1a_control);
	acpi_info.pm1b_control = fadt_port(fadt, &fadt->x_pm1b_control, fadt->pm1b_control);
	acpi_info.pm_timer = fadt_port(fadt, &fadt->x_pm_timer, fadt->pm_timer);
	acpi_info.smi_command = fadt->smi_command <= 0xffff ? (u16)fadt->smi_command : 0;
	acpi_info.acpi_enable = fadt->acpi_enable;
	if (table->length > offsetof(struct acpi_fadt, reset_value) &&
	    (fadt->flags & FADT_RESET_SUPPORTED) && fadt->reset_register.space == ACPI_SPACE_IO &&
	    fadt->reset_register.address <= 0xffff) {
		acpi_info.reset_address = fadt->reset_register.address;
		acpi_info.reset_value = fadt->reset_value;
	}
	if (table->length >= offsetof(struct acpi_fadt, x_pm1a_event) && fadt->x_dsdt)
		dsdt = table_at(fadt->x_dsdt, "DSDT");
	if (!dsdt)
		dsdt = table_at(fadt->dsdt, "DSDT");
	if (dsdt)
		find_s5(dsdt);
}

/* ---- the list of tables ---------------------------------------------------------------------- */

static void read_table(hpa_t at)
{
	const struct acpi_header *table = table_at(at, "a table");

	if (!table)
		return;
	if (!memcmp(table->signature, "APIC", 4))
		read_madt(table);
	else if (!memcmp(table->signature, "FACP", 4))
		read_fadt(table);
	else if (!memcmp(table->signature, "SSDT", 4))
		find_s5(table);
}

/* The RSDT has 32-bit entries, the XSDT 64-bit ones, not aligned. */
static void read_root(const struct acpi_header *root, size_t entry_bytes)
{
	const u8 *entries = (const u8 *)(root + 1);
	size_t count = (root->length - sizeof(*root)) / entry_bytes;

	for (size_t i = 0; i < min(count, (size_t)TABLES_MAX); i++) {
		u64 at = 0;

		memcpy(&at, entries + i * entry_bytes, entry_bytes);
		read_table(at);
	}
}

/*
 * The boot CPU is in the list from the start: whatever the tables say, it runs. An XSDT that is
 * wrong is no reason to give up while there is an RSDT.
 */
void acpi_init(hpa_t rsdp_address)
{
	const struct acpi_rsdp *rsdp = machine_pointer(rsdp_address);
	const struct acpi_header *root = NULL;
	size_t entry_bytes = 8;

	memset(&acpi_info, 0, sizeof(acpi_info));
	acpi_info.lapic = cpuid(1, 0).edx & BIT(9) ? rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS :
						     LAPIC_DEFAULT;
	add_cpu(apic_id());
	if (!rsdp_address || rsdp_address >= BOOT_MAPPED || !acpi_rsdp_valid(rsdp)) {
		log_line("acpi: no tables found; one CPU, no power-off");
		return;
	}
	if (rsdp->revision >= 2)
		root = table_at(rsdp->xsdt, "XSDT");
	if (!root) {
		root = table_at(rsdp->rsdt, "RSDT");
		entry_bytes = 4;
	}
	if (!root || memcmp(root->signature, entry_bytes == 8 ? "XSDT" : "RSDT", 4)) {
		log_line("acpi: no list of tables; one CPU, no power-off");
		return;
	}
	read_root(root, entry_bytes);
}
