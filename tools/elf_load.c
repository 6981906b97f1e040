// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ELF64 loader of bare-metal payloads; see elf_load.h. The layout is that of the System V ABI,
 * "Object Files" and "Program Loading". Segments point into the file's bytes, nothing is copied.
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

	memcpy(&ph, file->data + header->e_phoff + n * sizeof(ph), sizeof(ph));
	return ph;
}

/* Copies the ELF header. NULL if all is well, else what was found and expected. */
static const char *find_headers(const struct blob *file, Elf64_Ehdr *header)
{
	if (!elf_detect(file) || file->size < sizeof(*header))
		return "too short for an ELF header";
	memcpy(header, file->data, sizeof(*header));
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return "found a 32-bit ELF file, expected 64-bit";
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_ident[EI_VERSION] != EV_CURRENT)
		return "found a big-endian or unknown ELF file, expected little-endian";
	if (header->e_machine != EM_X86_64)
		return "found an ELF file of another machine, expected x86-64";
	if (header->e_type == ET_DYN)
		return "found a position-independent or shared ELF file, expected a static one "
		       "(link with -static -no-pie)";
	if (header->e_type != ET_EXEC)
		return "found an ELF file that is no program (an object file?), expected a linked, "
		       "static one";
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0)
		return "found no program headers, expected at least one loadable segment";
	if (header->e_phnum > PROGRAM_HEADERS_MAX)
		return "found more than 64 program headers";
	if (header->e_phoff > file->size ||
	    (file->size - header->e_phoff) / sizeof(Elf64_Phdr) < header->e_phnum)
		return "the program headers are outside of the file (is it cut short?)";
	return NULL;
}

bool elf_detect_vmlinux(const struct blob *file)
{
	Elf64_Ehdr header;

	if (find_headers(file, &header))
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
static const char *check_segment(const struct blob *file, const Elf64_Phdr *ph,
				 const struct load_plan *plan, uint64_t memory_bytes)
{
	if (ph->p_filesz > ph->p_memsz)
		return "has more bytes in the file than in memory";
	if (ph->p_offset > file->size || ph->p_filesz > file->size - ph->p_offset)
		return "is outside of the file (is it cut short?)";
	if (!plan->is_linux && ph->p_vaddr != ph->p_paddr)
		return "is linked to another address than it is loaded to, expected the same";
	if (ph->p_paddr < PAYLOAD_BASE)
		return "starts below 1M, where the boot pages are";
	if (ph->p_paddr > memory_bytes || ph->p_memsz > memory_bytes - ph->p_paddr)
		return "ends beyond the domain's memory";
	return NULL;
}

static int load_segment(const struct blob *file, const char *name, const Elf64_Phdr *ph,
			uint64_t memory_bytes, struct load_plan *plan, struct errors *e)
{
	const char *wrong = check_segment(file, ph, plan, memory_bytes);
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

int elf_load(const struct blob *file, const char *name, uint64_t memory_bytes,
	     struct load_plan *plan, struct errors *e)
{
	Elf64_Ehdr header;
	const char *wrong = find_headers(file, &header);
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
		if (load_segment(file, name, &ph, memory_bytes, plan, e))
			return -1;
		is_entry_loaded |= (ph.p_flags & PF_X) && header.e_entry >= ph.p_paddr &&
				   header.e_entry - ph.p_paddr < ph.p_filesz;
	}
	if (!plan->count)
		return errors_add(e, "%s: found no loadable segment, expected one at least", name);
	if (!is_entry_loaded)
		return errors_add(e, "%s: the entry point 0x%llx is in no executable segment", name,
				  (unsigned long long)header.e_entry);
	plan->entry = header.e_entry;
	return 0;
}

int elf_load_vmlinux(const struct blob *file, const char *name, uint64_t memory_bytes,
		     struct load_plan *plan, struct errors *e)
{
	plan->is_linux = true;
	return elf_load(file, name, memory_bytes, plan, e);
}
