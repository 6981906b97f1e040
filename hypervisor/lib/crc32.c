/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC-32 (IEEE 802.3, reflected), for the frames of the debug channel. Emulators are slow, so four
 * bytes are taken a step ("slicing by four"): about four instructions a byte instead of eight, for
 * 4 KiB of tables.
 *
 * The tables cost no start-up code. A CRC is linear, so an entry is the exclusive or of one
 * constant per bit of its index, and those 32 constants are one chain of shifts that the compiler
 * evaluates.
 */
#include "lib/lib.h"

#define POLYNOMIAL 0xedb88320u
#define STEP(k) (((k) >> 1) ^ ((k)&1 ? POLYNOMIAL : 0))

/* clang-format off */
/* Kt_b: what bit b of the byte contributes after t further zero bytes have been shifted in. */
enum {
	K0_7 = POLYNOMIAL, K0_6 = STEP(K0_7), K0_5 = STEP(K0_6), K0_4 = STEP(K0_5),
	K0_3 = STEP(K0_4), K0_2 = STEP(K0_3), K0_1 = STEP(K0_2), K0_0 = STEP(K0_1),
	K1_7 = STEP(K0_0), K1_6 = STEP(K1_7), K1_5 = STEP(K1_6), K1_4 = STEP(K1_5),
	K1_3 = STEP(K1_4), K1_2 = STEP(K1_3), K1_1 = STEP(K1_2), K1_0 = STEP(K1_1),
	K2_7 = STEP(K1_0), K2_6 = STEP(K2_7), K2_5 = STEP(K2_6), K2_4 = STEP(K2_5),
	K2_3 = STEP(K2_4), K2_2 = STEP(K2_3), K2_1 = STEP(K2_2), K2_0 = STEP(K2_1),
	K3_7 = STEP(K2_0), K3_6 = STEP(K3_7), K3_5 = STEP(K3_6), K3_4 = STEP(K3_5),
	K3_3 = STEP(K3_4), K3_2 = STEP(K3_3), K3_1 = STEP(K3_2), K3_0 = STEP(K3_1),
};
/* clang-format on */

#define BIT_OF(n, t, b) (((n) >> b & 1) ? (u32)K##t##_##b : 0)
#define ENTRY(n, t) \
	(BIT_OF(n, t, 0) ^ BIT_OF(n, t, 1) ^ BIT_OF(n, t, 2) ^ BIT_OF(n, t, 3) ^ BIT_OF(n, t, 4) ^ \
	 BIT_OF(n, t, 5) ^ BIT_OF(n, t, 6) ^ BIT_OF(n, t, 7))
#define ROW4(n, t) ENTRY(n, t), ENTRY((n) + 1, t), ENTRY((n) + 2, t), ENTRY((n) + 3, t)
#define ROW16(n, t) ROW4(n, t), ROW4((n) + 4, t), ROW4((n) + 8, t), ROW4((n) + 12, t)
#define ROW64(n, t) ROW16(n, t), ROW16((n) + 16, t), ROW16((n) + 32, t), ROW16((n) + 48, t)
#define TABLE(t) \
	{ \
		ROW64(0, t), ROW64(64, t), ROW64(128, t), ROW64(192, t) \
	}

static const u32 table[4][256] = { TABLE(0), TABLE(1), TABLE(2), TABLE(3) };

u32 crc32_update(u32 crc, const void *data, size_t bytes)
{
	const u8 *at = data;

	crc = ~crc;
	for (; bytes >= 4; bytes -= 4, at += 4) {
		u32 word;

		__builtin_memcpy(&word, at, 4);
		crc ^= word;
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^
		      table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	for (; bytes; bytes--, at++)
		crc = table[0][(crc ^ *at) & 0xff] ^ crc >> 8;
	return ~crc;
}
