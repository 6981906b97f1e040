// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ELF loader of all that is not an image of its own format; see elf_load.h. The layout is that
 * of the System V ABI, "Object Files" and "Program Loading". Segments point into the file's bytes,
 * nothing is copied.
 */
#include "elf_load.h"

#include <elf.h>
#include <string.h>

#include "config.h"

#define PROGRAM_HEADERS_MAX 64u

bool elf_detect(const struct blob *file)
{
	return file->size >= SELFMAG && !memcmp(file->data, ELFMAG, SELFMAG);
}

/* Copies header n, which find_headers() has found to be within the file. */
static Elf64_Phdr program_header(const struct blob *file, const Elf64_Ehdr *header, unsigned int n)
{
	Elf64_Phdr ph;
	Elf32_Phdr small;

	if (header->e_ident[EI_CLASS] == ELFCLASS64) {
		memcpy(&ph, file->data + header->e_phoff + n * sizeof(ph), sizeof(ph));
		return ph;
	}
	memcpy(&small, file->data + header->e_phoff + n * sizeof(small), sizeof(small));
	return (Elf64_Phdr){
		.p_type = small.p_type,
		.p_flags = small.p_flags,
		.p_offset = small.p_offset,
		.p_vaddr = small.p_vaddr,
		.p_paddr = small.p_paddr,
		.p_filesz = small.p_filesz,
		.p_memsz = small.p_memsz,
		.p_align = small.p_align,
	};
}

/* Copies the header of a 32-bit file into the fields of a 64-bit one. */
static const char *find_header_32(const struct blob *file, Elf64_Ehdr *header)
{
	Elf32_Ehdr small;

	if (file->size < sizeof(small))
		return "too short for an ELF header";
	memcpy(&small, file->data, sizeof(small));
	memcpy(header->e_ident, small.e_ident, sizeof(header->e_ident));
	header->e_type = small.e_type;
	header->e_machine = small.e_machine;
	header->e_entry = small.e_entry;
	header->e_phoff = small.e_phoff;
	header->e_phentsize = small.e_phentsize;
	header->e_phnum = small.e_phnum;
	return NULL;
}

static const char *find_header(const struct blob *file, bool takes_32bit, Elf64_Ehdr *header)
{
	memset(header, 0, sizeof(*header));
	if (!elf_detect(file) || file->size < EI_NIDENT)
		return "too short for an ELF header";
	if (takes_32bit && file->data[EI_CLASS] == ELFCLASS32)
		return find_header_32(file, header);
	if (file->size < sizeof(*header))
		return "too short for an ELF header";
	memcpy(header, file->data, sizeof(*header));
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return "found a 32-bit ELF file, expected 64-bit";
	return NULL;
}

/* Copies the ELF header. NULL if all is well, else what was found and expected. */
static const char *find_headers(const struct blob *file, bool takes_32bit, Elf64_Ehdr *header)
{
	const char *wrong = find_header(file, takes_32bit, header);
	bool is_32bit = header->e_ident[EI_CLASS] == ELFCLASS32;
	size_t each = is_32bit ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);

	if (wrong)
		return wrong;
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_ident[EI_VERSION] != EV_CURRENT)
		return "found a big-endian or unknown ELF file, expected little-endian";
	if (header->e_machine != (is_32bit ? EM_386 : EM_X86_64))
		return "found an ELF file of another machine, expected x86-64";
	if (header->e_type == ET_DYN)
		return "found a position-independent or shared ELF file, expected a static one "
		       "(link with -static -no-pie)";
	if (header->e_type != ET_EXEC)
		return "found an ELF file that is no program (an object file?), expected a linked, "
		       "static one";
	if (header->e_phentsize != each || header->e_phnum == 0)
		return "found no program headers, expected at least one loadable segment";
	if (header->e_phnum > PROGRAM_HEADERS_MAX)
		return "found more than 64 program headers";
	if (header->e_phoff > file->size || (file->size - header->e_phoff) / each < header->e_phnum)
		return "the program headers are outside of the file (is it cut short?)";
	return NULL;
}

bool elf_detect_vmlinux(const struct blob *file)
{
	Elf64_Ehdr header;

	if (find_headers(file, false, &header))
		return false;
	/* Linux links its kernel at the top of the address space and loads it low. */
	for (unsigned int n = 0; n < header.e_phnum; n++) {
		Elf64_Phdr ph = program_header(file, &header, n);

		if (ph.p_type == PT_LOAD && ph.p_vaddr != ph.p_paddr && ph.p_vaddr >> 63)
			return true;
	}
	return false;
}

/* NULL, or what is wrong with this segment. */
static const char *check_segment(const struct elf_rules *rules, const struct blob *file,
				 const Elf64_Phdr *ph, uint64_t memory_bytes)
{
	if (ph->p_filesz > ph->p_memsz)
		return "has more bytes in the file than in memory";
	if (ph->p_offset > file->size || ph->p_filesz > file->size - ph->p_offset)
		return "is outside of the file (is it cut short?)";
	if (!rules->takes_virtual && ph->p_vaddr != ph->p_paddr)
		return "is linked to another address than it is loaded to, expected the same";
	if (ph->p_paddr < PAYLOAD_BASE)
		return "starts below 1M, where the boot pages are";
	if (ph->p_paddr > memory_bytes || ph->p_memsz > memory_bytes - ph->p_paddr)
		return "ends beyond the domain's memory";
	return NULL;
}

static int load_segment(const struct elf_rules *rules, const struct blob *file, const char *name,
			const Elf64_Phdr *ph, uint64_t memory_bytes, struct load_plan *plan,
			struct errors *e)
{
	const char *wrong = check_segment(rules, file, ph, memory_bytes);
	uint64_t end = ph->p_paddr + ph->p_memsz;
	char memory[24];

	if (wrong)
		return errors_add(e, "%s: the segment at 0x%llx (0x%llx bytes) %s; memory is %s",
				  name, (unsigned long long)ph->p_paddr,
				  (unsigned long long)ph->p_memsz, wrong,
				  format_size(memory_bytes, memory, sizeof(memory)));
	end = (end + 4095) & ~4095ull;
	if (end > plan->image_end)
		plan->image_end = end;
	return load_plan_add(plan,
			     &(struct load_segment){
				     .gpa = ph->p_paddr,
				     .bytes = file->data + ph->p_offset,
				     .file_bytes = ph->p_filesz,
				     .mem_bytes = ph->p_memsz,
			     },
			     name, e);
}

/* Where the segment's program is entered, if it is: a physical address. */
static bool holds_entry(const struct elf_rules *rules, const Elf64_Ehdr *header,
			const Elf64_Phdr *ph, uint64_t *entry)
{
	uint64_t start = rules->is_entry_virtual ? ph->p_vaddr : ph->p_paddr;

	if (!(ph->p_flags & PF_X) || header->e_entry < start ||
	    header->e_entry - start >= ph->p_filesz)
		return false;
	*entry = ph->p_paddr + (header->e_entry - start);
	return true;
}

int elf_load_by(const struct elf_rules *rules, const struct blob *file, const char *name,
		uint64_t memory_bytes, struct load_plan *plan, struct errors *e)
{
	Elf64_Ehdr header;
	const char *wrong = find_headers(file, rules->takes_32bit, &header);
	bool is_entry_loaded = false;

	if (wrong)
		return errors_add(e, "%s: %s", name, wrong);
	for (unsigned int n = 0; n < header.e_phnum; n++) {
		Elf64_Phdr ph = program_header(file, &header, n);

		if (ph.p_type == PT_INTERP || ph.p_type == PT_DYNAMIC)
			return errors_add(e,
					  "%s: found a dynamically linked program, expected a "
					  "static one (link with -static -no-pie)",
					  name);
		if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
			continue;
		if (load_segment(rules, file, name, &ph, memory_bytes, plan, e))
			return -1;
		is_entry_loaded |= holds_entry(rules, &header, &ph, &plan->entry);
	}
	if (!plan->count)
		return errors_add(e, "%s: found no loadable segment, expected one at least", name);
	if (!is_entry_loaded)
		return errors_add(e, "%s: the entry point 0x%llx is in no executable segment", name,
				  (unsigned long long)header.e_entry);
	return 0;
}

int elf_load(const struct blob *file, const char *name, uint64_t memory_bytes,
	     struct load_plan *plan, struct errors *e)
{
	return elf_load_by(&(struct elf_rules){ 0 }, file, name, memory_bytes, plan, e);
}

int elf_load_vmlinux(const struct blob *file, const char *name, uint64_t memory_bytes,
		     struct load_plan *plan, struct errors *e)
{
	plan->protocol = LOAD_LINUX;
	return elf_load_by(&(struct elf_rules){ .takes_virtual = true }, file, name, memory_bytes,
			   plan, e);
}
