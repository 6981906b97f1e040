/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels made for tests: a small vmlinux, a bzImage around bytes, multiboot kernels. Whoever wants
 * a bad one changes a good one.
 */
#ifndef UNIT_KERNELS_H
#define UNIT_KERNELS_H

#include <elf.h>
#include <string.h>

#include "bzimage.h"
#include "payload.h"

#define KERNEL_TEXT 0x1000u /* offset in the file */
#define KERNEL_FILE 0x1400u
#define KERNEL_GPA 0x1000000ull /* where Linux is loaded to */
#define BZ_PAYLOAD 0x600u /* offset in the file: two setup sectors and 0x000 more */
#define MB_HEADER 0x1000u
#define MB_GPA 0x200000u

static inline void kernel_put32(struct blob *b, size_t at, uint32_t value)
{
	memcpy(b->data + at, &value, sizeof(value));
}

/* Two segments: code, and data with zeros behind. `base`: virtual address less physical. */
static inline struct blob kernel_elf64(uint64_t gpa, uint64_t base)
{
	struct blob b = { xcalloc(1, KERNEL_FILE), KERNEL_FILE };
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = gpa + 0x10,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr ph[2] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_offset = KERNEL_TEXT,
		  .p_vaddr = base + gpa,
		  .p_paddr = gpa,
		  .p_filesz = 0x100,
		  .p_memsz = 0x100 },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_offset = KERNEL_TEXT + 0x100,
		  .p_vaddr = base + gpa + 0x1000,
		  .p_paddr = gpa + 0x1000,
		  .p_filesz = 0x200,
		  .p_memsz = 0x5000 },
	};

	memcpy(b.data, &header, sizeof(header));
	memcpy(b.data + sizeof(header), ph, sizeof(ph));
	for (unsigned int i = KERNEL_TEXT; i < KERNEL_FILE; i++)
		b.data[i] = (uint8_t)(i * i >> 7);
	return b;
}

static inline struct blob kernel_vmlinux(void)
{
	return kernel_elf64(KERNEL_GPA, 0xffffffff80000000ull);
}

/* The setup header of protocol 2.15 in front of a payload, as it stands. */
static inline struct blob kernel_bzimage(const struct blob *payload)
{
	struct blob b = { xcalloc(1, BZ_PAYLOAD + payload->size), BZ_PAYLOAD + payload->size };

	b.data[0x1ef] = 0xff; /* the sentinel, which must not get into boot_params */
	b.data[0x1f1] = 2;
	b.data[0x1fe] = 0x55;
	b.data[0x1ff] = 0xaa;
	b.data[0x200] = 0xeb;
	b.data[0x201] = 0x6a;
	kernel_put32(&b, LINUX_MAGIC, LINUX_MAGIC_VALUE);
	b.data[LINUX_VERSION] = 0x0f;
	b.data[LINUX_VERSION + 1] = 2;
	b.data[LINUX_LOADFLAGS] = 0x83;
	kernel_put32(&b, LINUX_INITRD_MAX, 0x7fffffff);
	b.data[LINUX_XLOADFLAGS] = LINUX_XLF_64BIT;
	kernel_put32(&b, LINUX_CMDLINE_SIZE, 0x7ff);
	kernel_put32(&b, 0x248, 0);
	kernel_put32(&b, 0x24c, (uint32_t)payload->size);
	memcpy(b.data + BZ_PAYLOAD, payload->data, payload->size);
	return b;
}

/* A block of literals and one that repeats: `bytes` of 'x' after the first of them. */
static inline struct blob kernel_lz4(const struct blob *plain)
{
	struct blob b = { xcalloc(1, plain->size + plain->size / 200 + 64), 0 };
	size_t left = plain->size - 15;
	uint32_t size;

	memcpy(b.data, "\x02\x21\x4c\x18", 4);
	b.size = 8;
	b.data[b.size++] = 0xf0;
	for (; left >= 255; left -= 255)
		b.data[b.size++] = 255;
	b.data[b.size++] = (uint8_t)left;
	memcpy(b.data + b.size, plain->data, plain->size);
	b.size += plain->size;
	size = (uint32_t)b.size - 8;
	memcpy(b.data + 4, &size, sizeof(size));
	return b;
}

/* The size that Linux's build puts behind every stream but gzip's. */
static inline void kernel_add_size(struct blob *b, size_t plain)
{
	uint32_t size = (uint32_t)plain;

	b->data = xrealloc(b->data, b->size + sizeof(size));
	memcpy(b->data + b->size, &size, sizeof(size));
	b->size += sizeof(size);
}

static inline void kernel_multiboot_header(struct blob *b, size_t at, uint32_t flags)
{
	kernel_put32(b, at, 0x1badb002);
	kernel_put32(b, at + 4, flags);
	kernel_put32(b, at + 8, 0u - 0x1badb002 - flags);
}

static inline struct blob kernel_multiboot32(void)
{
	struct blob b = { xcalloc(1, KERNEL_FILE), KERNEL_FILE };
	const Elf32_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_entry = 0xc0000000 + MB_GPA + 0x20,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	};
	const Elf32_Phdr ph = { .p_type = PT_LOAD,
				.p_flags = PF_R | PF_W | PF_X,
				.p_offset = MB_HEADER,
				.p_vaddr = 0xc0000000 + MB_GPA,
				.p_paddr = MB_GPA,
				.p_filesz = 0x400,
				.p_memsz = 0x2400 };

	memcpy(b.data, &header, sizeof(header));
	memcpy(b.data + sizeof(header), &ph, sizeof(ph));
	kernel_multiboot_header(&b, MB_HEADER, 3);
	return b;
}

/* No ELF: the header says where everything goes. */
static inline struct blob kernel_multiboot_flat(void)
{
	const uint32_t addresses[5] = { MB_GPA + 0x40, MB_GPA, MB_GPA + 0x1000, MB_GPA + 0x3000,
					MB_GPA + 0x80 };
	struct blob b = { xcalloc(1, 0x1080), 0x1080 };

	kernel_multiboot_header(&b, 0xc0, 0x10003);
	memcpy(b.data + 0xc0 + 12, addresses, sizeof(addresses));
	return b;
}

#endif
