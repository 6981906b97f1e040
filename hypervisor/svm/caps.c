/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SVM offers and what we choose of it: CPUID 8000_000A, and the intercepts of controls.def.
 * Also the switch on and off, with the host's own save areas. APM vol. 2, "Enabling SVM"; vol. 3,
 * appendix E, "Function 8000_000Ah".
 */
#include "allocator/frames.h"
#include "allocator/hap.h"
#include "lib/lib.h"
#include "svm/svm.h"
#include "trace/trace.h"

#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)
#define SVM_CAP_NESTED_PAGING BIT(0)
#define SVM_CAP_NEXT_RIP BIT(3)
#define SVM_CAP_DECODE_ASSISTS BIT(7)

struct svm_caps svm_caps;

enum need { OFF, WANT, MUST };

static const struct {
	u8 set, bit, need;
	const char *name;
} control_rows[] = {
#define CONTROL(set, name, bit, need) { set, bit, need, #name },
#include "svm/controls.def"
#undef CONTROL
};

/* The CPUID bit of each WANT; without the instruction its intercept bit is reserved. */
static const struct {
	u8 set;
	u32 control;
	u32 leaf, reg, bit; /* reg: 0..3 = eax..edx */
} instructions[] = {
	{ MISC2, MISC2_XSETBV, 1, 2, 26 },
	{ MISC2, MISC2_RDPRU, 0x80000008, 1, 4 },
	{ MISC3, MISC3_MCOMMIT, 0x80000008, 1, 8 },
};

static bool instruction_exists(u32 set, u32 control)
{
	for (unsigned i = 0; i < ARRAY_SIZE(instructions); i++) {
		struct cpuid_regs r = cpuid(instructions[i].leaf, 0);
		const u32 words[4] = { r.eax, r.ebx, r.ecx, r.edx };

		if (instructions[i].set == set && instructions[i].control == control)
			return words[instructions[i].reg] & BIT(instructions[i].bit);
	}
	return false;
}

static void controls_choose(void)
{
	for (unsigned set = 0; set < CONTROL_SETS; set++)
		svm_caps.controls[set] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(control_rows); i++) {
		u32 bit = (u32)BIT(control_rows[i].bit), set = control_rows[i].set;

		if (control_rows[i].need == MUST ||
		    (control_rows[i].need == WANT && instruction_exists(set, bit)))
			svm_caps.controls[set] |= bit;
	}
}

/* V_IRQ came with SVM itself; there is no timer that ends a guest's run. */
static void features_fill(u32 features)
{
	u64 hw = PV_HW_VIRTUAL_INTERRUPTS | PV_HW_LARGE_PAGES;

	if (features & SVM_CAP_NEXT_RIP)
		hw |= PV_HW_NEXT_RIP;
	if (cpuid(0x80000001, 0).edx & BIT(26))
		hw |= PV_HW_HUGE_PAGES;
	if (cpuid(1, 0).ecx & BIT(21))
		hw |= PV_HW_X2APIC;
	svm_backend.hw_features = hw;
}

static bool is_tcg(void)
{
	struct cpuid_regs r = cpuid(0x40000000, 0);

	/* "TCGTCGTCGTCG"; the leaf means something only below a hypervisor. */
	return (cpuid(1, 0).ecx & BIT(31)) && r.ebx == 0x54474354 && r.ecx == 0x43544743 &&
	       r.edx == 0x47435447;
}

/* VM_CR.SVMDIS: ours to clear where the firmware left it unlocked. */
static bool firmware_allows(void)
{
	u64 control;

	if (!rdmsr_safe(MSR_VM_CR, &control))
		return true; /* some hypervisors below us offer SVM without this register */
	if (!(control & VM_CR_SVMDIS))
		return true;
	if (control & VM_CR_LOCK)
		return false;
	wrmsr(MSR_VM_CR, control & ~VM_CR_SVMDIS);
	return true;
}

static int refuse(char *why, size_t bytes, const char *text)
{
	strlcpy(why, text, bytes);
	return -PV_EOPNOTSUPP;
}

int svm_detect(char *why, size_t bytes)
{
	struct cpuid_regs features;

	if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & BIT(2)))
		return refuse(why, bytes, "the CPU has no SVM");
	if (!firmware_allows())
		return refuse(why, bytes, "SVM is disabled by firmware (VM_CR.SVMDIS is locked)");
	features = cpuid(0x8000000a, 0);
	if (!(features.edx & SVM_CAP_NESTED_PAGING))
		return refuse(why, bytes, "no nested paging (bit 0 of CPUID 8000_000A edx)");
	svm_caps.asids = features.ebx;
	svm_caps.has_assists = features.edx & SVM_CAP_DECODE_ASSISTS;
	svm_caps.is_tcg = is_tcg();
	svm_backend.leaves_lone_irq =
		svm_caps.is_tcg; /* its injections cost an exit: svm_inject() */
	controls_choose();
	features_fill(features.edx);
	return 0;
}

int svm_cpu_start(struct cpu *cpu, char *why, size_t bytes)
{
	cpu->vmxon_region = (hpa_t)frame_alloc();
	cpu->host_vmcb = (hpa_t)frame_alloc();
	if (!cpu->vmxon_region || !cpu->host_vmcb)
		return refuse(why, bytes, "no memory for the host's save areas");
	if (!firmware_allows())
		return refuse(why, bytes, "SVM is disabled by firmware on this CPU");
	asid_cpu_init(&cpu->asids, svm_caps.asids);
	/* Out of numbers from the start: the first entry flushes what was left from before us. */
	cpu->asids.next = cpu->asids.limit;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, cpu->vmxon_region);
	/* GS base, TSS and the rest never change again while this CPU runs guests. */
	vmsave(cpu->host_vmcb);
	return 0;
}

void svm_cpu_stop(struct cpu *cpu)
{
	(void)cpu;
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}
