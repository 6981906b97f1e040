// SPDX-License-Identifier: BSD-2-Clause
/*
 * What goes into trace records (trace/records.c) beyond one of constant shape: results, arguments
 * and ticks that do not fit, members of batches, and what exits were about.
 */
#include <stdlib.h>
#include <string.h>

#include "ring_case.h"

static void test_results(void)
{
	static const s64 results[] = { 0,      1,      32767, 32768,     -1,          -95,
				       -32768, -32769, 65535, 1ll << 40, -(1ll << 62) };
	struct vmexit exit = { .code = { PV_EXIT_HYPERCALL, 18 },
			       .rip = 0x2000,
			       .qualification = 0xff | TRACE_CALL_KNOWN };
	unsigned at = 0;

	begin(ALL_KINDS, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		v->gpr[RAX] = (u64)results[i];
		v->gpr[RDI] = i;
		exit.tsc_low = (u32)real_rdtsc();
		trace_call(v, &exit);
	}
	EXPECT_EQ(read_back(), ARRAY_SIZE(results) + 5);
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		expect(at++, PV_KIND_CALL, 0xff, 0x2000, i, (u16)results[i]);
		if (results[i] != (int16_t)results[i])
			expect(at++, PV_KIND_RESULT, 0xff, 0, (u64)results[i], 0);
	}
	end();
	tap_case("a result that does not fit 16 bits has a record of its own");
}

/*
 * The first of kind `ticks` or of another: what an emulator's clock makes of a short call varies.
 */
static long without_ticks(long count)
{
	long kept = 0;

	for (long i = 0; i < count; i++)
		if (records[i].record.kind != PV_KIND_TICKS)
			records[kept++] = records[i];
	return kept;
}

static void test_arguments(void)
{
	struct vmexit exit = { .code = { PV_EXIT_HYPERCALL, 18 },
			       .rip = 0x3000,
			       .qualification = PV_CALL_TLB_FLUSH | TRACE_CALL_KNOWN };
	const struct pv_batch_entry e = { .nr = PV_CALL_IPI_SEND, .flags = 1, .args = { 7, 8, 9 } };

	begin(ALL_KINDS, 0);
	v->gpr[RAX] = 0;
	v->gpr[RDI] = 1;
	v->gpr[RSI] = v->gpr[RDX] = 0;
	v->gpr[RCX] = 4;
	v->gpr[R8] = v->gpr[R9] = 0;
	trace_call(v, &exit);
	v->gpr[R9] = 6;
	trace_call(v, &exit);
	v->calls[ROW_hypercall_batch_kick].count = 0x100000005;
	trace_member(v, &e, 0x77, (u32)real_rdtsc(), -(s64)PV_EINVAL);
	exit.qualification =
		PV_CALL_TLB_FLUSH; /* as if unknown: what it has besides is not looked at */
	trace_call(v, &exit);
	exit.qualification = 0x1234 | TRACE_CALL_KNOWN | TRACE_CALL_FORBIDDEN;
	trace_call(v, &exit);
	EXPECT_EQ(without_ticks(read_back()), 9);
	expect(0, PV_KIND_CALL, PV_CALL_TLB_FLUSH, 0x3000, 1, 0);
	expect(1, PV_KIND_ARGS, PV_CALL_TLB_FLUSH, 4, 0, 3);
	expect(2, PV_KIND_CALL, PV_CALL_TLB_FLUSH, 0x3000, 1, 0);
	expect(3, PV_KIND_ARGS, PV_CALL_TLB_FLUSH, 4, 0, 3);
	expect(4, PV_KIND_ARGS, PV_CALL_TLB_FLUSH, 6, 0, 5);
	expect(5, PV_KIND_MEMBER, PV_CALL_IPI_SEND, 0x500010077, 7, (u16)-PV_EINVAL);
	expect(6, PV_KIND_ARGS, PV_CALL_IPI_SEND, 8, 9, 1);
	expect(7, PV_KIND_CALL, PV_CALL_TLB_FLUSH, 0x3000, 1, 0);
	expect(8, PV_KIND_EXIT, PV_EXIT_HYPERCALL, 0x3000, 1, 18);
	end();
	tap_case("arguments beyond the first, members, and a call that is none");
}

/* To a domain that may not call, VMCALL is an instruction like others: of the kind exit. */
static void test_forbidden_kind(void)
{
	struct vmexit exit = { .code = { PV_EXIT_HYPERCALL, 18 }, .rip = 0x3000 };

	exit.qualification = 5 | TRACE_CALL_KNOWN | TRACE_CALL_FORBIDDEN;
	for (unsigned with_calls = 0; with_calls < 2; with_calls++) {
		begin((u32)BIT(with_calls ? PV_KIND_CALL : PV_KIND_EXIT), 16);
		v->gpr[RDI] = 1;
		for (unsigned i = 0; i < 16; i++) {
			exit.tsc_low = (u32)real_rdtsc();
			trace_call(v, &exit);
		}
		EXPECT_EQ(read_back(), with_calls ? 0 : 16);
		EXPECT_EQ(lost[0], 0);
		if (!with_calls)
			expect(0, PV_KIND_EXIT, PV_EXIT_HYPERCALL, 0x3000, 1, 18);
		end();
	}
	tap_case("a call that is none is recorded with exits, and not with calls");
}

static void test_ticks(void)
{
	struct vmexit exit = { .code = { PV_EXIT_HLT, 12 }, .rip = 0x4000 };

	for (unsigned kinds = 0; kinds < 2; kinds++) {
		begin(kinds ? ALL_KINDS : (u32)BIT(PV_KIND_EXIT), 0);
		exit.tsc_low = (u32)real_rdtsc() - 100000000;
		trace_exit(v, &exit);
		EXPECT_EQ(read_back(), kinds ? 2 : 1);
		expect(0, PV_KIND_EXIT, PV_EXIT_HLT, 0x4000, 0, 12);
		EXPECT_EQ(records[0].record.ticks,
			  kinds ? PV_TRACE_TICKS_LONG : PV_TRACE_TICKS_LONG - 1);
		if (kinds)
			EXPECT(records[1].record.kind == PV_KIND_TICKS &&
			       records[1].record.code == PV_EXIT_HLT &&
			       records[1].record.arg >= 100000000 &&
			       records[1].record.arg < 200000000000ull);
		end();
	}
	tap_case("ticks that do not fit 16 bits have a record of their own");
}

/* Expects the detail of one exit. */
static void expect_detail(struct vmexit exit, u64 what, u64 value, u16 raw)
{
	fake_output_clear();
	exit.tsc_low = (u32)real_rdtsc();
	trace_exit(v, &exit);
	EXPECT_EQ(without_ticks(read_back()), 2);
	expect(1, PV_KIND_DETAIL, exit.code.exit, what, value, raw);
}

static void test_details(void)
{
	begin(ALL_KINDS, 0);
	v->gpr[RCX] = 0xffffffffc0000080;
	v->gpr[RAX] = 0xaaaaaaaa00000500;
	v->gpr[RDX] = 0x12;
	v->gpr[R9] = 0x5678;
	expect_detail((struct vmexit){ .code = { PV_EXIT_RDMSR, 31 } }, 0xc0000080, 0x1200000500,
		      0);
	v->event = (struct event){ .valid = true, .type = EVENT_EXCEPTION, .vector = 13 };
	expect_detail((struct vmexit){ .code = { PV_EXIT_WRMSR, 32 } }, 0xc0000080, 0x1200000500,
		      PV_DETAIL_FAULTED);
	v->event.valid = false;
	expect_detail((struct vmexit){ .code = { PV_EXIT_PORT_OUT, 30 },
				       .io = { .port = 0x3f8, .bytes = 1 } },
		      0x103f8, 0, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_PORT_IN, 30 },
				       .io = { 0xcfc, 4, true, false, false } },
		      0x40cfc | PV_DETAIL_PORT_IN, 0x500, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_PORT_IN, 30 },
				       .io = { 0x1f0, 2, true, true, true } },
		      0x201f0 | PV_DETAIL_PORT_IN | PV_DETAIL_PORT_STRING | PV_DETAIL_PORT_REP, 0,
		      0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_CR_WRITE, 28 },
				       .cr = { CR_MOV_TO, 4, R9, true, 0 } },
		      4 | (u64)R9 << 16 | PV_DETAIL_CR_HAS_GPR, 0x5678, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_CR_WRITE, 28 },
				       .cr = { CR_LMSW, 0, 0, false, 0x33 } },
		      3u << 8, 0x33, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_DR, 29 }, .dr = { 7, R9, true, true } },
		      7 | (u64)R9 << 16 | PV_DETAIL_CR_HAS_GPR, 0x5678, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_NESTED_FAULT, 48 },
				       .fault = { .gpa = 0xfee00300,
						  .gva = 0xffff1234,
						  .gva_valid = true,
						  .is_write = true } },
		      0xfee00300, 0xffff1234, PV_DETAIL_FAULT_WRITE | PV_DETAIL_FAULT_LINEAR);
	expect_detail((struct vmexit){ .code = { PV_EXIT_EXCEPTION, 0 },
				       .exception = { .vector = 17, .has_error = true } },
		      17, 0, 0);
	expect_detail((struct vmexit){ .code = { PV_EXIT_APIC, 45 }, .apic = { true, 0x30 } }, 1,
		      0x30, 0);
	end();
	tap_case("what an exit was about is in a record of its own");
}

int main(void)
{
	records = calloc(RECORDS_MAX, sizeof(*records));
	fake_cpuid_all();
	test_results();
	test_arguments();
	test_forbidden_kind();
	test_ticks();
	test_details();
	free(records);
	return tap_done();
}
