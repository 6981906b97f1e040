/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way into trap_handler(): one stub a vector, 16 bytes apart, makes all frames alike (a zero
 * where the CPU pushes no error code), then everything is saved as struct trap_frame (internal.h).
 * No swapgs: GS base is the hypervisor's whenever it runs with NMIs possible.
 */
	.text
	.globl trap_stubs
	.balign 16
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	/* With an error code: #DF, #TS #NP #SS #GP #PF, #AC, #CP, AMD's #VC and #SX. */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
	      vector == 29 || vector == 30)
	push $0
	.endif
	push $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

	/* The CPU aligns RSP to 16 and pushes 5 words; our 17 make the call below aligned again. */
	.balign 16
trap_common:
	cld
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	call trap_handler
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp /* vector and error code */
	iretq

/*
 * void capture_registers(struct trap_frame *frame): the caller's registers as they are at the
 * call, as if it had trapped at its return address. A software interrupt would do it too, but
 * needs an IDT.
 */
	.globl capture_registers
capture_registers:
	mov %r15, 0(%rdi)
	mov %r14, 8(%rdi)
	mov %r13, 16(%rdi)
	mov %r12, 24(%rdi)
	mov %r11, 32(%rdi)
	mov %r10, 40(%rdi)
	mov %r9, 48(%rdi)
	mov %r8, 56(%rdi)
	mov %rdi, 64(%rdi)
	mov %rsi, 72(%rdi)
	mov %rbp, 80(%rdi)
	mov %rbx, 88(%rdi)
	mov %rdx, 96(%rdi)
	mov %rcx, 104(%rdi)
	mov %rax, 112(%rdi)
	mov (%rsp), %rax
	mov %rax, 136(%rdi) /* rip */
	lea 8(%rsp), %rax
	mov %rax, 160(%rdi) /* rsp */
	mov %cs, %eax
	mov %rax, 144(%rdi)
	mov %ss, %eax
	mov %rax, 168(%rdi)
	pushf
	pop 152(%rdi)
	ret

	.section .note.GNU-stack, "", @progbits
