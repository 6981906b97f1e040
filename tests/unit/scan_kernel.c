// SPDX-License-Identifier: BSD-2-Clause
/* The maker of small kernels; see scan_kernel.h. */
#include "scan_kernel.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0xffffffff81000000ull
#define HEADERS 0x1000u /* bytes in front of the first section */

static const struct {
	const char *name;
	uint32_t type;
	uint64_t flags;
} kinds[MADE_SECTIONS] = {
	[MADE_TEXT] = { ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR },
	[MADE_INIT] = { ".init.text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR },
	[MADE_REPLACEMENTS] = { ".altinstr_replacement", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR },
	[MADE_DATA] = { ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE },
	[MADE_RODATA] = { ".rodata", SHT_PROGBITS, SHF_ALLOC },
	[MADE_PV] = { ".parainstructions", SHT_PROGBITS, SHF_ALLOC },
	[MADE_ALTERNATIVES] = { ".altinstructions", SHT_PROGBITS, SHF_ALLOC },
	[MADE_ORC] = { ".orc_unwind_ip", SHT_PROGBITS, SHF_ALLOC },
	[MADE_SYMTAB] = { ".symtab", SHT_SYMTAB, 0 },
	[MADE_STRTAB] = { ".strtab", SHT_STRTAB, 0 },
	[MADE_NAMES] = { ".shstrtab", SHT_STRTAB, 0 },
};

static uint64_t address_of(enum made_section section)
{
	return BASE + section * 0x10000ull;
}

uint64_t made_here(const struct made *m, enum made_section section)
{
	return address_of(section) + m->used[section];
}

void made_add(struct made *m, enum made_section section, const void *bytes, size_t count)
{
	if (count > MADE_ROOM - m->used[section]) {
		printf("Bail out! section %d is full\n", (int)section);
		exit(1);
	}
	memcpy(m->bytes[section] + m->used[section], bytes, count);
	m->used[section] += count;
}

void made_symbol(struct made *m, enum made_section section, const char *name, uint64_t bytes)
{
	Elf64_Sym symbol = {
		.st_info = ELF64_ST_INFO(STB_GLOBAL, bytes ? STT_FUNC : STT_NOTYPE),
		.st_shndx = section,
		.st_value = made_here(m, section),
		.st_size = bytes,
	};

	if (!m->used[MADE_STRTAB])
		made_add(m, MADE_STRTAB, "", 1);
	symbol.st_name = (uint32_t)m->used[MADE_STRTAB];
	made_add(m, MADE_STRTAB, name, strlen(name) + 1);
	made_add(m, MADE_SYMTAB, &symbol, sizeof(symbol));
}

void made_pv_entry(struct made *m, uint64_t address, uint8_t operation, uint8_t bytes)
{
	uint8_t entry[16] = { 0 };

	memcpy(entry, &address, 8);
	entry[8] = operation;
	entry[9] = bytes;
	made_add(m, MADE_PV, entry, sizeof(entry));
}

void made_operation(struct made *m, uint8_t operation, uint64_t function)
{
	memcpy(m->bytes[MADE_DATA] + 8 * operation, &function, 8);
	if (m->used[MADE_DATA] < 8u * operation + 8)
		m->used[MADE_DATA] = 8u * operation + 8;
}

uint64_t made_call(struct made *m, enum made_section section, uint8_t operation)
{
	uint64_t address = made_here(m, section);
	uint8_t call[6] = { 0xff, 0x15 };
	int32_t distance = (int32_t)(address_of(MADE_DATA) + 8 * operation - (address + 6));

	memcpy(call + 2, &distance, sizeof(distance));
	made_add(m, section, call, sizeof(call));
	made_pv_entry(m, address, operation, sizeof(call));
	return address;
}

void made_alternative(struct made *m, uint64_t start, uint8_t bytes, uint16_t feature,
		      const void *with, uint8_t with_bytes)
{
	uint64_t here = made_here(m, MADE_ALTERNATIVES);
	const int32_t distances[2] = {
		(int32_t)(start - here),
		(int32_t)(made_here(m, MADE_REPLACEMENTS) - (here + 4)),
	};

	made_add(m, MADE_REPLACEMENTS, with, with_bytes);
	made_add(m, MADE_ALTERNATIVES, distances, sizeof(distances));
	made_add(m, MADE_ALTERNATIVES, &feature, sizeof(feature));
	made_add(m, MADE_ALTERNATIVES, &bytes, 1);
	made_add(m, MADE_ALTERNATIVES, &with_bytes, 1);
}

static void align(struct made *m)
{
	while (m->used[MADE_RODATA] % 8)
		made_add(m, MADE_RODATA, "", 1);
}

/* Token n is the character n; 0 would end its own string. */
static void add_tokens(struct made *m)
{
	for (unsigned int i = 0; i < 256; i++) {
		const char token[2] = { (char)(i ? i : 'x'), 0 };

		made_add(m, MADE_RODATA, token, 2);
	}
	align(m);
	for (uint16_t i = 0; i < 512; i += 2)
		made_add(m, MADE_RODATA, &i, sizeof(i));
}

/* Lengths and characters. Every other length takes two bytes. */
static void add_names(struct made *m, const Elf64_Sym *symbols, uint32_t count, uint32_t *markers)
{
	size_t start = m->used[MADE_RODATA];

	for (uint32_t i = 0; i < count; i++) {
		const char *name = (const char *)m->bytes[MADE_STRTAB] + symbols[i].st_name;
		size_t bytes = 1 + strlen(name);
		const uint8_t length[2] = { (uint8_t)(bytes | (i % 2 ? 0x80 : 0)), 0 };

		if (i % 256 == 0)
			markers[i / 256] = (uint32_t)(m->used[MADE_RODATA] - start);
		made_add(m, MADE_RODATA, length, 1 + i % 2);
		made_add(m, MADE_RODATA, "t", 1);
		made_add(m, MADE_RODATA, name, bytes - 1);
	}
}

void made_kallsyms(struct made *m, bool has_seqs)
{
	const Elf64_Sym *symbols = (const Elf64_Sym *)m->bytes[MADE_SYMTAB];
	uint32_t count = (uint32_t)(m->used[MADE_SYMTAB] / sizeof(*symbols)), markers[2] = { 0 };
	const uint64_t base = address_of(MADE_TEXT), n = count;

	align(m);
	for (uint32_t i = 0; i < count; i++) {
		int32_t offset = -1 - (int32_t)(symbols[i].st_value - base);

		made_add(m, MADE_RODATA, &offset, sizeof(offset));
	}
	align(m);
	made_add(m, MADE_RODATA, &base, sizeof(base));
	made_add(m, MADE_RODATA, &n, sizeof(n));
	add_names(m, symbols, count, markers);
	align(m);
	made_add(m, MADE_RODATA, markers, 4 * ((count + 255) / 256));
	align(m);
	for (uint32_t i = 0; has_seqs && i < count; i++)
		made_add(m, MADE_RODATA, &i, 3);
	align(m);
	add_tokens(m);
}

size_t made_header_at(enum made_section section)
{
	return sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + section * sizeof(Elf64_Shdr);
}

static Elf64_Shdr header_of(struct made *m, enum made_section section, size_t offset)
{
	bool is_absent = (m->is_stripped && (section == MADE_SYMTAB || section == MADE_STRTAB)) ||
			 (!m->has_orc && section == MADE_ORC);
	Elf64_Shdr header = {
		.sh_name = (uint32_t)m->used[MADE_NAMES],
		.sh_type = is_absent ? SHT_NULL : kinds[section].type,
		.sh_flags = is_absent ? 0 : kinds[section].flags,
		.sh_addr = kinds[section].flags ? address_of(section) : 0,
		.sh_offset = offset,
		.sh_size = m->used[section],
		.sh_link = section == MADE_SYMTAB ? MADE_STRTAB : 0,
		.sh_entsize = section == MADE_SYMTAB ? sizeof(Elf64_Sym) : 0,
	};

	made_add(m, MADE_NAMES, kinds[section].name, strlen(kinds[section].name) + 1);
	header.sh_size = m->used[section];
	return header;
}

struct blob made_file(const struct made *made)
{
	static struct made copy;
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = 0x1000000,
		.e_phoff = sizeof(header),
		.e_shoff = made_header_at(0),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = MADE_SECTIONS,
		.e_shstrndx = MADE_NAMES,
	};
	const Elf64_Phdr ph = { .p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_offset = HEADERS,
				.p_vaddr = BASE,
				.p_paddr = 0x1000000,
				.p_filesz = 0x100,
				.p_memsz = 0x100 };
	struct blob b = { xcalloc(1, HEADERS + MADE_SECTIONS * MADE_ROOM), HEADERS };

	copy = *made;
	made_add(&copy, MADE_NAMES, "", 1);
	memcpy(b.data, &header, sizeof(header));
	memcpy(b.data + sizeof(header), &ph, sizeof(ph));
	for (enum made_section i = 1; i < MADE_SECTIONS; i++) {
		Elf64_Shdr sh = header_of(&copy, i, b.size);

		memcpy(b.data + made_header_at(i), &sh, sizeof(sh));
		memcpy(b.data + b.size, copy.bytes[i], copy.used[i]);
		b.size += copy.used[i];
	}
	b.data = xrealloc(b.data, b.size);
	return b;
}
