/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PUSH and POP. The stack pointer moves when the access is done. SDM vol. 1 "Procedure Stack".
 */
#include "interpreter/emulate/parts.h"

static unsigned stack_bytes(const struct emu *e)
{
	if (e->state->code_bytes == 8)
		return 8;
	return e->state->segment[SEG_SS].access & SEG_BIG ? 4 : 2;
}

static int push(struct emu *e, u64 value)
{
	unsigned size = stack_bytes(e);
	u64 offset = (e->state->gpr[EMU_RSP] - e->bytes) & emu_mask(size), linear;
	int status = emu_linear(e, SEG_SS, offset, e->bytes, true, &linear);

	if (!status)
		status = emu_write_linear(e, linear, e->bytes, value);
	if (!status)
		emu_gpr_write(e, EMU_RSP, size, offset);
	return status;
}

/* Reads the top; emu_drop() then moves the pointer. */
static int top(struct emu *e, u64 *value)
{
	u64 offset = e->state->gpr[EMU_RSP] & emu_mask(stack_bytes(e)), linear;
	int status = emu_linear(e, SEG_SS, offset, e->bytes, false, &linear);

	return status ? status : emu_read_linear(e, linear, e->bytes, value);
}

static void drop(struct emu *e)
{
	emu_gpr_write(e, EMU_RSP, stack_bytes(e), e->state->gpr[EMU_RSP] + e->bytes);
}

int emu_push_reg(struct emu *e)
{
	struct emu_operand reg = emu_opcode_register(e, e->bytes);

	return push(e, emu_reg_read(e, &reg, e->bytes)); /* PUSH RSP: as it was before */
}

int emu_push_imm(struct emu *e)
{
	return push(e, e->insn->immediate);
}

int emu_push_rm(struct emu *e)
{
	struct emu_operand rm;
	u64 value;
	int status = emu_rm(e, e->bytes, false, 0, &rm);

	if (!status)
		status = emu_read(e, &rm, e->bytes, &value);
	return status ? status : push(e, value);
}

/* Zero-extended: the manual allows that as well as leaving the upper bytes on the stack alone. */
int emu_push_seg(struct emu *e)
{
	unsigned number = e->insn->opcode >> 3 & 7; /* 0F A0 and A8 give 4 and 5 */

	return push(e, e->state->segment[number].selector);
}

int emu_pop_reg(struct emu *e)
{
	struct emu_operand reg = emu_opcode_register(e, e->bytes);
	u64 value;
	int status = top(e, &value);

	if (status)
		return status;
	drop(e);
	emu_reg_write(e, &reg, e->bytes, value); /* after it: POP RSP gives what was popped */
	return EMU_OK;
}

/* An address that uses RSP uses it after the increment. */
int emu_pop_rm(struct emu *e)
{
	u64 rsp = e->state->gpr[EMU_RSP], value;
	struct emu_operand rm;
	int status = top(e, &value);

	if (status)
		return status;
	drop(e);
	status = emu_rm(e, e->bytes, true, 0, &rm);
	if (!status)
		status = emu_write(e, &rm, e->bytes, value);
	if (status)
		e->state->gpr[EMU_RSP] = rsp;
	return status;
}
