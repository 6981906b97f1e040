/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a kernel's bytes to a bundle: the ELF loader with damaged files, the formats that are
 * refused, unpacking, the boot pages (walked and decoded again), and the bundle as a whole, which
 * the hypervisor's own check must accept.
 */
#include <elf.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "boot_pages.h"
#include "bundle.h"
#include "dispatcher/bundle.h"
#include "payload.h"
#include "tap.h"

#define MEMORY (16ull << 20)
#define TEXT_OFFSET 0x1000u
#define TEXT_BYTES 0x80u
#define FILE_BYTES 0x1200u

/* A program of two segments: text at 2 MiB, data behind it with room for zeros. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr ph[2];
};

static struct program good_program(void)
{
	struct program p = {
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				     ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = 0x200010,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
		},
		.ph = {
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = TEXT_OFFSET,
			  .p_vaddr = 0x200000, .p_paddr = 0x200000, .p_filesz = TEXT_BYTES,
			  .p_memsz = TEXT_BYTES },
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x1100,
			  .p_vaddr = 0x201000, .p_paddr = 0x201000,
			  .p_filesz = 0x100, .p_memsz = 0x3456 },
		},
	};

	return p;
}

static struct blob file_of(const struct program *p)
{
	struct blob b = { xcalloc(1, FILE_BYTES), FILE_BYTES };

	memcpy(b.data, p, sizeof(*p));
	for (unsigned int i = TEXT_OFFSET; i < FILE_BYTES; i++)
		b.data[i] = (uint8_t)(i * 7);
	return b;
}

/* ---- ELF ---- */

static int load(struct blob *b, struct load_plan *plan, struct errors *e)
{
	memset(e, 0, sizeof(*e));
	return payload_load(b, "k.elf", PV_MODE_FULL_HAP, MEMORY, plan, e);
}

/* clang-format off */
static void break_class(struct program *p) { p->header.e_ident[EI_CLASS] = ELFCLASS32; }
static void break_data(struct program *p) { p->header.e_ident[EI_DATA] = ELFDATA2MSB; }
static void break_machine(struct program *p) { p->header.e_machine = EM_AARCH64; }
static void break_pie(struct program *p) { p->header.e_type = ET_DYN; }
static void break_object(struct program *p) { p->header.e_type = ET_REL; }
static void break_phnum(struct program *p) { p->header.e_phnum = 0; }
static void break_many(struct program *p) { p->header.e_phnum = 65; }
static void break_phoff(struct program *p) { p->header.e_phoff = FILE_BYTES - 8; }
static void break_phoff_far(struct program *p) { p->header.e_phoff = ~0ull - 7; }
static void break_entry(struct program *p) { p->header.e_entry = 0x201000; }
static void break_entry_end(struct program *p) { p->header.e_entry = 0x200000 + TEXT_BYTES; }
static void break_interp(struct program *p) { p->ph[1].p_type = PT_INTERP; }
static void break_no_load(struct program *p) { p->ph[0].p_type = p->ph[1].p_type = PT_NOTE; }
static void break_offset(struct program *p) { p->ph[1].p_offset = FILE_BYTES; }
static void break_offset_wrap(struct program *p) { p->ph[1].p_offset = ~0ull - 0x7f; }
static void break_filesz(struct program *p) { p->ph[1].p_filesz = p->ph[1].p_memsz = ~0ull; }
static void break_memsz(struct program *p) { p->ph[1].p_memsz = 0xff; }
static void break_high(struct program *p) { p->ph[1].p_vaddr = p->ph[1].p_paddr = MEMORY - 0x1000; }
static void break_wrap(struct program *p) { p->ph[1].p_vaddr = p->ph[1].p_paddr = ~0ull - 0xfff; }
static void break_low(struct program *p) { p->ph[1].p_vaddr = p->ph[1].p_paddr = 0x8000; }
static void break_virtual(struct program *p) { p->ph[1].p_vaddr = 0x40201000; }
static void break_overlap(struct program *p) { p->ph[1].p_vaddr = p->ph[1].p_paddr = 0x20007f; }
/* clang-format on */

static const struct {
	const char *name;
	void (*damage)(struct program *p);
	const char *error; /* a part of it */
} broken[] = {
	{ "32-bit", break_class, "found a 32-bit ELF file, expected 64-bit" },
	{ "big-endian", break_data, "found a big-endian" },
	{ "other machine", break_machine, "of another machine, expected x86-64" },
	{ "position-independent", break_pie, "link with -static -no-pie" },
	{ "object file", break_object, "an object file?" },
	{ "no program headers", break_phnum, "found no program headers" },
	{ "too many program headers", break_many, "more than 64 program headers" },
	{ "program headers cut off", break_phoff, "program headers are outside of the file" },
	{ "program headers far off", break_phoff_far, "program headers are outside of the file" },
	{ "entry in data", break_entry, "the entry point 0x201000 is in no executable segment" },
	{ "entry behind text", break_entry_end, "the entry point 0x200080 is in no executable" },
	{ "interpreter", break_interp, "found a dynamically linked program" },
	{ "nothing to load", break_no_load, "found no loadable segment" },
	{ "segment cut off", break_offset, "at 0x201000 (0x3456 bytes) is outside of the file" },
	{ "segment offset wraps", break_offset_wrap, "is outside of the file" },
	{ "segment size wraps", break_filesz, "is outside of the file" },
	{ "more file than memory", break_memsz, "has more bytes in the file than in memory" },
	{ "beyond memory", break_high, "ends beyond the domain's memory; memory is 16M" },
	{ "address wraps", break_wrap, "ends beyond the domain's memory" },
	{ "over the boot pages", break_low, "starts below 1M, where the boot pages are" },
	{ "linked elsewhere", break_virtual, "is linked to another address" },
	{ "segments overlap", break_overlap,
	  "to 0x200000 (0x80 bytes) and to 0x20007f (0x3456 bytes)" },
};

static void test_elf(void)
{
	struct program p = good_program();
	struct blob b = file_of(&p);
	struct load_plan plan;
	struct errors e;

	EXPECT(!load(&b, &plan, &e) && !load_plan_check(&plan, "k.elf", MEMORY, &e) && !e.count);
	EXPECT_EQ(plan.count, 2);
	EXPECT_EQ(plan.entry, 0x200010);
	EXPECT_EQ(plan.image_end, 0x205000);
	EXPECT_EQ(plan.segments[1].mem_bytes, 0x3456);
	EXPECT(plan.segments[1].bytes == b.data + 0x1100);
	blob_free(&b);
	tap_case("elf: a good program");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		p = good_program();
		broken[i].damage(&p);
		b = file_of(&p);
		EXPECT(load(&b, &plan, &e) || load_plan_check(&plan, "k.elf", MEMORY, &e));
		EXPECT_EQ(e.count, 1);
		EXPECT_MSG(!strncmp(e.text[0], "k.elf: ", 7) && strstr(e.text[0], broken[i].error),
			   "error is \"%s\"", e.text[0]);
		blob_free(&b);
		tap_case(broken[i].name);
	}
}

/* Whatever the headers hold: no access outside of the file (the sanitizers watch), no wild plan. */
static void test_elf_random(void)
{
	uint64_t seed = 1;
	unsigned int accepted = 0;

	for (int round = 0; round < 20000; round++) {
		struct program p = good_program();
		struct load_plan plan;
		struct errors e;
		struct blob b;

		for (uint64_t n = rnd(&seed) % 4; n-- > 0;)
			((uint8_t *)&p)[4 + rnd(&seed) % (sizeof(p) - 4)] = (uint8_t)rnd(&seed);
		b = file_of(&p);
		b.size = rnd(&seed) % 8 ? FILE_BYTES : rnd(&seed) % FILE_BYTES;
		b.data = xrealloc(b.data, b.size);
		if (!load(&b, &plan, &e) && !load_plan_check(&plan, "k.elf", MEMORY, &e)) {
			accepted++;
			for (unsigned int i = 0; i < plan.count; i++)
				EXPECT(plan.segments[i].gpa + plan.segments[i].mem_bytes <= MEMORY);
		}
		blob_free(&b);
	}
	EXPECT(accepted > 1000 && accepted < 19000);
	tap_case("elf: random damage");
}

/* ---- Linux ---- */

#define KERNEL_BASE 0xffffffff80000000ull /* virtual address less physical, as Linux links itself */

/* A kernel of three segments; the data of CPU 0 is linked to a third place, as Linux's are. */
static struct program vmlinux(void)
{
	struct program p = good_program();

	p.ph[0].p_vaddr = KERNEL_BASE + 0x200000;
	p.ph[1].p_vaddr = 0;
	return p;
}

/* Its bytes, as those of a kernel with our series. */
static struct blob vmlinux_file(void)
{
	struct program p = vmlinux();
	struct blob b = file_of(&p);

	strcpy((char *)b.data + 0x1110, "paravane.exit_status");
	return b;
}

/* clang-format off */
static void break_high_linux(struct program *p) { p->ph[1].p_paddr = MEMORY - 0x1000; }
static void break_low_linux(struct program *p) { p->ph[1].p_paddr = 0x8000; }
static void break_wrap_linux(struct program *p) { p->ph[1].p_paddr = ~0ull - 0xfff; }
static void break_overlap_linux(struct program *p) { p->ph[1].p_paddr = 0x20007f; }
static void break_cut_linux(struct program *p) { p->ph[1].p_offset = FILE_BYTES - 0xff; }
/* The entry point is a physical address too: the kernel starts on an identity map. */
static void break_entry_linux(struct program *p) { p->header.e_entry = KERNEL_BASE + 0x200010; }
/* clang-format on */

static void test_vmlinux(void)
{
	static const struct {
		void (*damage)(struct program *p);
		const char *error;
	} bad[] = {
		{ break_high_linux, "at 0xfff000 (0x3456 bytes) ends beyond the domain's memory" },
		{ break_low_linux, "starts below 1M, where the boot pages are" },
		{ break_wrap_linux, "ends beyond the domain's memory" },
		{ break_overlap_linux, "to 0x200000 (0x80 bytes) and to 0x20007f" },
		{ break_cut_linux, "is outside of the file" },
		{ break_entry_linux, "the entry point 0xffffffff80200010 is in no executable" },
	};
	struct program p = vmlinux();
	struct blob b = file_of(&p);
	struct load_plan plan;
	struct errors e;

	EXPECT(!load(&b, &plan, &e) && !load_plan_check(&plan, "k.elf", MEMORY, &e) && !e.count);
	EXPECT(plan.protocol == LOAD_LINUX && plan.count == 2 && plan.entry == 0x200010);
	EXPECT(plan.segments[0].gpa == 0x200000 && plan.segments[1].gpa == 0x201000);
	EXPECT(plan.segments[0].bytes == b.data + TEXT_OFFSET);
	EXPECT(plan.segments[1].mem_bytes == 0x3456 && plan.image_end == 0x205000);
	blob_free(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = vmlinux();
		bad[i].damage(&p);
		b = file_of(&p);
		EXPECT(load(&b, &plan, &e) || load_plan_check(&plan, "k.elf", MEMORY, &e));
		EXPECT_MSG(e.count == 1 && strstr(e.text[0], bad[i].error), "error is \"%s\"",
			   e.text[0]);
		blob_free(&b);
	}
	tap_case("vmlinux: loaded to its physical addresses, or refused");
}

static void test_formats(void)
{
	struct blob b = { xcalloc(1, 0x2000), 0x2000 };
	struct load_plan plan;
	struct errors e;

	EXPECT(load(&b, &plan, &e) && strstr(e.text[0], "found a file of no known format"));
	b.size = 0;
	EXPECT(load(&b, &plan, &e) && strstr(e.text[0], "found a file of no known format"));
	blob_free(&b);
	tap_case("files of no format are refused");
}

/* ---- unpacking ---- */

#define PLAIN_BYTES 100000u

static struct blob plain(void)
{
	struct blob b = { xmalloc(PLAIN_BYTES), PLAIN_BYTES };

	for (unsigned int i = 0; i < PLAIN_BYTES; i++)
		b.data[i] = (uint8_t)(i * i >> 8);
	return b;
}

static struct blob gzip(const struct blob *in)
{
	struct blob out = { xmalloc(2 * PLAIN_BYTES), 2 * PLAIN_BYTES };
	z_stream z = { .next_in = in->data,
		       .avail_in = (uInt)in->size,
		       .next_out = out.data,
		       .avail_out = (uInt)out.size };

	EXPECT(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
	out.size = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct blob xz(const struct blob *in)
{
	struct blob out = { xmalloc(2 * PLAIN_BYTES), 0 };

	EXPECT(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in->data, in->size, out.data,
				       &out.size, 2 * PLAIN_BYTES) == LZMA_OK);
	return out;
}

static struct blob zstd(const struct blob *in)
{
	struct blob out = { xmalloc(2 * PLAIN_BYTES), 0 };
	ZSTD_CCtx *context = ZSTD_createCCtx();

	/* As the zstd program does; without it damage need not show. */
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	out.size = ZSTD_compress2(context, out.data, 2 * PLAIN_BYTES, in->data, in->size);
	EXPECT(!ZSTD_isError(out.size));
	ZSTD_freeCCtx(context);
	return out;
}

static bool fails(const struct blob *packed, size_t size, size_t max, const char *error)
{
	struct blob b = { xmalloc(size), size };
	struct errors e = { 0 };
	bool result;

	memcpy(b.data, packed->data, size < packed->size ? size : packed->size);
	if (size > packed->size)
		memset(b.data + packed->size, 'x', size - packed->size);
	result = decompress(&b, "k", max, &e) && e.count == 1 && strstr(e.text[0], error);
	if (!result)
		printf("# %zu bytes: %s\n", size, e.text[0]);
	blob_free(&b);
	return result;
}

static void test_unpack(void)
{
	static const struct {
		const char *name;
		struct blob (*pack)(const struct blob *in);
	} methods[] = { { "gzip", gzip }, { "xz", xz }, { "zstd", zstd } };
	struct blob raw = plain();

	for (size_t i = 0; i < 3; i++) {
		struct blob packed = methods[i].pack(&raw),
			    b = { xmalloc(packed.size), packed.size };
		struct errors e = { 0 };

		memcpy(b.data, packed.data, packed.size);
		EXPECT(!decompress(&b, "k", PLAIN_BYTES, &e) && !e.count);
		EXPECT(b.size == raw.size && !memcmp(b.data, raw.data, raw.size));
		EXPECT(fails(&packed, packed.size / 2, PLAIN_BYTES, "data is cut short"));
		EXPECT(fails(&packed, 7, PLAIN_BYTES, "data is cut short"));
		EXPECT(fails(&packed, packed.size, PLAIN_BYTES - 1, "unpacks to more than"));
		EXPECT(fails(&packed, packed.size + 5, PLAIN_BYTES, "data is"));
		packed.data[packed.size / 2] ^= 0x55;
		packed.data[packed.size / 2 + 1] ^= 0x55;
		EXPECT(fails(&packed, packed.size, PLAIN_BYTES, "data is "));
		blob_free(&b);
		blob_free(&packed);
		tap_case(methods[i].name);
	}
	blob_free(&raw);
}

/* ---- the bundle ---- */

static const struct pv_bundle_domain *domain_of(const struct blob *bundle, unsigned int n)
{
	const struct pv_bundle_header *h = (const void *)bundle->data;

	return (const struct pv_bundle_domain *)(bundle->data + h->domains_offset) + n;
}

/* A domain's memory as it is when it starts. */
static uint8_t *memory_of(const struct blob *bundle, unsigned int n)
{
	const struct pv_bundle_header *h = (const void *)bundle->data;
	const struct pv_bundle_domain *d = domain_of(bundle, n);
	const struct pv_bundle_segment *s = (const void *)(bundle->data + h->segments_offset);
	uint8_t *memory = xcalloc(1, d->memory_bytes);

	for (unsigned int i = 0; i < d->segment_count; i++) {
		const struct pv_bundle_segment *segment = &s[d->first_segment + i];

		memcpy(memory + segment->gpa, bundle->data + segment->offset, segment->file_bytes);
	}
	return memory;
}

static uint64_t get64(const uint8_t *memory, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, memory + gpa, sizeof(value));
	return value;
}

/* Walks the guest's tables; ~0 where va is not mapped writable, executable and for users. */
static uint64_t walk(const uint8_t *memory, uint64_t cr3, uint64_t va)
{
	uint64_t table = cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		uint64_t entry = get64(memory, table + (va >> shift & 511) * 8);

		if ((entry & 7) != 7 || entry >> 63)
			return ~0ull;
		table = entry & 0xffffffffff000;
		if (entry & 0x80)
			return shift == 21 ? (table & ~0x1fffffull) | (va & 0x1fffff) : ~0ull;
	}
	return ~0ull;
}

static void check_descriptors(const uint8_t *memory, const struct pv_vcpu_context *c)
{
	uint64_t code = get64(memory, c->gdt_base + c->cs),
		 data = get64(memory, c->gdt_base + c->ss);
	uint64_t tss = get64(memory, c->gdt_base + c->tr);

	EXPECT_EQ(c->gdt_limit, 0x37);
	EXPECT_EQ(code >> 40 & 0xff, 0x9b); /* present, ring 0, code, readable, accessed */
	EXPECT_EQ(code >> 53 & 3, 1); /* L = 1, D = 0 */
	EXPECT_EQ(data >> 40 & 0xff, 0x93);
	EXPECT_EQ(get64(memory, c->gdt_base + BOOT_SEL_USER_CODE) >> 40 & 0xff, 0xfb);
	EXPECT_EQ(get64(memory, c->gdt_base + BOOT_SEL_USER_DATA) >> 40 & 0xff, 0xf3);
	EXPECT_EQ(tss >> 40 & 0xff, 0x8b); /* present, ring 0, busy 64-bit TSS */
	EXPECT_EQ((tss >> 16 & 0xffffff) | (tss >> 56) << 24, c->tr_base);
	EXPECT_EQ(tss & 0xffff, c->tr_limit);
	EXPECT_EQ(get64(memory, c->gdt_base + c->tr + 8), 0);
	EXPECT_EQ(get64(memory, c->tr_base + 4), c->rsp);
}

static void check_start_info(const uint8_t *memory, const struct pv_vcpu_context *c,
			     const struct domain *d)
{
	struct pv_start_info info;

	memcpy(&info, memory + c->rdi, sizeof(info));
	EXPECT_EQ(info.magic, PV_START_MAGIC);
	EXPECT_EQ(info.memory_bytes, d->memory_bytes);
	EXPECT_EQ(info.vcpus, d->vcpus);
	EXPECT_EQ(info.mode, d->mode);
	EXPECT_EQ(info.cmdline_bytes, strlen(d->cmdline));
	EXPECT(!strcmp((const char *)memory + info.cmdline, d->cmdline));
	EXPECT(!strcmp(info.name, d->name));
	EXPECT_EQ(info.image_end, 0x205000);
	EXPECT_EQ(info.initrd_bytes, 5);
	EXPECT_EQ(info.initrd, d->memory_bytes - 4096);
	EXPECT(!memcmp(memory + info.initrd, "hello", 5));
}

static struct machine *test_machine(void)
{
	struct machine *m = xcalloc(1, sizeof(*m));

	m->file = xstrdup("m.yaml");
	m->cpus = 2;
	m->memory_bytes = 4ull << 30;
	m->slice_us = 1234;
	m->hw_off = PV_HW_X2APIC;
	m->trace_kinds = 1;
	m->trace_records = 64;
	m->domain_count = 2;
	for (int i = 0; i < 2; i++) {
		struct domain *d = &m->domains[i];

		snprintf(d->name, sizeof(d->name), "d%d", i);
		d->kernel = xstrdup("k.elf");
		d->initrd = xstrdup("initrd");
		d->cmdline = xstrdup(i ? "ms=1 \"two words\"" : "");
		d->memory_bytes = i ? 1026ull << 20 : MEMORY;
		d->vcpus = 2;
		d->mode = i ? PV_MODE_FULL_HAP : PV_MODE_PV_HAP;
		d->cpu_mask = 2;
		d->call_mask[0] = 0x11;
		d->kernel_at = (struct place){ 7, 13 };
	}
	return m;
}

static void fill_files(struct domain_files files[2], bool is_packed)
{
	for (int i = 0; i < 2; i++) {
		struct program p = good_program();

		files[i].kernel = file_of(&p);
		files[i].initrd = (struct blob){ (uint8_t *)xstrdup("hello"), 5 };
		if (is_packed) {
			struct blob packed = gzip(&files[i].kernel);

			blob_free(&files[i].kernel);
			files[i].kernel = packed;
		}
	}
}

static void free_files(struct domain_files files[2])
{
	for (int i = 0; i < 2; i++) {
		blob_free(&files[i].kernel);
		blob_free(&files[i].initrd);
	}
}

static void check_domain(const struct blob *bundle, const struct machine *m, unsigned int n)
{
	const struct pv_bundle_domain *d = domain_of(bundle, n);
	const struct pv_vcpu_context *c = &d->boot;
	uint8_t *memory = memory_of(bundle, n);
	uint64_t end = d->memory_bytes + (1ull << 30);

	/* A PC's devices are mapped, too. */
	if (d->mode == PV_MODE_FULL_HAP)
		end = 4ull << 30;
	EXPECT(!strcmp(d->name, m->domains[n].name));
	EXPECT_EQ(d->cpu_mask, 2);
	EXPECT_EQ(d->call_mask[0], 0x11);
	EXPECT_EQ(c->rip, 0x200010);
	EXPECT(!memcmp(memory + c->rip, "\x70\x77\x7e\x85", 4)); /* i * 7 from file offset 0x1010 */
	for (uint64_t va = 0; va < end; va += 0x1fffff)
		EXPECT_EQ(walk(memory, c->cr3, va), va);
	EXPECT_EQ(walk(memory, c->cr3, end - 1), end - 1);
	EXPECT_EQ(walk(memory, c->cr3, end), ~0ull);
	EXPECT_EQ(c->cr0, 0x80010033);
	EXPECT_EQ(c->cr4, 0x6a0);
	EXPECT_EQ(c->efer, 0xd01);
	EXPECT_EQ(c->rsp & 15, 0);
	check_descriptors(memory, c);
	check_start_info(memory, c, &m->domains[n]);
	free(memory);
}

static void test_bundle(void)
{
	struct machine *m = test_machine();
	struct domain_files files[2];
	struct errors e = { 0 };
	struct blob bundle, again;
	const struct pv_bundle_header *h;
	const char *why;

	fill_files(files, false);
	EXPECT(!bundle_pack(m, files, &bundle, &e) && !e.count);
	why = bundle_check(bundle.data, bundle.size);
	EXPECT_MSG(!why, "the hypervisor says: %s", why);
	h = (const void *)bundle.data;
	EXPECT_EQ(h->size, bundle.size);
	EXPECT_EQ(h->cpus, 2);
	EXPECT_EQ(h->slice_us, 1234);
	EXPECT_EQ(h->hw_off, PV_HW_X2APIC);
	check_domain(&bundle, m, 0);
	check_domain(&bundle, m, 1);
	tap_case("bundle: what the hypervisor and the guest will find");
	free_files(files);

	fill_files(files, true);
	EXPECT(!bundle_pack(m, files, &again, &e) && !e.count);
	EXPECT(again.size == bundle.size && !memcmp(again.data, bundle.data, bundle.size));
	tap_case("bundle: a compressed kernel gives the same bytes");
	bundle.data[bundle.size - 1] ^= 1;
	EXPECT(bundle_check(bundle.data, bundle.size));
	tap_case("bundle: a changed byte is noticed");
	blob_free(&bundle);
	blob_free(&again);
	free_files(files);
	machine_free(m);
}

/* ---- Linux in a bundle ---- */

static uint32_t get32(const uint8_t *memory, uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, memory + gpa, sizeof(value));
	return value;
}

/* Linux Documentation/x86/zero-page.rst and boot.rst, "The Real-Mode Kernel Header". */
static void check_linux(const struct blob *bundle, const struct domain *d, const char *initrd)
{
	const struct pv_bundle_domain *packed = domain_of(bundle, 0);
	const struct pv_vcpu_context *c = &packed->boot;
	uint8_t *memory = memory_of(bundle, 0);
	uint64_t params = c->rsi, at;

	EXPECT(c->rip == 0x200010 && c->rdi == 0 && params == BOOT_LINUX_PARAMS);
	EXPECT(!memcmp(memory + c->rip, "\x70\x77\x7e\x85", 4));
	EXPECT(!(c->rflags & 0x200) && c->cs == BOOT_SEL_CODE && c->ds == BOOT_SEL_DATA);
	for (uint64_t va = 0; va < d->memory_bytes; va += 0x1fffff)
		EXPECT_EQ(walk(memory, c->cr3, va), va);
	EXPECT(!memcmp(memory + params + 0x202, "HdrS", 4));
	EXPECT_EQ(get32(memory, params + 0x206) & 0xffff, 0x20f); /* protocol 2.15 */
	EXPECT_EQ(memory[params + 0x210], 0xff);
	at = get32(memory, params + 0x228);
	EXPECT(at < 0x9f000 && !strcmp((const char *)memory + at, d->cmdline));
	/* All of memory but the hole below 1 MiB, sorted, nothing twice. */
	EXPECT_EQ(memory[params + 0x1e8], 2);
	EXPECT(get64(memory, params + 0x2d0) == 0 && get64(memory, params + 0x2d8) == 0xa0000);
	EXPECT_EQ(get32(memory, params + 0x2e0), 1);
	EXPECT(get64(memory, params + 0x2e4) == 0x100000 &&
	       get64(memory, params + 0x2ec) == d->memory_bytes - 0x100000);
	EXPECT_EQ(get32(memory, params + 0x2f4), 1);
	at = get32(memory, params + 0x218) | (uint64_t)get32(memory, params + 0xc0) << 32;
	EXPECT_EQ(get32(memory, params + 0x21c), strlen(initrd));
	EXPECT_EQ(get32(memory, params + 0xc4), 0);
	EXPECT(*initrd ? !memcmp(memory + at, initrd, strlen(initrd)) : at == 0);
	EXPECT(at % 4096 == 0 && at + strlen(initrd) <= d->memory_bytes);
	free(memory);
}

/* Linux takes all of low memory: a segment that it may not write would end it. */
static bool has_readonly(const struct blob *bundle)
{
	const struct pv_bundle_header *h = (const void *)bundle->data;
	const struct pv_bundle_segment *s = (const void *)(bundle->data + h->segments_offset);

	for (unsigned int i = 0; i < h->segment_count; i++)
		if (s[i].flags & PV_SEGMENT_READONLY)
			return true;
	return false;
}

static void test_linux_bundle(void)
{
	for (int with_initrd = 0; with_initrd < 2; with_initrd++) {
		struct machine *m = test_machine();
		struct domain_files files[2] = { { .kernel = vmlinux_file() } };
		struct errors e = { 0 };
		struct blob bundle;

		m->domain_count = 1;
		free(m->domains[0].cmdline);
		m->domains[0].cmdline = xstrdup("console=hvc0 quiet");
		if (with_initrd) {
			files[0].initrd = (struct blob){ (uint8_t *)xstrdup("070701"), 6 };
		} else {
			free(m->domains[0].initrd);
			m->domains[0].initrd = NULL;
		}
		EXPECT_MSG(!bundle_pack(m, files, &bundle, &e) && !e.count, "%s", e.text[0]);
		EXPECT(!bundle_check(bundle.data, bundle.size) && !has_readonly(&bundle));
		check_linux(&bundle, &m->domains[0], with_initrd ? "070701" : "");
		blob_free(&bundle);
		free_files(files);
		m->domain_count = 2;
		machine_free(m);
	}
	tap_case("bundle: a vmlinux finds its boot parameters");
}

static void test_bundle_errors(void)
{
	struct machine *m = test_machine();
	struct domain_files files[2];
	struct errors e = { 0 };
	struct blob bundle;

	fill_files(files, false);
	files[0].kernel.data[EI_CLASS] = ELFCLASS32;
	files[1].kernel.data[0] = 'x';
	EXPECT(bundle_pack(m, files, &bundle, &e) && !bundle.data);
	EXPECT_EQ(e.count, 2);
	EXPECT(!strncmp(e.text[0], "m.yaml:7:13: k.elf: found a 32-bit ELF file", 40));
	tap_case("bundle: errors name the line that asked for the kernel");
	free_files(files);

	memset(&e, 0, sizeof(e));
	fill_files(files, false);
	m->domains[0].memory_bytes = 4 << 20;
	blob_free(&files[0].initrd);
	files[0].initrd = (struct blob){ xcalloc(1, 2 << 20), 2 << 20 };
	EXPECT(bundle_pack(m, files, &bundle, &e));
	EXPECT_MSG(e.count == 1 && strstr(e.text[0], "initrd: has 2097152 bytes, which do not fit"),
		   "%s", e.text[0]);
	tap_case("bundle: an initrd without room");
	free_files(files);

	memset(&e, 0, sizeof(e));
	fill_files(files, false);
	m->domain_count = 1;
	m->memory_bytes = 128 << 20;
	m->memory_at = (struct place){ 2, 3 };
	EXPECT(bundle_pack(m, files, &bundle, &e));
	EXPECT_MSG(e.count == 1 && !strncmp(e.text[0], "m.yaml:2:3: the bundle has ", 27) &&
			   strstr(e.text[0], "needs 129M of memory, found 128M"),
		   "%s", e.text[0]);
	tap_case("bundle: a machine without room for it");
	m->domain_count = 2;
	free_files(files);
	machine_free(m);
}

int main(void)
{
	test_elf();
	test_elf_random();
	test_vmlinux();
	test_formats();
	test_unpack();
	test_bundle();
	test_linux_bundle();
	test_bundle_errors();
	return tap_done();
}
