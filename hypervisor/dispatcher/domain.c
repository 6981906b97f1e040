/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains: built from the bundle at boot, ended by themselves or by us, their memory given back.
 * The bundle has been checked (bundle.c) before anything here reads it.
 */
#include "dispatcher/domain.h"
#include "allocator/frames.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/bundle.h"
#include "interpreter/control.h"
#include "interpreter/platform.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

struct domain *domains[PV_BUNDLE_DOMAINS_MAX];
u32 domain_count;

/*
 * Domains hold counters that must outlive them, so they are never freed: a frame run each, at boot.
 */
static struct domain domain_pool[PV_BUNDLE_DOMAINS_MAX];
static spinlock_t report_lock;

static void vcpu_create(struct domain *d, u32 id, u64 cpu_mask)
{
	struct vcpu *v = frame_alloc();

	if (!v)
		panic("domain %s: no memory for vCPU %u", d->name, id);
	v->domain = d;
	v->id = id;
	v->offered = -1;
	v->trace_who = PV_TRACE_WHO(d->id, id);
	for (unsigned i = 0; i < LAST_EXITS; i++)
		v->last[i].code.exit = PV_EXIT_COUNT; /* none yet */
	v->deadline = ~0ull;
	v->area = v->batch = AREA_NONE;
	v->state_since = rdtsc();
	v->pat = PAT_RESET;
	v->special = domain_has(d, PV_FEATURE_HYPERCALLS) ? 0 : SPECIAL_FORBIDDEN;
	v->cpu_mask = cpu_mask & (BIT(cpu_count) - 1);
	if (!v->cpu_mask)
		v->cpu_mask = BIT(cpu_count) - 1;
	if (context_create(v) || backend->vcpu_create(v))
		panic("domain %s: no memory for vCPU %u", d->name, id);
	stats_describe(v, d->bundle->live_key);
	d->vcpus[id] = v;
}

static void domain_create(struct domain *d, u32 id, const struct pv_bundle_header *bundle,
			  const struct pv_bundle_domain *from)
{
	d->id = id;
	d->bundle = bundle;
	d->from = from;
	strlcpy(d->name, from->name, sizeof(d->name));
	d->mode = from->mode;
	d->memory_bytes = from->memory_bytes;
	/* A fully virtualized domain sees a plain PC: no leaves, no hypercalls. */
	d->features = d->mode == PV_MODE_PV_HAP ? PV_FEATURES_PV : 0;
	d->features = (d->features | from->features_on) & ~from->features_off;
	memcpy(d->call_mask, from->call_mask, sizeof(d->call_mask));
	d->vcpu_count = from->vcpus;
	d->time_area = d->cpuid_area = AREA_NONE;
	d->watchdog = ~0ull;
	console_init(&d->console, id, d->name, from->console_limit);
	d->console.is_interactive = id == 0 && (bundle->flags & PV_BUNDLE_INPUT);
	cpuid_table_build(&d->cpuid, d);
	domain_memory_create(d);
	for (u32 i = 0; i < d->vcpu_count; i++)
		vcpu_create(d, i, from->cpu_mask);
	if (d->mode == PV_MODE_FULL_HAP && platform_create(d))
		panic("domain %s: no memory for its devices", d->name);
	context_start(d->vcpus[0], &from->boot);
}

void domains_create(const void *bundle)
{
	const struct pv_bundle_header *header = bundle;
	const struct pv_bundle_domain *from =
		(const void *)((const char *)bundle + header->domains_offset);

	for (u32 i = 0; i < header->domain_count; i++) {
		domains[i] = &domain_pool[i];
		domain_create(domains[i], i, header, &from[i]);
	}
	domain_count = header->domain_count;
	live_domains = domain_count;
}

/* True for the first caller only: it may write the end. */
static bool end_begins(struct domain *d)
{
	bool first;

	spin_lock(&d->end_lock);
	first = !d->ending;
	d->ending = true;
	spin_unlock(&d->end_lock);
	return first;
}

void vm_shutdown(struct domain *d, u32 reason, u32 status)
{
	if (!end_begins(d))
		return;
	d->end = (struct pv_frame_domain_end){
		.domain = d->id, .how = PV_END_SHUTDOWN, .reason = reason, .status = status
	};
	sched_end(d);
}

void vm_kill(struct domain *d, struct vcpu *v, const char *format, ...)
{
	va_list args;

	if (!end_begins(d))
		return;
	d->end = (struct pv_frame_domain_end){ .domain = d->id,
					       .how = PV_END_KILLED,
					       .status = 255 };
	va_start(args, format);
	format_text_v(d->end.why, sizeof(d->end.why), format, args);
	va_end(args);
	/* Two domains may die at once: their reports come one after the other. */
	spin_lock(&report_lock);
	if (v) {
		log_line("domain %s vCPU %u killed: %s", d->name, v->id, d->end.why);
		report_vcpu(v);
	} else {
		log_line("domain %s killed: %s", d->name, d->end.why);
	}
	spin_unlock(&report_lock);
	sched_end(d);
}

void domain_ended(struct domain *d)
{
	/* One that stopped before the end began may still be asking the platform on its CPU. */
	while (__atomic_load_n(&d->vcpus_leaving, __ATOMIC_SEQ_CST))
		cpu_relax();
	if (domain_restart(d))
		return;
	console_flush(&d->console);
	events_close_all(d);
	for (u32 i = 0; i < d->vcpu_count; i++)
		stats_send(d->vcpus[i], PV_STATS_END, 0);
	if (this_cpu()->ring)
		trace_domain(this_cpu()->ring, d->vcpus[0], TRACE_DOMAIN_END);
	channel_send(PV_FRAME_DOMAIN_END, &d->end, sizeof(d->end));
	for (u32 i = 0; i < d->vcpu_count; i++)
		backend->vcpu_destroy(d->vcpus[i]);
	platform_destroy(d);
	domain_memory_destroy(d);
	d->ended = true;
	sched_domain_gone();
}
