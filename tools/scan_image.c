// SPDX-License-Identifier: BSD-2-Clause
/*
 * A kernel image for `pvn scan`; see scan.h. Called by scan.c. After it every section lies within
 * the file and within the address space, and code sections do not overlap in the file.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "bzimage.h"
#include "config.h"
#include "elf_load.h"
#include "scan.h"

#define SECTIONS_MAX 4096u
#define BANNER "Linux version "

/* Code that goes after boot: include/asm-generic/vmlinux.lds.h places it between __init_begin and
 * __init_end, or drops it while linking. Cold parts of it have names of their own. */
static bool is_init_name(const char *name)
{
	return !strcmp(name, ".init.text") || !strcmp(name, ".exit.text") ||
	       !strcmp(name, ".altinstr_aux") || !strcmp(name, ".altinstr_replacement");
}

static const char *check_header(const struct blob *file, const Elf64_Ehdr *header)
{
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return "found a 32-bit ELF file, expected a 64-bit kernel";
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
		return "found an ELF file of another machine, expected x86-64";
	if (header->e_type == ET_REL)
		return "found an object file (a module?), expected a linked kernel";
	if (header->e_type != ET_EXEC)
		return "found a shared or position-independent file, expected a kernel that is "
		       "linked to fixed addresses";
	if (!header->e_shnum || header->e_shentsize != sizeof(Elf64_Shdr))
		return "found no section headers, expected those of a vmlinux (were they "
		       "stripped?)";
	if (header->e_shnum > SECTIONS_MAX)
		return "found more than 4096 sections";
	if (header->e_shoff > file->size ||
	    (file->size - header->e_shoff) / sizeof(Elf64_Shdr) < header->e_shnum)
		return "the section headers are outside of the file (is it cut short?)";
	if (header->e_shstrndx >= header->e_shnum)
		return "found no names of sections";
	return NULL;
}

static Elf64_Shdr section_header(const struct blob *file, const Elf64_Ehdr *header, unsigned int n)
{
	Elf64_Shdr sh;

	memcpy(&sh, file->data + header->e_shoff + n * sizeof(sh), sizeof(sh));
	return sh;
}

static bool is_within(const struct blob *file, const Elf64_Shdr *sh)
{
	return sh->sh_offset <= file->size && sh->sh_size <= file->size - sh->sh_offset;
}

/* The name at an offset of the table of names; NULL if it does not end within it. */
static const char *name_at(const struct blob *file, const Elf64_Shdr *names, uint32_t offset)
{
	const char *start;

	if (offset >= names->sh_size)
		return NULL;
	start = (const char *)file->data + names->sh_offset + offset;
	return memchr(start, 0, names->sh_size - offset) ? start : NULL;
}

/* NULL, or what is wrong with this section. */
static const char *check_section(const struct blob *file, const Elf64_Shdr *sh)
{
	if (!is_within(file, sh))
		return "is outside of the file (is it cut short?)";
	if (sh->sh_addr + sh->sh_size < sh->sh_addr)
		return "ends beyond the address space";
	return NULL;
}

static int add_section(struct scan_image *image, const Elf64_Shdr *names, unsigned int n,
		       const Elf64_Shdr *sh, struct errors *e)
{
	const char *name = name_at(&image->file, names, sh->sh_name);
	const char *wrong = name ? check_section(&image->file, sh) : "has no name";
	struct scan_section *s = &image->sections[image->section_count];

	if (wrong)
		return errors_add(e, "%s: section %u (%s, 0x%llx bytes from 0x%llx on) %s",
				  image->name, n, name ? name : "?",
				  (unsigned long long)sh->sh_size,
				  (unsigned long long)sh->sh_offset, wrong);
	*s = (struct scan_section){
		.name = name,
		.address = sh->sh_addr,
		.bytes = sh->sh_size,
		.data = image->file.data + sh->sh_offset,
		.is_code = sh->sh_flags & SHF_EXECINSTR,
		.is_init = is_init_name(name),
	};
	image->section_count++;
	return 0;
}

/* Sections that claim the same bytes would make work without end of a small file. */
static int check_code(const struct scan_image *image, struct errors *e)
{
	uint64_t total = 0;

	for (size_t i = 0; i < image->section_count; i++)
		if (image->sections[i].is_code)
			total += image->sections[i].bytes;
	if (!total)
		return errors_add(e, "%s: found no section with code", image->name);
	if (total > image->file.size)
		return errors_add(e,
				  "%s: its sections with code have %llu bytes, the whole file %zu: "
				  "they overlap",
				  image->name, (unsigned long long)total, image->file.size);
	return 0;
}

static int take_sections(struct scan_image *image, struct errors *e)
{
	const char *wrong;
	Elf64_Ehdr header;
	Elf64_Shdr names;

	memcpy(&header, image->file.data, sizeof(header));
	wrong = check_header(&image->file, &header);
	if (wrong)
		return errors_add(e, "%s: %s", image->name, wrong);
	names = section_header(&image->file, &header, header.e_shstrndx);
	if (names.sh_type != SHT_STRTAB || !is_within(&image->file, &names))
		return errors_add(e,
				  "%s: the names of its sections are outside of the file (is it "
				  "cut short?)",
				  image->name);
	image->sections = xcalloc(header.e_shnum, sizeof(*image->sections));
	for (unsigned int n = 1; n < header.e_shnum; n++) {
		Elf64_Shdr sh = section_header(&image->file, &header, n);

		if (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_STRTAB) {
			if (!is_within(&image->file, &sh))
				return errors_add(e,
						  "%s: its symbol table (section %u) is outside of "
						  "the file (is it cut short?)",
						  image->name, n);
			continue;
		}
		if (sh.sh_type == SHT_NOBITS || !(sh.sh_flags & SHF_ALLOC) || !sh.sh_size)
			continue;
		if (add_section(image, &names, n, &sh, e))
			return -1;
	}
	return check_code(image, e);
}

/* The first line that Linux prints: "Linux version 6.1.0 (...". */
static void find_version(struct scan_image *image)
{
	const uint8_t *at = memmem(image->file.data, image->file.size, BANNER, strlen(BANNER));
	size_t left, n = 0;

	if (!at)
		return;
	at += strlen(BANNER);
	left = image->file.size - (size_t)(at - image->file.data);
	while (n < left && n + 1 < sizeof(image->version) && at[n] > ' ' && at[n] < 0x7f)
		n++;
	memcpy(image->version, at, n);
}

/* Takes the kernel out of a bzImage. */
static int unpack(struct scan_image *image, struct errors *e)
{
	struct load_plan plan = { 0 };
	/* Only the bytes are wanted: any domain is large enough. */
	int result = bzimage_load(&image->file, image->name, 1ull << 40, &plan, e);

	if (!result) {
		blob_free(&image->file);
		image->file = plan.unpacked;
		plan.unpacked = (struct blob){ 0 };
	}
	load_plan_free(&plan);
	return result;
}

static int take_symbols(struct scan_image *image, const char *map, bool is_packed, struct errors *e)
{
	if (map)
		return symbols_load_map(&image->symbols, map, e);
	symbols_parse(&image->symbols, image->file.data, image->file.size);
	if (!image->symbols.count) {
		symbols_free(&image->symbols);
		scan_kallsyms_read(&image->symbols, image);
	}
	if (!image->symbols.count && !is_packed)
		return errors_add(e,
				  "%s: found no symbols, neither an ELF table nor kallsyms (was it "
				  "stripped? --map takes its System.map)",
				  image->name);
	return 0;
}

int scan_image_parse(struct scan_image *image, const char *name, struct blob *file, const char *map,
		     struct errors *e)
{
	bool is_packed = bzimage_detect(file);

	memset(image, 0, sizeof(*image));
	image->name = xstrdup(name);
	image->file = *file;
	*file = (struct blob){ 0 };
	if (is_packed && unpack(image, e))
		return -1;
	if (!elf_detect(&image->file))
		return errors_add(e,
				  "%s: found neither an ELF file nor a bzImage, expected a Linux "
				  "kernel (vmlinux or bzImage)",
				  name);
	if (image->file.size < sizeof(Elf64_Ehdr))
		return errors_add(e, "%s: is cut short, within its ELF header", name);
	if (take_sections(image, e) || take_symbols(image, map, is_packed, e))
		return -1;
	find_version(image);
	return 0;
}

int scan_image_open(struct scan_image *image, const char *name, const char *map, struct errors *e)
{
	char why[ERROR_TEXT_MAX];
	/* Relative to the working folder, as a command's arguments are. */
	char *path = resolve_path(name, "", why, sizeof(why));
	struct blob file = { 0 };
	int result;

	memset(image, 0, sizeof(*image));
	if (!path)
		return errors_add(e, "%s", why);
	result = blob_read(&file, path, KERNEL_BYTES_MAX, e);
	free(path);
	return result ? result : scan_image_parse(image, name, &file, map, e);
}

void scan_image_free(struct scan_image *image)
{
	symbols_free(&image->symbols);
	free(image->sections);
	blob_free(&image->file);
	free(image->name);
	memset(image, 0, sizeof(*image));
}

const struct scan_section *scan_section_named(const struct scan_image *image, const char *name)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (!strcmp(image->sections[i].name, name))
			return &image->sections[i];
	return NULL;
}

const struct scan_section *scan_section_at(const struct scan_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (address >= image->sections[i].address &&
		    address - image->sections[i].address < image->sections[i].bytes)
			return &image->sections[i];
	return NULL;
}

const uint8_t *scan_bytes(const struct scan_image *image, uint64_t address, uint64_t bytes)
{
	const struct scan_section *s = scan_section_at(image, address);
	uint64_t offset;

	if (!s)
		return NULL;
	offset = address - s->address;
	return bytes <= s->bytes - offset ? s->data + offset : NULL;
}

const char *scan_where(const struct scan_image *image, uint64_t address, char *out, size_t size)
{
	const struct scan_section *s = scan_section_at(image, address);

	/* Replacements have no symbols: the nearest would be some other section's. */
	if ((s && !strcmp(s->name, ".altinstr_replacement")) ||
	    !symbols_find(&image->symbols, address, out, size))
		snprintf(out, size, "0x%llx", (unsigned long long)address);
	return out;
}
