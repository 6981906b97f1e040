/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the filter rows say which bits of the machine's answer a guest sees and why the rest is
 * hidden; what has no row reads as zero. SDM vol. 2, "CPUID"; APM vol. 3, appendix E.
 */
#include "interpreter/cpuid.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "interpreter/interpreter.h"
#include "interpreter/devices/pc.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define ALL 0xffffffffu

struct cpuid_filter {
	u32 leaf;
	u32 subleaves; /* 0 = ecx does not matter */
	u8 dynamic;
	u32 mask[4]; /* what passes */
	const char *why;
};

static const struct cpuid_filter filters[] = {
	{ 0x0, 0, 0, { ALL, ALL, ALL, ALL }, "vendor; the highest leaf is one of this table" },
	{ 0x1, 0, CPUID_LEAF_1, { ALL, 0x0000ff00, 0x76da3203, 0x078ba97f },
	  "hidden: MONITOR, VMX, SMX, EIST, x2APIC, TSC deadline, debug store, perfmon (hardware "
	  "that is not virtualized), MCE, MCA, MTRR, APIC (guests have none), thermal" },
	{ 0x2, 0, 0, { 0, 0, 0, 0 },
	  "no descriptors: C libraries ask leaf 4 again for each, at every program's start" },
	{ 0x4, 4, 0, { 0x3fff, ALL, ALL, ALL }, "cache geometry, without sharing by cores" },
	{ 0x6, 0, 0, { 0, 0, 0, 0 }, "no power management; an emulated APIC timer never stops" },
	{ 0x7, 1, 0, { 0, 0x219c07a9, 0x00400004, 0 },
	  "passes FSGSBASE BMI AVX2 SMEP ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA UMIP "
	  "RDPID; hidden: TSX, MPX, AVX-512, PKU, and all that needs an MSR we do not switch" },
	{ 0xb, 2, CPUID_LEAF_B, { 0, 0, 0, 0 }, "topology: a flat line of single-thread cores" },
	{ 0xd, 3, CPUID_LEAF_D, { ALL, ALL, ALL, 0 }, "x87, SSE, AVX state; no XSAVES" },
	{ 0x15, 0, 0, { ALL, ALL, ALL, 0 }, "TSC and crystal clock" },
	{ 0x16, 0, 0, { 0, 0, 0, 0 }, "frequencies: only the emulated PC tells them" },
	{ 0x80000000, 0, 0, { ALL, ALL, ALL, ALL }, "the highest leaf is one of this table" },
	{ 0x80000001, 0, 0, { ALL, 0, 0x00000161, 0x2c100800 | 0x0183a17f },
	  "LAHF, LZCNT, SSE4A, 3DNow prefetch, SYSCALL, NX, 1 GiB pages, RDTSCP, long mode" },
	{ 0x80000002, 0, 0, { ALL, ALL, ALL, ALL }, "brand string" },
	{ 0x80000003, 0, 0, { ALL, ALL, ALL, ALL }, "brand string" },
	{ 0x80000004, 0, 0, { ALL, ALL, ALL, ALL }, "brand string" },
	{ 0x80000005, 0, 0, { ALL, ALL, ALL, ALL }, "L1 cache and TLB" },
	{ 0x80000006, 0, 0, { ALL, ALL, ALL, ALL }, "L2 cache and TLB" },
	{ 0x80000007, 0, 0, { 0, 0, 0, 0x100 }, "invariant TSC" },
	{ 0x80000008, 0, 0, { 0xffff, 0, 0, 0 }, "address widths" },
};

#define HYPERVISOR_PRESENT BIT(31) /* leaf 1 ecx */

static struct cpuid_regs host(u32 leaf, u32 subleaf)
{
	u32 last = cpuid(leaf & 0x80000000, 0).eax;

	/* Beyond the last leaf Intel repeats the highest basic one: that is no answer. */
	return leaf > last || (leaf ^ last) & 0x80000000 ? (struct cpuid_regs){ 0 } :
							   cpuid(leaf, subleaf);
}

static const struct cpuid_filter *filter_find(u32 leaf)
{
	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++)
		if (filters[i].leaf == leaf)
			return &filters[i];
	return NULL;
}

bool cpuid_offers(u32 leaf, unsigned reg, unsigned bit)
{
	const struct cpuid_filter *f = filter_find(leaf);
	struct cpuid_regs r = host(leaf, 0);
	const u32 words[4] = { r.eax, r.ebx, r.ecx, r.edx };

	return f && (words[reg] & f->mask[reg] & BIT(bit));
}

u64 cpuid_xcr0_bits(void)
{
	return cpuid_offers(1, 2, 26) ? host(0xd, 0).eax & 7 : 1;
}

static struct cpuid_entry *entry_add(struct cpuid_table *t, u32 leaf)
{
	struct cpuid_entry *e;

	BUG_ON(t->used >= CPUID_ENTRIES);
	e = &t->entries[t->used];
	if (leaf < 0x20)
		t->basic[leaf] = (u8)t->used;
	else if (leaf >= 0x80000000 && leaf < 0x80000020)
		t->extended[leaf & 0x1f] = (u8)t->used;
	else
		t->paravane[leaf & 0xf] = (u8)t->used;
	t->used++;
	return e;
}

static void filtered_add(struct cpuid_table *t, const struct cpuid_filter *f)
{
	u32 count = max(f->subleaves, 1u), first = t->used;

	for (u32 sub = 0; sub < count; sub++) {
		struct cpuid_regs r = host(f->leaf, sub);
		struct cpuid_entry *e = entry_add(t, f->leaf);

		e->reg[0] = r.eax & f->mask[0];
		e->reg[1] = r.ebx & f->mask[1];
		e->reg[2] = r.ecx & f->mask[2];
		e->reg[3] = r.edx & f->mask[3];
		e->dynamic = f->dynamic;
	}
	t->entries[first].subleaves = (u8)f->subleaves;
	if (f->leaf < 0x20)
		t->basic[f->leaf] = (u8)first;
	else
		t->extended[f->leaf & 0x1f] = (u8)first;
}

/*
 * The emulated PC's own: local APIC with x2APIC mode and TSC deadline, and the frequencies, so that
 * no kernel has to measure them by polling a timer at an exit a look. Its crystal makes the APIC
 * timer's clock; the ratio has three decimal places of it.
 */
static void platform_adjust(struct cpuid_table *t)
{
	struct cpuid_entry *one = &t->entries[t->basic[1]];
	u32 *clock = t->entries[t->basic[0x15]].reg, *frequency = t->entries[t->basic[0x16]].reg;

	t->entries[t->basic[0]].reg[0] = 0x16;
	one->reg[2] |= BIT(21) | BIT(24);
	one->reg[3] |= BIT(9);
	t->entries[t->basic[6]].reg[0] |= BIT(2); /* the APIC timer never stops */
	t->entries[t->basic[7]].reg[1] |= BIT(1); /* TSC_ADJUST */
	/* What PV guests are told by TSC_STABLE. */
	t->entries[t->extended[7]].reg[3] |= BIT(8);
	clock[0] = 1000;
	clock[1] = (u32)(tsc_khz * 1000 / (PC_BUS_HZ / 1000));
	clock[2] = PC_BUS_HZ;
	frequency[0] = frequency[1] = (u32)(tsc_khz / 1000);
	frequency[2] = 100;
}

static void adjust(struct cpuid_table *t, const struct domain *d)
{
	struct cpuid_entry *one = &t->entries[t->basic[1]], *b = &t->entries[t->basic[0xb]];
	struct cpuid_entry *xsave = &t->entries[t->basic[0xd]];
	u32 vcpus = d->vcpu_count;

	t->entries[t->basic[0]].reg[0] = min(t->entries[t->basic[0]].reg[0], 0x15u);
	t->entries[t->extended[0]].reg[0] = min(t->entries[t->extended[0]].reg[0], 0x80000008u);
	t->entries[t->basic[2]].reg[0] = 1; /* one round of asking gets all */
	one->reg[2] |= HYPERVISOR_PRESENT;
	one->reg[1] |= vcpus << 16;
	if (vcpus > 1)
		one->reg[3] |= BIT(28);
	/*
	 * A paravirtualized kernel looks for more CPUs only where there is an APIC to address them
	 * by.
	 */
	if (d->mode == PV_MODE_PV_HAP)
		one->reg[3] |= BIT(9);
	else
		platform_adjust(t);
	/* Level 0: one thread a core; level 1: all vCPUs in a package. x2APIC ids are vCPU ids. */
	b[0].reg[1] = 1;
	b[0].reg[2] = 1 << 8;
	b[1].reg[0] = vcpus > 1 ? 32 - (u32)__builtin_clz(vcpus - 1) : 0;
	b[1].reg[1] = vcpus;
	b[1].reg[2] = 2 << 8 | 1;
	/*
	 * Sub-leaf 1 of 0Dh: XSAVEOPT and XSAVEC pass, XSAVES does not, so its size is of no use.
	 */
	xsave[0].reg[0] &= 7; /* XCR0 that a guest may set */
	xsave[1].reg[0] &= 3;
	xsave[1].reg[1] = xsave[1].reg[2] = 0;
	xsave[0].reg[2] = (xsave[0].reg[0] & 4) ? 832 : 576;
}

/* Leaf +6 has two sub-leaves: calls below 0x80, and the rest. */
static void calls_add(struct cpuid_table *t, const struct domain *d)
{
	u32 first = t->used;

	for (unsigned sub = 0; sub < 2; sub++) {
		struct cpuid_entry *e = entry_add(t, PV_CPUID_BASE + PV_CPUID_CALLS);

		for (unsigned reg = 0; reg < 4; reg++)
			e->reg[reg] = hypercall_bitmap(d->call_mask, d->features, sub * 4 + reg);
	}
	t->entries[first].subleaves = 2;
	t->paravane[PV_CPUID_CALLS] = (u8)first;
}

static void paravane_add(struct cpuid_table *t, const struct domain *d)
{
	const u32 major = PV_ABI_MAJOR + domain_has(d, PV_FEATURE_NEWER_MAJOR);
	const u32 leaves[][4] = {
		[PV_CPUID_SIGNATURE] = { PV_CPUID_BASE + PV_CPUID_CALLS, PV_CPUID_SIGNATURE_EBX,
					 PV_CPUID_SIGNATURE_ECX, PV_CPUID_SIGNATURE_EDX },
		[PV_CPUID_VERSION] = { major << 16 | PV_ABI_MINOR, 0, 0, 0 },
		[PV_CPUID_FEATURES] = { (u32)d->features, (u32)(d->features >> 32), 0, 0 },
		[PV_CPUID_LIMITS] = { 0, PV_BATCH_ENTRIES, PV_EVENT_PORTS, 0 },
		[PV_CPUID_TSC_KHZ] = { (u32)tsc_khz, 0, 0, 0 },
		[PV_CPUID_IDENTITY] = { d->mode, 0, d->id, d->vcpu_count },
	};

	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid_entry *e = entry_add(t, PV_CPUID_BASE + i);

		memcpy(e->reg, leaves[i], sizeof(e->reg));
		e->dynamic = i == PV_CPUID_IDENTITY ? CPUID_IDENTITY : CPUID_FIXED;
	}
	calls_add(t, d);
}

void cpuid_table_build(struct cpuid_table *t, const struct domain *d)
{
	memset(t, 0, sizeof(*t));
	t->used = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++)
		filtered_add(t, &filters[i]);
	adjust(t, d);
	if (domain_has(d, PV_FEATURE_LEAVES))
		paravane_add(t, d);
}

static unsigned leaf_rows(const struct cpuid_table *t, u32 leaf, u8 first,
			  struct pv_cpuid_row *rows, unsigned max)
{
	const struct cpuid_entry *e = &t->entries[first];
	unsigned count = e->subleaves ? e->subleaves : 1;

	/* XCR0 changes leaf 0Dh, so it is asked for; of an APIC id the reader knows its own. */
	if (!first || e->dynamic == CPUID_LEAF_D || count > max)
		return 0;
	for (unsigned sub = 0; sub < count; sub++, e++)
		rows[sub] = (struct pv_cpuid_row){ .leaf = leaf,
						   .subleaf = sub,
						   .is_indexed = count > 1,
						   .eax = e->reg[0],
						   .ebx = e->reg[1],
						   .ecx = e->reg[2],
						   .edx = e->reg[3] };
	return count;
}

unsigned cpuid_rows(const struct domain *d, struct pv_cpuid_row *rows, unsigned max)
{
	const struct cpuid_table *t = &d->cpuid;
	unsigned used = 0;

	for (u32 i = 0; i < 0x20; i++) {
		used += leaf_rows(t, i, t->basic[i], rows + used, max - used);
		used += leaf_rows(t, 0x80000000 + i, t->extended[i], rows + used, max - used);
	}
	for (u32 i = 0; i < 0x10; i++)
		used += leaf_rows(t, PV_CPUID_BASE + i, t->paravane[i], rows + used, max - used);
	return used;
}

static const struct cpuid_entry *entry_find(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	const struct cpuid_entry *e = &t->entries[0];

	if (leaf < 0x20)
		e = &t->entries[t->basic[leaf]];
	else if (leaf - 0x80000000 < 0x20)
		e = &t->entries[t->extended[leaf - 0x80000000]];
	else if (leaf - PV_CPUID_BASE < 0x10)
		e = &t->entries[t->paravane[leaf - PV_CPUID_BASE]];
	if (!e->subleaves)
		return e;
	return subleaf < e->subleaves ? e + subleaf : &t->entries[0];
}

/* The bits that depend on the vCPU that asks or on its state. */
static void personalise(struct vcpu *v, u32 subleaf, const struct cpuid_entry *e, u32 reg[4])
{
	switch (e->dynamic) {
	case CPUID_LEAF_1:
		reg[1] |= v->id << 24;
		reg[2] |= (u32)v->osxsave << 27;
		break;
	case CPUID_LEAF_B:
		reg[3] = v->id;
		break;
	case CPUID_LEAF_D:
		if (subleaf == 0)
			reg[1] = (context_xcr0(v) & 4) ? 832 : 576;
		break;
	case CPUID_IDENTITY:
		reg[1] = v->id;
		break;
	default:
		break;
	}
}

enum verdict interpret_cpuid(struct vcpu *v, struct vmexit *exit)
{
	u32 subleaf = (u32)v->gpr[RCX];
	const struct cpuid_entry *e = entry_find(&v->domain->cpuid, (u32)v->gpr[RAX], subleaf);
	u32 reg[4] = { e->reg[0], e->reg[1], e->reg[2], e->reg[3] };

	/* For the trace: the registers are about to be overwritten. */
	exit->qualification = (u32)v->gpr[RAX] | (u64)subleaf << 32;
	if (e->dynamic)
		personalise(v, subleaf, e, reg);
	v->gpr[RAX] = reg[0];
	v->gpr[RBX] = reg[1];
	v->gpr[RCX] = reg[2];
	v->gpr[RDX] = reg[3];
	return ADVANCE;
}
