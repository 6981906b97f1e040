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
#include "machine/machine.h"

#define FIELD(v, field, value) \
	guest_write(&(v)->domain->p2m, (v)->area + offsetof(struct pv_vcpu_area, field), (value), \
		    sizeof(((struct pv_vcpu_area *)0)->field))

#define CALLS_SHOWN 0x80u /* calls below this number; the others are asked for with STATS_READ */

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

/* Calls and batch members by number; one array of them is all that a stack should carry. */
static __attribute__((noinline)) void counts_write(struct vcpu *v, bool is_members)
{
	size_t field = is_members ? offsetof(struct pv_vcpu_area, members) :
				    offsetof(struct pv_vcpu_area, calls);
	u64 counts[CALLS_SHOWN] = { 0 };

	for (unsigned row = 0; row < HYPERCALL_ROWS; row++)
		if (hypercall_number(row) < CALLS_SHOWN)
			counts[hypercall_number(row)] = is_members ? v->members[row] :
								     v->calls[row].count;
	guest_write(&v->domain->p2m, v->area + field, counts, sizeof(counts));
}

static void version_step(struct vcpu *v)
{
	v->area_version++;
	FIELD(v, version, &v->area_version);
}

void area_write_state(struct vcpu *v)
{
	u64 times[4], exits[64] = { 0 };
	u32 state = v->public_state;
	u64 since = pvclock_ns(v->state_since);

	if (v->area == AREA_NONE)
		return;
	for (unsigned i = 0; i < 4; i++)
		times[i] = pvclock_ns(v->state_tsc[i]);
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		exits[i] = v->exits[i].count;
	for (unsigned row = 0; row < HYPERCALL_ROWS; row++)
		exits[PV_EXIT_HYPERCALL] += v->calls[row].count;
	version_step(v); /* odd: being written */
	FIELD(v, state, &state);
	FIELD(v, state_since_ns, &since);
	FIELD(v, state_ns, times);
	FIELD(v, exits, exits);
	counts_write(v, false);
	counts_write(v, true);
	version_step(v);
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
	area_write_state(v);
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
