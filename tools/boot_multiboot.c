// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a multiboot kernel is told, and the way to it; see boot_pages.h. Multiboot Specification
 * 0.6.96, "Machine state" and "Boot information format". A vCPU starts in 64-bit mode, a multiboot
 * kernel in 32-bit mode without paging: the trampoline goes from one to the other.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_pages.h"

#define PAGE 4096u

/* Fields of the information structure. */
#define INFO_FLAGS 0u
#define INFO_MEM_LOWER 4u /* KiB from 0 */
#define INFO_MEM_UPPER 8u /* KiB from 1 MiB */
#define INFO_CMDLINE 16u
#define INFO_MODS_COUNT 20u
#define INFO_MODS 24u
#define INFO_MMAP_LENGTH 44u
#define INFO_MMAP 48u
#define INFO_LOADER 64u
#define HAS_MEMORY (1u << 0)
#define HAS_CMDLINE (1u << 2)
#define HAS_MODS (1u << 3)
#define HAS_MMAP (1u << 6)
#define HAS_LOADER (1u << 9)

/* What it points to, in the same page. */
#define AT_MODULE 0x80u /* start, end, string, 0 */
#define AT_MMAP 0xa0u
#define MMAP_BYTES 24u /* of an entry, of which the size field does not count itself */
#define AT_LOADER 0x180u
#define AT_MODULE_NAME 0x200u
#define MODULE_NAME_MAX 255u

/* Parts of the trampoline's page. */
#define TRAMPOLINE_GDT 0x100u
#define TRAMPOLINE_GDTR 0x140u /* limit, base */
#define TRAMPOLINE_FAR 0x150u /* offset, selector */
#define CODE_32 0x08u
#define DATA_32 0x10u
#define DESCRIPTOR_CODE_32 0x00cf9b000000ffffull /* flat, ring 0, 32-bit, readable, accessed */
#define DESCRIPTOR_DATA_32 0x00cf93000000ffffull /* flat, ring 0, writable, accessed */

#define ADDRESS(offset) LE32((uint32_t)BOOT_TRAMPOLINE + (offset))
#define LE32(v) (uint8_t)(v), (uint8_t)((v) >> 8), (uint8_t)((v) >> 16), (uint8_t)((v) >> 24)
#define ENTER_32 16u /* offset of the first 32-bit instruction */

static const uint8_t trampoline[] = {
	/* 64-bit mode, identity-mapped */
	0xfa, /* cli */
	0x0f, 0x01, 0x14, 0x25, ADDRESS(TRAMPOLINE_GDTR), /* lgdt [gdtr] */
	0xff, 0x2c, 0x25, ADDRESS(TRAMPOLINE_FAR), /* jmp far [CODE_32:enter_32] */
	/* enter_32: 32-bit code in compatibility mode, paging still on */
	0x0f, 0x20, 0xc0, /* mov eax, cr0 */
	0x25, LE32(0x7fffffffu), /* and eax, ~PG */
	0x0f, 0x22, 0xc0, /* mov cr0, eax: leaves long mode */
	0xb9, LE32(0xc0000080u), /* mov ecx, IA32_EFER */
	0x31, 0xc0, /* xor eax, eax */
	0x31, 0xd2, /* xor edx, edx */
	0x0f, 0x30, /* wrmsr: LME off, and what went with it */
	0x0f, 0x22, 0xe0, /* mov cr4, eax: PAE off */
	0xb8, LE32(0x00000031u), /* mov eax, NE | ET | PE */
	0x0f, 0x22, 0xc0, /* mov cr0, eax */
	0xb8, LE32(DATA_32), /* mov eax, DATA_32 */
	0x8e, 0xd8, /* mov ds, eax */
	0x8e, 0xc0, /* mov es, eax */
	0x8e, 0xe0, /* mov fs, eax */
	0x8e, 0xe8, /* mov gs, eax */
	0x8e, 0xd0, /* mov ss, eax */
	0xb8, LE32(0x2badb002u), /* mov eax, the magic number */
	0xbb, LE32((uint32_t)BOOT_MULTIBOOT), /* mov ebx, the information structure */
	0xb9, LE32(0u), /* mov ecx, the entry point, filled in */
	0xff, 0xe1, /* jmp ecx */
};

/* The operand of the last but one instruction. */
#define ENTRY_OPERAND (sizeof(trampoline) - 6)

static void build_trampoline(uint8_t *page, uint32_t entry)
{
	const uint16_t limit = 3 * 8 - 1, selector = CODE_32;

	memcpy(page, trampoline, sizeof(trampoline));
	boot_put32(page + ENTRY_OPERAND, entry);
	boot_put64(page + TRAMPOLINE_GDT + CODE_32, DESCRIPTOR_CODE_32);
	boot_put64(page + TRAMPOLINE_GDT + DATA_32, DESCRIPTOR_DATA_32);
	/* In 64-bit mode LGDT reads eight bytes of base. */
	memcpy(page + TRAMPOLINE_GDTR, &limit, sizeof(limit));
	boot_put64(page + TRAMPOLINE_GDTR + 2, BOOT_TRAMPOLINE + TRAMPOLINE_GDT);
	boot_put32(page + TRAMPOLINE_FAR, (uint32_t)BOOT_TRAMPOLINE + ENTER_32);
	memcpy(page + TRAMPOLINE_FAR + 4, &selector, sizeof(selector));
}

/* The name of a file without its folders: where it lies on the host is nothing to a guest. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_module(uint8_t *page, const struct boot_request *r)
{
	uint8_t *module = page + AT_MODULE;

	boot_put32(page + INFO_MODS_COUNT, 1);
	boot_put32(page + INFO_MODS, (uint32_t)BOOT_MULTIBOOT + AT_MODULE);
	boot_put32(module, (uint32_t)r->initrd_gpa);
	boot_put32(module + 4, (uint32_t)(r->initrd_gpa + r->initrd->size));
	boot_put32(module + 8, (uint32_t)BOOT_MULTIBOOT + AT_MODULE_NAME);
	strncpy((char *)page + AT_MODULE_NAME, base_name(r->d->initrd), MODULE_NAME_MAX);
}

static void put_map(uint8_t *page, const struct domain *d)
{
	struct boot_range ranges[BOOT_RANGES_MAX];
	unsigned int count = boot_memory_map(d, ranges);

	boot_put32(page + INFO_MMAP_LENGTH, count * MMAP_BYTES);
	boot_put32(page + INFO_MMAP, (uint32_t)BOOT_MULTIBOOT + AT_MMAP);
	for (unsigned int i = 0; i < count; i++) {
		uint8_t *at = page + AT_MMAP + i * MMAP_BYTES;

		boot_put32(at, MMAP_BYTES - 4);
		boot_put64(at + 4, ranges[i].start);
		boot_put64(at + 12, ranges[i].end - ranges[i].start);
		boot_put32(at + 20, ranges[i].type);
	}
}

static void build_info(uint8_t *page, const struct boot_request *r)
{
	boot_put32(page + INFO_FLAGS, HAS_MEMORY | HAS_CMDLINE | HAS_MODS | HAS_MMAP | HAS_LOADER);
	boot_put32(page + INFO_MEM_LOWER, BOOT_EBDA >> 10);
	boot_put32(page + INFO_MEM_UPPER, (uint32_t)((r->d->memory_bytes - BOOT_HIGH) >> 10));
	boot_put32(page + INFO_CMDLINE, (uint32_t)BOOT_CMDLINE);
	boot_put32(page + INFO_LOADER, (uint32_t)BOOT_MULTIBOOT + AT_LOADER);
	strcpy((char *)page + AT_LOADER, "Paravane");
	if (r->initrd)
		put_module(page, r);
	put_map(page, r->d);
}

int boot_multiboot_build(struct boot_pages *b, const struct boot_request *r,
			 const struct load_plan *plan, struct pv_vcpu_context *context,
			 struct load_segment *segments, unsigned int *count, struct errors *e)
{
	/*
	 * As boot loaders had it when the format was young: the program's name is the first word.
	 */
	b->cmdline = xasprintf("%s%s%s", base_name(r->d->kernel), *r->d->cmdline ? " " : "",
			       r->d->cmdline);
	if (strlen(b->cmdline) >= BOOT_CMDLINE_BYTES)
		return errors_add(e, "%s: the kernel's name and its command line are too long",
				  r->d->name);
	build_info(b->multiboot, r);
	build_trampoline(b->trampoline, (uint32_t)plan->entry);
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_MULTIBOOT,
						      .bytes = b->multiboot,
						      .file_bytes = PAGE };
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_TRAMPOLINE,
						      .bytes = b->trampoline,
						      .file_bytes = PAGE };
	segments[(*count)++] = (struct load_segment){ .gpa = BOOT_CMDLINE,
						      .bytes = (const uint8_t *)b->cmdline,
						      .file_bytes = strlen(b->cmdline) + 1 };
	context->rip = BOOT_TRAMPOLINE;
	context->rdi = 0;
	return 0;
}
