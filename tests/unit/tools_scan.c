// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn scan` on kernels made here: every class with exact counts, pv_ops, alternatives, data
 * between functions, kernels without symbols, wrong files, broken tables, and files damaged at
 * random.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels.h"
#include "scan.h"
#include "scan_kernel.h"
#include "tap.h"

/* From the manuals' encodings. One class may have several. */
static const struct encoding {
	enum scan_class_id class;
	uint8_t size, bytes[7];
} encodings[] = {
	{ SCAN_sgdt, 3, { 0x0f, 0x01, 0x00 } },
	{ SCAN_sidt, 3, { 0x0f, 0x01, 0x08 } },
	{ SCAN_sldt, 3, { 0x0f, 0x00, 0xc0 } },
	{ SCAN_str, 3, { 0x0f, 0x00, 0xc8 } },
	{ SCAN_smsw, 3, { 0x0f, 0x01, 0xe0 } },
	{ SCAN_pushf, 1, { 0x9c } },
	{ SCAN_pushf, 2, { 0x66, 0x9c } },
	{ SCAN_popf, 1, { 0x9d } },
	{ SCAN_lar, 3, { 0x0f, 0x02, 0xc0 } },
	{ SCAN_lsl, 3, { 0x0f, 0x03, 0xc0 } },
	{ SCAN_verr, 3, { 0x0f, 0x00, 0xe0 } },
	{ SCAN_verw, 7, { 0x0f, 0x00, 0x2d, 1, 2, 3, 4 } },
	{ SCAN_push_seg, 2, { 0x0f, 0xa0 } },
	{ SCAN_push_seg, 2, { 0x0f, 0xa8 } },
	{ SCAN_pop_seg, 2, { 0x0f, 0xa1 } },
	{ SCAN_pop_seg, 2, { 0x0f, 0xa9 } },
	{ SCAN_mov_from_seg, 2, { 0x8c, 0xd8 } },
	{ SCAN_mov_from_seg, 3, { 0x66, 0x8c, 0xe0 } },
	{ SCAN_mov_to_seg, 2, { 0x8e, 0xd8 } },
	{ SCAN_mov_to_seg, 3, { 0x41, 0x8e, 0xc0 } },
	{ SCAN_call_far, 2, { 0xff, 0x18 } },
	{ SCAN_jmp_far, 2, { 0xff, 0x28 } },
	{ SCAN_ret_far, 1, { 0xcb } },
	{ SCAN_ret_far, 2, { 0x48, 0xcb } },
	{ SCAN_int_n, 2, { 0xcd, 0x80 } },
	{ SCAN_lgdt, 3, { 0x0f, 0x01, 0x10 } },
	{ SCAN_lidt, 3, { 0x0f, 0x01, 0x18 } },
	{ SCAN_lldt, 3, { 0x0f, 0x00, 0xd0 } },
	{ SCAN_ltr, 3, { 0x0f, 0x00, 0xd8 } },
	{ SCAN_lmsw, 3, { 0x0f, 0x01, 0xf0 } },
	{ SCAN_clts, 2, { 0x0f, 0x06 } },
	{ SCAN_cli, 1, { 0xfa } },
	{ SCAN_sti, 1, { 0xfb } },
	{ SCAN_hlt, 1, { 0xf4 } },
	{ SCAN_mov_from_cr0, 3, { 0x0f, 0x20, 0xc0 } },
	{ SCAN_mov_to_cr0, 3, { 0x0f, 0x22, 0xc0 } },
	{ SCAN_mov_from_cr2, 3, { 0x0f, 0x20, 0xd0 } },
	{ SCAN_mov_to_cr2, 3, { 0x0f, 0x22, 0xd7 } },
	{ SCAN_mov_from_cr3, 3, { 0x0f, 0x20, 0xd8 } },
	{ SCAN_mov_to_cr3, 3, { 0x0f, 0x22, 0xdf } },
	{ SCAN_mov_from_cr4, 3, { 0x0f, 0x20, 0xe0 } },
	{ SCAN_mov_to_cr4, 4, { 0x41, 0x0f, 0x22, 0xe0 } },
	{ SCAN_mov_from_cr8, 4, { 0x44, 0x0f, 0x20, 0xc0 } },
	{ SCAN_mov_to_cr8, 4, { 0x44, 0x0f, 0x22, 0xc0 } },
	{ SCAN_mov_from_dr, 3, { 0x0f, 0x21, 0xf8 } },
	{ SCAN_mov_to_dr, 3, { 0x0f, 0x23, 0xf8 } },
	{ SCAN_invlpg, 3, { 0x0f, 0x01, 0x3f } },
	{ SCAN_invpcid, 5, { 0x66, 0x0f, 0x38, 0x82, 0x08 } },
	{ SCAN_invd, 2, { 0x0f, 0x08 } },
	{ SCAN_wbinvd, 2, { 0x0f, 0x09 } },
	{ SCAN_rdmsr, 2, { 0x0f, 0x32 } },
	{ SCAN_wrmsr, 2, { 0x0f, 0x30 } },
	{ SCAN_in, 1, { 0xec } },
	{ SCAN_in, 2, { 0xe4, 0x60 } },
	{ SCAN_in, 2, { 0x66, 0xed } },
	{ SCAN_out, 1, { 0xee } },
	{ SCAN_out, 2, { 0xe7, 0x80 } },
	{ SCAN_ins, 1, { 0x6c } },
	{ SCAN_ins, 2, { 0xf3, 0x6d } },
	{ SCAN_ins, 3, { 0xf3, 0x66, 0x6d } },
	{ SCAN_outs, 1, { 0x6e } },
	{ SCAN_outs, 2, { 0xf3, 0x6f } },
	{ SCAN_iret, 2, { 0x48, 0xcf } },
	{ SCAN_iret, 1, { 0xcf } },
	{ SCAN_swapgs, 3, { 0x0f, 0x01, 0xf8 } },
	{ SCAN_sysret, 3, { 0x48, 0x0f, 0x07 } },
	{ SCAN_sysret, 2, { 0x0f, 0x07 } },
	{ SCAN_sysexit, 2, { 0x0f, 0x35 } },
	{ SCAN_xsetbv, 3, { 0x0f, 0x01, 0xd1 } },
	{ SCAN_xsaves, 4, { 0x48, 0x0f, 0xc7, 0x2f } },
	{ SCAN_xsaves, 3, { 0x0f, 0xc7, 0x2f } },
	{ SCAN_xrstors, 4, { 0x48, 0x0f, 0xc7, 0x1f } },
	{ SCAN_monitor, 3, { 0x0f, 0x01, 0xc8 } },
	{ SCAN_mwait, 3, { 0x0f, 0x01, 0xc9 } },
	{ SCAN_vmcall, 3, { 0x0f, 0x01, 0xc1 } },
	{ SCAN_vmfunc, 3, { 0x0f, 0x01, 0xd4 } },
	{ SCAN_vmx, 3, { 0x0f, 0x01, 0xc2 } },
	{ SCAN_vmx, 3, { 0x0f, 0x01, 0xc3 } },
	{ SCAN_vmx, 3, { 0x0f, 0x01, 0xc4 } },
	{ SCAN_vmx, 3, { 0x0f, 0x78, 0xc1 } },
	{ SCAN_vmx, 3, { 0x0f, 0x79, 0xc1 } },
	{ SCAN_vmx, 4, { 0xf3, 0x0f, 0xc7, 0x30 } },
	{ SCAN_vmx, 4, { 0x66, 0x0f, 0xc7, 0x30 } },
	{ SCAN_vmx, 3, { 0x0f, 0xc7, 0x30 } },
	{ SCAN_vmx, 5, { 0x66, 0x0f, 0x38, 0x80, 0x08 } },
	{ SCAN_vmx, 5, { 0x66, 0x0f, 0x38, 0x81, 0x08 } },
	{ SCAN_vmmcall, 3, { 0x0f, 0x01, 0xd9 } },
	{ SCAN_vmrun, 3, { 0x0f, 0x01, 0xd8 } },
	{ SCAN_vmload, 3, { 0x0f, 0x01, 0xda } },
	{ SCAN_vmsave, 3, { 0x0f, 0x01, 0xdb } },
	{ SCAN_stgi, 3, { 0x0f, 0x01, 0xdc } },
	{ SCAN_clgi, 3, { 0x0f, 0x01, 0xdd } },
	{ SCAN_skinit, 3, { 0x0f, 0x01, 0xde } },
	{ SCAN_invlpga, 3, { 0x0f, 0x01, 0xdf } },
	{ SCAN_cpuid, 2, { 0x0f, 0xa2 } },
	{ SCAN_rdtsc, 2, { 0x0f, 0x31 } },
	{ SCAN_rdtscp, 3, { 0x0f, 0x01, 0xf9 } },
	{ SCAN_rdpmc, 2, { 0x0f, 0x33 } },
	{ SCAN_pause, 2, { 0xf3, 0x90 } },
	{ SCAN_rdrand, 3, { 0x0f, 0xc7, 0xf0 } },
	{ SCAN_rdseed, 3, { 0x0f, 0xc7, 0xf8 } },
};

#define ENCODINGS (sizeof(encodings) / sizeof(encodings[0]))

/* What is near them in the opcode maps and must not count: mov, push, pop, calls, jumps, nops. */
static const char harmless[] = "\x8b\xc0\x50\x58\xc3\xcc\x90\xe8\0\0\0\0\xeb\0\x0f\x1f\0\x0f\x0b"
			       "\xff\x10\xff\x20\x0f\xae\xe8\x0f\x01\xee\x0f\x05\x0f\xc7\x0f\x48"
			       "\x87\xc0\xf3\x0f\x1e\xfa\x0f\x01\xca\x0f\x01\xcb";

static struct made made;
static struct scan scan;

/* Scans a made kernel. Its result and errors. */
static int run_file(struct blob *file, const char *map, struct errors *e)
{
	memset(&scan, 0, sizeof(scan));
	memset(e, 0, sizeof(*e));
	if (scan_image_parse(&scan.image, "made", file, map, e) ||
	    scan_tables_read(&scan.tables, &scan.image, e))
		return -1;
	return scan_run(&scan, e);
}

static int run(struct errors *e)
{
	struct blob file = made_file(&made);

	return run_file(&file, NULL, e);
}

static void begin(void)
{
	memset(&made, 0, sizeof(made));
	made_symbol(&made, MADE_TEXT, "_text", 0);
}

static uint64_t count(enum scan_class_id class, enum scan_kind kind)
{
	return scan.counts[class].kind[kind];
}

static uint64_t undecoded(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < scan.image.section_count; i++)
		sum += scan.image.sections[i].undecoded;
	return sum;
}

/* Encoding i stands 1 + i % 3 times in .text, and once in .init.text if i is even. */
static void test_classes(void)
{
	uint64_t text[SCAN_CLASSES] = { 0 }, init[SCAN_CLASSES] = { 0 };
	struct errors e;

	begin();
	for (size_t i = 0; i < ENCODINGS; i++) {
		const struct encoding *c = &encodings[i];

		for (size_t n = 0; n < 1 + i % 3; n++, text[c->class]++)
			made_add(&made, MADE_TEXT, c->bytes, c->size);
		made_add(&made, MADE_TEXT, harmless, sizeof(harmless) - 1);
		if (i % 2)
			continue;
		made_add(&made, MADE_INIT, c->bytes, c->size);
		init[c->class]++;
	}
	EXPECT_EQ(run(&e), 0);
	for (unsigned int c = 0; c < SCAN_CLASSES; c++) {
		EXPECT_MSG(text[c], "%s has no encoding here", scan_classes[c].name);
		EXPECT_MSG(scan.counts[c].text == text[c] && scan.counts[c].init == init[c],
			   "%s: %llu and %llu, expected %llu and %llu", scan_classes[c].name,
			   (unsigned long long)scan.counts[c].text,
			   (unsigned long long)scan.counts[c].init, (unsigned long long)text[c],
			   (unsigned long long)init[c]);
		EXPECT_EQ(count(c, SCAN_LEFT), text[c] + init[c]);
		EXPECT_EQ(count(c, SCAN_CALL) + count(c, SCAN_BEHIND), 0);
	}
	/* RDPKRU is newer than Capstone 4. */
	EXPECT_MSG(undecoded() == 0 || undecoded() == 3 * ENCODINGS, "%llu bytes not decoded",
		   (unsigned long long)undecoded());
	scan_free(&scan);
	tap_case("every class in .text and .init.text, counted exactly");
}

/* Two operations: 2 is CLI, 5 is STI and HLT; RDTSC with an alternative. */
static void make_patched(void)
{
	uint64_t at;

	begin();
	made_symbol(&made, MADE_TEXT, "native_irq_disable", 2);
	made_operation(&made, 2, made_here(&made, MADE_TEXT));
	made_add(&made, MADE_TEXT, "\xfa\xc3", 2);
	made_symbol(&made, MADE_TEXT, "native_safe_halt", 5);
	made_operation(&made, 5, made_here(&made, MADE_TEXT));
	/* JE over the return, so that without symbols the end must be found behind it. */
	made_add(&made, MADE_TEXT, "\x74\x02\xfb\xc3\xf4\xc3", 6);
	made_symbol(&made, MADE_TEXT, "other", 0);
	made_call(&made, MADE_TEXT, 2);
	made_call(&made, MADE_INIT, 5);
	at = made_call(&made, MADE_TEXT, 2);
	made_add(&made, MADE_TEXT, "\x90", 1);
	made_alternative(&made, at, 7, 0x8110, "\xfa", 1);
	made_add(&made, MADE_TEXT, "\xfa\xfb\xf4", 3);
	made_pv_entry(&made, made_here(&made, MADE_TEXT) - 1, 9, 1);
	at = made_here(&made, MADE_TEXT);
	made_add(&made, MADE_TEXT, "\x0f\x31\x90\x90\x90", 5);
	made_alternative(&made, at, 5, 0x72, "\x0f\xae\xe8\x0f\x31", 5);
	made_alternative(&made, at, 5, 0x3b, "\x0f\x01\xf9", 3);
	made_alternative(&made, at, 5, 0x44, "", 0);
}

static void check_patched(void)
{
	EXPECT_EQ(count(SCAN_cli, SCAN_BEHIND), 1);
	EXPECT_EQ(count(SCAN_cli, SCAN_LEFT), 1);
	EXPECT_EQ(count(SCAN_cli, SCAN_CALL), 1);
	EXPECT_EQ(count(SCAN_cli, SCAN_CALL_BACK), 1);
	EXPECT_EQ(count(SCAN_cli, SCAN_REPLACEMENT), 1);
	EXPECT_EQ(scan.counts[SCAN_cli].text, 2);
	EXPECT_EQ(count(SCAN_sti, SCAN_BEHIND), 1);
	EXPECT_EQ(count(SCAN_sti, SCAN_LEFT), 1);
	EXPECT_EQ(count(SCAN_sti, SCAN_CALL), 1);
	EXPECT_EQ(count(SCAN_sti, SCAN_CALL_BACK), 0);
	/* One in native_safe_halt, one within a site of the old kind, none left. */
	EXPECT_EQ(count(SCAN_hlt, SCAN_BEHIND), 2);
	EXPECT_EQ(count(SCAN_hlt, SCAN_LEFT), 0);
	EXPECT_EQ(count(SCAN_hlt, SCAN_CALL), 1);
	EXPECT_EQ(count(SCAN_rdtsc, SCAN_ORIGINAL), 1);
	EXPECT_EQ(count(SCAN_rdtsc, SCAN_LEFT), 0);
	EXPECT_EQ(count(SCAN_rdtsc, SCAN_REPLACEMENT), 1);
	EXPECT_EQ(count(SCAN_rdtscp, SCAN_REPLACEMENT), 1);
	EXPECT_EQ(scan.counts[SCAN_rdtscp].text + scan.counts[SCAN_rdtscp].init, 0);
	EXPECT_EQ(scan.tables.pv_count, 4);
	EXPECT_EQ(scan.tables.alternative_count, 4);
	EXPECT_EQ(undecoded(), 0);
}

static void test_patched(void)
{
	static const struct {
		enum scan_class_id class;
		enum scan_kind kind;
		const char *where, *note;
	} sites[] = {
		{ SCAN_cli, SCAN_CALL, "other", "pv_ops[2], native_irq_disable" },
		{ SCAN_cli, SCAN_CALL_BACK, "other+0x6", "pv_ops[2], native_irq_disable" },
		{ SCAN_cli, SCAN_BEHIND, "native_irq_disable", "" },
		{ SCAN_cli, SCAN_REPLACEMENT, NULL, "goes to other+0x6 without feature 8*32+16" },
		{ SCAN_rdtsc, SCAN_ORIGINAL, "other+0x10", "replaced with feature " },
	};
	struct errors e;
	char text[320];

	make_patched();
	EXPECT_EQ(run(&e), 0);
	check_patched();
	for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
		const struct scan_site *found = NULL;

		for (size_t n = 0; n < scan.site_count; n++)
			if (scan.sites[n].class == sites[i].class &&
			    scan.sites[n].kind == sites[i].kind)
				found = &scan.sites[n];
		EXPECT_MSG(found, "no site %zu", i);
		if (!found)
			continue;
		scan_where(&scan.image, found->address, text, sizeof(text));
		EXPECT_MSG(!sites[i].where || !strcmp(text, sites[i].where), "%s", text);
		scan_site_note(&scan, found, text, sizeof(text));
		EXPECT_MSG(!strncmp(text, sites[i].note, strlen(sites[i].note)), "%s", text);
	}
	scan_free(&scan);
	tap_case("pv_ops sites, what they stand for, alternatives");
}

/* The same kernel in a bzImage, which has no symbols. */
static void test_packed(void)
{
	struct blob inside, packed, file;
	struct errors e;

	make_patched();
	made.is_stripped = true;
	inside = made_file(&made);
	packed = kernel_lz4(&inside);
	kernel_add_size(&packed, inside.size);
	file = kernel_bzimage(&packed);
	EXPECT_EQ(run_file(&file, NULL, &e), 0);
	EXPECT_MSG(!e.count, "%s", e.text[0]);
	EXPECT_EQ(scan.image.symbols.count, 0);
	check_patched();
	scan_free(&scan);
	blob_free(&inside);
	blob_free(&packed);
	tap_case("a bzImage, without symbols");
}

/* Two bytes that begin a long instruction, in front of a CPUID that must still be found. */
static void make_data(bool has_symbols)
{
	int32_t distance;

	begin();
	made_add(&made, MADE_TEXT, "\x06\x48\xb8", 3);
	made.is_stripped = !has_symbols;
	made.has_orc = !has_symbols;
	if (has_symbols)
		made_symbol(&made, MADE_TEXT, "function", 3);
	distance = (int32_t)(made_here(&made, MADE_TEXT) - made_here(&made, MADE_ORC));
	made_add(&made, MADE_ORC, &distance, sizeof(distance));
	made_add(&made, MADE_TEXT, "\x0f\xa2\xc3\x90\x90\x90\x90\x90\x90\x90", 10);
}

static int run_map(const char *text, struct errors *e)
{
	char path[] = "/tmp/pvn-scan-XXXXXX";
	int fd = mkstemp(path), result;
	struct blob file = made_file(&made);
	ssize_t n = write(fd, text, strlen(text));

	EXPECT_EQ(n, strlen(text));
	close(fd);
	result = run_file(&file, path, e);
	blob_free(&file);
	unlink(path);
	return result;
}

static void test_data(void)
{
	struct errors e;
	char where[40];

	make_data(true);
	EXPECT_EQ(run(&e), 0);
	EXPECT_EQ(scan.counts[SCAN_cpuid].text, 1);
	EXPECT_EQ(undecoded(), 3);
	scan_free(&scan);

	make_data(false);
	EXPECT_EQ(run_map("ffffffff81010000 T _text\nffffffff81010003 t function\n"
			  "ffffffff81010005 d no_code\n",
			  &e),
		  0);
	EXPECT_EQ(scan.counts[SCAN_cpuid].text, 1);
	EXPECT_EQ(scan.image.symbols.count, 2);
	scan_where(&scan.image, scan.sites[0].address, where, sizeof(where));
	EXPECT_MSG(!strcmp(where, "function"), "%s", where);
	scan_free(&scan);
	tap_case("data between functions; symbols of a System.map");
}

/* 300 functions, so that there are two markers; the last is looked for. */
static void test_kallsyms(void)
{
	struct errors e;
	char name[40];

	for (unsigned int has_seqs = 0; has_seqs < 2; has_seqs++) {
		begin();
		for (unsigned int i = 0; i < 300; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			made_symbol(&made, MADE_TEXT, name, 0);
			made_add(&made, MADE_TEXT, "\xc3\x48\xb8", 3);
		}
		made_symbol(&made, MADE_INIT, "last", 0);
		made_add(&made, MADE_INIT, "\x90\x0f\xa2", 3);
		made_add(&made, MADE_RODATA, "Linux version 6.1.0-test (x", 27);
		made_kallsyms(&made, has_seqs);
		made.is_stripped = true;
		EXPECT_EQ(run(&e), 0);
		EXPECT_MSG(!e.count, "%s", e.text[0]);
		EXPECT_EQ(scan.image.symbols.count, 302);
		EXPECT_EQ(scan.counts[SCAN_cpuid].init, 1);
		EXPECT_EQ(undecoded(), 600);
		EXPECT_MSG(!strcmp(scan.image.version, "6.1.0-test"), "%s", scan.image.version);
		scan_where(&scan.image, scan.sites[0].address, name, sizeof(name));
		EXPECT_MSG(!strcmp(name, "last+0x1"), "%s", name);
		scan_free(&scan);
	}
	tap_case("symbols of kallsyms");
}

/* ---- errors ---- */

static void expect_error(struct blob *file, const char *wanted)
{
	struct errors e;

	EXPECT_EQ(run_file(file, NULL, &e), -1);
	EXPECT_MSG(e.count == 1 && strstr(e.text[0], wanted), "found \"%s\", expected \"%s\"",
		   e.text[0], wanted);
	EXPECT_MSG(strstr(e.text[0], "made: "), "%s: no file", e.text[0]);
	scan_free(&scan);
	blob_free(file);
}

static void expect_broken(size_t at, uint64_t value, size_t bytes, const char *wanted)
{
	struct blob file;

	make_patched();
	file = made_file(&made);
	memcpy(file.data + at, &value, bytes);
	expect_error(&file, wanted);
}

static void test_bad_files(void)
{
	const size_t text = made_header_at(MADE_TEXT), names = made_header_at(MADE_NAMES);
	struct blob file = { xcalloc(1, 100), 100 };

	expect_error(&file, "found neither an ELF file nor a bzImage");
	file = (struct blob){ NULL, 0 };
	expect_error(&file, "found neither an ELF file nor a bzImage");
	make_patched();
	file = made_file(&made);
	file.size = 30;
	expect_error(&file, "is cut short, within its ELF header");
	make_patched();
	made.is_stripped = true;
	file = made_file(&made);
	expect_error(&file, "found no symbols");
	file = made_file(&made);
	file.size /= 2;
	expect_error(&file, "(is it cut short?)");
	expect_broken(EI_CLASS, ELFCLASS32, 1, "32-bit");
	expect_broken(EI_DATA, ELFDATA2MSB, 1, "another machine");
	expect_broken(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2, "another machine");
	expect_broken(offsetof(Elf64_Ehdr, e_type), ET_REL, 2, "a module?");
	expect_broken(offsetof(Elf64_Ehdr, e_type), ET_DYN, 2, "position-independent");
	expect_broken(offsetof(Elf64_Ehdr, e_shnum), 0, 2, "no section headers");
	expect_broken(offsetof(Elf64_Ehdr, e_shoff), ~0ull, 8, "outside of the file");
	expect_broken(offsetof(Elf64_Ehdr, e_shstrndx), 99, 2, "no names of sections");
	expect_broken(names + offsetof(Elf64_Shdr, sh_offset), ~0ull, 8, "names of its sections");
	expect_broken(text + offsetof(Elf64_Shdr, sh_name), 0xffffff, 4, "has no name");
	expect_broken(text + offsetof(Elf64_Shdr, sh_offset), ~0ull, 8, "(.text, ");
	expect_broken(text + offsetof(Elf64_Shdr, sh_size), 1 << 30, 8, "is outside of the file");
	expect_broken(text + offsetof(Elf64_Shdr, sh_addr), ~0ull - 1, 8, "the address space");
	expect_broken(made_header_at(MADE_SYMTAB) + offsetof(Elf64_Shdr, sh_offset), ~0ull, 8,
		      "its symbol table");
	tap_case("wrong, stripped, cut and damaged files have an error each");
}

static void test_bad_maps(void)
{
	static const char *const maps[][2] = {
		{ "ffffffffffffffff B The real System.map is in the linux-image-dbg package\n",
		  "found no function" },
		{ "ffffffff81010000 T _text\nnonsense\n", ":2:1: expected an address" },
		{ "ffffffff81010000 T \n", ":1:1: expected an address" },
		{ "", "found no function" },
	};
	struct errors e;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		make_data(false);
		EXPECT_EQ(run_map(maps[i][0], &e), -1);
		EXPECT_MSG(strstr(e.text[0], maps[i][1]), "%s", e.text[0]);
		scan_free(&scan);
	}
	tap_case("a System.map that is none");
}

static void expect_bad_tables(const char *wanted)
{
	struct blob file = made_file(&made);

	expect_error(&file, wanted);
}

static void test_bad_tables(void)
{
	uint64_t start;

	make_patched();
	made.used[MADE_PV]--;
	expect_bad_tables(".parainstructions has 63 bytes, expected a multiple of 16");
	make_patched();
	made.used[MADE_ALTERNATIVES]--;
	expect_bad_tables(".altinstructions has 47 bytes, expected a multiple of 12");
	make_patched();
	made_pv_entry(&made, 0xffffffff80000000, 0, 6);
	expect_bad_tables(".parainstructions, entry 4: 0xffffffff80000000 is no code");
	make_patched();
	made_pv_entry(&made, made_here(&made, MADE_TEXT) - 1, 0, 2);
	expect_bad_tables("is no code");
	make_patched();
	made_pv_entry(&made, made_here(&made, MADE_TEXT) - 1, 0, 0);
	expect_bad_tables("is no code");
	make_patched();
	made.bytes[MADE_PV][8]++;
	expect_bad_tables("entry 1: 0xffffffff8102");
	make_patched();
	made.used[MADE_DATA] = 8;
	expect_bad_tables("calls through an address outside of the image");
	make_patched();
	start = made_here(&made, MADE_TEXT);
	made_alternative(&made, start, 2, 1, "\x90", 1);
	expect_bad_tables(".altinstructions, entry 4");
	make_patched();
	made_alternative(&made, start - 2, 2, 1, "\x90\x90\x90", 3);
	expect_bad_tables("longer than the original");
	make_patched();
	made_alternative(&made, start - 2, 2, 1, "\x90", 1);
	made.used[MADE_REPLACEMENTS]--;
	expect_bad_tables("a replacement that is no code");
	tap_case("broken tables of patch sites have an error each");
}

/* ---- output ---- */

static char *slurp(FILE *f)
{
	char *text = xcalloc(1, 100000);

	rewind(f);
	if (!fread(text, 1, 99999, f))
		*text = '\0';
	fclose(f);
	return text;
}

static void test_files(void)
{
	char path[] = "/tmp/pvn-scan-XXXXXX", *text;
	struct errors e;
	int fd = mkstemp(path);

	make_patched();
	EXPECT_EQ(run(&e), 0);
	EXPECT_EQ(scan_write_csv(&scan, 1, path, &e), 0);
	text = slurp(fopen(path, "r"));
	EXPECT(strstr(text, "\"made\",cli,privileged,never,never,never,never,2,0,1,0,1,2,1,1\n"));
	free(text);
	EXPECT_EQ(scan_write_json(&scan, 1, SCAN_cli, path, &e), 0);
	text = slurp(fopen(path, "r"));
	EXPECT(strstr(text, "\"version\":1") && strstr(text, "native_irq_disable"));
	free(text);
	EXPECT_EQ(scan_write_json(&scan, 1, SCAN_NONE, "/nonexistent/x", &e), -1);
	EXPECT_EQ(scan_write_csv(&scan, 1, "/nonexistent/x", &e), -1);
	EXPECT_EQ(e.count, 2);
	EXPECT_EQ(scan_class_find("popf", &e), SCAN_popf);
	EXPECT_EQ(scan_class_find("poopf", &e), SCAN_NONE);
	EXPECT_MSG(strstr(e.text[2], "did you mean \"popf\""), "%s", e.text[2]);
	scan_free(&scan);
	close(fd);
	unlink(path);
	tap_case("CSV and JSON");
}

/* What is in the tables must hold whatever a file says. */
static void check_sums(void)
{
	for (unsigned int c = 0; c < SCAN_CLASSES; c++) {
		const struct scan_count *n = &scan.counts[c];

		EXPECT_EQ(n->text + n->init,
			  n->kind[SCAN_LEFT] + n->kind[SCAN_BEHIND] + n->kind[SCAN_ORIGINAL]);
	}
}

static void test_fuzz(unsigned long rounds)
{
	uint64_t seed = 4711;
	unsigned long accepted = 0;
	struct blob good[2];
	struct errors e;
	char text[320];

	make_patched();
	made.has_orc = true;
	made_add(&made, MADE_ORC, "\0\0\0\0\1\0\0\0", 8);
	good[0] = made_file(&made);
	made_kallsyms(&made, true);
	made.is_stripped = true;
	good[1] = made_file(&made);
	for (unsigned long i = 0; i < rounds; i++) {
		const struct blob *from = &good[i % 2];
		size_t size = rnd(&seed) % 4 ? from->size : rnd(&seed) % from->size;
		struct blob bad = { xmalloc(size ? size : 1), size };

		memcpy(bad.data, from->data, size);
		/* Most of the file is room in front of the sections. */
		for (uint64_t n = rnd(&seed) % 6; size > 0x1000 && n; n--) {
			size_t at = rnd(&seed) % 2 ? rnd(&seed) % made_header_at(MADE_SECTIONS) :
						     0x1000 + rnd(&seed) % (size - 0x1000);

			bad.data[at] = (uint8_t)rnd(&seed);
		}
		if (!run_file(&bad, NULL, &e)) {
			check_sums();
			accepted++;
		} else {
			EXPECT_EQ(e.count, 1);
		}
		for (size_t n = 0; !e.count && n < scan.site_count; n++)
			scan_site_note(&scan, &scan.sites[n], text, sizeof(text));
		scan_free(&scan);
		blob_free(&bad);
	}
	EXPECT_MSG(accepted > rounds / 10 && accepted < rounds, "%lu accepted", accepted);
	blob_free(&good[0]);
	blob_free(&good[1]);
	tap_case("files damaged at random");
}

int main(int argc, char **argv)
{
	test_classes();
	test_patched();
	test_packed();
	test_data();
	test_kallsyms();
	test_bad_files();
	test_bad_maps();
	test_bad_tables();
	test_files();
	test_fuzz(argc > 1 ? strtoul(argv[1], NULL, 0) : 3000);
	return tap_done();
}
