// SPDX-License-Identifier: BSD-2-Clause
/*
 * The symbols that a kernel carries for its own messages (CONFIG_KALLSYMS), which a bzImage still
 * has. In .rodata lie, each aligned to 8 bytes: offsets, base, count, names as strings of tokens, a
 * marker every 256 names, since some version 3 bytes a name to sort them by, tokens, and where each
 * token starts. Called by scan_image.c. Nothing tells where they are: the base is .text's address,
 * and what belongs to it must fit to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define TOKENS 256u
#define MARKED 256u /* names between two markers */
#define NAME_BYTES_MAX 512u /* KSYM_NAME_LEN */

struct table {
	const struct scan_section *s;
	uint64_t base;
	uint32_t count;
	uint64_t offsets, names, markers; /* of the section */
	const char *tokens[TOKENS];
};

static uint64_t aligned(uint64_t offset)
{
	return (offset + 7) & ~7ull;
}

static uint32_t read32(const struct scan_section *s, uint64_t at)
{
	uint32_t value;

	memcpy(&value, s->data + at, sizeof(value));
	return value;
}

static bool is_within(const struct scan_section *s, uint64_t at, uint64_t bytes)
{
	return at <= s->bytes && bytes <= s->bytes - at;
}

/* The token numbers of the name at an offset: one byte of length, or two. 0: it is no name. */
static uint32_t name_length(const struct scan_section *s, uint64_t *at)
{
	uint32_t length;

	if (!is_within(s, *at, 2))
		return 0;
	length = s->data[(*at)++];
	if (length & 0x80)
		length = (length & 0x7f) | (uint32_t)s->data[(*at)++] << 7;
	return is_within(s, *at, length) ? length : 0;
}

/* Finds the markers behind the names, and checks each of them. */
static bool take_names(struct table *t)
{
	uint64_t at = t->names;

	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t length = name_length(t->s, &at);

		if (!length)
			return false;
		at += length;
	}
	t->markers = aligned(at);
	if (!is_within(t->s, t->markers, 4ull * (t->count / MARKED + 1)))
		return false;
	at = t->names;
	for (uint32_t i = 0; i < t->count; i++) {
		if (i % MARKED == 0 && read32(t->s, t->markers + 4 * (i / MARKED)) != at - t->names)
			return false;
		at += name_length(t->s, &at);
	}
	return true;
}

/* 256 strings, and behind them the distance of each from the first. */
static bool take_tokens(struct table *t, uint64_t at)
{
	uint64_t first = at, starts[TOKENS];

	for (unsigned int i = 0; i < TOKENS; i++) {
		const uint8_t *end = is_within(t->s, at, 1) ?
					     memchr(t->s->data + at, 0, t->s->bytes - at) :
					     NULL;

		if (!end || end - (t->s->data + at) > NAME_BYTES_MAX)
			return false;
		t->tokens[i] = (const char *)t->s->data + at;
		starts[i] = at - first;
		at = (uint64_t)(end - t->s->data) + 1;
	}
	at = aligned(at);
	if (!is_within(t->s, at, 2 * TOKENS))
		return false;
	for (unsigned int i = 0; i < TOKENS; i++)
		if ((t->s->data[at + 2 * i] | t->s->data[at + 2 * i + 1] << 8) != (int)starts[i])
			return false;
	return true;
}

/* Is the count at this offset, with the base in front of it? */
static bool is_table(struct table *t, uint64_t at)
{
	uint64_t offsets, behind;

	t->count = read32(t->s, at);
	offsets = aligned(4ull * t->count);
	if (!t->count || at - 8 < offsets)
		return false;
	t->offsets = at - 8 - offsets;
	t->names = at + 8;
	if (!take_names(t))
		return false;
	behind = aligned(t->markers + 4 * ((t->count + MARKED - 1) / MARKED));
	return take_tokens(t, behind) || take_tokens(t, aligned(behind + 3ull * t->count));
}

static bool find_table(struct table *t, const struct scan_image *image)
{
	const struct scan_section *text = scan_section_named(image, ".text");
	uint64_t base;

	t->s = scan_section_named(image, ".rodata");
	if (!t->s || !text)
		return false;
	t->base = text->address;
	for (uint64_t at = 8; is_within(t->s, at, 8); at += 8) {
		memcpy(&base, t->s->data + at - 8, sizeof(base));
		if (base == t->base && is_table(t, at))
			return true;
	}
	return false;
}

/* The type, then the name, and a NUL; out has room. Bytes written, 0 if it is too long. */
static size_t expand(const struct table *t, uint64_t at, uint32_t length,
		     char out[NAME_BYTES_MAX + 1])
{
	size_t used = 0;

	for (uint32_t i = 0; i < length; i++) {
		const char *token = t->tokens[t->s->data[at + i]];
		size_t bytes = strlen(token);

		if (bytes > NAME_BYTES_MAX - used)
			return 0;
		memcpy(out + used, token, bytes);
		used += bytes;
	}
	out[used] = '\0';
	return used + 1;
}

/* Offsets of per-CPU symbols are addresses, those of others negative then. */
static uint64_t address_of(const struct table *t, uint32_t n, bool has_negative)
{
	int64_t offset = (int32_t)read32(t->s, t->offsets + 4ull * n);

	if (!has_negative)
		return t->base + (uint32_t)offset;
	return offset >= 0 ? (uint64_t)offset : t->base + (uint64_t)(-1 - offset);
}

static void take_symbols(const struct table *t, struct symbols *symbols)
{
	bool has_negative = false;
	uint64_t at = t->names;
	size_t used = 0, room = 0;

	symbols->list = xcalloc(t->count, sizeof(*symbols->list));
	for (uint32_t i = 0; i < t->count; i++)
		has_negative |= (int32_t)read32(t->s, t->offsets + 4ull * i) < 0;
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t length = name_length(t->s, &at);
		char name[NAME_BYTES_MAX + 1];
		size_t bytes = expand(t, at, length, name);

		at += length;
		if (bytes < 3 || !strchr("tTwW", *name))
			continue;
		if (room - used < bytes) {
			room = 2 * room + NAME_BYTES_MAX + 1;
			symbols->text = xrealloc(symbols->text, room);
		}
		memcpy(symbols->text + used, name + 1, bytes - 1);
		/* The text may still move: an offset for now. */
		symbols->list[symbols->count++] = (struct symbol){
			.start = address_of(t, i, has_negative),
			.bytes = used,
		};
		used += bytes - 1;
	}
	for (size_t i = 0; i < symbols->count; i++) {
		symbols->list[i].name = symbols->text + symbols->list[i].bytes;
		symbols->list[i].bytes = 0;
	}
}

void scan_kallsyms_read(struct symbols *symbols, const struct scan_image *image)
{
	struct table table = { .count = 0 };

	memset(symbols, 0, sizeof(*symbols));
	if (!find_table(&table, image))
		return;
	take_symbols(&table, symbols);
	symbols_sort(symbols);
}
