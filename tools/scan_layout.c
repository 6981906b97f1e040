// SPDX-License-Identifier: BSD-2-Clause
/*
 * What symbols and tables say of places in a kernel's code: where decoding can start anew, which
 * ranges are patched, which functions are reached through pv_ops. Called by scan_decode.c.
 */
#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

/* Of a function whose end no symbol tells. */
#define FUNCTION_BYTES_MAX 1024u

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int by_range(const void *a, const void *b)
{
	const struct scan_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Sorts, and joins those that overlap. */
static void tidy(struct scan_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count)
		qsort(ranges->list, ranges->count, sizeof(*ranges->list), by_range);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct scan_range next = ranges->list[i];

		if (kept && next.start <= ranges->list[kept - 1].end) {
			if (next.end > ranges->list[kept - 1].end)
				ranges->list[kept - 1].end = next.end;
		} else {
			ranges->list[kept++] = next;
		}
	}
	ranges->count = kept;
}

bool scan_ranges_hold(const struct scan_ranges *ranges, uint64_t address)
{
	size_t n = sorted_upto(ranges->list, ranges->count, sizeof(*ranges->list), address);

	return n && address < ranges->list[n - 1].end;
}

static void add_range(struct scan_ranges *ranges, uint64_t start, uint64_t end)
{
	if (start < end)
		ranges->list[ranges->count++] = (struct scan_range){ start, end };
}

static void add_start(struct scan_layout *layout, const struct scan_image *image, uint64_t address)
{
	const struct scan_section *s = scan_section_at(image, address);

	if (s && s->is_code)
		layout->starts[layout->start_count++] = address;
}

/*
 * .orc_unwind_ip, for code that has no symbols: addresses of instructions behind which the stack is
 * another one, relative to their own place (orc_ip() of the kernel's unwinder). Those within an
 * original may belong to its replacement, and are not used.
 */
static void add_orc(struct scan_layout *layout, const struct scan_image *image,
		    const struct scan_section *orc)
{
	for (uint64_t at = 0; at + 4 <= orc->bytes; at += 4) {
		uint64_t place = orc->address + at;
		int32_t distance;

		memcpy(&distance, orc->data + at, sizeof(distance));
		place += (uint64_t)(int64_t)distance;
		if (!scan_ranges_hold(&layout->originals, place))
			add_start(layout, image, place);
	}
}

static void add_table_starts(struct scan_layout *layout, const struct scan_image *image,
			     const struct scan_tables *tables)
{
	for (size_t i = 0; i < tables->pv_count; i++) {
		add_start(layout, image, tables->pv[i].start);
		add_start(layout, image, tables->pv[i].end);
	}
	for (size_t i = 0; i < tables->alternative_count; i++) {
		const struct scan_alternative *a = &tables->alternatives[i];

		add_start(layout, image, a->start);
		add_start(layout, image, a->end);
		if (a->with == a->with_end)
			continue;
		add_start(layout, image, a->with);
		add_start(layout, image, a->with_end);
	}
}

static void make_starts(struct scan_layout *layout, const struct scan_image *image,
			const struct scan_tables *tables)
{
	const struct scan_section *orc = scan_section_named(image, ".orc_unwind_ip");
	size_t most = image->symbols.count + 2 * tables->pv_count + 4 * tables->alternative_count;
	size_t kept = 0;

	if (orc)
		most += orc->bytes / 4;
	layout->starts = xcalloc(most ? most : 1, sizeof(*layout->starts));
	for (size_t i = 0; i < image->symbols.count; i++)
		add_start(layout, image, image->symbols.list[i].start);
	if (orc)
		add_orc(layout, image, orc);
	add_table_starts(layout, image, tables);
	qsort(layout->starts, layout->start_count, sizeof(*layout->starts), by_value);
	for (size_t i = 0; i < layout->start_count; i++)
		if (!kept || layout->starts[i] != layout->starts[kept - 1])
			layout->starts[kept++] = layout->starts[i];
	layout->start_count = kept;
}

/* The end of the function by its symbol; 0 where there is none. */
static uint64_t end_by_symbol(const struct symbols *symbols, uint64_t function)
{
	for (size_t i = 0; i < symbols->count; i++) {
		const struct symbol *s = &symbols->list[i];

		if (s->start == function && s->bytes && s->bytes <= UINT64_MAX - function)
			return function + s->bytes;
		if (s->start > function)
			return i && symbols->list[i - 1].start == function ? s->start : 0;
	}
	return 0;
}

/* Where a conditional or short jump goes, 0 for all else: other jumps may leave the function. */
static uint64_t jump_target(const cs_insn *insn)
{
	uint64_t behind = insn->address + insn->size;
	int32_t distance;

	if (insn->size == 2 && ((insn->bytes[0] & 0xf0) == 0x70 || insn->bytes[0] == 0xeb))
		return behind + (uint64_t)(int64_t)(int8_t)insn->bytes[1];
	if (insn->size != 6 || insn->bytes[0] != 0x0f || (insn->bytes[1] & 0xf0) != 0x80)
		return 0;
	memcpy(&distance, insn->bytes + 2, sizeof(distance));
	return behind + (uint64_t)(int64_t)distance;
}

/*
 * The same by its instructions: the first return or jump behind which no jump before it goes.
 * Compilers move what is rare to other places, so that part of a function may be missed.
 */
static uint64_t end_by_code(const uint8_t *code, size_t size, uint64_t function, csh handle)
{
	cs_insn *insn = cs_malloc(handle);
	uint64_t address = function, limit = function + size, furthest = 0;

	while (insn && cs_disasm_iter(handle, &code, &size, &address, insn)) {
		uint64_t target = jump_target(insn);

		if (target > furthest && target < limit)
			furthest = target;
		if ((insn->id == X86_INS_RET || insn->id == X86_INS_JMP ||
		     insn->id == X86_INS_INT3) &&
		    furthest < address)
			break;
	}
	if (insn)
		cs_free(insn, 1);
	return address;
}

static uint64_t function_end(const struct scan_image *image, uint64_t function, csh handle)
{
	const struct scan_section *s = scan_section_at(image, function);
	uint64_t offset = function - s->address, left = s->bytes - offset;
	uint64_t end = end_by_symbol(&image->symbols, function);

	if (end)
		return end - function > left ? function + left : end;
	return end_by_code(s->data + offset, left > FUNCTION_BYTES_MAX ? FUNCTION_BYTES_MAX : left,
			   function, handle);
}

static void make_ranges(struct scan_layout *layout, const struct scan_image *image,
			struct scan_tables *tables, csh handle)
{
	struct scan_ranges *const all[] = { &layout->pv_sites, &layout->pv_functions,
					    &layout->originals, &layout->replacements };
	const size_t most[] = { tables->pv_count, SCAN_OPERATIONS, tables->alternative_count,
				tables->alternative_count };

	for (size_t i = 0; i < 4; i++)
		all[i]->list = xcalloc(most[i] ? most[i] : 1, sizeof(*all[i]->list));
	for (size_t i = 0; i < tables->pv_count; i++)
		add_range(&layout->pv_sites, tables->pv[i].start, tables->pv[i].end);
	for (size_t i = 0; i < tables->alternative_count; i++) {
		const struct scan_alternative *a = &tables->alternatives[i];

		add_range(&layout->originals, a->start, a->end);
		add_range(&layout->replacements, a->with, a->with_end);
	}
	for (size_t i = 0; i < SCAN_OPERATIONS; i++) {
		struct scan_operation *operation = &tables->operations[i];

		if (!operation->function)
			continue;
		operation->function_end = function_end(image, operation->function, handle);
		add_range(&layout->pv_functions, operation->function, operation->function_end);
	}
	for (size_t i = 0; i < 4; i++)
		tidy(all[i]);
}

int scan_layout_make(struct scan_layout *layout, const struct scan_image *image,
		     struct scan_tables *tables, struct errors *e)
{
	csh handle;

	memset(layout, 0, sizeof(*layout));
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return errors_add(e, "Capstone cannot decode 64-bit x86 code");
	make_ranges(layout, image, tables, handle);
	make_starts(layout, image, tables);
	cs_close(&handle);
	return 0;
}

void scan_layout_free(struct scan_layout *layout)
{
	free(layout->starts);
	free(layout->pv_sites.list);
	free(layout->pv_functions.list);
	free(layout->originals.list);
	free(layout->replacements.list);
	memset(layout, 0, sizeof(*layout));
}
