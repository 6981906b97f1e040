// SPDX-License-Identifier: BSD-2-Clause
/*
 * The calls through pv_ops: a site stands for the sensitive instructions of the function that its
 * member of pv_ops starts with, and may be patched back to them by an alternative at the same
 * place. Called by scan_decode.c once all instructions are known.
 */
#include "scan.h"

/* An original has at most 255 bytes, so few alternatives can hold the site. */
static bool is_patched_back(const struct scan *scan, const struct scan_pv_site *site,
			    enum scan_class_id class)
{
	const struct scan_tables *tables = &scan->tables;
	size_t i = sorted_upto(tables->alternatives, tables->alternative_count,
			       sizeof(*tables->alternatives), site->start);

	for (; i > 0; i--) {
		const struct scan_alternative *a = &tables->alternatives[i - 1];

		if (site->start - a->start > UINT8_MAX)
			break;
		if (site->end <= a->end && scan_has(scan, class, a->with, a->with_end))
			return true;
	}
	return false;
}

static void add_calls(struct scan *scan, const struct scan_pv_site *site)
{
	const struct scan_operation *operation = &scan->tables.operations[site->operation];
	const struct scan_section *s = scan_section_at(&scan->image, site->start);

	if (!operation->function)
		return;
	for (unsigned int class = 0; class < SCAN_CLASSES; class ++) {
		if (!scan_has(scan, class, operation->function, operation->function_end))
			continue;
		scan_add(scan, site->start, class,
			 is_patched_back(scan, site, class) ? SCAN_CALL_BACK : SCAN_CALL,
			 s->is_init);
	}
}

void scan_calls(struct scan *scan)
{
	for (size_t i = 0; i < scan->tables.pv_count; i++)
		add_calls(scan, &scan->tables.pv[i]);
}
