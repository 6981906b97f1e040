/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For payloads of 32-bit code, multiboot kernels without the guest library: TAP through port E9h,
 * segments with a TSS, paging. Each includes it once; run() gets the multiboot information.
 */
#ifndef GUEST_LEGACY_H
#define GUEST_LEGACY_H

#include <stdint.h>

#define MAGIC 0x1badb002u
#define IOAPIC 0xfec00000u
#define BIG 0x87u /* present, writable, user, large */
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR0_PG 0x80000000u
#define STACK_BYTES 4096u

const uint32_t header[3] __attribute__((section(".multiboot"), used)) = { MAGIC, 0, 0u - MAGIC };

struct tss {
	uint32_t link, esp0, ss0, unused[5], eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, map;
	uint8_t ports[8193]; /* all zero: all allowed */
};

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16), used));
static uint8_t other_stack[STACK_BYTES] __attribute__((aligned(16)));
static struct tss tss;
static uint64_t gdt[6] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
static uint64_t idt[32];
static unsigned int cases, failed;
__attribute__((used, noreturn)) static void run(const uint32_t *info);

asm(".section .text\n"
    ".globl start\n"
    "start: movl $stack + 4096, %esp\n"
    "pushl %ebx\n"
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

static void result(const char *name, int is_good)
{
	failed += !is_good;
	say(is_good ? "ok " : "not ok ");
	out8(0xe9, (uint8_t)('0' + ++cases));
	say(name);
}

__attribute__((noreturn)) static void end(void)
{
	say("1..");
	out8(0xe9, (uint8_t)('0' + cases));
	say("\n");
	out8(0xf4, failed ? 1 : 0);
	for (;;)
		asm volatile("hlt");
}

static void paging(uint32_t cr3, uint32_t cr4)
{
	asm volatile("mov %0, %%cr4; mov %1, %%cr3" : : "r"(cr4), "r"(cr3) : "memory");
	asm volatile("mov %%cr0, %%eax; or %0, %%eax; mov %%eax, %%cr0; jmp 1f; 1:"
		     :
		     : "i"(CR0_PG)
		     : "eax", "memory");
}

static void set_tss(unsigned int n, struct tss *t)
{
	uint64_t base = (uint32_t)(uintptr_t)t;

	t->map = 104;
	gdt[n] = (sizeof(*t) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | base >> 24 << 56;
}

/* fault: where #GP goes. Leaves GDT entry 4 to the caller. */
static void set_tables(const void *fault)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) g = { sizeof(gdt) - 1, (uint32_t)(uintptr_t)gdt },
				  i = { sizeof(idt) - 1, (uint32_t)(uintptr_t)idt };
	uint32_t at = (uint32_t)(uintptr_t)fault;

	tss.esp0 = (uint32_t)(uintptr_t)other_stack + STACK_BYTES;
	tss.ss0 = 0x10;
	set_tss(3, &tss);
	idt[13] = (at & 0xffff) | 0x08u << 16 | 0x8e00ull << 32 | (uint64_t)(at >> 16) << 48;
	asm volatile("lgdt %0; lidt %1; ljmp $8, $1f; 1: mov %2, %%ds; mov %2, %%es; mov %2, %%ss;"
		     "mov %2, %%fs; mov %2, %%gs; ltr %w3"
		     :
		     : "m"(g), "m"(i), "r"(0x10), "r"(0x18)
		     : "memory");
}

#endif
