/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opcode attributes, for insn.c alone (SDM vol. 2 appendix "Opcode Map", APM vol. 3 appendix
 * "Opcode and Operand Encodings"). Two maps of 256; those behind 0F 38 and 0F 3A are uniform and
 * need none. Prefixes and escapes never come to a look-up: their rows say NO.
 *
 * Near branches follow AMD where the vendors differ: prefix 66 in 64-bit code gives a 16-bit
 * displacement. Only SVM asks for the length of instructions; VMX reports it with the exit.
 */
#include "lib/insn_table.h"

#define __ 0
#define NO INSN_NONE
#define N6 INSN_NOT_64
#define D6 INSN_DEFAULT_64
#define M_ INSN_MODRM
#define MR (INSN_MODRM | INSN_REGISTERS)
#define MD (INSN_MODRM | INSN_DEFAULT_64)
#define MN (INSN_MODRM | INSN_NOT_64)
#define Mb (INSN_MODRM | IMM_U8)
#define Ms (INSN_MODRM | IMM_S8)
#define Mz (INSN_MODRM | IMM_Z)
#define Nb (INSN_MODRM | INSN_NOT_64 | IMM_U8)
#define T8 (INSN_MODRM | IMM_TEST8)
#define Tz (INSN_MODRM | IMM_TESTZ)
#define EX (INSN_MODRM | IMM_EXTRQ)
#define I8 IMM_U8
#define Iw IMM_U16
#define Iz IMM_Z
#define Iv IMM_V
#define AO IMM_ADDRESS
#define FP (INSN_NOT_64 | IMM_FAR)
#define N8 (INSN_NOT_64 | IMM_U8)
#define EN (INSN_DEFAULT_64 | IMM_ENTER)
#define Rw (INSN_DEFAULT_64 | IMM_U16)
#define Ps (INSN_DEFAULT_64 | IMM_S8)
#define Pz (INSN_DEFAULT_64 | IMM_Z)
#define Jb (INSN_DEFAULT_64 | IMM_S8)
#define Jz (INSN_DEFAULT_64 | IMM_Z)

/* clang-format off */
const u16 insn_map_1[256] = {
	/*      0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
	/* 0 */ M_, M_, M_, M_, I8, Iz, N6, N6, M_, M_, M_, M_, I8, Iz, N6, NO,
	/* 1 */ M_, M_, M_, M_, I8, Iz, N6, N6, M_, M_, M_, M_, I8, Iz, N6, N6,
	/* 2 */ M_, M_, M_, M_, I8, Iz, NO, N6, M_, M_, M_, M_, I8, Iz, NO, N6,
	/* 3 */ M_, M_, M_, M_, I8, Iz, NO, N6, M_, M_, M_, M_, I8, Iz, NO, N6,
	/* 4 */ N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6, N6,
	/* 5 */ D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6, D6,
	/* 6 */ N6, N6, MN, M_, NO, NO, NO, NO, Pz, Mz, Ps, Ms, __, __, __, __,
	/* 7 */ Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb, Jb,
	/* 8 */ Mb, Mz, Nb, Ms, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, MD,
	/* 9 */ __, __, __, __, __, __, __, __, __, __, FP, __, D6, D6, __, __,
	/* a */ AO, AO, AO, AO, __, __, __, __, I8, Iz, __, __, __, __, __, __,
	/* b */ I8, I8, I8, I8, I8, I8, I8, I8, Iv, Iv, Iv, Iv, Iv, Iv, Iv, Iv,
	/* c */ Mb, Mb, Rw, D6, MN, MN, Mb, Mz, EN, D6, Iw, __, __, I8, N6, __,
	/* d */ M_, M_, M_, M_, N8, N8, N6, __, M_, M_, M_, M_, M_, M_, M_, M_,
	/* e */ Jb, Jb, Jb, Jb, I8, I8, I8, I8, Jz, Jz, FP, Jb, __, __, __, __,
	/* f */ NO, __, NO, NO, __, __, T8, Tz, __, __, __, __, __, __, M_, M_,
};

const u16 insn_map_0f[256] = {
	/*      0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
	/* 0 */ M_, M_, M_, M_, NO, __, __, __, __, __, NO, __, NO, M_, __, Mb,
	/* 1 */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* 2 */ MR, MR, MR, MR, NO, NO, NO, NO, M_, M_, M_, M_, M_, M_, M_, M_,
	/* 3 */ __, __, __, __, __, __, NO, __, NO, NO, NO, NO, NO, NO, NO, NO,
	/* 4 */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* 5 */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* 6 */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* 7 */ Mb, Mb, Mb, Mb, M_, M_, M_, __, EX, M_, NO, NO, M_, M_, M_, M_,
	/* 8 */ Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz, Jz,
	/* 9 */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* a */ D6, D6, __, M_, Mb, M_, NO, NO, D6, D6, __, M_, Mb, M_, M_, M_,
	/* b */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, Mb, M_, M_, M_, M_, M_,
	/* c */ M_, M_, Mb, M_, Mb, Mb, Mb, M_, __, __, __, __, __, __, __, __,
	/* d */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* e */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
	/* f */ M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_,
};
/* clang-format on */
