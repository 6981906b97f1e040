/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What boot loaders leave in memory: Multiboot2 Specification, "Boot information format", and Xen,
 * "x86/HVM direct boot ABI" (PVH). Only what boot.c reads.
 */
#ifndef MACHINE_BOOT_FORMATS_H
#define MACHINE_BOOT_FORMATS_H

#include "lib/types.h"

#define MULTIBOOT2_MAGIC 0x36d76289u /* in eax at entry */
#define PVH_MAGIC 0x336ec578u /* first word of struct pvh_start; entry.S puts it into edi */

enum mb2_tag_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_MEMORY_MAP = 6,
	MB2_ACPI_OLD = 14,
	MB2_ACPI_NEW = 15
};

struct mb2_info {
	u32 total_size;
	u32 reserved;
};

struct mb2_tag {
	u32 type;
	u32 size; /* with this header, without the padding to 8 */
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
};

struct mb2_memory_map {
	struct mb2_tag tag;
	u32 entry_size;
	u32 entry_version;
};

/* Multiboot2 and PVH agree on this one, and on the meaning of type 1. */
struct memory_map_entry {
	u64 start, bytes;
	u32 type;
	u32 reserved;
};

#define MEMORY_USABLE 1u

struct pvh_start {
	u32 magic;
	u32 version; /* 1 has the memory map */
	u32 flags;
	u32 module_count;
	u64 modules;
	u64 cmdline;
	u64 rsdp;
	u64 memory_map;
	u32 memory_map_count;
	u32 reserved;
};

struct pvh_module {
	u64 start, bytes, cmdline, reserved;
};

#endif
