/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What VMX offers and what we choose of it: controls are (want | must1) & may1, a missing MUST bit
 * names itself and its MSR. Also VMXON and VMXOFF. SDM vol. 3, appendix A.
 */
#include "allocator/frames.h"
#include "allocator/hap.h"
#include "lib/lib.h"
#include "trace/trace.h"
#include "vmx/vmx.h"

#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX BIT(2)
#define BASIC_TRUE_CONTROLS BIT(55)
#define EPT_CAP_WALK4 BIT(6)
#define EPT_CAP_WB BIT(14)
#define EPT_CAP_2M BIT(16)
#define EPT_CAP_1G BIT(17)
#define EPT_CAP_INVEPT BIT(20)
#define EPT_CAP_INVEPT_SINGLE BIT(25)
#define VPID_CAP_INVVPID BIT(32)
#define VPID_CAP_ALL BIT(42)

struct vmx_caps vmx_caps;

enum need { OFF, WANT, MUST };

static const struct {
	u8 set, bit, need;
	const char *name;
} control_rows[] = {
#define CONTROL(set, name, bit, need) { set, bit, need, #name },
#include "vmx/controls.def"
#undef CONTROL
};

/* The capability MSR of each set, plain and TRUE; the secondary controls have only one. */
static const u32 control_msrs[CONTROL_SETS][2] = {
	[PIN] = { 0x481, 0x48d }, [PRIMARY] = { 0x482, 0x48e }, [SECONDARY] = { 0x48b, 0x48b },
	[EXIT] = { 0x483, 0x48f }, [ENTRY] = { 0x484, 0x490 },
};

static int controls_choose(bool has_true, char *why, size_t bytes)
{
	u32 must1[CONTROL_SETS];

	for (unsigned set = 0; set < CONTROL_SETS; set++) {
		u64 cap = rdmsr(control_msrs[set][has_true]);

		must1[set] = (u32)cap;
		vmx_caps.may1[set] = (u32)(cap >> 32);
		vmx_caps.controls[set] = 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(control_rows); i++) {
		u32 bit = (u32)BIT(control_rows[i].bit), set = control_rows[i].set;

		if (control_rows[i].need == MUST && !(vmx_caps.may1[set] & bit)) {
			format_text(why, bytes, "no %s (bit %u of MSR 0x%x)", control_rows[i].name,
				    control_rows[i].bit, control_msrs[set][has_true]);
			return -PV_EOPNOTSUPP;
		}
		if (control_rows[i].need != OFF)
			vmx_caps.controls[set] |= bit;
	}
	for (unsigned set = 0; set < CONTROL_SETS; set++)
		vmx_caps.controls[set] = (vmx_caps.controls[set] | must1[set]) & vmx_caps.may1[set];
	/* Without a shadow of the task priority CR8 would reach the real one. */
	if (!(vmx_caps.controls[PRIMARY] & (u32)PRIMARY_USE_TPR_SHADOW))
		vmx_caps.controls[PRIMARY] |= PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING;
	return 0;
}

/* Virtual-interrupt delivery needs the TPR shadow; the timer, a saved value. */
static void features_fill(u64 ept)
{
	u64 hw = PV_HW_NEXT_RIP | PV_HW_X2APIC;

	if ((vmx_caps.controls[SECONDARY] & SECONDARY_VIRTUAL_INTERRUPT_DELIVERY) &&
	    (vmx_caps.controls[PRIMARY] & PRIMARY_USE_TPR_SHADOW))
		hw |= PV_HW_VIRTUAL_INTERRUPTS;
	vmx_backend.has_virtual_apic = (hw & PV_HW_VIRTUAL_INTERRUPTS) &&
				       !(SECONDARY_VIRTUAL_APIC & ~vmx_caps.may1[SECONDARY]);
	if ((vmx_caps.may1[PIN] & PIN_ACTIVATE_PREEMPTION_TIMER) &&
	    (vmx_caps.controls[EXIT] & EXIT_SAVE_PREEMPTION_TIMER))
		hw |= PV_HW_PREEMPT_TIMER;
	if (ept & EPT_CAP_2M)
		hw |= PV_HW_LARGE_PAGES;
	if (ept & EPT_CAP_1G)
		hw |= PV_HW_HUGE_PAGES;
	vmx_backend.hw_features = hw;
}

/* IA32_FEATURE_CONTROL: ours to set where the firmware left it unlocked. */
static bool firmware_allows(void)
{
	u64 control;

	if (!rdmsr_safe(MSR_FEATURE_CONTROL, &control))
		return true; /* some hypervisors below us offer VMX without this register */
	if (control & FEATURE_CONTROL_LOCK)
		return control & FEATURE_CONTROL_VMX;
	wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	return true;
}

static int refuse(char *why, size_t bytes, const char *text)
{
	strlcpy(why, text, bytes);
	return -PV_EOPNOTSUPP;
}

int vmx_detect(char *why, size_t bytes)
{
	u64 basic, misc, ept;

	if (!(cpuid(1, 0).ecx & BIT(5)))
		return refuse(why, bytes, "the CPU has no VMX");
	if (!firmware_allows())
		return refuse(why, bytes,
			      "VT-x is disabled by firmware (IA32_FEATURE_CONTROL is locked)");
	basic = rdmsr(MSR_VMX_BASIC);
	if (!(basic & BASIC_TRUE_CONTROLS))
		return refuse(why, bytes,
			      "no TRUE control MSRs: CR3 accesses could not run without exits");
	vmx_caps.revision = (u32)basic & 0x7fffffff;
	if (controls_choose(true, why, bytes))
		return -PV_EOPNOTSUPP;
	ept = rdmsr(MSR_VMX_EPT_VPID_CAP);
	if ((ept & (EPT_CAP_WALK4 | EPT_CAP_WB | EPT_CAP_INVEPT | VPID_CAP_INVVPID)) !=
	    (EPT_CAP_WALK4 | EPT_CAP_WB | EPT_CAP_INVEPT | VPID_CAP_INVVPID))
		return refuse(why, bytes,
			      "EPT lacks 4-level walks, write-back tables, INVEPT or INVVPID");
	vmx_caps.has_invept_single = ept & EPT_CAP_INVEPT_SINGLE;
	vmx_caps.has_invvpid_all = ept & VPID_CAP_ALL;
	vmx_caps.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	vmx_caps.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	vmx_caps.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	vmx_caps.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	misc = rdmsr(MSR_VMX_MISC);
	vmx_caps.cr3_targets = min((u32)(misc >> 16) & 0x1ff, 4u);
	vmx_caps.preempt_shift = misc & 0x1f;
	features_fill(ept);
	return 0;
}

int vmx_cpu_start(struct cpu *cpu, char *why, size_t bytes)
{
	u32 *region = frame_alloc();
	hpa_t address = (hpa_t)region;
	bool failed;

	if (!region)
		return refuse(why, bytes, "no memory for the VMXON region");
	if (!firmware_allows())
		return refuse(why, bytes, "VT-x is disabled by firmware on this CPU");
	*region = vmx_caps.revision;
	cpu->vmxon_region = address;
	asid_cpu_init(&cpu->asids, 0x10000);
	write_cr0((read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
	write_cr4((read_cr4() | vmx_caps.cr4_fixed0 | CR4_VMXE) & vmx_caps.cr4_fixed1);
	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(address) : "memory");
	if (failed)
		return refuse(why, bytes, "VMXON failed");
	return 0;
}

void vmx_cpu_stop(struct cpu *cpu)
{
	(void)cpu;
	__asm__ volatile("vmxoff" : : : "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
}
