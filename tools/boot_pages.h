/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest finds below 1 MiB when it starts: page tables, a GDT and a TSS, a stack, and what
 * its boot protocol promises: the start-info page, Linux's boot parameters, or multiboot
 * information; where it has a PC around it, ACPI tables too. Made here, so that the hypervisor
 * needs no domain builder. Pure; called by the bundle's builder for each domain.
 */
#ifndef TOOLS_BOOT_PAGES_H
#define TOOLS_BOOT_PAGES_H

#include "config.h"
#include "payload.h"

/* Guest-physical layout; everything else below 1 MiB is zero. */
#define BOOT_BIOS_DATA 0x400ull /* only with a PC */
#define BOOT_PML4 0x1000ull
#define BOOT_PDPT 0x2000ull
#define BOOT_GDT 0x3000ull
#define BOOT_TSS 0x3100ull
#define BOOT_MULTIBOOT 0x4000ull /* page: information structure and what it points to */
#define BOOT_TRAMPOLINE 0x5000ull /* page: from 64-bit to 32-bit mode */
#define BOOT_CMDLINE 0x6000ull /* of Linux and multiboot */
#define BOOT_CMDLINE_BYTES 0x1000u
#define BOOT_LINUX_PARAMS 0x7000ull
#define BOOT_START_INFO 0x8000ull /* read-only page: struct pv_start_info, command line */
#define BOOT_STACK 0x10000ull
#define BOOT_STACK_BYTES 0x10000ull
#define BOOT_PDS 0x40000ull /* page directories, one a GiB */
#define BOOT_EBDA 0x9fc00ull /* a PC's extended BIOS data area: 1 KiB, left empty */
#define BOOT_LOW_END 0xa0000ull /* where a PC has its screen; kernels avoid it anyway */
#define BOOT_ACPI 0xe0000ull /* the RSDP first; to 1 MiB it is reserved */
#define BOOT_ACPI_BYTES 4096u
#define BOOT_HIGH 0x100000ull
/* Mapped beyond the domain's memory, so that a guest can touch what it has not. */
#define BOOT_MAPPED_BEYOND (1ull << 30)
/* Limit: a PC's devices are from 3 GiB to 4 GiB, and no memory goes above. */
#define BOOT_PLATFORM_MEMORY_MAX (3ull << 30)

/* Selectors of the GDT; the two user ones carry RPL 3 when loaded. */
#define BOOT_SEL_CODE 0x08u
#define BOOT_SEL_DATA 0x10u
#define BOOT_SEL_USER_DATA 0x18u
#define BOOT_SEL_USER_CODE 0x20u
#define BOOT_SEL_TSS 0x28u

#define BOOT_SEGMENTS_MAX 12u

struct boot_pages {
	uint8_t low[0x3000]; /* PML4, PDPT, GDT and TSS: from BOOT_PML4 */
	uint8_t start_info[4096];
	uint8_t linux_params[4096];
	uint8_t multiboot[4096];
	uint8_t trampoline[4096];
	uint8_t bios_data[256];
	uint8_t acpi[BOOT_ACPI_BYTES];
	size_t acpi_bytes;
	char *cmdline; /* as the guest gets it, malloc'd */
	uint8_t *pds; /* malloc'd */
	size_t pds_bytes;
};

/*
 * Fills b and adds its segments to plan, which holds the kernel already; the initrd (NULL: none)
 * goes to the end of memory. context becomes vCPU 0's first state. The segments point into b and
 * initrd. Free b in any case, with boot_pages_free(). 0, or -1 with an error.
 */
int boot_pages_build(struct boot_pages *b, const struct domain *d, const struct blob *initrd,
		     struct load_plan *plan, struct pv_vcpu_context *context, struct errors *e);
void boot_pages_free(struct boot_pages *b);

/* ---- between the files that build them ------------------------------------------------------- */

struct boot_request {
	const struct domain *d;
	const struct blob *initrd; /* NULL: none */
	uint64_t initrd_gpa;
};

/* boot_map.c: the memory map of a PC's BIOS, function E820h, in any mode. */
#define BOOT_RANGES_MAX 4u
#define BOOT_RANGE_RAM 1u
#define BOOT_RANGE_RESERVED 2u

struct boot_range {
	uint64_t start, end;
	uint32_t type;
};

/* Sorted, without overlap; what is in none is no memory. Returns how many. */
unsigned int boot_memory_map(const struct domain *d, struct boot_range ranges[BOOT_RANGES_MAX]);
/* Has the domain a PC's devices, and tables that tell of them? */
bool boot_has_platform(const struct domain *d);
/* The BIOS data area, as far as software without a BIOS looks at it. */
void boot_bios_data(uint8_t data[256]);
void boot_put32(uint8_t *at, uint32_t value);
void boot_put64(uint8_t *at, uint64_t value);

/*
 * boot_linux.c, boot_multiboot.c: one protocol's pages and registers each. Segments are added at
 * segments[*count]. 0, or -1 with an error.
 */
int boot_linux_build(struct boot_pages *b, const struct boot_request *r,
		     const struct load_plan *plan, struct pv_vcpu_context *context,
		     struct load_segment *segments, unsigned int *count, struct errors *e);
/* Where its initrd must end at the latest. */
uint64_t boot_linux_initrd_top(const struct load_plan *plan, uint64_t memory_bytes);
int boot_multiboot_build(struct boot_pages *b, const struct boot_request *r,
			 const struct load_plan *plan, struct pv_vcpu_context *context,
			 struct load_segment *segments, unsigned int *count, struct errors *e);

#endif
