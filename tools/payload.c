// SPDX-License-Identifier: BSD-2-Clause
/*
 * The payload-format table, which format runs in which mode, and the plan of what goes where; see
 * payload.h. Order matters: a file is of the first format whose detect() says so.
 */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#include "bzimage.h"
#include "config.h"
#include "elf_load.h"
#include "multiboot.h"

/* A parameter that only our series adds to a kernel; its init uses it. */
static const char patched_mark[] = "paravane.exit_status";

static const struct payload_format {
	const char *name;
	bool (*detect)(const struct blob *file);
	/* 0, or -1 with errors that begin with `name`. */
	int (*load)(const struct blob *file, const char *name, uint64_t memory_bytes,
		    struct load_plan *plan, struct errors *e);
} formats[] = {
	{ "Linux bzImage", bzimage_detect, bzimage_load },
	{ "Linux vmlinux", elf_detect_vmlinux, elf_load_vmlinux },
	{ "multiboot kernel", multiboot_detect, multiboot_load },
	{ "ELF64 program", elf_detect, elf_load },
};

uint32_t blob_read32(const struct blob *file, size_t offset)
{
	uint32_t value;

	if (file->size < sizeof(value) || offset > file->size - sizeof(value))
		return 0;
	memcpy(&value, file->data + offset, sizeof(value));
	return value;
}

static const struct payload_format *format_of(const struct blob *file)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].detect(file))
			return &formats[i];
	return NULL;
}

bool payload_is_linux(const struct blob *file)
{
	return bzimage_detect(file) || elf_detect_vmlinux(file);
}

static bool is_patched(const struct load_plan *plan)
{
	for (unsigned int i = 0; i < plan->count; i++)
		if (plan->segments[i].file_bytes &&
		    memmem(plan->segments[i].bytes, plan->segments[i].file_bytes, patched_mark,
			   strlen(patched_mark)))
			return true;
	return false;
}

/* Without a PC around it only what knows our hypercalls gets anywhere. */
static int check_mode(const struct load_plan *plan, const char *name, uint32_t mode,
		      struct errors *e)
{
	if (mode == PV_MODE_FULL_HAP)
		return 0;
	if (plan->protocol == LOAD_MULTIBOOT)
		return errors_add(e,
				  "%s: found a multiboot kernel in a paravirtualized domain, "
				  "expected mode: full/hap",
				  name);
	if (plan->protocol == LOAD_LINUX && !is_patched(plan))
		return errors_add(
			e,
			"%s: found a Linux kernel without CONFIG_PARAVANE_GUEST in a "
			"paravirtualized domain, expected mode: full/hap (or guest:linux)",
			name);
	return 0;
}

int payload_load(struct blob *file, const char *name, uint32_t mode, uint64_t memory_bytes,
		 struct load_plan *plan, struct errors *e)
{
	const struct payload_format *format;

	memset(plan, 0, sizeof(*plan));
	if (decompress(file, name, KERNEL_BYTES_MAX, e))
		return -1;
	format = format_of(file);
	if (!format)
		return errors_add(
			e,
			"%s: found a file of no known format, expected a static ELF64 "
			"program, a Linux kernel (vmlinux, bzImage) or a multiboot kernel",
			name);
	if (format->load(file, name, memory_bytes, plan, e))
		return -1;
	return check_mode(plan, name, mode, e);
}

void load_plan_free(struct load_plan *plan)
{
	blob_free(&plan->unpacked);
	plan->count = 0;
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
