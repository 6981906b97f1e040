// SPDX-License-Identifier: BSD-2-Clause
/*
 * The DSDT's body; see acpi.h. AML is that of the ACPI Specification 6.4, chapter 20, "ACPI Machine
 * Language (AML) Specification"; resources are of chapter 6.4, "Resource Data Types for ACPI". In
 * ASL it reads:
 *
 *   Name (_S5_, Package () {5, 5, 0, 0})
 *   Scope (_SB) { Device (PCI0) {...} Device (COM1) {...} Device (RTC0) {...} }
 */
#include <stdlib.h>
#include <string.h>

#include "acpi.h"

#define SLP_TYP_S5 5u
#define OBJECTS_MAX 4u /* open at once */

/* An object with a length in front opens, is filled, and closes: then the length is known. */
struct aml {
	uint8_t *to;
	size_t used, room;
	size_t open[OBJECTS_MAX];
	unsigned int depth;
};

static void put(struct aml *a, const void *bytes, size_t count)
{
	if (count > a->room - a->used)
		abort(); /* it is the same for every machine: it fits, or it never does */
	memcpy(a->to + a->used, bytes, count);
	a->used += count;
}

#define PUT(a, ...) \
	put(a, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define LE16(v) (uint8_t)(v), (uint8_t)((v) >> 8)
#define LE32(v) LE16(v), LE16((v) >> 16)

/* PkgLength in two bytes: up to 4095. */
static void open_object(struct aml *a)
{
	a->open[a->depth++] = a->used;
	PUT(a, 0, 0);
}

static void close_object(struct aml *a)
{
	size_t at = a->open[--a->depth], length = a->used - at;

	a->to[at] = (uint8_t)(0x40 | (length & 15));
	a->to[at + 1] = (uint8_t)(length >> 4);
}

static void name(struct aml *a, const char *four)
{
	PUT(a, 0x08); /* NameOp */
	put(a, four, 4);
}

static void open_device(struct aml *a, const char *four)
{
	PUT(a, 0x5b, 0x82); /* DeviceOp */
	open_object(a);
	put(a, four, 4);
}

/* _HID as an EISA id: three letters in five bits each, four digits, high byte first. */
static void put_hid(struct aml *a, const char *letters, unsigned int digits)
{
	unsigned int text = (unsigned int)(letters[0] - '@') << 10 |
			    (unsigned int)(letters[1] - '@') << 5 |
			    (unsigned int)(letters[2] - '@');

	name(a, "_HID");
	PUT(a, 0x0c, (uint8_t)(text >> 8), (uint8_t)text, (uint8_t)(digits >> 8), (uint8_t)digits);
}

static void put_zero(struct aml *a, const char *four)
{
	name(a, four);
	PUT(a, 0x00); /* ZeroOp */
}

/* Name (_CRS, Buffer () {resources}) */
static void put_resources(struct aml *a, const uint8_t *resources, size_t bytes)
{
	name(a, "_CRS");
	PUT(a, 0x11); /* BufferOp */
	open_object(a);
	PUT(a, 0x0b, LE16(bytes + 2)); /* its size, a word */
	put(a, resources, bytes);
	PUT(a, 0x79, 0x00); /* end tag; checksum 0 is always right */
	close_object(a);
}

/* Small resources: a range of ports that the device decodes, and an edge-triggered IRQ. */
#define PORTS(first, count) 0x47, 1, LE16(first), LE16(first), 1, count
#define IRQ(n) 0x22, LE16(1u << (n))

/* Address-space resources; flags: fixed minimum and maximum, for devices behind. */
#define WORD_SPACE(type, flags, first, last) \
	0x88, LE16(13), type, 0x0c, flags, LE16(0), LE16(first), LE16(last), LE16(0), \
		LE16((last) - (first) + 1)
#define DWORD_SPACE(type, flags, first, last) \
	0x87, LE16(23), type, 0x0c, flags, LE32(0u), LE32(first), LE32(last), LE32(0u), \
		LE32((last) - (first) + 1)
#define SPACE_MEMORY 0
#define SPACE_IO 1
#define SPACE_BUS 2
#define ENTIRE_RANGE 3 /* of ports */
#define WRITABLE 1 /* memory, not cached */

static void put_host_bridge(struct aml *a)
{
	static const uint8_t resources[] = {
		WORD_SPACE(SPACE_BUS, 0, 0u, 0u),
		PORTS(0xcf8u, 8), /* the bridge's own: configuration mechanism 1 */
		WORD_SPACE(SPACE_IO, ENTIRE_RANGE, 0u, 0xcf7u),
		WORD_SPACE(SPACE_IO, ENTIRE_RANGE, 0xd00u, 0xffffu),
		DWORD_SPACE(SPACE_MEMORY, WRITABLE, 0xa0000u, 0xbffffu),
		DWORD_SPACE(SPACE_MEMORY, WRITABLE, 0xc0000000u, 0xfebfffffu),
	};

	open_device(a, "PCI0");
	put_hid(a, "PNP", 0x0a03);
	put_zero(a, "_UID");
	put_zero(a, "_BBN");
	put_resources(a, resources, sizeof(resources));
	close_object(a);
}

static void put_device(struct aml *a, const char *four, unsigned int digits,
		       const uint8_t *resources, size_t bytes)
{
	open_device(a, four);
	put_hid(a, "PNP", digits);
	put_zero(a, "_UID");
	put_resources(a, resources, bytes);
	close_object(a);
}

size_t acpi_dsdt_body(uint8_t *to, size_t room)
{
	static const uint8_t serial[] = { PORTS(0x3f8u, 8), IRQ(4) };
	static const uint8_t clock[] = { PORTS(0x70u, 2), IRQ(8) };
	struct aml a = { .to = to, .room = room };

	name(&a, "_S5_");
	PUT(&a, 0x12); /* PackageOp */
	open_object(&a);
	PUT(&a, 4, 0x0a, SLP_TYP_S5, 0x0a, SLP_TYP_S5, 0, 0);
	close_object(&a);
	PUT(&a, 0x10); /* ScopeOp */
	open_object(&a);
	put(&a, "_SB_", 4);
	put_host_bridge(&a);
	put_device(&a, "COM1", 0x0501, serial, sizeof(serial));
	put_device(&a, "RTC0", 0x0b00, clock, sizeof(clock));
	close_object(&a);
	return a.used;
}
