// SPDX-License-Identifier: BSD-2-Clause
/*
 * The first pages of a bare-metal payload; see boot_pages.h. Layouts are those of the Intel SDM,
 * volume 3A: "IA-32e Paging", "Segment Descriptors", "TSS Descriptor in 64-bit mode", "Task
 * Management in 64-bit Mode".
 */
#include "boot_pages.h"

#include <stdlib.h>
#include <string.h>

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

/* Linux Documentation/x86/zero-page.rst and boot.rst, "64-bit BOOT PROTOCOL". */
#define PARAM_EXT_RAMDISK_IMAGE 0x0c0
#define PARAM_EXT_RAMDISK_SIZE 0x0c4
#define PARAM_E820_ENTRIES 0x1e8
#define PARAM_MAGIC 0x202
#define PARAM_VERSION 0x206
#define PARAM_LOADER 0x210
#define PARAM_RAMDISK_IMAGE 0x218
#define PARAM_RAMDISK_SIZE 0x21c
#define PARAM_CMDLINE 0x228
#define PARAM_E820 0x2d0
#define E820_BYTES 20u
#define E820_RAM 1u
#define LOW_END 0xa0000ull /* where a PC has its screen; nothing is there, but kernels avoid it */

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put_range(uint8_t *params, unsigned int n, uint64_t start, uint64_t end)
{
	uint8_t *at = params + PARAM_E820 + n * E820_BYTES;

	put64(at, start);
	put64(at + 8, end - start);
	put32(at + 16, E820_RAM);
	params[PARAM_E820_ENTRIES] = (uint8_t)(n + 1);
}

static void build_linux_params(struct boot_pages *b, const struct domain *d, uint64_t initrd_gpa,
			       const struct blob *initrd)
{
	uint8_t *params = b->linux_params;

	put32(params + PARAM_MAGIC, 0x53726448); /* "HdrS" */
	params[PARAM_VERSION] = 0x0f;
	params[PARAM_VERSION + 1] = 2;
	params[PARAM_LOADER] = 0xff; /* none that has a number */
	put32(params + PARAM_CMDLINE, (uint32_t)BOOT_LINUX_CMDLINE);
	if (initrd) {
		put32(params + PARAM_RAMDISK_IMAGE, (uint32_t)initrd_gpa);
		put32(params + PARAM_EXT_RAMDISK_IMAGE, (uint32_t)(initrd_gpa >> 32));
		put32(params + PARAM_RAMDISK_SIZE, (uint32_t)initrd->size);
		put32(params + PARAM_EXT_RAMDISK_SIZE, (uint32_t)((uint64_t)initrd->size >> 32));
	}
	put_range(params, 0, 0, LOW_END);
	put_range(params, 1, 1ull << 20, d->memory_bytes);
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

/* As high as it fits, at a page boundary, behind the kernel. 0 where there is no room. */
static uint64_t place_initrd(const struct domain *d, const struct blob *initrd,
			     const struct load_plan *plan)
{
	uint64_t gpa;

	if (initrd->size > d->memory_bytes)
		return 0;
	gpa = (d->memory_bytes - initrd->size) & ~(PAGE - 1);
	return gpa >= plan->image_end ? gpa : 0;
}

int boot_pages_build(struct boot_pages *b, const struct domain *d, const struct blob *initrd,
		     struct load_plan *plan, struct pv_vcpu_context *context, struct errors *e)
{
	struct load_segment segments[6] = {
		{ .gpa = BOOT_PML4, .bytes = b->low, .file_bytes = sizeof(b->low) },
		{ .gpa = BOOT_START_INFO,
		  .bytes = b->start_info,
		  .file_bytes = PAGE,
		  .flags = PV_SEGMENT_READONLY },
		/* No bytes: memory is zero. It is here so that overlaps are found. */
		{ .gpa = BOOT_STACK, .mem_bytes = BOOT_STACK_BYTES },
	};
	unsigned int count = 4;
	uint64_t initrd_gpa = 0;

	memset(b, 0, sizeof(*b));
	if (initrd) {
		initrd_gpa = place_initrd(d, initrd, plan);
		if (!initrd_gpa)
			return errors_add(e,
					  "%s: has %zu bytes, which do not fit behind the kernel",
					  d->initrd, initrd->size);
		segments[count++] = (struct load_segment){ .gpa = initrd_gpa,
							   .bytes = initrd->data,
							   .file_bytes = initrd->size };
	}
	build_tables(b, d->memory_bytes + BOOT_MAPPED_BEYOND);
	build_segments(b);
	build_start_info(b, d, initrd_gpa, initrd, plan);
	build_context(context, plan->entry);
	if (plan->is_linux) {
		/* Linux takes all of low memory, so nothing in it may be read-only. */
		build_linux_params(b, d, initrd_gpa, initrd);
		segments[1] = (struct load_segment){ .gpa = BOOT_LINUX_PARAMS,
						     .bytes = b->linux_params,
						     .file_bytes = PAGE };
		segments[count++] = (struct load_segment){ .gpa = BOOT_LINUX_CMDLINE,
							   .bytes = (const uint8_t *)d->cmdline,
							   .file_bytes = strlen(d->cmdline) + 1 };
		context->rdi = 0;
		context->rsi = BOOT_LINUX_PARAMS;
	}
	segments[3] = (struct load_segment){ .gpa = BOOT_PDS,
					     .bytes = b->pds,
					     .file_bytes = b->pds_bytes };
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
	b->pds = NULL;
}
