// SPDX-License-Identifier: BSD-2-Clause
/*
 * Decodes a kernel's code and keeps the sensitive instructions in it; see scan.h. Called by scan.c.
 * Decoding is linear and starts anew wherever an instruction is known to start, so that data in the
 * code does little harm; each byte belongs to one instruction at most.
 */
#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

#include "lib/insn.h"
#include "scan.h"

const char *const scan_kind_names[SCAN_KINDS] = {
	[SCAN_LEFT] = "left",
	[SCAN_BEHIND] = "behind",
	[SCAN_ORIGINAL] = "original",
	[SCAN_REPLACEMENT] = "replacement",
	[SCAN_CALL] = "pv_ops",
	[SCAN_CALL_BACK] = "pv_ops, patched back",
};

static bool is_call(enum scan_kind kind)
{
	return kind == SCAN_CALL || kind == SCAN_CALL_BACK;
}

void scan_add(struct scan *scan, uint64_t address, enum scan_class_id class, enum scan_kind kind,
	      bool is_init)
{
	struct scan_count *count = &scan->counts[class];

	scan->sites = xgrow(scan->sites, scan->site_count, &scan->site_room, sizeof(*scan->sites));
	scan->sites[scan->site_count++] = (struct scan_site){
		.address = address,
		.class = (uint8_t) class,
		.kind = (uint8_t)kind,
		.is_init = is_init,
	};
	count->kind[kind]++;
	if (is_call(kind) || kind == SCAN_REPLACEMENT)
		return;
	if (is_init)
		count->init++;
	else
		count->text++;
}

static int by_address(const void *a, const void *b)
{
	const struct scan_site *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

static void sort(struct scan *scan)
{
	if (scan->site_count)
		qsort(scan->sites, scan->site_count, sizeof(*scan->sites), by_address);
}

bool scan_has(const struct scan *scan, enum scan_class_id class, uint64_t start, uint64_t end)
{
	size_t low = 0, high = scan->found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (scan->sites[middle].address < start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < scan->found && scan->sites[low].address < end; low++)
		if (scan->sites[low].class == class)
			return true;
	return false;
}

static enum scan_kind kind_of(const struct scan_layout *layout, uint64_t address)
{
	if (scan_ranges_hold(&layout->replacements, address))
		return SCAN_REPLACEMENT;
	if (scan_ranges_hold(&layout->pv_sites, address))
		return SCAN_BEHIND;
	if (scan_ranges_hold(&layout->originals, address))
		return SCAN_ORIGINAL;
	return scan_ranges_hold(&layout->pv_functions, address) ? SCAN_BEHIND : SCAN_LEFT;
}

struct decoder {
	csh handle;
	cs_insn *insn;
	const struct scan_layout *layout;
	size_t next; /* of layout->starts: the first that has not been passed */
};

/* Steps over what Capstone does not know (instructions newer than it, or data): a whole
 * instruction where its length can be told, so that its end is not taken for another one. */
static size_t unknown_bytes(const uint8_t *code, size_t left)
{
	struct insn insn;

	if (insn_decode(&insn, code, left < INSN_MAX ? left : INSN_MAX, 8) != INSN_OK)
		return 1;
	return insn.length;
}

/* Decodes what lies between two places where instructions start. */
static void decode_stretch(struct scan *scan, struct scan_section *s, struct decoder *d,
			   uint64_t start, uint64_t end)
{
	const uint8_t *code = s->data + (start - s->address);
	size_t left = end - start;
	uint64_t address = start;

	while (left) {
		enum scan_class_id class;

		if (!cs_disasm_iter(d->handle, &code, &left, &address, d->insn)) {
			size_t step = unknown_bytes(code, left);

			s->undecoded += step;
			code += step;
			address += step;
			left -= step;
			continue;
		}
		s->instructions++;
		class = scan_classify(d->insn->id, d->insn->bytes, d->insn->size);
		if (class != SCAN_NONE)
			scan_add(scan, d->insn->address, class,
				 kind_of(d->layout, d->insn->address), s->is_init);
	}
}

static void decode_section(struct scan *scan, struct scan_section *s, struct decoder *d)
{
	const struct scan_layout *layout = d->layout;
	uint64_t at = s->address, end = s->address + s->bytes;

	d->next = 0;
	while (at < end) {
		uint64_t stop = end;

		while (d->next < layout->start_count && layout->starts[d->next] <= at)
			d->next++;
		if (d->next < layout->start_count && layout->starts[d->next] < end)
			stop = layout->starts[d->next];
		decode_stretch(scan, s, d, at, stop);
		at = stop;
	}
}

static int decode(struct scan *scan, const struct scan_layout *layout, struct errors *e)
{
	struct decoder d = { .layout = layout };

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d.handle) != CS_ERR_OK)
		return errors_add(e, "Capstone cannot decode 64-bit x86 code");
	d.insn = cs_malloc(d.handle);
	for (size_t i = 0; d.insn && i < scan->image.section_count; i++)
		if (scan->image.sections[i].is_code)
			decode_section(scan, &scan->image.sections[i], &d);
	if (d.insn)
		cs_free(d.insn, 1);
	else
		errors_add(e, "out of memory");
	cs_close(&d.handle);
	return e->count ? -1 : 0;
}

int scan_run(struct scan *scan, struct errors *e)
{
	struct scan_layout layout;
	int result = scan_layout_make(&layout, &scan->image, &scan->tables, e);

	if (!result)
		result = decode(scan, &layout, e);
	scan_layout_free(&layout);
	if (result)
		return -1;
	sort(scan);
	scan->found = scan->site_count;
	scan_calls(scan);
	sort(scan);
	return 0;
}

void scan_free(struct scan *scan)
{
	scan_image_free(&scan->image);
	scan_tables_free(&scan->tables);
	free(scan->sites);
	memset(scan, 0, sizeof(*scan));
}
