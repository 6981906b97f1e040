/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment register with its hidden part, in words that both vendors share. */
#ifndef LIB_SEGMENT_H
#define LIB_SEGMENT_H

#include "lib/types.h"

/* In the order of ModRM, and of both vendors' control structures. */
enum segment_name { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

/* Access rights as VMX has them: SDM vol. 3, "Guest Register State". */
#define SEG_IS_CODE BIT(3) /* of type; the next two where it is not */
#define SEG_EXPANDS_DOWN BIT(2)
#define SEG_WRITABLE BIT(1) /* code: readable */
#define SEG_IS_MEMORY BIT(4) /* S: code or data, no system segment */
#define SEG_DPL_SHIFT 5
#define SEG_PRESENT BIT(7)
#define SEG_LONG BIT(13)
#define SEG_BIG BIT(14) /* D/B */
#define SEG_PAGES BIT(15) /* G; limit is in bytes all the same */
#define SEG_UNUSABLE BIT(16)

struct segment {
	u16 selector;
	u64 base;
	u32 limit; /* of the last byte, granularity applied */
	u32 access;
};

#endif
