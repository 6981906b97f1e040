/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoders of both vendors: from the words of an exit to the structs of dispatcher/vmexit.h.
 * Each table has the words as the manuals describe them (bit by bit in the comments) and the whole
 * struct.
 */
#include <string.h>

#include "lib/insn.h"
#include "svm/exitinfo.h"
#include "tap.h"
#include "vmx/qualification.h"

/* ---- VMX ------------------------------------------------------------------------------------- */

static void expect_cr(struct exit_cr found, struct exit_cr wanted, unsigned long long word)
{
	EXPECT_MSG(found.op == wanted.op && found.cr == wanted.cr && found.gpr == wanted.gpr &&
			   found.has_gpr == wanted.has_gpr && found.lmsw == wanted.lmsw,
		   "0x%llx: op %u cr %u gpr %u (%u) lmsw 0x%x", word, found.op, found.cr, found.gpr,
		   found.has_gpr, found.lmsw);
}

static void test_vmx_cr(void)
{
	static const struct {
		u64 qualification;
		struct exit_cr cr;
	} rows[] = {
		{ 0x000, { CR_MOV_TO, 0, 0, true, 0 } }, /* mov cr0, rax */
		{ 0x300, { CR_MOV_TO, 0, 3, true, 0 } },
		{ 0xf03, { CR_MOV_TO, 3, 15, true, 0 } }, /* mov cr3, r15 */
		{ 0x704, { CR_MOV_TO, 4, 7, true, 0 } },
		{ 0x108, { CR_MOV_TO, 8, 1, true, 0 } },
		{ 0x013, { CR_MOV_FROM, 3, 0, true, 0 } }, /* mov rax, cr3 */
		{ 0xc18, { CR_MOV_FROM, 8, 12, true, 0 } },
		{ 0x020, { CR_CLTS, 0, 0, false, 0 } },
		{ 0x00090030, { CR_LMSW, 0, 0, false, 0x0009 } }, /* lmsw ax */
		{ 0xfffe0070, { CR_LMSW, 0, 0, false, 0xfffe } }, /* lmsw [m]: bit 6 */
		{ 0xffffffff00000000, { CR_MOV_TO, 0, 0, true, 0 } }, /* undefined bits */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_cr(vmx_decode_cr(rows[i].qualification), rows[i].cr, rows[i].qualification);
	tap_case("VMX control-register accesses");
}

static void expect_dr(struct exit_dr found, struct exit_dr wanted)
{
	EXPECT_EQ(found.dr, wanted.dr);
	EXPECT_EQ(found.gpr, wanted.gpr);
	EXPECT_EQ(found.is_write, wanted.is_write);
	EXPECT_EQ(found.has_gpr, wanted.has_gpr);
}

static void test_vmx_dr(void)
{
	expect_dr(vmx_decode_dr(0x007), (struct exit_dr){ 7, 0, true, true }); /* mov dr7, rax */
	expect_dr(vmx_decode_dr(0xf03), (struct exit_dr){ 3, 15, true, true });
	expect_dr(vmx_decode_dr(0x016), (struct exit_dr){ 6, 0, false, true }); /* mov rax, dr6 */
	expect_dr(vmx_decode_dr(0x910), (struct exit_dr){ 0, 9, false, true });
	tap_case("VMX MOV DR");
}

static void expect_io(struct exit_io found, struct exit_io wanted)
{
	EXPECT_EQ(found.port, wanted.port);
	EXPECT_EQ(found.bytes, wanted.bytes);
	EXPECT_EQ(found.is_in, wanted.is_in);
	EXPECT_EQ(found.is_string, wanted.is_string);
	EXPECT_EQ(found.is_rep, wanted.is_rep);
}

static void test_vmx_io(void)
{
	expect_io(vmx_decode_io(0x00e90000), (struct exit_io){ 0xe9, 1, false, false, false });
	expect_io(vmx_decode_io(0x00600048),
		  (struct exit_io){ 0x60, 1, true, false, false }); /* imm */
	expect_io(vmx_decode_io(0x50560003), (struct exit_io){ 0x5056, 4, false, false, false });
	expect_io(vmx_decode_io(0x01f00009), (struct exit_io){ 0x1f0, 2, true, false, false });
	expect_io(vmx_decode_io(0x01f00039),
		  (struct exit_io){ 0x1f0, 2, true, true, true }); /* rep insw */
	expect_io(vmx_decode_io(0xffff0013), (struct exit_io){ 0xffff, 4, false, true, false });
	tap_case("VMX I/O instructions");
}

static void expect_fault(struct exit_fault found, struct exit_fault wanted)
{
	EXPECT_EQ(found.gpa, wanted.gpa);
	EXPECT_EQ(found.gva, wanted.gva);
	EXPECT_EQ(found.gva_valid, wanted.gva_valid);
	EXPECT_EQ(found.is_write, wanted.is_write);
	EXPECT_EQ(found.is_fetch, wanted.is_fetch);
	EXPECT_EQ(found.was_mapped, wanted.was_mapped);
	EXPECT_EQ(found.in_walk, wanted.in_walk);
}

static void test_vmx_ept(void)
{
	static const struct {
		u64 qualification;
		struct exit_fault fault;
	} rows[] = {
		/* 0x181: read, no rights in the entry, linear address valid, final translation */
		{ 0x181, { 0x1234567, 0x8000, true, false, false, false, false } },
		{ 0x182, { 0x1234567, 0x8000, true, true, false, false, false } },
		{ 0x184, { 0x1234567, 0x8000, true, false, true, false, false } },
		/* 0x18a: a write to what may be read; 0x1aa: besides executed */
		{ 0x18a, { 0x1234567, 0x8000, true, true, false, true, false } },
		{ 0x1aa, { 0x1234567, 0x8000, true, true, false, true, false } },
		{ 0x19c, { 0x1234567, 0x8000, true, false, true, true, false } },
		/* 0x081: bit 8 clear: while walking the guest's tables */
		{ 0x081, { 0x1234567, 0x8000, true, false, false, false, true } },
		/* bit 7 clear: no linear address (loading PDPTEs), bit 8 means nothing */
		{ 0x001, { 0x1234567, 0, false, false, false, false, false } },
		{ 0x101, { 0x1234567, 0, false, false, false, false, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_fault(vmx_decode_ept_violation(rows[i].qualification, 0x1234567, 0x8000),
			     rows[i].fault);
	tap_case("VMX EPT violations");
}

static void expect_exception(struct exit_exception found, struct exit_exception wanted)
{
	EXPECT_EQ(found.vector, wanted.vector);
	EXPECT_EQ(found.is_int1, wanted.is_int1);
	EXPECT_EQ(found.has_error, wanted.has_error);
	EXPECT_EQ(found.error, wanted.error);
	EXPECT_EQ(found.address, wanted.address);
}

static void test_vmx_exceptions(void)
{
	/* valid | hardware exception (3) | vector; bit 11: error code */
	expect_exception(vmx_decode_exception(0x80000306, 0xdead, 0),
			 (struct exit_exception){ .vector = 6 });
	expect_exception(vmx_decode_exception(0x80000b11, 0, 0),
			 (struct exit_exception){ .vector = 17, .has_error = true });
	expect_exception(
		vmx_decode_exception(0x80000b0e, 0x1f, 0xfeed0008),
		(struct exit_exception){
			.vector = 14, .has_error = true, .error = 0x1f, .address = 0xfeed0008 });
	expect_exception(vmx_decode_exception(0x80000301, 0, 0x4001),
			 (struct exit_exception){ .vector = 1, .address = 0x4001 });
	expect_exception(vmx_decode_exception(0x80000501, 0, 0), /* INT1 */
			 (struct exit_exception){ .vector = 1, .is_int1 = true });
	EXPECT_EQ(vmx_event_type(0x80000b0e), VMX_EVENT_EXCEPTION);
	EXPECT_EQ(vmx_event_type(0x80000202), VMX_EVENT_NMI);
	EXPECT_EQ(vmx_event_type(0x80000603), VMX_EVENT_SOFT_EXCEPTION);
	EXPECT_EQ(vmx_event_type(0x800010ee), VMX_EVENT_INTERRUPT); /* bit 12 is no part of it */
	tap_case("VMX exceptions and event types");
}

/* ---- SVM ------------------------------------------------------------------------------------- */

#define MOV_CR (1ull << 63)

static void test_svm_cr(void)
{
	static const struct {
		u32 code;
		u64 info1;
		bool assists;
		struct exit_cr cr;
	} rows[] = {
		{ 0x00, MOV_CR | 2, true, { CR_MOV_FROM, 0, 2, true, 0 } },
		{ 0x03, MOV_CR | 15, true, { CR_MOV_FROM, 3, 15, true, 0 } },
		{ 0x08, MOV_CR | 1, true, { CR_MOV_FROM, 8, 1, true, 0 } },
		{ 0x10, MOV_CR | 7, true, { CR_MOV_TO, 0, 7, true, 0 } },
		{ 0x14, MOV_CR | 9, true, { CR_MOV_TO, 4, 9, true, 0 } },
		{ 0x18, MOV_CR, true, { CR_MOV_TO, 8, 0, true, 0 } },
		{ 0x65, MOV_CR | 3, true, { CR_MOV_TO, 0, 3, true, 0 } },
		{ 0x10, 0, true, { CR_MOV_TO, 0, 0, false, 0 } }, /* CLTS or LMSW */
		{ 0x00, 0, true, { CR_MOV_FROM, 0, 0, false, 0 } }, /* SMSW */
		{ 0x14, MOV_CR | 9, false, { CR_MOV_TO, 4, 0, false, 0 } },
		{ 0x03, ~0ull, false, { CR_MOV_FROM, 3, 0, false, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_cr(svm_decode_cr(rows[i].code, rows[i].info1, rows[i].assists), rows[i].cr,
			  rows[i].code);
	expect_dr(svm_decode_dr(0x20, 5, true), (struct exit_dr){ 0, 5, false, true });
	expect_dr(svm_decode_dr(0x27, 5, false), (struct exit_dr){ 7, 0, false, false });
	expect_dr(svm_decode_dr(0x30, 15, true), (struct exit_dr){ 0, 15, true, true });
	expect_dr(svm_decode_dr(0x36, ~0ull, false), (struct exit_dr){ 6, 0, true, false });
	tap_case("SVM control and debug registers");
}

static void test_svm_complete(void)
{
	static const struct {
		struct exit_cr before;
		u8 code[4];
		bool ok;
		struct exit_cr after;
	} rows[] = {
		{ { CR_MOV_TO, 4, 0, false, 0 },
		  { 0x0f, 0x22, 0xe0 },
		  true,
		  { CR_MOV_TO, 4, 0, true, 0 } },
		{ { CR_MOV_TO, 0, 0, false, 0 },
		  { 0x41, 0x0f, 0x22, 0xc7 },
		  true,
		  { CR_MOV_TO, 0, 15, true, 0 } },
		{ { CR_MOV_FROM, 3, 0, false, 0 },
		  { 0x0f, 0x20, 0xdf },
		  true,
		  { CR_MOV_FROM, 3, 7, true, 0 } },
		{ { CR_MOV_FROM, 3, 0, false, 0 },
		  { 0x0f, 0x20, 0x1f },
		  true,
		  { CR_MOV_FROM, 3, 7, true, 0 } },
		{ { CR_MOV_TO, 8, 0, false, 0 },
		  { 0x44, 0x0f, 0x22, 0xc1 },
		  true,
		  { CR_MOV_TO, 8, 1, true, 0 } },
		{ { CR_MOV_TO, 8, 0, false, 0 },
		  { 0xf0, 0x0f, 0x22, 0xc1 },
		  true,
		  { CR_MOV_TO, 8, 1, true, 0 } },
		{
			{ CR_MOV_TO, 0, 0, false, 0 },
			{ 0x0f, 0x06 },
			true,
			{ CR_CLTS, 0, 0, false, 0 },
		},
		{ { CR_MOV_TO, 0, 0, false, 0 },
		  { 0x0f, 0x01, 0xf3 },
		  true,
		  { CR_LMSW, 0, 3, true, 0 } },
		{ { CR_MOV_TO, 0, 0, false, 0 },
		  { 0x0f, 0x01, 0x33 },
		  true,
		  { CR_LMSW, 0, 0, false, 0 } },
		{ { CR_MOV_FROM, 0, 0, false, 0 },
		  { 0x0f, 0x01, 0xe2 },
		  true,
		  { CR_SMSW, 0, 2, true, 0 } },
		{ { CR_MOV_FROM, 0, 0, false, 0 },
		  { 0x0f, 0x01, 0x23 },
		  true,
		  { CR_SMSW, 0, 0, false, 0 } },
		/* what cannot have caused the exit */
		{ { CR_MOV_FROM, 3, 0, false, 0 }, { 0x0f, 0x22, 0xd8 }, false, { 0 } },
		{ { CR_MOV_TO, 3, 0, false, 0 }, { 0x0f, 0x20, 0xd8 }, false, { 0 } },
		{ { CR_MOV_TO, 4, 0, false, 0 }, { 0x0f, 0x06 }, false, { 0 } },
		{ { CR_MOV_FROM, 0, 0, false, 0 }, { 0x0f, 0x01, 0xf3 }, false, { 0 } },
		{ { CR_MOV_TO, 0, 0, false, 0 }, { 0x0f, 0x01, 0xe2 }, false, { 0 } },
		{ { CR_MOV_TO, 0, 0, false, 0 }, { 0x0f, 0x01, 0xd0 }, false, { 0 } }, /* XGETBV */
		{ { CR_MOV_TO, 0, 0, false, 0 }, { 0x0f, 0xa2 }, false, { 0 } },
		{ { CR_MOV_TO, 0, 0, false, 0 }, { 0x90 }, false, { 0 } },
	};
	struct exit_dr dr = { .dr = 7, .is_write = true };
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exit_cr cr = rows[i].before;
		bool ok;

		EXPECT_EQ(insn_decode(&insn, rows[i].code, 4, 8), INSN_OK);
		ok = svm_complete_cr(&cr, &insn);
		EXPECT_MSG(ok == rows[i].ok, "row %zu", i);
		expect_cr(cr, ok ? rows[i].after : rows[i].before, i);
	}
	EXPECT_EQ(insn_decode(&insn, (const u8 *)"\x41\x0f\x23\xf9", 4, 8),
		  INSN_OK); /* mov dr7, r9 */
	EXPECT(svm_complete_dr(&dr, &insn));
	expect_dr(dr, (struct exit_dr){ 7, 9, true, true });
	dr = (struct exit_dr){ .dr = 7 };
	EXPECT(!svm_complete_dr(&dr, &insn)); /* a read cannot be this write */
	EXPECT_EQ(insn_decode(&insn, (const u8 *)"\x0f\x21\xf9", 3, 8), INSN_OK); /* mov rcx, dr7 */
	EXPECT(svm_complete_dr(&dr, &insn));
	expect_dr(dr, (struct exit_dr){ 7, 1, false, true });
	tap_case("SVM without decode assists: the instruction says the rest");
}

static void test_svm_io(void)
{
	expect_io(svm_decode_io(0x00e90210), (struct exit_io){ 0xe9, 1, false, false, false });
	expect_io(svm_decode_io(0x00600211), (struct exit_io){ 0x60, 1, true, false, false });
	expect_io(svm_decode_io(0x50560240), (struct exit_io){ 0x5056, 4, false, false, false });
	expect_io(svm_decode_io(0x01f00121), (struct exit_io){ 0x1f0, 2, true, false, false });
	/* rep insw, es segment, 64-bit addresses; outsd from gs */
	expect_io(svm_decode_io(0x01f0022d), (struct exit_io){ 0x1f0, 2, true, true, true });
	expect_io(svm_decode_io(0xffff1544), (struct exit_io){ 0xffff, 4, false, true, false });
	tap_case("SVM I/O instructions");
}

static void test_svm_npf(void)
{
	const u64 final = 1ull << 32, table = 1ull << 33;

	/* bits: 0 present, 1 write, 2 user (always), 3 reserved, 4 fetch */
	expect_fault(svm_decode_npf(final | 0x4, 0x7000), (struct exit_fault){ .gpa = 0x7000 });
	expect_fault(svm_decode_npf(final | 0x6, 0x7008),
		     (struct exit_fault){ .gpa = 0x7008, .is_write = true });
	expect_fault(svm_decode_npf(final | 0x7, 0x7008),
		     (struct exit_fault){ .gpa = 0x7008, .is_write = true, .was_mapped = true });
	expect_fault(svm_decode_npf(final | 0x14, 0x7008),
		     (struct exit_fault){ .gpa = 0x7008, .is_fetch = true });
	expect_fault(svm_decode_npf(final | 0x15, 0x7008),
		     (struct exit_fault){ .gpa = 0x7008, .is_fetch = true, .was_mapped = true });
	expect_fault(svm_decode_npf(table | 0x6, 0x9ff8),
		     (struct exit_fault){ .gpa = 0x9ff8, .is_write = true, .in_walk = true });
	EXPECT(!svm_npf_is_misconfig(final | 0x17));
	EXPECT(svm_npf_is_misconfig(final | 0xd));
	tap_case("SVM nested page faults");
}

static void test_svm_exceptions(void)
{
	/* SDM and APM agree on which vectors push an error code. */
	static const bool has_error[32] = {
		[8] = true,  [10] = true, [11] = true, [12] = true, [13] = true,
		[14] = true, [17] = true, [21] = true, [29] = true, [30] = true
	};

	for (u32 vector = 0; vector < 32; vector++)
		expect_exception(
			svm_decode_exception(0x40 + vector, 0x5aull << 32 | 0x1f, 0xfeed0008),
			(struct exit_exception){ .vector = (u8)vector,
						 .has_error = has_error[vector],
						 .error = has_error[vector] ? 0x1f : 0,
						 .address = vector == 14 ? 0xfeed0008 : 0 });
	tap_case("SVM exceptions");
}

int main(void)
{
	test_vmx_cr();
	test_vmx_dr();
	test_vmx_io();
	test_vmx_ept();
	test_vmx_exceptions();
	test_svm_cr();
	test_svm_complete();
	test_svm_io();
	test_svm_npf();
	test_svm_exceptions();
	return tap_done();
}
