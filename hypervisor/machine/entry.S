/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions, on the boot CPU: from a boot loader's 32-bit protected mode to
 * boot_main() in 64-bit mode. Two doors lead in: multiboot2 (GRUB; the ELF entry point) and PVH
 * (the ELF note; QEMU's -kernel). The tables made here map the first 4 GiB one to one, all rights,
 * and serve only until paging_init(). A CPU without long mode gets a message instead.
 */
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define PVH_START_MAGIC 0x336ec578
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define BOOT_GIB 4
#define PTE_TABLE 0x003 /* present, writable */
#define PTE_LARGE 0x083 /* the same, 2 MiB leaf */

#define CR4_PAE 0x20
#define CR0_BOOT 0x80010033 /* PG WP NE ET MP PE */
#define MSR_EFER 0xc0000080
#define EFER_LME_BIT 8
#define CPUID_LM_BIT 29 /* leaf 0x80000001, EDX */

#define COM1 0x3f8
#define DEBUG_PORT 0xe9

/* Multiboot2 Specification, "The layout of Multiboot2 header": tags, each 8-byte aligned. */
	.section .multiboot2, "a"
	.balign 8
header:
	.long MULTIBOOT2_HEADER_MAGIC
	.long 0 /* architecture: 32-bit protected mode of i386 */
	.long header_end - header
	.long -(MULTIBOOT2_HEADER_MAGIC + 0 + (header_end - header))

	.balign 8
	.short 1, 0 /* information request, required */
	.long 12
	.long 6 /* the memory map */
	.balign 8
	.short 6, 0 /* modules page aligned */
	.long 8
	.balign 8
	.short 0, 0 /* end */
	.long 8
header_end:

/* Xen, "x86/HVM direct boot ABI": where to enter in 32-bit mode without paging. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.quad entry_pvh

	.section .boot.text, "ax", @progbits
	.code32
	.globl entry_pvh, entry_multiboot2
entry_pvh:
	mov $PVH_START_MAGIC, %eax /* PVH passes no number; its structure carries it */
entry_multiboot2:
	cli
	cld
	mov boot_stack, %esp
	push $0 /* all flags off: AC, NT and DF may be anything */
	popf
	mov %eax, %edi
	mov %ebx, %esi

	/* EFLAGS.ID can be changed only where there is CPUID: SDM vol. 1, "EFLAGS Register". */
	pushf
	pop %eax
	mov %eax, %ecx
	xor $0x200000, %eax
	push %eax
	popf
	pushf
	pop %eax
	cmp %ecx, %eax
	je no_long_mode
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $CPUID_LM_BIT, %edx
	jnc no_long_mode

	movl $boot_pdpt + PTE_TABLE, boot_pml4
	mov $boot_pd + PTE_TABLE, %eax
	mov $boot_pdpt, %ebx
	mov $BOOT_GIB, %ecx
1:	mov %eax, (%ebx)
	add $4096, %eax
	add $8, %ebx
	loop 1b
	mov $PTE_LARGE, %eax
	mov $boot_pd, %ebx
	mov $BOOT_GIB * 512, %ecx
1:	mov %eax, (%ebx)
	add $0x200000, %eax
	add $8, %ebx
	loop 1b

	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	bts $EFER_LME_BIT, %eax
	wrmsr
	mov $CR0_BOOT, %eax
	mov %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $0x08, $entry64

	.code64
entry64:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov boot_stack(%rip), %rsp
	xor %ebp, %ebp
	mov %edi, %edi /* the upper halves are undefined after 32-bit mode */
	mov %esi, %esi
	call boot_main
1:	hlt
	jmp 1b

	.code32
no_long_mode:
	mov $message, %esi
1:	lodsb
	test %al, %al
	jz 3f
	out %al, $DEBUG_PORT
	mov %al, %bl
	mov $10000, %ecx /* a UART that is not there never gets ready: bounded */
2:	mov $COM1 + 5, %dx
	in %dx, %al
	test $0x20, %al
	loopz 2b
	mov $COM1, %dx
	mov %bl, %al
	out %al, %dx
	jmp 1b
3:	hlt
	jmp 3b

	.section .rodata
message:
	.asciz "Paravane needs a 64-bit CPU (no long mode here); halted.\r\n"

	.balign 8
boot_gdt: /* same selectors as SELECTOR_CODE and SELECTOR_DATA in cpu.h */
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdt_pointer:
	.short . - boot_gdt - 1
	.long boot_gdt

	.section .bss, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pd:
	.skip 4096 * BOOT_GIB

	.section .note.GNU-stack, "", @progbits
