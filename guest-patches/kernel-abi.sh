#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Turns the generated ABI headers into the kernel's copy: the prefix pvn_ (Linux has a struct pv_info of
# its own), the kernel's integer types, and no libc headers. Reads the header or the name table on stdin.
exec sed -e 's/\bpv_/pvn_/g' -e 's/\bPV_/PVN_/g' \
	-e 's/\buint\(8\|16\|32\|64\)_t\b/__u\1/g' -e 's/\bint\(8\|16\|32\|64\)_t\b/__s\1/g' \
	-e 's,<stddef\.h>,<linux/stddef.h>,' -e 's,<stdint\.h>,<linux/types.h>,' \
	-e 's/\b__ASSEMBLER__\b/__ASSEMBLY__/g' -e 's/\b_Static_assert\b/static_assert/' \
	-e 's,^\(#include <linux/types.h>\)$,#include <linux/build_bug.h>\n\1,'
