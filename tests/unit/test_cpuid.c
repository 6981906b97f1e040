/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID (interpreter/cpuid.c): what guests see of a machine that has everything, of one that has
 * nothing, and of the domain's own features; what they must never see; leaves that do not exist.
 */
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/interpreter.h"
#include "interpreter/devices/pc.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "tap.h"

static struct cpuid_regs ask(struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct vmexit exit = { .code.exit = PV_EXIT_CPUID };

	v->gpr[RAX] = 0xdead000000000000 | leaf;
	v->gpr[RCX] = 0xdead000000000000 | subleaf;
	v->gpr[RBX] = v->gpr[RDX] = ~0ull;
	EXPECT_EQ(interpret_cpuid(v, &exit), ADVANCE);
	EXPECT(!((v->gpr[RAX] | v->gpr[RBX] | v->gpr[RCX] | v->gpr[RDX]) >> 32));
	return (struct cpuid_regs){ (u32)v->gpr[RAX], (u32)v->gpr[RBX], (u32)v->gpr[RCX],
				    (u32)v->gpr[RDX] };
}

static bool is_zero(struct cpuid_regs r)
{
	return !(r.eax | r.ebx | r.ecx | r.edx);
}

/* Row: a bit that is on in a machine that has everything, and what a guest sees of it. */
static const struct {
	u32 leaf, subleaf;
	u8 reg, bit; /* reg: 0..3 = eax..edx */
	bool is_seen;
	const char *name;
} bits[] = {
	{ 1, 0, 2, 0, true, "SSE3" }, { 1, 0, 2, 9, true, "SSSE3" }, { 1, 0, 2, 13, true, "CX16" },
	{ 1, 0, 2, 17, true, "PCID" }, { 1, 0, 2, 20, true, "SSE4.2" },
	{ 1, 0, 2, 26, true, "XSAVE" },
	{ 1, 0, 2, 28, true, "AVX" }, { 1, 0, 2, 31, true, "hypervisor" },
	{ 1, 0, 2, 2, false, "64-bit debug store" }, { 1, 0, 2, 3, false, "MONITOR" },
	{ 1, 0, 2, 4, false, "CPL-qualified debug store" }, { 1, 0, 2, 5, false, "VMX" },
	{ 1, 0, 2, 6, false, "SMX" }, { 1, 0, 2, 7, false, "EIST" },
	{ 1, 0, 2, 8, false, "thermal monitor 2" },
	{ 1, 0, 2, 15, false, "PDCM" }, { 1, 0, 2, 18, false, "DCA" },
	{ 1, 0, 2, 21, false, "x2APIC" },
	{ 1, 0, 2, 24, false, "TSC deadline" },
	{ 1, 0, 2, 27, false, "OSXSAVE while CR4 has it off" },
	{ 1, 0, 3, 0, true, "x87" }, { 1, 0, 3, 4, true, "TSC" }, { 1, 0, 3, 5, true, "MSR" },
	{ 1, 0, 3, 6, true, "PAE" }, { 1, 0, 3, 8, true, "CX8" }, { 1, 0, 3, 13, true, "PGE" },
	{ 1, 0, 3, 24, true, "FXSR" }, { 1, 0, 3, 26, true, "SSE2" },
	{ 1, 0, 3, 7, false, "MCE" }, { 1, 0, 3, 12, false, "MTRR" },
	{ 1, 0, 3, 14, false, "MCA" }, { 1, 0, 3, 21, false, "debug store" },
	{ 1, 0, 3, 22, false, "ACPI" },
	{ 1, 0, 3, 28, false, "HTT, with one vCPU" }, { 1, 0, 3, 29, false, "thermal monitor" },
	{ 7, 0, 1, 0, true, "FSGSBASE" }, { 7, 0, 1, 5, true, "AVX2" },
	{ 7, 0, 1, 7, true, "SMEP" },
	{ 7, 0, 1, 10, true, "INVPCID" }, { 7, 0, 1, 20, true, "SMAP" },
	{ 7, 0, 1, 1, false, "TSC_ADJUST" }, { 7, 0, 1, 2, false, "SGX" },
	{ 7, 0, 1, 4, false, "HLE" },
	{ 7, 0, 1, 11, false, "RTM" }, { 7, 0, 1, 14, false, "MPX" },
	{ 7, 0, 1, 16, false, "AVX512F" },
	{ 7, 0, 1, 25, false, "processor trace" }, { 7, 0, 2, 2, true, "UMIP" },
	{ 7, 0, 2, 3, false, "PKU" },
	{ 7, 0, 2, 5, false, "WAITPKG" }, { 7, 0, 2, 7, false, "CET shadow stacks" },
	{ 7, 0, 2, 16, false, "LA57" }, { 7, 0, 2, 22, true, "RDPID" },
	{ 7, 0, 3, 20, false, "CET IBT" },
	{ 7, 0, 3, 26, false, "SPEC_CTRL" }, { 7, 0, 3, 29, false, "ARCH_CAPABILITIES" },
	{ 0xd, 1, 0, 0, true, "XSAVEOPT" }, { 0xd, 1, 0, 3, false, "XSAVES" },
	{ 0x80000001, 0, 2, 0, true, "LAHF" }, { 0x80000001, 0, 2, 2, false, "SVM" },
	{ 0x80000001, 0, 2, 3, false, "extended APIC" }, { 0x80000001, 0, 2, 10, false, "IBS" },
	{ 0x80000001, 0, 2, 12, false, "SKINIT" }, { 0x80000001, 0, 3, 11, true, "SYSCALL" },
	{ 0x80000001, 0, 3, 20, true, "NX" }, { 0x80000001, 0, 3, 26, true, "1 GiB pages" },
	{ 0x80000001, 0, 3, 27, true, "RDTSCP" }, { 0x80000001, 0, 3, 29, true, "long mode" },
	{ 0x80000001, 0, 3, 9, false, "APIC" }, { 0x80000007, 0, 3, 8, true, "invariant TSC" },
	{ 0x80000007, 0, 3, 7, false, "P-states" },
};

static void test_bits(struct vcpu *v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		struct cpuid_regs r = ask(v, bits[i].leaf, bits[i].subleaf);
		const u32 words[4] = { r.eax, r.ebx, r.ecx, r.edx };
		bool is_seen = words[bits[i].reg] >> bits[i].bit & 1;

		EXPECT_MSG(is_seen == bits[i].is_seen, "%s is %s", bits[i].name,
			   is_seen ? "seen" : "hidden");
		if (!bits[i].subleaf && bits[i].bit != 31)
			EXPECT(cpuid_offers(bits[i].leaf, bits[i].reg, bits[i].bit) ==
			       bits[i].is_seen);
	}
	tap_case("what a guest sees of a machine that has everything");
}

/*
 * A kernel looks for a second CPU only where there is an APIC: paravirtualized ones are to look. In
 * an emulated PC there is one, whose modes and frequencies no other guest hears of.
 */
static void test_apic(void)
{
	const struct world_domain list[] = { { .mode = PV_MODE_PV_HAP },
					     { .mode = PV_MODE_FULL_HAP } };

	EXPECT(!cpuid_offers(1, 3, 9)); /* it is not the machine's */
	world_create(list, ARRAY_SIZE(list), 1);
	EXPECT(ask(domains[0]->vcpus[0], 1, 0).edx & BIT(9));
	EXPECT(!(ask(domains[0]->vcpus[0], 1, 0).ecx & (BIT(21) | BIT(24))));
	EXPECT_EQ(ask(domains[0]->vcpus[0], 0x16, 0).eax, 0);
	EXPECT(ask(domains[1]->vcpus[0], 1, 0).edx & BIT(9));
	EXPECT_EQ(ask(domains[1]->vcpus[0], 1, 0).ecx & (BIT(21) | BIT(24)), BIT(21) | BIT(24));
	EXPECT_EQ(ask(domains[1]->vcpus[0], 0, 0).eax, 0x16);
	EXPECT(ask(domains[1]->vcpus[0], 6, 0).eax & BIT(2));
	EXPECT(ask(domains[1]->vcpus[0], 7, 0).ebx & BIT(1));
	EXPECT(!(ask(domains[0]->vcpus[0], 7, 0).ebx & BIT(1)));
	EXPECT_EQ(ask(domains[1]->vcpus[0], 0x15, 0).ecx, PC_BUS_HZ);
	EXPECT_EQ((u64)ask(domains[1]->vcpus[0], 0x15, 0).ebx * (PC_BUS_HZ / 1000) /
			  ask(domains[1]->vcpus[0], 0x15, 0).eax,
		  tsc_khz);
	EXPECT_EQ(ask(domains[1]->vcpus[0], 0x16, 0).eax, tsc_khz / 1000);
	world_destroy();
	tap_case("an APIC is announced; what an emulated PC has besides");
}

static void test_limits(struct vcpu *v)
{
	EXPECT_EQ(ask(v, 0, 0).eax, 0x15);
	EXPECT_EQ(ask(v, 0, 0).ebx, 0x756e6547);
	EXPECT_EQ(ask(v, 0x80000000, 0).eax, 0x80000008);
	EXPECT_EQ(ask(v, 0x80000008, 0).eax, 0x3027);
	EXPECT_EQ(ask(v, 0xd, 0).eax, 7);
	EXPECT_EQ(ask(v, 0xd, 0).ecx, 832);
	EXPECT_EQ(cpuid_xcr0_bits(), 7);
	/*
	 * Performance counters, thermal, MONITOR, trace, SGX, AMD's SVM leaf, and what lies beyond.
	 */
	for (u32 leaf = 0; leaf < 0x40; leaf++) {
		bool exists = leaf <= 2 || leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd ||
			      leaf == 0x15;

		EXPECT_MSG(exists || is_zero(ask(v, leaf, 0)), "leaf 0x%x", leaf);
		EXPECT_MSG(leaf <= 8 || is_zero(ask(v, 0x80000000 + leaf, 0)), "leaf 0x8..%02x",
			   leaf);
		EXPECT(leaf < 0x10 || is_zero(ask(v, 0x40000000 + leaf, 0)));
		EXPECT(is_zero(ask(v, 0x20000000 + leaf, 0)) &&
		       is_zero(ask(v, 0xc0000000 + leaf, 0)));
	}
	EXPECT(is_zero(ask(v, 7, 1)) && is_zero(ask(v, 0xd, 3)) && is_zero(ask(v, 4, 4)));
	EXPECT(is_zero(ask(v, 0xd, 63)) && is_zero(ask(v, 0xb, 2)));
	EXPECT(!is_zero(ask(v, 1, 0x12345678))); /* no sub-leaves: ecx does not matter */
	tap_case("leaves and sub-leaves that do not exist read as zero");
}

static void test_dynamic(void)
{
	const struct world_domain three = { .vcpus = 3, .mode = PV_MODE_PV_HAP };
	struct vcpu *v;

	world_create(&three, 1, 1);
	for (u32 id = 0; id < 3; id++) {
		v = domains[0]->vcpus[id];
		EXPECT_EQ(ask(v, 1, 0).ebx >> 24, id);
		EXPECT_EQ(ask(v, 1, 0).ebx >> 16 & 0xff, 3);
		EXPECT(ask(v, 1, 0).edx & BIT(28));
		EXPECT_EQ(ask(v, 0xb, 0).edx, id);
		EXPECT_EQ(ask(v, 0xb, 1).edx, id);
		EXPECT_EQ(ask(v, PV_CPUID_BASE + PV_CPUID_IDENTITY, 0).ebx, id);
	}
	v = domains[0]->vcpus[1];
	EXPECT_EQ(ask(v, 0xb, 0).ebx, 1);
	EXPECT_EQ(ask(v, 0xb, 1).ebx, 3);
	EXPECT_EQ(ask(v, 0xb, 1).eax, 2); /* bits of an id in the package */
	EXPECT(!(ask(v, 1, 0).ecx & BIT(27)));
	v->osxsave = true;
	EXPECT(ask(v, 1, 0).ecx & BIT(27));
	EXPECT_EQ(ask(v, 0xd, 0).ebx, 576);
	v->xcr0 = 7;
	EXPECT_EQ(ask(v, 0xd, 0).ebx, 832);
	EXPECT_EQ(ask(domains[0]->vcpus[0], 0xd, 0).ebx, 576);
	world_destroy();
	tap_case("bits that depend on the vCPU that asks, and on its state");
}

static void test_paravane(void)
{
	const struct world_domain list[] = {
		{ .vcpus = 2, .mode = PV_MODE_PV_HAP, .calls_off = BIT(PV_CALL_CONSOLE) },
		{ .mode = PV_MODE_PV_HAP, .features_off = PV_FEATURE_LEAVES },
		{ .mode = PV_MODE_FULL_HAP },
		{ .mode = PV_MODE_PV_HAP,
		  .features_off = PV_FEATURE_HYPERCALLS,
		  .features_on = PV_FEATURE_RDTSC_EXIT },
		{ .mode = PV_MODE_PV_HAP,
		  .features_off = BIT(PV_FEATURE_BIT_EVENTS),
		  .features_on = PV_FEATURE_NEWER_MAJOR },
	};
	u32 calls[PV_CALL_MAX / 32] = { 0 };
	struct cpuid_regs r;
	struct vcpu *v;

	for (unsigned row = 0; row < HYPERCALL_ROWS; row++)
		if (hypercall_number(row) != PV_CALL_CONSOLE)
			calls[hypercall_number(row) / 32] |= (u32)BIT(hypercall_number(row) % 32);
	world_create(list, ARRAY_SIZE(list), 1);
	v = domains[0]->vcpus[0];
	r = ask(v, PV_CPUID_BASE, 0);
	EXPECT(r.eax == PV_CPUID_BASE + PV_CPUID_CALLS && !memcmp(&r.ebx, "Para", 4));
	EXPECT(!memcmp(&r.ecx, "vane", 4) && !memcmp(&r.edx, "Parv", 4));
	EXPECT_EQ(ask(v, PV_CPUID_BASE + PV_CPUID_VERSION, 0).eax,
		  PV_ABI_MAJOR << 16 | PV_ABI_MINOR);
	EXPECT_EQ(ask(v, PV_CPUID_BASE + PV_CPUID_FEATURES, 0).eax, PV_FEATURES_PV);
	/* The switch with which a guest's refusal is tested; calls go with their feature. */
	EXPECT_EQ(ask(domains[4]->vcpus[0], PV_CPUID_BASE + PV_CPUID_VERSION, 0).eax,
		  (PV_ABI_MAJOR + 1) << 16 | PV_ABI_MINOR);
	r = ask(domains[4]->vcpus[0], PV_CPUID_BASE + PV_CPUID_CALLS, 0);
	EXPECT(!(r.ecx & BIT(PV_CALL_EVT_SEND - 64)) && r.ebx == calls[1]);
	EXPECT_EQ(ask(v, PV_CPUID_BASE + PV_CPUID_TSC_KHZ, 0).eax, tsc_khz);
	r = ask(v, PV_CPUID_BASE + PV_CPUID_IDENTITY, 0);
	EXPECT(r.eax == PV_MODE_PV_HAP && r.ebx == 0 && r.ecx == 0 && r.edx == 2);
	r = ask(v, PV_CPUID_BASE + PV_CPUID_CALLS, 0);
	EXPECT(r.eax == calls[0] && r.ebx == calls[1] && r.ecx == calls[2] && r.edx == calls[3]);
	r = ask(v, PV_CPUID_BASE + PV_CPUID_CALLS, 1);
	EXPECT(r.eax == calls[4] && r.ebx == calls[5] && r.ecx == calls[6] && r.edx == calls[7]);
	EXPECT(is_zero(ask(v, PV_CPUID_BASE + PV_CPUID_CALLS, 2)));
	EXPECT(is_zero(ask(v, PV_CPUID_BASE + PV_CPUID_CALLS + 1, 0)));
	EXPECT_EQ(ask(domains[3]->vcpus[0], PV_CPUID_BASE + PV_CPUID_IDENTITY, 0).ecx, 3);
	EXPECT_EQ(ask(domains[3]->vcpus[0], PV_CPUID_BASE + PV_CPUID_FEATURES, 0).eax,
		  (PV_FEATURES_PV & ~PV_FEATURE_HYPERCALLS) | PV_FEATURE_RDTSC_EXIT);
	for (u32 d = 1; d < 3; d++) {
		for (u32 leaf = 0; leaf < 0x20; leaf++)
			EXPECT(is_zero(ask(domains[d]->vcpus[0], PV_CPUID_BASE + leaf, 0)));
		EXPECT(ask(domains[d]->vcpus[0], 1, 0).ecx & BIT(31));
	}
	world_destroy();
	tap_case("our own leaves, where the domain is to see them");
}

static void test_poor_machine(void)
{
	struct vcpu *v;

	fake_cpuid_clear();
	fake_cpuid_set(0, 0, 1, 0, 0, 0);
	fake_cpuid_set(1, 0, 0x600, 0, 0, 0);
	fake_cpuid_set(0x80000000, 0, 0x80000001, 0, 0, 0);
	v = world_small(1);
	EXPECT_EQ(ask(v, 0, 0).eax, 1);
	EXPECT_EQ(ask(v, 1, 0).ecx, BIT(31));
	EXPECT_EQ(ask(v, 1, 0).edx, BIT(9)); /* our own APIC bit */
	EXPECT_EQ(ask(v, 0x80000000, 0).eax, 0x80000001);
	EXPECT(is_zero(ask(v, 7, 0)) && is_zero(ask(v, 0x80000008, 0)));
	EXPECT_EQ(cpuid_xcr0_bits(), 1);
	world_destroy();
	/* No extended leaves at all: the CPU answers with some basic one. */
	fake_cpuid_set(0x80000000, 0, 0x600, 1, 2, 3);
	v = world_small(1);
	EXPECT(is_zero(ask(v, 0x80000001, 0)) && is_zero(ask(v, 0x80000004, 0)));
	world_destroy();
	fake_cpuid_all();
	tap_case("a machine that has next to nothing offers no more");
}

static void test_random(void)
{
	static const u32 bases[] = { 0, 0x40000000, 0x80000000, 0x20000000 };
	struct vcpu *v = world_small(2);
	u64 seed = 17;

	for (unsigned i = 0; i < 300000; i++) {
		u32 leaf =
			bases[rnd(&seed) % 4] + (u32)rnd(&seed) % (rnd(&seed) % 2 ? 0x30 : 0x10000);
		u32 subleaf = (u32)rnd(&seed);
		struct cpuid_regs r;

		if (i % 4 == 0)
			leaf = (u32)rnd(&seed);
		r = ask(v, leaf, subleaf >> (subleaf & 31));
		if (leaf >= 0x20 && leaf - 0x80000000 >= 0x20 && leaf - PV_CPUID_BASE >= 0x10)
			EXPECT(is_zero(r));
	}
	world_destroy();
	tap_case("random leaves and sub-leaves");
}

int main(void)
{
	struct vcpu *v;

	fake_cpuid_all();
	v = world_small(1);
	test_bits(v);
	test_limits(v);
	world_destroy();
	test_apic();
	test_dynamic();
	test_paravane();
	test_poor_machine();
	test_random();
	return tap_done();
}
