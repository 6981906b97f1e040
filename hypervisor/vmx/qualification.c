/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoders of the VMX exit qualification (SDM vol. 3, "Basic VM-Exit Information", the table named
 * at each function) and of the interruption information. Called once per exit of that class.
 */
#include "vmx/qualification.h"

static u32 field(u64 word, unsigned low, unsigned bits)
{
	return (u32)(word >> low & (BIT(bits) - 1));
}

/* "Exit Qualification for Control-Register Accesses" */
struct exit_cr vmx_decode_cr(u64 qualification)
{
	static const u8 ops[4] = { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };
	struct exit_cr cr = { .op = ops[field(qualification, 4, 2)] };

	if (cr.op == CR_MOV_TO || cr.op == CR_MOV_FROM) {
		cr.cr = (u8)field(qualification, 0, 4);
		cr.gpr = (u8)field(qualification, 8, 4);
		cr.has_gpr = true;
	} else if (cr.op == CR_LMSW) {
		/* The CPU has read the operand, be it a register or memory: no need of either. */
		cr.lmsw = (u16)field(qualification, 16, 16);
	}
	return cr; /* CLTS and LMSW: CR0, as initialised */
}

/* "Exit Qualification for MOV DR" */
struct exit_dr vmx_decode_dr(u64 qualification)
{
	return (struct exit_dr){
		.dr = (u8)field(qualification, 0, 3),
		.gpr = (u8)field(qualification, 8, 4),
		.is_write = !field(qualification, 4, 1),
		.has_gpr = true,
	};
}

/* "Exit Qualification for I/O Instructions" */
struct exit_io vmx_decode_io(u64 qualification)
{
	return (struct exit_io){
		.port = (u16)field(qualification, 16, 16),
		.bytes = (u8)(field(qualification, 0, 3) + 1),
		.is_in = field(qualification, 3, 1),
		.is_string = field(qualification, 4, 1),
		.is_rep = field(qualification, 5, 1),
	};
}

/* "Exit Qualification for EPT Violations" */
struct exit_fault vmx_decode_ept_violation(u64 qualification, gpa_t gpa, gva_t gva)
{
	struct exit_fault fault = {
		.gpa = gpa,
		.gva_valid = field(qualification, 7, 1),
		/* Bits 5:3 are the rights of the entry: with none of them it was not present. */
		.was_mapped = field(qualification, 3, 3) != 0,
		.is_write = field(qualification, 1, 1),
		.is_fetch = field(qualification, 2, 1),
	};

	if (fault.gva_valid) {
		fault.gva = gva;
		/* Bit 8, defined with bit 7 only: 0 says that a paging structure was accessed. */
		fault.in_walk = !field(qualification, 8, 1);
	}
	return fault;
}

/* "Exit Qualification for APIC-Access VM Exits": type 1 is a write, 2 a fetch. */
struct exit_fault vmx_decode_apic_access(u64 qualification)
{
	u32 type = field(qualification, 12, 4);

	return (struct exit_fault){
		.gpa = APIC_BASE_RESET | field(qualification, 0, 12),
		.is_write = type == 1,
		.is_fetch = type == 2,
		.in_walk = type > 2, /* event delivery, or an address that is not linear */
	};
}

/* "Format of the VM-Exit Interruption-Information Field" */
struct exit_exception vmx_decode_exception(u32 info, u32 error, u64 qualification)
{
	bool has_error = info & VMX_EVENT_ERROR;

	/* The qualification is the linear address of a #PF and, in the layout of DR6, the causes of
	 * a #DB; it is 0 for every other exception. */
	return (struct exit_exception){
		.vector = (u8)(info & VMX_EVENT_VECTOR),
		.is_int1 = vmx_event_type(info) == VMX_EVENT_PRIVILEGED,
		.has_error = has_error,
		.error = has_error ? error : 0,
		.address = qualification,
	};
}
