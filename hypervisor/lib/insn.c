/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length decoder: prefixes, opcode, ModRM, SIB and displacement (insn_modrm.c), immediate, in
 * that order, each a function over one cursor. Called on guest bytes, which may be anything:
 * nothing loops without fetching, and what is not an instruction is refused, never guessed.
 */
#include "lib/insn_cursor.h"
#include "lib/insn_table.h"

/* ---- prefixes -------------------------------------------------------------------------------- */

static const u8 segment_prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 }; /* es cs ss ds fs gs */
#define SEGMENT_FS 5

static void note_segment(struct insn *insn, const struct cursor *cursor, u8 byte)
{
	for (u8 i = 0; i < ARRAY_SIZE(segment_prefixes); i++) {
		/* 64-bit code ignores the four old ones, even where fs or gs was named before. */
		if (segment_prefixes[i] == byte && (cursor->mode != 8 || i + 1 >= SEGMENT_FS))
			insn->segment = (u8)(i + 1);
	}
}

/* A legacy prefix: notes it and says so. */
static bool note_prefix(struct insn *insn, struct cursor *cursor, u8 byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
		note_segment(insn, cursor, byte);
		return true;
	case 0x66:
		insn->has_operand_prefix = true;
		return true;
	case 0x67:
		cursor->has_address_prefix = true;
		return true;
	case 0xf0:
		insn->has_lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		insn->has_repne = byte == 0xf2;
		insn->has_rep = byte == 0xf3;
		return true;
	default:
		return false;
	}
}

/* Takes all prefixes and the first byte that is none. A REX counts only right before the opcode. */
static enum insn_result decode_prefixes(struct insn *insn, struct cursor *cursor, u8 *byte)
{
	for (;;) {
		enum insn_result result = fetch_u8(cursor, byte);

		if (result)
			return result;
		if (cursor->mode == 8 && (*byte & 0xf0) == 0x40)
			insn->rex = *byte;
		else if (note_prefix(insn, cursor, *byte))
			insn->rex = 0;
		else
			return INSN_OK;
	}
}

/* ---- opcode ---------------------------------------------------------------------------------- */

/*
 * VEX (C4 C5), EVEX (62) and XOP (8F): the bytes after the first carry map, REX bits (inverted) and
 * the operand type. Outside 64-bit code they share their first byte with LES, LDS and BOUND, whose
 * ModRM cannot have mod 3; everywhere XOP shares it with POP, whose reg must be 0.
 */
static bool is_vector_prefix(const struct cursor *cursor, u8 byte, u8 next)
{
	if (byte == 0x8f)
		return next & 0x38;
	if (byte != 0x62 && byte != 0xc4 && byte != 0xc5)
		return false;
	return cursor->mode == 8 || next >= 0xc0;
}

/* Which immediate follows in map `map` of VEX and EVEX (1..6) or XOP (8..10); false: no such map.
 */
static bool vector_attributes(u8 prefix, unsigned map, u8 opcode, u16 *attributes)
{
	u16 row = insn_map_0f[opcode];

	*attributes = INSN_MODRM;
	switch (map) {
	case 1: /* as without VEX, and VZEROUPPER is the one without ModRM */
		if ((row & INSN_IMMEDIATE) == IMM_U8)
			*attributes |= IMM_U8;
		if (opcode == 0x77)
			*attributes = 0;
		return prefix != 0x8f;
	case 2:
		return prefix != 0x8f;
	case 3:
		*attributes |= IMM_U8;
		return prefix != 0x8f;
	case 5:
	case 6:
		return prefix == 0x62;
	case 8:
		*attributes |= IMM_U8;
		return prefix == 0x8f;
	case 9:
		return prefix == 0x8f;
	case 10:
		*attributes |= IMM_D;
		return prefix == 0x8f;
	default:
		return false;
	}
}

static enum insn_result decode_vector(struct insn *insn, struct cursor *cursor, u8 prefix)
{
	unsigned n = prefix == 0xc5 ? 1 : prefix == 0x62 ? 3 : 2, map = 1;
	u64 payload = 0;
	u8 high, wide = 0;
	enum insn_result result = fetch(cursor, n, &payload);

	if (result)
		return result;
	/* These bytes replace the prefixes, which may not be there besides (SDM vol. 2 "VEX
	 * Prefix"). */
	if (insn->rex || insn->has_lock || insn->has_rep || insn->has_repne ||
	    insn->has_operand_prefix)
		return INSN_INVALID;
	high = (u8)~payload; /* R X B, inverted, in bits 7:5 */
	if (n >= 2) {
		map = (unsigned)payload & (prefix == 0x62 ? 0xf : 0x1f);
		wide = payload >> 15 & 1;
	} else {
		high &= 0x80;
	}
	if (prefix == 0x62 && !(payload & BIT(10))) /* fixed to 1 */
		return INSN_INVALID;
	if (cursor->mode == 8) {
		insn->rex = (u8)(0x40 | high >> 5);
		if (wide)
			insn->rex |= REX_W;
	}
	insn->map = INSN_MAP_VEX;
	result = fetch_u8(cursor, &insn->opcode);
	if (result)
		return result;
	if (!vector_attributes(prefix, map, insn->opcode, &cursor->attributes))
		return INSN_INVALID;
	return INSN_OK;
}

static enum insn_result decode_0f(struct insn *insn, struct cursor *cursor)
{
	enum insn_result result = fetch_u8(cursor, &insn->opcode);

	if (result)
		return result;
	if (insn->opcode != 0x38 && insn->opcode != 0x3a) {
		insn->map = INSN_MAP_0F;
		cursor->attributes = insn_map_0f[insn->opcode];
		return INSN_OK;
	}
	insn->map = insn->opcode == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
	cursor->attributes = insn->opcode == 0x38 ? INSN_MODRM : INSN_MODRM | IMM_U8;
	return fetch_u8(cursor, &insn->opcode);
}

static enum insn_result decode_opcode(struct insn *insn, struct cursor *cursor, u8 byte)
{
	if (byte == 0x0f)
		return decode_0f(insn, cursor);
	if (byte == 0x62 || byte == 0x8f || byte == 0xc4 || byte == 0xc5) {
		if (cursor->at >= INSN_MAX)
			return INSN_TOO_LONG;
		if (cursor->at >= cursor->count)
			return INSN_TRUNCATED;
		if (is_vector_prefix(cursor, byte, cursor->bytes[cursor->at]))
			return decode_vector(insn, cursor, byte);
	}
	insn->map = INSN_MAP_1;
	insn->opcode = byte;
	cursor->attributes = insn_map_1[byte];
	return INSN_OK;
}

/* ---- sizes and immediate --------------------------------------------------------------------- */

static void set_address_size(struct insn *insn, const struct cursor *cursor)
{
	if (!cursor->has_address_prefix)
		insn->address_bytes = (u8)cursor->mode;
	else
		insn->address_bytes = cursor->mode == 4 ? 2 : 4;
}

static void set_operand_size(struct insn *insn, const struct cursor *cursor)
{
	bool is_default_64 = cursor->attributes & INSN_DEFAULT_64;

	/* Group 5: near CALL, near JMP and PUSH. */
	if (insn->map == INSN_MAP_1 && insn->opcode == 0xff)
		is_default_64 = (insn->reg & 7) == 2 || (insn->reg & 7) == 4 ||
				(insn->reg & 7) == 6;
	if (cursor->attributes & INSN_REGISTERS)
		insn->operand_bytes = cursor->mode == 8 ? 8 : 4;
	else if (insn->rex & REX_W)
		insn->operand_bytes = 8;
	else if (insn->has_operand_prefix)
		insn->operand_bytes = cursor->mode == 2 ? 4 : 2;
	else if (cursor->mode == 2)
		insn->operand_bytes = 2;
	else
		insn->operand_bytes = cursor->mode == 8 && is_default_64 ? 8 : 4;
}

static unsigned immediate_bytes(const struct insn *insn, enum insn_immediate kind)
{
	static const u8 fixed[INSN_IMMEDIATE + 1] = {
		[IMM_U8] = 1, [IMM_S8] = 1, [IMM_U16] = 2, [IMM_ENTER] = 3, [IMM_D] = 4,
	};
	bool is_test = (insn->reg & 7) < 2; /* of group 3 only TEST has an immediate */

	switch (kind) {
	case IMM_Z:
		return min(insn->operand_bytes, (u8)4);
	case IMM_V:
		return insn->operand_bytes;
	case IMM_ADDRESS:
		return insn->address_bytes;
	case IMM_FAR:
		return insn->operand_bytes + 2u;
	case IMM_TEST8:
		return is_test ? 1 : 0;
	case IMM_TESTZ:
		return is_test ? min(insn->operand_bytes, (u8)4) : 0;
	case IMM_EXTRQ:
		return insn->has_operand_prefix || insn->has_repne ? 2 : 0;
	default:
		return fixed[kind];
	}
}

static enum insn_result decode_immediate(struct insn *insn, struct cursor *cursor)
{
	enum insn_immediate kind = cursor->attributes & INSN_IMMEDIATE;
	enum insn_result result;

	insn->immediate_bytes = (u8)immediate_bytes(insn, kind);
	result = fetch(cursor, insn->immediate_bytes, &insn->immediate);
	if (result || !insn->immediate_bytes)
		return result;
	if (kind == IMM_S8 || kind == IMM_Z || kind == IMM_TESTZ)
		insn->immediate = sign_extend(insn->immediate, insn->immediate_bytes);
	return INSN_OK;
}

enum insn_result insn_decode(struct insn *insn, const u8 *bytes, size_t count, unsigned mode_bytes)
{
	struct cursor cursor = { .bytes = bytes, .count = count, .mode = mode_bytes };
	enum insn_result result;
	u8 byte;

	*insn = (struct insn){ .base = INSN_NO_REGISTER, .index = INSN_NO_REGISTER, .scale = 1 };
	result = decode_prefixes(insn, &cursor, &byte);
	if (result)
		return result;
	set_address_size(insn, &cursor);
	result = decode_opcode(insn, &cursor, byte);
	if (result)
		return result;
	if (cursor.attributes & INSN_NONE || (cursor.mode == 8 && cursor.attributes & INSN_NOT_64))
		return INSN_INVALID;
	if (cursor.attributes & INSN_MODRM) {
		result = insn_decode_modrm(insn, &cursor);
		if (result)
			return result;
	}
	set_operand_size(insn, &cursor);
	result = decode_immediate(insn, &cursor);
	insn->length = (u8)cursor.at;
	return result;
}
