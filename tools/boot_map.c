// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where memory is, as every boot protocol tells it in its own format, and what a BIOS leaves in low
 * memory; see boot_pages.h.
 */
#include <string.h>

#include "boot_pages.h"

void boot_put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

void boot_put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

bool boot_has_platform(const struct domain *d)
{
	return d->mode == PV_MODE_FULL_HAP;
}

unsigned int boot_memory_map(const struct domain *d, struct boot_range ranges[BOOT_RANGES_MAX])
{
	const struct boot_range all = { BOOT_HIGH, d->memory_bytes, BOOT_RANGE_RAM };

	if (!boot_has_platform(d)) {
		ranges[0] = (struct boot_range){ 0, BOOT_LOW_END, BOOT_RANGE_RAM };
		ranges[1] = all;
		return 2;
	}
	ranges[0] = (struct boot_range){ 0, BOOT_EBDA, BOOT_RANGE_RAM };
	ranges[1] = (struct boot_range){ BOOT_EBDA, BOOT_LOW_END, BOOT_RANGE_RESERVED };
	ranges[2] = (struct boot_range){ BOOT_ACPI, BOOT_HIGH, BOOT_RANGE_RESERVED };
	ranges[3] = all;
	return 4;
}

/* The fields are as old as the PC; RBIL, MEMORY.LST, "segment 0040h". */
void boot_bios_data(uint8_t data[256])
{
	const uint16_t com1 = 0x3f8, ebda = BOOT_EBDA >> 4, kib = BOOT_EBDA >> 10;

	memset(data, 0, 256);
	memcpy(data, &com1, 2);
	memcpy(data + 0x0e, &ebda, 2);
	memcpy(data + 0x13, &kib, 2);
}
