/* SPDX-License-Identifier: BSD-2-Clause */
/* XCHG XADD CMPXCHG CMPXCHG8B CMPXCHG16B: two operands change at once, memory before registers. */
#include "interpreter/emulate/parts.h"

/* A register as the memory or r/m side: what it becomes last is what counts if both are one. */
static int exchange(struct emu *e, const struct emu_operand *rm, const struct emu_operand *reg)
{
	u64 value = emu_reg_read(e, reg, e->bytes), old;
	int status = emu_modify(e, rm, OP_SET, value, &old);

	if (!status)
		emu_reg_write(e, reg, e->bytes, old);
	return status;
}

int emu_xchg(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes), rm;
	int status = emu_rm(e, e->bytes, true, 0, &rm);

	return status ? status : exchange(e, &rm, &reg);
}

/*
 * 90 is NOP, which leaves the upper half of RAX alone, and with F3 it is PAUSE, whatever REX.B says
 * (as was tried on a CPU); 41 90 is XCHG R8, RAX.
 */
int emu_xchg_acc(struct emu *e)
{
	struct emu_operand rax = { .reg = EMU_RAX }, reg = emu_opcode_register(e, e->bytes);

	if (reg.reg == EMU_RAX || (e->insn->opcode == 0x90 && e->insn->has_rep))
		return EMU_OK;
	return exchange(e, &reg, &rax);
}

int emu_xadd(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes), rm;
	u64 value = emu_reg_read(e, &reg, e->bytes), old;
	int status = emu_rm(e, e->bytes, true, 0, &rm);

	if (!status)
		status = emu_modify(e, &rm, OP_ADD, value, &old);
	if (status)
		return status;
	/* With one register as both, the sum stays. */
	if (rm.is_memory || rm.reg != reg.reg || rm.is_high != reg.is_high)
		emu_reg_write(e, &reg, e->bytes, old);
	return EMU_OK;
}

/* ---- compare and exchange -------------------------------------------------------------------- */

static bool is_same(const u64 a[2], const u64 b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

/*
 * Memory is written in any case, with what it held if that is not what was expected; that comes
 * back in expected. Under LOCK again, if another CPU was there between the read and the write.
 */
static int cmpxchg_memory(struct emu *e, u64 linear, u64 expected[2], const u64 desired[2],
			  unsigned bytes, bool *is_equal)
{
	u64 found[2] = { 0 };
	int status = e->bus->read(e->context, linear, found, bytes, e->fault);

	for (unsigned n = 0; !status && n < EMU_CMPXCHG_MAX; n++) {
		u64 seen[2] = { found[0], found[1] };
		const u64 *next;

		*is_equal = is_same(found, expected);
		next = *is_equal ? desired : found;
		if (e->insn->has_lock)
			status = e->bus->cmpxchg(e->context, linear, seen, next, bytes, e->fault);
		else
			status = e->bus->write(e->context, linear, next, bytes, e->fault);
		if (!status && is_same(seen, found)) {
			expected[0] = found[0];
			expected[1] = found[1];
			return EMU_OK;
		}
		found[0] = seen[0];
		found[1] = seen[1];
	}
	return status ? status : EMU_RETRY;
}

int emu_cmpxchg(struct emu *e)
{
	struct emu_operand reg = emu_register(e, e->insn->reg, e->bytes), rm;
	u64 desired[2] = { emu_reg_read(e, &reg, e->bytes) };
	u64 expected = e->state->gpr[EMU_RAX] & emu_mask(e->bytes), found[2] = { expected };
	bool is_equal;
	int status = emu_rm(e, e->bytes, true, 0, &rm);

	if (status)
		return status;
	if (rm.is_memory) {
		status = cmpxchg_memory(e, rm.linear, found, desired, e->bytes, &is_equal);
		if (status)
			return status;
	} else {
		found[0] = emu_reg_read(e, &rm, e->bytes);
		is_equal = found[0] == expected;
		if (is_equal)
			emu_reg_write(e, &rm, e->bytes, desired[0]);
	}
	/* CPUs leave what is not changed wholly alone: a 32-bit form clears no upper half then. */
	if (!is_equal)
		emu_gpr_write(e, EMU_RAX, e->bytes, found[0]);
	emu_compute(OP_CMP, expected, found[0], e->bytes, &e->state->rflags);
	return EMU_OK;
}

/* RDX:RAX with RCX:RBX, 4 or 8 bytes each. */
int emu_cmpxchg_double(struct emu *e)
{
	unsigned half = e->insn->operand_bytes == 8 ? 8 : 4;
	u64 *gpr = e->state->gpr;
	u64 expected[2] = { gpr[EMU_RAX], gpr[EMU_RDX] },
	    desired[2] = { gpr[EMU_RBX], gpr[EMU_RCX] };
	struct emu_operand rm;
	bool is_equal;
	int status = emu_rm(e, 2 * half, true, 0, &rm);

	if (status)
		return status;
	if (half == 8 && rm.linear & 15)
		return emu_raise(e, EMU_VECTOR_GP);
	if (half == 4) {
		expected[0] = (u32)expected[0] | expected[1] << 32;
		desired[0] = (u32)desired[0] | desired[1] << 32;
		expected[1] = 0;
	}
	status = cmpxchg_memory(e, rm.linear, expected, desired, 2 * half, &is_equal);
	if (status)
		return status;
	e->state->rflags = (e->state->rflags & ~FLAG_ZF) | (is_equal ? FLAG_ZF : 0);
	if (!is_equal) {
		emu_gpr_write(e, EMU_RAX, half, expected[0]);
		emu_gpr_write(e, EMU_RDX, half, half == 8 ? expected[1] : expected[0] >> 32);
	}
	return EMU_OK;
}
