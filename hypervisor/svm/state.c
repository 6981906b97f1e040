/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest registers in the VMCB. CR0 and CR4 have two faces: what the guest wrote (struct svm_vcpu)
 * and what the CPU holds. SVM has no shadow to read them from, so reading exits while they differ.
 */
#include "interpreter/control.h"
#include "svm/svm.h"
#include "svm/vmcb.h"

/* The bits of CR0 that the guest never has; of the others it changes some without an exit. */
#define CR0_OURS (CR0_CD | CR0_NW)

static void intercept(u16 *word, enum control_bit bit, bool on)
{
	*word = (u16)(on ? *word | bit : *word & ~bit);
}

static void write_cr0_guest(struct vcpu *v, u64 value)
{
	struct svm_vcpu *x = svm_of(v);

	x->cr0 = value;
	x->vmcb->cr0 = (value & ~(u64)CR0_OURS) | CR0_ET;
	/* The selective intercept compares with what the CPU holds: it would miss CD going off. */
	intercept(&x->vmcb->intercept_cr_read, CR_READ_CR0, value & CR0_OURS);
	intercept(&x->vmcb->intercept_cr_write, CR_WRITE_CR0, value & CR0_OURS);
}

static void write_cr4_guest(struct vcpu *v, u64 value)
{
	struct svm_vcpu *x = svm_of(v);

	x->cr4 = value;
	x->vmcb->cr4 = value | CR4_MCE;
	intercept(&x->vmcb->intercept_cr_read, CR_READ_CR4, x->vmcb->cr4 != value);
}

static u64 two_faced(u64 real, u64 shadow, u64 ours)
{
	return (real & ~ours) | (shadow & ours);
}

/* Without SVME no VMRUN succeeds; a guest knows nothing of it. */
static void write_efer(struct vcpu *v, u64 value)
{
	vmcb_of(v)->efer = value | EFER_SVME;
}

/* Attributes: type, S, DPL, P, AVL, L, D/B, G, packed to 12 bits (APM vol. 2, "VMCB Save Area"). */
#define ATTRIB_LONG BIT(9)
#define ATTRIB_DEFAULT BIT(10)

static u64 code_bytes(const struct vmcb *vmcb)
{
	if ((vmcb->efer & EFER_LMA) && (vmcb->cs_attrib & ATTRIB_LONG))
		return 8;
	return vmcb->cs_attrib & ATTRIB_DEFAULT ? 4 : 2;
}

/* Registers that are one field and nothing more. */
static const u16 plain_fields[] = {
	[VREG_RIP] = offsetof(struct vmcb, rip), [VREG_RSP] = offsetof(struct vmcb, rsp),
	[VREG_RFLAGS] = offsetof(struct vmcb, rflags), [VREG_CR2] = offsetof(struct vmcb, cr2),
	[VREG_CR3] = offsetof(struct vmcb, cr3), [VREG_DR6] = offsetof(struct vmcb, dr6),
	[VREG_DR7] = offsetof(struct vmcb, dr7), [VREG_FS_BASE] = offsetof(struct vmcb, fs_base),
	[VREG_GS_BASE] = offsetof(struct vmcb, gs_base),
	[VREG_SYSENTER_CS] = offsetof(struct vmcb, sysenter_cs),
	[VREG_SYSENTER_ESP] = offsetof(struct vmcb, sysenter_esp),
	[VREG_SYSENTER_EIP] = offsetof(struct vmcb, sysenter_eip),
	[VREG_TSC_OFFSET] = offsetof(struct vmcb, tsc_offset),
};

static u64 *plain_field(struct vmcb *vmcb, enum vreg reg)
{
	return (u64 *)((u8 *)vmcb + plain_fields[reg]);
}

u64 svm_read(struct vcpu *v, enum vreg reg)
{
	struct svm_vcpu *x = svm_of(v);

	switch (reg) {
	case VREG_CR0:
		return two_faced(x->vmcb->cr0, x->cr0, CR0_OURS);
	case VREG_CR4:
		return x->cr4; /* every change of it exits */
	case VREG_EFER:
		return x->vmcb->efer & ~(u64)EFER_SVME;
	case VREG_CPL:
		return x->vmcb->cpl;
	case VREG_CODE_BYTES:
		return code_bytes(x->vmcb);
	case VREG_SHADOW:
		return x->vmcb->interrupt_shadow & SHADOW;
	default:
		return *plain_field(x->vmcb, reg);
	}
}

static void set_pause_exits(struct vmcb *vmcb, bool on)
{
	if (on)
		vmcb->intercept_misc1 |= MISC1_PAUSE;
	else
		vmcb->intercept_misc1 &= ~(u32)MISC1_PAUSE;
}

void svm_write(struct vcpu *v, enum vreg reg, u64 value)
{
	switch (reg) {
	case VREG_CR0:
		write_cr0_guest(v, value);
		break;
	case VREG_CR4:
		write_cr4_guest(v, value);
		break;
	case VREG_EFER:
		write_efer(v, value);
		break;
	case VREG_SHADOW:
		vmcb_of(v)->interrupt_shadow = 0;
		break;
	case VREG_X2APIC: /* its accesses exit in both modes */
		break;
	case VREG_PAUSE_EXITS:
		set_pause_exits(vmcb_of(v), value);
		break;
	case VREG_CPL:
	case VREG_CODE_BYTES:
		panic("write to a read-only register %u", reg);
	default:
		*plain_field(vmcb_of(v), reg) = value;
		break;
	}
}

#define ATTRIB_CODE64 0xa9b
#define ATTRIB_DATA 0xc93
#define ATTRIB_TSS_BUSY 0x08b
#define ATTRIB_UNUSABLE 0x000 /* not present */

#define READ_SEGMENT(vmcb, name, to) \
	do { \
		(to)->selector = (vmcb)->name##_selector; \
		(to)->base = (vmcb)->name##_base; \
		(to)->limit = (vmcb)->name##_limit; \
		(to)->access = access_of((vmcb)->name##_attrib); \
	} while (0)

/* The VMCB packs bits 12 to 15 of a descriptor's attributes right behind the lower eight. */
static u32 access_of(u16 attrib)
{
	u32 access = (attrib & 0xffu) | (attrib & 0xf00u) << 4;

	return attrib & SEG_PRESENT ? access : access | (u32)SEG_UNUSABLE;
}

void svm_segment(struct vcpu *v, enum segment_name name, struct segment *to)
{
	struct vmcb *vmcb = vmcb_of(v);

	switch (name) {
	case SEG_ES:
		READ_SEGMENT(vmcb, es, to);
		break;
	case SEG_CS:
		READ_SEGMENT(vmcb, cs, to);
		break;
	case SEG_SS:
		READ_SEGMENT(vmcb, ss, to);
		break;
	case SEG_DS:
		READ_SEGMENT(vmcb, ds, to);
		break;
	case SEG_FS:
		READ_SEGMENT(vmcb, fs, to);
		break;
	case SEG_GS:
		READ_SEGMENT(vmcb, gs, to);
		break;
	case SEG_LDTR:
		READ_SEGMENT(vmcb, ldtr, to);
		break;
	default:
		READ_SEGMENT(vmcb, tr, to);
		break;
	}
}

#define WRITE_SEGMENT(vmcb, name, value, address, bytes, bits) \
	do { \
		(vmcb)->name##_selector = (value); \
		(vmcb)->name##_base = (address); \
		(vmcb)->name##_limit = (bytes); \
		(vmcb)->name##_attrib = (bits); \
	} while (0)

/* As after a reset: APM vol. 2, "Processor Initialization State". */
#define ATTRIB_REAL_CODE 0x09b
#define ATTRIB_REAL_DATA 0x093

#define WRITE_REAL_SEGMENT(vmcb, name, value, bits) \
	WRITE_SEGMENT(vmcb, name, value, (u64)(value) << 4, 0xffff, bits)

static void write_real_segments(struct vmcb *vmcb, const struct pv_vcpu_context *c)
{
	WRITE_REAL_SEGMENT(vmcb, cs, c->cs, ATTRIB_REAL_CODE);
	WRITE_REAL_SEGMENT(vmcb, ss, c->ss, ATTRIB_REAL_DATA);
	WRITE_REAL_SEGMENT(vmcb, ds, c->ds, ATTRIB_REAL_DATA);
	WRITE_REAL_SEGMENT(vmcb, es, c->es, ATTRIB_REAL_DATA);
	WRITE_REAL_SEGMENT(vmcb, fs, c->fs, ATTRIB_REAL_DATA);
	WRITE_REAL_SEGMENT(vmcb, gs, c->gs, ATTRIB_REAL_DATA);
	WRITE_SEGMENT(vmcb, ldtr, 0, 0, 0, ATTRIB_UNUSABLE);
	WRITE_SEGMENT(vmcb, tr, 0, 0, 0xffff, ATTRIB_TSS_BUSY);
}

static void write_segments(struct vmcb *vmcb, const struct pv_vcpu_context *c)
{
	if (!(c->cr0 & CR0_PE)) {
		write_real_segments(vmcb, c);
		return;
	}
	WRITE_SEGMENT(vmcb, cs, c->cs, 0, ~0u, ATTRIB_CODE64);
	WRITE_SEGMENT(vmcb, ss, c->ss, 0, ~0u, ATTRIB_DATA);
	WRITE_SEGMENT(vmcb, ds, c->ds, 0, ~0u, ATTRIB_DATA);
	WRITE_SEGMENT(vmcb, es, c->es, 0, ~0u, ATTRIB_DATA);
	WRITE_SEGMENT(vmcb, fs, c->fs, c->fs_base, ~0u, ATTRIB_DATA);
	WRITE_SEGMENT(vmcb, gs, c->gs, c->gs_base, ~0u, ATTRIB_DATA);
	WRITE_SEGMENT(vmcb, ldtr, 0, 0, 0, ATTRIB_UNUSABLE);
	/* As on VMX, where TR cannot be unusable: without one of its own an empty TSS at 0. */
	WRITE_SEGMENT(vmcb, tr, c->tr, c->tr_base, c->tr_limit ? c->tr_limit : 0x67,
		      ATTRIB_TSS_BUSY);
}

static void write_all(struct vcpu *v, const struct pv_vcpu_context *c)
{
	struct vmcb *vmcb = vmcb_of(v);

	vmcb_init(v);
	write_efer(v, c->efer);
	write_cr0_guest(v, c->cr0);
	write_cr4_guest(v, c->cr4);
	vmcb->cr3 = c->cr3;
	vmcb->cr2 = 0;
	write_segments(vmcb, c);
	vmcb->cpl = 0;
	vmcb->gdtr_base = c->gdt_base;
	vmcb->gdtr_limit = c->gdt_limit;
	vmcb->idtr_base = c->idt_base;
	vmcb->idtr_limit = c->idt_limit;
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	vmcb->rsp = c->rsp;
	vmcb->rip = c->rip;
	vmcb->rflags = c->rflags;
	vmcb->interrupt_shadow = 0;
	vmcb->dbgctl = 0;
	vmcb->star = 0;
	vmcb->lstar = 0;
	vmcb->cstar = 0;
	vmcb->sfmask = 0;
	vmcb->kernel_gs_base = c->kernel_gs_base;
	vmcb->sysenter_cs = 0;
	vmcb->sysenter_esp = 0;
	vmcb->sysenter_eip = 0;
}

/* The vCPU is not running. What is kept of it beside the VMCB starts afresh as well. */
void svm_set_context(struct vcpu *v, const struct pv_vcpu_context *c)
{
	struct svm_vcpu *x = svm_of(v);

	*x = (struct svm_vcpu){ .vmcb = x->vmcb };
	write_all(v, c);
}
