// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loader of bzImages; see bzimage.h. Linux Documentation/x86/boot.rst, "The Real-Mode Kernel
 * Header" and "64-bit BOOT PROTOCOL".
 */
#include "bzimage.h"

#include <stdlib.h>
#include <string.h>

#include "elf_load.h"

#define SETUP_SECTS 0x1f1u
#define BOOT_FLAG 0x1feu
#define HEADER_LENGTH 0x201u /* of the jump at 0x200, to the header's end */
#define PAYLOAD_OFFSET 0x248u
#define PAYLOAD_LENGTH 0x24cu
#define HEADER_START 0x200u
#define SECTOR 512u
#define PROTOCOL_PAYLOAD 0x208u /* the first with payload_offset */
#define PROTOCOL_XLOADFLAGS 0x20cu

bool bzimage_detect(const struct blob *file)
{
	return (blob_read32(file, BOOT_FLAG) & 0xffff) == 0xaa55 &&
	       blob_read32(file, LINUX_MAGIC) == LINUX_MAGIC_VALUE;
}

static uint16_t read16(const struct blob *file, size_t offset)
{
	return (uint16_t)blob_read32(file, offset);
}

static int take_header(const struct blob *file, const char *name, struct load_plan *plan,
		       struct errors *e)
{
	unsigned int version = read16(file, LINUX_VERSION);
	size_t end = HEADER_START + 2 + (blob_read32(file, HEADER_LENGTH) & 0xff);

	if (version < PROTOCOL_PAYLOAD)
		return errors_add(e,
				  "%s: found a kernel of boot protocol %u.%02u, expected 2.08 or "
				  "later",
				  name, version >> 8, version & 0xff);
	if (version >= PROTOCOL_XLOADFLAGS && !(read16(file, LINUX_XLOADFLAGS) & LINUX_XLF_64BIT))
		return errors_add(e, "%s: found a 32-bit kernel, expected a 64-bit one", name);
	if (end < PAYLOAD_LENGTH + 4 || end > LINUX_SETUP_HEADER + LINUX_SETUP_HEADER_MAX)
		return errors_add(e,
				  "%s: its setup header ends at 0x%zx, expected 0x%x to 0x%x (is "
				  "it damaged?)",
				  name, end, PAYLOAD_LENGTH + 4,
				  LINUX_SETUP_HEADER + LINUX_SETUP_HEADER_MAX);
	if (end > file->size)
		return errors_add(e, "%s: is cut short, within its setup header", name);
	plan->setup_header_bytes = end - LINUX_SETUP_HEADER;
	memcpy(plan->setup_header, file->data + LINUX_SETUP_HEADER, plan->setup_header_bytes);
	return 0;
}

/* The compressed kernel, as a part of the file. */
static int find_payload(const struct blob *file, const char *name, struct blob *payload,
			struct errors *e)
{
	uint64_t sectors = file->data[SETUP_SECTS] ? file->data[SETUP_SECTS] : 4;
	uint64_t start = (sectors + 1) * SECTOR + blob_read32(file, PAYLOAD_OFFSET);
	uint64_t bytes = blob_read32(file, PAYLOAD_LENGTH);

	if (!bytes)
		return errors_add(e, "%s: its setup header tells of no payload (is it damaged?)",
				  name);
	if (start > file->size || bytes > file->size - start)
		return errors_add(e,
				  "%s: is cut short: its payload has %llu bytes from %llu on, the "
				  "file %zu bytes",
				  name, (unsigned long long)bytes, (unsigned long long)start,
				  file->size);
	*payload = (struct blob){ file->data + start, bytes };
	return 0;
}

int bzimage_load(const struct blob *file, const char *name, uint64_t memory_bytes,
		 struct load_plan *plan, struct errors *e)
{
	struct blob payload;
	char *inside;
	int result;

	if (take_header(file, name, plan, e) || find_payload(file, name, &payload, e) ||
	    decompress_kernel(&payload, &plan->unpacked, name, KERNEL_BYTES_MAX, e))
		return -1;
	inside = xasprintf("%s: the kernel in it", name);
	if (!elf_detect_vmlinux(&plan->unpacked)) {
		/* What the ELF loader says against it, if it is one at all. */
		result = elf_load(&plan->unpacked, inside, memory_bytes, plan, e);
		if (!result)
			result = errors_add(e, "%s: found an ELF program, expected a Linux kernel",
					    inside);
	} else {
		result = elf_load_vmlinux(&plan->unpacked, inside, memory_bytes, plan, e);
	}
	free(inside);
	return result;
}
