/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a vCPU carries beyond the hardware's own structure, and who saves it. The rows below are the
 * whole list; everything in them is switched when a vCPU leaves a CPU and another comes, never at
 * an exit, because the hypervisor itself uses none of it. Two domains never see each other's.
 */
#include "allocator/frames.h"
#include "dispatcher/dispatcher.h"
#include "interpreter/control.h"
#include "interpreter/cpuid.h"
#include "interpreter/policy.h"
#include "lib/canonical.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"

/*
 * Who: the hardware with the world switch, or us here; the rows name the MSRs once for both.
 * SPEC_CTRL has no row because no guest can reach it: CPUID hides it and the MSR is denied.
 */
struct context_msr {
	u32 msr;
	bool is_syscall; /* SVM moves these with VMLOAD/VMSAVE */
	bool present; /* on this machine: context_init() */
};

static struct context_msr context_msrs[] = {
	{ MSR_STAR, true, true },
	{ MSR_LSTAR, true, true },
	{ MSR_CSTAR, true, true },
	{ MSR_SFMASK, true, true },
	{ MSR_KERNEL_GS_BASE, true, true },
	{ MSR_TSC_AUX, false, false },
};
#define CONTEXT_MSRS ARRAY_SIZE(context_msrs)

/*
 * XSAVE area first, because it must be 64-byte aligned. Its size with x87, SSE and AVX is 832 bytes
 * (SDM vol. 1, "Managing State Using the XSAVE Feature Set"); guests are offered no more than
 * those.
 */
#define FPU_BYTES 1024u
#define CONTEXT_XCR0 7ull

struct context {
	u8 fpu[FPU_BYTES] __attribute__((aligned(64)));
	u64 msr[CONTEXT_MSRS];
	u64 dr[4], dr6;
	u64 cr2;
};

static bool has_xsave;
static u64 host_xcr0;

void context_init(void)
{
	for (unsigned i = 0; i < CONTEXT_MSRS; i++) {
		struct context_msr *m = &context_msrs[i];

		m->present = m->is_syscall ? !backend->switches_syscall_msrs : has_rdtscp();
	}
	has_xsave = cpuid(1, 0).ecx & BIT(26);
	host_xcr0 = has_xsave ? cpuid(0xd, 0).eax & CONTEXT_XCR0 : 0;
}

void context_reset(struct vcpu *v)
{
	struct context *c = v->context;

	memset(c, 0, sizeof(*c));
	/* The state after FNINIT and LDMXCSR of the reset value (SDM vol. 1, "FXSAVE Area"). */
	c->fpu[0] = 0x7f;
	c->fpu[1] = 0x03;
	c->fpu[24] = 0x80;
	c->fpu[25] = 0x1f;
	/* XSTATE_BV: x87 and SSE come from the area, or MXCSR would not be loaded. */
	if (has_xsave)
		c->fpu[512] = 3;
	c->dr6 = 0xffff0ff0;
	v->xcr0 = 1;
}

int context_create(struct vcpu *v)
{
	v->context = frame_alloc();
	if (!v->context)
		return -PV_ENOMEM;
	context_reset(v);
	return 0;
}

void context_destroy(struct vcpu *v)
{
	frame_free(v->context);
}

#define DEBUG_REGISTER(n) \
	static inline u64 read_dr##n(void) \
	{ \
		u64 value; \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value)); \
		return value; \
	} \
	static inline void write_dr##n(u64 value) \
	{ \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value)); \
	}
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)

static void fpu_load(struct context *c, u64 xcr0)
{
	if (!has_xsave) {
		__asm__ volatile("fxrstor64 %0" : : "m"(c->fpu));
		return;
	}
	/* All components, also those the guest has switched off and may switch on again. */
	xsetbv(0, host_xcr0);
	__asm__ volatile("xrstor64 %0" : : "m"(c->fpu), "a"((u32)host_xcr0), "d"(0));
	xsetbv(0, xcr0);
}

static void fpu_save(struct context *c)
{
	if (!has_xsave) {
		__asm__ volatile("fxsave64 %0" : "=m"(c->fpu));
		return;
	}
	xsetbv(0, host_xcr0);
	__asm__ volatile("xsave64 %0" : "+m"(c->fpu) : "a"((u32)host_xcr0), "d"(0));
}

void context_load(struct vcpu *v)
{
	struct context *c = v->context;

	for (unsigned i = 0; i < CONTEXT_MSRS; i++)
		if (context_msrs[i].present)
			wrmsr(context_msrs[i].msr, c->msr[i]);
	write_dr0(c->dr[0]);
	write_dr1(c->dr[1]);
	write_dr2(c->dr[2]);
	write_dr3(c->dr[3]);
	write_dr6(c->dr6);
	if (!backend->switches_cr2)
		write_cr2(c->cr2);
	fpu_load(c, v->xcr0);
}

void context_save(struct vcpu *v)
{
	struct context *c = v->context;

	for (unsigned i = 0; i < CONTEXT_MSRS; i++)
		if (context_msrs[i].present)
			c->msr[i] = rdmsr(context_msrs[i].msr);
	c->dr[0] = read_dr0();
	c->dr[1] = read_dr1();
	c->dr[2] = read_dr2();
	c->dr[3] = read_dr3();
	c->dr6 = read_dr6();
	if (!backend->switches_cr2)
		c->cr2 = read_cr2();
	/*
	 * XSETBV is intercepted, but QEMU's SVM lets it through: what the CPU holds is what counts.
	 */
	if (has_xsave)
		v->xcr0 = xgetbv(0) & host_xcr0;
	fpu_save(c);
}

u64 context_xcr0(struct vcpu *v)
{
	if (has_xsave && backend->may_miss_xsetbv)
		v->xcr0 = xgetbv(0) & host_xcr0;
	return v->xcr0;
}

void context_set_xcr0(struct vcpu *v, u64 value)
{
	v->xcr0 = value;
	xsetbv(0, value);
}

void context_start(struct vcpu *v, const struct pv_vcpu_context *start)
{
	struct context *c = v->context;

	for (unsigned i = 0; i < CONTEXT_MSRS; i++)
		if (context_msrs[i].msr == MSR_KERNEL_GS_BASE)
			c->msr[i] = start->kernel_gs_base;
	/* Nothing of a former life: as after INIT, what was pending then is gone. */
	memset(v->gpr, 0, sizeof(v->gpr));
	memset(v->irr, 0, sizeof(v->irr));
	v->attention = 0;
	asid_drop(&v->asid); /* a flush that waited is gone with the bits */
	v->event.valid = false;
	v->offered = -1;
	v->windows[LINE_INTERRUPT] = v->windows[LINE_NMI] = false;
	v->wake_sticky = false;
	v->deadline = ~0ull;
	v->period = 0;
	v->upcall_vector = 0;
	v->pat = PAT_RESET;
	v->cr8 = 0;
	v->xcr0 = 1;
	v->gpr[RDI] = start->rdi;
	v->gpr[RSI] = start->rsi;
	v->osxsave = start->cr4 & CR4_OSXSAVE;
	backend->set_context(v, start);
}

/*
 * A context that the hardware would refuse to enter, or that leaves 64-bit mode, is the caller's
 * mistake and must not become a failed VM entry.
 */
int context_check(const struct pv_vcpu_context *c)
{
	const u64 addresses[] = { c->rip,     c->rsp,     c->gdt_base,       c->idt_base,
				  c->fs_base, c->gs_base, c->kernel_gs_base, c->tr_base };
	const u64 efer = EFER_LME | EFER_LMA, cr0 = CR0_PE | CR0_PG;

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++)
		if (!is_canonical(addresses[i]))
			return -PV_EINVAL;
	if ((c->cr0 & cr0) != cr0 || !cr0_is_valid(c->cr0))
		return -PV_EINVAL;
	if ((c->efer & efer) != efer || (c->efer & ~efer_valid_bits()))
		return -PV_EINVAL;
	if (!(c->cr4 & CR4_PAE) || (c->cr4 & ~cr4_valid_bits()))
		return -PV_EINVAL;
	if (!(c->rflags & RFLAGS_FIXED1) || (c->rflags & ~0x3f7fd7ull) || (c->rflags & RFLAGS_VM))
		return -PV_EINVAL;
	if (c->cr3 >> guest_physical_bits() || (c->cs & 7) || !c->cs || (c->ss & 7) || (c->tr & 7))
		return -PV_EINVAL;
	if (c->tr_limit > 0xfffff)
		return -PV_EINVAL;
	if (c->reserved0 | c->reserved1 | c->reserved2 | c->reserved4 | c->reserved5 |
	    c->reserved6 | c->reserved7 | c->reserved8)
		return -PV_EINVAL;
	return 0;
}
