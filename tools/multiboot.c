// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loader of multiboot kernels; see multiboot.h. Multiboot Specification 0.6.96, "OS image
 * format".
 */
#include "multiboot.h"

#include <elf.h>
#include <string.h>

#include "elf_load.h"

#define SEARCH_BYTES 8192u /* the header is within these, 4-byte aligned */
#define HEADER_BYTES 12u
#define ADDRESS_BYTES 20u /* of the address fields behind it */
#define MAGIC 0x1badb002u
#define FLAG_VIDEO (1u << 2)
#define FLAG_ADDRESSES (1u << 16)
#define FLAGS_KNOWN 0x3u /* of those that must be granted: page-aligned modules, memory map */
#define FLAGS_REQUIRED 0xffffu
#define ADDRESS_MAX (1ull << 32)

/* Offset of the first header, or of the first one whose checksum is right; SIZE_MAX for none. */
static size_t find_header(const struct blob *file, bool is_sound)
{
	for (size_t at = 0; at + HEADER_BYTES <= SEARCH_BYTES && at + HEADER_BYTES <= file->size;
	     at += 4) {
		uint32_t sum = blob_read32(file, at) + blob_read32(file, at + 4) +
			       blob_read32(file, at + 8);

		if (blob_read32(file, at) == MAGIC && (!is_sound || !sum))
			return at;
	}
	return SIZE_MAX;
}

/* A 64-bit program may hold the number by chance; a file of no other format means it. */
bool multiboot_detect(const struct blob *file)
{
	bool is_64bit = elf_detect(file) && file->size > EI_CLASS &&
			file->data[EI_CLASS] == ELFCLASS64;

	return find_header(file, is_64bit) != SIZE_MAX;
}

struct addresses {
	uint32_t header, load, load_end, bss_end, entry;
};

/* NULL, or what is wrong. Afterwards the ends are ends, where 0 stood for the usual. */
static const char *check_addresses(struct addresses *a, size_t at, size_t file_bytes,
				   uint64_t *offset)
{
	if (a->load > a->header || a->header - a->load > at)
		return "the header is said to be where it is not";
	*offset = at - (a->header - a->load);
	if (!a->load_end) {
		if (file_bytes - *offset > UINT32_MAX - a->load)
			return "the image ends beyond 4G";
		a->load_end = (uint32_t)(a->load + (file_bytes - *offset));
	}
	if (!a->bss_end)
		a->bss_end = a->load_end;
	if (a->load_end <= a->load || a->bss_end < a->load_end)
		return "the image ends before its start";
	if (a->load_end - a->load > file_bytes - *offset)
		return "the image is longer than the file (is it cut short?)";
	if (a->load < PAYLOAD_BASE)
		return "the image starts below 1M, where the boot pages are";
	if (a->entry < a->load || a->entry >= a->load_end)
		return "the entry point is outside of the image";
	return NULL;
}

/* The "a.out kludge": the header itself says what goes where. */
static int load_addresses(const struct blob *file, const char *name, size_t at,
			  struct load_plan *plan, struct errors *e)
{
	struct addresses a;
	const char *wrong;
	uint64_t offset;

	if (file->size - at < HEADER_BYTES + ADDRESS_BYTES)
		return errors_add(e, "%s: is cut short, within its multiboot header", name);
	memcpy(&a, file->data + at + HEADER_BYTES, sizeof(a));
	wrong = check_addresses(&a, at, file->size, &offset);
	if (wrong)
		return errors_add(
			e,
			"%s: the multiboot header's addresses are wrong: %s (header 0x%x, "
			"load 0x%x to 0x%x, zeros to 0x%x, entry 0x%x)",
			name, wrong, a.header, a.load, a.load_end, a.bss_end, a.entry);
	plan->entry = a.entry;
	plan->image_end = ((uint64_t)a.bss_end + 4095) & ~4095ull;
	return load_plan_add(plan,
			     &(struct load_segment){
				     .gpa = a.load,
				     .bytes = file->data + offset,
				     .file_bytes = a.load_end - a.load,
				     .mem_bytes = a.bss_end - a.load,
			     },
			     name, e);
}

int multiboot_load(const struct blob *file, const char *name, uint64_t memory_bytes,
		   struct load_plan *plan, struct errors *e)
{
	const struct elf_rules rules = { .takes_32bit = true,
					 .takes_virtual = true,
					 .is_entry_virtual = true };
	size_t at = find_header(file, true);
	uint32_t flags;

	plan->protocol = LOAD_MULTIBOOT;
	if (at == SIZE_MAX)
		return errors_add(e, "%s: the checksum of its multiboot header is wrong", name);
	flags = blob_read32(file, at + 4);
	if (flags & FLAG_VIDEO)
		return errors_add(
			e, "%s: its multiboot header asks for a video mode: there is none", name);
	if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN)
		return errors_add(e,
				  "%s: its multiboot header asks for unknown features (flags 0x%x)",
				  name, flags);
	if (flags & FLAG_ADDRESSES) {
		if (load_addresses(file, name, at, plan, e))
			return -1;
	} else if (!elf_detect(file)) {
		return errors_add(e,
				  "%s: found a multiboot header without addresses in a file that "
				  "is not ELF",
				  name);
	} else if (elf_load_by(&rules, file, name, memory_bytes, plan, e)) {
		return -1;
	}
	/* It is entered in 32-bit mode. */
	if (plan->image_end > ADDRESS_MAX)
		return errors_add(e, "%s: ends beyond 4G", name);
	return 0;
}
