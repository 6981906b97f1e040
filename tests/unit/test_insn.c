/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length and ModRM decoder: encodings with their lengths in all modes, the fields of some, what
 * is refused, and random bytes in buffers of exact size, where the sanitizer sees any read too
 * many. insn_rows.h is the table; its rows were assembled by hand from the manuals.
 */
#include <stdlib.h>
#include <string.h>

#include "insn_rows.h"
#include "lib/insn.h"
#include "lib/types.h"
#include "tap.h"

static unsigned from_hex(const char *hex, u8 *bytes)
{
	unsigned n = 0;

	for (; *hex; hex++) {
		unsigned digit;

		if (*hex == ' ')
			continue;
		digit = (unsigned)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
		bytes[n / 2] = (u8)(n % 2 ? bytes[n / 2] << 4 | digit : digit);
		n++;
	}
	return n / 2;
}

/* Every row: its length with bytes behind it, and "needs more" for every shorter prefix of it. */
static void test_lengths(void)
{
	static const unsigned modes[] = { 2, 4, 8 };
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(insn_rows); i++) {
		u8 bytes[32];
		unsigned n = from_hex(insn_rows[i].hex, bytes);

		memset(bytes + n, 0xcc, sizeof(bytes) - n);
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			unsigned mode = modes[m];
			enum insn_result result;

			if (!(insn_rows[i].modes & mode))
				continue;
			result = insn_decode(&insn, bytes, sizeof(bytes), mode);
			EXPECT_MSG(result == INSN_OK && insn.length == n,
				   "%s (%s) in %u-bit code: result %d length %u", insn_rows[i].hex,
				   insn_rows[i].what, mode * 8, result, insn.length);
			for (unsigned part = 0; part < n; part++) {
				result = insn_decode(&insn, bytes, part, mode);
				EXPECT_MSG(result == INSN_TRUNCATED,
					   "%s (%s), %u bytes of it: result %d", insn_rows[i].hex,
					   insn_rows[i].what, part, result);
			}
		}
	}
	printf("# %zu encodings\n", ARRAY_SIZE(insn_rows));
	tap_case("lengths of the table's encodings");
}

static void test_refused(void)
{
	static const struct {
		const char *hex;
		unsigned modes;
		enum insn_result result;
	} rows[] = {
		/* no instruction in 64-bit code */
		{ "06", 8, INSN_INVALID },
		{ "0e", 8, INSN_INVALID },
		{ "16", 8, INSN_INVALID },
		{ "1f", 8, INSN_INVALID },
		{ "27", 8, INSN_INVALID },
		{ "3f", 8, INSN_INVALID },
		{ "60", 8, INSN_INVALID },
		{ "61", 8, INSN_INVALID },
		{ "82 c0 01", 8, INSN_INVALID },
		{ "9a 00000000 0000", 8, INSN_INVALID },
		{ "ce", 8, INSN_INVALID },
		{ "d4 0a", 8, INSN_INVALID },
		{ "d6", 8, INSN_INVALID },
		{ "ea 00000000 0000", 8, INSN_INVALID },
		/* no instruction at all */
		{ "0f 04", 14, INSN_INVALID },
		{ "0f 0a", 14, INSN_INVALID },
		{ "0f 24 c0", 14, INSN_INVALID },
		{ "0f 36", 14, INSN_INVALID },
		{ "0f 3f", 14, INSN_INVALID },
		{ "0f 7a", 14, INSN_INVALID },
		{ "0f a6 c0", 14, INSN_INVALID },
		/* prefixes that VEX, EVEX and XOP exclude; maps they lack */
		{ "66 c5 f8 58 c1", 8, INSN_INVALID },
		{ "f3 c5 f8 58 c1", 8, INSN_INVALID },
		{ "f0 c5 f8 58 c1", 8, INSN_INVALID },
		{ "48 c5 f8 58 c1", 8, INSN_INVALID },
		{ "c4 e0 78 58 c1", 14, INSN_INVALID },
		{ "c4 e4 78 58 c1", 14, INSN_INVALID },
		{ "62 f1 78 48 58 c1", 14, INSN_INVALID },
		{ "62 f4 7c 48 58 c1", 14, INSN_INVALID },
		{ "8f eb 78 12 c1", 14, INSN_INVALID },
		/* 15 bytes are the limit, however many are there */
		{ "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 14, INSN_TOO_LONG },
		{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 81 c0 01020304", 12, INSN_TOO_LONG },
		{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e c5 f8 77", 12, INSN_TOO_LONG },
		{ "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 0f 01 c1", 12, INSN_TOO_LONG },
	};
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 bytes[32] = { 0 };

		from_hex(rows[i].hex, bytes);
		for (unsigned mode = 2; mode <= 8; mode *= 2) {
			enum insn_result result = insn_decode(&insn, bytes, sizeof(bytes), mode);

			if (rows[i].modes & mode)
				EXPECT_MSG(result == rows[i].result, "%s in %u-bit code: result %d",
					   rows[i].hex, mode * 8, result);
		}
	}
	tap_case("what is refused, and why");
}

/* ---- fields ---------------------------------------------------------------------------------- */

static struct insn decode(const char *hex, unsigned mode)
{
	u8 bytes[32] = { 0 };
	unsigned n = from_hex(hex, bytes);
	struct insn insn;

	EXPECT_MSG(insn_decode(&insn, bytes, n, mode) == INSN_OK && insn.length == n, "%s", hex);
	return insn;
}

static void test_operands(void)
{
	struct insn i = decode("49 0f c7 4c c5 80", 8); /* cmpxchg16b [r13 + rax*8 - 128] */

	EXPECT(i.map == INSN_MAP_0F && i.opcode == 0xc7 && i.operand_bytes == 8 &&
	       i.address_bytes == 8);
	EXPECT(i.has_modrm && i.mod == 1 && i.reg == 1 && i.has_sib);
	EXPECT(i.base == 13 && i.index == 0 && i.scale == 8 && i.displacement == -128);
	i = decode("44 8b 3d 10000000", 8); /* mov r15d, [rip+16] */
	EXPECT(i.is_rip_relative && i.reg == 15 && i.base == INSN_NO_REGISTER &&
	       i.displacement == 16);
	i = decode("8b 3d 10000000", 4); /* mov edi, [16] */
	EXPECT(!i.is_rip_relative && i.reg == 7 && i.base == INSN_NO_REGISTER &&
	       i.displacement == 16);
	i = decode("8b 04 25 f0ffffff", 8); /* mov eax, [-16]: SIB without base and index */
	EXPECT(i.has_sib && !i.is_rip_relative && i.displacement == -16);
	EXPECT(i.base == INSN_NO_REGISTER && i.index == INSN_NO_REGISTER);
	i = decode("42 8b 04 a4", 8); /* r12 is an index, rsp would be none */
	EXPECT(i.base == 4 && i.index == 12 && i.scale == 4);
	i = decode("67 8b 40 fe", 4); /* mov eax, [bx+si-2] */
	EXPECT(i.address_bytes == 2 && i.base == 3 && i.index == 6 && i.displacement == -2);
	i = decode("8b 1e 3412", 2); /* mov bx, [1234h] */
	EXPECT(i.operand_bytes == 2 && i.base == INSN_NO_REGISTER && i.displacement == 0x1234);
	i = decode("8b 5e 00", 2); /* mov bx, [bp] */
	EXPECT(i.base == 5 && i.index == INSN_NO_REGISTER);
	i = decode("64 48 8b 04 25 28000000", 8); /* mov rax, fs:[28h] */
	EXPECT(i.segment == 5 && i.rex == 0x48);
	i = decode("65 2e 8b 00", 8); /* the cs override does not count in 64-bit code */
	EXPECT(i.segment == 6);
	i = decode("65 2e 8b 00", 4);
	EXPECT(i.segment == 2);
	i = decode("48 66 8b 00", 8); /* a REX that is not last does not count */
	EXPECT(i.rex == 0 && i.operand_bytes == 2);
	i = decode("0f 22 1c", 8); /* mov cr3, rsp: mod does not matter, no SIB follows */
	EXPECT(i.mod == 3 && i.reg == 3 && i.rm == 4 && i.operand_bytes == 8);
	i = decode("66 0f 20 c0", 4);
	EXPECT(i.operand_bytes == 4);
	i = decode("f0 0f c7 0f", 8);
	EXPECT(i.has_lock && !i.has_rep && !i.has_repne);
	i = decode("f2 f3 a4", 8); /* the last one counts */
	EXPECT(i.has_rep && !i.has_repne && i.opcode == 0xa4 && !i.has_modrm);
	i = decode("c4 62 f1 f7 04 24", 8); /* shlx r8, [rsp], rcx */
	EXPECT(i.map == INSN_MAP_VEX && i.opcode == 0xf7 && i.reg == 8 && i.base == 4 &&
	       i.operand_bytes == 8);
	tap_case("operands and prefixes");
}

static void test_immediates(void)
{
	static const struct {
		const char *hex;
		unsigned mode, bytes;
		u64 value;
		unsigned operand_bytes;
	} rows[] = {
		{ "83 c0 ff", 4, 1, ~0ull, 4 }, /* sign-extended */
		{ "c1 e0 ff", 4, 1, 0xff, 4 }, /* not */
		{ "04 ff", 4, 1, 0xff, 4 },
		{ "6a 80", 8, 1, (u64)-128, 8 },
		{ "68 00000080", 8, 4, 0xffffffff80000000, 8 },
		{ "66 68 0080", 8, 2, 0xffffffffffff8000, 2 },
		{ "48 05 00000080", 8, 4, 0xffffffff80000000, 8 },
		{ "b8 00000080", 8, 4, 0x80000000, 4 },
		{ "48 b8 0807060504030201", 8, 8, 0x0102030405060708, 8 },
		{ "66 b8 3412", 8, 2, 0x1234, 2 },
		{ "b8 3412", 2, 2, 0x1234, 2 },
		{ "66 b8 78563412", 2, 4, 0x12345678, 4 },
		{ "eb fe", 8, 1, (u64)-2, 8 },
		{ "e9 fbffffff", 4, 4, (u64)-5, 4 },
		{ "e9 fdff", 2, 2, (u64)-3, 2 },
		{ "c2 0080", 4, 2, 0x8000, 4 },
		{ "c8 3412 05", 4, 3, 0x051234, 4 },
		{ "ea 78563412 1000", 4, 6, 0x001012345678, 4 },
		{ "ea 3412 00f0", 2, 4, 0xf0001234, 2 },
		{ "a1 8877665544332211", 8, 8, 0x1122334455667788, 4 },
		{ "67 a1 44332211", 8, 4, 0x11223344, 4 },
		{ "f6 c0 80", 4, 1, 0x80, 4 }, /* test */
		{ "f6 d8", 4, 0, 0, 4 }, /* neg */
		{ "f7 45 00 78563412", 4, 4, 0x12345678, 4 },
		{ "e6 80", 4, 1, 0x80, 4 },
		{ "0f ba e0 1f", 4, 1, 0x1f, 4 },
		{ "48 c7 c0 ffffffff", 8, 4, ~0ull, 8 },
		{ "ff 30", 8, 0, 0, 8 }, /* push [rax] */
		{ "ff 00", 8, 0, 0, 4 }, /* inc dword [rax] */
		{ "50", 8, 0, 0, 8 },
		{ "66 50", 8, 0, 0, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct insn insn = decode(rows[i].hex, rows[i].mode);

		EXPECT_MSG(insn.immediate_bytes == rows[i].bytes &&
				   insn.immediate == rows[i].value &&
				   insn.operand_bytes == rows[i].operand_bytes,
			   "%s: %u bytes, 0x%llx, operand %u", rows[i].hex, insn.immediate_bytes,
			   (unsigned long long)insn.immediate, insn.operand_bytes);
	}
	tap_case("immediates and operand sizes");
}

static void test_offsets(void)
{
	static const u64 gprs[16] = { 0x1000, 0x2000, 0x3000, 0xfff0,
				      0x5000, 0x6000, 0x20,   0x8000,
				      0x9000, 0xa000, 0xb000, 0xc000,
				      3,      0xe000, 0xf000, 0xffffffff00000000 };
	static const struct {
		const char *hex;
		unsigned mode;
		u64 offset;
	} rows[] = {
		{ "8b 00", 8, 0x1000 },
		{ "8b 44 88 10", 8, 0x1000 + 4 * 0x2000 + 0x10 },
		{ "42 8b 04 e3", 8, 0xfff0 + 8 * 3 },
		{ "8b 05 f0ffffff", 8, 0x7000 - 16 },
		{ "67 8b 05 00900000", 8, 0x7000 + 0x9000 },
		{ "41 8b 07", 8, 0xffffffff00000000 },
		{ "67 41 8b 07", 8, 0 },
		{ "8b 40 f0", 4, 0x0ff0 },
		{ "8b 00", 2, 0x0010 }, /* bx+si wraps at 64 KiB */
		{ "8b 04", 2, 0x0020 }, /* si */
		{ "8b 82 feff", 2, 0x601e }, /* bp+si-2 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct insn insn = decode(rows[i].hex, rows[i].mode);
		u64 offset = insn_offset(&insn, gprs, 0x7000);

		EXPECT_MSG(offset == rows[i].offset, "%s: 0x%llx", rows[i].hex,
			   (unsigned long long)offset);
	}
	tap_case("offsets of memory operands");
}

/* ---- anything -------------------------------------------------------------------------------- */

static void test_random(void)
{
	u64 seed = 30;
	unsigned results[4] = { 0 };

	for (unsigned step = 0; step < 300000; step++) {
		size_t n = rnd(&seed) % 18;
		unsigned mode = 2u << rnd(&seed) % 3;
		u8 *exact = malloc(n + !n); /* the sanitizer watches its end */
		u8 longer[INSN_MAX + 1];
		struct insn insn, again;
		enum insn_result result;

		if (!exact)
			abort();
		for (size_t i = 0, prefixes = step % 4 ? 0 : rnd(&seed) % 16; i < n; i++)
			exact[i] = i < prefixes ? 0x66 : (u8)(rnd(&seed) >> 20);
		result = insn_decode(&insn, n ? exact : exact + 1, n, mode);
		results[result]++;
		EXPECT(result != INSN_OK ||
		       (insn.length >= 1 && insn.length <= n && insn.length <= INSN_MAX));
		EXPECT(result != INSN_TOO_LONG || n >= INSN_MAX - 8);
		EXPECT(result != INSN_TRUNCATED || n < INSN_MAX);
		/* What lies behind an instruction does not change it. */
		if (result == INSN_OK) {
			memset(longer, (int)rnd(&seed), sizeof(longer));
			memcpy(longer, exact, insn.length);
			EXPECT(insn_decode(&again, longer, sizeof(longer), mode) == INSN_OK &&
			       memcmp(&insn, &again, sizeof(insn)) == 0);
		}
		free(exact);
	}
	printf("# %u decoded, %u truncated, %u too long, %u invalid\n", results[INSN_OK],
	       results[INSN_TRUNCATED], results[INSN_TOO_LONG], results[INSN_INVALID]);
	tap_case("random bytes: never beyond the end, never beyond 15");
}

int main(void)
{
	test_lengths();
	test_refused();
	test_operands();
	test_immediates();
	test_offsets();
	test_random();
	return tap_done();
}
