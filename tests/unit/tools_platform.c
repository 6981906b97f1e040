/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fully virtualized guest finds in low memory: Linux's boot parameters, multiboot
 * information with the way to 32-bit mode, and ACPI tables, all read again as a guest would.
 */
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "boot_pages.h"
#include "config_domain.h"
#include "kernels.h"
#include "tap.h"

#define MEMORY (64ull << 20)

/* Low memory after a plan is carried out. */
struct guest {
	uint8_t low[BOOT_HIGH];
	struct domain d;
	struct boot_pages pages;
	struct load_plan plan;
	struct pv_vcpu_context context;
	struct errors e;
	struct blob kernel, initrd;
};

static struct guest *guest(struct blob kernel, uint32_t mode, const char *cmdline)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->d = (struct domain){ .name = "d",
				.kernel = xstrdup("/some/where/kernel"),
				.initrd = xstrdup("/some/initrd.cpio"),
				.cmdline = xstrdup(cmdline),
				.memory_bytes = MEMORY,
				.vcpus = 3,
				.mode = mode };
	g->kernel = kernel;
	return g;
}

/* 0, or -1 with g->e. */
static int start(struct guest *g)
{
	const struct blob *initrd = g->initrd.data ? &g->initrd : NULL;

	if (payload_load(&g->kernel, g->d.kernel, g->d.mode, g->d.memory_bytes, &g->plan, &g->e) ||
	    boot_pages_build(&g->pages, &g->d, initrd, &g->plan, &g->context, &g->e) ||
	    load_plan_check(&g->plan, g->d.kernel, g->d.memory_bytes, &g->e))
		return -1;
	for (unsigned int i = 0; i < g->plan.count; i++) {
		const struct load_segment *s = &g->plan.segments[i];

		if (s->gpa < BOOT_HIGH && s->file_bytes)
			memcpy(g->low + s->gpa, s->bytes, s->file_bytes);
	}
	return 0;
}

static void end(struct guest *g)
{
	domain_release(&g->d);
	boot_pages_free(&g->pages);
	load_plan_free(&g->plan);
	blob_free(&g->kernel);
	blob_free(&g->initrd);
	free(g);
}

static uint32_t get32(const struct guest *g, uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, g->low + gpa, sizeof(value));
	return value;
}

static uint64_t get64(const struct guest *g, uint64_t gpa)
{
	return get32(g, gpa) | (uint64_t)get32(g, gpa + 4) << 32;
}

/* ---- Linux ---- */

static struct blob any_bzimage(void)
{
	struct blob inside = kernel_vmlinux(), packed = kernel_lz4(&inside), b;

	kernel_add_size(&packed, inside.size);
	b = kernel_bzimage(&packed);
	blob_free(&inside);
	blob_free(&packed);
	return b;
}

static void test_linux_params(void)
{
	static const uint64_t map[][3] = { { 0, 0x9fc00, 1 },
					   { 0x9fc00, 0x400, 2 },
					   { 0xe0000, 0x20000, 2 },
					   { 0x100000, MEMORY - 0x100000, 1 } };
	struct guest *g = guest(any_bzimage(), PV_MODE_FULL_HAP, "quiet");
	uint64_t params;

	g->initrd = (struct blob){ (uint8_t *)xstrdup("070701"), 6 };
	EXPECT_MSG(!start(g), "%s", g->e.text[0]);
	params = g->context.rsi;
	EXPECT(g->context.rip == KERNEL_GPA + 0x10 && params == BOOT_LINUX_PARAMS);
	EXPECT_EQ(g->low[params + 0x1ef], 0); /* the sentinel */
	EXPECT_EQ(get32(g, params + 0x202), 0x53726448);
	EXPECT_EQ(get32(g, params + 0x206) & 0xffff, 0x20f);
	EXPECT_EQ(g->low[params + 0x210], 0xff);
	EXPECT_EQ(g->low[params + 0x211], 1); /* loaded high, no heap, not to be moved */
	EXPECT_EQ(get32(g, params + 0x238), 0x7ff); /* from the file's header */
	EXPECT(!strcmp((char *)g->low + get32(g, params + 0x228), "quiet console=ttyS0,115200"));
	EXPECT_EQ(get64(g, params + 0x70), 0xe0000); /* acpi_rsdp_addr */
	EXPECT_EQ(g->low[params + 0x1e8], 4);
	for (unsigned int i = 0; i < 4; i++) {
		EXPECT_EQ(get64(g, params + 0x2d0 + i * 20), map[i][0]);
		EXPECT_EQ(get64(g, params + 0x2d8 + i * 20), map[i][1]);
		EXPECT_EQ(get32(g, params + 0x2e0 + i * 20), map[i][2]);
	}
	EXPECT_EQ(get32(g, params + 0x218), MEMORY - 4096);
	EXPECT_EQ(get32(g, params + 0x21c), 6);
	EXPECT_EQ(get64(g, 0x400) & 0xffff, 0x3f8);
	EXPECT_EQ(get32(g, 0x40e) & 0xffff, 0x9fc0);
	EXPECT_EQ(get32(g, 0x413) & 0xffff, 639);
	end(g);
	tap_case("linux: boot parameters of a bzImage with a PC");
}

static void test_consoles(void)
{
	static const struct {
		uint32_t mode;
		const char *given, *made;
	} rows[] = {
		{ PV_MODE_FULL_HAP, "", "console=ttyS0,115200" },
		{ PV_MODE_FULL_HAP, "console=hvc0", "console=hvc0 console=ttyS0,115200" },
		{ PV_MODE_FULL_HAP, "a console=tty0 b", "a console=tty0 b" },
		{ PV_MODE_FULL_HAP, "noconsole=1", "noconsole=1 console=ttyS0,115200" },
		{ PV_MODE_FULL_HAP, "a  ", "a   console=ttyS0,115200" },
		{ PV_MODE_PV_HAP, "a", "a" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob b = kernel_vmlinux();
		struct guest *g;

		strcpy((char *)b.data + KERNEL_TEXT + 0x20, "paravane.exit_status");
		g = guest(b, rows[i].mode, rows[i].given);
		EXPECT_MSG(!start(g), "%s", g->e.text[0]);
		EXPECT_MSG(!strcmp((char *)g->low + BOOT_CMDLINE, rows[i].made), "\"%s\"",
			   (char *)g->low + BOOT_CMDLINE);
		EXPECT_EQ(get64(g, BOOT_LINUX_PARAMS + 0x70),
			  rows[i].mode == PV_MODE_FULL_HAP ? 0xe0000 : 0);
		end(g);
	}
	tap_case("linux: the serial console where it is told of no other");
}

static void expect_error(const char *name, struct guest *g, const char *error)
{
	EXPECT(start(g));
	EXPECT_MSG(g->e.count == 1 && strstr(g->e.text[0], error), "%s", g->e.text[0]);
	end(g);
	tap_case(name);
}

static void test_errors(void)
{
	struct guest *g = guest(kernel_vmlinux(), PV_MODE_PV_HAP, "");
	struct blob b;
	char *text;

	expect_error("linux: not ours, without a PC", g, "without CONFIG_PARAVANE_GUEST");
	g = guest(kernel_vmlinux(), PV_MODE_FULL_HAP, "");
	g->initrd = (struct blob){ xcalloc(1, MEMORY + 1), MEMORY + 1 };
	expect_error("initrd larger than memory", g,
		     "/some/initrd.cpio: has 67108865 bytes, more than the domain's memory, 64M");
	g = guest(kernel_vmlinux(), PV_MODE_FULL_HAP, "");
	g->initrd = (struct blob){ xcalloc(1, 48 << 20), 48 << 20 };
	expect_error("initrd over the kernel", g,
		     "/some/initrd.cpio: has 50331648 bytes, which do not fit behind the kernel");
	b = any_bzimage();
	kernel_put32(&b, LINUX_INITRD_MAX, KERNEL_GPA + 0x6000 + 4096);
	g = guest(b, PV_MODE_FULL_HAP, "");
	g->initrd = (struct blob){ xcalloc(1, 8192), 8192 };
	expect_error("initrd above what the kernel takes", g, "which do not fit behind the kernel");
	b = any_bzimage();
	kernel_put32(&b, LINUX_CMDLINE_SIZE, 100);
	text = xasprintf("%090d", 1);
	g = guest(b, PV_MODE_FULL_HAP, text);
	free(text);
	expect_error("command line longer than the kernel takes", g,
		     "the command line has 111 characters with the console, the kernel takes 100");
	g = guest(kernel_vmlinux(), PV_MODE_FULL_HAP, "");
	g->d.memory_bytes = (3ull << 30) + (2 << 20);
	expect_error("more memory than there is room for", g, "expected at most 3G");
}

static void test_initrd_top(void)
{
	struct blob b = any_bzimage();
	struct guest *g;

	kernel_put32(&b, LINUX_INITRD_MAX, 0x1ffffff);
	g = guest(b, PV_MODE_FULL_HAP, "");
	g->initrd = (struct blob){ xcalloc(1, 5000), 5000 };
	EXPECT(!start(g));
	EXPECT_EQ(get32(g, BOOT_LINUX_PARAMS + 0x218), 0x2000000 - 8192);
	end(g);
	tap_case("linux: the initrd ends where the kernel says");
}

/* ---- multiboot ---- */

static void test_multiboot(void)
{
	struct guest *g = guest(kernel_multiboot_flat(), PV_MODE_FULL_HAP, "one two");
	uint64_t info = BOOT_MULTIBOOT, at;

	g->initrd = (struct blob){ xcalloc(1, 5000), 5000 };
	EXPECT_MSG(!start(g), "%s", g->e.text[0]);
	EXPECT_EQ(g->context.rip, BOOT_TRAMPOLINE);
	EXPECT_EQ(get32(g, info), 0x24d); /* memory, command line, modules, map, loader */
	EXPECT_EQ(get32(g, info + 4), 639);
	EXPECT_EQ(get32(g, info + 8), (MEMORY >> 10) - 1024);
	EXPECT(!strcmp((char *)g->low + get32(g, info + 16), "kernel one two"));
	EXPECT_EQ(get32(g, info + 20), 1);
	at = get32(g, info + 24);
	EXPECT_EQ(get32(g, at), MEMORY - 8192);
	EXPECT_EQ(get32(g, at + 4), MEMORY - 8192 + 5000);
	EXPECT(!strcmp((char *)g->low + get32(g, at + 8), "initrd.cpio"));
	EXPECT_EQ(get32(g, info + 44), 4 * 24);
	at = get32(g, info + 48);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(get32(g, at + i * 24), 20);
	EXPECT_EQ(get64(g, at + 3 * 24 + 4), 0x100000);
	EXPECT_EQ(get64(g, at + 3 * 24 + 12), MEMORY - 0x100000);
	EXPECT_EQ(get32(g, at + 24 + 20), 2);
	EXPECT(!strcmp((char *)g->low + get32(g, info + 64), "Paravane"));
	end(g);
	tap_case("multiboot: information, module, map");
}

static void test_trampoline(void)
{
	struct guest *g = guest(kernel_multiboot_flat(), PV_MODE_FULL_HAP, "");
	const uint8_t *code;
	uint64_t gdt, far;

	EXPECT(!start(g));
	code = g->low + BOOT_TRAMPOLINE;
	/* cli; lgdt [gdtr]; jmp far [far] */
	EXPECT(!memcmp(code, "\xfa\x0f\x01\x14\x25", 5) && !memcmp(code + 9, "\xff\x2c\x25", 3));
	EXPECT_EQ(get32(g, get32(g, BOOT_TRAMPOLINE + 5)) & 0xffff, 23);
	gdt = get64(g, get32(g, BOOT_TRAMPOLINE + 5) + 2);
	EXPECT_EQ(get64(g, gdt), 0);
	EXPECT_EQ(get64(g, gdt + 8), 0xcf9b000000ffff); /* 32-bit code, 4 GiB */
	EXPECT_EQ(get64(g, gdt + 16), 0xcf93000000ffff);
	far = get32(g, BOOT_TRAMPOLINE + 12);
	EXPECT_EQ(get32(g, far), BOOT_TRAMPOLINE + 16);
	EXPECT_EQ(get32(g, far + 4) & 0xffff, 8);
	/* It ends with: mov eax, magic; mov ebx, info; mov ecx, entry; jmp ecx */
	EXPECT(!memcmp(code + 64,
		       "\xb8\x02\xb0\xad\x2b\xbb\x00\x40\x00\x00\xb9\x80\x00\x20\x00"
		       "\xff\xe1",
		       17));
	end(g);
	tap_case("multiboot: the way to 32-bit mode");
}

/* ---- ACPI ---- */

static uint8_t sum(const struct guest *g, uint64_t gpa, uint64_t bytes)
{
	uint8_t s = 0;

	while (bytes--)
		s = (uint8_t)(s + g->low[gpa + bytes]);
	return s;
}

/* A table with its header, at an address that some pointer holds. */
static void check_table(const struct guest *g, uint64_t gpa, const char *signature)
{
	EXPECT(gpa >= BOOT_ACPI && gpa + get32(g, gpa + 4) <= BOOT_HIGH);
	EXPECT_MSG(!memcmp(g->low + gpa, signature, 4), "no %s at 0x%llx", signature,
		   (unsigned long long)gpa);
	EXPECT_EQ(sum(g, gpa, get32(g, gpa + 4)), 0);
}

static void check_madt(const struct guest *g, uint64_t madt, unsigned int vcpus)
{
	uint64_t at = madt + 44, last = madt + get32(g, madt + 4);
	unsigned int kinds[5] = { 0 };

	EXPECT_EQ(get32(g, madt + 36), 0xfee00000);
	while (at < last && g->low[at + 1]) {
		EXPECT(g->low[at] < 5);
		if (g->low[at] == 0)
			EXPECT(g->low[at + 3] == kinds[0] && get32(g, at + 4) == 1);
		if (g->low[at] == 1)
			EXPECT(get32(g, at + 4) == 0xfec00000 && get32(g, at + 8) == 0);
		kinds[g->low[at] % 5]++;
		at += g->low[at + 1];
	}
	EXPECT_EQ(at, last);
	EXPECT(kinds[0] == vcpus && kinds[1] == 1 && kinds[2] == 2 && kinds[4] == 1);
}

static void test_acpi(unsigned int vcpus)
{
	struct guest *g = guest(kernel_vmlinux(), PV_MODE_FULL_HAP, "");
	uint64_t rsdp = BOOT_ACPI, xsdt, fadt, madt, dsdt;

	g->d.vcpus = vcpus;
	EXPECT(!start(g));
	EXPECT(!memcmp(g->low + rsdp, "RSD PTR ", 8) && !sum(g, rsdp, 20) && !sum(g, rsdp, 36));
	xsdt = get64(g, rsdp + 24);
	check_table(g, xsdt, "XSDT");
	check_table(g, get32(g, rsdp + 16), "RSDT");
	EXPECT_EQ(get32(g, xsdt + 4), 36 + 2 * 8);
	fadt = get64(g, xsdt + 36);
	madt = get64(g, xsdt + 44);
	EXPECT(get32(g, get32(g, rsdp + 16) + 36) == fadt &&
	       get32(g, get32(g, rsdp + 16) + 40) == madt);
	check_table(g, fadt, "FACP");
	check_table(g, madt, "APIC");
	check_madt(g, madt, vcpus);
	dsdt = get64(g, fadt + 140);
	EXPECT_EQ(get32(g, fadt + 40), dsdt);
	check_table(g, dsdt, "DSDT");
	EXPECT(!memcmp(g->low + get32(g, fadt + 36), "FACS", 4) && get32(g, fadt + 36) % 64 == 0);
	EXPECT(get32(g, fadt + 56) == 0x600 && get32(g, fadt + 64) == 0x604 &&
	       get32(g, fadt + 76) == 0x608);
	EXPECT((get32(g, fadt + 112) & 0x30) == 0x20); /* a power button in PM1, no sleep button */
	EXPECT(get64(g, fadt + 152) == 0x600 && get64(g, fadt + 176) == 0x604 &&
	       get64(g, fadt + 212) == 0x608 && get64(g, fadt + 120) == 0xcf9);
	EXPECT_EQ(get32(g, fadt + 48), 0); /* no SMI */
	/* Name (_S5_, Package () {5, 5, 0, 0}) */
	EXPECT(!memcmp(g->low + dsdt + 36, "\x08_S5_\x12\x49\x00\x04\x0a\x05\x0a\x05\0\0", 15));
	end(g);
	tap_case("acpi: tables, pointers, sums");
}

int main(void)
{
	test_linux_params();
	test_consoles();
	test_errors();
	test_initrd_top();
	test_multiboot();
	test_trampoline();
	for (unsigned int vcpus = 1; vcpus <= PV_VCPUS_MAX; vcpus += 15)
		test_acpi(vcpus);
	return tap_done();
}
