/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From EXITCODE, EXITINFO1 and EXITINFO2 of an SVM exit to the structs of dispatcher/vmexit.h. Pure
 * functions. `has_assists`: the CPU has decode assists (CPUID 8000_000A edx bit 7), so EXITINFO1
 * names the register of a MOV CR or MOV DR; without them the instruction says it, see
 * svm_complete_*().
 */
#ifndef SVM_EXITINFO_H
#define SVM_EXITINFO_H

#include "dispatcher/vmexit.h"

struct insn;

/* Exit codes whose number carries an operand (APM vol. 2 appendix "SVM Intercept Exit Codes"). */
#define SVM_EXIT_READ_CR 0x00u /* + register */
#define SVM_EXIT_WRITE_CR 0x10u
#define SVM_EXIT_READ_DR 0x20u
#define SVM_EXIT_WRITE_DR 0x30u
#define SVM_EXIT_EXCEPTION 0x40u /* + vector */
#define SVM_EXIT_CR0_SEL_WRITE 0x65u

/* EXITINFO1 of a nested page fault: that of #PF, and where in the two walks it happened. */
#define SVM_NPF_PRESENT BIT(0)
#define SVM_NPF_WRITE BIT(1)
#define SVM_NPF_USER BIT(2)
#define SVM_NPF_RESERVED BIT(3)
#define SVM_NPF_FETCH BIT(4)
#define SVM_NPF_FINAL BIT(32) /* the final translation of a guest-physical address */
#define SVM_NPF_TABLE BIT(33) /* an entry of the guest's page tables */

/* code: READ_CR+n, WRITE_CR+n or CR0_SEL_WRITE. Without has_gpr the op is a guess by direction. */
struct exit_cr svm_decode_cr(u32 code, u64 info1, bool has_assists);
struct exit_dr svm_decode_dr(u32 code, u64 info1, bool has_assists);
struct exit_io svm_decode_io(u64 info1); /* EXITINFO2 is the address of the next instruction */
struct exit_fault svm_decode_npf(u64 info1, u64 info2);
/* A reserved bit was set in a nested table: our own fault, what VMX calls a misconfiguration. */
static inline bool svm_npf_is_misconfig(u64 info1)
{
	return info1 & SVM_NPF_RESERVED;
}
/* code: EXCEPTION+vector. For #DB the causes are in the VMCB's DR6, not here. */
struct exit_exception svm_decode_exception(u32 code, u64 info1, u64 info2);

/*
 * Fills in op and gpr from the decoded instruction; false if it is none that can make this exit
 * (the guest changed its code meanwhile). LMSW of a register leaves has_gpr set and gpr the source,
 * LMSW of memory leaves has_gpr clear: the caller reads the operand. SMSW likewise with its
 * destination.
 */
bool svm_complete_cr(struct exit_cr *cr, const struct insn *insn);
bool svm_complete_dr(struct exit_dr *dr, const struct insn *insn);

#endif
