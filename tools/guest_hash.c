// SPDX-License-Identifier: BSD-2-Clause
/*
 * SHA-256, which names the entries of the guest cache; see guest.h. Written out here because it is
 * short, and a library for it would be one more thing to install.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define INPUT_MAX (64u << 20)

/* FIPS 180-4, "SHA-224 and SHA-256 Constants": the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t word, unsigned int right)
{
	return word >> right | word << (32 - right);
}

static uint32_t read_word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* FIPS 180-4, "SHA-256 Hash Computation". */
static void take_block(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64], v[8];

	for (unsigned int t = 0; t < 16; t++)
		w[t] = read_word(block + 4 * t);
	for (unsigned int t = 16; t < 64; t++) {
		uint32_t a = w[t - 15], b = w[t - 2];

		w[t] = w[t - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[t - 7] +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(v, state, sizeof(v));
	for (unsigned int t = 0; t < 64; t++) {
		uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
				 ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[t] + w[t];
		uint32_t second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
				  ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += first;
		v[0] = first + second;
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] += v[i];
}

void guest_hash_init(struct guest_hash *hash)
{
	/* FIPS 180-4, "Setting the Initial Hash Value": square roots of the first 8 primes. */
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memset(hash, 0, sizeof(*hash));
	memcpy(hash->state, initial, sizeof(initial));
}

void guest_hash_add(struct guest_hash *hash, const void *data, size_t bytes)
{
	const uint8_t *from = data;

	while (bytes) {
		size_t at = hash->bytes % sizeof(hash->block), part = sizeof(hash->block) - at;

		if (part > bytes)
			part = bytes;
		memcpy(hash->block + at, from, part);
		hash->bytes += part;
		from += part;
		bytes -= part;
		if (at + part == sizeof(hash->block))
			take_block(hash->state, hash->block);
	}
}

void guest_hash_end(struct guest_hash *hash, char text[65])
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bits = 8 * hash->bytes;
	uint8_t length[8];

	guest_hash_add(hash, padding, 1 + (64 + 55 - hash->bytes % 64) % 64);
	for (unsigned int i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	guest_hash_add(hash, length, sizeof(length));
	for (unsigned int i = 0; i < 8; i++)
		snprintf(text + 8 * i, 9, "%08x", hash->state[i]);
}

int guest_hash_file(struct guest_hash *hash, const char *path, struct errors *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct blob file;
	char head[32];

	if (blob_read(&file, path, INPUT_MAX, e))
		return -1;
	/* With its length, so that no two lists of files make the same bytes. */
	guest_hash_add(hash, name, strlen(name) + 1);
	snprintf(head, sizeof(head), "%zu", file.size);
	guest_hash_add(hash, head, strlen(head) + 1);
	guest_hash_add(hash, file.data, file.size);
	blob_free(&file);
	return 0;
}
