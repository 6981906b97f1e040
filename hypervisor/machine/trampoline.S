/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a start-up interrupt sets a CPU off: real mode, in a page below 1 MiB that smp.c copied
 * this to. It goes straight to 64-bit mode on the final page tables, takes the stack laid out for
 * it, and calls ap_main(). Position independent up to ap_entry64: only the segment says where it
 * is.
 */
#define CR4_PAE 0x20
#define CR0_LONG 0x80010033 /* PG WP NE ET MP PE: from real mode to long mode in one step */
#define MSR_EFER 0xc0000080

#define AT(symbol) (symbol - trampoline_start)

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end
	.globl trampoline_gdt_base, trampoline_cr3, trampoline_efer
	.code16
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl AT(gdt_pointer)
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	movl AT(trampoline_cr3), %eax
	mov %eax, %cr3
	/* NX must be on before tables that use it are. */
	mov $MSR_EFER, %ecx
	movl AT(trampoline_efer), %eax
	xor %edx, %edx
	wrmsr
	mov $CR0_LONG, %eax
	mov %eax, %cr0
	ljmpl *AT(entry)

	.balign 8
entry:
	.long ap_entry64
	.short 0x08
	.balign 8
gdt: /* same selectors as SELECTOR_CODE and SELECTOR_DATA in cpu.h */
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.short . - gdt - 1
trampoline_gdt_base:
	.long AT(gdt) /* smp.c adds the page */
trampoline_cr3:
	.long 0
trampoline_efer:
	.long 0
trampoline_end:

	.text
	.code64
ap_entry64:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	xchg %rax, ap_stack(%rip)
	test %rax, %rax
	jz 1f /* too late: the boot CPU has given up on this one */
	mov %rax, %rsp
	xor %ebp, %ebp
	push %rbp
	popf
	call ap_main
1:	cli
	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
