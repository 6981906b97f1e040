/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into a VMX guest: injection at entry, windows, a vector left with
 * virtual-interrupt delivery, and the preemption timer. SDM vol. 3, "Event Injection", "Evaluation
 * of Pending Virtual Interrupts".
 */
#include "vmx/qualification.h"
#include "vmx/vmx.h"

void vmx_inject(struct vcpu *v, const struct event *e)
{
	u32 info = e->vector | (u32)e->type << VMX_EVENT_TYPE_SHIFT | (u32)VMX_EVENT_VALID;

	(void)v;
	/* Real mode delivers no error codes, and an entry that injects one there is refused. */
	if (e->has_error && (vmread(GUEST_CR0) & CR0_PE)) {
		info |= (u32)VMX_EVENT_ERROR;
		vmwrite(ENTRY_EXCEPTION_ERROR, e->error);
	}
	if (e->type >= EVENT_SOFT_INTERRUPT)
		vmwrite(ENTRY_INSTRUCTION_LENGTH, e->insn_bytes);
	vmwrite(ENTRY_INTERRUPTION_INFO, info);
}

bool vmx_can_take(struct vcpu *v, enum event_line line)
{
	u64 blocked = vmread(GUEST_INTERRUPTIBILITY);

	(void)v;
	if (line == LINE_NMI)
		return !(blocked & (BLOCKED_BY_NMI | BLOCKED_BY_MOV_SS | BLOCKED_BY_STI));
	return (vmread(GUEST_RFLAGS) & RFLAGS_IF) &&
	       !(blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
}

void vmx_set_window(struct vcpu *v, enum event_line line, bool on)
{
	u32 bit = line == LINE_NMI ? PRIMARY_NMI_WINDOW_EXITING : PRIMARY_INTERRUPT_WINDOW_EXITING;
	struct vmx_vcpu *x = vmx_of(v);

	x->primary = on ? x->primary | bit : x->primary & ~bit;
	vmwrite(PRIMARY_CONTROLS, x->primary);
}

/* Offsets in the virtual-APIC page, as in the real one: ISR and IRR are 32 bits every 16 bytes. */
#define VAPIC_PPR 0xa0
#define VAPIC_ISR 0x100
#define VAPIC_IRR 0x200

static void vapic_write(struct vmx_vcpu *x, unsigned offset, u32 value)
{
	*(volatile u32 *)((char *)x->virtual_apic + offset) = value;
}

static void vapic_clear(struct vmx_vcpu *x)
{
	for (unsigned i = 0; i < 8; i++) {
		vapic_write(x, VAPIC_ISR + i * 16, 0);
		vapic_write(x, VAPIC_IRR + i * 16, 0);
	}
	vapic_write(x, VAPIC_PPR, 0);
}

static int vapic_highest(const void *page, unsigned offset)
{
	for (unsigned i = 8; i--;) {
		u32 word = *(const volatile u32 *)((const char *)page + offset + i * 16);

		if (word)
			return (int)(i * 32 + 31) - __builtin_clz(word);
	}
	return 0;
}

#define VAPIC_TMR 0x180

/*
 * The registers' page says what is requested and what is in service; the CPU keeps the highest of
 * each apart. Vectors of level-triggered lines exit at their EOI, because others wait for it.
 */
static int apic_hand_over(struct vcpu *v, bool is_held)
{
	const volatile u32 *tmr = (const void *)((const char *)v->apic_page + VAPIC_TMR);
	u64 requested = is_held ? 0 : (u64)vapic_highest(v->apic_page, VAPIC_IRR);

	if (!vmx_of(v)->has_apic)
		return 0;
	vmwrite(GUEST_INTERRUPT_STATUS,
		(u64)vapic_highest(v->apic_page, VAPIC_ISR) << 8 | requested);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(EOI_EXIT_BITMAP0 + i * 2, (u64)tmr[i * 8 + 4] << 32 | tmr[i * 8]);
	return 1;
}

/*
 * Guests without a local APIC send no EOI, so nothing would ever leave the virtual ISR. It need
 * not: a vector is handed over only in an exit, and each hand-over starts with an empty APIC. RVI
 * is 0 again once the vector has gone in.
 */
int vmx_virtual_irq(struct vcpu *v, int vector)
{
	struct vmx_vcpu *x = vmx_of(v);

	if (vector >= VIRTUAL_IRQ_APIC)
		return apic_hand_over(v, vector == VIRTUAL_IRQ_HOLD);
	if (!(vmx_backend.hw_features & PV_HW_VIRTUAL_INTERRUPTS) || v->apic_page)
		return 0;
	if (vector < 0) {
		bool delivered = !(vmread(GUEST_INTERRUPT_STATUS) & 0xff);

		vmwrite(GUEST_INTERRUPT_STATUS, 0);
		vapic_clear(x);
		return delivered;
	}
	vapic_clear(x);
	vapic_write(x, VAPIC_IRR + (unsigned)vector / 32 * 16, (u32)BIT((unsigned)vector % 32));
	vmwrite(GUEST_INTERRUPT_STATUS, (u64)vector);
	return 1;
}

bool vmx_arm_preempt(struct vcpu *v, u64 tsc)
{
	struct vmx_vcpu *x = vmx_of(v);
	u64 now = rdtsc(), ticks;

	if (!(vmx_backend.hw_features & PV_HW_PREEMPT_TIMER))
		return false;
	x->pin &= ~(u32)PIN_ACTIVATE_PREEMPTION_TIMER;
	if (tsc != ~0ull) {
		/* Rounded up, or it would fire just before the time and be armed again. */
		ticks = tsc > now ? ((tsc - now) >> vmx_caps.preempt_shift) + 1 : 0;
		vmwrite(PREEMPTION_TIMER, min(ticks, 0xffffffffull));
		x->pin |= PIN_ACTIVATE_PREEMPTION_TIMER;
	}
	/*
	 * Saving the value at exits is refused while the timer is off, so both controls go
	 * together.
	 */
	vmwrite(EXIT_CONTROLS, x->pin & PIN_ACTIVATE_PREEMPTION_TIMER ?
				       vmx_caps.controls[EXIT] :
				       vmx_caps.controls[EXIT] & ~(u32)EXIT_SAVE_PREEMPTION_TIMER);
	vmwrite(PIN_CONTROLS, x->pin);
	return true;
}
