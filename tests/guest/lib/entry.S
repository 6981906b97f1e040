/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembler part of the guest library: first instruction, 256 interrupt stubs of 16 bytes each,
 * the landing place of guest_try() and the way to ring 3. Everything else is C. The stubs save all
 * general registers, so a C handler can change any of them, RIP and RSP included.
 */
	.section .text.entry, "ax"
	.globl	_start
_start:
	cld
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	guest_start	/* rdi = start info; does not return */
	ud2

	.text

	.balign	16
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	/* Without an error code from the CPU a 0 stands for it, so all frames look alike. */
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	push	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi	/* struct trap_frame */
	mov	%rsp, %rbx
	and	$-16, %rsp
	cld
	call	trap
	mov	%rbx, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp	/* vector, error */
	iretq

/*
 * void guest_try(void (*fn)(void *), void *arg, u64 resume[2]): calls fn(arg). resume gets the RSP
 * and RIP at which trap() goes on if fn raises an exception; both ways end in the same return.
 */
	.globl	guest_try
guest_try:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	lea	1f(%rip), %rax
	mov	%rsp, (%rdx)
	mov	%rax, 8(%rdx)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
1:	popfq			/* IF, AC, TF and DF as the caller had them */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* void user_enter(rip, rsp, rflags, arg): goes to ring 3; only an exception or int comes back. */
	.globl	user_enter
user_enter:
	push	$0x1b		/* user data */
	push	%rsi
	push	%rdx
	push	$0x23		/* user code */
	push	%rdi
	mov	%rcx, %rdi
	iretq

/* Where a function run in ring 3 returns to. */
	.globl	user_return
user_return:
	int	$0x80
	ud2

/* First instruction of a vCPU started by VCPU_START: rdi = its struct guest_vcpu. */
	.globl	vcpu_entry
vcpu_entry:
	cld
	xor	%ebp, %ebp
	call	vcpu_main
	ud2

	.section .note.GNU-stack, "", @progbits
