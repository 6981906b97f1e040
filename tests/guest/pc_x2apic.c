/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC in x2APIC mode: the switch, registers as MSRs, #GP on what is reserved, and the
 * way back. Marks 1..2: 50 x SELF_IPI, interrupt, EOI; 3..4: 50 x ICR to itself, the same.
 */
#include "pc.h"

#define ROUNDS 50u
#define VECTOR 0x51
#define X2(offset) MSR_X2APIC(offset)
#define SELF_IPI 0x83f

struct access {
	u32 msr;
	bool is_write;
	u64 value;
};

static void do_access(void *arg)
{
	const struct access *a = arg;

	if (a->is_write)
		wrmsr(a->msr, a->value);
	else
		rdmsr(a->msr);
}

static bool faults(u32 msr, bool is_write, u64 value)
{
	struct access a = { msr, is_write, value };

	return try_insn(do_access, &a).vector == VEC_GP;
}

static bool eoi(struct trap_frame *frame)
{
	(void)frame;
	wrmsr(X2(APIC_EOI), 0);
	return true;
}

/* Those that the CPU may complete in x2APIC mode: elsewhere they would reach the machine's APIC. */
static bool writes_fault(void)
{
	return faults(X2(APIC_TPR), true, 0) && faults(X2(APIC_EOI), true, 0) &&
	       faults(SELF_IPI, true, VECTOR);
}

static void check_switch(void)
{
	const u64 base = LAPIC_BASE | APIC_BASE_ENABLE | BIT(8);

	ok(faults(X2(APIC_ID), false, 0) && writes_fault(), "#GP on all its MSRs in xAPIC mode");
	ok(faults(MSR_APIC_BASE, true, (base & ~APIC_BASE_ENABLE) | APIC_BASE_X2APIC),
	   "#GP: x2APIC without enable");
	ok(faults(MSR_APIC_BASE, true, base | BIT(9)) &&
		   faults(MSR_APIC_BASE, true, base | BIT(52)),
	   "#GP: reserved bits of APIC_BASE");
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	ok(rdmsr(MSR_APIC_BASE) == (base | APIC_BASE_X2APIC), "x2APIC mode");
	ok(faults(MSR_APIC_BASE, true, base), "#GP: straight back to xAPIC mode");
	ok(lapic_read(APIC_VERSION) == ~0u, "no register page any more");
}

static void check_registers(void)
{
	u32 id = (u32)rdmsr(X2(APIC_ID));
	unsigned wrong = 0;

	ok(id == 0 && rdmsr(X2(APIC_LDR)) == 1, "id %u and the logical id that follows", id);
	ok((rdmsr(X2(APIC_VERSION)) & 0xf0) == 0x10, "version");
	ok(rdmsr(X2(APIC_SVR)) == (SVR_ENABLE | 0xff), "SVR kept through the switch");
	wrong += !faults(X2(APIC_ID), true, 0) + !faults(X2(APIC_VERSION), true, 0) +
		 !faults(X2(APIC_LDR), true, 1) + !faults(X2(APIC_PPR), true, 0) +
		 !faults(X2(APIC_IRR), true, 0) + !faults(X2(APIC_TMCCT), true, 0);
	ok(!wrong, "#GP on writes to read-only ones: %u wrong", wrong);
	wrong = !faults(X2(APIC_EOI), false, 0) + !faults(SELF_IPI, false, 0);
	ok(!wrong, "#GP on reads of write-only ones: %u wrong", wrong);
	wrong = !faults(X2(APIC_DFR), false, 0) + !faults(X2(APIC_ICR_HIGH), false, 0) +
		!faults(0x800, false, 0) + !faults(0x840, false, 0) + !faults(0x8ff, true, 0);
	ok(!wrong, "#GP on those that do not exist: %u wrong", wrong);
	wrong = !faults(X2(APIC_EOI), true, 1) + !faults(X2(APIC_TPR), true, 0x100) +
		!faults(X2(APIC_ESR), true, 1) + !faults(SELF_IPI, true, 0x100) +
		!faults(X2(APIC_SVR), true, BIT(32)) + !faults(X2(APIC_LVT_TIMER), true, BIT(20)) +
		!faults(X2(APIC_TDCR), true, 4);
	ok(!wrong, "#GP on reserved bits: %u wrong", wrong);
}

static void check_ipis(void)
{
	struct guest_vcpu *self = this_vcpu();

	trap_hooks[VECTOR] = eoi;
	__asm__ volatile("sti" : : : "memory");
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++)
		wrmsr(SELF_IPI, VECTOR);
	mark(2);
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		wrmsr(X2(APIC_ICR), ICR_ASSERT | VECTOR);
	mark(4);
	cli();
	ok(self->counts[VECTOR] == 2 * ROUNDS, "%u of %u IPIs", self->counts[VECTOR], 2 * ROUNDS);
	wrmsr(X2(APIC_TPR), 0x50);
	wrmsr(SELF_IPI, VECTOR);
	irq_window();
	ok(rdmsr(X2(APIC_IRR) + VECTOR / 32) == BIT(VECTOR % 32), "TPR holds it back");
	wrmsr(X2(APIC_TPR), 0);
	irq_window();
	ok(self->counts[VECTOR] == 2 * ROUNDS + 1, "and lets it go");
	wrmsr(X2(APIC_ICR), (u64)0xffffffff << 32 | ICR_ASSERT | VECTOR);
	irq_window();
	wrmsr(X2(APIC_ICR), BIT(32) | ICR_LOGICAL | ICR_ASSERT | VECTOR);
	irq_window();
	ok(self->counts[VECTOR] == 2 * ROUNDS + 3, "broadcast and logical destination");
	wrmsr(SELF_IPI, 5);
	wrmsr(X2(APIC_ESR), 0);
	ok(rdmsr(X2(APIC_ESR)) == BIT(5), "a vector that cannot be sent is an error");
	ok(rdmsr(X2(APIC_ICR)) == (BIT(32) | ICR_LOGICAL | ICR_ASSERT | VECTOR),
	   "ICR reads back 64 bits");
}

static void check_way_back(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE));
	ok(lapic_read(APIC_VERSION) == ~0u && faults(X2(APIC_ID), false, 0) && writes_fault(),
	   "switched off");
	ok(faults(MSR_APIC_BASE, true, base), "#GP: from off to x2APIC");
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_X2APIC);
	ok(lapic_read(APIC_ID) == 0 && lapic_read(APIC_SVR) == 0xff && writes_fault(),
	   "xAPIC mode, as after a reset");
}

void guest_main(void)
{
	plan(22);
	pc_init();
	check_switch();
	check_registers();
	check_ipis();
	check_way_back();
}
