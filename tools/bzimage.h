/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux as distributions ship it: a bzImage, which is a boot sector, a setup header, code that
 * unpacks, and a compressed vmlinux. Called through the payload-format table. Only the vmlinux goes
 * to the guest, unpacked here, with the setup header for its boot parameters; none of the code
 * around it runs, so the kernel is where it was linked to (no KASLR).
 */
#ifndef TOOLS_BZIMAGE_H
#define TOOLS_BZIMAGE_H

#include "payload.h"

/* Fields of the setup header, from the start of the file and of struct boot_params alike. */
#define LINUX_MAGIC 0x202u /* "HdrS" */
#define LINUX_VERSION 0x206u
#define LINUX_TYPE_OF_LOADER 0x210u
#define LINUX_LOADFLAGS 0x211u
#define LINUX_RAMDISK_IMAGE 0x218u
#define LINUX_RAMDISK_SIZE 0x21cu
#define LINUX_CMDLINE 0x228u
#define LINUX_INITRD_MAX 0x22cu
#define LINUX_XLOADFLAGS 0x236u
#define LINUX_CMDLINE_SIZE 0x238u
#define LINUX_MAGIC_VALUE 0x53726448u
#define LINUX_XLF_64BIT 1u
#define LINUX_XLF_ABOVE_4G 2u

bool bzimage_detect(const struct blob *file);
int bzimage_load(const struct blob *file, const char *name, uint64_t memory_bytes,
		 struct load_plan *plan, struct errors *e);

#endif
