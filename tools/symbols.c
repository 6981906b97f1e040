// SPDX-License-Identifier: BSD-2-Clause
/*
 * ELF64 symbols and build ids, and looking symbols up; see symbols.h. The file may be any bytes a
 * user called a kernel, so every offset is checked against the file's size before it is used.
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
	symbols_sort(symbols);
}

void symbols_sort(struct symbols *symbols)
{
	if (symbols->count)
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

/* Where the notes of an ELF file lie: in sections or, of a stripped one, in segments. */
static bool notes_at(const uint8_t *elf, size_t bytes, const Elf64_Ehdr *header, unsigned int index,
		     uint64_t *offset, uint64_t *size)
{
	Elf64_Shdr table;
	Elf64_Phdr segment;
	uint64_t at;

	*size = 0;
	if (section(elf, bytes, header, index, &table)) {
		*offset = table.sh_offset;
		*size = table.sh_type == SHT_NOTE ? table.sh_size : 0;
		return true;
	}
	index -= header->e_shnum;
	at = header->e_phoff + (uint64_t)index * sizeof(segment);
	if (index >= header->e_phnum || header->e_phentsize != sizeof(segment) ||
	    header->e_phoff > bytes || !within(at, sizeof(segment), bytes))
		return false;
	memcpy(&segment, elf + at, sizeof(segment));
	*offset = segment.p_offset;
	*size = segment.p_type == PT_NOTE ? segment.p_filesz : 0;
	return true;
}

/* Looks through one block of notes. */
static bool find_id(const uint8_t *notes, uint64_t size, char out[SYMBOLS_ID_MAX])
{
	Elf64_Nhdr note;
	uint64_t at = 0;

	while (size - at >= sizeof(note)) {
		uint64_t name, text, end;
		unsigned int i;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		text = name + ((note.n_namesz + 3ull) & ~3ull);
		end = text + ((note.n_descsz + 3ull) & ~3ull);
		if (end > size || end <= at)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && note.n_descsz &&
		    note.n_descsz < SYMBOLS_ID_MAX / 2) {
			for (i = 0; i < note.n_descsz; i++)
				sprintf(out + i * 2, "%02x", notes[text + i]);
			return true;
		}
		at = end;
	}
	return false;
}

bool symbols_build_id(const uint8_t *elf, size_t bytes, char out[SYMBOLS_ID_MAX])
{
	Elf64_Ehdr header;
	uint64_t offset, size;
	unsigned int i;

	if (bytes < sizeof(header))
		return false;
	memcpy(&header, elf, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (i = 0; notes_at(elf, bytes, &header, i, &offset, &size); i++) {
		if (size && within(offset, size, bytes) && find_id(elf + offset, size, out))
			return true;
	}
	return false;
}

/* System.map-VERSION or System.map in the folder of a kernel. */
static void load_beside(struct symbols *symbols, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *version = strncmp(name, "vmlinuz", 7) ? "" : name + 7;
	int folder = (int)(name - path);
	char *const beside[] = { xasprintf("%.*sSystem.map%s", folder, path, version),
				 xasprintf("%.*sSystem.map", folder, path) };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct errors ignored = { 0 };

		if (!symbols->count) {
			symbols_free(symbols);
			symbols_load_map(symbols, beside[i], &ignored);
		}
		free(beside[i]);
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
	if (!symbols->count) {
		symbols_free(symbols);
		symbols_parse_map(symbols, blob.data, blob.size, path, &ignored);
	}
	blob_free(&blob);
	if (!symbols->count)
		load_beside(symbols, path);
}

int symbols_load_named(struct symbols *symbols, const char *path, struct errors *e)
{
	struct blob blob = { 0 };
	int result = 0;

	memset(symbols, 0, sizeof(*symbols));
	if (blob_read(&blob, path, ELF_BYTES_MAX, e))
		return -1;
	symbols_parse(symbols, blob.data, blob.size);
	if (symbols->count) {
		blob_free(&blob);
		return 0;
	}
	symbols_free(symbols);
	if (blob.size >= SELFMAG && !memcmp(blob.data, ELFMAG, SELFMAG))
		result = errors_add(
			e, "%s: an ELF file without symbols; a System.map has them, too", path);
	else
		result = symbols_parse_map(symbols, blob.data, blob.size, path, e);
	blob_free(&blob);
	return result;
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->list);
	free(symbols->text);
	memset(symbols, 0, sizeof(*symbols));
}

size_t sorted_upto(const void *list, size_t count, size_t bytes, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t start;

		memcpy(&start, (const uint8_t *)list + middle * bytes, sizeof(start));
		if (start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address)
{
	size_t n = sorted_upto(symbols->list, symbols->count, sizeof(*symbols->list), address);
	const struct symbol *found;

	if (!n)
		return NULL;
	found = &symbols->list[n - 1];
	return address - found->start < (found->bytes ? found->bytes : OPEN_SYMBOL_BYTES) ? found :
											    NULL;
}

bool symbols_find(const struct symbols *symbols, uint64_t address, char *out, size_t size)
{
	const struct symbol *found = symbols_at(symbols, address);

	if (!found)
		return false;
	if (address != found->start)
		snprintf(out, size, "%s+0x%llx", found->name,
			 (unsigned long long)(address - found->start));
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
