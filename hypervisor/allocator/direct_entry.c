/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one validator of direct paging: what an entry of a guest's page table may be. Everything that
 * puts a value into a table, or makes a table of a frame, comes through entry_get(), with a value
 * that was read once; there is no way around it for changes that look harmless. Whether the frame
 * that an entry names may be referred to is the frame's word (direct_frame.c).
 */
#include "allocator/direct_internal.h"

static u64 reserved_bits(const struct direct_limits *limits)
{
	return ENTRY_ADDRESS & ~(BIT(limits->physical_bits) - 1);
}

/*
 * An entry that is not present may carry no address: CPUs with L1TF read the cache at it all the
 * same, whoever owns the memory. What kernels do against it passes: they invert the address of
 * entries they keep for themselves (swapped out, PROT_NONE), which sets its highest bit. That
 * helps where no memory has that bit.
 */
static bool hides_address(const struct direct_limits *limits, u64 entry)
{
	u64 top = BIT(limits->physical_bits - 1);

	if (!(entry & ENTRY_ADDRESS))
		return false;
	return !(entry & top) || limits->memory_end > top;
}

unsigned entry_check(const struct direct_limits *limits, unsigned level, u64 entry)
{
	if (!(entry & ENTRY_PRESENT))
		return hides_address(limits, entry) ? WHY_HIDDEN_ADDRESS : WHY_NOTHING;
	if (entry & reserved_bits(limits))
		return WHY_RESERVED;
	/* PAT entry 0 is WB in the only PAT that hardware ever sees. Tables are read through PWT
	 * and PCD too. */
	if (entry & (ENTRY_WRITE_THROUGH | ENTRY_CACHE_DISABLE))
		return WHY_MEMORY_TYPE;
	if (level == 1 && (entry & ENTRY_LARGE))
		return WHY_MEMORY_TYPE;
	if (level > 1 && (entry & ENTRY_LARGE))
		return WHY_LARGE;
	/* Ignored by Intel, reserved by AMD in the upper levels; no kernel needs it. */
	if (level > 1 && (entry & ENTRY_GLOBAL))
		return WHY_RESERVED;
	if ((entry & ENTRY_NO_EXECUTE) && !limits->no_execute)
		return WHY_NO_EXECUTE;
	return WHY_NOTHING;
}

struct reference entry_reference(unsigned level, u64 entry)
{
	struct reference r = { (u32)((entry & ENTRY_ADDRESS) >> PAGE_SHIFT), TYPE_NONE };

	if (!(entry & ENTRY_PRESENT))
		return r;
	/* Exactly the level below: so no table refers to itself, to its level or above. */
	if (level > 1)
		r.type = (u8)(level - 1);
	else
		r.type = entry & ENTRY_WRITE ? TYPE_WRITABLE : TYPE_READ;
	return r;
}

int entry_get(struct direct_vcpu *v, unsigned level, u64 entry)
{
	unsigned why = entry_check(&v->direct->limits, level, entry);
	struct reference r = entry_reference(level, entry);
	int error = 0;

	if (why)
		error = refuse(v, why);
	else if (r.type != TYPE_NONE)
		error = frame_get(v, (entry & ENTRY_ADDRESS) >> PAGE_SHIFT, r.type);
	if (error) {
		v->refusal.level = (u8)level;
		v->refusal.entry = entry;
	}
	return error;
}

void entry_put(struct direct *d, unsigned level, u64 entry)
{
	struct reference r = entry_reference(level, entry);

	if (r.type != TYPE_NONE)
		frame_put(d, r.mfn, r.type);
}
