/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoders of EXITINFO1 and EXITINFO2 (APM vol. 2, the section named at each function), and of the
 * instruction where the CPU gives no decode assists. Called once per exit of that class.
 */
#include "lib/insn.h"
#include "svm/exitinfo.h"

static u32 field(u64 word, unsigned low, unsigned bits)
{
	return (u32)(word >> low & (BIT(bits) - 1));
}

/* "MOV CRx/DRx Intercepts" (decode assists): bit 63 tells MOV from CLTS, LMSW and SMSW. */
#define INFO1_IS_MOV BIT(63)

struct exit_cr svm_decode_cr(u32 code, u64 info1, bool has_assists)
{
	bool is_write = code >= SVM_EXIT_WRITE_CR;
	struct exit_cr cr = { .op = is_write ? CR_MOV_TO : CR_MOV_FROM };

	if (code != SVM_EXIT_CR0_SEL_WRITE) /* that one is CR0 */
		cr.cr = code & 0xf;
	if (has_assists && info1 & INFO1_IS_MOV) {
		cr.has_gpr = true;
		cr.gpr = (u8)field(info1, 0, 4);
	}
	return cr;
}

struct exit_dr svm_decode_dr(u32 code, u64 info1, bool has_assists)
{
	return (struct exit_dr){
		.dr = code & 0xf,
		.is_write = code >= SVM_EXIT_WRITE_DR,
		.has_gpr = has_assists,
		.gpr = has_assists ? (u8)field(info1, 0, 4) : 0,
	};
}

/* "IOIO Intercepts": bits 6:4 are one-hot, 32, 16, 8 bits. */
struct exit_io svm_decode_io(u64 info1)
{
	return (struct exit_io){
		.port = (u16)field(info1, 16, 16),
		.bytes = (u8)field(info1, 4, 3),
		.is_in = field(info1, 0, 1),
		.is_string = field(info1, 2, 1),
		.is_rep = field(info1, 3, 1),
	};
}

/* "Nested versus Guest Page Faults, Fault Ordering" */
struct exit_fault svm_decode_npf(u64 info1, u64 info2)
{
	return (struct exit_fault){
		.gpa = info2, /* the guest-linear address is not given */
		.is_write = info1 & SVM_NPF_WRITE,
		.is_fetch = info1 & SVM_NPF_FETCH,
		.was_mapped = info1 & SVM_NPF_PRESENT,
		.in_walk = info1 & SVM_NPF_TABLE,
	};
}

#define HAS_ERROR_CODE \
	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17) | BIT(21) | BIT(29) | \
	 BIT(30))
#define PAGE_FAULT 14

/* "Exception Intercepts"; which vectors have an error code: "Exceptions and Interrupts", vol. 2. */
struct exit_exception svm_decode_exception(u32 code, u64 info1, u64 info2)
{
	u8 vector = code & 0x1f;
	bool has_error = HAS_ERROR_CODE >> vector & 1;

	return (struct exit_exception){
		.vector = vector,
		.has_error = has_error,
		.error = has_error ? (u32)info1 : 0,
		.address = vector == PAGE_FAULT ? info2 : 0,
	};
}

/* ---- without decode assists ------------------------------------------------------------------ */

#define OP_GROUP_7 0x01 /* 0F 01: /4 SMSW, /6 LMSW */
#define OP_CLTS 0x06
#define OP_MOV_FROM_CR 0x20
#define OP_MOV_FROM_DR 0x21
#define OP_MOV_TO_CR 0x22
#define OP_MOV_TO_DR 0x23

bool svm_complete_cr(struct exit_cr *cr, const struct insn *insn)
{
	bool is_write = cr->op != CR_MOV_FROM && cr->op != CR_SMSW;
	struct exit_cr result = { .cr = cr->cr };

	if (insn->map != INSN_MAP_0F)
		return false;
	switch (insn->opcode) {
	case OP_MOV_FROM_CR:
	case OP_MOV_TO_CR:
		/* The exit code names the register: LOCK MOV CR0 is CR8 outside 64-bit mode. */
		result.op = insn->opcode == OP_MOV_TO_CR ? CR_MOV_TO : CR_MOV_FROM;
		result.gpr = insn->rm;
		result.has_gpr = true;
		break;
	case OP_CLTS:
		result.op = CR_CLTS;
		break;
	case OP_GROUP_7:
		if ((insn->reg & 7) != 4 && (insn->reg & 7) != 6)
			return false;
		result.op = (insn->reg & 7) == 6 ? CR_LMSW : CR_SMSW;
		result.has_gpr = insn->mod == 3;
		result.gpr = result.has_gpr ? insn->rm : 0;
		break;
	default:
		return false;
	}
	if (is_write == (result.op == CR_MOV_FROM || result.op == CR_SMSW))
		return false;
	if (result.op != CR_MOV_TO && result.op != CR_MOV_FROM && result.cr != 0)
		return false;
	*cr = result;
	return true;
}

bool svm_complete_dr(struct exit_dr *dr, const struct insn *insn)
{
	u8 opcode = dr->is_write ? OP_MOV_TO_DR : OP_MOV_FROM_DR;

	if (insn->map != INSN_MAP_0F || insn->opcode != opcode)
		return false;
	dr->gpr = insn->rm;
	dr->has_gpr = true;
	return true;
}
