/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why was an entry refused? The CPU only says VMEXIT_INVALID; this file makes the checks of APM
 * vol. 2, "Canonicalization and Consistency Checks", once more in software and names each field
 * that fails. A state that passes them all and was refused anyway is said to be so.
 */
#include "interpreter/control.h"
#include "svm/bitmaps.h"
#include "svm/svm.h"
#include "trace/trace.h"

static unsigned failures;

static void complain(const char *field, u64 value, const char *what)
{
	failures++;
	log_line("  %s = 0x%llx: %s", field, (unsigned long long)value, what);
}

#define EXPECT(condition, field, what) \
	do { \
		if (!(condition)) \
			complain(#field, vmcb->field, what); \
	} while (0)

/* Types 0, 1, 4, 5, 6, 7 in each byte (APM vol. 2, "PAT Register Fields"). */
static bool pat_is_valid(u64 pat)
{
	for (unsigned shift = 0; shift < 64; shift += 8) {
		u8 type = (u8)(pat >> shift);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static void check_controls(const struct vmcb *vmcb)
{
	u64 limit = BIT(guest_physical_bits());

	EXPECT(vmcb->intercept_misc2 & MISC2_VMRUN, intercept_misc2, "VMRUN is not intercepted");
	EXPECT(vmcb->msrpm_base_pa <= limit - SVM_MSR_BITMAP_BYTES, msrpm_base_pa,
	       "beyond the physical width");
	EXPECT(vmcb->iopm_base_pa <= limit - SVM_IO_BITMAP_BYTES, iopm_base_pa,
	       "beyond the physical width");
	EXPECT(vmcb->guest_asid, guest_asid, "0 is the host's");
	EXPECT(vmcb->guest_asid < svm_caps.asids, guest_asid, "more than the CPU has");
	EXPECT(vmcb->nested_control & NESTED_NP_ENABLE, nested_control, "no nested paging");
	EXPECT(!(vmcb->n_cr3 & (PAGE_SIZE - 1)) && vmcb->n_cr3 < limit, n_cr3, "a reserved bit");
	EXPECT(pat_is_valid(vmcb->g_pat), g_pat, "a memory type that there is not");
}

static void check_registers(const struct vmcb *vmcb)
{
	u64 cr0 = vmcb->cr0, cr4 = vmcb->cr4, efer = vmcb->efer;
	bool long_mode = (efer & EFER_LME) && (cr0 & CR0_PG);

	EXPECT(efer & EFER_SVME, efer, "SVME is 0");
	EXPECT(!(efer & ~(efer_valid_bits() | EFER_SVME)), efer, "a reserved bit");
	EXPECT((cr0 & CR0_CD) || !(cr0 & CR0_NW), cr0, "NW without CD");
	EXPECT(!(cr0 >> 32), cr0, "a bit above 31");
	EXPECT(!(vmcb->cr3 >> guest_physical_bits()), cr3, "a bit above the physical width");
	EXPECT(!(cr4 & ~(cr4_valid_bits() | CR4_MCE)), cr4, "a reserved bit");
	EXPECT(!(vmcb->dr6 >> 32), dr6, "a bit above 31");
	EXPECT(!(vmcb->dr7 >> 32), dr7, "a bit above 31");
	EXPECT(!long_mode || (cr4 & CR4_PAE), cr4, "64-bit guest without PAE");
	EXPECT(!long_mode || (cr0 & CR0_PE), cr0, "PG without PE");
	/* Attributes in their packed form: bit 9 is L, bit 10 is D. */
	EXPECT(!long_mode || (vmcb->cs_attrib & 0x600) != 0x600, cs_attrib, "L and D are both 1");
}

static void check_event(const struct vmcb *vmcb)
{
	u64 info = vmcb->eventinj, vector = info & SVM_EVENT_VECTOR;
	u64 type = info >> SVM_EVENT_TYPE_SHIFT & SVM_EVENT_TYPE_MASK;

	if (!(info & SVM_EVENT_VALID))
		return;
	EXPECT(type != 1 && type <= EVENT_SOFT_INTERRUPT, eventinj, "a reserved type");
	EXPECT(type != EVENT_EXCEPTION || (vector < 32 && vector != VEC_NMI), eventinj,
	       "an exception with a vector that is none");
}

void svm_explain_failure(struct vcpu *v)
{
	const struct vmcb *vmcb = vmcb_of(v);

	log_line("VM entry of domain %s vCPU %u failed: invalid guest state", v->domain->name,
		 v->id);
	failures = 0;
	check_controls(vmcb);
	check_event(vmcb);
	/* RSP at VMRUN: entry.S */
	if (vmcb->rsp == (u64)&v->gpr[ARRAY_SIZE(v->gpr)])
		log_line("  the save area holds the host's registers: QEMU writes it even now");
	else
		check_registers(vmcb);
	if (!failures)
		log_line("  every check made here passes: the emulator's log must tell");
}
