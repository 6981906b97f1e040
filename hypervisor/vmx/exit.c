/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a raw exit reason to struct vmexit. A row says which decoder fills it and which fields of
 * the VMCS its class needs; no other field is read. The run loop is instantiated here.
 */
#include "dispatcher/run.h"
#include "lib/lib.h"
#include "vmx/qualification.h"
#include "vmx/vmx.h"

#define REASON_ENTRY_FAILED BIT(31)
#define REASON_VMCALL 18u
#define ACCESS_DPL (3u << 5)

static void decode_rdtscp(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->has_aux = true;
}

static void decode_cr(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->cr = vmx_decode_cr(exit->qualification);
	if (exit->cr.op == CR_MOV_FROM)
		exit->code.exit = PV_EXIT_CR_READ;
}

static void decode_dr(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->dr = vmx_decode_dr(exit->qualification);
}

static void decode_io(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->io = vmx_decode_io(exit->qualification);
	if (exit->io.is_in)
		exit->code.exit = PV_EXIT_PORT_IN;
}

/*
 * An IRET that faulted half-way had already unblocked NMIs: they must be blocked again before it is
 * retried (SDM vol. 3, "Information for VM Exits Due to Vectored Events").
 */
static void nmi_reblock(bool iret_unblocked)
{
	if (iret_unblocked)
		vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
}

static void decode_exception(struct vcpu *v, struct vmexit *exit)
{
	u32 info = (u32)vmread(EXIT_INTERRUPTION_INFO);

	if (vmx_event_type(info) == VMX_EVENT_NMI) {
		exit->code.exit = PV_EXIT_NMI;
		return;
	}
	exit->exception = vmx_decode_exception(info, (u32)vmread(EXIT_INTERRUPTION_ERROR),
					       exit->qualification);
	exit->exception.is_int1 = vmx_event_type(info) == VMX_EVENT_PRIVILEGED;
	if (exit->exception.is_int1)
		exit->exception.insn_bytes = (u8)vmread(EXIT_INSTRUCTION_LENGTH);
	nmi_reblock((info & VMX_EVENT_NMI_UNBLOCK) && !v->event.valid &&
		    exit->exception.vector != VEC_DF);
}

static void decode_ept(struct vcpu *v, struct vmexit *exit)
{
	exit->fault = vmx_decode_ept_violation(exit->qualification, vmread(GUEST_PHYSICAL_ADDRESS),
					       vmread(GUEST_LINEAR_ADDRESS));
	nmi_reblock((exit->qualification & VMX_EVENT_NMI_UNBLOCK) && !v->event.valid);
}

static void decode_misconfig(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->fault = (struct exit_fault){ .gpa = vmread(GUEST_PHYSICAL_ADDRESS) };
}

static void decode_apic_access(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->fault = vmx_decode_apic_access(exit->qualification);
}

static void decode_eoi(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->apic = (struct exit_apic){ .is_eoi = true, .number = (u16)exit->qualification };
}

static void decode_apic_write(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->apic = (struct exit_apic){ .number = (u16)(exit->qualification & 0xff0) };
}

enum { R = 1, Q = 2, V = 4 };
#define decode_none NULL

struct reason {
	u8 exit; /* PV_EXIT_*; 0 = no such row: hypercalls do not come through the table */
	u8 needs;
	void (*decode)(struct vcpu *v, struct vmexit *exit); /* NULL: the class says it all */
};

static const struct reason reasons[64] = {
#define REASON(number, name, class, decoder, need) [number] = { PV_EXIT_##class, need, decoder },
#include "vmx/reasons.def"
#undef REASON
};

static const char *const reason_names[64] = {
#define REASON(number, name, class, decoder, need) [number] = #name,
#include "vmx/reasons.def"
#undef REASON
};

const char *vmx_reason_name(unsigned reason)
{
	return reason < ARRAY_SIZE(reason_names) && reason_names[reason] ? reason_names[reason] :
									   "#unknown";
}

/* The exit came while an event was on its way in: it must be delivered again. */
static void event_recover(struct vcpu *v)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);

	if (!(info & VMX_EVENT_VALID))
		return;
	v->event = (struct event){ .valid = true,
				   .type = (u8)vmx_event_type(info),
				   .vector = (u8)(info & VMX_EVENT_VECTOR),
				   .has_error = info & VMX_EVENT_ERROR };
	if (v->event.has_error)
		v->event.error = (u32)vmread(IDT_VECTORING_ERROR);
	if (v->event.type >= EVENT_SOFT_INTERRUPT)
		v->event.insn_bytes = (u8)vmread(EXIT_INSTRUCTION_LENGTH);
	/* The NMI did not arrive, so nothing blocks the next try. */
	if (v->event.type == EVENT_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) & ~BLOCKED_BY_NMI);
	vcpu_attend(v, ATTENTION_EVENT);
}

/*
 * VMLAUNCH or VMRESUME itself failed: the host's half or the controls are wrong, a bug of ours.
 * (entry.S)
 */
void vmx_entry_failed(void)
{
	panic("VM entry failed before the guest state was loaded: instruction error %llu",
	      (unsigned long long)vmread(INSTRUCTION_ERROR));
}

/* The entry failed on the guest's state, or the reason has no row. */
static __attribute__((cold, noinline)) void strange_exit(struct vcpu *v, struct vmexit *exit,
							 u32 reason)
{
	exit->rip = vmread(GUEST_RIP);
	exit->qualification = vmread(EXIT_QUALIFICATION);
	exit->code.raw = (u16)reason;
	exit->code.exit = reason & REASON_ENTRY_FAILED ? PV_EXIT_BAD_STATE : PV_EXIT_UNKNOWN;
	if (exit->code.exit == PV_EXIT_BAD_STATE)
		vmx_explain_failure(v);
}

/* Everything but hypercalls: by the table. */
ALWAYS_INLINE void decode(struct vcpu *v, struct vmexit *exit, u32 reason)
{
	const struct reason *row = &reasons[reason & 63];

	if (unlikely(reason >= ARRAY_SIZE(reasons) || !row->exit)) {
		strange_exit(v, exit, reason);
		return;
	}
	exit->code = (struct exit_code){ row->exit, (u16)reason };
	exit->has_aux = false;
	exit->rip = row->needs & R ? vmread(GUEST_RIP) : 0;
	if (unlikely(row->needs & V))
		event_recover(v);
	exit->qualification = row->needs & Q ? vmread(EXIT_QUALIFICATION) : 0;
	if (row->decode)
		row->decode(v, exit);
}

/*
 * A hypercall is what a paravirtualized kernel does instead of everything else, so it comes first
 * and reads only what it needs. From user mode VMCALL is no hypercall but an instruction of VMX.
 */
ALWAYS_INLINE void enter(struct vcpu *v, struct vmexit *exit)
{
	register struct vcpu *rdi __asm__("rdi") = v;
	u32 reason;

	__asm__ volatile("call *%c1(%%rdi)"
			 : "+r"(rdi)
			 : "i"(VCPU_ENTRY)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "r15", "cc", "memory");
	exit->tsc_low = (u32)rdtsc();
	reason = (u32)vmread(EXIT_REASON);
	if (likely(reason == REASON_VMCALL)) {
		exit->rip = vmread(GUEST_RIP);
		exit->code = (struct exit_code){ PV_EXIT_HYPERCALL, REASON_VMCALL };
		if (unlikely(vmread(GUEST_SS_ACCESS) & ACCESS_DPL))
			exit->code.exit = PV_EXIT_VMX_INSN;
		return;
	}
	decode(v, exit, reason);
}

/* STI and MOV SS hold interrupts (MOV SS also #DB) off for one instruction: this was it. */
static void shadow_over(struct vcpu *v)
{
	u64 blocked = vmread(GUEST_INTERRUPTIBILITY);

	(void)v;
	if (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
		vmwrite(GUEST_INTERRUPTIBILITY, blocked & ~(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
}

/*
 * What the end of an instruction does to RF and TF: RF held a breakpoint off for it alone, and a
 * single-stepping guest expects its #DB now.
 */
static __attribute__((cold, noinline)) void debug_flags(struct vcpu *v, u64 rflags)
{
	vmwrite(GUEST_RFLAGS, rflags & ~RFLAGS_RF);
	if (!(rflags & RFLAGS_TF))
		return;
	shadow_over(v);
	vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | BIT(14));
}

ALWAYS_INLINE int advance(struct vcpu *v, struct vmexit *exit)
{
	u64 rflags;

	vmwrite(GUEST_RIP, exit->rip + vmread(EXIT_INSTRUCTION_LENGTH));
	rflags = vmread(GUEST_RFLAGS);
	if (unlikely(rflags & (RFLAGS_TF | RFLAGS_RF)))
		debug_flags(v, rflags);
	return 0;
}

void vmx_run(struct cpu *cpu, struct vcpu *v)
{
	vcpu_loop(cpu, v, enter, advance, shadow_over);
}
