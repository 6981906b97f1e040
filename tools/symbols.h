/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for code addresses, from an ELF file's .symtab. Used for guest addresses in the
 * hypervisor's log and in traces. A file without symbols, or that is no ELF at all, gives an empty
 * table: a missing name is never an error.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t start;
	uint64_t bytes; /* 0 = unknown: up to the next symbol */
	const char *name; /* into the table's text */
};

struct symbols {
	struct symbol *list; /* sorted by start */
	size_t count;
	char *text;
};

/* Reads a file's functions and code labels; leaves the table empty where there are none. */
void symbols_load(struct symbols *symbols, const char *path);
/* The same from memory. */
void symbols_parse(struct symbols *symbols, const uint8_t *elf, size_t bytes);
void symbols_free(struct symbols *symbols);

/* Writes "name+0x10" ("name" at offset 0); false where no symbol covers the address. */
bool symbols_find(const struct symbols *symbols, uint64_t address, char *out, size_t size);

/*
 * Copies a log line and completes each "[<ffffffff81000000> d0]" to
 * "[<ffffffff81000000> d0 start_kernel+0x10]" where domains[0] knows the address. malloc'd.
 */
char *symbols_annotate(const char *line, const struct symbols *domains, size_t domain_count);

#endif
