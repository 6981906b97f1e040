/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling the areas. Writes go through the checked copy functions: a page that the guest has given
 * away meanwhile simply gets nothing. The VCPU area is written by the CPU that holds the vCPU or,
 * under sched_lock, by the one that puts it aside.
 */
#include "dispatcher/area.h"
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "lib/lib.h"
#include "lib/muldiv.h"
#include "machine/cpu.h"
#include "machine/machine.h"

#define FIELD(v, field, value) \
	guest_write(&(v)->domain->p2m, (v)->area + offsetof(struct pv_vcpu_area, field), (value), \
		    sizeof(((struct pv_vcpu_area *)0)->field))

/* Members are shown of the calls below this number; the others are asked for with STATS_READ. */
#define MEMBERS_SHOWN (sizeof(((struct pv_vcpu_area *)0)->members) / 8)

/* ---- pvclock --------------------------------------------------------------------------------- */

#define PVCLOCK_TSC_STABLE 1u /* flags: all vCPUs' entries are one clock */

/*
 * mul and shift such that mul has its top bit set: the finest steps that the layout can express.
 * ns = ((tsc << shift) * mul) >> 32, so mul is 2^32 * 10^6 / (kHz * 2^shift).
 */
static void pvclock_factors(u32 *mul, int *shift)
{
	static u32 known_mul;
	static int known_shift;
	static u64 known_khz; /* written last: the others belong to it */
	u64 quotient;

	if (known_khz == tsc_khz) {
		*mul = known_mul;
		*shift = known_shift;
		return;
	}
	for (*shift = -8; *shift < 24; ++*shift) {
		quotient = multiply_divide(1000000, 1ull << (32 - *shift), tsc_khz);
		if (quotient >> 32 == 0)
			break;
	}
	*mul = (u32)quotient;
	known_mul = *mul;
	known_shift = *shift;
	__atomic_store_n(&known_khz, tsc_khz, __ATOMIC_RELEASE);
}

u64 pvclock_ns(u64 tsc)
{
	int shift;
	u32 mul;

	pvclock_factors(&mul, &shift);
	tsc = shift < 0 ? tsc >> -shift : tsc << shift;
	return (u64)(((unsigned __int128)tsc * mul) >> 32);
}

/* The guest's own arithmetic backwards, rounded up: its timer must never come early to it. */
u64 pvclock_tsc(u64 ns)
{
	u64 shifted;
	int shift;
	u32 mul;

	/* Any number a guest may think of: what is 36 years away is never. */
	if (ns >> 60)
		return ~0ull;
	pvclock_factors(&mul, &shift);
	shifted = multiply_divide(ns, 1ull << 32, mul);
	if ((unsigned __int128)shifted * mul < (unsigned __int128)ns << 32)
		shifted++;
	return shift < 0 ? shifted << -shift : (shifted + (1ull << shift) - 1) >> shift;
}

void area_write_time(struct vcpu *v)
{
	struct pv_time_entry entry = { .version = 2 };
	int shift;

	if (v->domain->time_area == AREA_NONE)
		return;
	pvclock_factors(&entry.tsc_to_system_mul, &shift);
	entry.tsc_shift = (int8_t)shift;
	if (domain_has(v->domain, BIT(PV_FEATURE_BIT_TSC_STABLE)))
		entry.flags = PVCLOCK_TSC_STABLE;
	guest_write(&v->domain->p2m, v->domain->time_area + (gpa_t)v->id * PV_TIME_STRIDE, &entry,
		    sizeof(entry));
}

/* ---- VCPU area ------------------------------------------------------------------------------- */

void area_write_deadline(struct vcpu *v)
{
	u64 ns = v->deadline == ~0ull ? 0 : pvclock_ns(v->deadline);

	if (v->area != AREA_NONE)
		FIELD(v, next_deadline_ns, &ns);
}

void area_write_preempted(struct vcpu *v, bool preempted)
{
	u8 flag = preempted;

	if (v->area != AREA_NONE)
		FIELD(v, preempted, &flag);
}

/*
 * A tick comes by here, so each counter costs a load and a store: the rows of the call table are
 * written out one by one, and what is no row is zero since the area was registered.
 */
static void counters_write(struct pv_vcpu_area *area, const struct vcpu *v)
{
	u64 hypercalls = v->exits[PV_EXIT_HYPERCALL].count;

#define HYPERCALL(nr, handler, args, units, batch, feature) \
	area->calls[nr] = v->calls[ROW_##handler].count; \
	hypercalls += v->calls[ROW_##handler].count; \
	if ((nr) < MEMBERS_SHOWN) \
		area->members[(nr) % MEMBERS_SHOWN] = v->members[ROW_##handler];
#include "pv_dispatch.h"
#undef HYPERCALL
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		area->exits[i] = v->exits[i].count;
	area->exits[PV_EXIT_HYPERCALL] = hypercalls;
}

/* The version is odd while the rest is written, in this order to everybody who reads. */
static void version_step(struct pv_vcpu_area *area, struct vcpu *v)
{
	v->area_version++;
	__atomic_store_n(&area->version, v->area_version, __ATOMIC_SEQ_CST);
}

/* The page is mapped once: nothing in between uses the window, or could move the area. */
static void state_write(struct vcpu *v, bool is_new)
{
	hpa_t page = v->area == AREA_NONE ? 0 : p2m_lookup(&v->domain->p2m, v->area);
	struct pv_vcpu_area *area;

	if (!page)
		return;
	area = window_map(this_cpu(), 0, page);
	version_step(area, v);
	if (is_new) {
		memset(area->exits, 0, sizeof(area->exits));
		memset(area->calls, 0, sizeof(area->calls));
		memset(area->members, 0, sizeof(area->members));
	}
	area->state = v->public_state;
	area->state_since_ns = pvclock_ns(v->state_since);
	for (unsigned i = 0; i < ARRAY_SIZE(area->state_ns); i++)
		area->state_ns[i] = pvclock_ns(v->state_tsc[i]);
	counters_write(area, v);
	version_step(area, v);
	window_unmap(this_cpu(), 0);
}

void area_write_state(struct vcpu *v)
{
	state_write(v, false);
}

/* ---- CPUID area ------------------------------------------------------------------------------ */

static void cpuid_area_write(struct vcpu *v, gpa_t page)
{
	static struct pv_cpuid_row rows[CPUID_ENTRIES + 1]; /* under lock: too large for a stack */
	static spinlock_t lock;
	unsigned count;

	spin_lock(&lock);
	count = cpuid_rows(v->domain, rows, CPUID_ENTRIES);
	rows[count] = (struct pv_cpuid_row){ .leaf = ~0u }; /* the end */
	guest_write(&v->domain->p2m, page, rows, (count + 1) * sizeof(rows[0]));
	spin_unlock(&lock);
}

/* ---- registration ---------------------------------------------------------------------------- */

static void vcpu_area_begin(struct vcpu *v)
{
	u64 wall = wall_clock_ns();

	FIELD(v, wall_ns, &wall);
	state_write(v, true);
	area_write_deadline(v);
}

int area_register(struct vcpu *v, u64 kind, gpa_t page)
{
	struct domain *d = v->domain;
	bool is_end = page == AREA_NONE;

	if (kind > PV_AREA_BATCH || (!is_end && (page & (PAGE_SIZE - 1))))
		return -PV_EINVAL;
	if (!is_end && !p2m_lookup(&d->p2m, page))
		return -PV_EFAULT;
	/* Another domain may be about to set a bit in the area that moves. */
	spin_lock(&d->memory_lock);
	switch (kind) {
	case PV_AREA_TIME:
		d->time_area = page;
		for (u32 i = 0; !is_end && i < d->vcpu_count; i++)
			area_write_time(d->vcpus[i]);
		break;
	case PV_AREA_VCPU:
		v->area = page;
		if (!is_end)
			vcpu_area_begin(v);
		break;
	case PV_AREA_CPUID:
		d->cpuid_area = page;
		if (!is_end)
			cpuid_area_write(v, page);
		break;
	default:
		v->batch = page;
		break;
	}
	spin_unlock(&d->memory_lock);
	return 0;
}

static bool within(gpa_t page, gpa_t chunk)
{
	return page != AREA_NONE && ALIGN_DOWN(page, CHUNK_SIZE) == chunk;
}

bool area_in_chunk(const struct domain *d, gpa_t chunk)
{
	if (within(d->time_area, chunk) || within(d->cpuid_area, chunk))
		return true;
	for (u32 i = 0; i < d->vcpu_count; i++)
		if (within(d->vcpus[i]->area, chunk) || within(d->vcpus[i]->batch, chunk))
			return true;
	return false;
}
