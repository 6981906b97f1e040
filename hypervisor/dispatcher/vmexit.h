/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct vmexit: one exit in words that both vendors share. vmx/ and svm/ fill it, from then on no
 * hardware word is needed. The decoders are pure functions from the vendor's integers to this.
 */
#ifndef DISPATCHER_VMEXIT_H
#define DISPATCHER_VMEXIT_H

#include "lib/types.h"
#include "pv_abi.h"

/* LMSW_MEMORY: the word is still to be read (SVM). SMSW: stored to memory where there is no gpr. */
enum cr_op { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW, CR_LMSW_MEMORY, CR_SMSW };

struct exit_cr {
	u8 op; /* enum cr_op */
	u8 cr; /* 0, 3, 4, 8 */
	u8 gpr; /* register number as in ModRM, where a MOV */
	bool has_gpr; /* false: the instruction must be decoded (SVM without decode assists) */
	u16 lmsw; /* source operand, where LMSW */
};

struct exit_dr {
	u8 dr;
	u8 gpr;
	bool is_write; /* MOV to DR */
	bool has_gpr;
};

struct exit_io {
	u16 port;
	u8 bytes; /* 1, 2, 4 */
	bool is_in;
	bool is_string;
	bool is_rep;
};

struct exit_fault { /* nested_fault: an access that EPT/NPT refused */
	gpa_t gpa;
	gva_t gva;
	bool gva_valid;
	bool is_write, is_fetch; /* neither: a read */
	bool was_mapped; /* the entry was present: a protection fault */
	bool in_walk; /* while walking the guest's page tables */
};

struct exit_exception {
	u8 vector;
	bool is_int1; /* #DB by INT1: delivered as that instruction, not as a fault */
	u8 insn_bytes; /* where is_int1 */
	bool has_error;
	u32 error;
	u64 address; /* CR2 of #PF, DR6 bits of #DB */
};

#define APIC_BASE_RESET 0xfee00000ull /* where a local APIC's registers lie after a reset */

struct exit_apic { /* apic: the instruction is done, its effect is ours */
	bool is_eoi;
	u16 number; /* of the vector, or of the register that was written, by its xAPIC offset */
};

struct exit_code {
	u16 exit; /* PV_EXIT_* */
	u16 raw; /* the vendor's basic exit reason, for the trace and the dump */
};

struct vmexit {
	struct exit_code code;
	u32 tsc_low; /* read right after the exit; 32 bits are enough for what an exit may take */
	bool has_aux; /* rdtsc: it is RDTSCP */
	u64 rip; /* of the instruction; 0 for interrupt classes, which do not need it */
	u64 qualification; /* VMX: exit qualification; SVM: EXITINFO1, where the class uses it */
	union {
		struct exit_cr cr;
		struct exit_dr dr;
		struct exit_io io;
		struct exit_fault fault;
		struct exit_exception exception;
		struct exit_apic apic;
	};
};

#endif
