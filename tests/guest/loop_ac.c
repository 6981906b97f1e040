/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An #AC delivery loop (CVE-2015-5307): 32-bit ring 3 code with a ring 3 #AC handler and a
 * misaligned stack, so that pushing the handler's frame is unaligned too. 64-bit mode aligns its
 * stacks: vCPU 1 leaves it first. vCPU 0 ends the domain after ms=. Needs vcpus: 2.
 */
#include "guest.h"

#define CODE32 0x08
#define DATA32 0x10
#define USER_CODE32 0x1b
#define USER_DATA32 0x23

void leave_long_mode(void *arg);
extern const u8 ring3_loop[];

static volatile u32 started __attribute__((used));
static u32 ring3_stack[64] __attribute__((aligned(64), used));

static u64 gdt32[] __attribute__((aligned(8), used)) = {
	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff,
};
static u64 idt32[18] __attribute__((aligned(8), used));

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static struct table gdtr = { sizeof(gdt32) - 1, 0 },
		    idtr __attribute__((used)) = { sizeof(idt32) - 1, 0 };

/*
 * Far return to 32-bit code (compatibility mode), paging and EFER.LME off, then IRET to ring 3 with
 * EFLAGS.AC and an odd ESP. 32-bit addresses are absolute: the image lies below 4 GiB.
 */
__asm__(".text\n.globl leave_long_mode\nleave_long_mode:\n\t"
	"pushq $0x08\n\tlea 1f(%rip), %rax\n\tpush %rax\n\tlretq\n"
	".code32\n1:\n\t"
	"mov %cr0, %eax\n\tand $0x7fffffff, %eax\n\tmov %eax, %cr0\n\t"
	"mov $0xc0000080, %ecx\n\trdmsr\n\tand $0xfffffeff, %eax\n\twrmsr\n\t"
	"lidtl idtr\n\t"
	"mov $0x23, %eax\n\tmov %eax, %ds\n\tmov %eax, %es\n\t"
	"mov %cr0, %eax\n\tor $0x40000, %eax\n\tmov %eax, %cr0\n\t" /* AM */
	"mov $0x10, %eax\n\tmov %eax, %ss\n\t"
	"mov $ring3_stack + 128, %esp\n\t"
	"pushl $0x23\n\tpushl $ring3_stack + 255\n\tpushl $0x40002\n\t"
	"pushl $0x1b\n\tpushl $ring3_loop\n\t"
	"movl $1, started\n\t"
	"iretl\n"
	".globl ring3_loop\nring3_loop:\n\t"
	"mov ring3_stack + 1, %eax\n\tjmp ring3_loop\n\t"
	".code64");

static void loop(void *arg)
{
	u64 handler = (u64)ring3_loop;

	/* #AC: a ring 3 code segment, so the stack stays the misaligned one. */
	idt32[VEC_AC] = (handler & 0xffff) | (u64)USER_CODE32 << 16 | 0xeeull << 40 |
			(handler >> 16) << 48;
	gdtr.base = (u64)gdt32;
	idtr.base = (u64)idt32;
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	leave_long_mode(arg);
}

void guest_main(void)
{
	u64 end;

	plan(2);
	ok(vcpu_start(1, loop, NULL) == 0, "vCPU 1 starts");
	end = now_ns() + arg_number("ms", 60) * 1000000;
	while (now_ns() < end)
		hypercall(PV_CALL_BLOCK, end, 0);
	ok(started, "it is in ring 3 of 32-bit mode, and vCPU 0 still runs");
}
