/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch. vcpu->entry is called from one place (exit.c) that declares every register but
 * rsp as clobbered: the C loop keeps what it needs on the stack, and nothing is saved for a calling
 * convention at each exit. HOST_RSP is the end of the vCPU's register array, so after an exit
 * pushes put the guest's registers where they belong, without a register to address them by.
 * Nothing can use that stack meanwhile: interrupts are off, and NMI, #DF and #MC have their own.
 */
#include "vmx/entry.h"

	.text
	.globl vmx_launch, vmx_resume, vmx_exit
	.type vmx_launch, @function
	.type vmx_resume, @function

	.macro	leave_host
	push	%rbp
	mov	%rsp, VCPU_HOST_RSP(%rdi)
	mov	VCPU_GPR(0)(%rdi), %rax
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

/* in: rdi = struct vcpu; both return after an exit, every register but rsp and rbp undefined */
vmx_launch:
	movq	$vmx_resume, VCPU_ENTRY(%rdi)
	leave_host
	vmlaunch
	call	vmx_entry_failed

vmx_resume:
	leave_host
	vmresume
	call	vmx_entry_failed

/* HOST_RIP: rsp = HOST_RSP = &vcpu->gpr[16], every other register is still the guest's. */
vmx_exit:
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
	push	%rax				/* the slot of rsp, which the VMCS holds */
	push	%rbx
	push	%rdx
	push	%rcx
	push	%rax
	mov	VCPU_HOST_RSP(%rsp), %rsp
	pop	%rbp
	ret
	.size	vmx_resume, . - vmx_resume

	.section .note.GNU-stack, "", @progbits
