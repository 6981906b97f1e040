/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A multiboot kernel: 32-bit, without the guest library, as a program from elsewhere would be. It
 * looks at what the Multiboot Specification 0.6.96 promises, "Machine state" and "Boot information
 * format", says so in TAP through port E9h, and ends by port F4h. Command line: "... mem=KIB", the
 * memory above 1 MiB that it should find.
 */
#include <stdint.h>

#define MAGIC 0x1badb002u
#define BOOT_MAGIC 0x2badb002u
#define FLAGS 3u /* aligned modules, memory */
#define EFER 0xc0000080u

const uint32_t header[3] __attribute__((section(".multiboot"), used)) = { MAGIC, FLAGS,
									  0u - MAGIC - FLAGS };

struct information {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods, syms[4],
		mmap_length, mmap;
};

struct module {
	uint32_t start, end, string, reserved;
};

struct range {
	uint32_t size;
	uint64_t start, bytes;
	uint32_t type;
} __attribute__((packed));

static uint8_t stack[4096] __attribute__((aligned(16), used));
static unsigned int cases, failed;
static uint32_t filler; /* in .bss, which is to be zero */

/* Only EAX, EBX, the segments and CR0 are promised. */
asm(".section .text\n"
    ".globl start\n"
    "start: movl $stack + 4096, %esp\n"
    "pushl %ebx\n"
    "pushl %eax\n"
    "call run\n");

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void say(const char *text)
{
	while (*text)
		out8(0xe9, (uint8_t)*text++);
}

static void say_number(unsigned int n)
{
	if (n >= 10)
		say_number(n / 10);
	out8(0xe9, (uint8_t)('0' + n % 10));
}

static void result(const char *name, int is_good)
{
	cases++;
	failed += !is_good;
	say(is_good ? "ok " : "not ok ");
	say_number(cases);
	say(" - ");
	say(name);
	say("\n");
}

static uint32_t read_cr0(void)
{
	uint32_t value;

	asm volatile("movl %%cr0, %0" : "=r"(value));
	return value;
}

static uint32_t read_efer(void)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(EFER));
	return low;
}

/* Is the code really 32-bit? In 64-bit mode the first byte is a REX prefix, not a DEC. */
static int is_32bit(void)
{
	uint32_t value = 1;

	asm volatile(".byte 0x48\n\tnop" : "+a"(value)); /* dec %eax; nop */
	return value == 0;
}

/* The number behind "mem=" in the command line, 0 for none. */
static uint32_t wanted_memory(const char *p)
{
	uint32_t n = 0;

	for (; *p; p++)
		if (p[0] == 'm' && p[1] == 'e' && p[2] == 'm' && p[3] == '=')
			break;
	for (p += *p ? 4 : 0; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	return n;
}

/* KiB of memory from 1 MiB on in the map, the only range there. */
static uint32_t mapped_kib(const struct information *info)
{
	uint32_t at = info->mmap;

	while (at < info->mmap + info->mmap_length) {
		const struct range *r = (const void *)at;

		if (r->type == 1 && r->start == 0x100000)
			return (uint32_t)(r->bytes >> 10);
		at += r->size + 4;
	}
	return 0;
}

__attribute__((used, noreturn)) static void run(uint32_t magic, const struct information *info)
{
	const struct module *module = (const void *)info->mods;

	result("the magic number", magic == BOOT_MAGIC);
	result("32-bit code", is_32bit());
	result("protected mode without paging", (read_cr0() & 0x80000001u) == 1);
	result("long mode is off", !(read_efer() & 0x500));
	result("zeros behind the image", filler == 0);
	result("information: memory, command line, modules, map, loader",
	       (info->flags & 0x24d) == 0x24d);
	result("memory above 1 MiB", info->mem_upper == wanted_memory((const char *)info->cmdline));
	result("the map says so, too", mapped_kib(info) == info->mem_upper);
	/* It is some ELF file. */
	result("a page-aligned module", info->mods_count == 1 && module->start % 4096 == 0 &&
						*(const uint32_t *)module->start == 0x464c457fu);
	say("1..");
	say_number(cases);
	say("\n");
	out8(0xf4, failed ? 1 : 0);
	for (;;)
		asm volatile("hlt");
}
