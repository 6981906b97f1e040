/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the emulated PC says to our vCPUs, and when. What it asks for while its lock is held is
 * noted as bits and carried out by platform_settle() when the lock is free again: the order of
 * locks is sched_lock, then the PC's.
 */
#include "interpreter/platform_internal.h"
#include "dispatcher/schedule.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"

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

/*
 * Timers of devices are kept by the CPU on which they were set last: who sets them again and again
 * has the work of it, and not another domain on the first vCPU's CPU.
 */
static void on_timer(struct pc *pc, u32 vcpu, u64 deadline)
{
	struct platform *p = pc_owner(pc);

	(void)deadline;
	if (vcpu != PC_DEVICES) {
		note(&p->rearms, vcpu);
		return;
	}
	__atomic_store_n(&p->devices_cpu, this_cpu()->index, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->devices_rearm, true, __ATOMIC_SEQ_CST);
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

/*
 * One byte an access at most, and only in a write to a port: of the vCPU that is here. It goes out
 * without the PC's lock, which others want under the scheduler's: a serial port is slow.
 */
static void on_text(struct pc *pc, u8 byte)
{
	((struct platform *)pc_owner(pc))->sent[this_cpu()->current->id] = (u16)(BIT(8) | byte);
}

static void on_end(struct pc *pc, enum pc_end why)
{
	struct platform *p = pc_owner(pc);

	p->why_ends = why;
	p->ends = true;
}

const struct pc_host platform_host = {
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
	if (sched_stop(v))
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

bool platform_starts(const struct vcpu *v)
{
	struct platform *p = v->domain->platform;

	return p && (p->startups & BIT(v->id));
}

void platform_stopped(struct vcpu *v)
{
	if (platform_starts(v))
		carry_out_startup(v->domain->platform, v);
	/* From now on the domain may end, and the platform with it. */
	__atomic_fetch_sub(&v->domain->vcpus_leaving, 1, __ATOMIC_SEQ_CST);
}

static void carry_out(struct platform *p, u32 bits, void (*what)(struct platform *, struct vcpu *))
{
	for (; bits; bits &= bits - 1)
		what(p, p->domain->vcpus[__builtin_ctz(bits)]);
}

/*
 * Not sched_ipi(): these are devices' interrupts and wake-ups as well, and with two vCPUs on one
 * CPU giving way at each of them took a workload from 18 s to more than 120.
 */
static void carry_out_look(struct platform *p, struct vcpu *v)
{
	struct vcpu *from = this_cpu()->current;

	(void)p;
	if (v == from)
		return;
	sched_kick(v);
	/* No CPU for it: do the sender's PAUSEs exit from now on? prepare.c */
	if (v->state == VCPU_RUNNABLE)
		vcpu_attend(from, ATTENTION_KICK);
}

static void carry_out_rearm(struct platform *p, struct vcpu *v)
{
	(void)p;
	vcpu_attend(v, ATTENTION_KICK);
	/* Also where it sleeps: the CPU that keeps its timer is to look again. */
	if (v->cpu && v->cpu != this_cpu())
		apic_send_kick(v->cpu);
}

static void carry_out_devices_rearm(struct platform *p, struct vcpu *v)
{
	struct cpu *cpu = &cpus[__atomic_load_n(&p->devices_cpu, __ATOMIC_SEQ_CST)];

	if (!__atomic_exchange_n(&p->devices_rearm, false, __ATOMIC_SEQ_CST))
		return;
	if (cpu == this_cpu())
		vcpu_attend(v, ATTENTION_KICK);
	else
		apic_send_kick(cpu); /* both CPUs were at it, and this one came first */
}

void platform_settle(struct vcpu *v)
{
	struct platform *p = v->domain->platform;

	if (p->devices_rearm)
		carry_out_devices_rearm(p, v);
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

/* ---- interrupts and time --------------------------------------------------------------------- */

int platform_irq(struct vcpu *v)
{
	return pc_interrupt_peek(v->domain->platform->pc, v->id);
}

int platform_irq_take(struct vcpu *v)
{
	return pc_interrupt_accept(v->domain->platform->pc, v->id, rdtsc());
}

void platform_irq_undo(struct vcpu *v, int vector)
{
	pc_interrupt_undo(v->domain->platform->pc, v->id, (u8)vector);
}

/* As platform_settle(), but the scheduler's lock is held already. */
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

/*
 * Could its timer's interrupt change anything now? A vCPU that waits for a CPU is asked again when
 * it has one, and one that halted with interrupts off when something else has woken it. Else 16 of
 * them with timers of 20 us would leave little of a CPU that they do not even run on.
 */
static bool timer_matters(const struct vcpu *v)
{
	return v->state == VCPU_RUNNING ||
	       (v->state == VCPU_BLOCKED && (v->wake_mask & ATTENTION_IRQ));
}

u64 platform_tick(struct vcpu *v, u64 now)
{
	struct platform *p = v->domain->platform;
	u64 next;

	/* Most devices' interrupts are for it. */
	if (v->id == 0 && v->state == VCPU_RUNNING && p->devices_cpu != v->cpu->index)
		__atomic_store_n(&p->devices_cpu, v->cpu->index, __ATOMIC_SEQ_CST);
	if (!timer_matters(v))
		return NEVER;
	next = pc_tick_vcpu(p->pc, v->id, now);
	looks_settle(p, now);
	return next;
}

u64 platform_tick_devices(struct domain *d, const struct cpu *cpu, u64 now)
{
	struct platform *p = d->platform;
	u64 next;

	if (p->devices_cpu != cpu->index)
		return NEVER;
	next = pc_tick_vcpu(p->pc, PC_DEVICES, now);
	looks_settle(p, now);
	return next;
}

void platform_power_button(struct domain *d, u64 now)
{
	pc_power_button(d->platform->pc, now);
	looks_settle(d->platform, now);
}

void platform_input(struct domain *d, const char *text, size_t count)
{
	u64 now = rdtsc();

	pc_input(d->platform->pc, (const u8 *)text, count, now);
	looks_settle(d->platform, now);
}
