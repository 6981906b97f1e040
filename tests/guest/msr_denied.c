/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that no guest may touch: #GP, as on a CPU that lacks them. Marks 1..2 hold one read of each
 * row that is not readable, 3..4 one write of every row; the manifest knows both numbers.
 */
#include "guest.h"

static const struct {
	u32 msr;
	bool readable; /* its reset value may be read */
	const char *name;
} denied[] = {
	{ 0x1b, true, "APIC_BASE" },
	{ 0x3a, false, "FEATURE_CONTROL" },
	{ 0x79, false, "microcode update" },
	{ 0x9e, false, "SMBASE" },
	{ 0xc1, false, "performance counter 0" },
	{ 0x186, false, "performance event 0" },
	{ 0x1a0, true, "MISC_ENABLE" },
	{ 0x1d9, false, "DEBUGCTL" },
	{ 0x480, false, "VMX_BASIC" },
	{ 0x482, false, "VMX_PROCBASED" },
	{ 0x48c, false, "VMX_EPT_VPID" },
	{ 0x491, false, "VMX_VMFUNC" },
	{ 0x610, false, "RAPL limit" },
	{ 0x802, false, "x2APIC id" },
	{ 0x808, false, "x2APIC TPR" },
	{ 0x80b, false, "x2APIC EOI" },
	{ 0x830, false, "x2APIC ICR" },
	{ 0x83f, false, "x2APIC self-IPI" },
	{ 0xd90, false, "BNDCFGS" },
	{ 0x12345678, false, "0x12345678" },
	{ 0x40000000, false, "0x40000000" },
	{ 0xc0001fff, false, "0xc0001fff" },
	{ 0xc0002000, false, "0xc0002000" },
	{ 0xc0010114, false, "VM_CR" },
	{ 0xc0010117, false, "VM_HSAVE_PA" },
	{ 0xc0011fff, false, "0xc0011fff" },
	{ 0xffffffff, false, "0xffffffff" },
};

#define COUNT ARRAY_SIZE(denied)

static void read_msr(void *arg)
{
	rdmsr(*(const u32 *)arg);
}

static void write_msr(void *arg)
{
	wrmsr(*(const u32 *)arg, 0);
}

void guest_main(void)
{
	struct fault read[COUNT], written[COUNT];

	plan(2 * COUNT);
	mark(1);
	for (unsigned n = 0; n < COUNT; n++)
		if (!denied[n].readable)
			read[n] = try_insn(read_msr, (void *)&denied[n].msr);
	mark(2);
	mark(3);
	for (unsigned n = 0; n < COUNT; n++)
		written[n] = try_insn(write_msr, (void *)&denied[n].msr);
	mark(4);
	for (unsigned n = 0; n < COUNT; n++) {
		if (denied[n].readable)
			ok(try_insn(read_msr, (void *)&denied[n].msr).vector == NO_FAULT,
			   "%s can be read", denied[n].name);
		else
			ok(read[n].vector == VEC_GP && read[n].error == 0, "reading %s is #GP",
			   denied[n].name);
		ok(written[n].vector == VEC_GP && written[n].error == 0, "writing %s is #GP",
		   denied[n].name);
	}
}
