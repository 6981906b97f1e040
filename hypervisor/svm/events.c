/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into an SVM guest: injection at entry, windows, a vector left with V_IRQ.
 * NMIs cost more than on VMX: there is no NMI window, and the CPU does not tell whether the guest's
 * are masked. IRET is intercepted while they are, and where an NMI waits for it, the IRET is
 * single-stepped with all exceptions intercepted, so that nothing of the guest's sees our TF. APM
 * vol. 2, "Event Injection", "Interrupt and Local APIC Support".
 */
#include "svm/svm.h"

void svm_inject(struct vcpu *v, const struct event *e)
{
	struct svm_vcpu *x = svm_of(v);
	/* SVM has no types of its own for INT1, INT3 and INTO. */
	u64 type = e->type > EVENT_SOFT_INTERRUPT ? EVENT_EXCEPTION : e->type;
	u64 info = e->vector | type << SVM_EVENT_TYPE_SHIFT | SVM_EVENT_VALID;

	/* Real mode delivers no error codes. */
	if (e->has_error && (x->vmcb->cr0 & CR0_PE))
		info |= SVM_EVENT_ERROR | (u64)e->error << SVM_EVENT_ERROR_SHIFT;
	if (e->type == EVENT_NMI) {
		x->nmi_masked = true;
		x->nmi_at_iret = false;
		x->vmcb->intercept_misc1 |= MISC1_IRET;
	}
	x->vmcb->eventinj = info;
	x->vmcb->interrupt_shadow = 0; /* whatever is delivered ends it */
	/*
	 * QEMU's software CPU does not note that it has delivered an injected interrupt: until the
	 * next exit it may do so again, whatever IF is. So there the next exit comes at once.
	 */
	if (svm_caps.is_tcg && type == EVENT_INTERRUPT)
		apic_send_kick(v->cpu);
}

/* Masked until the IRET at which the guest last exited has been executed. */
static bool nmi_is_masked(struct svm_vcpu *x)
{
	if (x->nmi_masked && x->nmi_at_iret && x->vmcb->rip != x->nmi_iret_rip)
		x->nmi_masked = x->nmi_at_iret = false;
	return x->nmi_masked;
}

bool svm_can_take(struct vcpu *v, enum event_line line)
{
	struct svm_vcpu *x = svm_of(v);

	if (x->vmcb->interrupt_shadow & SHADOW)
		return false;
	return line == LINE_NMI ? !nmi_is_masked(x) : x->vmcb->rflags & RFLAGS_IF;
}

void nmi_unmask(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	x->nmi_masked = x->nmi_at_iret = false;
	x->vmcb->intercept_misc1 &= ~(u32)MISC1_IRET;
}

void nmi_iret(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	x->nmi_at_iret = true;
	x->nmi_iret_rip = x->vmcb->rip;
	x->vmcb->intercept_misc1 &= ~(u32)MISC1_IRET;
}

/* The hardware takes V_IRQ back when it delivers. */
static void v_irq_look(struct svm_vcpu *x)
{
	if (x->v_irq_armed && !(x->vmcb->int_control & INT_V_IRQ)) {
		x->v_irq = x->v_irq_armed = false;
		x->v_irq_delivered = true;
	}
}

/* Puts into the VMCB what is wanted, but nothing in the middle of a step. */
static void v_irq_apply(struct svm_vcpu *x)
{
	struct vmcb *vmcb = x->vmcb;

	x->v_irq_armed = x->v_irq && !x->step;
	if (x->v_irq_armed)
		vmcb->int_control |= INT_V_IRQ | INT_V_IGN_TPR;
	else
		vmcb->int_control &= ~(u32)(INT_V_IRQ | INT_V_IGN_TPR);
	if (x->v_irq && x->v_irq_is_window)
		vmcb->intercept_misc1 |= MISC1_VINTR;
	else
		vmcb->intercept_misc1 &= ~(u32)MISC1_VINTR;
}

#define DR6_FIXED1 0xffff0ff0ull
#define DR6_BREAKPOINTS 0xfull
/* 2 is no exception; INT3 and INTO could not be handed on, because their exits come before them. */
#define STEP_EXCEPTIONS (~(u32)(BIT(VEC_NMI) | BIT(VEC_BP) | BIT(VEC_OF)))

static void step_begin(struct svm_vcpu *x)
{
	struct vmcb *vmcb = x->vmcb;

	v_irq_look(x);
	x->step = true;
	x->step_guest_tf = vmcb->rflags & RFLAGS_TF;
	x->step_dr6 = vmcb->dr6;
	vmcb->dr6 = DR6_FIXED1;
	vmcb->rflags |= RFLAGS_TF;
	vmcb->intercept_exception = STEP_EXCEPTIONS;
	v_irq_apply(x);
}

bool step_end(struct vcpu *v, enum step_result result)
{
	struct svm_vcpu *x = svm_of(v);
	struct vmcb *vmcb = x->vmcb;
	u64 causes = vmcb->dr6 & ~DR6_FIXED1;
	bool is_ours = result == STEP_DONE && !x->step_guest_tf && !(causes & DR6_BREAKPOINTS);

	x->step = false;
	vmcb->dr6 = x->step_dr6 | (x->step_guest_tf ? causes : causes & ~DR6_BS);
	/* An IRET that was executed has loaded new flags; else our TF still stands in them. */
	if (!x->step_guest_tf && !(result == STEP_DONE && x->nmi_at_iret))
		vmcb->rflags &= ~(u64)RFLAGS_TF;
	vmcb->intercept_exception = svm_caps.controls[EXCEPTION];
	/* An IRET unmasks NMIs even if it faults (APM vol. 2, "NMI, Non-Maskable-Interrupt"). */
	if (result != STEP_CUT && x->nmi_at_iret)
		nmi_unmask(v);
	v_irq_apply(x);
	return is_ours;
}

/*
 * An NMI waits, and there is no window exit for it. What holds it off is: an event that goes in
 * with this entry (an interrupt to ourselves makes an exit right after its delivery), the guest's
 * NMI handler (its IRET exits), or one instruction, that IRET or one in the shadow of STI or MOV
 * SS. Limit: where that one is PUSHF, INT n or SYSCALL in a shadow, the guest gets to see our TF.
 */
static void nmi_prepare(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	if (x->vmcb->eventinj & SVM_EVENT_VALID)
		apic_send_kick(v->cpu);
	else if (!nmi_is_masked(x) || x->nmi_at_iret)
		step_begin(x);
}

/*
 * QEMU's VMRUN does not load the interrupt shadow: V_IRQ would interrupt it, and an exit before the
 * next instruction would report none.
 */
static void shadow_prepare(struct svm_vcpu *x)
{
	if (!(x->vmcb->interrupt_shadow & SHADOW))
		return;
	x->shadowed = true;
	x->shadow_rip = x->vmcb->rip;
	if (x->v_irq && !x->step)
		step_begin(x);
}

void entry_prepare(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	if (x->nmi_window)
		nmi_prepare(v);
	if (svm_caps.is_tcg)
		shadow_prepare(x);
}

void svm_set_window(struct vcpu *v, enum event_line line, bool on)
{
	struct svm_vcpu *x = svm_of(v);

	if (line == LINE_NMI) {
		x->nmi_window = on;
		return;
	}
	/* V_IRQ may meanwhile belong to a vector that the hardware shall deliver. */
	if (!on && !x->v_irq_is_window)
		return;
	x->v_irq = x->v_irq_is_window = on;
	v_irq_apply(x);
}

/* With V_IGN_TPR neither CR8 nor a priority stands in the way: guests have no local APIC. */
int svm_virtual_irq(struct vcpu *v, int vector)
{
	struct svm_vcpu *x = svm_of(v);

	if (vector >= VIRTUAL_IRQ_APIC || !(svm_backend.hw_features & PV_HW_VIRTUAL_INTERRUPTS))
		return 0;
	if (vector < 0)
		v_irq_look(x);
	else
		x->vmcb->v_intr_vector = (u8)vector;
	x->v_irq = vector >= 0;
	x->v_irq_is_window = false;
	v_irq_apply(x);
	if (vector >= 0) {
		x->v_irq_delivered = false;
		return 1;
	}
	return x->v_irq_delivered;
}

/* SVM has no timer of its own. */
bool svm_arm_preempt(struct vcpu *v, u64 tsc)
{
	(void)v;
	(void)tsc;
	return false;
}
