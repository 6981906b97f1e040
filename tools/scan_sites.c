// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where the instructions of a class are: `pvn scan --sites CLASS`, and what is known of a site.
 * Called by scan.c and scan_files.c.
 */
#include <stdio.h>
#include <string.h>

#include "scan.h"

#define WHERE_BYTES 160u

static const struct scan_alternative *alternative_with(const struct scan_tables *tables,
						       uint64_t address)
{
	for (size_t i = 0; i < tables->alternative_count; i++)
		if (address >= tables->alternatives[i].with &&
		    address < tables->alternatives[i].with_end)
			return &tables->alternatives[i];
	return NULL;
}

static const struct scan_alternative *alternative_of(const struct scan_tables *tables,
						     uint64_t address)
{
	for (size_t i = 0; i < tables->alternative_count; i++)
		if (address >= tables->alternatives[i].start &&
		    address < tables->alternatives[i].end)
			return &tables->alternatives[i];
	return NULL;
}

/* Features as the kernel numbers them (asm/cpufeatures.h): word * 32 + bit. */
static void note_alternative(const struct scan *scan, const struct scan_site *site,
			     const struct scan_alternative *a, char *out, size_t size)
{
	char where[WHERE_BYTES];

	if (site->kind == SCAN_REPLACEMENT)
		snprintf(out, size, "goes to %s with%s feature %u*32+%u",
			 scan_where(&scan->image, a->start, where, sizeof(where)),
			 a->is_inverted ? "out" : "", a->feature / 32, a->feature % 32);
	else
		snprintf(out, size, "replaced with%s feature %u*32+%u", a->is_inverted ? "out" : "",
			 a->feature / 32, a->feature % 32);
}

static const struct scan_pv_site *pv_site_at(const struct scan_tables *tables, uint64_t address)
{
	for (size_t i = 0; i < tables->pv_count; i++)
		if (tables->pv[i].start == address)
			return &tables->pv[i];
	return NULL;
}

const char *scan_site_note(const struct scan *scan, const struct scan_site *site, char *out,
			   size_t size)
{
	const struct scan_tables *tables = &scan->tables;
	const struct scan_alternative *a = NULL;
	const struct scan_pv_site *pv = NULL;
	char where[WHERE_BYTES];

	*out = '\0';
	if (site->kind == SCAN_REPLACEMENT)
		a = alternative_with(tables, site->address);
	else if (site->kind == SCAN_ORIGINAL)
		a = alternative_of(tables, site->address);
	else if (site->kind == SCAN_CALL || site->kind == SCAN_CALL_BACK)
		pv = pv_site_at(tables, site->address);
	if (a)
		note_alternative(scan, site, a, out, size);
	if (pv)
		snprintf(out, size, "pv_ops[%u], %s", pv->operation,
			 scan_where(&scan->image, tables->operations[pv->operation].function, where,
				    sizeof(where)));
	return out;
}

void scan_print_sites(const struct scan *scan, enum scan_class_id class)
{
	printf("%s: %s\n", scan->image.name, scan_classes[class].name);
	for (size_t i = 0; i < scan->site_count; i++) {
		const struct scan_site *site = &scan->sites[i];
		const struct scan_section *s = scan_section_at(&scan->image, site->address);
		char where[WHERE_BYTES], note[2 * WHERE_BYTES];

		if (site->class != class)
			continue;
		scan_site_note(scan, site, note, sizeof(note));
		scan_where(&scan->image, site->address, where, sizeof(where));
		/* The address is there already. */
		if (!strncmp(where, "0x", 2))
			strcpy(where, "-");
		printf("  %016llx %-22s %-21s %s%s%s\n", (unsigned long long)site->address, s->name,
		       scan_kind_names[site->kind], where, *note ? "  " : "", note);
	}
}
