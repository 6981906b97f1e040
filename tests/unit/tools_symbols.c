// SPDX-License-Identifier: BSD-2-Clause
/*
 * Symbol lookup (tools/symbols.c): in this very program, in files that are cut, mutated or no ELF
 * at all, and the completion of log lines.
 */
#include <stdlib.h>
#include <string.h>

#include "disassemble.h"
#include "pvn.h"
#include "symbols.h"
#include "tap.h"

static struct blob self;

static bool find(const struct symbols *symbols, const char *name, uint64_t *start)
{
	size_t i;

	for (i = 0; i < symbols->count; i++) {
		if (strcmp(symbols->list[i].name, name))
			continue;
		*start = symbols->list[i].start;
		return true;
	}
	return false;
}

static void lookup(void)
{
	struct symbols symbols;
	uint64_t start = 0;
	char name[100];

	symbols_load(&symbols, "/nonexistent");
	EXPECT_EQ(symbols.count, 0);
	symbols_free(&symbols);
	symbols_parse(&symbols, self.data, self.size);
	EXPECT(symbols.count > 10);
	EXPECT(find(&symbols, "tap_case", &start) || find(&symbols, "main", &start));
	EXPECT(symbols_find(&symbols, start, name, sizeof(name)));
	EXPECT_MSG(!strchr(name, '+'), "%s", name);
	EXPECT(symbols_find(&symbols, start + 1, name, sizeof(name)));
	EXPECT_MSG(strstr(name, "+0x1"), "%s", name);
	EXPECT(!symbols_find(&symbols, 0, name, sizeof(name)));
	EXPECT(!symbols_find(&symbols, ~0ull, name, sizeof(name)));
	symbols_free(&symbols);
	tap_case("addresses find their function");
}

static void sizes(void)
{
	struct symbol list[] = { { 0x1000, 0x10, "sized" }, { 0x2000, 0, "label" } };
	const struct symbols symbols = { list, 2, NULL };
	char name[100];

	EXPECT(!symbols_find(&symbols, 0xfff, name, sizeof(name)));
	EXPECT(symbols_find(&symbols, 0x100f, name, sizeof(name)) && !strcmp(name, "sized+0xf"));
	EXPECT(!symbols_find(&symbols, 0x1010, name, sizeof(name)));
	EXPECT(symbols_find(&symbols, 0x2abc, name, sizeof(name)) && !strcmp(name, "label+0xabc"));
	tap_case("a function ends, a label goes on");
}

static void annotate(void)
{
	struct symbol list[] = { { 0xffffffff81000000, 0x100, "start_kernel" } };
	const struct symbols domains[] = { { list, 1, NULL }, { NULL, 0, NULL } };
	static const char *const cases[][2] = {
		{ "rip [<ffffffff81000010> d0] x",
		  "rip [<ffffffff81000010> d0 start_kernel+0x10] x" },
		{ "[<ffffffff81000000> d0][<ffffffff81000000> d0]",
		  "[<ffffffff81000000> d0 start_kernel][<ffffffff81000000> d0 start_kernel]" },
		{ "[<ffffffff81000010> d1]", "[<ffffffff81000010> d1]" },
		{ "[<ffffffff81000010> d2]", "[<ffffffff81000010> d2]" },
		{ "[<ffffffff81000010> d99999999999999999999]",
		  "[<ffffffff81000010> d99999999999999999999]" },
		{ "[<1> d0]", "[<1> d0]" },
		{ "[<ffffffff81000010> d-0]", "[<ffffffff81000010> d-0]" },
		{ "[<", "[<" },
		{ "[<> d0]", "[<> d0]" },
		{ "", "" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *line = symbols_annotate(cases[i][0], domains, 2);

		EXPECT_MSG(!strcmp(line, cases[i][1]), "%s gave %s", cases[i][0], line);
		free(line);
	}
	tap_case("log lines get names");
}

static void instructions(void)
{
	static const char *const cases[][2] = {
		{ "no {64-bit: 0f ae 07} here", "no {64-bit: 0f ae 07} fxsave [rdi] here" },
		{ "{32-bit: 40}", "{32-bit: 40} inc eax" },
		{ "{16-bit: 8b 07}.", "{16-bit: 8b 07} mov ax, word ptr [bx]." },
		{ "{64-bit: 06}", "{64-bit: 06}" }, /* no instruction there */
		{ "{64-bit:}{64-bit: }{8-bit: 90}", "{64-bit:}{64-bit: }{8-bit: 90}" },
		{ "{64-bit: 9", "{64-bit: 9" },
		{ "{64-bit: 90 90", "{64-bit: 90 90" },
		{ "{64-bit: zz}", "{64-bit: zz}" },
		{ "{64-bit: 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90}",
		  "{64-bit: 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90}" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *line = disassemble_annotate(cases[i][0]);

		EXPECT_MSG(!strcmp(line, cases[i][1]), "%s gave %s", cases[i][0], line);
		free(line);
	}
	tap_case("quoted instructions get their text");
}

/* Parses a copy of the exact size, so that ASan sees any overrun. */
static void parse_copy(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct symbols symbols;
	char name[100];

	memcpy(copy, bytes, size);
	symbols_parse(&symbols, copy, size);
	symbols_find(&symbols, 0x401000, name, sizeof(name));
	symbols_free(&symbols);
	free(copy);
}

/* A small ELF: header, three section headers, two symbols, their names. */
static size_t small_elf(uint8_t *out)
{
	static const uint64_t section_at = 64, symbols_at = 64 + 3 * 64, names_at = symbols_at + 48;
	uint64_t *word = (uint64_t *)out;

	memset(out, 0, 512);
	memcpy(out, "\177ELF\2\1\1", 7);
	word[5] = section_at; /* e_shoff */
	out[58] = 64; /* e_shentsize */
	out[60] = 3; /* e_shnum */
	out[64 + 64 + 4] = 2; /* SHT_SYMTAB */
	word[(64 + 64 + 24) / 8] = symbols_at;
	word[(64 + 64 + 32) / 8] = 48;
	out[64 + 64 + 40] = 2; /* sh_link */
	out[64 + 64 + 56] = 24; /* sh_entsize */
	out[64 + 128 + 4] = 3; /* SHT_STRTAB */
	word[(64 + 128 + 24) / 8] = names_at;
	word[(64 + 128 + 32) / 8] = 6;
	out[symbols_at + 24] = 1; /* st_name */
	out[symbols_at + 28] = 2; /* STT_FUNC */
	out[symbols_at + 30] = 1; /* st_shndx */
	word[(symbols_at + 32) / 8] = 0x401000;
	memcpy(out + names_at, "\0func", 6);
	return names_at + 6;
}

static void hostile(void)
{
	uint8_t elf[512] __attribute__((aligned(8))), changed[512];
	size_t size = small_elf(elf), i;
	struct symbols symbols;
	uint64_t seed = 1;
	char name[100];
	unsigned int round;

	symbols_parse(&symbols, elf, size);
	EXPECT_EQ(symbols.count, 1);
	EXPECT(symbols_find(&symbols, 0x401004, name, sizeof(name)) && !strcmp(name, "func+0x4"));
	symbols_free(&symbols);
	for (i = 0; i < size; i++)
		parse_copy(elf, i);
	for (round = 0; round < 20000; round++) {
		memcpy(changed, elf, size);
		for (i = 0; i < 1 + round % 4; i++)
			changed[rnd(&seed) % size] = rnd(&seed) % 3 ? 0xff : (uint8_t)rnd(&seed);
		parse_copy(changed, size);
	}
	EXPECT(true);
	tap_case("cut and mutated files are survived");
}

/* The lines that count, and those that do not. */
static void map(void)
{
	static const char text[] = "ffffffff81000000 T startup_64\nffffffff81000100 t helper\n"
				   "ffffffff82000000 D data\nffffffff81000080 W weak\n"
				   "ffffffff81000300 T last";
	static const char wrong[] = "ffffffff81000000 T startup_64\nnonsense\n";
	static const char stub[] = "ffffffffffffffff B The real System.map is in another package\n";
	struct errors e = { 0 };
	struct symbols symbols;
	uint64_t seed = 3;
	char name[100];

	EXPECT(!symbols_parse_map(&symbols, (const uint8_t *)text, sizeof(text) - 1, "a", &e));
	EXPECT_EQ(symbols.count, 4);
	EXPECT(symbols_find(&symbols, 0xffffffff81000084, name, sizeof(name)) &&
	       !strcmp(name, "weak+0x4"));
	EXPECT(symbols_at(&symbols, 0xffffffff81000300) == &symbols.list[3]);
	EXPECT(!symbols_at(&symbols, 0xffffffff80ffffff));
	symbols_free(&symbols);
	EXPECT(symbols_parse_map(&symbols, (const uint8_t *)stub, sizeof(stub) - 1, "b", &e));
	EXPECT_EQ(symbols.count, 0);
	EXPECT(symbols_parse_map(&symbols, (const uint8_t *)wrong, sizeof(wrong) - 1, "c", &e));
	EXPECT_EQ(symbols.count, 0);
	EXPECT_EQ(e.count, 2);
	EXPECT_MSG(!strncmp(e.text[0], "b: found no function", 20), "%s", e.text[0]);
	EXPECT_MSG(!strncmp(e.text[1], "c:2:1: expected an address", 26), "%s", e.text[1]);
	for (unsigned int round = 0; round < 5000; round++) {
		size_t size = rnd(&seed) % sizeof(text);
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, text, size);
		if (size)
			copy[rnd(&seed) % size] = (uint8_t)rnd(&seed);
		symbols_parse_map(&symbols, copy, size, "d", &e);
		symbols_find(&symbols, 0xffffffff81000084, name, sizeof(name));
		symbols_free(&symbols);
		free(copy);
	}
	tap_case("a System.map gives code, and anything else nothing");
}

/* Of this program, and not of a file that was cut before its notes or changed within them. */
static void build_id(void)
{
	static const uint8_t elf[] = "\177ELF\2\1\1";
	uint8_t note[64 + 56 + 36] __attribute__((aligned(8))) = { 0 }, *copy;
	uint64_t *word = (uint64_t *)note;
	char id[SYMBOLS_ID_MAX];
	uint64_t seed = 4;

	memcpy(note, elf, sizeof(elf) - 1);
	word[4] = 64; /* e_phoff */
	note[54] = 56; /* e_phentsize */
	note[56] = 1; /* e_phnum */
	note[58] = 64; /* e_shentsize */
	note[64] = 4; /* PT_NOTE */
	word[(64 + 8) / 8] = 120; /* p_offset */
	word[(64 + 32) / 8] = 36; /* p_filesz */
	note[120] = 4;
	note[124] = 20;
	note[128] = 3; /* NT_GNU_BUILD_ID */
	memcpy(note + 132, "GNU", 4);
	note[136] = 0xab;
	note[155] = 0xcd;
	EXPECT(symbols_build_id(note, sizeof(note), id));
	EXPECT_MSG(!strcmp(id, "ab000000000000000000000000000000000000cd"), "%s", id);
	EXPECT(!symbols_build_id(note, sizeof(note) - 1, id));
	for (unsigned int round = 0; round < 20000; round++) {
		copy = malloc(sizeof(note));
		memcpy(copy, note, sizeof(note));
		copy[rnd(&seed) % sizeof(note)] = rnd(&seed) % 2 ? 0xff : (uint8_t)rnd(&seed);
		symbols_build_id(copy, sizeof(note), id);
		free(copy);
	}
	tap_case("build ids are found, and hostile notes survived");
}

int main(int argc, char **argv)
{
	(void)argc;
	if (blob_read(&self, argv[0], 1u << 30, &(struct errors){ 0 }))
		return 1;
	lookup();
	sizes();
	annotate();
	instructions();
	hostile();
	map();
	build_id();
	blob_free(&self);
	return tap_done();
}
