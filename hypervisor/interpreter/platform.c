/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to the emulated PC, as the exit handlers make them, and its life: made with its domain,
 * reset with it, gone with it. Each access ends with platform_settle().
 */
#include "interpreter/platform_internal.h"
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "interpreter/interpreter.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

/*
 * Where the CPU completes accesses to the registers' page, it does so in one place and in one mode.
 * With a vCPU's APIC elsewhere, off or in x2APIC mode, that place is nothing to anybody: accesses
 * of the others are then emulated.
 */
static void access_page_place(struct domain *d)
{
	bool is_used = true;
	u64 bytes;

	if (!d->apic_access_page)
		return;
	spin_lock(&d->memory_lock); /* also for the look: two may move theirs at once */
	for (u32 i = 0; i < d->vcpu_count; i++)
		is_used &= pc_lapic_base(d->platform->pc, i) == APIC_BASE_RESET;
	if (is_used != !!hap_lookup(&d->hap, APIC_BASE_RESET, &bytes) &&
	    hap_map(&d->hap, APIC_BASE_RESET, (hpa_t)d->apic_access_page, PAGE_SIZE,
		    is_used ? HAP_R | HAP_W : 0))
		is_used =
			false; /* no table left to unmap it in: it stays, and is the domain's own */
	spin_unlock(&d->memory_lock);
	for (u32 i = 0; !is_used && i < d->vcpu_count; i++) {
		vcpu_attend(d->vcpus[i], ATTENTION_FLUSH_ALL);
		sched_kick(d->vcpus[i]);
	}
}

/* What the guest did to its APIC without the CPU: that is to look at the page again. */
static void apic_changed(struct vcpu *v)
{
	if (v->domain->apic_access_page)
		vcpu_attend(v, ATTENTION_IRQ);
	platform_settle(v);
}

/* ---- accesses -------------------------------------------------------------------------------- */

bool platform_port_read(struct vcpu *v, u16 port, unsigned bytes, u32 *value)
{
	bool found = pc_port_read(v->domain->platform->pc, port, bytes, value, rdtsc());

	platform_settle(v);
	return found;
}

bool platform_port_write(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	struct platform *p = v->domain->platform;
	bool found = pc_port_write(p->pc, port, bytes, value, rdtsc());
	char sent = (char)p->sent[v->id];

	if (p->sent[v->id]) {
		p->sent[v->id] = 0;
		console_write(&v->domain->console, &sent, 1);
	}
	platform_settle(v);
	return found;
}

bool platform_mmio_read(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 *value)
{
	bool found;

	irq_take_back(v);
	found = pc_mmio_read(v->domain->platform->pc, v->id, gpa, bytes, value, rdtsc());
	platform_settle(v);
	return found;
}

bool platform_mmio_write(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 value)
{
	bool found;

	irq_take_back(v);
	found = pc_mmio_write(v->domain->platform->pc, v->id, gpa, bytes, value, rdtsc());
	apic_changed(v);
	return found;
}

bool platform_msr_read(struct vcpu *v, u32 msr, u64 *value)
{
	bool ok;

	irq_take_back(v);
	ok = pc_msr_read(v->domain->platform->pc, v->id, msr, value, rdtsc());
	if (msr == MSR_TSC_DEADLINE && *value)
		*value += v->tsc_offset;
	return ok;
}

/* The PC's times are the machine's. 0 would disarm, so what falls there is a tick later. */
static u64 deadline_of(const struct vcpu *v, u64 value)
{
	if (!value)
		return 0;
	/* Before the machine's own time began: past, whatever the difference says. */
	return value > v->tsc_offset || (s64)v->tsc_offset < 0 ? value - v->tsc_offset : 1;
}

bool platform_set_tsc_offset(struct vcpu *v, u64 offset)
{
	u64 deadline;

	platform_msr_read(v, MSR_TSC_DEADLINE, &deadline);
	v->tsc_offset = offset;
	backend->write(v, VREG_TSC_OFFSET, offset);
	return !deadline || platform_msr_write(v, MSR_TSC_DEADLINE, deadline);
}

bool platform_msr_write(struct vcpu *v, u32 msr, u64 value)
{
	bool ok;

	irq_take_back(v);
	if (msr == MSR_TSC_DEADLINE)
		value = deadline_of(v, value);
	ok = pc_msr_write(v->domain->platform->pc, v->id, msr, value, rdtsc());
	if (msr == MSR_APIC_BASE && ok) {
		v->is_x2apic = pc_is_x2apic(v->domain->platform->pc, v->id);
		backend->write(v, VREG_X2APIC, v->is_x2apic);
		access_page_place(v->domain);
	}
	if (msr == MSR_TSC_DEADLINE)
		platform_settle(v);
	else
		apic_changed(v);
	return ok;
}

/*
 * The CPU has carried out the instruction and stored the value in the registers' page; what the
 * write means is still to be done.
 */
enum verdict interpret_apic(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_apic *apic = &exit->apic;
	struct pc *pc;

	if (!v->domain->platform) {
		vm_kill(v->domain, v, "exit 0x%x of a local APIC that is not there",
			exit->code.raw);
		return KILL;
	}
	pc = v->domain->platform->pc;
	if (apic->is_eoi)
		pc_eoi_vector(pc, v->id, (u8)apic->number);
	else
		pc_lapic_written(pc, v->id, apic->number, rdtsc());
	platform_settle(v);
	return RESUME;
}

u8 platform_cr8(struct vcpu *v)
{
	irq_take_back(v);
	return pc_tpr(v->domain->platform->pc, v->id) >> 4;
}

void platform_set_cr8(struct vcpu *v, u8 value)
{
	irq_take_back(v);
	pc_set_tpr(v->domain->platform->pc, v->id, (u8)(value << 4));
	platform_settle(v);
}

/* ---- its life -------------------------------------------------------------------------------- */

int platform_create(struct domain *d)
{
	void *pages[PV_VCPUS_MAX] = { NULL };
	struct platform *p = frame_alloc();
	u64 now = rdtsc();

	if (!p)
		return -PV_ENOMEM;
	p->pc = frame_alloc();
	if (!p->pc)
		return -PV_ENOMEM;
	p->domain = d;
	p->awaits_startup = (u32)(BIT(d->vcpu_count) - 1) & ~1u;
	for (u32 i = 0; i < d->vcpu_count; i++) {
		pages[i] = d->vcpus[i]->apic_page = frame_alloc();
		if (!pages[i])
			return -PV_ENOMEM;
	}
	if (backend->has_virtual_apic && (backend->hw_features & PV_HW_VIRTUAL_INTERRUPTS)) {
		d->apic_access_page = frame_alloc();
		if (!d->apic_access_page ||
		    hap_map(&d->hap, APIC_BASE_RESET, (hpa_t)d->apic_access_page, PAGE_SIZE,
			    HAP_R | HAP_W))
			return -PV_ENOMEM;
	}
	pc_init(p->pc, &platform_host, p, d->vcpu_count, pages, d->memory_bytes,
		wall_clock_ns() + pvclock_ns(now), now);
	d->platform = p;
	return 0;
}

void platform_reset(struct domain *d)
{
	struct platform *p = d->platform;

	if (!p)
		return;
	p->looks = p->rearms = p->inits = p->startups = 0;
	p->awaits_startup = (u32)(BIT(d->vcpu_count) - 1) & ~1u;
	p->ends = p->devices_rearm = false;
	pc_reset(p->pc, rdtsc());
	access_page_place(d);
}

void platform_destroy(struct domain *d)
{
	struct platform *p = d->platform;

	if (!p)
		return;
	d->platform = NULL;
	for (u32 i = 0; i < d->vcpu_count; i++)
		frame_free(d->vcpus[i]->apic_page);
	frame_free(d->apic_access_page);
	frame_free(p->pc);
	frame_free(p);
}
