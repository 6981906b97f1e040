/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from long mode down to real mode and back, for pc_modes: copied to MODES_PAGE and called
 * there with rdi = struct modes (at MODES_RECORDS). At each stop the same few instructions run and
 * leave what they found in a record of 32 bytes: modes.h. Interrupts are off all the way.
 */
#include "modes.h"

	/* Where a label is once this has been copied. */
	#define AT(label) (MODES_PAGE + label - modes_begin)

/* 32 and 16-bit code alike: GAS writes the prefixes. */
.macro	STOP n
	mov	$(MODES_RECORDS + \n * 32), %ebp
	xor	%eax, %eax
	cpuid
	mov	%ebx, (%ebp)
	mov	%cr0, %eax
	mov	%eax, 4(%ebp)
	mov	$0x12345678, %eax
	mov	$0x2f0, %dx
	in	%dx, %ax
	mov	%eax, 8(%ebp)
	mov	$0xfec00000, %ebx
	movl	$(0x20 + \n), (%ebx)
	addb	$0x10, (%ebx)
	mov	(%ebx), %eax
	mov	%eax, 12(%ebp)
	mov	$MODES_RECORDS, %esi
	mov	$9, %ecx
	mov	$0x80, %dx
	rep outsb
	mov	%esi, 16(%ebp)
	mov	%ecx, 20(%ebp)
	mov	$MODES_ALIAS, %ebx
	mov	(%ebx), %eax
	mov	%eax, 24(%ebp)
	mov	$0xc0000080, %ecx
	rdmsr
	mov	%eax, 28(%ebp)
.endm

.macro	PAGING on
	mov	%cr0, %eax
	.if	\on
	or	$0x80000000, %eax
	.else
	and	$0x7fffffff, %eax
	.endif
	mov	%eax, %cr0
	jmp	9f
9:
.endm

	.section .text.modes, "ax"
	.globl	modes_begin, modes_end
	.code64
modes_begin:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$32, %rsp
	sgdt	(%rsp)
	sidt	16(%rsp)
	mov	%rsp, MODES_RSP
	lgdt	AT(table_pointer)
	push	$0x18
	push	$AT(compatible)
	lretq

	.code32
compatible:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr3, %eax
	mov	%eax, MODES_CR3
	STOP	0		/* a 32-bit segment in long mode */
	PAGING	0
	mov	$0xc0000080, %ecx
	rdmsr
	and	$~0x100, %eax
	wrmsr			/* LME off */
	STOP	1		/* protected mode without paging */
	mov	%cr4, %eax
	and	$~0xa0, %eax
	or	$0x10, %eax
	mov	%eax, %cr4	/* PSE, neither PAE nor PGE */
	mov	MODES_TABLES, %eax
	mov	%eax, %cr3
	PAGING	1
	STOP	2		/* two levels */
	PAGING	0
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	MODES_TABLES + 4, %eax
	mov	%eax, %cr3
	PAGING	1
	STOP	3		/* PAE */
	mov	MODES_TABLES + 8, %eax
	mov	%eax, %cr3
	STOP	4		/* another table of four */
	PAGING	0
	lidtl	AT(real_vectors)
	ljmp	$0x20, $(real - modes_begin)

	.code16
real:	mov	%cr0, %eax
	and	$~1, %eax
	mov	%eax, %cr0
	ljmp	$(MODES_PAGE >> 4), $(1f - modes_begin)
1:	STOP	5		/* real mode; DS keeps its limit of 4 GiB */
	xor	%ax, %ax
	mov	%ax, %ss
	mov	$(MODES_PAGE - 16), %sp
	int	$0x40
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $AT(protected)
handler:
	incl	%cs:(count - modes_begin)
	iretw

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	MODES_CR3, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	and	$~0x10, %eax
	or	$0xa0, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	PAGING	1
	STOP	6		/* long mode again, still the 32-bit segment */
	ljmp	$0x08, $AT(long_mode)

	.code64
long_mode:
	mov	MODES_RSP, %rsp
	lgdt	(%rsp)
	lidt	16(%rsp)
	add	$32, %rsp
	mov	AT(count), %eax
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.balign	8
table:	.quad	0
	.quad	0x00af9b000000ffff	/* 08 64-bit code */
	.quad	0x00cf93000000ffff	/* 10 data */
	.quad	0x00cf9b000000ffff	/* 18 32-bit code */
	.quad	0x00009b000000ffff | MODES_PAGE << 16 /* 20 16-bit code */
table_pointer:
	.word	39
	.quad	AT(table)
real_vectors:
	.word	0x3ff
	.long	0
count:	.long	0
	.globl	modes_handler
modes_handler = handler - modes_begin
modes_end:

	.section .note.GNU-stack, "", @progbits
