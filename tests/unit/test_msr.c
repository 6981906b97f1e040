/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR (interpreter/msr.c): the rows themselves, what each makes of both instructions,
 * the bitmaps of both vendors as they come out of the rows, and the values of PAT and EFER.
 */
#include <string.h>

#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/control.h"
#include "interpreter/interpreter.h"
#include "interpreter/policy.h"
#include "machine/x86.h"
#include "svm/bitmaps.h"
#include "tap.h"
#include "vmx/bitmaps.h"

static struct vcpu *v;

/* The handler's verdict; a #GP is taken off again. */
static bool read_msr(u32 msr, u64 *value)
{
	struct vmexit exit = { .code.exit = PV_EXIT_RDMSR };
	enum verdict verdict;

	v->gpr[RCX] = 0xdead000000000000 | msr; /* the upper half does not count */
	v->gpr[RAX] = v->gpr[RDX] = 0x5a5a5a5a5a5a5a5a;
	verdict = interpret_rdmsr(v, &exit);
	if (verdict == ADVANCE) {
		EXPECT(!v->event.valid && !(v->gpr[RAX] >> 32) && !(v->gpr[RDX] >> 32));
		*value = v->gpr[RDX] << 32 | v->gpr[RAX];
		return true;
	}
	EXPECT(verdict == FAULT && v->event.valid && v->event.vector == VEC_GP);
	EXPECT(v->event.has_error && !v->event.error && (v->attention & ATTENTION_EVENT));
	EXPECT(v->gpr[RAX] == 0x5a5a5a5a5a5a5a5a && v->gpr[RDX] == 0x5a5a5a5a5a5a5a5a);
	v->event.valid = false;
	vcpu_attended(v, ATTENTION_EVENT);
	return false;
}

static bool write_msr(u32 msr, u64 value)
{
	struct vmexit exit = { .code.exit = PV_EXIT_WRMSR };
	enum verdict verdict;

	v->gpr[RCX] = 0xdead000000000000 | msr;
	v->gpr[RAX] = 0xdead000000000000 | (u32)value;
	v->gpr[RDX] = 0xdead000000000000 | value >> 32;
	verdict = interpret_wrmsr(v, &exit);
	if (verdict == ADVANCE) {
		EXPECT(!v->event.valid);
		return true;
	}
	EXPECT(verdict == FAULT && v->event.valid && v->event.vector == VEC_GP &&
	       v->event.has_error);
	v->event.valid = false;
	vcpu_attended(v, ATTENTION_EVENT);
	return false;
}

static void test_rows(void)
{
	for (unsigned i = 0; i < msr_rule_count; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		EXPECT_MSG(rule->why && strlen(rule->why) > 10, "MSR 0x%x has no reason",
			   rule->first);
		EXPECT(rule->first <= rule->last && rule->last - rule->first < 0x1000);
		EXPECT(rule->read <= MSR_CALL && rule->write <= MSR_CALL);
		EXPECT_EQ(rule->read == MSR_CALL, rule->get != NULL);
		EXPECT_EQ(rule->write == MSR_CALL, rule->set != NULL);
		EXPECT(rule->read != MSR_IGNORE && rule->write != MSR_VALUE);
		EXPECT(rule->read == MSR_VALUE || !rule->value);
		for (unsigned n = 0; n < i; n++)
			EXPECT_MSG(rule->last < msr_rules[n].first ||
					   rule->first > msr_rules[n].last,
				   "MSR 0x%x stands in two rows", rule->first);
		for (u32 msr = rule->first; msr <= rule->last; msr++)
			EXPECT(msr_rule_find(msr) == rule);
	}
	tap_case("every row has a reason and a meaning, and none hides another");
}

static void test_actions(void)
{
	u64 value = 0;

	for (unsigned i = 0; i < msr_rule_count; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		for (u32 msr = rule->first; msr <= rule->last; msr++) {
			/* The local APIC's: this domain has none. */
			bool is_apic = msr == 0x6e0 || msr == 0x3b ||
				       (msr >= 0x800 && msr <= 0x8ff);
			bool reads = !is_apic &&
				     (rule->read == MSR_VALUE || rule->read == MSR_CALL);

			EXPECT_MSG(read_msr(msr, &value) == reads, "RDMSR 0x%x", msr);
			if (rule->read == MSR_VALUE)
				EXPECT_EQ(value, rule->value);
			if (rule->write == MSR_IGNORE)
				EXPECT(write_msr(msr, rnd(&value)) && read_msr(msr, &value));
			else if (rule->write != MSR_CALL || is_apic || msr == 0x10)
				EXPECT_MSG(!write_msr(msr, 0), "WRMSR 0x%x", msr);
		}
	}
	tap_case("each row reads, writes and faults as it says");
}

/* What must be denied whatever else the table says (both vendors' ways out of their cage). */
static void test_denied(void)
{
	static const u32 denied[] = { 0x3a,       0x79,       0x9b,       0x9e,       0xc1,
				      0x186,      0x1d9,      0x1db,      0x38f,      0x3f1,
				      0x480,      0x491,      0x600,      0x6e0,      0x800,
				      0x830,      0x8ff,      0xd90,      0xda0,      0x48,
				      0x49,       0xc0010015, 0xc0010010, 0xc001001f, 0xc0010111,
				      0xc0010112, 0xc0010114, 0xc0010117, 0xc0010140, 0xc001011f,
				      0xc0000104, 0x40000000, 0x4b564d00, 0xffffffff };
	static const u32 read_only[] = { 0x10, 0x1b, 0xfe, 0x179, 0x1a0 };
	u64 value;

	for (unsigned i = 0; i < ARRAY_SIZE(denied); i++) {
		EXPECT_MSG(!read_msr(denied[i], &value), "RDMSR 0x%x", denied[i]);
		EXPECT_MSG(!write_msr(denied[i], 0) && !write_msr(denied[i], ~0ull), "WRMSR 0x%x",
			   denied[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
		EXPECT(read_msr(read_only[i], &value));
		EXPECT(!write_msr(read_only[i], value) && !write_msr(read_only[i], ~value));
	}
	tap_case("debug, SMM, microcode, VMX, SVM and APIC registers are denied");
}

static bool vmx_passes(const u8 *map, u32 msr, bool is_write)
{
	u32 at = msr & 0x1fff;

	if (msr - 0xc0000000 < 0x2000)
		map += 1024;
	else if (msr >= 0x2000)
		return false;
	return !(map[(is_write ? 2048 : 0) + at / 8] >> at % 8 & 1);
}

static bool svm_passes(const u8 *map, u32 msr, bool is_write)
{
	u32 bit = (msr & 0x1fff) * 2 + is_write;

	if (msr - 0xc0000000 < 0x2000)
		map += 0x800;
	else if (msr - 0xc0010000 < 0x2000)
		map += 0x1000;
	else if (msr >= 0x2000)
		return false;
	return !(map[bit / 8] >> bit % 8 & 1);
}

/* As vmx/vmcs.c and svm/vmcb.c do it. */
static void bitmaps_build(u8 *vmx_map, u8 *svm_map)
{
	vmx_msr_bitmap_init(vmx_map);
	svm_msr_bitmap_init(svm_map);
	for (unsigned i = 0; i < msr_rule_count; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		if (!msr_rule_applies(rule))
			continue;
		for (u32 msr = rule->first; msr <= rule->last; msr++) {
			bool read = rule->read == MSR_PASS, write = rule->write == MSR_PASS;

			vmx_msr_bitmap_pass(vmx_map, msr, read, write);
			svm_msr_bitmap_pass(svm_map, msr, read, write);
		}
	}
}

/* The registers that go with a vCPU: nothing else may be reached without an exit. */
static bool is_switched(u32 msr)
{
	return (msr >= 0xc0000100 && msr <= 0xc0000102) ||
	       (msr >= 0xc0000081 && msr <= 0xc0000084) || (msr >= 0x174 && msr <= 0x176) ||
	       (msr == MSR_TSC_AUX && has_rdtscp());
}

static void test_bitmaps(void)
{
	static u8 vmx_map[VMX_MSR_BITMAP_BYTES], svm_map[SVM_MSR_BITMAP_BYTES];
	static const u32 bases[] = { 0, 0xc0000000, 0xc0010000 };

	for (unsigned with_rdtscp = 0; with_rdtscp < 2; with_rdtscp++) {
		if (with_rdtscp)
			fake_cpuid_all();
		else
			fake_cpuid_set(0x80000001, 0, 0, 0, 0, ~(u32)BIT(27));
		bitmaps_build(vmx_map, svm_map);
		for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
			for (u32 msr = bases[i]; msr < bases[i] + 0x2000; msr++) {
				bool passes = is_switched(msr);

				for (unsigned write = 0; write < 2; write++) {
					EXPECT_MSG(svm_passes(svm_map, msr, write) == passes,
						   "SVM, MSR 0x%x", msr);
					EXPECT_MSG(vmx_passes(vmx_map, msr, write) == passes,
						   "VMX, MSR 0x%x", msr);
				}
			}
		}
	}
	tap_case("exactly the registers that are switched pass, on both vendors");
}

static void test_pat(void)
{
	u64 value;

	EXPECT(read_msr(0x277, &value));
	EXPECT_EQ(value, 0x0007040600070406);
	/* SDM vol. 3, "Memory Types That Can Be Encoded With PAT": 2 and 3 are reserved. */
	for (unsigned at = 0; at < 8; at++) {
		for (u64 type = 0; type < 256; type++) {
			bool ok = type <= 7 && type != 2 && type != 3;
			u64 wanted = (0x0606060606060606 & ~(0xffull << at * 8)) | type << at * 8;

			EXPECT_MSG(write_msr(0x277, wanted) == ok, "PAT 0x%llx",
				   (unsigned long long)wanted);
			EXPECT(read_msr(0x277, &value));
			EXPECT_EQ(value == wanted, ok);
			EXPECT(write_msr(0x277, 0x0606060606060606));
		}
	}
	tap_case("PAT takes the six memory types in each of its bytes");
}

static void test_efer(void)
{
	struct recorder *r = recorder_of(v);
	u64 value;

	r->reg[VREG_EFER] = EFER_LME | EFER_LMA;
	EXPECT(read_msr(MSR_EFER, &value) && value == (EFER_LME | EFER_LMA));
	for (unsigned bit = 0; bit < 64; bit++) {
		bool exists = BIT(bit) & (EFER_SCE | EFER_NXE);

		if (BIT(bit) & (EFER_LME | EFER_LMA))
			continue;
		EXPECT_MSG(write_msr(MSR_EFER, EFER_LME | EFER_LMA | BIT(bit)) == exists,
			   "EFER bit %u", bit);
		EXPECT_EQ(r->reg[VREG_EFER], EFER_LME | EFER_LMA | (exists ? BIT(bit) : 0));
		EXPECT(write_msr(MSR_EFER, EFER_LME | EFER_LMA));
	}
	/* LMA is not written; LME cannot change while paging is on. */
	EXPECT(write_msr(MSR_EFER, EFER_LME) && r->reg[VREG_EFER] == (EFER_LME | EFER_LMA));
	EXPECT(!write_msr(MSR_EFER, 0) && r->reg[VREG_EFER] == (EFER_LME | EFER_LMA));
	r->reg[VREG_CR0] &= ~CR0_PG;
	r->reg[VREG_EFER] = EFER_LME;
	EXPECT(write_msr(MSR_EFER, EFER_LMA) && r->reg[VREG_EFER] == 0);
	EXPECT(write_msr(MSR_EFER, EFER_LME | EFER_LMA) && r->reg[VREG_EFER] == EFER_LME);
	r->reg[VREG_CR0] |= CR0_PG;
	/* NX is the guest's only where CPUID offers it. */
	fake_cpuid_set(0x80000001, 0, 0, 0, 0, ~(u32)BIT(20));
	interpreter_init();
	EXPECT(!write_msr(MSR_EFER, EFER_LME | EFER_NXE));
	fake_cpuid_all();
	interpreter_init();
	EXPECT(write_msr(MSR_EFER, EFER_LME | EFER_NXE));
	tap_case("EFER: reserved bits, LMA, LME under paging, NX");
}

static void test_values(void)
{
	u64 value;

	fake_tsc = 0x123456789abcd;
	fake_tsc_step = 0;
	EXPECT(read_msr(MSR_TSC, &value) && value == 0x123456789abcd);
	EXPECT(read_msr(MSR_APIC_BASE, &value) && value == 0xfee00900);
	v = domains[0]->vcpus[1];
	EXPECT(read_msr(MSR_APIC_BASE, &value) && value == 0xfee00800);
	v = domains[0]->vcpus[0];
	tap_case("the TSC is the machine's; vCPU 0 is the boot processor");
}

static void test_random(void)
{
	u64 seed = 3, value = 0;

	for (unsigned i = 0; i < 200000; i++) {
		u32 msr = (u32)rnd(&seed);
		const struct msr_rule *rule;

		switch (i % 4) {
		case 0:
			msr &= 0x1fff;
			break;
		case 1:
			msr = 0xc0000000 | (msr & 0x1ffff);
			break;
		default:
			break;
		}
		rule = msr_rule_find(msr);
		if (!rule)
			EXPECT(!read_msr(msr, &value) && !write_msr(msr, rnd(&seed)));
		else if (rule->first != MSR_EFER)
			write_msr(msr, rnd(&seed) & (i % 3 ? ~0ull : 0x0707070707070707)),
				read_msr(msr, &value);
	}
	EXPECT(!domains[0]->ending);
	tap_case("random registers are denied");
}

int main(void)
{
	fake_cpuid_all();
	v = world_small(2);
	test_rows();
	test_actions();
	test_denied();
	test_bitmaps();
	test_pat();
	test_efer();
	test_values();
	test_random();
	world_destroy();
	return tap_done();
}
