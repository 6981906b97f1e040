/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing EPT and NPT: four levels of 512 entries, the same shape in both. Called when a domain is
 * built and when its memory changes, never on the exit path. A change is made in two passes over
 * the range: the first adds the tables that are missing and may run out of memory, but translates
 * as before; the second writes leaves and cannot fail. Entries change by single 8-byte stores,
 * because the CPU may walk the tables meanwhile; a table, once linked, stays until hap_destroy(),
 * because a CPU may hold it in its paging-structure caches.
 */
#include "allocator/frames.h"
#include "allocator/hap.h"
#include "lib/lib.h"
#include "pv_abi.h"

#define TOP_LEVEL 3u /* levels count from the 4 KiB leaves, 0 */
#define ENTRIES 512u

/* SDM vol. 3 "The EPT Translation Mechanism". Write-back is type 6; "ignore PAT" stays clear, so
 * the guest's PAT has its say. */
#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_TYPE_WB (6ull << 3)
#define EPT_LARGE BIT(7)

const struct hap_format hap_ept = {
	.table = EPT_READ | EPT_WRITE | EPT_EXECUTE,
	.leaf = EPT_TYPE_WB,
	.large = EPT_LARGE,
	.read = EPT_READ,
	.write = EPT_WRITE,
	.execute = EPT_EXECUTE,
};

/* APM vol. 2 "Nested Paging": ordinary long-mode entries. The walk of a nested table counts as a
 * user access, so the user bit is set everywhere; A and D are set beforehand to spare the CPU the
 * write. */
#define NPT_PRESENT BIT(0)
#define NPT_WRITE BIT(1)
#define NPT_USER BIT(2)
#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)
#define NPT_LARGE BIT(7)
#define NPT_NO_EXECUTE BIT(63)

const struct hap_format hap_npt = {
	.table = NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED,
	.leaf = NPT_USER | NPT_ACCESSED | NPT_DIRTY,
	.large = NPT_LARGE,
	.read = NPT_PRESENT,
	.write = NPT_WRITE,
	.no_execute = NPT_NO_EXECUTE,
};

struct change {
	struct hap *hap;
	hpa_t hpa;
	gpa_t gpa; /* where hpa is mapped */
	u32 rights; /* 0 = unmap */
	bool commit; /* second pass: write leaves */
};

static u64 level_bytes(unsigned level)
{
	return PAGE_SIZE << 9 * level;
}

static unsigned entry_index(gpa_t gpa, unsigned level)
{
	return gpa >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1);
}

static u64 *entry_table(u64 entry)
{
	return (u64 *)(uintptr_t)(entry & HAP_ADDRESS);
}

static bool is_table(const struct hap_format *format, u64 entry, unsigned level)
{
	return level && entry && !(entry & format->large);
}

static u64 make_leaf(const struct hap_format *format, hpa_t hpa, u32 rights, unsigned level)
{
	u64 entry = hpa | format->leaf | (level ? format->large : 0);

	entry |= format->read;
	if (rights & HAP_W)
		entry |= format->write;
	entry |= rights & HAP_X ? format->execute : format->no_execute;
	return entry;
}

static void store(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Puts a table that translates the same in the place of a leaf or of nothing. */
static int split(struct hap *hap, u64 *entry, unsigned level)
{
	u64 *table = frame_alloc(), leaf = *entry;

	if (!table)
		return -PV_ENOMEM;
	hap->tables++;
	if (leaf) {
		if (level ==
		    1) /* the pieces are 4 KiB: there the large bit is the PAT's or ignored */
			leaf &= ~hap->format->large;
		for (unsigned i = 0; i < ENTRIES; i++)
			table[i] = leaf + i * level_bytes(level - 1);
	}
	store(entry, (uintptr_t)table | hap->format->table);
	return 0;
}

/* Can this whole entry, at gpa, become one leaf, or nothing, by this change? */
static bool fits(const struct change *change, gpa_t gpa, u64 bytes, unsigned level)
{
	if (bytes != level_bytes(level))
		return false;
	if (!change->rights || level == 0)
		return true;
	if (level == TOP_LEVEL || !(level == 1 ? change->hap->has_large : change->hap->has_huge))
		return false;
	return ((change->hpa + (gpa - change->gpa)) & (bytes - 1)) == 0;
}

static u64 new_leaf(const struct change *change, gpa_t gpa, unsigned level)
{
	if (!change->rights)
		return 0;
	return make_leaf(change->hap->format, change->hpa + (gpa - change->gpa), change->rights,
			 level);
}

static int change_table(const struct change *change, u64 *table, unsigned level, gpa_t gpa,
			u64 bytes);

/* Applies the change to [gpa, gpa+bytes), which one entry of this level covers. */
static int change_entry(const struct change *change, u64 *entry, unsigned level, gpa_t gpa,
			u64 bytes)
{
	const struct hap_format *format = change->hap->format;

	if (!is_table(format, *entry, level)) {
		if (fits(change, gpa, bytes, level)) {
			if (change->commit)
				store(entry, new_leaf(change, gpa, level));
			return 0;
		}
		if (!*entry && !change->rights) /* unmapping what is not there */
			return 0;
		if (split(change->hap, entry, level))
			return -PV_ENOMEM;
	}
	return change_table(change, entry_table(*entry), level - 1, gpa, bytes);
}

/* The same for what one table covers. */
static int change_table(const struct change *change, u64 *table, unsigned level, gpa_t gpa,
			u64 bytes)
{
	while (bytes) {
		u64 room = level_bytes(level) - (gpa & (level_bytes(level) - 1));
		u64 part = min(room, bytes);
		int error = change_entry(change, &table[entry_index(gpa, level)], level, gpa, part);

		if (error)
			return error;
		gpa += part;
		bytes -= part;
	}
	return 0;
}

int hap_map(struct hap *hap, gpa_t gpa, hpa_t hpa, u64 bytes, u32 rights)
{
	hpa_t target = rights ? hpa : 0;
	struct change change = { .hap = hap, .hpa = target, .gpa = gpa, .rights = rights };
	int error;

	if ((gpa | change.hpa | bytes) & (PAGE_SIZE - 1) || rights & ~HAP_RWX)
		return -PV_EINVAL;
	if (rights && !(rights & HAP_R))
		return -PV_EINVAL;
	if (gpa > BIT(HAP_GPA_BITS) || bytes > BIT(HAP_GPA_BITS) - gpa)
		return -PV_EINVAL;
	if (change.hpa > HAP_ADDRESS || bytes > HAP_ADDRESS + PAGE_SIZE - change.hpa)
		return -PV_EINVAL;
	error = change_table(&change, hap->root, TOP_LEVEL, gpa, bytes);
	if (error)
		return error;
	change.commit = true;
	return change_table(&change, hap->root, TOP_LEVEL, gpa, bytes);
}

u64 hap_lookup(const struct hap *hap, gpa_t gpa, u64 *leaf_bytes)
{
	const u64 *table = hap->root;
	unsigned level = TOP_LEVEL;
	u64 entry = 0;

	if (gpa < BIT(HAP_GPA_BITS)) {
		entry = table[entry_index(gpa, level)];
		while (is_table(hap->format, entry, level)) {
			table = entry_table(entry);
			entry = table[entry_index(gpa, --level)];
		}
	}
	if (leaf_bytes)
		*leaf_bytes = level_bytes(level);
	return entry;
}

int hap_init(struct hap *hap, const struct hap_format *format, bool has_large, bool has_huge)
{
	*hap = (struct hap){ .format = format, .has_large = has_large, .has_huge = has_huge };
	hap->root = frame_alloc();
	if (!hap->root)
		return -PV_ENOMEM;
	hap->tables = 1;
	return 0;
}

static void free_table(const struct hap *hap, u64 *table, unsigned level)
{
	for (unsigned i = 0; i < ENTRIES && level; i++) {
		if (is_table(hap->format, table[i], level))
			free_table(hap, entry_table(table[i]), level - 1);
	}
	frame_free(table);
}

void hap_destroy(struct hap *hap)
{
	if (hap->root)
		free_table(hap, hap->root, TOP_LEVEL);
	hap->root = NULL;
	hap->tables = 0;
}
