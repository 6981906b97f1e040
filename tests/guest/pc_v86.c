/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual-8086 mode, entered from 32-bit protected mode: a port, a device register and a string in
 * it, and its end by the #GP of HLT.
 */
#include "legacy.h"

#define V86_PAGE 0xa000u
#define V86_DEVICE 0x50000u /* linear: the IOAPIC */

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t low[1024] __attribute__((aligned(4096)));
extern const uint8_t v86_begin[], v86_end[], v86_fault[];
void v86_run(void);

struct found { /* what the code in V86 leaves: at its own page + 0x100 */
	uint32_t in, device, si, cx;
};

asm(".section .text\n"
    /* Down by IRET, up again by the #GP of HLT, which stands at the end. */
    "v86_run: pusha\n"
    "movl %esp, v86_saved\n"
    "pushl $0\n" /* GS, FS, DS, ES */
    "pushl $0\n"
    "pushl $0x5000\n"
    "pushl $0xa00\n"
    "pushl $0xa00\n" /* SS */
    "pushl $0xff0\n"
    "pushl $0x20002\n" /* EFLAGS: VM */
    "pushl $0xa00\n"
    "pushl $0\n"
    "iretl\n"
    "v86_fault: mov $0x10, %eax\n" /* the CPU has put 0 into DS and the like */
    "mov %eax, %ds\n"
    "movl v86_saved, %esp\n"
    "mov %eax, %es\n"
    "popa\n"
    "ret\n"
    ".code16\n"
    "v86_begin: mov $0x12345678, %eax\n"
    "mov $0x2f0, %dx\n"
    "in %dx, %ax\n"
    "mov %eax, %es:0x100\n"
    "movl $0x21, 0\n"
    "addb $0x10, 0\n"
    "mov 0, %eax\n"
    "mov %eax, %es:0x104\n"
    "mov $0x80, %dx\n"
    "mov $0x20, %si\n"
    "mov $5, %cx\n"
    "rep outsb %es:(%si), %dx\n"
    "movzwl %si, %esi\n"
    "mov %esi, %es:0x108\n"
    "movzwl %cx, %ecx\n"
    "mov %ecx, %es:0x10c\n"
    "hlt\n"
    "v86_end: .code32\n"
    ".local v86_saved\n"
    ".comm v86_saved, 4, 4\n");

static void run(const uint32_t *info)
{
	const volatile struct found *found = (const void *)(V86_PAGE + 0x100);

	(void)info;
	set_tables(v86_fault);
	for (unsigned int n = 0; v86_begin + n < v86_end; n++)
		((uint8_t *)V86_PAGE)[n] = v86_begin[n];
	for (unsigned int n = 0; n < 1024; n++)
		low[n] = n << 12 | 7;
	low[V86_DEVICE >> 12] = IOAPIC | 7;
	directory[0] = (uint32_t)low | 7;
	directory[IOAPIC >> 22] = 0xfec00000u | BIG;
	paging((uint32_t)directory, CR4_PSE);
	v86_run();
	result(" - IN in virtual-8086 mode\n", found->in == 0x1234ffff);
	result(" - a device register, written, changed and read\n",
	       found->device == 0x31 && *(volatile uint32_t *)IOAPIC == 0x31);
	result(" - REP OUTSB\n", found->si == 0x25 && found->cx == 0);
	end();
}
