/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS: made with its controls, brought to a CPU with the host's half, taken away again. The
 * bitmaps are built once from the policy rows and shared by all vCPUs.
 */
#include "vmx/vmcs.h"
#include "allocator/frames.h"
#include "interpreter/policy.h"
#include "lib/lib.h"
#include "trace/trace.h"
#include "vmx/bitmaps.h"
#include "vmx/vmx.h"

static const struct {
	u16 field;
	u8 width;
	const char *name;
} field_rows[] = {
#define natural 64
#define VMCS_FIELD(name, encoding, width) { encoding, width, #name },
#include "vmx/fields.def"
#undef VMCS_FIELD
#undef natural
};

static struct {
	u8 *msr, *x2apic, *io_a, *io_b; /* x2apic: as msr, for vCPUs in that mode */
} bitmaps;

/* What an interrupt needs there, and the CPU completes by itself: task priority, EOI, SELF_IPI. */
static const u32 x2apic_writes[] = { 0x808, 0x80b, 0x83f };

const char *vmcs_field_name(enum vmcs_field field)
{
	for (unsigned i = 0; i < ARRAY_SIZE(field_rows); i++)
		if (field_rows[i].field == field)
			return field_rows[i].name;
	return "#unknown";
}

void vmcs_access_failed(const char *what, enum vmcs_field field)
{
	panic("%s of %s (0x%x) failed", what, vmcs_field_name(field), field);
}

void vmcs_for_each(void (*show)(const char *name, enum vmcs_field field))
{
	for (unsigned i = 0; i < ARRAY_SIZE(field_rows); i++)
		show(field_rows[i].name, field_rows[i].field);
}

static bool bitmaps_create(void)
{
	if (bitmaps.msr)
		return true;
	bitmaps.msr = frame_alloc();
	bitmaps.x2apic = frame_alloc();
	bitmaps.io_a = frame_alloc();
	bitmaps.io_b = frame_alloc();
	if (!bitmaps.msr || !bitmaps.x2apic || !bitmaps.io_a || !bitmaps.io_b)
		return false;
	vmx_msr_bitmap_init(bitmaps.msr);
	vmx_io_bitmap_init(bitmaps.io_a, bitmaps.io_b);
	for (unsigned i = 0; i < msr_rule_count; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		if (!msr_rule_applies(rule))
			continue;
		for (u32 msr = rule->first; msr <= rule->last; msr++)
			vmx_msr_bitmap_pass(bitmaps.msr, msr, rule->read == MSR_PASS,
					    rule->write == MSR_PASS);
	}
	memcpy(bitmaps.x2apic, bitmaps.msr, PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(x2apic_writes); i++)
		vmx_msr_bitmap_pass(bitmaps.x2apic, x2apic_writes[i], false, true);
	return true;
}

static hpa_t vmcs_alloc(void)
{
	u32 *vmcs = frame_alloc();

	if (vmcs)
		*vmcs = vmx_caps.revision;
	return (hpa_t)vmcs;
}

int vmx_vcpu_create(struct vcpu *v)
{
	/* Small next to a frame, but a frame is the unit in which the pool gives memory. */
	struct vmx_vcpu *x = frame_alloc();

	_Static_assert(sizeof(*x) <= PAGE_SIZE, "one frame");
	if (!x || !bitmaps_create())
		return -PV_ENOMEM;
	x->vmcs = vmcs_alloc();
	x->virtual_apic = frame_alloc();
	if (!x->vmcs || !x->virtual_apic || !vmclear(x->vmcs))
		return -PV_ENOMEM;
	v->hw = x;
	return 0;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	frame_free((void *)x->vmcs);
	frame_free(x->virtual_apic);
	frame_free(x);
	v->hw = NULL;
}

/*
 * An emulated local APIC: either the CPU completes what can be completed, on the registers' own
 * page, or each access exits, the task priority (CR8) included.
 */
static u32 apic_controls(struct vcpu *v, u32 secondary)
{
	struct vmx_vcpu *x = vmx_of(v);

	x->has_apic = vmx_backend.has_virtual_apic &&
		      (secondary & SECONDARY_VIRTUAL_INTERRUPT_DELIVERY);
	if (x->has_apic) {
		vmwrite(APIC_ACCESS_PAGE, (hpa_t)v->domain->apic_access_page);
		return secondary | SECONDARY_VIRTUAL_APIC;
	}
	x->primary &= ~(u32)PRIMARY_USE_TPR_SHADOW;
	x->primary |= PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING;
	return secondary & ~(u32)SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
}

/*
 * Bitmap and control go together: without the control these writes would reach the machine's own
 * APIC. Reads still exit: behind each register lies a copy of it (lapic.h), which RDMSR would show.
 */
void vmx_set_x2apic(struct vcpu *v)
{
	bool is_on = v->is_x2apic && vmx_of(v)->has_apic &&
		     (vmx_caps.may1[SECONDARY] & (u32)SECONDARY_VIRTUALIZE_X2APIC);
	u32 secondary = (u32)vmread(SECONDARY_CONTROLS) & ~(u32)SECONDARY_VIRTUALIZE_X2APIC;

	if (vmx_of(v)->has_apic)
		secondary |= (u32)SECONDARY_VIRTUALIZE_APIC_ACCESSES;
	if (is_on) {
		secondary &= ~(u32)SECONDARY_VIRTUALIZE_APIC_ACCESSES;
		secondary |= (u32)SECONDARY_VIRTUALIZE_X2APIC;
	}
	vmwrite(SECONDARY_CONTROLS, secondary);
	vmwrite(MSR_BITMAP, (hpa_t)(is_on ? bitmaps.x2apic : bitmaps.msr));
}

/* Everything that never changes again in this vCPU's life. The VMCS is current. */
void vmcs_init(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	u64 hw = vmx_backend.hw_features;
	u32 secondary = vmx_caps.controls[SECONDARY];

	x->pin = vmx_caps.controls[PIN];
	x->primary = vmx_caps.controls[PRIMARY];
	if (domain_has(v->domain, PV_FEATURE_RDTSC_EXIT))
		x->primary |= PRIMARY_RDTSC_EXITING;
	if (domain_has(v->domain, PV_FEATURE_STRAY_EXITS))
		x->primary |= PRIMARY_INVLPG_EXITING;
	if (!(hw & PV_HW_VIRTUAL_INTERRUPTS))
		secondary &= ~(u32)SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
	if (v->apic_page) {
		secondary = apic_controls(v, secondary);
		x->primary |= PRIMARY_USE_TSC_OFFSETTING;
		vmwrite(TSC_OFFSET, v->tsc_offset);
	}
	vmwrite(PIN_CONTROLS, x->pin);
	vmwrite(PRIMARY_CONTROLS, x->primary);
	vmwrite(SECONDARY_CONTROLS, secondary);
	vmwrite(EXIT_CONTROLS, vmx_caps.controls[EXIT] & ~(u32)EXIT_SAVE_PREEMPTION_TIMER);
	vmwrite(ENTRY_CONTROLS, vmx_caps.controls[ENTRY] | ENTRY_IA32E_MODE_GUEST);
	vmwrite(EXCEPTION_BITMAP, BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC));
	vmwrite(PF_ERROR_MASK, 0);
	vmwrite(PF_ERROR_MATCH, 0);
	vmwrite(CR3_TARGET_COUNT, 0);
	vmwrite(EXIT_MSR_STORE_COUNT, 0);
	vmwrite(EXIT_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite(ENTRY_INTERRUPTION_INFO, 0);
	vmx_set_x2apic(v);
	vmwrite(IO_BITMAP_A, (hpa_t)bitmaps.io_a);
	vmwrite(IO_BITMAP_B, (hpa_t)bitmaps.io_b);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	/* Write-back tables, a walk of four levels, no accessed and dirty flags. */
	vmwrite(EPT_POINTER, (hpa_t)v->domain->hap.root | 3 << 3 | 6);
	if (x->primary & PRIMARY_USE_TPR_SHADOW) {
		vmwrite(VIRTUAL_APIC_PAGE, (hpa_t)(v->apic_page ? v->apic_page : x->virtual_apic));
		vmwrite(TPR_THRESHOLD, 0);
	}
	if (secondary & SECONDARY_VIRTUAL_INTERRUPT_DELIVERY) {
		vmwrite(GUEST_INTERRUPT_STATUS, 0);
		vmwrite(EOI_EXIT_BITMAP0, 0);
		vmwrite(EOI_EXIT_BITMAP1, 0);
		vmwrite(EOI_EXIT_BITMAP2, 0);
		vmwrite(EOI_EXIT_BITMAP3, 0);
	}
}

extern char vmx_exit[]; /* entry.S */

static u64 table_base(const char *which)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) table;

	if (which[0] == 'g')
		__asm__ volatile("sgdt %0" : "=m"(table));
	else
		__asm__ volatile("sidt %0" : "=m"(table));
	return table.base;
}

/* The host's half: what this CPU returns to. */
static void host_state_write(struct cpu *cpu)
{
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_CS_SELECTOR, SELECTOR_CODE);
	vmwrite(HOST_SS_SELECTOR, SELECTOR_DATA);
	vmwrite(HOST_DS_SELECTOR, 0);
	vmwrite(HOST_ES_SELECTOR, 0);
	vmwrite(HOST_FS_SELECTOR, 0);
	vmwrite(HOST_GS_SELECTOR, 0);
	vmwrite(HOST_TR_SELECTOR, SELECTOR_TSS);
	vmwrite(HOST_FS_BASE, 0);
	vmwrite(HOST_GS_BASE, (u64)cpu);
	vmwrite(HOST_TR_BASE, (u64)cpu->tss);
	vmwrite(HOST_GDTR_BASE, table_base("gdt"));
	vmwrite(HOST_IDTR_BASE, table_base("idt"));
	vmwrite(HOST_SYSENTER_CS, 0);
	vmwrite(HOST_SYSENTER_ESP, 0);
	vmwrite(HOST_SYSENTER_EIP, 0);
	vmwrite(HOST_RIP, (u64)vmx_exit);
}

struct inv_descriptor {
	u64 first, second;
};

static void invept_single(u64 ept_pointer)
{
	struct inv_descriptor d = { ept_pointer, 0 };
	u64 type = vmx_caps.has_invept_single ? 1 : 2;
	bool failed;

	__asm__ volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(d), "r"(type) : "memory");
	BUG_ON(failed);
}

static void invvpid_all(void)
{
	struct inv_descriptor d = { 0, 0 };
	bool failed;

	__asm__ volatile("invvpid %1, %2" : "=@ccbe"(failed) : "m"(d), "r"(2ull) : "memory");
	BUG_ON(failed);
}

static void vpid_assign(struct vcpu *v, struct cpu *cpu)
{
	switch (asid_assign(&v->asid, &cpu->asids, cpu->index)) {
	case ASID_KEPT:
		return;
	case ASID_NEW_GENERATION:
		invvpid_all();
		break;
	case ASID_NEW:
		break;
	}
	v->events[PV_EVENT_TLB_FLUSH]++;
	vmwrite(VPID, v->asid.number);
	/* Guest-physical mappings are tagged with the EPT root, which may be a recycled frame. */
	invept_single(vmread(EPT_POINTER));
}

void vmx_vcpu_load(struct vcpu *v, struct cpu *cpu)
{
	struct vmx_vcpu *x = vmx_of(v);

	BUG_ON(!vmptrld(x->vmcs));
	host_state_write(cpu);
	vmwrite(HOST_RSP, (u64)&v->gpr[16]);
	vpid_assign(v, cpu);
}

/*
 * VMCLEAR writes the VMCS back to memory, so that another CPU may load it; it forgets the launch.
 */
void vmx_vcpu_unload(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	BUG_ON(!vmclear(x->vmcs));
	v->entry = vmx_launch;
}

void vmx_flush(struct vcpu *v, enum flush_scope scope)
{
	asid_drop(&v->asid);
	vpid_assign(v, v->cpu);
	if (scope == FLUSH_PHYSICAL)
		invept_single(vmread(EPT_POINTER));
}

int vmx_mode_switch(struct vcpu *v, unsigned from, unsigned to)
{
	(void)v;
	return from == to ? 0 : -PV_EOPNOTSUPP;
}
