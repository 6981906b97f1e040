/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: one exit each, the hypervisor's leaves tell the truth, and nothing is offered that the
 * guest could not use. Marks 1..2 hold 1000 CPUIDs.
 */
#include "guest.h"

#define ROUNDS 1000u

static void check_basic_leaves(void)
{
	struct cpuid_regs zero = cpuid(0, 0), one = cpuid(1, 0);

	ok(zero.eax >= 1 && zero.eax <= 0x20, "the basic leaves end at %#x", zero.eax);
	ok(zero.ebx == 0x756e6547 || zero.ebx == 0x68747541 || zero.ebx == 0x6f677948,
	   "the vendor is the machine's");
	ok(one.ecx & BIT(31), "the hypervisor bit is set");
	ok(!(one.ecx & BIT(5)), "no VMX");
	ok(!(one.ecx & BIT(6)), "no SMX");
	ok(!(one.ecx & BIT(3)), "no MONITOR");
	ok((one.edx & BIT(0)) && (one.edx & BIT(6)), "FPU and PAE are there");
	ok(one.ebx >> 24 == 0, "vCPU 0 has APIC id 0");
}

static void check_extended_leaves(void)
{
	struct cpuid_regs top = cpuid(0x80000000, 0), one = cpuid(0x80000001, 0);
	u32 bits = cpuid(0x80000008, 0).eax & 0xff;

	ok(top.eax >= 0x80000008 && top.eax <= 0x80000028, "the extended leaves end at %#x",
	   top.eax);
	ok(one.edx & BIT(29), "long mode is there");
	ok(!(one.ecx & BIT(2)), "no SVM");
	ok(!(one.ecx & BIT(12)), "no SKINIT");
	ok(cpuid(0x8000000a, 0).eax == 0 || top.eax < 0x8000000a, "the SVM leaf is empty");
	ok(bits >= 32 && bits <= 52, "%u physical address bits", bits);
}

static void check_hypervisor_leaves(void)
{
	struct cpuid_regs sign = cpuid(PV_CPUID_BASE, 0);
	struct cpuid_regs version = cpuid(PV_CPUID_BASE + PV_CPUID_VERSION, 0);
	struct cpuid_regs who = cpuid(PV_CPUID_BASE + PV_CPUID_IDENTITY, 0);
	struct cpuid_regs calls = cpuid(PV_CPUID_BASE + PV_CPUID_CALLS, 0);
	struct cpuid_regs beyond = cpuid(PV_CPUID_BASE + PV_CPUID_CALLS + 1, 0);
	u32 khz = tsc_khz();

	ok(sign.ebx == PV_CPUID_SIGNATURE_EBX && sign.ecx == PV_CPUID_SIGNATURE_ECX &&
		   sign.edx == PV_CPUID_SIGNATURE_EDX,
	   "the signature is ParavaneParv");
	ok(sign.eax == PV_CPUID_BASE + PV_CPUID_CALLS, "the last hypervisor leaf is %#x", sign.eax);
	ok(version.eax == (PV_ABI_MAJOR << 16 | PV_ABI_MINOR), "the ABI version is this one's");
	ok(cpuid(PV_CPUID_BASE + PV_CPUID_LIMITS, 0).eax <= 4, "at most four CR3 targets");
	ok(khz >= 1000 && khz <= 10000000, "the TSC runs at %u kHz", khz);
	ok(who.eax == start_info->mode && who.eax == PV_MODE_PV_HAP, "the mode is %u", who.eax);
	ok(who.ebx == 0, "this is vCPU 0");
	ok(who.ecx < 16, "this is domain %u", who.ecx);
	ok(who.edx == start_info->vcpus, "it has %u vCPUs", who.edx);
	ok((calls.eax & BIT(PV_CALL_NULL)) && (calls.eax & BIT(PV_CALL_SHUTDOWN)) &&
		   (calls.eax & BIT(PV_CALL_IPI_SEND)),
	   "the bitmap has the calls that this test uses");
	ok(!(calls.eax & BIT(9)) && !(calls.eax & BIT(31)), "and none that is in no table");
	ok(!cpuid(PV_CPUID_BASE + PV_CPUID_CALLS, 1).eax, "nor any above 0x7f");
	ok(!(beyond.eax | beyond.ebx | beyond.ecx | beyond.edx), "what follows is zero");
}

/* Emulation must write 32-bit registers as the CPU does: the upper halves become zero. */
static void check_upper_halves(void)
{
	u64 a = ~0ull << 32, b = ~0ull, c = ~0ull << 32, d = ~0ull;

	__asm__ volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
	ok(!(a >> 32) && !(b >> 32) && !(c >> 32) && !(d >> 32),
	   "the upper register halves are zero");
	ok(b == cpuid(0, 0).ebx, "the upper half of RAX does not choose the leaf");
}

/* CPUID.1:ECX.OSXSAVE mirrors the guest's CR4, not the machine's. */
static void check_osxsave(void)
{
	u64 cr4 = read_cr4();

	if (!(cpuid(1, 0).ecx & BIT(26))) {
		skip(2, "no XSAVE");
		return;
	}
	write_cr4(cr4 & ~CR4_OSXSAVE);
	ok(!(cpuid(1, 0).ecx & BIT(27)), "OSXSAVE is clear while CR4.OSXSAVE is");
	write_cr4(cr4 | CR4_OSXSAVE);
	ok(cpuid(1, 0).ecx & BIT(27), "OSXSAVE is set while CR4.OSXSAVE is");
	write_cr4(cr4);
}

void guest_main(void)
{
	plan(31);
	check_basic_leaves();
	check_extended_leaves();
	check_hypervisor_leaves();
	check_upper_halves();
	check_osxsave();

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		cpuid(n % 5, 0);
	mark(2);
}
