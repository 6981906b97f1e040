/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the VMX backend share: fields, controls, checked accessors, per-vCPU structure.
 */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "vmx/entry.h"

enum vmcs_field {
#define VMCS_FIELD(name, encoding, width) name = encoding,
#include "vmx/fields.def"
#undef VMCS_FIELD
};

enum control_set { PIN, PRIMARY, SECONDARY, EXIT, ENTRY, CONTROL_SETS };

enum control_bit {
#define CONTROL(set, name, bit, need) set##_##name = (int)(1u << (bit)),
#include "vmx/controls.def"
#undef CONTROL
};

/* SDM vol. 3, appendix A "VMX Capability Reporting Facility". */
#define MSR_VMX_BASIC 0x480
#define MSR_VMX_MISC 0x485
#define MSR_VMX_CR0_FIXED0 0x486
#define MSR_VMX_CR0_FIXED1 0x487
#define MSR_VMX_CR4_FIXED0 0x488
#define MSR_VMX_CR4_FIXED1 0x489
#define MSR_VMX_EPT_VPID_CAP 0x48c

/* What this machine's VMX can do; the boot CPU's, which every CPU must equal. (caps.c) */
struct vmx_caps {
	u32 revision;
	u32 controls[CONTROL_SETS]; /* chosen: (want | must1) & may1 */
	u32 may1[CONTROL_SETS];
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u32 cr3_targets; /* 0..4 */
	u32 preempt_shift; /* preemption timer: TSC >> shift */
	bool has_invvpid_all, has_invept_single;
};
extern struct vmx_caps vmx_caps;

int vmx_detect(char *why, size_t bytes);
int vmx_cpu_start(struct cpu *cpu, char *why, size_t bytes);
void vmx_cpu_stop(struct cpu *cpu);

/* What makes the CPU complete accesses to the local APIC's page. */
#define SECONDARY_VIRTUAL_APIC \
	((u32)(SECONDARY_VIRTUALIZE_APIC_ACCESSES | SECONDARY_APIC_REGISTER_VIRT))

struct vmx_vcpu {
	hpa_t vmcs;
	void *virtual_apic; /* NULL without the TPR shadow */
	bool has_apic; /* the CPU works on v->apic_page */
	u32 primary, pin; /* controls that change at run time, as the VMCS holds them */
};
_Static_assert(offsetof(struct vcpu, gpr) == VCPU_GPR(0), "entry.S");
_Static_assert(sizeof(((struct vcpu *)0)->gpr) == VCPU_GPR_END, "entry.S");
_Static_assert(offsetof(struct vcpu, host_rsp) == VCPU_HOST_RSP, "entry.S");
_Static_assert(offsetof(struct vcpu, entry) == VCPU_ENTRY, "entry.S");

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v)
{
	return v->hw;
}

/* A field access that fails is a bug of ours; the panic names the field. (vmcs.c) */
void vmcs_access_failed(const char *what, enum vmcs_field field) __attribute__((noreturn, cold));
const char *vmcs_field_name(enum vmcs_field field);

static inline u64 vmread(enum vmcs_field field)
{
	u64 value;
	bool failed;

	__asm__ volatile("vmread %2, %0" : "=rm"(value), "=@ccbe"(failed) : "r"((u64)field));
	if (unlikely(failed))
		vmcs_access_failed("VMREAD", field);
	return value;
}

static inline void vmwrite(enum vmcs_field field, u64 value)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2"
			 : "=@ccbe"(failed)
			 : "rm"(value), "r"((u64)field)
			 : "memory");
	if (unlikely(failed))
		vmcs_access_failed("VMWRITE", field);
}

static inline bool vmptrld(hpa_t vmcs)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	return !failed;
}

static inline bool vmclear(hpa_t vmcs)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	return !failed;
}

/* vmcs.c */
int vmx_vcpu_create(struct vcpu *v);
void vmx_vcpu_destroy(struct vcpu *v);
void vmx_vcpu_load(struct vcpu *v, struct cpu *cpu);
void vmx_vcpu_unload(struct vcpu *v);
void vmx_flush(struct vcpu *v, enum flush_scope scope);
int vmx_mode_switch(struct vcpu *v, unsigned from, unsigned to);
void vmx_set_x2apic(struct vcpu *v); /* by v->is_x2apic */

/* state.c */
u64 vmx_read(struct vcpu *v, enum vreg reg);
void vmx_write(struct vcpu *v, enum vreg reg, u64 value);
void vmx_segment(struct vcpu *v, enum segment_name name, struct segment *to);
void vmx_set_context(struct vcpu *v, const struct pv_vcpu_context *context);

/* exit.c */
const char *vmx_reason_name(unsigned reason);
void vmx_launch(void); /* entry.S: called by enter() only, rdi = struct vcpu */
void vmx_entry_failed(void) __attribute__((noreturn));
void vmx_run(struct cpu *cpu, struct vcpu *v);

/* events.c */
void vmx_inject(struct vcpu *v, const struct event *event);
bool vmx_can_take(struct vcpu *v, enum event_line line);
void vmx_set_window(struct vcpu *v, enum event_line line, bool on);
int vmx_virtual_irq(struct vcpu *v, int vector);
bool vmx_arm_preempt(struct vcpu *v, u64 tsc);

/* check.c, dump.c */
void vmx_explain_failure(struct vcpu *v);
void vmx_dump(struct vcpu *v);

/* Blocking bits of GUEST_INTERRUPTIBILITY (SDM vol. 3, "Guest Non-Register State"). */
#define BLOCKED_BY_STI BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_NMI BIT(3)

#endif
