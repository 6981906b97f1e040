// SPDX-License-Identifier: BSD-2-Clause
/*
 * ELF64 symbol lookup; see symbols.h. The file may be any bytes a user called a kernel, so every
 * offset is checked against the file's size before it is used.
 */
#include "symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvn.h"

#define ELF_BYTES_MAX (1ull << 30)
/* A symbol without a size, and with none after it, is taken to cover this much. */
#define OPEN_SYMBOL_BYTES 0x10000u

static bool within(uint64_t offset, uint64_t bytes, uint64_t total)
{
	return offset <= total && bytes <= total - offset;
}

static bool section(const uint8_t *elf, size_t bytes, const Elf64_Ehdr *header, unsigned int index,
		    Elf64_Shdr *out)
{
	uint64_t at = header->e_shoff + (uint64_t)index * sizeof(*out);

	if (index >= header->e_shnum || header->e_shentsize != sizeof(*out) ||
	    header->e_shoff > bytes || !within(at, sizeof(*out), bytes))
		return false;
	memcpy(out, elf + at, sizeof(*out));
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Functions, and labels of assembler files, which carry no type. */
static bool is_code(const Elf64_Sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_shndx != SHN_ABS;
}

static void take_table(struct symbols *symbols, const uint8_t *elf, const Elf64_Shdr *table,
		       const Elf64_Shdr *text)
{
	size_t count = table->sh_size / sizeof(Elf64_Sym), i;

	symbols->list = xcalloc(count ? count : 1, sizeof(*symbols->list));
	/* One more byte, so that a string table without its last NUL ends all the same. */
	symbols->text = xmalloc(text->sh_size + 1);
	memcpy(symbols->text, elf + text->sh_offset, text->sh_size);
	symbols->text[text->sh_size] = 0;
	for (i = 0; i < count; i++) {
		Elf64_Sym from;

		memcpy(&from, elf + table->sh_offset + i * sizeof(from), sizeof(from));
		if (!is_code(&from) || from.st_name >= text->sh_size ||
		    !symbols->text[from.st_name])
			continue;
		symbols->list[symbols->count++] = (struct symbol){
			.start = from.st_value,
			.bytes = from.st_size,
			.name = symbols->text + from.st_name,
		};
	}
	qsort(symbols->list, symbols->count, sizeof(*symbols->list), by_start);
}

void symbols_parse(struct symbols *symbols, const uint8_t *elf, size_t bytes)
{
	Elf64_Ehdr header;
	Elf64_Shdr table, text;
	unsigned int i;

	memset(symbols, 0, sizeof(*symbols));
	if (bytes < sizeof(header))
		return;
	memcpy(&header, elf, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
		return;
	for (i = 0; section(elf, bytes, &header, i, &table); i++) {
		if (table.sh_type != SHT_SYMTAB || table.sh_entsize != sizeof(Elf64_Sym))
			continue;
		if (section(elf, bytes, &header, table.sh_link, &text) &&
		    text.sh_type == SHT_STRTAB && within(table.sh_offset, table.sh_size, bytes) &&
		    within(text.sh_offset, text.sh_size, bytes))
			take_table(symbols, elf, &table, &text);
		return;
	}
}

void symbols_load(struct symbols *symbols, const char *path)
{
	struct errors ignored = { 0 };
	struct blob blob = { 0 };

	memset(symbols, 0, sizeof(*symbols));
	if (blob_read(&blob, path, ELF_BYTES_MAX, &ignored))
		return;
	symbols_parse(symbols, blob.data, blob.size);
	blob_free(&blob);
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->list);
	free(symbols->text);
	memset(symbols, 0, sizeof(*symbols));
}

bool symbols_find(const struct symbols *symbols, uint64_t address, char *out, size_t size)
{
	size_t low = 0, high = symbols->count;
	const struct symbol *found;
	uint64_t offset;

	/* The last symbol that starts at or below the address. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	found = &symbols->list[low - 1];
	offset = address - found->start;
	if (offset >= (found->bytes ? found->bytes : OPEN_SYMBOL_BYTES))
		return false;
	if (offset)
		snprintf(out, size, "%s+0x%llx", found->name, (unsigned long long)offset);
	else
		snprintf(out, size, "%s", found->name);
	return true;
}

/* Reads "[<hex> dN" at text; returns its length, 0 where it is something else. */
static size_t read_reference(const char *text, uint64_t *address, unsigned long *domain)
{
	char *end;

	if (text[0] != '[' || text[1] != '<')
		return 0;
	errno = 0;
	*address = strtoull(text + 2, &end, 16);
	if (errno || end == text + 2 || strncmp(end, "> d", 3) || end[3] < '0' || end[3] > '9')
		return 0;
	*domain = strtoul(end + 3, &end, 10);
	return *end == ']' && !errno ? (size_t)(end - text) : 0;
}

char *symbols_annotate(const char *line, const struct symbols *domains, size_t domain_count)
{
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&result, &size);

	if (!out)
		return xstrdup(line);
	while (*line) {
		uint64_t address;
		unsigned long domain;
		char name[160];
		size_t length = read_reference(line, &address, &domain);

		if (!length) {
			fputc(*line++, out);
			continue;
		}
		fwrite(line, 1, length, out);
		line += length;
		if (domain < domain_count &&
		    symbols_find(&domains[domain], address, name, sizeof(name)))
			fprintf(out, " %s", name);
	}
	if (fclose(out) || !result) {
		pvn_error("out of memory");
		exit(PVN_HYPERVISOR_FAILED);
	}
	return result;
}
