/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the emulator share: the instruction in hand, its operands, and the handlers
 * that the table names. Every handler does its accesses first and changes registers and flags when
 * nothing can fail any more.
 */
#ifndef INTERPRETER_EMULATE_PARTS_H
#define INTERPRETER_EMULATE_PARTS_H

#include "interpreter/emulate/emulate.h"

#define FLAG_CF 0x001ull
#define FLAG_PF 0x004ull
#define FLAG_AF 0x010ull
#define FLAG_ZF 0x040ull
#define FLAG_SF 0x080ull
#define FLAG_DF 0x400ull
#define FLAG_OF 0x800ull
#define FLAG_RF 0x10000ull

enum { EMU_RAX, EMU_RCX, EMU_RDX, EMU_RBX, EMU_RSP, EMU_RBP, EMU_RSI, EMU_RDI };
enum { EMU_VECTOR_UD = 6, EMU_VECTOR_SS = 12, EMU_VECTOR_GP = 13 };

#define EMU_UNFINISHED 3 /* a handler's own: REP has iterations left */

struct emu {
	struct emu_state *state;
	const struct insn *insn;
	const struct emu_bus *bus;
	void *context;
	struct emu_fault *fault;
	unsigned bytes; /* operand size */
	u64 next_rip;
};

/* ---- the table (table.c) --------------------------------------------------------------------- */

struct emu_row {
	u8 map; /* enum insn_map */
	u8 mask, opcode; /* the row is for opcodes with (opcode & mask) == row.opcode */
	u8 regs; /* a bit for each allowed value of ModRM.reg; ANY where it is no opcode */
	u8 flags; /* ROW_* */
	int (*handler)(struct emu *e);
};

#define ROW_BYTE 0x01u /* a byte operation where bit 0 of the opcode is 0 */
#define ROW_BYTES 0x02u /* always a byte operation */
#define ROW_LOCK 0x04u /* LOCK is allowed, if the operand is memory */
#define ROW_MEMORY 0x08u /* no register form */
#define ROW_LONG 0x10u /* 64-bit code only */

const struct emu_row *emu_find_row(const struct insn *insn); /* or NULL */

/* ---- operands (operand.c) -------------------------------------------------------------------- */

struct emu_operand {
	bool is_memory;
	bool is_high; /* AH CH DH BH */
	u8 reg;
	u64 linear;
};

static inline u64 emu_mask(unsigned bytes)
{
	return bytes == 8 ? ~0ull : BIT(8 * bytes) - 1;
}

static inline u64 emu_signed(u64 value, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (u64)((s64)(value << shift) >> shift);
}

int emu_raise(struct emu *e, u8 vector); /* error code 0 where the vector has one; EMU_FAULT */

/* Checks the segment and gives the linear address. offset: already of the address's size. */
int emu_linear(struct emu *e, enum segment_name segment, u64 offset, unsigned bytes, bool is_write,
	       u64 *linear);
enum segment_name emu_data_segment(const struct emu *e); /* DS or what overrides it */

/* number: with REX; is_extended: a REX byte is there, so 4..7 of bytes are SPL..DIL. */
struct emu_operand emu_register(const struct emu *e, unsigned number, unsigned bytes);
struct emu_operand emu_opcode_register(const struct emu *e, unsigned bytes);
/* The r/m operand; for memory with its checks. skip: bytes beyond the encoded address (BT). */
int emu_rm(struct emu *e, unsigned bytes, bool is_write, u64 skip, struct emu_operand *operand);

u64 emu_reg_read(const struct emu *e, const struct emu_operand *operand, unsigned bytes);
void emu_reg_write(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 value);
void emu_gpr_write(struct emu *e, unsigned number, unsigned bytes, u64 value);

int emu_read_linear(struct emu *e, u64 linear, unsigned bytes, u64 *value);
int emu_write_linear(struct emu *e, u64 linear, unsigned bytes, u64 value);
int emu_read(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 *value);
int emu_write(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 value);

/* ---- arithmetic (alu.c) ---------------------------------------------------------------------- */

/* The first eight as in the opcodes 00..3f and in group 1; bit tests as in 0F BA. */
enum emu_op {
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	OP_INC, OP_DEC, OP_NOT, OP_NEG, OP_SET, OP_BT, OP_BTS, OP_BTR, OP_BTC,
};

/* The result, cut to `bytes`; *flags are those before and become those after. */
u64 emu_compute(enum emu_op op, u64 a, u64 b, unsigned bytes, u64 *flags);

/* operand = op(operand, b), with flags; *old, if wanted: what it was. */
int emu_modify(struct emu *e, const struct emu_operand *operand, enum emu_op op, u64 b, u64 *old);

/* ---- handlers -------------------------------------------------------------------------------- */

int emu_alu_rm_reg(struct emu *e), emu_alu_reg_rm(struct emu *e), emu_alu_acc_imm(struct emu *e);
int emu_alu_rm_imm(struct emu *e), emu_cmp_rm_reg(struct emu *e), emu_cmp_rm_imm(struct emu *e);
int emu_test_rm_reg(struct emu *e), emu_test_rm_imm(struct emu *e), emu_test_acc_imm(struct emu *e);
int emu_inc_dec_rm(struct emu *e), emu_inc_dec_reg(struct emu *e), emu_not_neg(struct emu *e);
int emu_bit_reg(struct emu *e), emu_bit_imm(struct emu *e);
int emu_xchg(struct emu *e), emu_xchg_acc(struct emu *e), emu_xadd(struct emu *e);
int emu_cmpxchg(struct emu *e), emu_cmpxchg_double(struct emu *e);
int emu_mov_rm_reg(struct emu *e), emu_mov_reg_rm(struct emu *e), emu_mov_rm_imm(struct emu *e);
int emu_mov_reg_imm(struct emu *e), emu_mov_rm_seg(struct emu *e), emu_mov_offset(struct emu *e);
int emu_mov_extend(struct emu *e), emu_movsxd(struct emu *e);
int emu_push_reg(struct emu *e), emu_push_imm(struct emu *e), emu_push_rm(struct emu *e);
int emu_push_seg(struct emu *e), emu_pop_reg(struct emu *e), emu_pop_rm(struct emu *e);
int emu_string(struct emu *e);

#endif
