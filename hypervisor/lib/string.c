/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions of the freestanding C library; the compiler also emits calls to the
 * first four. Everybody uses them. The block operations are the CPU's own string instructions,
 * eight bytes a step and the rest by bytes: short in code, as quick on silicon as any loop, and an
 * eighth of the steps where an emulator counts each. The direction flag is clear on entry (ABI) and
 * on return.
 */
#include "lib/lib.h"

static inline void copy_up(void *dst, const void *src, size_t n)
{
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(rest) : : "memory");
}

/* From the last byte to the first. Slow on silicon, and rare: overlapping moves upwards only. */
static inline void copy_down(void *dst, const void *src, size_t n)
{
	u8 *to = (u8 *)dst + n - 1;
	const u8 *from = (const u8 *)src + n - 1;

	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory", "cc");
}

void *memcpy(void *dst, const void *src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	/* The unsigned difference is below n exactly if dst lies within [src, src + n). */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	u64 pattern = (u8)byte * 0x0101010101010101ull;
	size_t words = n / 8, rest = n % 8;
	void *at = dst;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
		/* Keeps the compiler from seeing a strlen here and calling itself. */
		__asm__ volatile("");
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		u8 x = (u8)a[i], y = (u8)b[i];

		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			break;
	}
	return 0;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t length = strlen(src);

	if (size) {
		size_t n = length < size ? length : size - 1;

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return length;
}
