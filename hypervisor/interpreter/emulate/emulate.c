/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of one instruction through the emulator: its row, the rules for LOCK and for the form of
 * the operand, its handler, and what the handler's word means to the caller.
 */
#include "interpreter/emulate/parts.h"

static unsigned operand_bytes(const struct insn *insn, const struct emu_row *row)
{
	if (row->flags & ROW_BYTES || (row->flags & ROW_BYTE && !(insn->opcode & 1)))
		return 1;
	return insn->operand_bytes;
}

/* SDM vol. 2 "LOCK": on what writes memory by read-modify-write; #UD on all else. */
static bool is_form_allowed(const struct insn *insn, const struct emu_row *row)
{
	bool is_memory = insn->has_modrm && insn->mod != 3;

	if (insn->has_lock && !(row->flags & ROW_LOCK && is_memory))
		return false;
	return is_memory || !(row->flags & ROW_MEMORY);
}

enum emu_result emulate(struct emu_state *state, const struct insn *insn, const struct emu_bus *bus,
			void *context, struct emu_fault *fault)
{
	const struct emu_row *row = emu_find_row(insn);
	struct emu e = {
		.state = state,
		.insn = insn,
		.bus = bus,
		.context = context,
		.fault = fault,
		.next_rip = state->rip + insn->length,
	};
	int status;

	*fault = (struct emu_fault){ 0 };
	if (!row || (row->flags & ROW_LONG && state->code_bytes != 8))
		return EMU_UNHANDLEABLE;
	e.bytes = operand_bytes(insn, row);
	if (state->code_bytes != 8)
		e.next_rip = (u32)e.next_rip;
	status = is_form_allowed(insn, row) ? row->handler(&e) : emu_raise(&e, EMU_VECTOR_UD);
	if (status == EMU_FAULT)
		return EMU_FAULTED;
	if (status != EMU_OK)
		return EMU_AGAIN;
	state->rip = e.next_rip;
	state->rflags &= ~FLAG_RF;
	return EMU_DONE;
}
