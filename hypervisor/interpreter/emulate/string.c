/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOVS CMPS STOS LODS SCAS INS OUTS, with and without REP. One iteration is a function; run() gives
 * it count, pointers and end. Registers move after each iteration, so one that faults leaves them
 * where the instruction can be taken up again. SDM vol. 2 "REP".
 */
#include "interpreter/emulate/parts.h"

struct string_row {
	u8 opcode; /* with bit 0 clear */
	bool uses_source, uses_destination, is_compare;
	int (*once)(struct emu *e, u64 *flags);
};

static int source(struct emu *e, bool is_write, u64 *linear)
{
	u64 offset = e->state->gpr[EMU_RSI] & emu_mask(e->insn->address_bytes);

	return emu_linear(e, emu_data_segment(e), offset, e->bytes, is_write, linear);
}

static int destination(struct emu *e, bool is_write, u64 *linear) /* ES, which nothing overrides */
{
	u64 offset = e->state->gpr[EMU_RDI] & emu_mask(e->insn->address_bytes);

	return emu_linear(e, SEG_ES, offset, e->bytes, is_write, linear);
}

static int read_source(struct emu *e, u64 *value)
{
	u64 linear;
	int status = source(e, false, &linear);

	return status ? status : emu_read_linear(e, linear, e->bytes, value);
}

static int write_destination(struct emu *e, u64 value)
{
	u64 linear;
	int status = destination(e, true, &linear);

	return status ? status : emu_write_linear(e, linear, e->bytes, value);
}

static int read_destination(struct emu *e, u64 *value)
{
	u64 linear;
	int status = destination(e, false, &linear);

	return status ? status : emu_read_linear(e, linear, e->bytes, value);
}

static int movs(struct emu *e, u64 *flags)
{
	u64 value;
	int status = read_source(e, &value);

	(void)flags;
	return status ? status : write_destination(e, value);
}

static int cmps(struct emu *e, u64 *flags)
{
	u64 a, b;
	int status = read_source(e, &a);

	if (!status)
		status = read_destination(e, &b);
	if (!status)
		emu_compute(OP_CMP, a, b, e->bytes, flags);
	return status;
}

static int stos(struct emu *e, u64 *flags)
{
	(void)flags;
	return write_destination(e, e->state->gpr[EMU_RAX]);
}

static int lods(struct emu *e, u64 *flags)
{
	u64 value;
	int status = read_source(e, &value);

	(void)flags;
	if (!status)
		emu_gpr_write(e, EMU_RAX, e->bytes, value);
	return status;
}

static int scas(struct emu *e, u64 *flags)
{
	u64 value;
	int status = read_destination(e, &value);

	if (!status)
		emu_compute(OP_CMP, e->state->gpr[EMU_RAX] & emu_mask(e->bytes), value, e->bytes,
			    flags);
	return status;
}

static int ins(struct emu *e, u64 *flags)
{
	u64 linear;
	u32 value = 0;
	int status = destination(e, true, &linear);

	(void)flags;
	if (!status)
		status = e->bus->check_write(e->context, linear, e->bytes, e->fault);
	if (!status)
		status = e->bus->port_in(e->context, (u16)e->state->gpr[EMU_RDX], e->bytes, &value,
					 e->fault);
	return status ? status : emu_write_linear(e, linear, e->bytes, value);
}

static int outs(struct emu *e, u64 *flags)
{
	u64 value;
	int status = read_source(e, &value);

	(void)flags;
	if (status)
		return status;
	return e->bus->port_out(e->context, (u16)e->state->gpr[EMU_RDX], e->bytes, (u32)value,
				e->fault);
}

static const struct string_row rows[] = {
	/*       source destination compares */
	{ 0xa4, true,  true,  false, movs },
	{ 0xa6, true,  true,  true,  cmps },
	{ 0xaa, false, true,  false, stos },
	{ 0xac, true,  false, false, lods },
	{ 0xae, false, true,  true,  scas },
	{ 0x6c, false, true,  false, ins },
	{ 0x6e, true,  false, false, outs },
};

static const struct string_row *find_row(u8 opcode)
{
	const struct string_row *row = rows;

	while (row->opcode != (opcode & 0xfe)) /* the table of instructions names no others */
		row++;
	return row;
}

static void advance(struct emu *e, const struct string_row *row)
{
	u64 step = e->state->rflags & FLAG_DF ? -(u64)e->bytes : e->bytes;
	u64 *gpr = e->state->gpr;
	unsigned size = e->insn->address_bytes;

	if (row->uses_source)
		emu_gpr_write(e, EMU_RSI, size, gpr[EMU_RSI] + step);
	if (row->uses_destination)
		emu_gpr_write(e, EMU_RDI, size, gpr[EMU_RDI] + step);
}

/* Of a comparison, REPE goes on while it is equal, REPNE while it is not. */
static bool is_over(const struct emu *e, const struct string_row *row, u64 count, u64 flags)
{
	if (!count)
		return true;
	return row->is_compare && !(flags & FLAG_ZF) == e->insn->has_rep;
}

static int run(struct emu *e, const struct string_row *row)
{
	bool is_rep = e->insn->has_rep || e->insn->has_repne;
	u64 count = is_rep ? e->state->gpr[EMU_RCX] & emu_mask(e->insn->address_bytes) : 1;
	u64 flags = e->state->rflags;

	if (!count)
		return EMU_OK;
	for (unsigned n = 0; n < EMU_REP_MAX; n++) {
		int status = row->once(e, &flags);

		if (status)
			return status;
		advance(e, row);
		count--;
		if (is_rep)
			emu_gpr_write(e, EMU_RCX, e->insn->address_bytes, count);
		if (!is_rep || is_over(e, row, count, flags)) {
			e->state->rflags = flags;
			return EMU_OK;
		}
	}
	return EMU_UNFINISHED;
}

int emu_string(struct emu *e)
{
	e->bytes = e->insn->opcode < 0x80 ? min(e->bytes, 4u) : e->bytes; /* no 64-bit ports */
	return run(e, find_row(e->insn->opcode));
}
