// SPDX-License-Identifier: BSD-2-Clause
/*
 * What all guests find when they start, and the choice of the rest; see boot_pages.h. Layouts are
 * those of the Intel SDM, volume 3A: "IA-32e Paging", "Segment Descriptors", "TSS Descriptor in
 * 64-bit mode", "Task Management in 64-bit Mode".
 */
#include "boot_pages.h"

#include <stdlib.h>
#include <string.h>

#include "acpi.h"

#define PAGE 4096ull
#define GIB (1ull << 30)
#define ENTRIES 512u

/* Paging-entry bits. User is set everywhere: the tests enter ring 3 on these tables. */
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_LARGE (1ull << 7)
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER)

/* Flat descriptors: present, not-system; code is readable and 64-bit. Accessed already. */
#define DESCRIPTOR_CODE 0x00af9b000000ffffull
#define DESCRIPTOR_DATA 0x00cf93000000ffffull
#define DESCRIPTOR_DPL3 (3ull << 45)
#define DESCRIPTOR_TSS_BUSY (0x8bull << 40)

#define TSS_BYTES 104u
#define TSS_RSP0 4u
#define TSS_IO_MAP 102u

#define CR0_START 0x80010033ull /* PG WP NE ET MP PE */
#define CR4_START 0x6a0ull /* OSXMMEXCPT OSFXSR PGE PAE */
#define EFER_START 0xd01ull /* NXE LMA LME SCE */

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Identity map of 2 MiB pages over [0, end); end is a multiple of 2 MiB. */
static void build_tables(struct boot_pages *b, uint64_t end)
{
	uint8_t *pml4 = b->low, *pdpt = b->low + (BOOT_PDPT - BOOT_PML4);
	uint64_t directories = (end + GIB - 1) / GIB;

	b->pds_bytes = directories * PAGE;
	b->pds = xcalloc(directories, PAGE);
	put64(pml4, BOOT_PDPT | PTE_TABLE);
	for (uint64_t n = 0; n < directories; n++)
		put64(pdpt + n * 8, (BOOT_PDS + n * PAGE) | PTE_TABLE);
	for (uint64_t n = 0; n << 21 < end; n++)
		put64(b->pds + n * 8, n << 21 | PTE_TABLE | PTE_LARGE);
}

static void build_segments(struct boot_pages *b)
{
	uint8_t *gdt = b->low + (BOOT_GDT - BOOT_PML4), *tss = b->low + (BOOT_TSS - BOOT_PML4);
	uint16_t no_io_map = TSS_BYTES;

	put64(gdt + BOOT_SEL_CODE, DESCRIPTOR_CODE);
	put64(gdt + BOOT_SEL_DATA, DESCRIPTOR_DATA);
	put64(gdt + BOOT_SEL_USER_DATA, DESCRIPTOR_DATA | DESCRIPTOR_DPL3);
	put64(gdt + BOOT_SEL_USER_CODE, DESCRIPTOR_CODE | DESCRIPTOR_DPL3);
	/* 16 bytes; the upper half holds address bits 32 and up, 0 here. Busy, as after LTR. */
	put64(gdt + BOOT_SEL_TSS, (TSS_BYTES - 1) | BOOT_TSS << 16 | DESCRIPTOR_TSS_BUSY);
	put64(tss + TSS_RSP0, BOOT_STACK + BOOT_STACK_BYTES);
	memcpy(tss + TSS_IO_MAP, &no_io_map, sizeof(no_io_map));
}

static void build_start_info(struct boot_pages *b, const struct domain *d, uint64_t initrd_gpa,
			     const struct blob *initrd, const struct load_plan *plan)
{
	struct pv_start_info info = {
		.magic = PV_START_MAGIC,
		.memory_bytes = d->memory_bytes,
		.vcpus = d->vcpus,
		.mode = d->mode,
		.cmdline = BOOT_START_INFO + sizeof(info),
		.cmdline_bytes = strlen(d->cmdline),
		.image_end = plan->image_end,
		.initrd = initrd_gpa,
		.initrd_bytes = initrd ? initrd->size : 0,
	};

	/* The reader of descriptions limits the command line; this is the page's own limit. */
	if (info.cmdline_bytes > PAGE - sizeof(info) - 1)
		info.cmdline_bytes = PAGE - sizeof(info) - 1;
	memcpy(info.name, d->name, sizeof(info.name));
	memcpy(b->start_info, &info, sizeof(info));
	memcpy(b->start_info + sizeof(info), d->cmdline, info.cmdline_bytes);
}

static void build_context(struct pv_vcpu_context *context, uint64_t entry)
{
	*context = (struct pv_vcpu_context){
		.rip = entry,
		.rsp = BOOT_STACK + BOOT_STACK_BYTES,
		.rdi = BOOT_START_INFO,
		.rflags = 2, /* bit 1 always reads as 1; interrupts off */
		.cr0 = CR0_START,
		.cr3 = BOOT_PML4,
		.cr4 = CR4_START,
		.efer = EFER_START,
		.gdt_base = BOOT_GDT,
		.gdt_limit = BOOT_SEL_TSS + 16 - 1,
		.cs = BOOT_SEL_CODE,
		.ss = BOOT_SEL_DATA,
		.ds = BOOT_SEL_DATA,
		.es = BOOT_SEL_DATA,
		.fs = BOOT_SEL_DATA,
		.gs = BOOT_SEL_DATA,
		.tr = BOOT_SEL_TSS,
		.tr_base = BOOT_TSS,
		.tr_limit = TSS_BYTES - 1,
	};
}

/*
 * As high as it fits and may be, at a page boundary, behind the kernel. 0 where there is no room.
 */
static uint64_t place_initrd(const struct domain *d, const struct blob *initrd,
			     const struct load_plan *plan)
{
	uint64_t top = plan->protocol == LOAD_LINUX ? boot_linux_initrd_top(plan, d->memory_bytes) :
						      d->memory_bytes;
	uint64_t gpa;

	if (initrd->size > top)
		return 0;
	gpa = (top - initrd->size) & ~(PAGE - 1);
	return gpa >= plan->image_end ? gpa : 0;
}

/* The devices of a PC are right below 4 GiB. */
static uint64_t mapped_end(const struct domain *d)
{
	uint64_t end = d->memory_bytes + BOOT_MAPPED_BEYOND;

	return boot_has_platform(d) && end < 4 * GIB ? 4 * GIB : end;
}

/* What every guest finds but for its own protocol's pages. */
static void add_common(struct boot_pages *b, struct load_segment *segments, unsigned int *count)
{
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_PML4,
						      .bytes = b->low,
						      .file_bytes = sizeof(b->low) };
	/* No bytes: memory is zero. It is here so that overlaps are found. */
	segments[(*count)++] =
		(struct load_segment){ .gpa = BOOT_STACK, .mem_bytes = BOOT_STACK_BYTES };
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_PDS,
						      .bytes = b->pds,
						      .file_bytes = b->pds_bytes };
}

static void add_platform(struct boot_pages *b, const struct domain *d,
			 struct load_segment *segments, unsigned int *count)
{
	b->acpi_bytes = acpi_build(b->acpi, d->vcpus);
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_ACPI,
						      .bytes = b->acpi,
						      .file_bytes = b->acpi_bytes };
	boot_bios_data(b->bios_data);
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_BIOS_DATA,
						      .bytes = b->bios_data,
						      .file_bytes = sizeof(b->bios_data) };
}

/* What the payload's protocol wants, and the registers that tell where it is. */
static int add_protocol(struct boot_pages *b, const struct boot_request *r,
			const struct load_plan *plan, struct pv_vcpu_context *context,
			struct load_segment *segments, unsigned int *count, struct errors *e)
{
	if (plan->protocol == LOAD_LINUX)
		return boot_linux_build(b, r, plan, context, segments, count, e);
	if (plan->protocol == LOAD_MULTIBOOT)
		return boot_multiboot_build(b, r, plan, context, segments, count, e);
	build_start_info(b, r->d, r->initrd_gpa, r->initrd, plan);
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_START_INFO,
						      .bytes = b->start_info,
						      .file_bytes = PAGE,
						      .flags = PV_SEGMENT_READONLY };
	return 0;
}

int boot_pages_build(struct boot_pages *b, const struct domain *d, const struct blob *initrd,
		     struct load_plan *plan, struct pv_vcpu_context *context, struct errors *e)
{
	struct boot_request r = { .d = d, .initrd = initrd };
	struct load_segment segments[BOOT_SEGMENTS_MAX] = { 0 };
	unsigned int count = 0;
	char memory[24];

	memset(b, 0, sizeof(*b));
	if (boot_has_platform(d) && d->memory_bytes > BOOT_PLATFORM_MEMORY_MAX)
		return errors_add(e,
				  "%s: found more than 3G of memory in a fully virtualized domain, "
				  "expected at most 3G: its devices are above",
				  d->name);
	if (initrd) {
		if (initrd->size > d->memory_bytes)
			return errors_add(e, "%s: has %zu bytes, more than the domain's memory, %s",
					  d->initrd, initrd->size,
					  format_size(d->memory_bytes, memory, sizeof(memory)));
		r.initrd_gpa = place_initrd(d, initrd, plan);
		if (!r.initrd_gpa)
			return errors_add(e,
					  "%s: has %zu bytes, which do not fit behind the kernel",
					  d->initrd, initrd->size);
		segments[count++] = (struct load_segment){ .gpa = r.initrd_gpa,
							   .bytes = initrd->data,
							   .file_bytes = initrd->size };
	}
	build_tables(b, mapped_end(d));
	build_segments(b);
	build_context(context, plan->entry);
	add_common(b, segments, &count);
	if (boot_has_platform(d))
		add_platform(b, d, segments, &count);
	if (add_protocol(b, &r, plan, context, segments, &count, e))
		return -1;
	for (unsigned int i = 0; i < count; i++) {
		if (!segments[i].mem_bytes)
			segments[i].mem_bytes = segments[i].file_bytes;
		if (load_plan_add(plan, &segments[i], d->name, e))
			return -1;
	}
	return 0;
}

void boot_pages_free(struct boot_pages *b)
{
	free(b->pds);
	free(b->cmdline);
	b->pds = NULL;
	b->cmdline = NULL;
}
