/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/: memory and string functions, formatting, number parsing, CRC-32. The oracle is the host's
 * libc where there is one, else the obvious slow implementation. */
#include <stdlib.h>

#include "lib/lib.h"
#include "tap.h"

#define AREA 96

static void fill(u8 *bytes, size_t n, u64 *seed)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (u8)rnd(seed);
}

/* Every offset pair and length within a small area, against a byte-wise model. */
static void test_copies(void)
{
	u8 start[AREA], found[AREA], wanted[AREA], copy[AREA];
	u64 seed = 1;

	fill(start, AREA, &seed);
	for (size_t from = 0; from < 24; from++) {
		for (size_t to = 0; to < 24; to++) {
			for (size_t n = 0; n <= 40; n++) {
				for (size_t i = 0; i < AREA; i++)
					found[i] = wanted[i] = copy[i] = start[i];
				for (size_t i = 0; i < n; i++)
					wanted[to + i] = start[from + i];
				EXPECT(memmove(found + to, found + from, n) == found + to);
				for (size_t i = 0; i < AREA; i++)
					EXPECT_MSG(found[i] == wanted[i],
						   "memmove %zu -> %zu, %zu bytes: [%zu]", from, to,
						   n, i);
				EXPECT(memcpy(copy + to, start + from, n) == copy + to);
				EXPECT(memcmp(copy, wanted, AREA) == 0);
			}
		}
	}
	tap_case("memcpy and memmove, all overlaps");
	for (size_t n = 0; n < 64; n++) {
		for (size_t i = 0; i < AREA; i++)
			found[i] = start[i];
		EXPECT(memset(found + 5, 0x1a7, n) == found + 5);
		for (size_t i = 0; i < AREA; i++)
			EXPECT_EQ(found[i], i >= 5 && i < 5 + n ? 0xa7 : start[i]);
	}
	tap_case("memset");
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void test_strings(void)
{
	static const struct {
		const char *a, *b;
		size_t n;
		int all, first_n;
	} rows[] = {
		{ "", "", 3, 0, 0 },           { "a", "", 3, 1, 1 },
		{ "", "a", 0, -1, 0 },         { "abc", "abd", 2, -1, 0 },
		{ "abc", "abd", 3, -1, -1 },   { "abc", "ab", 2, 1, 0 },
		{ "\x80", "\x7f", 1, 1, 1 }, /* unsigned comparison */
		{ "same", "same", 100, 0, 0 },
	};
	char buffer[8];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(sign(strcmp(rows[i].a, rows[i].b)), rows[i].all);
		EXPECT_EQ(sign(strncmp(rows[i].a, rows[i].b, rows[i].n)), rows[i].first_n);
	}
	EXPECT(memcmp("\x01\x80", "\x01\x7f", 2) > 0 && memcmp("\x01\x02", "\x01\x03", 2) < 0);
	EXPECT(memcmp("a", "b", 0) == 0);
	EXPECT(strlen("") == 0 && strlen("four") == 4);
	tap_case("strlen, strcmp, strncmp, memcmp");

	EXPECT(strlcpy(buffer, "1234567", 8) == 7 && strcmp(buffer, "1234567") == 0);
	EXPECT(strlcpy(buffer, "12345678", 8) == 8 && strcmp(buffer, "1234567") == 0);
	EXPECT(strlcpy(buffer, "", 8) == 0 && buffer[0] == '\0');
	buffer[0] = 'x';
	EXPECT(strlcpy(buffer, "ab", 0) == 2 && buffer[0] == 'x');
	EXPECT(strlcpy(buffer, "ab", 1) == 2 && buffer[0] == '\0');
	tap_case("strlcpy");
}

/* Formats that mean the same to the host's snprintf. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#define SAME(...) \
	do { \
		char wanted_[128], found_[128]; \
		int length_ = snprintf(wanted_, sizeof(wanted_), __VA_ARGS__); \
		EXPECT_EQ(format_text(found_, sizeof(found_), __VA_ARGS__), length_); \
		EXPECT_MSG(strcmp(found_, wanted_) == 0, "\"%s\" instead of \"%s\"", found_, \
			   wanted_); \
	} while (0)

static void test_format_integers(void)
{
	static const char *const formats[] = { "%d",    "%i",      "%u",     "%x",     "%X",
					       "%5d",   "%-5d|",   "%05d",   "%-05d|", "%.5d",
					       "%8.3d", "%-8.3d|", "%08.3d", "%12x",   "%012X",
					       "%hd",   "%hhd",    "%hu",    "%hhu",   "%hx",
					       "%hhX" };
	static const char *const longs[] = { "%ld",  "%lld",     "%zu",     "%lu",   "%llx",
					     "%#lx", "%#018llx", "%-20lx|", "%20ld", "%020ld",
					     "%#lX", "%lX",      "%zx" };
	static const u64 corners[] = { 1,          9,          10,         127,         128,
				       255,        256,        32767,      32768,       65535,
				       0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX,
				       BIT(63),    UINT64_MAX };
	u64 seed = 2;

	for (size_t n = 0; n < 3000; n++) {
		u64 value = n < ARRAY_SIZE(corners) ? corners[n] :
						      rnd(&seed) >> rnd(&seed) % 64 | 1;

		for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
			SAME(formats[i], (u32)value);
		for (size_t i = 0; i < ARRAY_SIZE(longs); i++)
			SAME(longs[i], value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		SAME(formats[i], 0);
	SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	tap_case("integers as the host formats them");
}

static void test_format_text(void)
{
	char out[32];
	static const char unterminated[3] = { 'a', 'b', 'c' };

	SAME("%s|%10s|%-10s|%.2s|%.*s|%5.1s|%.0s|", "abc", "abc", "abc", "abc", 3, unterminated,
	     "xyz", "q");
	SAME("%c%c|%4c|%-4c|%%", 'a', 0xe9, 'b', 'c');
	SAME("%p %p", (void *)0x1234, (void *)UINTPTR_MAX);
	SAME("%s", "");
	SAME("");
	SAME("no conversion");
	tap_case("text, characters, pointers as the host formats them");

	EXPECT(format_text(out, sizeof(out), "%s", (char *)NULL) == 6 &&
	       strcmp(out, "(null)") == 0);
	EXPECT(format_text(out, sizeof(out), "%#x", 0) == 3 && strcmp(out, "0x0") == 0);
	EXPECT(format_text(out, sizeof(out), "%p", (void *)0) == 3 && strcmp(out, "0x0") == 0);
	EXPECT(format_text(out, sizeof(out), "%d %q %5k", 1) == 8 && strcmp(out, "1 %q %5k") == 0);
	EXPECT(format_text(out, sizeof(out), "50%") == 3 && strcmp(out, "50%") == 0);
	EXPECT(format_text(out, sizeof(out), "%-08l") == 5 && strcmp(out, "%-08l") == 0);
	tap_case("what differs from C: null, zero with '#', unknown conversions");

	for (size_t size = 0; size <= 12; size++) {
		char *exact = malloc(size + !size); /* the sanitizer watches its end */

		if (!exact)
			abort();
		exact[0] = 'x';
		EXPECT_EQ(format_text(exact, size, "%s-%04x", "abcd", 0xbeef), 9);
		if (size)
			EXPECT(strlen(exact) == min(size - 1, (size_t)9) &&
			       strncmp(exact, "abcd-beef", size - 1) == 0);
		else
			EXPECT(exact[0] == 'x');
		free(exact);
	}
	tap_case("truncation at every size");
}
#pragma GCC diagnostic pop

static void test_parse(void)
{
	static const struct {
		const char *text;
		bool ok;
		u64 value;
	} rows[] = {
		{ "0", true, 0 },
		{ "7", true, 7 },
		{ "0123", true, 123 }, /* no octal */
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "0x0", true, 0 },
		{ "0xdeadBEEF", true, 0xdeadbeef },
		{ "0XffffFFFFffffFFFF", true, UINT64_MAX },
		{ "0x10000000000000000", false, 0 },
		{ "0x00000000000000000000001", true, 1 },
		{ "", false, 0 },
		{ "0x", false, 0 },
		{ "x", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "12a", false, 0 },
		{ "0x1g", false, 0 },
		{ "1.5", false, 0 },
	};
	u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		value = 0x5555;
		EXPECT_MSG(parse_u64(rows[i].text, strlen(rows[i].text), &value) == rows[i].ok,
			   "\"%s\"", rows[i].text);
		EXPECT_EQ(value, rows[i].ok ? rows[i].value : 0x5555);
	}
	EXPECT(parse_u64("123456", 3, &value) &&
	       value == 123); /* bytes, not the terminator, ends it */
	EXPECT(!parse_u64("12", 3, &value));
	tap_case("parse_u64");
}

static u32 crc32_slow(u32 crc, const u8 *bytes, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

static void test_crc32(void)
{
	u8 bytes[300];
	u64 seed = 3;

	EXPECT_EQ(crc32_update(0, "", 0), 0);
	EXPECT_EQ(crc32_update(0, "123456789", 9),
		  0xcbf43926); /* the check value of the catalogue */
	EXPECT_EQ(crc32_update(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
	for (size_t n = 0; n < 2000; n++) {
		size_t from = rnd(&seed) % 8, length = rnd(&seed) % 280,
		       cut = length ? rnd(&seed) % length : 0;
		u32 wanted;

		fill(bytes, sizeof(bytes), &seed);
		wanted = crc32_slow(0, bytes + from, length);
		EXPECT_EQ(crc32_update(0, bytes + from, length), wanted);
		EXPECT_EQ(crc32_update(crc32_update(0, bytes + from, cut), bytes + from + cut,
				       length - cut),
			  wanted);
	}
	tap_case("crc32");
}

int main(void)
{
	test_copies();
	test_strings();
	test_format_integers();
	test_format_text();
	test_parse();
	test_crc32();
	return tap_done();
}
