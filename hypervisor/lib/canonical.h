/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical addresses of 4-level paging: bits 63:47 are equal (SDM vol. 1, same title). */
#ifndef LIB_CANONICAL_H
#define LIB_CANONICAL_H

#include "lib/types.h"

static inline bool is_canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

#endif
