/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that a guest may use. Those that the hardware switches cost no exit (marks 1..2); the
 * virtual ones cost one an access (marks 3..4: 100 reads, 5..6: 100 writes) and keep what was
 * written.
 */
#include "guest.h"

#define ROUNDS 100u
#define MSR_MISC_ENABLE 0x1a0
#define PAT_RESET 0x0007040600070406ull
#define PAT_OTHER 0x0007010600070106ull /* as Linux sets it */

static const struct {
	u32 msr;
	u64 value;
} passed[] = {
	{ MSR_STAR, 0x0010000800000000 },           { MSR_LSTAR, 0xffff800012345678 },
	{ MSR_CSTAR, 0xffff800087654321 },          { MSR_SFMASK, 0x47700 },
	{ MSR_KERNEL_GS_BASE, 0xffff888011112222 }, { MSR_FS_BASE, 0x00007f0033334444 },
	{ MSR_GS_BASE, 0xffff888055556666 },        { MSR_SYSENTER_CS, 0x8 },
	{ MSR_SYSENTER_ESP, 0xffff800000001000 },   { MSR_SYSENTER_EIP, 0xffff800000002000 },
};

static void check_passed(void)
{
	u64 seen[ARRAY_SIZE(passed)];

	mark(1);
	for (unsigned n = 0; n < ARRAY_SIZE(passed); n++)
		wrmsr(passed[n].msr, passed[n].value);
	for (unsigned n = 0; n < ARRAY_SIZE(passed); n++)
		seen[n] = rdmsr(passed[n].msr);
	mark(2);
	for (unsigned n = 0; n < ARRAY_SIZE(passed); n++)
		ok(seen[n] == passed[n].value, "MSR %#x keeps its value", passed[n].msr);
}

INSN(write_pat_reserved, "mov $0x277, %%ecx; mov $0x00070402, %%eax; mov $0x00070406, %%edx; wrmsr")
INSN(write_pat_type_8, "mov $0x277, %%ecx; mov $0x00070406, %%eax; mov $0x08070406, %%edx; wrmsr")

static void check_pat(void)
{
	u64 seen;

	ok(rdmsr(MSR_PAT) == PAT_RESET, "PAT has its reset value");
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		rdmsr(MSR_APIC_BASE);
	mark(4);
	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++)
		wrmsr(MSR_PAT, PAT_OTHER);
	mark(6);
	seen = rdmsr(MSR_PAT);
	ok(seen == PAT_OTHER, "PAT keeps what was written");
	ok(try_insn(write_pat_reserved, NULL).vector == VEC_GP, "a reserved memory type is #GP");
	ok(try_insn(write_pat_type_8, NULL).vector == VEC_GP, "so is a type above 7");
	ok(rdmsr(MSR_PAT) == PAT_OTHER, "and PAT stays as it was");
	wrmsr(MSR_PAT, PAT_RESET);
}

static void write_msr(void *arg)
{
	const u64 *pair = arg;

	wrmsr((u32)pair[0], pair[1]);
}

static bool write_faults(u32 msr, u64 value)
{
	u64 pair[2] = { msr, value };

	return try_insn(write_msr, pair).vector == VEC_GP;
}

static void check_efer(void)
{
	u64 efer = rdmsr(MSR_EFER);

	ok((efer & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA), "EFER says long mode");
	ok(!(efer & EFER_SVME), "and no SVM");
	ok(write_faults(MSR_EFER, efer & ~EFER_LME), "EFER.LME cannot be cleared while paging");
	ok(write_faults(MSR_EFER, efer | EFER_SVME), "EFER.SVME cannot be set");
	ok(write_faults(MSR_EFER, efer | BIT(1)), "nor a reserved bit");
	ok(rdmsr(MSR_EFER) == efer, "EFER stays as it was");
	ok(!write_faults(MSR_EFER, efer & ~(EFER_SCE | EFER_NXE)), "SCE and NXE can be cleared");
	ok(rdmsr(MSR_EFER) == (efer & ~(EFER_SCE | EFER_NXE)), "and are clear");
	wrmsr(MSR_EFER, efer);
	ok(rdmsr(MSR_EFER) == efer, "and set again");
}

static void check_canonical(void)
{
	static const u32 addresses[] = { MSR_LSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

	for (unsigned n = 0; n < ARRAY_SIZE(addresses); n++) {
		bool faults = write_faults(addresses[n], 0x8000000000000000ull);

		/* These do not exit; QEMU's software CPU takes any value. */
		if (is_amd && !faults)
			skip(1, "this CPU does not check for canonical addresses");
		else
			ok(faults, "a non-canonical address in MSR %#x is #GP", addresses[n]);
	}
}

void guest_main(void)
{
	plan(ARRAY_SIZE(passed) + 18 + 2);
	check_passed();
	check_pat();
	check_efer();
	check_canonical();
	ok(rdmsr(MSR_APIC_BASE) & BIT(11), "the APIC is enabled");
	ok(rdmsr(MSR_APIC_BASE) & BIT(8), "this is the boot CPU");
}
