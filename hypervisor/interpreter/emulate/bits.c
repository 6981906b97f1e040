/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BT BTS BTR BTC. With a register as bit offset a memory operand is a bit string: the offset is
 * signed and reaches beyond the operand. SDM vol. 1 "Bit String", vol. 2 "BT".
 */
#include "interpreter/emulate/parts.h"

static int bit_operation(struct emu *e, enum emu_op op, u64 skip, u64 number)
{
	struct emu_operand rm;
	u64 value;
	int status = emu_rm(e, e->bytes, op != OP_BT, skip, &rm);

	number &= 8 * e->bytes - 1;
	if (status)
		return status;
	if (op != OP_BT)
		return emu_modify(e, &rm, op, number, NULL);
	status = emu_read(e, &rm, e->bytes, &value);
	if (!status)
		emu_compute(OP_BT, value, number, e->bytes, &e->state->rflags);
	return status;
}

static enum emu_op bit_op(unsigned bits)
{
	return (enum emu_op)(OP_BT + (bits & 3));
}

int emu_bit_reg(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes);
	u64 number = emu_reg_read(e, &reg, e->bytes);
	/* In bytes, a multiple of the operand's size, rounded down. */
	u64 skip = (u64)((s64)emu_signed(number, e->bytes) >> 3) & ~(u64)(e->bytes - 1);

	return bit_operation(e, bit_op(e->insn->opcode >> 3), skip, number);
}

int emu_bit_imm(struct emu *e)
{
	return bit_operation(e, bit_op(e->insn->reg), 0, e->insn->immediate);
}
