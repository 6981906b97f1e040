/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The glue between the emulated PC and our vCPUs. What the PC asks for while its lock is held is
 * noted as bits and carried out by settle() when the lock is free again: the order of locks is
 * sched_lock, then the PC's.
 */
#include "interpreter/platform.h"
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "dispatcher/schedule.h"
#include "interpreter/devices/pc.h"
#include "interpreter/interpreter.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

struct platform {
	struct pc *pc;
	struct domain *domain;
	/* Bits of vCPUs, atomic. */
	u32 looks; /* an interrupt or an NMI waits: wake it, or make it leave the guest */
	u32 rearms; /* it has a timer that is earlier than what its CPU knows */
	u32 inits, startups; /* INIT and SIPI have been sent to it */
	u32 awaits_startup;
	u8 startup_page[PV_VCPUS_MAX];
	bool ends; /* why_ends is valid */
	enum pc_end why_ends;
};
_Static_assert(sizeof(struct platform) <= PAGE_SIZE && PC_BYTES <= PAGE_SIZE, "a frame each");

/* ---- what the PC says ------------------------------------------------------------------------ */

static void note(u32 *bits, u32 vcpu)
{
	__atomic_fetch_or(bits, (u32)BIT(vcpu), __ATOMIC_SEQ_CST);
}

static void unnote(u32 *bits, u32 vcpu)
{
	__atomic_fetch_and(bits, ~(u32)BIT(vcpu), __ATOMIC_SEQ_CST);
}

static u32 noted(u32 *bits)
{
	return *bits ? __atomic_exchange_n(bits, 0, __ATOMIC_SEQ_CST) : 0;
}

static void on_look(struct pc *pc, u32 vcpu)
{
	struct platform *p = pc_owner(pc);

	vcpu_attend(p->domain->vcpus[vcpu], ATTENTION_IRQ);
	note(&p->looks, vcpu);
}

static void on_nmi(struct pc *pc, u32 vcpu)
{
	struct platform *p = pc_owner(pc);

	nmi_raise(p->domain->vcpus[vcpu]);
	note(&p->looks, vcpu);
}

/* Timers of devices are kept by the first vCPU's CPU. */
static void on_timer(struct pc *pc, u32 vcpu, u64 deadline)
{
	(void)deadline;
	note(&((struct platform *)pc_owner(pc))->rearms, vcpu == PC_DEVICES ? 0 : vcpu);
}

static void on_init(struct pc *pc, u32 vcpu)
{
	note(&((struct platform *)pc_owner(pc))->inits, vcpu);
}

static void on_sipi(struct pc *pc, u32 vcpu, u8 vector)
{
	struct platform *p = pc_owner(pc);

	p->startup_page[vcpu] = vector;
	note(&p->startups, vcpu);
}

static void on_text(struct pc *pc, u8 byte)
{
	char c = (char)byte;

	console_write(&((struct platform *)pc_owner(pc))->domain->console, &c, 1);
}

static void on_end(struct pc *pc, enum pc_end why)
{
	struct platform *p = pc_owner(pc);

	p->why_ends = why;
	p->ends = true;
}

static const struct pc_host host = {
	.look = on_look,
	.nmi = on_nmi,
	.timer = on_timer,
	.init = on_init,
	.sipi = on_sipi,
	.text = on_text,
	.end = on_end,
};

/* ---- and what becomes of it ------------------------------------------------------------------ */

/* It stops, wherever it is, and waits for a start-up. The last one that runs stays. */
static void carry_out_init(struct platform *p, struct vcpu *v)
{
	unnote(&p->startups, v->id);
	note(&p->awaits_startup, v->id);
	if (v->state == VCPU_STOPPED || v->state == VCPU_STARTING || !sched_may_stop(v))
		return;
	vcpu_attend(v, ATTENTION_STOP);
	sched_kick(v);
}

/* SDM vol. 3, "Processor State After Reset" and "MP Initialization": real mode at page VV000. */
static void carry_out_startup(struct platform *p, struct vcpu *v)
{
	const struct pv_vcpu_context start = {
		.cs = (u16)(p->startup_page[v->id] << 8),
		.rflags = RFLAGS_FIXED1,
		.cr0 = CR0_CD | CR0_NW | CR0_ET,
	};

	if (!(p->awaits_startup & BIT(v->id)))
		return;
	/* Where it is still on its way to stopping, platform_stopped() finds the bit. */
	note(&p->startups, v->id);
	if (!sched_claim(v))
		return;
	unnote(&p->startups, v->id);
	unnote(&p->awaits_startup, v->id);
	context_start(v, &start);
	sched_start(v);
}

void platform_stopped(struct vcpu *v)
{
	struct platform *p = v->domain->platform;

	if (p && (p->startups & BIT(v->id)))
		carry_out_startup(p, v);
}

static void carry_out(struct platform *p, u32 bits, void (*what)(struct platform *, struct vcpu *))
{
	for (; bits; bits &= bits - 1)
		what(p, p->domain->vcpus[__builtin_ctz(bits)]);
}

static void carry_out_look(struct platform *p, struct vcpu *v)
{
	(void)p;
	if (v != this_cpu()->current)
		sched_kick(v);
}

static void carry_out_rearm(struct platform *p, struct vcpu *v)
{
	(void)p;
	vcpu_attend(v, ATTENTION_KICK);
	/* Also where it sleeps: the CPU that keeps its timer is to look again. */
	if (v->cpu && v->cpu != this_cpu())
		apic_send_kick(v->cpu);
}

/* After each access, with no lock held. */
static void settle(struct vcpu *v)
{
	struct platform *p = v->domain->platform;

	carry_out(p, noted(&p->looks), carry_out_look);
	carry_out(p, noted(&p->rearms), carry_out_rearm);
	carry_out(p, noted(&p->inits), carry_out_init);
	carry_out(p, noted(&p->startups), carry_out_startup);
	if (unlikely(p->ends)) {
		p->ends = false;
		vm_shutdown(p->domain,
			    p->why_ends == PC_END_RESET ? PV_SHUTDOWN_REBOOT : PV_SHUTDOWN_POWEROFF,
			    0);
	}
}

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
	for (u32 i = 0; i < d->vcpu_count; i++)
		is_used &= pc_lapic_base(d->platform->pc, i) == APIC_BASE_RESET;
	spin_lock(&d->memory_lock);
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
	settle(v);
}

/* ---- accesses -------------------------------------------------------------------------------- */

bool platform_port_read(struct vcpu *v, u16 port, unsigned bytes, u32 *value)
{
	bool found = pc_port_read(v->domain->platform->pc, port, bytes, value, rdtsc());

	settle(v);
	return found;
}

bool platform_port_write(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	bool found = pc_port_write(v->domain->platform->pc, port, bytes, value, rdtsc());

	settle(v);
	return found;
}

bool platform_mmio_read(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 *value)
{
	bool found = pc_mmio_read(v->domain->platform->pc, v->id, gpa, bytes, value, rdtsc());

	settle(v);
	return found;
}

bool platform_mmio_write(struct vcpu *v, gpa_t gpa, unsigned bytes, u64 value)
{
	bool found = pc_mmio_write(v->domain->platform->pc, v->id, gpa, bytes, value, rdtsc());

	apic_changed(v);
	return found;
}

bool platform_msr_read(struct vcpu *v, u32 msr, u64 *value)
{
	return pc_msr_read(v->domain->platform->pc, v->id, msr, value, rdtsc());
}

bool platform_msr_write(struct vcpu *v, u32 msr, u64 value)
{
	bool ok = pc_msr_write(v->domain->platform->pc, v->id, msr, value, rdtsc());

	if (msr == MSR_APIC_BASE && ok)
		access_page_place(v->domain);
	if (msr == MSR_TSC_DEADLINE)
		settle(v);
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
	settle(v);
	return RESUME;
}

u8 platform_cr8(struct vcpu *v)
{
	return pc_tpr(v->domain->platform->pc, v->id) >> 4;
}

void platform_set_cr8(struct vcpu *v, u8 value)
{
	pc_set_tpr(v->domain->platform->pc, v->id, (u8)(value << 4));
	settle(v);
}

/* ---- interrupts and time --------------------------------------------------------------------- */

int platform_irq(struct vcpu *v)
{
	return pc_interrupt_peek(v->domain->platform->pc, v->id);
}

int platform_irq_take(struct vcpu *v, int vector)
{
	(void)vector;
	return pc_interrupt_accept(v->domain->platform->pc, v->id, rdtsc());
}

/* As settle(), but the scheduler's lock is held already. */
static void looks_settle(struct platform *p, u64 now)
{
	for (u32 bits = noted(&p->looks); bits; bits &= bits - 1) {
		struct vcpu *v = p->domain->vcpus[__builtin_ctz(bits)];

		if (v->state == VCPU_BLOCKED && sched_must_wake(v, now))
			sched_unblock(v);
		else if (v->state == VCPU_RUNNING && v->cpu != this_cpu())
			apic_send_kick(v->cpu);
	}
}

u64 platform_tick(struct vcpu *v, u64 now)
{
	struct platform *p = v->domain->platform;
	u64 next = pc_tick_vcpu(p->pc, v->id, now);

	if (v->id == 0)
		next = min(next, pc_tick_vcpu(p->pc, PC_DEVICES, now));
	looks_settle(p, now);
	return next;
}

void platform_input(struct domain *d, const char *text, size_t count)
{
	u64 now = rdtsc();

	pc_input(d->platform->pc, (const u8 *)text, count, now);
	looks_settle(d->platform, now);
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
	pc_init(p->pc, &host, p, d->vcpu_count, pages, d->memory_bytes,
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
	p->ends = false;
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
