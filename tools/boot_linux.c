// SPDX-License-Identifier: BSD-2-Clause
/*
 * Linux's boot parameters; see boot_pages.h. Linux Documentation/x86/zero-page.rst and boot.rst,
 * "64-bit BOOT PROTOCOL". A vmlinux without a bzImage around it gets the least that a kernel wants.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_pages.h"
#include "bzimage.h"

#define PARAM_ACPI_RSDP 0x070u
#define PARAM_EXT_RAMDISK_IMAGE 0x0c0u
#define PARAM_EXT_RAMDISK_SIZE 0x0c4u
#define PARAM_E820_ENTRIES 0x1e8u
#define PARAM_E820 0x2d0u
#define E820_BYTES 20u
#define PAGE 4096u
#define CMDLINE_MAX 2047u /* COMMAND_LINE_SIZE of every x86 kernel, without its NUL */
#define SERIAL_CONSOLE "console=ttyS0,115200"

static uint32_t header32(const struct load_plan *plan, unsigned int field)
{
	const struct blob header = { (uint8_t *)(uintptr_t)plan->setup_header,
				     plan->setup_header_bytes };

	return blob_read32(&header, field - LINUX_SETUP_HEADER);
}

uint64_t boot_linux_initrd_top(const struct load_plan *plan, uint64_t memory_bytes)
{
	uint64_t last = header32(plan, LINUX_INITRD_MAX);

	if (!last || (header32(plan, LINUX_XLOADFLAGS) & LINUX_XLF_ABOVE_4G))
		return memory_bytes;
	return last + 1 < memory_bytes ? last + 1 : memory_bytes;
}

/* Is the word console=..., and of a console that such a domain can have? */
static bool is_console(const char *word)
{
	return !strncmp(word, "console=", 8) && strncmp(word + 8, "hvc", 3) != 0;
}

static bool has_console(const char *cmdline)
{
	for (const char *word = cmdline; word; word = strchr(word, ' ')) {
		word += strspn(word, " ");
		if (is_console(word))
			return true;
	}
	return false;
}

/*
 * Nobody sees the screen of a fully virtualized Linux, and its hypercall console is hidden: unless
 * it is told otherwise it talks through the serial port.
 */
static int make_cmdline(struct boot_pages *b, const struct boot_request *r,
			const struct load_plan *plan, struct errors *e)
{
	const char *own = r->d->cmdline;
	uint32_t max = header32(plan, LINUX_CMDLINE_SIZE);

	if (!max || max > CMDLINE_MAX)
		max = CMDLINE_MAX;
	if (boot_has_platform(r->d) && !has_console(own))
		b->cmdline = xasprintf("%s%s" SERIAL_CONSOLE, own, *own ? " " : "");
	else
		b->cmdline = xstrdup(own);
	if (strlen(b->cmdline) <= max)
		return 0;
	return errors_add(e,
			  "%s: the command line has %zu characters with the console, the kernel "
			  "takes %u",
			  r->d->name, strlen(b->cmdline), max);
}

static void put_map(uint8_t *params, const struct domain *d)
{
	struct boot_range ranges[BOOT_RANGES_MAX];
	unsigned int count = boot_memory_map(d, ranges);

	for (unsigned int i = 0; i < count; i++) {
		uint8_t *at = params + PARAM_E820 + i * E820_BYTES;

		boot_put64(at, ranges[i].start);
		boot_put64(at + 8, ranges[i].end - ranges[i].start);
		boot_put32(at + 16, ranges[i].type);
	}
	params[PARAM_E820_ENTRIES] = (uint8_t)count;
}

static void build_params(uint8_t *params, const struct boot_request *r,
			 const struct load_plan *plan)
{
	/*
	 * What is not the header's stays 0, the sentinel before it as well: so it was not copied.
	 */
	if (plan->setup_header_bytes) {
		memcpy(params + LINUX_SETUP_HEADER, plan->setup_header, plan->setup_header_bytes);
	} else {
		boot_put32(params + LINUX_MAGIC, LINUX_MAGIC_VALUE);
		params[LINUX_VERSION] = 0x0f;
		params[LINUX_VERSION + 1] = 2;
	}
	params[LINUX_TYPE_OF_LOADER] = 0xff; /* none that has a number */
	params[LINUX_LOADFLAGS] &= 1; /* LOADED_HIGH; no heap, and not moved at random */
	boot_put32(params + LINUX_CMDLINE, (uint32_t)BOOT_CMDLINE);
	if (r->initrd) {
		uint64_t bytes = r->initrd->size;

		boot_put32(params + LINUX_RAMDISK_IMAGE, (uint32_t)r->initrd_gpa);
		boot_put32(params + PARAM_EXT_RAMDISK_IMAGE, (uint32_t)(r->initrd_gpa >> 32));
		boot_put32(params + LINUX_RAMDISK_SIZE, (uint32_t)bytes);
		boot_put32(params + PARAM_EXT_RAMDISK_SIZE, (uint32_t)(bytes >> 32));
	}
	if (boot_has_platform(r->d))
		boot_put64(params + PARAM_ACPI_RSDP, BOOT_ACPI);
	put_map(params, r->d);
}

int boot_linux_build(struct boot_pages *b, const struct boot_request *r,
		     const struct load_plan *plan, struct pv_vcpu_context *context,
		     struct load_segment *segments, unsigned int *count, struct errors *e)
{
	if (make_cmdline(b, r, plan, e))
		return -1;
	build_params(b->linux_params, r, plan);
	/* Linux takes all of low memory, so nothing in it may be read-only. */
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_LINUX_PARAMS,
						      .bytes = b->linux_params,
						      .file_bytes = PAGE };
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_CMDLINE,
						      .bytes = (const uint8_t *)b->cmdline,
						      .file_bytes = strlen(b->cmdline) + 1 };
	context->rdi = 0;
	context->rsi = BOOT_LINUX_PARAMS;
	return 0;
}
