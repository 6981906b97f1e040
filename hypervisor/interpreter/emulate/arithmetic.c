/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NOT NEG in all their forms: which operands, and
 * whether the result is kept. The arithmetic is alu.c's.
 */
#include "interpreter/emulate/parts.h"

static enum emu_op op_of_opcode(const struct emu *e)
{
	return (enum emu_op)(e->insn->opcode >> 3 & 7);
}

/* The flags of op(operand, b), and nothing else: CMP and TEST only read. */
static int compare(struct emu *e, const struct emu_operand *operand, enum emu_op op, u64 b)
{
	u64 value;
	int status = emu_read(e, operand, e->bytes, &value);

	if (!status)
		emu_compute(op, value, b, e->bytes, &e->state->rflags);
	return status;
}

static int compare_rm(struct emu *e, enum emu_op op, u64 b)
{
	struct emu_operand rm;
	int status = emu_rm(e, e->bytes, false, 0, &rm);

	return status ? status : compare(e, &rm, op, b);
}

static int modify_rm(struct emu *e, enum emu_op op, u64 b)
{
	struct emu_operand rm;
	int status = emu_rm(e, e->bytes, true, 0, &rm);

	return status ? status : emu_modify(e, &rm, op, b, NULL);
}

static u64 reg_value(const struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes);

	return emu_reg_read(e, &reg, e->bytes);
}

int emu_alu_rm_reg(struct emu *e)
{
	return modify_rm(e, op_of_opcode(e), reg_value(e));
}

int emu_alu_rm_imm(struct emu *e)
{
	return modify_rm(e, (enum emu_op)(e->insn->reg & 7), e->insn->immediate);
}

/* To a register; CMP keeps it. */
static int alu_to_register(struct emu *e, const struct emu_operand *reg, u64 b)
{
	enum emu_op op = op_of_opcode(e);

	return op == OP_CMP ? compare(e, reg, op, b) : emu_modify(e, reg, op, b, NULL);
}

int emu_alu_reg_rm(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes), rm;
	u64 value;
	int status = emu_rm(e, e->bytes, false, 0, &rm);

	if (!status)
		status = emu_read(e, &rm, e->bytes, &value);
	return status ? status : alu_to_register(e, &reg, value);
}

int emu_alu_acc_imm(struct emu *e)
{
	struct emu_operand rax = { .reg = EMU_RAX };

	return alu_to_register(e, &rax, e->insn->immediate);
}

int emu_cmp_rm_reg(struct emu *e)
{
	return compare_rm(e, OP_CMP, reg_value(e));
}

int emu_cmp_rm_imm(struct emu *e)
{
	return compare_rm(e, OP_CMP, e->insn->immediate);
}

int emu_test_rm_reg(struct emu *e)
{
	return compare_rm(e, OP_AND, reg_value(e));
}

int emu_test_rm_imm(struct emu *e)
{
	return compare_rm(e, OP_AND, e->insn->immediate);
}

int emu_test_acc_imm(struct emu *e)
{
	struct emu_operand rax = { .reg = EMU_RAX };

	return compare(e, &rax, OP_AND, e->insn->immediate);
}

int emu_inc_dec_rm(struct emu *e)
{
	return modify_rm(e, e->insn->reg & 1 ? OP_DEC : OP_INC, 0);
}

int emu_inc_dec_reg(struct emu *e)
{
	struct emu_operand reg = emu_opcode_register(e, e->bytes);

	return emu_modify(e, &reg, e->insn->opcode & 8 ? OP_DEC : OP_INC, 0, NULL);
}

int emu_not_neg(struct emu *e)
{
	return modify_rm(e, e->insn->reg & 1 ? OP_NEG : OP_NOT, 0);
}
