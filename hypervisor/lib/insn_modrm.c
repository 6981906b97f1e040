/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operand part of an instruction: ModRM, SIB and displacement (SDM vol. 2 "Instruction
 * Format"), and the address that they mean. A step of insn_decode(), which has read the prefixes.
 */
#include "lib/insn_cursor.h"
#include "lib/insn_table.h"

enum { RBX = 3, RBP = 5, RSI = 6, RDI = 7 };

/* 16-bit addressing (SDM vol. 2 "16-Bit Addressing Forms with the ModR/M Byte"); displacement
 * bytes. */
static unsigned decode_memory_16(struct insn *insn)
{
	static const u8 bases[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };

	insn->base = bases[insn->rm & 7];
	if ((insn->rm & 7) < 4)
		insn->index = insn->rm & 1 ? RDI : RSI;
	if (insn->mod == 0 && (insn->rm & 7) == 6) {
		insn->base = INSN_NO_REGISTER;
		return 2;
	}
	return insn->mod; /* 0, 1 or 2 bytes */
}

static enum insn_result decode_sib(struct insn *insn, struct cursor *cursor)
{
	u8 sib, index;
	enum insn_result result = fetch_u8(cursor, &sib);

	if (result)
		return result;
	insn->has_sib = true;
	insn->scale = (u8)(1u << (sib >> 6));
	index = (sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);
	if (index != 4) /* rsp cannot be an index, r12 can */
		insn->index = index;
	insn->base = (sib & 7) | (insn->rex & REX_B ? 8 : 0);
	return INSN_OK;
}

/* 32 and 64-bit addressing; the number of displacement bytes goes to *bytes. */
static enum insn_result decode_memory(struct insn *insn, struct cursor *cursor, unsigned *bytes)
{
	static const u8 sizes[3] = { 0, 1, 4 };
	enum insn_result result = INSN_OK;

	*bytes = sizes[insn->mod];
	insn->base = insn->rm;
	if ((insn->rm & 7) == 4)
		result = decode_sib(insn, cursor);
	if (insn->mod == 0 && (insn->base & 7) == 5) { /* REX.B does not count here */
		*bytes = 4;
		insn->base = INSN_NO_REGISTER;
		insn->is_rip_relative = cursor->mode == 8 && !insn->has_sib;
	}
	return result;
}

enum insn_result insn_decode_modrm(struct insn *insn, struct cursor *cursor)
{
	unsigned bytes = 0;
	u64 displacement = 0;
	enum insn_result result = fetch_u8(cursor, &insn->modrm);

	if (result)
		return result;
	insn->has_modrm = true;
	insn->mod = cursor->attributes & INSN_REGISTERS ? 3 : insn->modrm >> 6;
	insn->reg = (insn->modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
	insn->rm = (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
	if (insn->mod == 3)
		return INSN_OK;
	if (insn->address_bytes == 2)
		bytes = decode_memory_16(insn);
	else
		result = decode_memory(insn, cursor, &bytes);
	if (!result)
		result = fetch(cursor, bytes, &displacement);
	if (!result && bytes)
		insn->displacement = (s32)sign_extend(displacement, bytes);
	return result;
}

u64 insn_offset(const struct insn *insn, const u64 gprs[16], u64 next_rip)
{
	u64 offset = (u64)(s64)insn->displacement;

	if (insn->is_rip_relative)
		offset += next_rip;
	if (insn->base != INSN_NO_REGISTER)
		offset += gprs[insn->base];
	if (insn->index != INSN_NO_REGISTER)
		offset += gprs[insn->index] * insn->scale;
	if (insn->address_bytes < 8)
		offset &= BIT(8 * insn->address_bytes) - 1;
	return offset;
}
