/* SPDX-License-Identifier: BSD-2-Clause */
/* The recording backend; see recorder.h. A broken contract of the callers is a panic. */
#include "fake/recorder.h"

#include "allocator/frames.h"
#include "allocator/hap.h"
#include "fake/hardware.h"
#include "fake/panic.h"
#include "machine/machine.h"

struct backend *backend = &recorder_backend;
bool recorder_has_virtual_irq, recorder_has_preempt;

static void meanwhile(void)
{
	if (fake_meanwhile && !fake_locks_held)
		fake_meanwhile();
}

static int vcpu_create(struct vcpu *v)
{
	struct recorder *r = frame_alloc();

	_Static_assert(sizeof(*r) <= PAGE_SIZE, "one frame");
	r->offered = -1;
	r->preempt = ~0ull;
	r->reg[VREG_CODE_BYTES] = 8;
	r->reg[VREG_RFLAGS] = 2;
	v->hw = r;
	return 0;
}

static void vcpu_destroy(struct vcpu *v)
{
	if (recorder_of(v)->loaded)
		panic("vCPU %u is destroyed on CPU %u", v->id, recorder_of(v)->loaded->index);
	frame_free(v->hw);
	v->hw = NULL;
}

static void vcpu_load(struct vcpu *v, struct cpu *cpu)
{
	struct recorder *r = recorder_of(v);

	if (r->loaded || cpu != this_cpu())
		panic("vCPU %u comes to CPU %u, but is on %u", v->id, cpu->index,
		      r->loaded ? r->loaded->index : ~0u);
	r->loaded = cpu;
	r->loads++;
	meanwhile();
}

static void vcpu_unload(struct vcpu *v)
{
	struct recorder *r = recorder_of(v);

	if (r->loaded != this_cpu())
		panic("vCPU %u leaves a CPU that it is not on", v->id);
	meanwhile();
	r->loaded = NULL;
}

static void set_context(struct vcpu *v, const struct pv_vcpu_context *context)
{
	struct recorder *r = recorder_of(v);

	r->start = *context;
	r->starts++;
	/* Nothing of a former life. */
	r->injected.valid = false;
	r->offered = -1;
	r->window[LINE_INTERRUPT] = r->window[LINE_NMI] = false;
	r->preempt = ~0ull;
	r->reg[VREG_RIP] = context->rip;
	r->reg[VREG_RSP] = context->rsp;
	r->reg[VREG_RFLAGS] = context->rflags;
	r->reg[VREG_CR0] = context->cr0;
	r->reg[VREG_CR3] = context->cr3;
	r->reg[VREG_CR4] = context->cr4;
	r->reg[VREG_EFER] = context->efer;
}

static u64 read(struct vcpu *v, enum vreg reg)
{
	return recorder_of(v)->reg[reg];
}

static void write(struct vcpu *v, enum vreg reg, u64 value)
{
	recorder_of(v)->reg[reg] = value;
}

static void inject(struct vcpu *v, const struct event *event)
{
	struct recorder *r = recorder_of(v);

	if (r->injected.valid || !event->valid)
		panic("two events for one entry: %u and %u", r->injected.vector, event->vector);
	r->injected = *event;
	r->injections++;
}

/* Flat, with the attributes of a 64-bit kernel's. */
static void segment(struct vcpu *v, enum segment_name name, struct segment *to)
{
	(void)v;
	*to = (struct segment){ .limit = ~0u, .access = name == SEG_CS ? 0xa09b : 0xc093 };
}

static bool can_take(struct vcpu *v, enum event_line line)
{
	return recorder_of(v)->can_take[line];
}

static void set_window(struct vcpu *v, enum event_line line, bool on)
{
	recorder_of(v)->window[line] = on;
	recorder_of(v)->window_calls++;
}

static int virtual_irq(struct vcpu *v, int vector)
{
	struct recorder *r = recorder_of(v);

	if (!recorder_has_virtual_irq || vector >= VIRTUAL_IRQ_APIC)
		return 0;
	if (vector >= 0 && r->offered >= 0)
		panic("the hardware holds vector %d and is given %d", r->offered, vector);
	if (vector < 0 && r->offered < 0)
		panic("a vector is taken back that was never given");
	r->offered = vector;
	if (vector >= 0)
		r->offer_taken = false;
	return vector >= 0 || r->offer_taken;
}

static bool arm_preempt(struct vcpu *v, u64 tsc)
{
	if (!recorder_has_preempt)
		return false;
	recorder_of(v)->preempt = tsc;
	meanwhile();
	return true;
}

static void flush(struct vcpu *v, enum flush_scope scope)
{
	(void)scope;
	recorder_of(v)->flushes++;
}

static void dump(struct vcpu *v)
{
	recorder_of(v)->dumps++;
}

struct backend recorder_backend = {
	.name = "fake",
	.hap = &hap_npt,
	.hw_features = PV_HW_LARGE_PAGES,
	.vcpu_create = vcpu_create,
	.vcpu_destroy = vcpu_destroy,
	.vcpu_load = vcpu_load,
	.vcpu_unload = vcpu_unload,
	.set_context = set_context,
	.read = read,
	.segment = segment,
	.write = write,
	.inject = inject,
	.can_take = can_take,
	.set_window = set_window,
	.virtual_irq = virtual_irq,
	.arm_preempt = arm_preempt,
	.flush = flush,
	.dump = dump,
};
