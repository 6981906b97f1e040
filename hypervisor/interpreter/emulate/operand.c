/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands: general registers of every size, and memory: segment, limit, canonical form, and the
 * bus. SDM vol. 3 "Protection", "Limit Checking" and "Type Checking"; vol. 1 "Memory Operands".
 */
#include "interpreter/emulate/parts.h"
#include "lib/canonical.h"

int emu_raise(struct emu *e, u8 vector)
{
	*e->fault = (struct emu_fault){
		.valid = true,
		.vector = vector,
		.has_error = vector != EMU_VECTOR_UD && e->state->is_protected,
	};
	return EMU_FAULT;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_within_limit(const struct segment *segment, u64 offset, unsigned bytes)
{
	u64 last = offset + bytes - 1;

	if ((segment->access & (SEG_IS_CODE | SEG_EXPANDS_DOWN)) == SEG_EXPANDS_DOWN)
		return offset > segment->limit &&
		       last <= (segment->access & SEG_BIG ? 0xffffffffu : 0xffffu);
	return last <= segment->limit;
}

/* Real and virtual-8086 mode know no types: what is loaded can be read and written. */
static bool is_type_allowed(const struct emu_state *state, const struct segment *segment,
			    bool is_write)
{
	if (!state->is_protected || state->is_v86)
		return true;
	if (segment->access & SEG_UNUSABLE)
		return false;
	if (segment->access & SEG_IS_CODE)
		return !is_write && segment->access & SEG_WRITABLE;
	return !is_write || segment->access & SEG_WRITABLE;
}

int emu_linear(struct emu *e, enum segment_name number, u64 offset, unsigned bytes, bool is_write,
	       u64 *linear)
{
	const struct segment *segment = &e->state->segment[number];
	bool is_ok;

	if (e->state->code_bytes == 8) {
		*linear = offset + (number == SEG_FS || number == SEG_GS ? segment->base : 0);
		is_ok = is_canonical(*linear) && is_canonical(*linear + bytes - 1);
	} else {
		*linear = (u32)(offset + segment->base);
		is_ok = is_type_allowed(e->state, segment, is_write) &&
			is_within_limit(segment, offset, bytes);
	}
	if (is_ok)
		return EMU_OK;
	return emu_raise(e, number == SEG_SS ? EMU_VECTOR_SS : EMU_VECTOR_GP);
}

enum segment_name emu_data_segment(const struct emu *e)
{
	return e->insn->segment ? (enum segment_name)(e->insn->segment - 1) : SEG_DS;
}

int emu_rm(struct emu *e, unsigned bytes, bool is_write, u64 skip, struct emu_operand *operand)
{
	const struct insn *insn = e->insn;
	enum segment_name segment = emu_data_segment(e);
	u64 offset;

	if (insn->mod == 3) {
		*operand = emu_register(e, insn->rm, bytes);
		return EMU_OK;
	}
	/* r12 and r13 encode as rsp and rbp do, but mean DS. */
	if (!insn->segment && (insn->base == EMU_RSP || insn->base == EMU_RBP))
		segment = SEG_SS;
	offset = insn_offset(insn, e->state->gpr, e->next_rip) + skip;
	*operand = (struct emu_operand){ .is_memory = true };
	return emu_linear(e, segment, offset & emu_mask(insn->address_bytes), bytes, is_write,
			  &operand->linear);
}

/* ---- registers ------------------------------------------------------------------------------- */

struct emu_operand emu_register(const struct emu *e, unsigned number, unsigned bytes)
{
	bool is_high = bytes == 1 && !e->insn->rex && number >= 4;

	return (struct emu_operand){
		.is_high = is_high,
		.reg = (u8)(is_high ? number - 4 : number),
	};
}

struct emu_operand emu_opcode_register(const struct emu *e, unsigned bytes)
{
	return emu_register(e, (e->insn->opcode & 7) | (e->insn->rex & REX_B ? 8 : 0), bytes);
}

u64 emu_reg_read(const struct emu *e, const struct emu_operand *operand, unsigned bytes)
{
	return e->state->gpr[operand->reg] >> (operand->is_high ? 8 : 0) & emu_mask(bytes);
}

/* A 32-bit write clears the upper half, 8 and 16-bit ones keep the rest. */
void emu_reg_write(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 value)
{
	unsigned shift = operand->is_high ? 8 : 0;
	u64 mask = (bytes == 4 ? ~0ull : emu_mask(bytes)) << shift;
	u64 *gpr = &e->state->gpr[operand->reg];

	*gpr = (*gpr & ~mask) | (value & emu_mask(bytes)) << shift;
}

void emu_gpr_write(struct emu *e, unsigned number, unsigned bytes, u64 value)
{
	emu_reg_write(e, &(struct emu_operand){ .reg = (u8)number }, bytes, value);
}

/* ---- both ------------------------------------------------------------------------------------ */

int emu_read_linear(struct emu *e, u64 linear, unsigned bytes, u64 *value)
{
	*value = 0; /* the bus fills the low bytes */
	return e->bus->read(e->context, linear, value, bytes, e->fault);
}

int emu_write_linear(struct emu *e, u64 linear, unsigned bytes, u64 value)
{
	return e->bus->write(e->context, linear, &value, bytes, e->fault);
}

int emu_read(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 *value)
{
	if (operand->is_memory)
		return emu_read_linear(e, operand->linear, bytes, value);
	*value = emu_reg_read(e, operand, bytes);
	return EMU_OK;
}

int emu_write(struct emu *e, const struct emu_operand *operand, unsigned bytes, u64 value)
{
	if (operand->is_memory)
		return emu_write_linear(e, operand->linear, bytes, value);
	emu_reg_write(e, operand, bytes, value);
	return EMU_OK;
}
