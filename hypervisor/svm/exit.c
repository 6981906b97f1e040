/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a raw exit code to struct vmexit. A row says which decoder fills it and which fields of the
 * VMCB its class needs. Where the CPU does not say it, the instruction is fetched and decoded: its
 * length, and what a CR access is about. The run loop is instantiated here.
 */
#include "dispatcher/run.h"
#include "interpreter/interpreter.h"
#include "interpreter/linear.h"
#include "lib/insn.h"
#include "lib/lib.h"
#include "svm/exitinfo.h"
#include "svm/svm.h"

#define CODE_INVALID 0xffffffffu /* of 64 bits, but QEMU writes 32 */
#define CODE_VMMCALL 0x81
#define CODE_RDTSCP 0x87
#define CODE_IS_EXCEPTION(code) ((code) - SVM_EXIT_EXCEPTION < 32)

/* The instruction that exited: decoded, and the address of the next one. As insn_fetch(). */
static __attribute__((noinline)) int fetch(struct vcpu *v, struct vmexit *exit, struct insn *insn)
{
	struct vmcb *vmcb = vmcb_of(v);
	bool is_long = svm_read(v, VREG_CODE_BYTES) == 8;
	u64 base = is_long ? 0 : vmcb->cs_base, mask = is_long ? ~0ull : 0xffffffff;
	u8 bytes[INSN_MAX];
	int error = insn_fetch(v, (base + exit->rip) & mask, bytes, insn);

	if (!error)
		svm_of(v)->next_rip = (exit->rip + insn->length) & mask;
	return error;
}

static int find_next_rip(struct vcpu *v, struct vmexit *exit)
{
	struct insn insn;

	return svm_of(v)->next_rip ? 0 : fetch(v, exit, &insn);
}

/* RDTSCP has a code of its own, but QEMU uses RDTSC's: look, where a look is needed anyway. */
static void decode_rdtsc(struct vcpu *v, struct vmexit *exit)
{
	struct insn insn;

	exit->has_aux = exit->code.raw == CODE_RDTSCP;
	if (!svm_of(v)->next_rip && fetch(v, exit, &insn) == 0)
		exit->has_aux = insn.opcode == 0x01; /* 0F 01 F9, not 0F 31 */
}

/* Likewise INVD, which QEMU calls WBINVD. */
static void decode_wbinvd(struct vcpu *v, struct vmexit *exit)
{
	struct insn insn;

	if (!svm_of(v)->next_rip && fetch(v, exit, &insn) == 0 && insn.opcode == 0x08)
		exit->code.exit = PV_EXIT_INVD;
}

/* CLTS, LMSW and SMSW are never told by EXITINFO1, and MOV only with decode assists. */
static bool complete_cr(struct vcpu *v, struct vmexit *exit)
{
	struct exit_cr *cr = &exit->cr;
	struct insn insn;

	if (fetch(v, exit, &insn) || !svm_complete_cr(cr, &insn))
		return false;
	if (cr->op == CR_LMSW && cr->has_gpr)
		cr->lmsw = (u16)gpr_read(v, cr->gpr);
	else if (cr->op == CR_LMSW)
		cr->op = CR_LMSW_MEMORY;
	return true;
}

static void decode_cr(struct vcpu *v, struct vmexit *exit)
{
	exit->cr = svm_decode_cr(exit->code.raw, exit->qualification, svm_caps.has_assists);
	/* Its length now: the handler may change how the guest's code is found. */
	if (exit->cr.has_gpr ? find_next_rip(v, exit) : !complete_cr(v, exit))
		exit->code.exit = PV_EXIT_UNKNOWN;
}

static void decode_dr(struct vcpu *v, struct vmexit *exit)
{
	(void)v;
	exit->dr = svm_decode_dr(exit->code.raw, exit->qualification, svm_caps.has_assists);
}

static void decode_io(struct vcpu *v, struct vmexit *exit)
{
	svm_of(v)->next_rip = vmcb_of(v)->exitinfo2;
	exit->io = svm_decode_io(exit->qualification);
	if (exit->io.is_in)
		exit->code.exit = PV_EXIT_PORT_IN;
}

static void decode_msr(struct vcpu *v, struct vmexit *exit)
{
	if (!(exit->qualification & 1))
		return;
	exit->code.exit = PV_EXIT_WRMSR;
	/* EFER decides how the guest's code is found: look before it changes. */
	if (find_next_rip(v, exit))
		exit->code.exit = PV_EXIT_UNKNOWN;
}

/* All exceptions exit during a step: the #DB that ends it, or one of the instruction's own. */
static __attribute__((cold, noinline)) void decode_step(struct vcpu *v, struct vmexit *exit)
{
	struct vmcb *vmcb = vmcb_of(v);
	bool is_done = exit->exception.vector == VEC_DB && (vmcb->dr6 & BIT(14));

	/* Delivery would have written it; the intercept comes before. */
	if (exit->exception.vector == VEC_PF)
		vmcb->cr2 = exit->exception.address;
	if (step_end(v, is_done ? STEP_DONE : STEP_FAULTED))
		exit->code.exit = svm_of(v)->nmi_window ? PV_EXIT_NMI_WINDOW : PV_EXIT_IRQ_WINDOW;
}

static void decode_exception(struct vcpu *v, struct vmexit *exit)
{
	/* Of a #DB the VMCB's DR6 and DR7 tell already what its handler shall see. */
	exit->exception =
		svm_decode_exception(exit->code.raw, exit->qualification, vmcb_of(v)->exitinfo2);
	if (unlikely(svm_of(v)->step))
		decode_step(v, exit);
}

static void decode_iret(struct vcpu *v, struct vmexit *exit)
{
	(void)exit;
	nmi_iret(v);
}

static void decode_npf(struct vcpu *v, struct vmexit *exit)
{
	exit->fault = svm_decode_npf(exit->qualification, vmcb_of(v)->exitinfo2);
	if (svm_npf_is_misconfig(exit->qualification))
		exit->code.exit = PV_EXIT_NESTED_MISCONFIG;
}

enum { R = 1, Q = 2 };
#define decode_none NULL

struct reason {
	u8 exit; /* PV_EXIT_*; 0 = no such row: hypercalls do not come through the table */
	u8 needs;
	void (*decode)(struct vcpu *v, struct vmexit *exit); /* NULL: the class says it all */
};

/* Codes are dense below 0xb0; the few from 0x400 on follow right after. */
#define LOW_ROWS 0xb0
#define HIGH_CODE 0x400
#define ROWS (LOW_ROWS + 4)
#define ROW(code) ((code) < HIGH_CODE ? (code) : (code) - HIGH_CODE + LOW_ROWS)

static const struct reason reasons[ROWS] = {
#define REASON(code, name, class, decoder, need) [ROW(code)] = { PV_EXIT_##class, need, decoder },
#define REASON_RANGE(first, last, name, class, decoder, need) \
	[first ... last] = { PV_EXIT_##class, need, decoder },
#include "svm/reasons.def"
#undef REASON
#undef REASON_RANGE
};

static const char *const reason_names[ROWS] = {
#define REASON(code, name, class, decoder, need) [ROW(code)] = #name,
#define REASON_RANGE(first, last, name, class, decoder, need) [first ... last] = #name,
#include "svm/reasons.def"
#undef REASON
#undef REASON_RANGE
};

/* ROWS where there is none. */
static unsigned row_of(u32 code)
{
	if (likely(code < LOW_ROWS))
		return code;
	return code - HIGH_CODE < ROWS - LOW_ROWS ? ROW(code) : ROWS;
}

const char *svm_reason_name(unsigned reason)
{
	unsigned row = row_of(reason);

	return row < ROWS && reason_names[row] ? reason_names[row] : "#unknown";
}

/*
 * The exit came while an event was on its way in: it must be delivered again. Not INT n, INT3 and
 * INTO: their instruction is executed again. Nothing of it has happened yet, and RIP points at it.
 */
static __attribute__((cold, noinline)) void event_recover(struct vcpu *v)
{
	u64 info = vmcb_of(v)->exitintinfo;
	u8 type = info >> SVM_EVENT_TYPE_SHIFT & SVM_EVENT_TYPE_MASK;
	u8 vector = info & SVM_EVENT_VECTOR;

	/* QEMU calls a vector that came by V_IRQ an exception. */
	if (type == EVENT_EXCEPTION && vector >= 32)
		type = EVENT_INTERRUPT;
	if (type == EVENT_SOFT_INTERRUPT ||
	    (type == EVENT_EXCEPTION && (vector == VEC_BP || vector == VEC_OF)))
		return;
	v->event = (struct event){
		.valid = true, .type = type, .vector = vector, .has_error = info & SVM_EVENT_ERROR
	};
	if (v->event.has_error)
		v->event.error = (u32)(info >> SVM_EVENT_ERROR_SHIFT);
	/* The NMI did not arrive, so nothing blocks the next try. */
	if (type == EVENT_NMI)
		nmi_unmask(v);
	vcpu_attend(v, ATTENTION_EVENT);
}

/* The entry failed on the guest's state, or the reason has no row. */
static __attribute__((cold, noinline)) void strange_exit(struct vcpu *v, struct vmexit *exit,
							 u32 code)
{
	exit->rip = vmcb_of(v)->rip;
	exit->qualification = vmcb_of(v)->exitinfo1;
	exit->code.raw = (u16)code;
	exit->code.exit = code == CODE_INVALID ? PV_EXIT_BAD_STATE : PV_EXIT_UNKNOWN;
	if (exit->code.exit == PV_EXIT_BAD_STATE)
		svm_explain_failure(v);
}

/* Everything but hypercalls: by the table. */
ALWAYS_INLINE void decode(struct vcpu *v, struct vmexit *exit, u32 code)
{
	struct vmcb *vmcb = vmcb_of(v);
	unsigned at = row_of(code);
	const struct reason *row = &reasons[at];

	if (unlikely(at == ROWS || !row->exit)) {
		strange_exit(v, exit, code);
		return;
	}
	vmcb->eventinj = 0;
	exit->code = (struct exit_code){ row->exit, (u16)code };
	exit->rip = row->needs & R ? vmcb->rip : 0;
	if (unlikely(vmcb->exitintinfo & SVM_EVENT_VALID))
		event_recover(v);
	exit->qualification = row->needs & Q ? vmcb->exitinfo1 : 0;
	if (row->decode)
		row->decode(v, exit);
}

/* The rare things that an entry can have been used for. */
static __attribute__((cold, noinline)) void entry_over(struct vcpu *v, u32 code)
{
	struct svm_vcpu *x = svm_of(v);

	if (x->vmcb->tlb_control)
		svm_flush_done(v);
	if (x->step && !CODE_IS_EXCEPTION(code))
		step_end(v, STEP_CUT);
	if (x->shadowed && x->vmcb->rip == x->shadow_rip)
		x->vmcb->interrupt_shadow = SHADOW;
	x->shadowed = false;
}

/*
 * A hypercall is what a paravirtualized kernel does instead of everything else, so it comes first
 * and reads only what it needs. From user mode VMMCALL is no hypercall but an instruction of SVM.
 */
ALWAYS_INLINE void enter(struct vcpu *v, struct vmexit *exit)
{
	struct svm_vcpu *x = svm_of(v);
	struct vmcb *vmcb = x->vmcb;
	struct vcpu *rdi = v;
	u32 code;

	if (unlikely(x->nmi_window | svm_caps.is_tcg))
		entry_prepare(v);
	__asm__ volatile("call svm_enter"
			 : "+D"(rdi)
			 :
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "r15", "cc", "memory");
	exit->tsc_low = (u32)rdtsc();
	code = (u32)vmcb->exitcode;
	x->next_rip = vmcb->nrip & x->nrip_mask;
	if (unlikely(vmcb->tlb_control | x->step | x->shadowed))
		entry_over(v, code);
	if (likely(code == CODE_VMMCALL)) {
		vmcb->eventinj = 0;
		exit->rip = vmcb->rip;
		exit->code = (struct exit_code){ PV_EXIT_HYPERCALL, CODE_VMMCALL };
		if (unlikely(vmcb->cpl))
			exit->code.exit = PV_EXIT_VMX_INSN;
		return;
	}
	decode(v, exit, code);
}

/* A single-stepping guest expects its #DB after the instruction that we carried out for it. */
static __attribute__((cold, noinline)) void single_step(struct vcpu *v)
{
	struct vmcb *vmcb = vmcb_of(v);

	vmcb->rflags &= ~(u64)RFLAGS_RF;
	if (!(vmcb->rflags & RFLAGS_TF))
		return;
	/* Unlike VMX, no field that says "pending". */
	vmcb->dr6 |= BIT(14);
	event_raise(v, VEC_DB, false, 0);
}

/* STI and MOV SS hold interrupts (MOV SS also #DB) off for one instruction: this was it. */
static void shadow_over(struct vcpu *v)
{
	vmcb_of(v)->interrupt_shadow = 0;
}

ALWAYS_INLINE int advance(struct vcpu *v, struct vmexit *exit)
{
	struct svm_vcpu *x = svm_of(v);

	if (unlikely(!x->next_rip && find_next_rip(v, exit)))
		return -PV_EFAULT;
	x->vmcb->rip = x->next_rip;
	if (unlikely(x->vmcb->rflags & (RFLAGS_TF | RFLAGS_RF))) {
		shadow_over(v);
		single_step(v);
	}
	return 0;
}

void svm_run(struct cpu *cpu, struct vcpu *v)
{
	vcpu_loop(cpu, v, enter, advance, shadow_over);
}
