/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest registers in the VMCS. CR0 and CR4 have two faces: what the guest reads back (shadow) and
 * what the CPU holds; bits outside CR0_GUEST and the CR4 list are ours and exit when changed.
 */
#include "allocator/copy.h"
#include "interpreter/control.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

/* Harmless bits: the guest changes them without an exit. */
#define CR0_GUEST (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
#define CR4_GUEST (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
		   CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)

static void write_cr0_guest(u64 value)
{
	/*
	 * Unrestricted guest: PE and PG are the guest's own (SDM "Restrictions on VMX Operation").
	 */
	u64 fixed = vmx_caps.cr0_fixed0 & ~(CR0_PE | CR0_PG);

	vmwrite(CR0_SHADOW, value);
	vmwrite(GUEST_CR0, (value & ~(CR0_CD | CR0_NW)) | fixed | CR0_ET);
}

static void write_cr4_guest(u64 value)
{
	vmwrite(CR4_SHADOW, value);
	vmwrite(GUEST_CR4, value | vmx_caps.cr4_fixed0 | CR4_MCE);
}

static u64 two_faced(enum vmcs_field real, enum vmcs_field shadow, enum vmcs_field mask)
{
	u64 ours = vmread(mask);

	return (vmread(real) & ~ours) | (vmread(shadow) & ours);
}

static void write_efer(u64 value)
{
	u32 entry = (u32)vmread(ENTRY_CONTROLS);

	vmwrite(GUEST_EFER, value);
	/* The entry control and EFER.LMA are two names of one thing. */
	if (value & EFER_LMA)
		vmwrite(ENTRY_CONTROLS, entry | ENTRY_IA32E_MODE_GUEST);
	else
		vmwrite(ENTRY_CONTROLS, entry & ~(u32)ENTRY_IA32E_MODE_GUEST);
}

static u64 code_bytes(void)
{
	u64 access = vmread(GUEST_CS_ACCESS);

	if ((vmread(GUEST_EFER) & EFER_LMA) && (access & BIT(13)))
		return 8;
	return access & BIT(14) ? 4 : 2;
}

#define BLOCKED_FOR_ONE (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)

static u64 read_dr6(void)
{
	u64 value;

	__asm__ volatile("mov %%dr6, %0" : "=r"(value));
	return value;
}

/* Registers that are one field and nothing more. */
static const u16 plain_fields[] = {
	[VREG_RIP] = GUEST_RIP, [VREG_RSP] = GUEST_RSP, [VREG_RFLAGS] = GUEST_RFLAGS,
	[VREG_CR3] = GUEST_CR3, [VREG_EFER] = GUEST_EFER, [VREG_DR7] = GUEST_DR7,
	[VREG_FS_BASE] = GUEST_FS_BASE, [VREG_GS_BASE] = GUEST_GS_BASE,
	[VREG_SYSENTER_CS] = GUEST_SYSENTER_CS, [VREG_SYSENTER_ESP] = GUEST_SYSENTER_ESP,
	[VREG_SYSENTER_EIP] = GUEST_SYSENTER_EIP, [VREG_TSC_OFFSET] = TSC_OFFSET,
};

u64 vmx_read(struct vcpu *v, enum vreg reg)
{
	(void)v;
	switch (reg) {
	case VREG_CR0:
		return two_faced(GUEST_CR0, CR0_SHADOW, CR0_MASK);
	case VREG_CR2:
		return read_cr2();
	case VREG_CR4:
		return two_faced(GUEST_CR4, CR4_SHADOW, CR4_MASK);
	case VREG_CPL:
		return vmread(GUEST_SS_ACCESS) >> 5 & 3;
	case VREG_CODE_BYTES:
		return code_bytes();
	case VREG_DR6:
		return read_dr6();
	case VREG_SHADOW:
		return vmread(GUEST_INTERRUPTIBILITY) & BLOCKED_FOR_ONE;
	default:
		return vmread(plain_fields[reg]);
	}
}

void vmx_segment(struct vcpu *v, enum segment_name name, struct segment *to)
{
	unsigned step = (unsigned)name * 2;

	(void)v;
	to->selector = (u16)vmread(GUEST_ES_SELECTOR + step);
	to->base = vmread(GUEST_ES_BASE + step);
	to->limit = (u32)vmread(GUEST_ES_LIMIT + step);
	to->access = (u32)vmread(GUEST_ES_ACCESS + step);
}

/*
 * With EPT the CPU takes the four top entries of PAE paging from the VMCS at each entry; a MOV to
 * CR3 keeps them up to date by itself, what is done for the guest does not (SDM vol. 3, "Loading
 * Page-Directory-Pointer-Table Entries"). They have been checked: control.c.
 */
static void pdptes_load(struct vcpu *v)
{
	u64 entries[4] = { 0 };

	if (!(vmread(GUEST_CR0) & CR0_PG) || !(vmread(GUEST_CR4) & CR4_PAE) ||
	    (vmread(GUEST_EFER) & EFER_LMA))
		return;
	guest_read(&v->domain->p2m, vmread(GUEST_CR3) & 0xffffffe0, entries, sizeof(entries));
	for (unsigned i = 0; i < 4; i++)
		vmwrite(GUEST_PDPTE0 + i * 2, entries[i]);
}

static void set_pause_exits(struct vmx_vcpu *x, bool on)
{
	u32 primary = on ? x->primary | (u32)PRIMARY_PAUSE_EXITING :
			   x->primary & ~(u32)PRIMARY_PAUSE_EXITING;

	if (primary == x->primary || (primary & ~vmx_caps.may1[PRIMARY]))
		return;
	x->primary = primary;
	vmwrite(PRIMARY_CONTROLS, primary);
}

void vmx_write(struct vcpu *v, enum vreg reg, u64 value)
{
	switch (reg) {
	case VREG_CR0:
		write_cr0_guest(value);
		pdptes_load(v);
		break;
	case VREG_CR2:
		write_cr2(value);
		break;
	case VREG_CR4:
		write_cr4_guest(value);
		pdptes_load(v);
		break;
	case VREG_EFER:
		write_efer(value);
		break;
	case VREG_DR6:
		__asm__ volatile("mov %0, %%dr6" : : "r"(value));
		break;
	case VREG_SHADOW:
		vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) & ~BLOCKED_FOR_ONE);
		break;
	case VREG_X2APIC:
		vmx_set_x2apic(v);
		break;
	case VREG_PAUSE_EXITS:
		set_pause_exits(vmx_of(v), value);
		break;
	case VREG_CPL:
	case VREG_CODE_BYTES:
		panic("write to a read-only register %u", reg);
	default:
		vmwrite(plain_fields[reg], value);
		break;
	}
}

/* Access rights: type, S, DPL, P, L, D/B, G in the layout of SDM "Guest Register State". */
#define ACCESS_CODE64 0xa09b
#define ACCESS_DATA 0xc093
#define ACCESS_TSS_BUSY 0x008b
#define ACCESS_UNUSABLE 0x10000

static void write_segment(enum vmcs_field selector, u16 value, u64 base, u32 limit, u32 access)
{
	/* ES CS SS DS FS GS LDTR TR: the four arrays have one order and steps of 2. */
	unsigned step = selector - GUEST_ES_SELECTOR;

	vmwrite(selector, value);
	vmwrite(GUEST_ES_BASE + step, base);
	vmwrite(GUEST_ES_LIMIT + step, limit);
	vmwrite(GUEST_ES_ACCESS + step, access);
}

/* As after a reset: SDM vol. 3, "Processor State After Reset". */
#define ACCESS_REAL_CODE 0x009b
#define ACCESS_REAL_DATA 0x0093

static void write_real_segment(enum vmcs_field selector, u16 value, u32 access)
{
	write_segment(selector, value, (u64)value << 4, 0xffff, access);
}

static void write_real_segments(const struct pv_vcpu_context *c)
{
	write_real_segment(GUEST_CS_SELECTOR, c->cs, ACCESS_REAL_CODE);
	write_real_segment(GUEST_SS_SELECTOR, c->ss, ACCESS_REAL_DATA);
	write_real_segment(GUEST_DS_SELECTOR, c->ds, ACCESS_REAL_DATA);
	write_real_segment(GUEST_ES_SELECTOR, c->es, ACCESS_REAL_DATA);
	write_real_segment(GUEST_FS_SELECTOR, c->fs, ACCESS_REAL_DATA);
	write_real_segment(GUEST_GS_SELECTOR, c->gs, ACCESS_REAL_DATA);
	write_segment(GUEST_LDTR_SELECTOR, 0, 0, 0, ACCESS_UNUSABLE);
	write_segment(GUEST_TR_SELECTOR, 0, 0, 0xffff, ACCESS_TSS_BUSY);
}

static void write_segments(const struct pv_vcpu_context *c)
{
	if (!(c->cr0 & CR0_PE)) {
		write_real_segments(c);
		return;
	}
	write_segment(GUEST_CS_SELECTOR, c->cs, 0, ~0u, ACCESS_CODE64);
	write_segment(GUEST_SS_SELECTOR, c->ss, 0, ~0u, ACCESS_DATA);
	write_segment(GUEST_DS_SELECTOR, c->ds, 0, ~0u, ACCESS_DATA);
	write_segment(GUEST_ES_SELECTOR, c->es, 0, ~0u, ACCESS_DATA);
	write_segment(GUEST_FS_SELECTOR, c->fs, c->fs_base, ~0u, ACCESS_DATA);
	write_segment(GUEST_GS_SELECTOR, c->gs, c->gs_base, ~0u, ACCESS_DATA);
	write_segment(GUEST_LDTR_SELECTOR, 0, 0, 0, ACCESS_UNUSABLE);
	/* TR cannot be unusable: without one of the guest's own it is an empty TSS at 0. */
	write_segment(GUEST_TR_SELECTOR, c->tr, c->tr_base, c->tr_limit ? c->tr_limit : 0x67,
		      ACCESS_TSS_BUSY);
}

static void write_all(struct vcpu *v, const struct pv_vcpu_context *c)
{
	vmcs_init(v);
	vmwrite(CR0_MASK, ~(u64)CR0_GUEST);
	vmwrite(CR4_MASK, ~(CR4_GUEST & cr4_valid_bits()));
	write_efer(c->efer);
	write_cr0_guest(c->cr0);
	write_cr4_guest(c->cr4);
	vmwrite(GUEST_CR3, c->cr3);
	write_segments(c);
	vmwrite(GUEST_GDTR_BASE, c->gdt_base);
	vmwrite(GUEST_GDTR_LIMIT, c->gdt_limit);
	vmwrite(GUEST_IDTR_BASE, c->idt_base);
	vmwrite(GUEST_IDTR_LIMIT, c->idt_limit);
	vmwrite(GUEST_DR7, 0x400);
	vmwrite(GUEST_RSP, c->rsp);
	vmwrite(GUEST_RIP, c->rip);
	vmwrite(GUEST_RFLAGS, c->rflags);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(GUEST_ACTIVITY, 0);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_DEBUGCTL, 0);
	vmwrite(GUEST_SYSENTER_CS, 0);
	vmwrite(GUEST_SYSENTER_ESP, 0);
	vmwrite(GUEST_SYSENTER_EIP, 0);
}

/* The vCPU is not running: its VMCS is made current for the moment, then this CPU's own again. */
void vmx_set_context(struct vcpu *v, const struct pv_vcpu_context *c)
{
	struct vmx_vcpu *x = vmx_of(v);
	struct vcpu *current = this_cpu()->current;

	BUG_ON(!vmptrld(x->vmcs));
	write_all(v, c);
	BUG_ON(!vmclear(x->vmcs));
	v->entry = vmx_launch;
	if (current)
		BUG_ON(!vmptrld(vmx_of(current)->vmcs));
}
