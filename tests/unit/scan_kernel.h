/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small vmlinux for the tests of `pvn scan`: sections whose bytes the test writes, both tables of
 * patch sites, symbols, and one program header. The maker says what it holds; nothing is decoded.
 */
#ifndef UNIT_SCAN_KERNEL_H
#define UNIT_SCAN_KERNEL_H

#include "pvn.h"

enum made_section {
	MADE_TEXT = 1,
	MADE_INIT,
	MADE_REPLACEMENTS,
	MADE_DATA, /* pv_ops, at its start */
	MADE_RODATA, /* kallsyms */
	MADE_PV, /* .parainstructions */
	MADE_ALTERNATIVES,
	MADE_ORC,
	MADE_SYMTAB,
	MADE_STRTAB,
	MADE_NAMES,
	MADE_SECTIONS,
};

#define MADE_ROOM 0x2000u /* of each section */

struct made {
	uint8_t bytes[MADE_SECTIONS][MADE_ROOM];
	size_t used[MADE_SECTIONS];
	bool is_stripped, has_orc;
};

/* The address of the next byte of a section. */
uint64_t made_here(const struct made *m, enum made_section section);
void made_add(struct made *m, enum made_section section, const void *bytes, size_t count);
/* A symbol at the next byte of a section: a function of so many bytes, or 0 for a label. */
void made_symbol(struct made *m, enum made_section section, const char *name, uint64_t bytes);
/* A call through member `operation` of pv_ops, with its entry; the call's address. */
uint64_t made_call(struct made *m, enum made_section section, uint8_t operation);
/* Makes pv_ops begin with that function. */
void made_operation(struct made *m, uint8_t operation, uint64_t function);
void made_pv_entry(struct made *m, uint64_t address, uint8_t operation, uint8_t bytes);
/* An alternative for [start, start + bytes), its replacement appended. */
void made_alternative(struct made *m, uint64_t start, uint8_t bytes, uint16_t feature,
		      const void *with, uint8_t with_bytes);
/*
 * The symbols as kallsyms, so that is_stripped leaves their names. has_seqs: with the table by
 * which later versions sort names.
 */
void made_kallsyms(struct made *m, bool has_seqs);
/* The ELF file; blob_free() it. */
struct blob made_file(const struct made *m);
/* Where the header of a section is in it. */
size_t made_header_at(enum made_section section);

#endif
