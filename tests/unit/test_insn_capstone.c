/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length decoder against Capstone: seeded random encodings in all modes, made so that each
 * opcode map and prefix comes often. Where Capstone knows an instruction our length must be the
 * same. The exceptions are listed with their reasons and counted; another version of Capstone may
 * need fewer.
 */
#include <capstone/capstone.h>
#include <string.h>

#include "lib/insn.h"
#include "tap.h"

#define ENCODINGS 1000000u
#define CANDIDATE_MAX 15

/* VEX, EVEX and XOP, with a map that exists and the bits that are fixed. */
static size_t random_vector_prefix(u8 *bytes, u64 *seed)
{
	u64 random = rnd(seed);

	bytes[0] = (u8[]){ 0xc4, 0xc5, 0x62, 0x8f }[random % 4];
	random >>= 8;
	bytes[1] = (u8)((random & 0xe0) | (rnd(seed) % 3 + 1));
	bytes[2] = (u8)(random >> 8);
	switch (bytes[0]) {
	case 0xc5:
		bytes[1] = (u8)random;
		return 2;
	case 0x62:
		bytes[2] |= 4;
		return 3;
	case 0x8f:
		bytes[1] += 7;
		return 3;
	default:
		return 3;
	}
}

static size_t random_encoding(u8 *bytes, u64 *seed)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26,
				       0x2e, 0x36, 0x3e, 0x64, 0x65 };
	size_t n = 0;

	while (rnd(seed) % 3 == 0 && n < 4)
		bytes[n++] = prefixes[rnd(seed) % sizeof(prefixes)];
	if (rnd(seed) % 4 == 0)
		bytes[n++] = 0x40 | rnd(seed) % 16;
	switch (rnd(seed) % 8) {
	case 0:
	case 1:
		bytes[n++] = 0x0f;
		break;
	case 2:
		bytes[n++] = 0x0f;
		bytes[n++] = rnd(seed) % 2 ? 0x38 : 0x3a;
		break;
	case 3:
	case 4:
		if (rnd(seed) % 16) /* mostly without the prefixes that are not allowed there */
			n = 0;
		if (rnd(seed) % 4 == 0)
			bytes[n++] = rnd(seed) % 2 ? 0x67 : 0x64;
		n += random_vector_prefix(bytes + n, seed);
		break;
	default:
		break;
	}
	while (n < CANDIDATE_MAX)
		bytes[n++] = (u8)(rnd(seed) >> 30);
	return n;
}

/* ---- where the two may differ ---------------------------------------------------------------- */

struct candidate {
	const u8 *bytes;
	unsigned mode; /* 2, 4, 8 */
	enum insn_result result; /* ours */
	struct insn insn;
	unsigned length; /* Capstone's */
};

static bool is_ud_with_modrm(const struct candidate *c)
{
	return c->result == INSN_OK && c->insn.map == INSN_MAP_0F &&
	       (c->insn.opcode == 0xb9 || c->insn.opcode == 0xff);
}

static bool is_extrq(const struct candidate *c)
{
	return c->result == INSN_OK && c->insn.map == INSN_MAP_0F && c->insn.opcode == 0x78 &&
	       (c->insn.has_operand_prefix || c->insn.has_repne);
}

static bool is_66_not_last(const struct candidate *c)
{
	return c->result == INSN_OK && c->mode != 2 && c->insn.map == INSN_MAP_1 &&
	       (c->insn.opcode == 0xe8 || c->insn.opcode == 0x68) && c->insn.operand_bytes == 2 &&
	       c->length == c->insn.length + 2u;
}

static bool is_size_with_rex_w(const struct candidate *c)
{
	return c->result == INSN_OK && c->mode == 8 && c->insn.rex & 8 &&
	       (c->insn.has_operand_prefix || c->insn.address_bytes == 4) &&
	       (c->insn.map == INSN_MAP_1 ? c->insn.opcode == 0xe8 || c->insn.opcode == 0xc2 :
					    c->insn.map == INSN_MAP_0F && c->insn.opcode == 0x78);
}

static bool is_evex_rounding(const struct candidate *c)
{
	return c->result == INSN_OK && c->insn.map == INSN_MAP_VEX && c->insn.mod == 3 &&
	       c->length == c->insn.length + 1u && c->bytes[c->insn.length - 6] == 0x62;
}

static bool is_evex_with_67(const struct candidate *c)
{
	return c->result == INSN_OK && c->mode == 8 && c->insn.map == INSN_MAP_VEX &&
	       c->insn.mod != 3 && c->insn.address_bytes == 4 &&
	       ((c->insn.rm & 7) == 4 || (c->insn.rm & 7) == 5);
}

static bool is_xop_in_16_bit_code(const struct candidate *c)
{
	return c->result == INSN_OK && c->mode == 2 && c->insn.map == INSN_MAP_VEX &&
	       c->insn.immediate_bytes == 4 && c->length == c->insn.length - 2u;
}

static bool is_prefixed_vex(const struct candidate *c)
{
	return c->result == INSN_INVALID && c->insn.map == INSN_MAP_1 && c->insn.opcode == 0 &&
	       (c->insn.has_operand_prefix || c->insn.has_rep || c->insn.has_repne ||
		c->insn.has_lock || c->insn.rex);
}

static bool is_padlock(const struct candidate *c)
{
	return c->result == INSN_INVALID && c->insn.map == INSN_MAP_0F &&
	       (c->insn.opcode == 0xa6 || c->insn.opcode == 0xa7);
}

static struct {
	const char *why;
	bool (*applies)(const struct candidate *);
	unsigned count;
} exceptions[] = {
	{ "UD0 and UD1 have a ModRM byte in both manuals; Capstone reads none", is_ud_with_modrm,
	  0 },
	{ "66/F2 0F 78 is EXTRQ/INSERTQ; Capstone takes some forms for VMREAD", is_extrq, 0 },
	{ "CALL and PUSH with 66; Capstone overlooks a 66 that is not the last prefix",
	  is_66_not_last, 0 },
	{ "66 or 67 with REX.W; Capstone mistakes immediates of CALL, RET, 0F 78",
	  is_size_with_rex_w, 0 },
	{ "EVEX rounding control; Capstone counts a byte that is not there", is_evex_rounding, 0 },
	{ "67 before EVEX; Capstone forgets that rm 4 has a SIB and rm 5 is RIP-relative",
	  is_evex_with_67, 0 },
	{ "XOP map a has 32-bit immediates in all modes", is_xop_in_16_bit_code, 0 },
	{ "66, F2, F3, LOCK or REX before VEX, EVEX or XOP is #UD; Capstone accepts it",
	  is_prefixed_vex, 0 },
	{ "0F A6 and 0F A7 are VIA's PadLock, on no CPU with VMX or SVM", is_padlock, 0 },
};

static bool excused(const struct candidate *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		if (exceptions[i].applies(c)) {
			exceptions[i].count++;
			return true;
		}
	}
	return false;
}

/* ---- the comparison -------------------------------------------------------------------------- */

static void compare(const struct candidate *c, const cs_insn *theirs)
{
	char hex[3 * CANDIDATE_MAX + 1] = "";

	if ((c->result == INSN_OK && c->insn.length == c->length) || excused(c))
		return;
	for (unsigned i = 0; i < CANDIDATE_MAX; i++)
		snprintf(hex + 3 * i, 4, "%02x ", c->bytes[i]);
	EXPECT_MSG(false, "%s in %u-bit code: result %d length %u, Capstone says %u (%s %s)", hex,
		   c->mode * 8, c->result, c->insn.length, c->length, theirs->mnemonic,
		   theirs->op_str);
}

int main(void)
{
	static const cs_mode modes[] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };
	unsigned accepted = 0;
	u64 seed = 46;

	for (unsigned m = 0; m < ARRAY_SIZE(modes); m++) {
		csh handle;
		cs_insn *theirs;

		if (cs_open(CS_ARCH_X86, modes[m], &handle) != CS_ERR_OK) {
			printf("Bail out! Capstone does not start\n");
			return 1;
		}
		theirs = cs_malloc(handle);
		for (unsigned i = 0; i < ENCODINGS / ARRAY_SIZE(modes); i++) {
			u8 bytes[CANDIDATE_MAX];
			const u8 *at = bytes;
			size_t left = random_encoding(bytes, &seed), count = left;
			uint64_t address = 0x1000;
			struct candidate c = { .bytes = bytes, .mode = 2u << m };

			if (!cs_disasm_iter(handle, &at, &left, &address, theirs))
				continue;
			accepted++;
			c.length = theirs->size;
			c.result = insn_decode(&c.insn, bytes, count, c.mode);
			compare(&c, theirs);
		}
		cs_free(theirs, 1);
		cs_close(&handle);
	}
	printf("# %u of %u encodings accepted by Capstone\n", accepted, ENCODINGS);
	EXPECT(accepted > ENCODINGS / 2);
	tap_case("lengths agree with Capstone's");
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		printf("# %6u times: %s\n", exceptions[i].count, exceptions[i].why);
		EXPECT(exceptions[i].count < accepted / 400);
	}
	tap_case("the listed exceptions are rare");
	return tap_done();
}
