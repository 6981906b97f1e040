/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results and flags of arithmetic, logic and bit operations, as pure functions, and the
 * read-modify-write that all of them go through. SDM vol. 1 "Status Flags".
 */
#include "interpreter/emulate/parts.h"

#define FLAGS_ALL (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static u64 result_flags(u64 flags, u64 result, unsigned bytes)
{
	flags &= ~FLAGS_ALL;
	if (!__builtin_parity((unsigned)result & 0xff))
		flags |= FLAG_PF;
	if (!result)
		flags |= FLAG_ZF;
	if (result >> (8 * bytes - 1) & 1)
		flags |= FLAG_SF;
	return flags;
}

/* carries: of each bit position, that into the next; overflow: the sign bit says it. */
static u64 carry_flags(u64 flags, u64 carries, u64 overflow, unsigned bytes)
{
	if (carries >> (8 * bytes - 1) & 1)
		flags |= FLAG_CF;
	if (carries >> 3 & 1)
		flags |= FLAG_AF;
	if (overflow >> (8 * bytes - 1) & 1)
		flags |= FLAG_OF;
	return flags;
}

static u64 add(u64 a, u64 b, u64 carry, unsigned bytes, u64 *flags)
{
	u64 sum = (a + b + carry) & emu_mask(bytes);

	*flags = result_flags(*flags, sum, bytes);
	*flags = carry_flags(*flags, (a & b) | ((a | b) & ~sum), (a ^ sum) & (b ^ sum), bytes);
	return sum;
}

static u64 subtract(u64 a, u64 b, u64 borrow, unsigned bytes, u64 *flags)
{
	u64 difference = (a - b - borrow) & emu_mask(bytes);

	*flags = result_flags(*flags, difference, bytes);
	*flags = carry_flags(*flags, (~a & b) | ((~a | b) & difference), (a ^ b) & (a ^ difference),
			     bytes);
	return difference;
}

static u64 logic(u64 result, unsigned bytes, u64 *flags)
{
	*flags = result_flags(*flags, result, bytes);
	return result;
}

static u64 keep_carry(u64 result, u64 before, u64 *flags)
{
	*flags = (*flags & ~FLAG_CF) | (before & FLAG_CF);
	return result;
}

static u64 bit(enum emu_op op, u64 a, u64 number, u64 *flags)
{
	u64 mask = BIT(number);

	*flags = (*flags & ~FLAG_CF) | (a & mask ? FLAG_CF : 0);
	if (op == OP_BTS)
		return a | mask;
	if (op == OP_BTR)
		return a & ~mask;
	return op == OP_BTC ? a ^ mask : a;
}

u64 emu_compute(enum emu_op op, u64 a, u64 b, unsigned bytes, u64 *flags)
{
	u64 before = *flags;

	b &= emu_mask(bytes);
	switch (op) {
	case OP_ADD:
		return add(a, b, 0, bytes, flags);
	case OP_ADC:
		return add(a, b, before & FLAG_CF, bytes, flags);
	case OP_SBB:
		return subtract(a, b, before & FLAG_CF, bytes, flags);
	case OP_SUB:
	case OP_CMP:
		return subtract(a, b, 0, bytes, flags);
	case OP_OR:
		return logic(a | b, bytes, flags);
	case OP_AND:
		return logic(a & b, bytes, flags);
	case OP_XOR:
		return logic(a ^ b, bytes, flags);
	case OP_INC:
		return keep_carry(add(a, 1, 0, bytes, flags), before, flags);
	case OP_DEC:
		return keep_carry(subtract(a, 1, 0, bytes, flags), before, flags);
	case OP_NEG:
		return subtract(0, a, 0, bytes, flags);
	case OP_NOT:
		return ~a & emu_mask(bytes);
	case OP_SET:
		return b;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		return bit(op, a, b, flags);
	}
	return a;
}

/* Memory under LOCK: until what was read is still there. Another CPU can make it fail, but not for
 * ever: then the guest executes it again, and may be interrupted before. */
static int modify_locked(struct emu *e, u64 linear, enum emu_op op, u64 b, u64 *old, u64 *flags)
{
	int status = emu_read_linear(e, linear, e->bytes, old);

	for (unsigned n = 0; !status && n < EMU_CMPXCHG_MAX; n++) {
		u64 found = *old, after = e->state->rflags;
		u64 result = emu_compute(op, *old, b, e->bytes, &after);

		status = e->bus->cmpxchg(e->context, linear, &found, &result, e->bytes, e->fault);
		if (!status && found == *old) {
			*flags = after;
			return EMU_OK;
		}
		*old = found;
	}
	return status ? status : EMU_RETRY;
}

int emu_modify(struct emu *e, const struct emu_operand *operand, enum emu_op op, u64 b, u64 *old)
{
	u64 before = 0, flags = e->state->rflags;
	int status;

	if (operand->is_memory && (e->insn->has_lock || op == OP_SET)) {
		status = modify_locked(e, operand->linear, op, b, &before, &flags);
	} else {
		status = emu_read(e, operand, e->bytes, &before);
		if (!status)
			status = emu_write(e, operand, e->bytes,
					   emu_compute(op, before, b, e->bytes, &flags));
	}
	if (status)
		return status;
	e->state->rflags = flags;
	if (old)
		*old = before;
	return EMU_OK;
}
