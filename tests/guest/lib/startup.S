/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a SIPI sends a CPU: copied to STARTUP_PAGE, it goes from real mode straight to long mode,
 * takes the descriptor tables of its struct guest_vcpu and calls its entry. With `go` 0 it counts
 * and halts where it is. struct startup of pc.h is what lies at its beginning.
 */
	.set	PAGE, 0x9000

	.section .text.startup16, "ax"
	.code16
	.globl	startup_begin, startup_end
startup_begin:
	jmp	1f
	.balign	8
started: .long	0
go:	.long	0
cr3:	.quad	0
vcpu:	.quad	0
rsp:	.quad	0
entry:	.quad	0
gdt:	.word	0
idt:	.word	0
	.long	0
	.long	0
1:	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lock incl started - startup_begin
	cmpl	$0, go - startup_begin
	jne	2f
4:	hlt
	jmp	4b
2:	lgdtl	table_pointer - startup_begin
	mov	$0x6a0, %eax		/* PAE PGE OSFXSR OSXMMEXCPT */
	mov	%eax, %cr4
	mov	cr3 - startup_begin, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$0x901, %eax		/* SCE LME NXE */
	xor	%edx, %edx
	wrmsr
	mov	$0x80010033, %eax	/* PG WP NE ET MP PE: long mode at once */
	mov	%eax, %cr0
	ljmpl	$0x08, $(PAGE + 3f - startup_begin)

	.balign	8
table:	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
table_pointer:
	.word	23
	.long	PAGE + table - startup_begin

	.code64
3:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$PAGE, %ebx
	mov	rsp - startup_begin(%rbx), %rsp
	mov	vcpu - startup_begin(%rbx), %rdi
	mov	entry - startup_begin(%rbx), %rsi
	/* The table pointers: 16 bits of limit, 64 of base, on the stack. */
	sub	$16, %rsp
	movzwl	gdt - startup_begin(%rbx), %eax
	mov	%ax, (%rsp)
	mov	gdt + 4 - startup_begin(%rbx), %eax
	mov	%rax, 2(%rsp)
	lgdt	(%rsp)
	mov	idt - startup_begin(%rbx), %ax
	mov	%ax, (%rsp)
	mov	idt + 6 - startup_begin(%rbx), %eax
	mov	%rax, 2(%rsp)
	lidt	(%rsp)
	add	$16, %rsp
	mov	$0x28, %eax
	ltr	%ax
	jmp	*%rsi
startup_end:

	.section .note.GNU-stack, "", @progbits
