/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the length decoder share: the place in the bytes. Every byte is taken by
 * fetch(), which knows the end of the buffer and the limit of 15.
 */
#ifndef LIB_INSN_CURSOR_H
#define LIB_INSN_CURSOR_H

#include "lib/insn.h"

struct cursor {
	const u8 *bytes;
	size_t count, at;
	unsigned mode; /* 2, 4, 8 */
	bool has_address_prefix;
	u16 attributes; /* of the opcode */
};

/* Takes the next n (0..8) bytes as a little-endian number. */
static inline enum insn_result fetch(struct cursor *cursor, unsigned n, u64 *value)
{
	if (cursor->at + n > INSN_MAX)
		return INSN_TOO_LONG;
	if (cursor->at + n > cursor->count)
		return INSN_TRUNCATED;
	*value = 0;
	for (unsigned i = 0; i < n; i++)
		*value |= (u64)cursor->bytes[cursor->at++] << 8 * i;
	return INSN_OK;
}

static inline enum insn_result fetch_u8(struct cursor *cursor, u8 *byte)
{
	u64 value = 0;
	enum insn_result result = fetch(cursor, 1, &value);

	*byte = (u8)value;
	return result;
}

static inline u64 sign_extend(u64 value, unsigned bytes)
{
	unsigned shift = 64 - 8 * bytes;

	return (u64)((s64)(value << shift) >> shift);
}

/* ModRM, SIB and displacement (insn_modrm.c). */
enum insn_result insn_decode_modrm(struct insn *insn, struct cursor *cursor);

#endif
