/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bare-metal payload finds below 1 MiB when it starts in 64-bit mode: page tables, a GDT and
 * a TSS, the start-info page with its command line, a stack. Made here, so that the hypervisor
 * needs no domain builder. Pure; called by the bundle's builder for each domain.
 */
#ifndef TOOLS_BOOT_PAGES_H
#define TOOLS_BOOT_PAGES_H

#include "config.h"
#include "payload.h"

/* Guest-physical layout; everything else below 1 MiB is zero. */
#define BOOT_PML4 0x1000ull
#define BOOT_PDPT 0x2000ull
#define BOOT_GDT 0x3000ull
#define BOOT_TSS 0x3100ull
#define BOOT_LINUX_CMDLINE 0x6000ull
#define BOOT_LINUX_PARAMS 0x7000ull
#define BOOT_START_INFO 0x8000ull /* read-only page: struct pv_start_info, command line */
#define BOOT_STACK 0x10000ull
#define BOOT_STACK_BYTES 0x10000ull
#define BOOT_PDS 0x40000ull /* page directories, one a GiB */
/* Mapped beyond the domain's memory, so that a guest can touch what it has not. */
#define BOOT_MAPPED_BEYOND (1ull << 30)

/* Selectors of the GDT; the two user ones carry RPL 3 when loaded. */
#define BOOT_SEL_CODE 0x08u
#define BOOT_SEL_DATA 0x10u
#define BOOT_SEL_USER_DATA 0x18u
#define BOOT_SEL_USER_CODE 0x20u
#define BOOT_SEL_TSS 0x28u

struct boot_pages {
	uint8_t low[0x3000]; /* PML4, PDPT, GDT and TSS: from BOOT_PML4 */
	uint8_t start_info[4096];
	uint8_t linux_params[4096];
	uint8_t *pds; /* malloc'd */
	size_t pds_bytes;
};

/*
 * Fills b and adds its segments to plan, which holds the kernel already; the initrd (NULL: none)
 * goes to the end of memory. context becomes vCPU 0's first state. The segments point into b and
 * initrd. 0 (free with boot_pages_free()), or -1 with an error.
 */
int boot_pages_build(struct boot_pages *b, const struct domain *d, const struct blob *initrd,
		     struct load_plan *plan, struct pv_vcpu_context *context, struct errors *e);
void boot_pages_free(struct boot_pages *b);

#endif
