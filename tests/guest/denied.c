/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that a guest does not have: #UD, RDPMC #GP. Which of them exit at all is the
 * vendor's choice (the others' are undefined opcodes here), so the manifest has a row per vendor.
 * Marks 1..2: VMX; 3..4: SVM; 5..6: 50 x MONITOR and MWAIT; 7..8: 50 RDPMC; 9..10: RSM, GETSEC,
 * VMFUNC.
 */
#include "guest.h"

#define ROUNDS 50u

INSN(vmclear, "vmclear (%0)")
INSN(vmlaunch, "vmlaunch")
INSN(vmresume, "vmresume")
INSN(vmptrld, "vmptrld (%0)")
INSN(vmptrst, "vmptrst (%0)")
INSN(vmread, "vmread %%rax, %%rbx")
INSN(vmwrite, "vmwrite %%rax, %%rbx")
INSN(vmxoff, "vmxoff")
INSN(vmxon, "vmxon (%0)")
INSN(invept, "xor %%eax, %%eax; invept (%0), %%rax")
INSN(invvpid, "xor %%eax, %%eax; invvpid (%0), %%rax")

INSN(vmrun, "mov %0, %%rax; vmrun")
INSN(vmload, "mov %0, %%rax; vmload")
INSN(vmsave, "mov %0, %%rax; vmsave")
INSN(stgi, "stgi")
INSN(clgi, "clgi")
INSN(skinit, "xor %%eax, %%eax; skinit")
INSN(invlpga, "xor %%eax, %%eax; xor %%ecx, %%ecx; invlpga")

INSN(monitor, "mov %0, %%rax; xor %%ecx, %%ecx; xor %%edx, %%edx; monitor")
INSN(mwait, "xor %%eax, %%eax; xor %%ecx, %%ecx; mwait")
INSN(rdpmc, "xor %%ecx, %%ecx; rdpmc")

INSN(rsm, "rsm")
INSN(getsec, "xor %%eax, %%eax; getsec")
INSN(vmfunc, "xor %%eax, %%eax; xor %%ecx, %%ecx; vmfunc")

struct row {
	const char *name;
	void (*insn)(void *);
	struct fault fault;
};

static struct row vmx[] = {
	{ "VMCLEAR", vmclear, { 0 } },   { "VMLAUNCH", vmlaunch, { 0 } },
	{ "VMRESUME", vmresume, { 0 } }, { "VMPTRLD", vmptrld, { 0 } },
	{ "VMPTRST", vmptrst, { 0 } },   { "VMREAD", vmread, { 0 } },
	{ "VMWRITE", vmwrite, { 0 } },   { "VMXOFF", vmxoff, { 0 } },
	{ "VMXON", vmxon, { 0 } },       { "INVEPT", invept, { 0 } },
	{ "INVVPID", invvpid, { 0 } },
};

static struct row svm[] = {
	{ "VMRUN", vmrun, { 0 } },     { "VMLOAD", vmload, { 0 } }, { "VMSAVE", vmsave, { 0 } },
	{ "STGI", stgi, { 0 } },       { "CLGI", clgi, { 0 } },     { "SKINIT", skinit, { 0 } },
	{ "INVLPGA", invlpga, { 0 } },
};

static struct row others[] = {
	{ "RSM", rsm, { 0 } },
	{ "GETSEC", getsec, { 0 } },
	{ "VMFUNC", vmfunc, { 0 } },
};

static u8 operand[4096] __attribute__((aligned(4096)));

static void try_rows(struct row *rows, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		rows[n].fault = try_insn(rows[n].insn, operand);
}

static void report(const struct row *rows, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		ok(rows[n].fault.vector == VEC_UD, "%s is #UD (vector %d)", rows[n].name,
		   rows[n].fault.vector);
}

void guest_main(void)
{
	unsigned faults = 0;

	plan(ARRAY_SIZE(vmx) + ARRAY_SIZE(svm) + ARRAY_SIZE(others) + 2);
	mark(1);
	try_rows(vmx, ARRAY_SIZE(vmx));
	mark(2);
	report(vmx, ARRAY_SIZE(vmx));
	mark(3);
	try_rows(svm, ARRAY_SIZE(svm));
	mark(4);
	report(svm, ARRAY_SIZE(svm));

	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++) {
		faults += try_insn(monitor, operand).vector == VEC_UD;
		faults += try_insn(mwait, NULL).vector == VEC_UD;
	}
	mark(6);
	ok(faults == 2 * ROUNDS, "MONITOR and MWAIT are #UD");
	mark(7);
	for (unsigned n = 0; n < ROUNDS; n++)
		faults -= try_insn(rdpmc, NULL).vector == VEC_GP;
	mark(8);
	ok(faults == ROUNDS, "RDPMC is #GP");

	mark(9);
	try_rows(others, ARRAY_SIZE(others));
	mark(10);
	report(others, ARRAY_SIZE(others));
}
