// SPDX-License-Identifier: BSD-2-Clause
/*
 * The payload-format table, and the plan of what goes where; see payload.h. Order matters: a file
 * is of the first format whose detect() says so.
 */
#include "payload.h"

#include <string.h>

#include "config.h"
#include "elf_load.h"

static uint32_t read32(const struct blob *file, size_t offset)
{
	uint32_t value;

	if (file->size < sizeof(value) || offset > file->size - sizeof(value))
		return 0;
	memcpy(&value, file->data + offset, sizeof(value));
	return value;
}

/* Linux Documentation/x86/boot.rst, "The Real-Mode Kernel Header". */
static bool bzimage_detect(const struct blob *file)
{
	const size_t boot_flag = 0x1fe, magic = 0x202;

	return (read32(file, boot_flag) & 0xffff) == 0xaa55 && read32(file, magic) == 0x53726448;
}

/* Multiboot Specification 0.6.96, "The layout of Multiboot header": in the first 8 KiB. */
static bool multiboot_detect(const struct blob *file)
{
	for (size_t at = 0; at + 12 <= 8192 && at + 12 <= file->size; at += 4)
		if (read32(file, at) == 0x1badb002 &&
		    read32(file, at) + read32(file, at + 4) + read32(file, at + 8) == 0)
			return true;
	return false;
}

static const struct payload_format formats[] = {
	{ "Linux bzImage", bzimage_detect, NULL },
	{ "Linux vmlinux", elf_detect_vmlinux, elf_load_vmlinux },
	{ "multiboot kernel", multiboot_detect, NULL },
	{ "ELF64 program", elf_detect, elf_load },
};

const struct payload_format *payload_format_of(const struct blob *file, const char *name,
					       struct errors *e)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!formats[i].detect(file))
			continue;
		if (formats[i].load)
			return &formats[i];
		errors_add(
			e,
			"%s: found a %s, expected a static ELF64 program: this format comes with "
			"full virtualization, not in this version",
			name, formats[i].name);
		return NULL;
	}
	errors_add(e, "%s: found a file of no known format, expected a static ELF64 program", name);
	return NULL;
}

int load_plan_add(struct load_plan *plan, const struct load_segment *segment, const char *name,
		  struct errors *e)
{
	if (plan->count == LOAD_SEGMENTS_MAX)
		return errors_add(e, "%s: too many segments, expected at most %u", name,
				  LOAD_SEGMENTS_MAX);
	plan->segments[plan->count++] = *segment;
	return 0;
}

int load_plan_check(const struct load_plan *plan, const char *name, uint64_t memory_bytes,
		    struct errors *e)
{
	char memory[24];

	for (unsigned int i = 0; i < plan->count; i++) {
		const struct load_segment *a = &plan->segments[i];

		if (a->gpa > memory_bytes || a->mem_bytes > memory_bytes - a->gpa)
			return errors_add(e,
					  "%s: 0x%llx bytes at 0x%llx are beyond the domain's "
					  "memory, %s",
					  name, (unsigned long long)a->mem_bytes,
					  (unsigned long long)a->gpa,
					  format_size(memory_bytes, memory, sizeof(memory)));
		for (unsigned int k = 0; k < i; k++) {
			const struct load_segment *b = &plan->segments[k];

			if (a->gpa < b->gpa + b->mem_bytes && b->gpa < a->gpa + a->mem_bytes)
				return errors_add(e,
						  "%s: what goes to 0x%llx (0x%llx bytes) and to "
						  "0x%llx (0x%llx bytes) overlaps",
						  name, (unsigned long long)b->gpa,
						  (unsigned long long)b->mem_bytes,
						  (unsigned long long)a->gpa,
						  (unsigned long long)a->mem_bytes);
		}
	}
	return 0;
}
