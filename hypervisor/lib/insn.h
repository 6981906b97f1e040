/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Length and ModRM decoder: how long is this instruction, and what does it address. It serves SVM
 * without next-RIP and decode assists, and is what the interpreter grows from. Pure.
 */
#ifndef LIB_INSN_H
#define LIB_INSN_H

#include "lib/types.h"

#define INSN_MAX 15
#define INSN_NO_REGISTER 0xff

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

/* VEX stands for all of VEX, EVEX and XOP: what they are, only a vector unit would ask. */
enum insn_map { INSN_MAP_1, INSN_MAP_0F, INSN_MAP_0F38, INSN_MAP_0F3A, INSN_MAP_VEX };

struct insn {
	u8 length; /* 1..15 */
	u8 map; /* enum insn_map */
	u8 opcode; /* last opcode byte */
	u8 operand_bytes; /* 2, 4, 8; what the prefixes say, also for opcodes that work on bytes */
	u8 address_bytes; /* 2, 4, 8 */
	u8 rex; /* the REX byte or 0; for VEX, EVEX and XOP one made of their bits */
	u8 segment; /* override: 0 none, else 1..6 = es cs ss ds fs gs (fs gs only in 64-bit code)
		     */
	bool has_lock, has_rep, has_repne,
		has_operand_prefix; /* of rep and repne the last counts */
	bool has_modrm;
	u8 modrm, mod, reg, rm; /* reg and rm with REX.R / REX.B added */
	bool has_sib;
	u8 base, index, scale; /* memory operands: with REX bits, scale 1 2 4 8; 0xff = none */
	bool is_rip_relative;
	s32 displacement; /* of a memory operand, sign-extended; EVEX: not yet scaled */
	u8 immediate_bytes;
	u64 immediate; /* signed ones sign-extended to 64 bits; a far pointer is offset, then
			  selector; MOV moffs (A0..A3): the offset */
};

/*
 * Decodes bytes[0..count) and reads nothing beyond. mode_bytes: 2, 4 or 8 = 16, 32, 64-bit code.
 * INSN_INVALID: no instruction begins so, in this mode. An opcode whose operands are not allowed,
 * or that this CPU lacks, still has a length: whether it may be executed is the caller's question.
 */
enum insn_result { INSN_OK, INSN_TRUNCATED /* needs more bytes */, INSN_TOO_LONG, INSN_INVALID };
enum insn_result insn_decode(struct insn *insn, const u8 *bytes, size_t count, unsigned mode_bytes);

/*
 * The offset (without segment base) of the memory operand, mod != 3. gprs: in ModRM order, rax rcx
 * rdx rbx rsp rbp rsi rdi r8..r15. next_rip: address of the instruction after this one.
 */
u64 insn_offset(const struct insn *insn, const u64 gprs[16], u64 next_rip);

#endif
