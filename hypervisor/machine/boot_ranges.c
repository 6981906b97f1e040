/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of usable RAM in struct boot_info: kept sorted, page aligned and free of overlap
 * whatever is added to or removed from it. Called by boot.c only. No hardware, no asm: builds on
 * the host. A firmware map may be unsorted, overlapping or larger than the list: what does not fit
 * is left out, smallest ranges first, and counted in ram_dropped.
 */
#include "lib/lib.h"
#include "machine/machine.h"
#include "machine/internal.h"

static void delete_range(struct boot_info *info, u32 at)
{
	info->ram_count--;
	memmove(&info->ram[at], &info->ram[at + 1], (info->ram_count - at) * sizeof(info->ram[0]));
}

static u64 range_bytes(const struct boot_range *range)
{
	return range->end - range->start;
}

/* Makes room for a range of `bytes`; false if every one in the list is worth more. */
static bool evict_smallest(struct boot_info *info, u64 bytes)
{
	u32 smallest = 0;

	for (u32 i = 1; i < info->ram_count; i++)
		if (range_bytes(&info->ram[i]) < range_bytes(&info->ram[smallest]))
			smallest = i;
	if (range_bytes(&info->ram[smallest]) >= bytes) {
		info->ram_dropped += bytes;
		return false;
	}
	info->ram_dropped += range_bytes(&info->ram[smallest]);
	delete_range(info, smallest);
	return true;
}

static void insert_range(struct boot_info *info, hpa_t start, hpa_t end)
{
	u32 at = 0;

	if (info->ram_count == BOOT_RANGES_MAX && !evict_smallest(info, end - start))
		return;
	while (at < info->ram_count && info->ram[at].start < start)
		at++;
	memmove(&info->ram[at + 1], &info->ram[at], (info->ram_count - at) * sizeof(info->ram[0]));
	info->ram[at] = (struct boot_range){ start, end };
	info->ram_count++;
}

/* Adds the whole pages of [start, end) that lie between 1 MiB and MACHINE_LIMIT. */
void boot_ranges_add(struct boot_info *info, hpa_t start, hpa_t end)
{
	start = max(start, (hpa_t)LOW_MEMORY);
	end = min(end, (hpa_t)MACHINE_LIMIT);
	if (start >= end)
		return; /* first, so that rounding up cannot wrap */
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start >= end)
		return;
	/* Whatever touches the new range becomes part of it. */
	for (u32 i = 0; i < info->ram_count;) {
		if (info->ram[i].end < start || info->ram[i].start > end) {
			i++;
			continue;
		}
		start = min(start, info->ram[i].start);
		end = max(end, info->ram[i].end);
		delete_range(info, i);
		i = 0; /* the range has grown: it may touch earlier ones now */
	}
	insert_range(info, start, end);
}

/* Takes out every page that [start, end) touches. */
void boot_ranges_remove(struct boot_info *info, hpa_t start, hpa_t end)
{
	if (start >= end || start >= MACHINE_LIMIT)
		return;
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = min(end, (hpa_t)MACHINE_LIMIT);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (u32 i = 0; i < info->ram_count;) {
		struct boot_range range = info->ram[i];

		if (range.end <= start || range.start >= end) {
			i++;
			continue;
		}
		/* At most two pieces stay, both outside [start, end): the loop skips them. */
		delete_range(info, i);
		if (range.start < start)
			insert_range(info, range.start, start);
		if (range.end > end)
			insert_range(info, end, range.end);
		i = 0;
	}
}

/* Is all of [start, end) usable RAM? */
bool boot_ranges_cover(const struct boot_info *info, hpa_t start, hpa_t end)
{
	for (u32 i = 0; i < info->ram_count; i++)
		if (info->ram[i].start <= start && end <= info->ram[i].end)
			return start < end;
	return false;
}
