/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for code addresses, from an ELF file's .symtab or from a System.map. Used for guest
 * addresses in the hypervisor's log and in traces. A file without symbols, or of another format,
 * gives an empty table: a missing name is never an error.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errors;

struct symbol {
	uint64_t start; /* first, for sorted_upto() */
	uint64_t bytes; /* 0 = unknown: up to the next symbol */
	const char *name; /* into the table's text */
};

struct symbols {
	struct symbol *list; /* sorted by start */
	size_t count;
	char *text;
};

/*
 * Reads a file's functions and code labels; leaves the table empty where there are none. Of a
 * kernel without symbols (a bzImage, or stripped) those of a System.map beside it: System.map, or
 * System.map-VERSION beside vmlinuz-VERSION.
 */
void symbols_load(struct symbols *symbols, const char *path);
/* The same from memory. */
void symbols_parse(struct symbols *symbols, const uint8_t *elf, size_t bytes);
/*
 * symbols_map.c: a System.map ("ffffffff81000000 T startup_64", a line each). 0, or -1 with an
 * error and an empty table where a line is something else, or none is of a function.
 */
int symbols_load_map(struct symbols *symbols, const char *path, struct errors *e);
/* A file that must have symbols: ELF or System.map. 0, or -1 with an error that says why not. */
int symbols_load_named(struct symbols *symbols, const char *path, struct errors *e);
/* A System.map from memory; path is for messages. */
int symbols_parse_map(struct symbols *symbols, const uint8_t *text, size_t bytes, const char *path,
		      struct errors *e);
void symbols_sort(struct symbols *symbols);
void symbols_free(struct symbols *symbols);

/* The GNU build id of an ELF file in hexadecimal; false where it has none. */
#define SYMBOLS_ID_MAX 129u
bool symbols_build_id(const uint8_t *elf, size_t bytes, char out[SYMBOLS_ID_MAX]);

/* The symbol that covers an address, or NULL. */
const struct symbol *symbols_at(const struct symbols *symbols, uint64_t address);

/* Writes "name+0x10" ("name" at offset 0); false where no symbol covers the address. */
bool symbols_find(const struct symbols *symbols, uint64_t address, char *out, size_t size);

/*
 * Copies a log line and completes each "[<ffffffff81000000> d0]" to
 * "[<ffffffff81000000> d0 start_kernel+0x10]" where domains[0] knows the address. malloc'd.
 */
char *symbols_annotate(const char *line, const struct symbols *domains, size_t domain_count);

/*
 * How many entries of a sorted list start at or below the address. The entries have so many bytes
 * each, and begin with the uint64_t by which they are sorted.
 */
size_t sorted_upto(const void *list, size_t count, size_t bytes, uint64_t address);

#endif
