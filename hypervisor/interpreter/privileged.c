/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sensitive instructions whose whole policy is one word: #UD, #GP, or nothing at all. A row a class
 * of exit; HLT, PAUSE, RDTSC and the register helpers that several routines share stand here too.
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/control.h"
#include "interpreter/interpreter.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"

enum privileged_action { ACTION_KILL, ACTION_UD, ACTION_GP, ACTION_NOP };

static const struct {
	u8 action;
	const char *why;
} privileged_rules[PV_EXIT_COUNT] = {
	[PV_EXIT_INVD] = { ACTION_NOP, "would throw away what others wrote: never executed" },
	[PV_EXIT_WBINVD] = { ACTION_NOP, "no device is incoherent, and all domains would pay" },
	[PV_EXIT_RDPMC] = { ACTION_GP, "CPUID offers no performance counters" },
	[PV_EXIT_MONITOR] = { ACTION_UD, "CPUID offers no MONITOR; MWAIT would idle the CPU" },
	[PV_EXIT_VMX_INSN] = { ACTION_UD, "no nested virtualization, no SMX" },
	[PV_EXIT_RSM] = { ACTION_UD, "there is no system-management mode" },
};

enum verdict interpret_privileged(struct vcpu *v, struct vmexit *exit)
{
	switch (privileged_rules[exit->code.exit].action) {
	case ACTION_UD:
		return fault(v, VEC_UD);
	case ACTION_GP:
		return fault(v, VEC_GP);
	case ACTION_NOP:
		return ADVANCE;
	default:
		vm_kill(v->domain, v, "exit 0x%x that no rule expects", exit->code.raw);
		return KILL;
	}
}

/* A spin loop: gives way to the sibling for which it was made to exit, if that still waits. */
enum verdict interpret_pause(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	if (sched_has_waiting_sibling(v))
		vcpu_attend(v, ATTENTION_YIELD);
	else
		backend->write(v, VREG_PAUSE_EXITS, false);
	return ADVANCE;
}

void vcpu_block(struct vcpu *v, bool interrupts_wake)
{
	v->wake_mask = ATTENTION_NMI | ATTENTION_EVENT | ATTENTION_STOP |
		       (interrupts_wake ? ATTENTION_IRQ : 0);
	vcpu_attend(v, ATTENTION_BLOCK);
}

enum verdict interpret_hlt(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	irq_waits(v);
	v->is_kickable = false;
	vcpu_block(v, backend->read(v, VREG_RFLAGS) & RFLAGS_IF);
	return ADVANCE;
}

/* Only where the domain asked for it (features: rdtsc_exit); the value is the machine's own. */
enum verdict interpret_rdtsc(struct vcpu *v, struct vmexit *exit)
{
	u64 now = rdtsc() + v->tsc_offset;

	if ((backend->read(v, VREG_CR4) & CR4_TSD) && backend->read(v, VREG_CPL) != 0)
		return fault(v, VEC_GP);
	v->gpr[RAX] = (u32)now;
	v->gpr[RDX] = now >> 32;
	if (exit->has_aux)
		v->gpr[RCX] = (u32)rdmsr(MSR_TSC_AUX);
	return ADVANCE;
}

u64 gpr_read(struct vcpu *v, unsigned number)
{
	return number == RSP ? backend->read(v, VREG_RSP) : v->gpr[number];
}

void gpr_write(struct vcpu *v, unsigned number, unsigned bytes, u64 value)
{
	u64 old = gpr_read(v, number);

	if (bytes == 4)
		value = (u32)value;
	else if (bytes < 4)
		value = (old & ~(BIT(bytes * 8) - 1)) | (value & (BIT(bytes * 8) - 1));
	if (number == RSP)
		backend->write(v, VREG_RSP, value);
	else
		v->gpr[number] = value;
}

void interpreter_init(void)
{
	control_init();
}
