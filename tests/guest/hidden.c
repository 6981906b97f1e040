/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest must not see: full virtualization, and what features: switches off. Words on the
 * command line say what is there: "leaves", "calls". Marks 1..2 hold 100 hypercall instructions.
 */
#include "guest.h"

#define ROUNDS 100u

void guest_main(void)
{
	bool want_leaves = arg_flag("leaves"), want_calls = arg_flag("calls");
	struct cpuid_regs sign = cpuid(PV_CPUID_BASE, 0);
	struct fault fault = { 0 };
	unsigned faults = 0;

	plan(4);
	ok((sign.ebx == PV_CPUID_SIGNATURE_EBX) == want_leaves, "the hypervisor leaves are %s",
	   want_leaves ? "shown" : "hidden");
	if (!want_leaves)
		sign = cpuid(PV_CPUID_BASE + PV_CPUID_IDENTITY, 0);
	ok(want_leaves || !(sign.eax | sign.ebx | sign.ecx | sign.edx),
	   "and so is what follows them");
	ok(has_hypercalls == want_calls, "hypercalls %s", want_calls ? "work" : "do not work");

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		fault = try_insn(hypercall_insn, (void *)PV_CALL_NULL);
		faults += fault.vector == VEC_UD;
	}
	mark(2);
	ok(faults == (want_calls ? 0 : ROUNDS), "%u of %u raised #UD", faults, ROUNDS);
}
