/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debian's own kernels, unmodified: debian:cloud and debian:generic in a machine description. The
 * version is what this computer's package lists have; the package is fetched once, only its kernel
 * is kept in the cache, and nothing is installed.
 */
#ifndef TOOLS_DEBIAN_H
#define TOOLS_DEBIAN_H

#include "pvn.h"

/* The path of a kernel for what follows "debian:", malloc'd. NULL with one line in why. */
char *debian_resolve(const char *name, char *why, size_t why_size);

/*
 * From the text that `apt-cache show` prints of a package that depends on the kernel's: that
 * package's name and its version ("" if any will do). False where there is none that can be a file
 * name.
 */
bool debian_parse_depends(const char *text, char *package, char *version, size_t size);

#endif
