/* SPDX-License-Identifier: BSD-2-Clause */
/* What the length decoder knows of each opcode: does a ModRM byte follow, and which immediate. */
#ifndef LIB_INSN_TABLE_H
#define LIB_INSN_TABLE_H

#include "lib/types.h"

/* Immediates, in bits 3:0 of an attribute word. */
enum insn_immediate {
	IMM_NONE,
	IMM_U8, /* one byte, unsigned or of a byte operation */
	IMM_S8, /* one byte, sign-extended */
	IMM_U16,
	IMM_Z, /* 2 or 4 bytes by operand size, sign-extended */
	IMM_V, /* 2, 4 or 8 bytes by operand size */
	IMM_D, /* 4 bytes */
	IMM_ADDRESS, /* as wide as an address */
	IMM_FAR, /* offset by operand size, and a selector */
	IMM_ENTER, /* 2 bytes and 1 */
	IMM_TEST8, /* group 3: one byte, if reg is 0 or 1 */
	IMM_TESTZ, /* group 3: as IMM_Z, if reg is 0 or 1 */
	IMM_EXTRQ, /* two bytes, with prefix 66 or F2 */
};

#define INSN_IMMEDIATE 0x0fu
#define INSN_MODRM 0x10u
#define INSN_REGISTERS 0x20u /* MOV CR and DR: mod counts as 3 and the operand size as natural */
#define INSN_NOT_64 0x40u /* no instruction in 64-bit code */
#define INSN_NONE 0x80u /* no instruction */
#define INSN_DEFAULT_64 0x100u /* operand size 8 in 64-bit code, without REX.W */

extern const u16 insn_map_1[256], insn_map_0f[256];

#endif
