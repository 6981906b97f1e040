/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter: one routine per sensitive instruction, called from the exit table. What a guest
 * may do is data: rows of rules with their reasons (msr.c, port.c, privileged.c, cpuid.c); what no
 * row allows is denied as hardware would deny it, with #GP or #UD.
 */
#ifndef INTERPRETER_INTERPRETER_H
#define INTERPRETER_INTERPRETER_H

#include "dispatcher/dispatcher.h"

void interpreter_init(void); /* once, on the boot CPU, after the backend is chosen */

enum verdict interpret_cpuid(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_rdmsr(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_wrmsr(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_cr_read(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_cr_write(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_port_in(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_port_out(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_port_string(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_hlt(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_xsetbv(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_pause(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_rdtsc(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_privileged(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_apic(struct vcpu *v, struct vmexit *exit);
enum verdict interpret_nested_fault(struct vcpu *v, struct vmexit *exit);

/* The whole instruction, by the emulator; gpa is what it exited for, for messages. (mmio.c) */
enum verdict interpret_instruction(struct vcpu *v, struct vmexit *exit, gpa_t gpa);
/* Not what the CPU executed stands at rip: once more? Not too often at the same place. (mmio.c) */
bool insn_may_retry(struct vcpu *v, u64 rip);
/* insn_fetch() said -PV_EFAULT. */
enum verdict insn_unreadable(struct vcpu *v, u64 rip, gpa_t gpa);

/* Blocks v once its instruction is done: HLT and the BLOCK call. */
void vcpu_block(struct vcpu *v, bool interrupts_wake);

/* What a port holds for a domain; value is masked to the width by the caller. (port.c) */
u32 port_read(struct vcpu *v, u16 port, unsigned bytes);
void port_write(struct vcpu *v, u16 port, unsigned bytes, u32 value);

/*
 * Registers of any operand size: a 32-bit write clears the upper half, 8 and 16-bit ones keep it.
 */
u64 gpr_read(struct vcpu *v, unsigned number);
void gpr_write(struct vcpu *v, unsigned number, unsigned bytes, u64 value);

#endif
