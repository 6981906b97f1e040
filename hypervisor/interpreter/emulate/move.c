/* SPDX-License-Identifier: BSD-2-Clause */
/* MOV in all forms that load no segment register, MOVZX, MOVSX, MOVSXD. */
#include "interpreter/emulate/parts.h"

static int move_to_rm(struct emu *e, unsigned bytes, u64 value)
{
	struct emu_operand rm;
	int status = emu_rm(e, bytes, true, 0, &rm);

	return status ? status : emu_write(e, &rm, bytes, value);
}

int emu_mov_rm_reg(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes);

	return move_to_rm(e, e->bytes, emu_reg_read(e, &reg, e->bytes));
}

int emu_mov_rm_imm(struct emu *e)
{
	return move_to_rm(e, e->bytes, e->insn->immediate);
}

/* Memory gets 16 bits whatever the operand size, a register is extended to it. */
int emu_mov_rm_seg(struct emu *e)
{
	unsigned number = e->insn->reg & 7; /* REX.R means nothing here */

	if (number >= EMU_SEGMENTS)
		return emu_raise(e, EMU_VECTOR_UD);
	return move_to_rm(e, e->insn->mod == 3 ? e->bytes : 2, e->state->segment[number].selector);
}

/* From an r/m operand of source_bytes to the register operand. */
static int move_to_reg(struct emu *e, unsigned source_bytes, bool is_signed)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes), rm;
	u64 value;
	int status = emu_rm(e, source_bytes, false, 0, &rm);

	if (!status)
		status = emu_read(e, &rm, source_bytes, &value);
	if (status)
		return status;
	emu_reg_write(e, &reg, e->bytes, is_signed ? emu_signed(value, source_bytes) : value);
	return EMU_OK;
}

int emu_mov_reg_rm(struct emu *e)
{
	return move_to_reg(e, e->bytes, false);
}

int emu_mov_extend(struct emu *e)
{
	return move_to_reg(e, e->insn->opcode & 1 ? 2 : 1, e->insn->opcode & 8);
}

int emu_movsxd(struct emu *e)
{
	return move_to_reg(e, min(e->bytes, 4u), true);
}

int emu_mov_reg_imm(struct emu *e)
{
	struct emu_operand reg = emu_opcode_register(e, e->bytes);

	emu_reg_write(e, &reg, e->bytes, e->insn->immediate);
	return EMU_OK;
}

/* A0..A3: the accumulator and an address in the instruction. */
int emu_mov_offset(struct emu *e)
{
	bool is_write = e->insn->opcode & 2;
	u64 linear, value;
	int status =
		emu_linear(e, emu_data_segment(e), e->insn->immediate, e->bytes, is_write, &linear);

	if (status)
		return status;
	if (is_write)
		return emu_write_linear(e, linear, e->bytes, e->state->gpr[EMU_RAX]);
	status = emu_read_linear(e, linear, e->bytes, &value);
	if (!status)
		emu_gpr_write(e, EMU_RAX, e->bytes, value);
	return status;
}
