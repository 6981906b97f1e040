/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bootable images: the ISO with hypervisor and bundle that `pvn image` writes, and the ISO with the
 * hypervisor alone that an emulator boots while the bundle is put into its memory; and a Linux
 * without a hypervisor. All by grub-mkrescue, with only the GRUB modules that the boot needs.
 */
#ifndef TOOLS_IMAGE_H
#define TOOLS_IMAGE_H

#include "pvn.h"

/* Writes an ISO that boots this machine. 0, or -1 with an error; out is whole or not written. */
int image_write(const char *hypervisor, const struct blob *bundle, const char *out,
		struct errors *e);

/*
 * An ISO that boots a bzImage by itself, without the hypervisor, at path, which is in the build
 * folder too. cmdline has nothing that means something to GRUB's shell. 0, or -1 with an error.
 */
int image_linux(const char *kernel, const char *initrd, const char *cmdline, const char *path,
		struct errors *e);

/*
 * The ISO with the hypervisor alone and the command line bundle=MACHINE_BUNDLE_ADDRESS, in the
 * build folder, made only when the hypervisor changed; safe against a second pvn doing the same.
 * Returns its path (the caller frees it), or NULL with an error.
 */
char *image_boot_iso(const char *hypervisor, struct errors *e);

#endif
