/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. svm_enter is called from one place (exit.c) that declares every register but
 * rsp as clobbered: the C loop keeps what it needs on the stack, and nothing is saved for a calling
 * convention at each exit. RSP at VMRUN, which the exit restores, is the end of the vCPU's register
 * array, so after an exit pushes put the guest's registers where they belong without a register to
 * address them by. Nothing can use that stack meanwhile: GIF is 0, which holds back NMIs too, until
 * the host's GS base and TSS are loaded again.
 */
#include "svm/entry.h"

	.text
	.globl svm_enter
	.type svm_enter, @function

	.macro	leave_host
	push	%rbp
	mov	%rsp, VCPU_HOST_RSP(%rdi)
	mov	VCPU_HW(%rdi), %rsi
	lea	VCPU_GPR_END(%rdi), %rsp
	mov	VCPU_GPR(0)(%rdi), %rcx
	mov	SVM_VMCB(%rsi), %rax		/* machine and linear address are the same */
	mov	%rcx, VMCB_RAX(%rax)
	/*
	 * With V_INTR_MASKING a physical interrupt exits if the host's IF is 1, whatever the
	 * guest's. The shadow of STI ends with the next instruction, long before VMRUN.
	 */
	sti
	vmload	%rax
	mov	VCPU_GPR(1)(%rdi), %rcx
	mov	VCPU_GPR(2)(%rdi), %rdx
	mov	VCPU_GPR(3)(%rdi), %rbx
	mov	VCPU_GPR(5)(%rdi), %rbp
	mov	VCPU_GPR(6)(%rdi), %rsi
	mov	VCPU_GPR(8)(%rdi), %r8
	mov	VCPU_GPR(9)(%rdi), %r9
	mov	VCPU_GPR(10)(%rdi), %r10
	mov	VCPU_GPR(11)(%rdi), %r11
	mov	VCPU_GPR(12)(%rdi), %r12
	mov	VCPU_GPR(13)(%rdi), %r13
	mov	VCPU_GPR(14)(%rdi), %r14
	mov	VCPU_GPR(15)(%rdi), %r15
	mov	VCPU_GPR(7)(%rdi), %rdi
	.endm

/* in: rdi = struct vcpu; returns after an exit, every register but rsp and rbp undefined */
svm_enter:
	clgi
	leave_host
	vmrun	%rax

/* rax = the VMCB, rsp = &vcpu->gpr[16], every other register is still the guest's. */
	vmsave	%rax
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	push	%rdi
	push	%rsi
	push	%rbp
	push	%rax				/* the slot of rsp, which the VMCB holds */
	push	%rbx
	push	%rdx
	push	%rcx
	push	VMCB_RAX(%rax)
	mov	VCPU_HW(%rsp), %rax
	mov	SVM_HOST_VMCB(%rax), %rax
	vmload	%rax
	mov	VCPU_HOST_RSP(%rsp), %rsp
	cli
	stgi
	pop	%rbp
	ret
	.size	svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits
