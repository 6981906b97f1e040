/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction set of the emulator, a row for each family of opcodes (SDM vol. 2 "Opcode Map").
 * The first row that fits counts. What has no row is not emulated. The decoder has refused what is
 * no instruction in the mode at hand.
 */
#include "interpreter/emulate/parts.h"

#define ANY 0xff
#define M1 INSN_MAP_1
#define M0F INSN_MAP_0F

static const struct emu_row rows[] = {
	/* map mask  opcode regs  flags                  handler */
	{ M1, 0xfe, 0x38, ANY,  ROW_BYTE,              emu_cmp_rm_reg },
	{ M1, 0xc6, 0x00, ANY,  ROW_BYTE | ROW_LOCK,   emu_alu_rm_reg }, /* ADD to XOR */
	{ M1, 0xc6, 0x02, ANY,  ROW_BYTE,              emu_alu_reg_rm }, /* and CMP */
	{ M1, 0xc6, 0x04, ANY,  ROW_BYTE,              emu_alu_acc_imm },
	{ M1, 0xe7, 0x06, ANY,  0,                     emu_push_seg }, /* ES CS SS DS */
	{ M1, 0xf0, 0x40, ANY,  0,                     emu_inc_dec_reg },
	{ M1, 0xf8, 0x50, ANY,  0,                     emu_push_reg },
	{ M1, 0xf8, 0x58, ANY,  0,                     emu_pop_reg },
	{ M1, 0xff, 0x63, ANY,  ROW_LONG,              emu_movsxd },
	{ M1, 0xfd, 0x68, ANY,  0,                     emu_push_imm },
	{ M1, 0xfc, 0x6c, ANY,  ROW_BYTE,              emu_string }, /* INS OUTS */
	{ M1, 0xfc, 0x80, 0x7f, ROW_BYTE | ROW_LOCK,   emu_alu_rm_imm },
	{ M1, 0xfc, 0x80, 0x80, ROW_BYTE,              emu_cmp_rm_imm },
	{ M1, 0xfe, 0x84, ANY,  ROW_BYTE,              emu_test_rm_reg },
	{ M1, 0xfe, 0x86, ANY,  ROW_BYTE | ROW_LOCK,   emu_xchg },
	{ M1, 0xfe, 0x88, ANY,  ROW_BYTE,              emu_mov_rm_reg },
	{ M1, 0xfe, 0x8a, ANY,  ROW_BYTE,              emu_mov_reg_rm },
	{ M1, 0xff, 0x8c, ANY,  0,                     emu_mov_rm_seg },
	{ M1, 0xff, 0x8f, 0x01, 0,                     emu_pop_rm },
	{ M1, 0xf8, 0x90, ANY,  0,                     emu_xchg_acc },
	{ M1, 0xfc, 0xa0, ANY,  ROW_BYTE,              emu_mov_offset },
	{ M1, 0xfc, 0xa4, ANY,  ROW_BYTE,              emu_string }, /* MOVS CMPS */
	{ M1, 0xfe, 0xa8, ANY,  ROW_BYTE,              emu_test_acc_imm },
	{ M1, 0xfe, 0xaa, ANY,  ROW_BYTE,              emu_string }, /* STOS */
	{ M1, 0xfc, 0xac, ANY,  ROW_BYTE,              emu_string }, /* LODS SCAS */
	{ M1, 0xf8, 0xb0, ANY,  ROW_BYTES,             emu_mov_reg_imm },
	{ M1, 0xf8, 0xb8, ANY,  0,                     emu_mov_reg_imm },
	{ M1, 0xfe, 0xc6, 0x01, ROW_BYTE,              emu_mov_rm_imm },
	{ M1, 0xfe, 0xf6, 0x03, ROW_BYTE,              emu_test_rm_imm },
	{ M1, 0xfe, 0xf6, 0x0c, ROW_BYTE | ROW_LOCK,   emu_not_neg },
	{ M1, 0xfe, 0xfe, 0x03, ROW_BYTE | ROW_LOCK,   emu_inc_dec_rm },
	{ M1, 0xff, 0xff, 0x40, 0,                     emu_push_rm },
	{ M0F, 0xf7, 0xa0, ANY,  0,                    emu_push_seg }, /* FS GS */
	{ M0F, 0xff, 0xa3, ANY,  0,                    emu_bit_reg }, /* BT */
	{ M0F, 0xe7, 0xa3, ANY,  ROW_LOCK,             emu_bit_reg }, /* BTS BTR BTC */
	{ M0F, 0xff, 0xba, 0x10, 0,                    emu_bit_imm },
	{ M0F, 0xff, 0xba, 0xe0, ROW_LOCK,             emu_bit_imm },
	{ M0F, 0xfe, 0xb0, ANY,  ROW_BYTE | ROW_LOCK,  emu_cmpxchg },
	{ M0F, 0xf6, 0xb6, ANY,  0,                    emu_mov_extend }, /* MOVZX MOVSX */
	{ M0F, 0xfe, 0xc0, ANY,  ROW_BYTE | ROW_LOCK,  emu_xadd },
	{ M0F, 0xff, 0xc7, 0x02, ROW_LOCK | ROW_MEMORY, emu_cmpxchg_double },
};

const struct emu_row *emu_find_row(const struct insn *insn)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct emu_row *row = &rows[i];

		if (row->map == insn->map && (insn->opcode & row->mask) == row->opcode &&
		    (row->regs == ANY || row->regs & BIT(insn->reg & 7)))
			return row;
	}
	return NULL;
}
