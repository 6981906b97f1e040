/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the SVM backend share: the VMCB's layout, controls, per-vCPU structure. */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "svm/entry.h"

/* Memory, at its machine address; only the CPU's own cached copy is hidden, see vmcb_clean. */
struct vmcb {
#define VMCB_FIELD(name, offset, width) u##width name;
#define VMCB_RESERVED(offset, bytes) u8 reserved_##offset[bytes];
#include "svm/fields.def"
#undef VMCB_FIELD
#undef VMCB_RESERVED
};
#define VMCB_FIELD(name, offset, width) \
	_Static_assert(offsetof(struct vmcb, name) == (offset), #name);
#define VMCB_RESERVED(offset, bytes) \
	_Static_assert(offsetof(struct vmcb, reserved_##offset) == (offset), #offset);
#include "svm/fields.def"
#undef VMCB_FIELD
#undef VMCB_RESERVED
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "a VMCB is one frame");

enum control_set { CR_READ, CR_WRITE, EXCEPTION, MISC1, MISC2, MISC3, INT, NESTED, CONTROL_SETS };

enum control_bit {
#define CONTROL(set, name, bit, need) set##_##name = (int)(1u << (bit)),
#include "svm/controls.def"
#undef CONTROL
};

/* APM vol. 2, appendix A "MSR Cross-Reference". */
#define MSR_VM_CR 0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117

/* What this machine's SVM can do; the boot CPU's, which every CPU must equal. (caps.c) */
struct svm_caps {
	u32 controls[CONTROL_SETS]; /* chosen */
	u32 asids; /* how many numbers there are, 0 included */
	bool has_assists; /* decode assists: EXITINFO1 names the register of a MOV CR */
	bool is_tcg; /* QEMU's software CPU */
};
extern struct svm_caps svm_caps;

int svm_detect(char *why, size_t bytes);
int svm_cpu_start(struct cpu *cpu, char *why, size_t bytes);
void svm_cpu_stop(struct cpu *cpu);

struct svm_vcpu {
	struct vmcb *vmcb; /* at SVM_VMCB */
	hpa_t host_vmcb; /* at SVM_HOST_VMCB: what VMLOAD gives back to this CPU */
	u64 next_rip; /* after the instruction that exited; 0 = not known yet */
	u64 nrip_mask; /* all ones where the CPU saves it for most instructions, else 0 */
	u64 cr0, cr4; /* as the guest wrote them: what it reads where the CPU holds another value */

	/* V_IRQ, as it is wanted and as it stands (events.c). */
	bool v_irq, v_irq_is_window; /* for a vector that the hardware delivers, or for an exit */
	bool v_irq_armed, v_irq_delivered;
	/* NMIs are masked from an injection to the end of the next IRET. (events.c) */
	bool nmi_masked, nmi_at_iret, nmi_window;
	u64 nmi_iret_rip; /* where nmi_at_iret */
	bool step; /* this entry is for one instruction, so that an event can follow it */
	bool step_guest_tf; /* the guest steps as well */
	u64 step_dr6;
	bool shadowed; /* QEMU: entered in an interrupt shadow, at shadow_rip */
	u64 shadow_rip;
};
_Static_assert(offsetof(struct svm_vcpu, vmcb) == SVM_VMCB, "entry.S");
_Static_assert(offsetof(struct svm_vcpu, host_vmcb) == SVM_HOST_VMCB, "entry.S");
_Static_assert(offsetof(struct vmcb, rax) == VMCB_RAX, "entry.S");
_Static_assert(offsetof(struct vcpu, gpr) == VCPU_GPR(0), "entry.S");
_Static_assert(sizeof(((struct vcpu *)0)->gpr) == VCPU_GPR_END, "entry.S");
_Static_assert(offsetof(struct vcpu, host_rsp) == VCPU_HOST_RSP, "entry.S");
_Static_assert(offsetof(struct vcpu, hw) == VCPU_HW, "entry.S");

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
	return v->hw;
}

static inline struct vmcb *vmcb_of(const struct vcpu *v)
{
	return svm_of(v)->vmcb;
}

/* RAX is an address of ours: VMSAVE and VMLOAD move FS, GS, TR, LDTR and the system-call MSRs. */
static inline void vmsave(hpa_t vmcb)
{
	__asm__ volatile("vmsave %0" : : "a"(vmcb) : "memory");
}

/* vmcb.c */
int svm_vcpu_create(struct vcpu *v);
void svm_vcpu_destroy(struct vcpu *v);
void svm_vcpu_load(struct vcpu *v, struct cpu *cpu);
void svm_vcpu_unload(struct vcpu *v);
void svm_flush(struct vcpu *v, enum flush_scope scope);
int svm_mode_switch(struct vcpu *v, unsigned from, unsigned to);
void svm_flush_done(struct vcpu *v); /* an entry with tlb_control set has happened */

/* state.c */
u64 svm_read(struct vcpu *v, enum vreg reg);
void svm_write(struct vcpu *v, enum vreg reg, u64 value);
void svm_segment(struct vcpu *v, enum segment_name name, struct segment *to);
void svm_set_context(struct vcpu *v, const struct pv_vcpu_context *context);

/* exit.c */
const char *svm_reason_name(unsigned reason);
void svm_run(struct cpu *cpu, struct vcpu *v);

/* events.c */
void svm_inject(struct vcpu *v, const struct event *event);
bool svm_can_take(struct vcpu *v, enum event_line line);
void svm_set_window(struct vcpu *v, enum event_line line, bool on);
int svm_virtual_irq(struct vcpu *v, int vector);
bool svm_arm_preempt(struct vcpu *v, u64 tsc);
void nmi_unmask(struct vcpu *v); /* an injected NMI did not arrive */
void nmi_iret(struct vcpu *v); /* the guest is about to execute IRET */
void entry_prepare(struct vcpu *v); /* before an entry with nmi_window, or on QEMU */
/* How the instruction that was stepped over ended, at the exit. */
enum step_result { STEP_DONE, STEP_FAULTED, STEP_CUT /* not executed */ };
bool step_end(struct vcpu *v, enum step_result result); /* true: done, and the #DB was ours alone */

/* check.c, dump.c */
void svm_explain_failure(struct vcpu *v);
void svm_dump(struct vcpu *v);

/* EVENTINJ and EXITINTINFO have one layout (APM vol. 2, "Event Injection"): error code on top. */
#define SVM_EVENT_VECTOR 0xffull
#define SVM_EVENT_TYPE_SHIFT 8
#define SVM_EVENT_TYPE_MASK 7ull
#define SVM_EVENT_ERROR BIT(11)
#define SVM_EVENT_VALID BIT(31)
#define SVM_EVENT_ERROR_SHIFT 32

/* interrupt_shadow: one instruction after STI or MOV SS; SVM does not tell them apart. */
#define SHADOW BIT(0)

#endif
