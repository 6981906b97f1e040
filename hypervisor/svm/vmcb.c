/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCB: made with its controls, brought to a CPU with a fresh ASID where that is needed, taken
 * away again. The bitmaps are built once from the policy rows and shared by all vCPUs.
 */
#include "svm/vmcb.h"
#include "allocator/frames.h"
#include "interpreter/control.h"
#include "interpreter/policy.h"
#include "lib/lib.h"
#include "svm/bitmaps.h"
#include "svm/svm.h"
#include "trace/trace.h"

static const struct {
	u16 offset;
	u8 width;
	const char *name;
} field_rows[] = {
#define VMCB_FIELD(name, offset, width) { offset, width, #name },
#define VMCB_RESERVED(offset, bytes)
#include "svm/fields.def"
#undef VMCB_FIELD
#undef VMCB_RESERVED
};

/* Each of several frames in a row, which the pool does not give. */
static struct {
	u8 msr[SVM_MSR_BITMAP_BYTES] __attribute__((aligned(PAGE_SIZE)));
	u8 io[SVM_IO_BITMAP_BYTES] __attribute__((aligned(PAGE_SIZE)));
	bool are_built;
} bitmaps;

void vmcb_for_each(const struct vmcb *vmcb, void (*show)(const char *name, u64 value))
{
	for (unsigned i = 0; i < ARRAY_SIZE(field_rows); i++) {
		u64 value = 0;

		memcpy(&value, (const u8 *)vmcb + field_rows[i].offset, field_rows[i].width / 8);
		show(field_rows[i].name, value);
	}
}

static void bitmaps_create(void)
{
	if (bitmaps.are_built)
		return;
	bitmaps.are_built = true;
	svm_msr_bitmap_init(bitmaps.msr);
	svm_io_bitmap_init(bitmaps.io);
	for (unsigned i = 0; i < msr_rule_count; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		if (!msr_rule_applies(rule))
			continue;
		for (u32 msr = rule->first; msr <= rule->last; msr++)
			svm_msr_bitmap_pass(bitmaps.msr, msr, rule->read == MSR_PASS,
					    rule->write == MSR_PASS);
	}
}

int svm_vcpu_create(struct vcpu *v)
{
	/* Small next to a frame, but a frame is the unit in which the pool gives memory. */
	struct svm_vcpu *x = frame_alloc();

	_Static_assert(sizeof(*x) <= PAGE_SIZE, "one frame");
	if (!x)
		return -PV_ENOMEM;
	bitmaps_create();
	x->vmcb = frame_alloc();
	if (!x->vmcb)
		return -PV_ENOMEM;
	v->hw = x;
	return 0;
}

void svm_vcpu_destroy(struct vcpu *v)
{
	struct svm_vcpu *x = svm_of(v);

	frame_free(x->vmcb);
	frame_free(x);
	v->hw = NULL;
}

/* Everything that never changes again in this vCPU's life. */
void vmcb_init(struct vcpu *v)
{
	struct vmcb *vmcb = vmcb_of(v);

	vmcb->intercept_cr_read = (u16)svm_caps.controls[CR_READ];
	vmcb->intercept_cr_write = (u16)svm_caps.controls[CR_WRITE];
	/* The emulated local APIC must see the task priority change. */
	if (v->apic_page) {
		vmcb->intercept_cr_read |= CR_READ_CR8;
		vmcb->intercept_cr_write |= CR_WRITE_CR8;
	}
	vmcb->intercept_exception = svm_caps.controls[EXCEPTION];
	vmcb->intercept_misc1 = svm_caps.controls[MISC1];
	vmcb->intercept_misc2 = svm_caps.controls[MISC2];
	vmcb->intercept_misc3 = svm_caps.controls[MISC3];
	if (domain_has(v->domain, PV_FEATURE_RDTSC_EXIT)) {
		vmcb->intercept_misc1 |= MISC1_RDTSC;
		vmcb->intercept_misc2 |= MISC2_RDTSCP;
	}
	if (domain_has(v->domain, PV_FEATURE_STRAY_EXITS))
		vmcb->intercept_misc1 |= MISC1_INVLPG;
	vmcb->int_control = svm_caps.controls[INT];
	vmcb->msrpm_base_pa = (hpa_t)bitmaps.msr;
	vmcb->iopm_base_pa = (hpa_t)bitmaps.io;
	vmcb->nested_control = svm_caps.controls[NESTED];
	vmcb->n_cr3 = (hpa_t)v->domain->hap.root;
	vmcb->g_pat = PAT_RESET;
	vmcb->tsc_offset = v->tsc_offset;
	vmcb->eventinj = 0;
	svm_of(v)->nrip_mask = svm_backend.hw_features & PV_HW_NEXT_RIP ? ~0ull : 0;
}

#define TLB_KEEP 0
#define TLB_FLUSH_ALL 1 /* of all ASIDs, the host's included */

/*
 * Only an entry can flush. Until one has, the CPU owes it, whichever vCPU that entry is for: the
 * one that began the generation may leave again before it runs.
 */
static bool flush_owed[PV_CPUS_MAX];

void svm_flush_done(struct vcpu *v)
{
	flush_owed[v->cpu->index] = false;
	vmcb_of(v)->tlb_control = TLB_KEEP;
}

/*
 * Translations of both stages are tagged with the ASID alone, so a number that was never used in
 * this generation knows nothing of a recycled nested root either: there is one kind of flush.
 */
static void asid_update(struct vcpu *v, struct cpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(v);

	switch (asid_assign(&v->asid, &cpu->asids, cpu->index)) {
	case ASID_KEPT:
		break;
	case ASID_NEW_GENERATION:
		flush_owed[cpu->index] = true;
		__attribute__((fallthrough));
	case ASID_NEW:
		v->events[PV_EVENT_TLB_FLUSH]++;
		break;
	}
	vmcb->guest_asid = v->asid.number;
	vmcb->tlb_control = flush_owed[cpu->index] ? TLB_FLUSH_ALL : TLB_KEEP;
}

void svm_vcpu_load(struct vcpu *v, struct cpu *cpu)
{
	struct svm_vcpu *x = svm_of(v);

	x->host_vmcb = cpu->host_vmcb;
	/*
	 * Nothing of the CPU's cached copy is relied on. A bit per group could say what we left as
	 * it was; each forgotten one would be a bug that shows on some CPUs only.
	 */
	x->vmcb->vmcb_clean = 0;
	asid_update(v, cpu);
}

/* The exit has written everything to memory: another CPU may load it. */
void svm_vcpu_unload(struct vcpu *v)
{
	(void)v;
}

void svm_flush(struct vcpu *v, enum flush_scope scope)
{
	(void)scope;
	asid_drop(&v->asid);
	asid_update(v, v->cpu);
}

int svm_mode_switch(struct vcpu *v, unsigned from, unsigned to)
{
	(void)v;
	return from == to ? 0 : -PV_EOPNOTSUPP;
}
