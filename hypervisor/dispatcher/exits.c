/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit table: which handler acts on which class of exit. An absent row is the unknown path,
 * which ends the domain. The few handlers that are the dispatcher's own business stand here too.
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "pv_names.h"

static enum verdict exit_interrupt(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	irq_window();
	vcpu_attend(v,
		    ATTENTION_KICK); /* whatever it was: a timer that is due, or somebody's kick */
	return RESUME;
}

static enum verdict exit_nmi(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	(void)exit;
	nmi_handle();
	return RESUME;
}

static enum verdict exit_preempt_timer(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	vcpu_attend(v, ATTENTION_KICK);
	return RESUME;
}

static enum verdict exit_irq_window(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	backend->set_window(v, LINE_INTERRUPT, false);
	v->windows[LINE_INTERRUPT] = false;
	return RESUME;
}

static enum verdict exit_nmi_window(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	backend->set_window(v, LINE_NMI, false);
	v->windows[LINE_NMI] = false;
	return RESUME;
}

/*
 * #AC and #DB are intercepted only so that a guest whose handler faults the same way again cannot
 * hang the CPU inside the hardware's delivery loop; the guest gets them unchanged. #MC is ours.
 */
static enum verdict exit_exception(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_exception *e = &exit->exception;

	/* What delivery would have done to DR6 and DR7.GD (SDM vol. 3, "Debug Exceptions"). */
	if (e->vector == VEC_DB) {
		backend->write(v, VREG_DR6, backend->read(v, VREG_DR6) | e->address);
		backend->write(v, VREG_DR7, backend->read(v, VREG_DR7) & ~DR7_GD);
	}
	if (e->vector == VEC_MC) {
		vm_kill(v->domain, v, "machine check");
		return KILL;
	}
	event_raise(v, e->vector, e->has_error, e->error);
	if (e->is_int1 && v->event.vector == VEC_DB) {
		v->event.type = EVENT_PRIV_EXCEPTION;
		v->event.insn_bytes = e->insn_bytes;
	}
	return FAULT;
}

/*
 * Only the hypervisor writes these tables, but an address beyond what they can hold looks the same
 * on AMD: so the domain ends, not the machine.
 */
static enum verdict exit_nested_misconfig(struct vcpu *v, struct vmexit *exit)
{
	vm_kill(v->domain, v, "nested tables refuse guest-physical 0x%llx",
		(unsigned long long)exit->fault.gpa);
	return KILL;
}

/*
 * VMX never lets one happen, and 64-bit systems have none. SVM does not intercept it: there the CPU
 * switches by itself.
 */
static enum verdict exit_task_switch(struct vcpu *v, struct vmexit *exit)
{
	vm_kill(v->domain, v, "a hardware task switch to selector 0x%x, which is not emulated",
		(u16)exit->qualification);
	return KILL;
}

static enum verdict exit_triple_fault(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	vm_kill(v->domain, v, "triple fault");
	return KILL;
}

static enum verdict exit_bad_state(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	backend->dump(v);
	vm_kill(v->domain, v, "bad guest state: VM entry refused");
	return KILL;
}

static enum verdict exit_unknown(struct vcpu *v, struct vmexit *exit)
{
	vm_kill(v->domain, v, "unknown exit: reason 0x%x (%s), qualification 0x%llx",
		exit->code.raw, pv_exit_names[exit->code.exit],
		(unsigned long long)exit->qualification);
	return KILL;
}

const exit_handler_t exit_table[PV_EXIT_COUNT] = {
	[PV_EXIT_HYPERCALL] = hypercall_exit,
	[PV_EXIT_CPUID] = interpret_cpuid,
	[PV_EXIT_RDMSR] = interpret_rdmsr,
	[PV_EXIT_WRMSR] = interpret_wrmsr,
	[PV_EXIT_CR_READ] = interpret_cr_read,
	[PV_EXIT_CR_WRITE] = interpret_cr_write,
	[PV_EXIT_DR] = exit_unknown,
	[PV_EXIT_PORT_IN] = interpret_port_in,
	[PV_EXIT_PORT_OUT] = interpret_port_out,
	[PV_EXIT_HLT] = interpret_hlt,
	[PV_EXIT_INVLPG] = exit_unknown, /* only with the feature that tests this path */
	[PV_EXIT_INVD] = interpret_privileged,
	[PV_EXIT_WBINVD] = interpret_privileged,
	[PV_EXIT_XSETBV] = interpret_xsetbv,
	[PV_EXIT_RDTSC] = interpret_rdtsc,
	[PV_EXIT_RDPMC] = interpret_privileged,
	[PV_EXIT_MONITOR] = interpret_privileged,
	[PV_EXIT_PAUSE] = interpret_pause,
	[PV_EXIT_VMX_INSN] = interpret_privileged,
	[PV_EXIT_DESCRIPTOR] = exit_unknown,
	[PV_EXIT_RSM] = interpret_privileged,
	[PV_EXIT_EXCEPTION] = exit_exception,
	[PV_EXIT_TASK_SWITCH] = exit_task_switch,
	[PV_EXIT_NESTED_FAULT] = interpret_nested_fault,
	[PV_EXIT_NESTED_MISCONFIG] = exit_nested_misconfig,
	[PV_EXIT_PAGE_FAULT] = exit_unknown,
	[PV_EXIT_INTERRUPT] = exit_interrupt,
	[PV_EXIT_NMI] = exit_nmi,
	[PV_EXIT_PREEMPT_TIMER] = exit_preempt_timer,
	[PV_EXIT_IRQ_WINDOW] = exit_irq_window,
	[PV_EXIT_NMI_WINDOW] = exit_nmi_window,
	[PV_EXIT_INIT] = exit_unknown,
	[PV_EXIT_TRIPLE_FAULT] = exit_triple_fault,
	[PV_EXIT_BAD_STATE] = exit_bad_state,
	[PV_EXIT_UNKNOWN] = exit_unknown,
	[PV_EXIT_APIC] = interpret_apic,
};
