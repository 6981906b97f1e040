/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR: a table of rules; what has no row is #GP. Registers that pass never exit: vmx/
 * and svm/ build their bitmaps from the same rows. SDM vol. 4, "Architectural MSRs"; APM vol. 2,
 * appendix "MSR Cross-Reference".
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/control.h"
#include "interpreter/interpreter.h"
#include "interpreter/platform.h"
#include "interpreter/policy.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_BSP BIT(8)

static bool get_efer(struct vcpu *v, u32 msr, u64 *value)
{
	(void)msr;
	*value = backend->read(v, VREG_EFER);
	return true;
}

static bool set_efer(struct vcpu *v, u32 msr, u64 value)
{
	(void)msr;
	return efer_write(v, value);
}

static bool get_pat(struct vcpu *v, u32 msr, u64 *value)
{
	(void)msr;
	*value = v->pat;
	return true;
}

/* Types 0, 1, 4, 5, 6, 7 in each byte; the guest's PAT is remembered but never reaches hardware. */
static bool set_pat(struct vcpu *v, u32 msr, u64 value)
{
	(void)msr;
	for (unsigned i = 0; i < 8; i++)
		if (!(0xf3u & BIT((value >> (i * 8)) & 0x1f)) || ((value >> (i * 8)) & 0xf8))
			return false;
	v->pat = value;
	return true;
}

/* Of the local APIC: the emulated PC's, where there is one. */
static bool get_apic(struct vcpu *v, u32 msr, u64 *value)
{
	return v->domain->platform && platform_msr_read(v, msr, value);
}

static bool set_apic(struct vcpu *v, u32 msr, u64 value)
{
	return v->domain->platform && platform_msr_write(v, msr, value);
}

static bool get_apic_base(struct vcpu *v, u32 msr, u64 *value)
{
	if (get_apic(v, msr, value))
		return true;
	*value = APIC_BASE_RESET | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	return true;
}

static bool get_tsc(struct vcpu *v, u32 msr, u64 *value)
{
	(void)msr;
	*value = rdtsc() + v->tsc_offset;
	return true;
}

static bool set_tsc(struct vcpu *v, u32 msr, u64 value)
{
	(void)msr;
	return v->domain->platform && platform_set_tsc_offset(v, value - rdtsc());
}

/* SDM vol. 3, "IA32_TSC_ADJUST MSR": what has been added to the TSC since the reset. */
static bool get_tsc_adjust(struct vcpu *v, u32 msr, u64 *value)
{
	(void)msr;
	*value = v->tsc_offset;
	return v->domain->platform;
}

static bool set_tsc_adjust(struct vcpu *v, u32 msr, u64 value)
{
	(void)msr;
	return v->domain->platform && platform_set_tsc_offset(v, value);
}

#define PASS .read = MSR_PASS, .write = MSR_PASS
#define DENY .read = MSR_DENY, .write = MSR_DENY
#define ONE(msr) .first = (msr), .last = (msr)

const struct msr_rule msr_rules[] = {
	{ ONE(0xc0000100), PASS, .why = "FS base: the world switch moves it" },
	{ ONE(0xc0000101), PASS, .why = "GS base: the world switch moves it" },
	{ ONE(0xc0000102), PASS, .why = "KernelGSbase: context table" },
	{ .first = 0xc0000081, .last = 0xc0000084, PASS, .why = "syscall targets: context table" },
	{ .first = 0x174, .last = 0x176, PASS, .why = "SYSENTER: the world switch moves them" },
	{ ONE(0xc0000103), PASS, .why = "TSC_AUX: context table, where RDTSCP exists" },
	{ ONE(0x10), .read = MSR_CALL, .write = MSR_CALL, .get = get_tsc, .set = set_tsc,
	  .why = "the TSC is the machine's: RDTSC reads it without an exit; only in an emulated PC "
		 "it can be set, by an offset" },
	{ ONE(0x3b), .read = MSR_CALL, .write = MSR_CALL, .get = get_tsc_adjust,
	  .set = set_tsc_adjust,
	  .why = "TSC_ADJUST: the same offset; kernels that find it need not watch the TSC" },
	{ ONE(0xc0000080), .read = MSR_CALL, .write = MSR_CALL, .get = get_efer, .set = set_efer,
	  .why = "EFER: LME and LMA follow paging, SVME is never the guest's" },
	{ ONE(0x277), .read = MSR_CALL, .write = MSR_CALL, .get = get_pat, .set = set_pat,
	  .why = "PAT: guest memory is write-back whatever the guest says" },
	{ ONE(0x1b), .read = MSR_CALL, .write = MSR_CALL, .get = get_apic_base, .set = set_apic,
	  .why = "APIC_BASE: without an emulated PC no local APIC to move or to switch off" },
	{ ONE(0x6e0), .read = MSR_CALL, .write = MSR_CALL, .get = get_apic, .set = set_apic,
	  .why = "TSC_DEADLINE: the emulated local APIC's timer" },
	{ ONE(0x8b), .read = MSR_VALUE, .write = MSR_IGNORE, .value = 0,
	  .why = "microcode revision: none loaded; kernels write 0 before reading" },
	{ ONE(0x79), DENY, .why = "microcode update trigger: never the guest's" },
	{ ONE(0x9e), DENY, .why = "SMBASE: there is no system-management mode" },
	{ ONE(0xfe), .read = MSR_VALUE, .write = MSR_DENY, .value = 0,
	  .why = "MTRRcap: none, as CPUID says" },
	{ ONE(0x179), .read = MSR_VALUE, .write = MSR_DENY, .value = 0,
	  .why = "MCG_CAP: no machine-check banks, as CPUID says" },
	{ ONE(0xc0010055), .read = MSR_VALUE, .write = MSR_DENY, .value = 0,
	  .why = "AMD interrupt-pending message: none, which kernels look for" },
	{ ONE(0x1a0), .read = MSR_VALUE, .write = MSR_DENY, .value = 1,
	  .why = "MISC_ENABLE: fast strings on, everything else fixed" },
	{ ONE(0x1d9), DENY, .why = "DEBUGCTL: branch tracing would leak across domains" },
	{ ONE(0x3a), DENY, .why = "FEATURE_CONTROL: CPUID offers neither VMX nor SMX" },
	{ .first = 0x480, .last = 0x491, DENY, .why = "no nested virtualization" },
	{ .first = 0x800, .last = 0x8ff, .read = MSR_CALL, .write = MSR_CALL, .get = get_apic,
	  .set = set_apic, .why = "x2APIC: the emulated local APIC, never the machine's" },
	{ ONE(0xc0010114), DENY, .why = "VM_CR: SVM belongs to the hypervisor" },
	{ ONE(0xc0010117), DENY, .why = "VM_HSAVE_PA: SVM belongs to the hypervisor" },
};
const unsigned msr_rule_count = ARRAY_SIZE(msr_rules);

const struct msr_rule *msr_rule_find(u32 msr)
{
	for (unsigned i = 0; i < msr_rule_count; i++)
		if (msr >= msr_rules[i].first && msr <= msr_rules[i].last)
			return &msr_rules[i];
	return NULL;
}

bool has_rdtscp(void)
{
	return cpuid(0x80000001, 0).edx & BIT(27);
}

bool msr_rule_applies(const struct msr_rule *rule)
{
	return rule->first != MSR_TSC_AUX || has_rdtscp();
}

enum verdict interpret_rdmsr(struct vcpu *v, struct vmexit *exit)
{
	u32 msr = (u32)v->gpr[RCX];
	const struct msr_rule *rule = msr_rule_find(msr);
	u64 value;

	(void)exit;
	if (!rule)
		return fault(v, VEC_GP);
	if (rule->read == MSR_VALUE)
		value = rule->value;
	else if (rule->read != MSR_CALL || !rule->get(v, msr, &value))
		return fault(v, VEC_GP);
	v->gpr[RAX] = (u32)value;
	v->gpr[RDX] = value >> 32;
	return ADVANCE;
}

enum verdict interpret_wrmsr(struct vcpu *v, struct vmexit *exit)
{
	u32 msr = (u32)v->gpr[RCX];
	u64 value = (v->gpr[RDX] << 32) | (u32)v->gpr[RAX];
	const struct msr_rule *rule = msr_rule_find(msr);

	(void)exit;
	if (!rule)
		return fault(v, VEC_GP);
	if (rule->write == MSR_IGNORE)
		return ADVANCE;
	if (rule->write != MSR_CALL || !rule->set(v, msr, value))
		return fault(v, VEC_GP);
	return ADVANCE;
}
