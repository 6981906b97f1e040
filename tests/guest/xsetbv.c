/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XSETBV: one exit each, and #GP for what the CPU would refuse. Marks 1..2: 50 valid ones, 3..4:
 * one of each invalid kind. XGETBV costs nothing (marks 5..6).
 */
#include "guest.h"

#define ROUNDS 50u
#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u

static const struct {
	u32 index;
	u64 value;
	const char *why;
} invalid[] = {
	{ 0, 0, "x87 cannot be off" },
	{ 0, XCR0_SSE, "nor with SSE on" },
	{ 0, XCR0_X87 | XCR0_AVX, "AVX needs SSE" },
	{ 0, XCR0_X87 | 1ull << 62, "bit 62 is unknown" },
	{ 0, XCR0_X87 | 1ull << 63, "bit 63 is reserved" },
	{ 1, XCR0_X87, "XCR1 cannot be written" },
	{ 0x100, XCR0_X87, "there is no XCR256" },
};

static void set(void *arg)
{
	unsigned n = *(const unsigned *)arg;

	xsetbv(invalid[n].index, invalid[n].value);
}

INSN(xsetbv_off, "xor %%ecx, %%ecx; mov $1, %%eax; xor %%edx, %%edx; xsetbv")

void guest_main(void)
{
	struct fault faults[ARRAY_SIZE(invalid)];
	u64 cr4 = read_cr4(), seen = 0;

	if (!(cpuid(1, 0).ecx & BIT(26))) {
		plan(1);
		skip(1, "no XSAVE");
		return;
	}
	plan(4 + ARRAY_SIZE(invalid));
	ok(try_insn(xsetbv_off, NULL).vector == VEC_UD, "XSETBV is #UD without CR4.OSXSAVE");
	write_cr4(cr4 | CR4_OSXSAVE);
	ok(xgetbv(0) == XCR0_X87, "XCR0 starts with x87 alone");

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		xsetbv(0, n & 1 ? XCR0_X87 : XCR0_X87 | XCR0_SSE);
	mark(2);
	mark(3);
	for (unsigned n = 0; n < ARRAY_SIZE(invalid); n++)
		faults[n] = try_insn(set, &n);
	mark(4);
	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++)
		seen |= xgetbv(0);
	mark(6);
	for (unsigned n = 0; n < ARRAY_SIZE(invalid); n++)
		ok(faults[n].vector == VEC_GP && faults[n].error == 0, "#GP: %s", invalid[n].why);
	ok(seen == XCR0_X87, "XCR0 is what was written last");
	xsetbv(0, cpuid(0xd, 0).eax & 7);
	ok(xgetbv(0) == (cpuid(0xd, 0).eax & 7),
	   "all of x87, SSE and AVX that CPUID shows can be on");
}
