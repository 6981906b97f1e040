/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers (interpreter/control.c): which writes are #GP and what the others do to mode
 * and translations (SDM vol. 3, "Control Registers", "Initializing IA-32e Mode", "Enabling PCIDs";
 * vol. 1, "XSETBV"), then random writes that must never lead into a state that no CPU could be in.
 */
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/control.h"
#include "interpreter/cpuid.h"
#include "interpreter/interpreter.h"
#include "machine/x86.h"
#include "tap.h"

#define PAGED (CR0_PE | CR0_ET | CR0_PG)
#define LONG (EFER_LME | EFER_LMA)
#define GP 1

static struct vcpu *v;
static struct recorder *r;

static void state(u64 cr0, u64 cr4, u64 efer, u64 code_bytes)
{
	r->reg[VREG_CR0] = cr0;
	r->reg[VREG_CR4] = cr4;
	r->reg[VREG_EFER] = efer;
	r->reg[VREG_CODE_BYTES] = code_bytes;
	r->reg[VREG_CR3] = 0x1000;
	r->reg[VREG_CPL] = 0;
	r->flushes = 0;
}

/* true: it is done; false: #GP(0), taken off again. */
static bool verdict_of(enum verdict verdict)
{
	if (verdict == ADVANCE)
		return true;
	EXPECT(verdict == FAULT && v->event.valid && v->event.vector == VEC_GP &&
	       v->event.has_error);
	v->event.valid = false;
	vcpu_attended(v, ATTENTION_EVENT);
	return false;
}

static bool move_to(u8 cr, u64 value)
{
	struct vmexit exit = { .code.exit = PV_EXIT_CR_WRITE,
			       .cr = { .op = CR_MOV_TO, .cr = cr, .gpr = R9, .has_gpr = true } };

	v->gpr[R9] = value;
	return verdict_of(interpret_cr_write(v, &exit));
}

static const struct {
	u64 cr0, cr4, efer;
	u8 code_bytes;
	u64 write;
	bool is_gp;
	u64 result, efer_after;
	bool flushes;
	const char *what;
} cr0_rows[] = {
	{ PAGED, CR4_PAE, LONG, 8, PAGED | CR0_TS, 0, PAGED | CR0_TS, LONG, false, "TS" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | CR0_WP, 0, PAGED | CR0_WP, LONG, true, "WP" },
	{ PAGED | CR0_WP, CR4_PAE, LONG, 8, PAGED | CR0_WP, 0, PAGED | CR0_WP, LONG, false,
	  "nothing" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED & ~CR0_ET, 0, PAGED, LONG, false, "ET stays 1" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | 0x1ffeffc0, 0, PAGED | CR0_AM, LONG, false,
	  "reserved below 32" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | CR0_CD, 0, PAGED | CR0_CD, LONG, false, "CD" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | CR0_CD | CR0_NW, 0, PAGED | CR0_CD | CR0_NW, LONG, false,
	  "CD, NW" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | CR0_NW, GP, PAGED, LONG, false, "NW without CD" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | BIT(32), GP, PAGED, LONG, false, "bit 32" },
	{ PAGED, CR4_PAE, LONG, 8, PAGED | BIT(63), GP, PAGED, LONG, false, "bit 63" },
	{ PAGED, CR4_PAE, LONG, 8, CR0_PG, GP, PAGED, LONG, false, "PG without PE" },
	{ PAGED, CR4_PAE, LONG, 8, CR0_PE, GP, PAGED, LONG, false, "paging off in 64-bit code" },
	{ PAGED, CR4_PAE, LONG, 4, CR0_PE, 0, CR0_PE | CR0_ET, EFER_LME, true, "long mode left" },
	{ PAGED, CR4_PAE | CR4_PCIDE, LONG, 4, CR0_PE, GP, PAGED, LONG, false,
	  "paging off under PCIDE" },
	{ PAGED, 0, 0, 4, CR0_PE, 0, CR0_PE | CR0_ET, 0, true, "paging off" },
	{ PAGED, 0, 0, 2, 0, 0, CR0_ET, 0, true, "back to real mode" },
	{ CR0_PE | CR0_ET, 0, 0, 4, PAGED, 0, PAGED, 0, true, "paging on" },
	{ CR0_PE | CR0_ET, CR4_PAE, EFER_LME, 4, PAGED, 0, PAGED, LONG, true, "long mode entered" },
	{ CR0_PE | CR0_ET, 0, EFER_LME, 4, PAGED, GP, CR0_PE | CR0_ET, EFER_LME, false,
	  "LME without PAE" },
	{ CR0_PE | CR0_ET, CR4_PAE, EFER_LME, 8, PAGED, GP, CR0_PE | CR0_ET, EFER_LME, false,
	  "CS.L set" },
	{ CR0_ET, 0, 0, 2, CR0_PE | BIT(40), 0, CR0_PE | CR0_ET, 0, false,
	  "only 32 bits outside long mode" },
};

static void test_cr0(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cr0_rows); i++) {
		const char *what = cr0_rows[i].what;

		state(cr0_rows[i].cr0, cr0_rows[i].cr4, cr0_rows[i].efer, cr0_rows[i].code_bytes);
		EXPECT_MSG(move_to(0, cr0_rows[i].write) != cr0_rows[i].is_gp, "%s", what);
		EXPECT_MSG(r->reg[VREG_CR0] == cr0_rows[i].result, "%s: CR0 is 0x%llx", what,
			   (unsigned long long)r->reg[VREG_CR0]);
		EXPECT_MSG(r->reg[VREG_EFER] == cr0_rows[i].efer_after, "%s: EFER is 0x%llx", what,
			   (unsigned long long)r->reg[VREG_EFER]);
		EXPECT_MSG((r->flushes > 0) == cr0_rows[i].flushes, "%s: %u flushes", what,
			   r->flushes);
	}
	tap_case("MOV to CR0");
}

static void test_clts_lmsw(void)
{
	struct vmexit exit = { .code.exit = PV_EXIT_CR_WRITE, .cr = { .op = CR_CLTS } };

	state(PAGED | CR0_TS | CR0_MP, CR4_PAE, LONG, 8);
	EXPECT(verdict_of(interpret_cr_write(v, &exit)));
	EXPECT_EQ(r->reg[VREG_CR0], PAGED | CR0_MP);
	exit.cr = (struct exit_cr){ .op = CR_LMSW, .lmsw = 0xfff0 | CR0_TS };
	EXPECT(verdict_of(interpret_cr_write(v, &exit)));
	EXPECT_EQ(r->reg[VREG_CR0], PAGED | CR0_TS); /* PE stays, ET is not its business */
	state(CR0_ET, 0, 0, 2);
	exit.cr.lmsw = CR0_PE | CR0_EM;
	EXPECT(verdict_of(interpret_cr_write(v, &exit)));
	EXPECT_EQ(r->reg[VREG_CR0], CR0_PE | CR0_EM | CR0_ET);
	tap_case("CLTS and LMSW");
}

static const struct {
	u64 cr4, efer, cr3, write;
	bool is_gp, flushes;
	const char *what;
} cr4_rows[] = {
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT, 0, false, "SSE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_PGE, 0, true, "PGE" },
	{ CR4_PAE | CR4_PGE, LONG, 0, CR4_PAE, 0, true, "PGE off" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_SMEP, 0, true, "SMEP" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_SMAP | CR4_UMIP | CR4_FSGSBASE, 0, false,
	  "SMAP UMIP FSGSBASE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_MCE | CR4_PCE | CR4_TSD | CR4_DE, 0, false,
	  "MCE PCE TSD DE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_OSXSAVE, 0, false, "OSXSAVE" },
	{ CR4_PAE, LONG, 0, 0, GP, false, "PAE off in long mode" },
	{ CR4_PAE, 0, 0, 0, 0, true, "PAE off" },
	{ CR4_PAE, EFER_LME, 0, 0, 0, true, "PAE off before paging" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_PCIDE, 0, true, "PCIDE" },
	{ CR4_PAE, LONG, 0xfff, CR4_PAE | CR4_PCIDE, GP, false, "PCIDE with a PCID in CR3" },
	{ CR4_PAE, LONG, 0x18, CR4_PAE | CR4_PCIDE, GP, false, "PCIDE with PCD in CR3" },
	{ CR4_PAE | CR4_PCIDE, LONG, 0xfff, CR4_PAE | CR4_PCIDE | CR4_TSD, 0, false, "PCIDE kept" },
	{ CR4_PAE | CR4_PCIDE, LONG, 0xfff, CR4_PAE, 0, true, "PCIDE off" },
	{ CR4_PAE, 0, 0, CR4_PAE | CR4_PCIDE, GP, false, "PCIDE outside long mode" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_VMXE, GP, false, "VMXE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_SMXE, GP, false, "SMXE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_LA57, GP, false, "LA57" },
	{ CR4_PAE, LONG, 0, CR4_PAE | CR4_PKE, GP, false, "PKE" },
	{ CR4_PAE, LONG, 0, CR4_PAE | BIT(23), GP, false, "CET" },
	{ CR4_PAE, LONG, 0, CR4_PAE | BIT(15), GP, false, "bit 15" },
	{ CR4_PAE, LONG, 0, CR4_PAE | BIT(31), GP, false, "bit 31" },
	{ CR4_PAE, LONG, 0, CR4_PAE | BIT(63), GP, false, "bit 63" },
};

static void test_cr4(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cr4_rows); i++) {
		const char *what = cr4_rows[i].what;

		state(PAGED, cr4_rows[i].cr4, cr4_rows[i].efer,
		      cr4_rows[i].efer & EFER_LMA ? 8 : 4);
		r->reg[VREG_CR3] = 0x1000 | cr4_rows[i].cr3;
		v->osxsave = false;
		EXPECT_MSG(move_to(4, cr4_rows[i].write) != cr4_rows[i].is_gp, "%s", what);
		EXPECT_MSG(r->reg[VREG_CR4] ==
				   (cr4_rows[i].is_gp ? cr4_rows[i].cr4 : cr4_rows[i].write),
			   "%s: CR4 is 0x%llx", what, (unsigned long long)r->reg[VREG_CR4]);
		EXPECT_MSG((r->flushes > 0) == cr4_rows[i].flushes, "%s: %u flushes", what,
			   r->flushes);
		EXPECT_EQ(v->osxsave, !!(r->reg[VREG_CR4] & CR4_OSXSAVE));
	}
	/* What CPUID does not offer cannot be switched on. */
	fake_cpuid_set(7, 0, 0, 0, 0, 0);
	control_init();
	state(PAGED, CR4_PAE, LONG, 8);
	EXPECT(!move_to(4, CR4_PAE | CR4_SMEP) && !move_to(4, CR4_PAE | CR4_SMAP) &&
	       !move_to(4, CR4_PAE | CR4_UMIP) && !move_to(4, CR4_PAE | CR4_FSGSBASE));
	EXPECT(move_to(4, CR4_PAE | CR4_OSXSAVE));
	fake_cpuid_all();
	control_init();
	tap_case("MOV to CR4");
}

static void test_reads(void)
{
	struct vmexit exit = { .code.exit = PV_EXIT_CR_READ,
			       .cr = { .op = CR_MOV_FROM, .cr = 0, .has_gpr = true } };

	state(PAGED, CR4_PAE, LONG, 8);
	for (u8 gpr = 0; gpr < 16; gpr++) {
		exit.cr.gpr = gpr;
		exit.cr.cr = 0;
		EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
		EXPECT_EQ(gpr_read(v, gpr), PAGED);
		exit.cr.cr = 4;
		EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
		EXPECT_EQ(gpr_read(v, gpr), CR4_PAE);
	}
	EXPECT_EQ(r->reg[VREG_RSP], CR4_PAE);
	for (u64 value = 0; value < 64; value++) {
		exit.cr.cr = 8;
		exit.cr.gpr = RBX;
		EXPECT_EQ(move_to(8, value), value < 16);
		EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
		EXPECT_EQ(v->gpr[RBX], value < 16 ? value : 15);
	}
	EXPECT(!move_to(8, BIT(32)) && !move_to(8, ~0ull));
	tap_case("MOV from control registers; CR8");
}

static void test_smsw(void)
{
	static const u8 to_memory[] = { 0x0f, 0x01, 0x27 }; /* smsw [rdi] */
	static const u8 load_memory[] = { 0x0f, 0x01, 0x37 }; /* lmsw [rdi] */
	static const u8 to_eax[] = { 0x0f, 0x01, 0xe0 }, to_rax[] = { 0x48, 0x0f, 0x01, 0xe0 };
	struct vmexit exit = { .code.exit = PV_EXIT_CR_READ,
			       .cr = { .op = CR_SMSW },
			       .rip = 0x100000 };
	u64 word = ~0ull;

	state(PAGED, CR4_PAE, LONG, 8);
	world_map(v);
	guest_write(&v->domain->p2m, 0x100000, to_memory, sizeof(to_memory));
	guest_write(&v->domain->p2m, 0x110000, &word, sizeof(word));
	v->gpr[RDI] = 0x110000;
	EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
	guest_read(&v->domain->p2m, 0x110000, &word, sizeof(word));
	EXPECT_EQ(word, 0xffffffffffff0000 | (u16)PAGED);
	v->gpr[RDI] = 0x40000000; /* not mapped */
	EXPECT_EQ(interpret_cr_read(v, &exit), FAULT);
	EXPECT(v->event.vector == VEC_PF && v->event.error == 2 && r->reg[VREG_CR2] == 0x40000000);
	v->event.valid = false;
	v->gpr[RDI] = BIT(47); /* not canonical */
	EXPECT_EQ(interpret_cr_read(v, &exit), FAULT);
	EXPECT_EQ(v->event.vector, VEC_GP);
	v->event.valid = false;
	/* LMSW takes its word from memory. */
	word = CR0_PE | CR0_TS;
	guest_write(&v->domain->p2m, 0x110000, &word, 2);
	guest_write(&v->domain->p2m, 0x100000, load_memory, sizeof(load_memory));
	exit.code.exit = PV_EXIT_CR_WRITE;
	exit.cr.op = CR_LMSW_MEMORY;
	v->gpr[RDI] = 0x110000;
	EXPECT_EQ(interpret_cr_write(v, &exit), ADVANCE);
	EXPECT_EQ(r->reg[VREG_CR0], PAGED | CR0_TS);
	v->gpr[RDI] = 0x40000000;
	EXPECT_EQ(interpret_cr_write(v, &exit), FAULT);
	EXPECT(v->event.vector == VEC_PF && v->event.error == 0 &&
	       r->reg[VREG_CR0] == (PAGED | CR0_TS));
	v->event.valid = false;
	r->reg[VREG_CR0] = PAGED;
	exit.code.exit = PV_EXIT_CR_READ;
	exit.cr = (struct exit_cr){ .op = CR_SMSW, .has_gpr = true };
	exit.cr.gpr = RAX;
	v->gpr[RAX] = ~0ull;
	guest_write(&v->domain->p2m, 0x100000, to_eax, sizeof(to_eax));
	EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
	EXPECT_EQ(v->gpr[RAX], PAGED);
	guest_write(&v->domain->p2m, 0x100000, to_rax, sizeof(to_rax));
	v->gpr[RAX] = ~0ull;
	EXPECT_EQ(interpret_cr_read(v, &exit), ADVANCE);
	EXPECT_EQ(v->gpr[RAX], PAGED);
	tap_case("SMSW, and LMSW from memory");
}

static bool xsetbv_to(u64 value, u32 index)
{
	struct vmexit exit = { .code.exit = PV_EXIT_XSETBV };

	v->gpr[RAX] = 0xdead000000000000 | (u32)value;
	v->gpr[RDX] = 0xdead000000000000 | value >> 32;
	v->gpr[RCX] = 0xdead000000000000 | index;
	return verdict_of(interpret_xsetbv(v, &exit));
}

static void test_xcr0(void)
{
	static const bool is_valid[8] = { [1] = true, [3] = true, [7] = true };

	state(PAGED, CR4_PAE | CR4_OSXSAVE, LONG, 8);
	for (u64 low = 0; low < 8; low++) {
		EXPECT_MSG(xsetbv_to(low, 0) == is_valid[low], "XCR0 = %llu",
			   (unsigned long long)low);
		if (is_valid[low])
			EXPECT(v->xcr0 == low && fake_xcr0 == low);
		for (unsigned bit = 3; bit < 64; bit++)
			EXPECT(!xsetbv_to(low | BIT(bit), 0));
	}
	EXPECT(v->xcr0 == 7 && fake_xcr0 == 7);
	EXPECT(!xsetbv_to(3, 1) && !xsetbv_to(3, ~0u));
	r->reg[VREG_CPL] = 3;
	EXPECT(!xsetbv_to(3, 0));
	r->reg[VREG_CPL] = 0;
	/* A machine without AVX. */
	fake_cpuid_set(0xd, 0, 3, 576, 576, 0);
	EXPECT(xsetbv_to(3, 0) && !xsetbv_to(7, 0));
	fake_cpuid_all();
	tap_case("XSETBV");
}

static void test_random(void)
{
	static const u64 cr0_bits[] = { CR0_PE, CR0_PG, CR0_WP, CR0_CD, CR0_NW, CR0_TS };
	static const u64 cr4_bits[] = {
		CR4_PAE, CR4_PCIDE, CR4_PGE, CR4_OSXSAVE, CR4_VMXE, CR4_SMEP
	};
	const u64 efer_bits[] = { EFER_LME, EFER_LMA, EFER_SCE, EFER_NXE, EFER_SVME, BIT(4) };
	unsigned done = 0, long_modes = 0;
	u64 seed = 23;

	state(CR0_ET, 0, 0, 2);
	for (unsigned i = 0; i < 200000; i++) {
		u64 pick = rnd(&seed), cr0, cr4, efer;
		const u64 *list = i % 3 == 0 ? cr0_bits : i % 3 == 1 ? cr4_bits : efer_bits;
		enum vreg reg = i % 3 == 0 ? VREG_CR0 : i % 3 == 1 ? VREG_CR4 : VREG_EFER;
		u64 value = r->reg[reg];

		for (unsigned bit = 0; bit < 6; bit++)
			if ((pick >> bit * 3 & 7) == 0)
				value ^= list[bit];
		/* In long mode the code is 64-bit or compatible, outside it is not. */
		r->reg[VREG_CODE_BYTES] = r->reg[VREG_EFER] & EFER_LMA && pick >> 40 & 3 ? 8 : 4;
		r->reg[VREG_CR3] = pick >> 45 & 1 ? 0x1000 : 0x1007;
		if (reg == VREG_EFER)
			done += efer_write(v, value);
		else
			done += move_to(reg == VREG_CR0 ? 0 : 4, value);
		cr0 = r->reg[VREG_CR0];
		cr4 = r->reg[VREG_CR4];
		efer = r->reg[VREG_EFER];
		EXPECT(cr0_is_valid(cr0) && (cr0 & CR0_ET));
		EXPECT(!(cr4 & ~cr4_valid_bits()) && !(efer & ~efer_valid_bits()));
		EXPECT_EQ(!!(efer & EFER_LMA), (efer & EFER_LME) && (cr0 & CR0_PG));
		EXPECT(!(efer & EFER_LMA) || (cr4 & CR4_PAE));
		EXPECT(!(cr4 & CR4_PCIDE) || (efer & EFER_LMA));
		long_modes += !!(efer & EFER_LMA);
	}
	EXPECT(done > 50000 && long_modes > 10000 && long_modes < 190000);
	tap_case("random writes lead to valid states only");
}

int main(void)
{
	fake_cpuid_all();
	v = world_small(1);
	r = recorder_of(v);
	test_cr0();
	test_clts_lmsw();
	test_cr4();
	test_reads();
	test_smsw();
	test_xcr0();
	test_random();
	EXPECT(!domains[0]->ending);
	world_destroy();
	return tap_done();
}
