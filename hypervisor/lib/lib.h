/* SPDX-License-Identifier: BSD-2-Clause */
/* The freestanding C library: memory, strings, formatting, checksum. Builds on the host too. */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <stdarg.h>
#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
/* Copies at most size-1 bytes and always terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

/*
 * The usual subset: %% %c %s (%.*s) %d %i %u %x %X %p with l, ll, z, h, hh, width, '0', '-', '#'.
 * Always terminates if size > 0; returns the length it would have needed.
 */
int format_text(char *out, size_t size, const char *format, ...) PRINTF(3, 4);
int format_text_v(char *out, size_t size, const char *format, va_list args);

/* Decimal or 0x-hexadecimal; false on an empty, malformed or too large number. */
bool parse_u64(const char *text, size_t bytes, u64 *value);

u32 crc32_update(u32 crc, const void *data, size_t bytes); /* IEEE; start with 0, chain freely */

#endif
