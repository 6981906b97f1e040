/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context_check() and context_start() (dispatcher/context.c): which start contexts are entered. A
 * VM entry must never fail because of what a guest asked for, so each rule has a row on either
 * side.
 */
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/control.h"
#include "machine/x86.h"
#include "tap.h"

#define FIELD(name) \
	offsetof(struct pv_vcpu_context, name), sizeof(((struct pv_vcpu_context *)0)->name)
#define GOOD_CR0 (CR0_PE | CR0_ET | CR0_NE | CR0_PG)
#define LONG (EFER_LME | EFER_LMA)

static const struct {
	const char *name;
	size_t offset, bytes;
	u64 value;
	bool is_ok;
} rows[] = {
	{ "rip canonical", FIELD(rip), 0x7fffffffffff, true },
	{ "rip in the upper half", FIELD(rip), 0xffff800000000000, true },
	{ "rip not canonical", FIELD(rip), 0x800000000000, false },
	{ "rip not canonical", FIELD(rip), 0xffff7fffffffffff, false },
	{ "rsp not canonical", FIELD(rsp), BIT(63), false },
	{ "gdt base not canonical", FIELD(gdt_base), BIT(47), false },
	{ "idt base not canonical", FIELD(idt_base), BIT(62), false },
	{ "fs base not canonical", FIELD(fs_base), BIT(48), false },
	{ "gs base not canonical", FIELD(gs_base), 0xfffe800000000000, false },
	{ "gs base", FIELD(gs_base), 0xffffffff81000000, true },
	{ "kernel gs base not canonical", FIELD(kernel_gs_base), BIT(55), false },
	{ "tr base not canonical", FIELD(tr_base), BIT(50), false },
	{ "rdi is any number", FIELD(rdi), ~0ull, true },
	{ "no paging", FIELD(cr0), CR0_PE | CR0_ET, false },
	{ "no protection", FIELD(cr0), CR0_PG | CR0_ET, false },
	{ "write-protect", FIELD(cr0), GOOD_CR0 | CR0_WP | CR0_AM, true },
	{ "NW without CD", FIELD(cr0), GOOD_CR0 | CR0_NW, false },
	{ "CD and NW", FIELD(cr0), GOOD_CR0 | CR0_NW | CR0_CD, true },
	{ "cr0 bit 32", FIELD(cr0), GOOD_CR0 | BIT(32), false },
	{ "efer without LMA", FIELD(efer), EFER_LME, false },
	{ "efer without LME", FIELD(efer), EFER_LMA, false },
	{ "efer SCE NXE", FIELD(efer), LONG | EFER_SCE | EFER_NXE, true },
	{ "efer SVME", FIELD(efer), LONG | EFER_SVME, false },
	{ "efer reserved", FIELD(efer), LONG | BIT(1), false },
	{ "efer bit 63", FIELD(efer), LONG | BIT(63), false },
	{ "no PAE", FIELD(cr4), 0, false },
	{ "cr4 usual", FIELD(cr4), CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE,
	  true },
	{ "cr4 VMXE", FIELD(cr4), CR4_PAE | CR4_VMXE, false },
	{ "cr4 LA57", FIELD(cr4), CR4_PAE | CR4_LA57, false },
	{ "cr4 bit 63", FIELD(cr4), CR4_PAE | BIT(63), false },
	{ "rflags without bit 1", FIELD(rflags), 0, false },
	{ "rflags IF", FIELD(rflags), RFLAGS_FIXED1 | RFLAGS_IF, true },
	{ "rflags VM", FIELD(rflags), RFLAGS_FIXED1 | RFLAGS_VM, false },
	{ "rflags bit 3", FIELD(rflags), RFLAGS_FIXED1 | BIT(3), false },
	{ "rflags bit 5", FIELD(rflags), RFLAGS_FIXED1 | BIT(5), false },
	{ "rflags bit 15", FIELD(rflags), RFLAGS_FIXED1 | BIT(15), false },
	{ "rflags bit 22", FIELD(rflags), RFLAGS_FIXED1 | BIT(22), false },
	{ "rflags bit 63", FIELD(rflags), RFLAGS_FIXED1 | BIT(63), false },
	{ "cr3 at the end of physical addresses", FIELD(cr3), BIT(39) - 4096, true },
	{ "cr3 beyond physical addresses", FIELD(cr3), BIT(39), false },
	{ "cr3 bit 63", FIELD(cr3), BIT(63) | 0x1000, false },
	{ "cs 0", FIELD(cs), 0, false },
	{ "cs of ring 3", FIELD(cs), 0x23, false },
	{ "cs in the LDT", FIELD(cs), 0x0c, false },
	{ "ss 0", FIELD(ss), 0, true },
	{ "ss of ring 3", FIELD(ss), 0x1b, false },
	{ "tr in the LDT", FIELD(tr), 0x2c, false },
	{ "tr limit", FIELD(tr_limit), 0xfffff, true },
	{ "tr limit above 1 MiB", FIELD(tr_limit), 0x100000, false },
	{ "gdt limit", FIELD(gdt_limit), 0xffff, true },
	{ "reserved0", FIELD(reserved0), 1, false },
	{ "reserved1", FIELD(reserved1), 1, false },
	{ "reserved2", FIELD(reserved2), 1, false },
	{ "rsi", FIELD(rsi), ~0ull, true },
	{ "reserved4", FIELD(reserved4), 1, false },
	{ "reserved5", FIELD(reserved5), 1, false },
	{ "reserved6", FIELD(reserved6), 1, false },
	{ "reserved7", FIELD(reserved7), 1, false },
	{ "reserved8", FIELD(reserved8), BIT(63), false },
};

static void test_rows(void)
{
	struct pv_vcpu_context context = world_context(0x200000);

	EXPECT_EQ(context_check(&context), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		context = world_context(0x200000);
		memcpy((char *)&context + rows[i].offset, &rows[i].value, rows[i].bytes);
		EXPECT_MSG(context_check(&context) == (rows[i].is_ok ? 0 : -PV_EINVAL),
			   "%s: 0x%llx", rows[i].name, (unsigned long long)rows[i].value);
	}
	memset(&context, 0, sizeof(context));
	EXPECT_EQ(context_check(&context), -PV_EINVAL);
	memset(&context, 0xff, sizeof(context));
	EXPECT_EQ(context_check(&context), -PV_EINVAL);
	tap_case("each rule of a start context, on either side");
}

/*
 * SDM vol. 3, "Checks on Guest Control Registers, Debug Registers, and MSRs" and the following
 * ones.
 */
static bool would_enter(const struct pv_vcpu_context *c)
{
	const u64 canonical[] = { c->rip,     c->gdt_base, c->idt_base,
				  c->fs_base, c->gs_base,  c->tr_base };

	for (unsigned i = 0; i < ARRAY_SIZE(canonical); i++)
		if ((s64)canonical[i] >> 47 != 0 && (s64)canonical[i] >> 47 != -1)
			return false;
	if (c->cr0 >> 32 || !(c->cr0 & CR0_PE) || !(c->cr0 & CR0_PG) || c->cr4 >> 23 ||
	    c->cr4 & CR4_VMXE)
		return false;
	if (!(c->cr4 & CR4_PAE) || (c->efer & (LONG)) != LONG || c->efer & ~0xd01ull)
		return false;
	if (!(c->rflags & 2) || c->rflags & ~0x3d7fd7ull || c->cr3 >> 39)
		return false;
	/* TR: granularity must fit the limit; a busy TSS in the GDT. */
	return c->tr_limit <= 0xfffff && !(c->tr & 4) && !(c->ss & 3) && !(c->cs & 3);
}

static void test_random(void)
{
	unsigned accepted = 0;
	u64 seed = 37;

	for (unsigned i = 0; i < 300000; i++) {
		struct pv_vcpu_context context = world_context(0x200000);
		u8 *bytes = (u8 *)&context;

		for (u64 n = 1 + rnd(&seed) % 3; n; n--) {
			u64 wild = rnd(&seed);

			bytes[wild % sizeof(context)] ^=
				(u8)(wild >> 16 & 1 ? BIT(wild >> 32 & 7) : wild >> 40);
		}
		if (context_check(&context))
			continue;
		accepted++;
		EXPECT(would_enter(&context));
	}
	EXPECT(accepted > 10000);
	tap_case("what is accepted can be entered, whatever bits are wrong");
}

static void test_start(void)
{
	struct pv_vcpu_context context = world_context(0x345000);
	struct vcpu *v = world_small(2)->domain->vcpus[1];

	EXPECT_EQ(recorder_of(v)->starts, 0);
	EXPECT_EQ(v->xcr0, 1);
	context.rdi = 99;
	context_start(v, &context);
	EXPECT(recorder_of(v)->starts == 1 && v->gpr[RDI] == 99 && !v->osxsave);
	EXPECT(!memcmp(&recorder_of(v)->start, &context, sizeof(context)));
	context.cr4 |= CR4_OSXSAVE;
	context_start(v, &context);
	EXPECT(v->osxsave);
	world_destroy();
	tap_case("a started vCPU has its registers from the context");
}

int main(void)
{
	fake_cpuid_all();
	control_init();
	test_rows();
	test_random();
	test_start();
	return tap_done();
}
