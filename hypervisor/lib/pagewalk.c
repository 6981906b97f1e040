/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest page walk (SDM vol. 3 chapter "Paging"). One loop serves all formats: a walk_format
 * says how many levels there are and how an entry of each looks. Guest tables may hold anything and
 * may lie anywhere; at most five entries are read, each once.
 */
#include "lib/pagewalk.h"

#define CR0_WP BIT(16)
#define CR0_PG BIT(31)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_USER BIT(2)
#define PTE_LARGE BIT(7)
#define PTE_NO_EXECUTE BIT(63)

#define ERROR_PRESENT BIT(0)
#define ERROR_WRITE BIT(1)
#define ERROR_USER BIT(2)
#define ERROR_RESERVED BIT(3)
#define ERROR_FETCH BIT(4)

struct walk_format {
	unsigned levels;
	unsigned entry_bytes; /* 4 or 8 */
	unsigned index_bits; /* 10 or 9 */
	unsigned top_index_bits; /* PAE: 2 */
	unsigned large_levels; /* a level below this one, not 0, may hold leaves */
	u64 reserved; /* in every entry */
	u64 reserved_top; /* besides, in entries of the top level */
	bool top_has_rights; /* not so in PAE */
	bool has_pse36; /* a large page's address bits 39:32 are bits 20:13 (PSE-36) */
	u64 root; /* address of the top table */
};

static u64 bits(unsigned low, unsigned high)
{
	return low > high ? 0 : (~0ull >> (63 - high)) & (~0ull << low);
}

static unsigned clamp(unsigned value, unsigned low, unsigned high)
{
	return value < low ? low : min(value, high);
}

static struct walk_format format_of(const struct walk_state *state)
{
	bool has_nx = state->efer & EFER_NXE;
	/* Not below 32: narrower physical addresses do not exist and would break the masks. */
	unsigned width = clamp(state->physical_bits, 32, 52);

	if (!(state->cr4 & CR4_PAE))
		return (struct walk_format){
			.levels = 2,
			.entry_bytes = 4,
			.index_bits = 10,
			.top_index_bits = 10,
			.large_levels = state->cr4 & CR4_PSE ? 2 : 0,
			.top_has_rights = true,
			.has_pse36 = true,
			.root = state->cr3 & 0xfffff000,
		};
	if (!(state->efer &
	      EFER_LMA)) /* "PAE Paging": PDPTEs have no rights and many reserved bits */
		return (struct walk_format){
			.levels = 3,
			.entry_bytes = 8,
			.index_bits = 9,
			.top_index_bits = 2,
			.large_levels = 2,
			.reserved = bits(width, 62) | (has_nx ? 0 : PTE_NO_EXECUTE),
			/* Bit 5 too is reserved, but QEMU sets it as an A bit. */
			.reserved_top = bits(1, 2) | bits(6, 8) | PTE_NO_EXECUTE,
			.root = state->cr3 & 0xffffffe0,
		};
	return (struct walk_format){
		.levels = state->cr4 & CR4_LA57 ? 5 : 4,
		.entry_bytes = 8,
		.index_bits = 9,
		.top_index_bits = 9,
		.large_levels = 3,
		.reserved = bits(width, 51) | (has_nx ? 0 : PTE_NO_EXECUTE),
		.top_has_rights = true,
		.root = state->cr3 & bits(12, width - 1),
	};
}

static bool is_canonical(gva_t gva, unsigned linear_bits)
{
	s64 high = (s64)gva >> (linear_bits - 1);

	return high == 0 || high == -1;
}

static unsigned level_shift(const struct walk_format *format, unsigned level)
{
	return PAGE_SHIFT + format->index_bits * level;
}

/* Is this entry a leaf? Level 0 always is. */
static bool is_leaf(const struct walk_format *format, u64 entry, unsigned level)
{
	return level == 0 || (level < format->large_levels && entry & PTE_LARGE);
}

static u64 reserved_bits(const struct walk_format *format, const struct walk_state *state,
			 u64 entry, unsigned level)
{
	u64 reserved = format->reserved;
	bool is_top = level == format->levels - 1;

	if (is_top)
		reserved |= format->reserved_top;
	if (is_leaf(format, entry, level)) {
		if (level && format->has_pse36) /* bits 20:13 are address, as far as there is any */
			reserved |= bits(clamp(state->physical_bits, 32, 40) - 32 + 13, 21);
		else if (level)
			reserved |= bits(13, level_shift(format, level) - 1);
	} else if (format->entry_bytes == 8 && level >= format->large_levels) {
		reserved |= PTE_LARGE; /* PML4E, PML5E */
	}
	return reserved;
}

static u64 leaf_address(const struct walk_format *format, u64 entry, unsigned level)
{
	u64 address = entry & bits(level_shift(format, level), 51);

	if (level && format->has_pse36)
		address |= (entry & bits(13, 20)) << 19;
	return address;
}

/* SDM "Determination of Access Rights" */
static bool allows(const struct walk_state *state, const struct walk_result *page, u32 access)
{
	if (access & WALK_USER) {
		if (!page->user)
			return false;
	} else if (page->user) {
		if (access & WALK_FETCH && state->cr4 & CR4_SMEP)
			return false;
		if (!(access & WALK_FETCH) && state->cr4 & CR4_SMAP && !state->rflags_ac)
			return false;
	}
	if (access & WALK_FETCH)
		return page->executable;
	if (access & WALK_WRITE && !page->writable)
		return !(access & WALK_USER) && !(state->cr0 & CR0_WP);
	return true;
}

static struct walk_result fault(const struct walk_state *state, u32 access, u32 why)
{
	bool tells_fetch = state->cr4 & CR4_SMEP ||
			   (state->cr4 & CR4_PAE && state->efer & EFER_NXE);

	if (access & WALK_WRITE)
		why |= ERROR_WRITE;
	if (access & WALK_USER)
		why |= ERROR_USER;
	if (access & WALK_FETCH && tells_fetch)
		why |= ERROR_FETCH;
	return (struct walk_result){ .error = why };
}

static void narrow_rights(struct walk_result *page, const struct walk_format *format, u64 entry,
			  unsigned level)
{
	if (level == format->levels - 1 && !format->top_has_rights)
		return;
	page->writable &= !!(entry & PTE_WRITE);
	page->user &= !!(entry & PTE_USER);
	page->executable &= !(entry & PTE_NO_EXECUTE);
}

struct walk_result page_walk(const struct walk_state *state, gva_t gva, u32 access,
			     walk_read_t read, void *context)
{
	struct walk_result page = { .writable = true, .user = true, .executable = true };
	struct walk_format format = format_of(state);
	u64 table = format.root, entry;
	unsigned level = format.levels;

	if (!(state->efer & EFER_LMA))
		gva &= 0xffffffff;
	else if (!is_canonical(gva, level_shift(&format, level)))
		return (struct walk_result){ .non_canonical = true };
	if (!(state->cr0 & CR0_PG)) {
		page.ok = true;
		page.gpa = gva;
		page.page_bytes = PAGE_SIZE;
		return page;
	}
	do {
		bool is_top = level-- == format.levels;
		u64 index = gva >> level_shift(&format, level);

		index &= BIT(is_top ? format.top_index_bits : format.index_bits) - 1;
		if (!read(context, table + index * format.entry_bytes, format.entry_bytes, &entry))
			return (struct walk_result){ .bad_table = true };
		if (!(entry & PTE_PRESENT))
			return fault(state, access, 0);
		if (entry & reserved_bits(&format, state, entry, level))
			return fault(state, access, ERROR_PRESENT | ERROR_RESERVED);
		narrow_rights(&page, &format, entry, level);
		table = entry & bits(12, 51);
	} while (!is_leaf(&format, entry, level));
	if (!allows(state, &page, access))
		return fault(state, access, ERROR_PRESENT);
	page.ok = true;
	page.page_bytes = BIT(level_shift(&format, level));
	page.gpa = leaf_address(&format, entry, level) | (gva & (page.page_bytes - 1));
	return page;
}
