// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tables by which Linux 6.1 patches its own code: .parainstructions (struct
 * paravirt_patch_site of asm/paravirt_types.h) and .altinstructions (struct alt_instr of
 * asm/alternative.h). Called by scan.c. After it every range in them is code of the image.
 */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define PV_BYTES 16u /* address 8, type 1, length 1, padded to a multiple of 8 */
#define ALTERNATIVE_BYTES 12u /* two relative addresses of 4, feature 2, two lengths of 1 */
#define INVERTED 0x8000u /* of the feature: where the CPU has it not */

static uint64_t read_le(const uint8_t *from, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, from, bytes);
	return value;
}

/* A 32-bit distance from its own address. */
static uint64_t read_relative(const uint8_t *from, uint64_t address)
{
	return address + (uint64_t)(int64_t)(int32_t)read_le(from, 4);
}

static bool is_code(const struct scan_image *image, uint64_t start, uint64_t bytes)
{
	const struct scan_section *s = scan_section_at(image, start);

	return s && s->is_code && bytes <= s->bytes - (start - s->address);
}

/*
 * The table's section; NULL if there is none. Its size is a multiple of `each`, or *wrong is set.
 */
static const struct scan_section *table(const struct scan_image *image, const char *name,
					unsigned int each, bool *wrong, struct errors *e)
{
	const struct scan_section *s = scan_section_named(image, name);

	*wrong = s && s->bytes % each;
	if (*wrong)
		errors_add(e,
			   "%s: %s has %llu bytes, expected a multiple of %u (the format of Linux "
			   "6.1; other versions have other ones)",
			   image->name, name, (unsigned long long)s->bytes, each);
	return s;
}

static int broken(const struct scan_image *image, const char *name, uint64_t entry,
		  uint64_t address, const char *wrong, struct errors *e)
{
	return errors_add(e, "%s: %s, entry %llu: 0x%llx %s (is it the format of Linux 6.1?)",
			  image->name, name, (unsigned long long)entry, (unsigned long long)address,
			  wrong);
}

/*
 * The pv_ops member that a site calls through: CALL with a displacement from RIP, as SDM vol. 2
 * encodes it. 0 where the site holds something else.
 */
static uint64_t member_of(const struct scan_image *image, const struct scan_pv_site *site)
{
	const uint8_t *bytes = scan_bytes(image, site->start, site->end - site->start);

	if (site->end - site->start != 6 || bytes[0] != 0xff || bytes[1] != 0x15)
		return 0;
	return read_relative(bytes + 2, site->end);
}

/* All members lie in one structure, the type being their index: else it is no such table. */
static const char *take_member(struct scan_tables *tables, const struct scan_image *image,
			       const struct scan_pv_site *site, uint64_t *base)
{
	struct scan_operation *operation = &tables->operations[site->operation];
	uint64_t member = member_of(image, site);
	const uint8_t *pointer;

	operation->sites++;
	if (!member)
		return NULL;
	if (!*base)
		*base = member - 8 * site->operation;
	if (member != *base + 8 * site->operation)
		return "calls through another member of pv_ops than its type says";
	pointer = scan_bytes(image, member, 8);
	if (!pointer)
		return "calls through an address outside of the image";
	operation->function = read_le(pointer, 8);
	if (!is_code(image, operation->function, 1))
		operation->function = 0;
	return NULL;
}

static int by_pv_start(const void *a, const void *b)
{
	const struct scan_pv_site *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int read_pv(struct scan_tables *tables, const struct scan_image *image, struct errors *e)
{
	static const char name[] = ".parainstructions";
	bool is_wrong;
	const struct scan_section *s = table(image, name, PV_BYTES, &is_wrong, e);
	uint64_t base = 0;

	if (!s || is_wrong)
		return is_wrong ? -1 : 0;
	tables->pv = xcalloc(s->bytes / PV_BYTES, sizeof(*tables->pv));
	for (uint64_t i = 0; i < s->bytes / PV_BYTES; i++) {
		const uint8_t *entry = s->data + i * PV_BYTES;
		struct scan_pv_site *site = &tables->pv[i];
		const char *wrong;

		site->start = read_le(entry, 8);
		site->end = site->start + entry[9];
		site->operation = entry[8];
		if (!entry[9] || !is_code(image, site->start, entry[9]))
			return broken(image, name, i, site->start,
				      "is no code of this kernel, expected the address of a call",
				      e);
		wrong = take_member(tables, image, site, &base);
		if (wrong)
			return broken(image, name, i, site->start, wrong, e);
		tables->pv_count++;
	}
	qsort(tables->pv, tables->pv_count, sizeof(*tables->pv), by_pv_start);
	return 0;
}

static int by_alternative_start(const void *a, const void *b)
{
	const struct scan_alternative *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const char *check_alternative(const struct scan_image *image,
				     const struct scan_alternative *a)
{
	uint64_t original = a->end - a->start, replacement = a->with_end - a->with;

	if (!is_code(image, a->start, original ? original : 1))
		return "is no code of this kernel, expected the address of an original";
	if (replacement && !is_code(image, a->with, replacement))
		return "has a replacement that is no code of this kernel";
	if (replacement > original)
		return "has a replacement that is longer than the original";
	return NULL;
}

static int read_alternatives(struct scan_tables *tables, const struct scan_image *image,
			     struct errors *e)
{
	static const char name[] = ".altinstructions";
	bool is_wrong;
	const struct scan_section *s = table(image, name, ALTERNATIVE_BYTES, &is_wrong, e);

	if (!s || is_wrong)
		return is_wrong ? -1 : 0;
	tables->alternatives = xcalloc(s->bytes / ALTERNATIVE_BYTES, sizeof(*tables->alternatives));
	for (uint64_t i = 0; i < s->bytes / ALTERNATIVE_BYTES; i++) {
		const uint8_t *entry = s->data + i * ALTERNATIVE_BYTES;
		uint64_t address = s->address + i * ALTERNATIVE_BYTES;
		struct scan_alternative *a = &tables->alternatives[i];
		unsigned int feature = (unsigned int)read_le(entry + 8, 2);
		const char *wrong;

		a->start = read_relative(entry, address);
		a->end = a->start + entry[10];
		a->with = read_relative(entry + 4, address + 4);
		a->with_end = a->with + entry[11];
		a->feature = feature & ~INVERTED;
		a->is_inverted = feature & INVERTED;
		wrong = check_alternative(image, a);
		if (wrong)
			return broken(image, name, i, a->start, wrong, e);
		tables->alternative_count++;
	}
	qsort(tables->alternatives, tables->alternative_count, sizeof(*tables->alternatives),
	      by_alternative_start);
	return 0;
}

int scan_tables_read(struct scan_tables *tables, const struct scan_image *image, struct errors *e)
{
	memset(tables, 0, sizeof(*tables));
	if (read_pv(tables, image, e) || read_alternatives(tables, image, e))
		return -1;
	return 0;
}

void scan_tables_free(struct scan_tables *tables)
{
	free(tables->pv);
	free(tables->alternatives);
	memset(tables, 0, sizeof(*tables));
}
