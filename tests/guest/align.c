/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #AC is intercepted and handed on: ring 3, CR0.AM and EFLAGS.AC. Marks 1..2: 50 unaligned reads
 * from ring 3; 3..4: the same in ring 0, where the check is off, and aligned ones: no exit.
 */
#include "guest.h"

#define ROUNDS 50u

INSN(unaligned, "mov 1(%0), %%eax")
INSN(aligned, "mov (%0), %%eax")

static u64 data[2];

void guest_main(void)
{
	unsigned faults = 0, bad = 0, others = 0;
	struct fault f;

	plan(3);
	user_init();
	write_cr0(read_cr0() | CR0_AM);
	f = run_user(unaligned, data, RFLAGS_AC);
	if (is_amd && f.vector == VECTOR_USER) {
		skip(3, "this CPU has no alignment check");
		return;
	}
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		f = run_user(unaligned, data, RFLAGS_AC);
		faults += f.vector == VEC_AC;
		bad += f.error != 0 || (f.cs & 3) != 3 || !(f.rflags & RFLAGS_AC);
	}
	mark(2);
	ok(faults == ROUNDS, "%u of %u unaligned accesses are #AC", faults, ROUNDS);
	ok(!bad, "with error code 0, from ring 3");

	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++) {
		others += run_user(aligned, data, RFLAGS_AC).vector != VECTOR_USER;
		others += run_user(unaligned, data, 0).vector != VECTOR_USER;
		others += try_insn(unaligned, data).vector != NO_FAULT;
	}
	mark(4);
	ok(!others, "none when aligned, without EFLAGS.AC, or in ring 0");
}
