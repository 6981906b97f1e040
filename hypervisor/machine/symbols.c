/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for our own code addresses, for panics. The table lies behind everything else in the image
 * and is filled by the second link (symbols.py writes it from what the first one made): a count,
 * rows sorted by address, then the names. An image of one link has an empty table and prints no
 * names.
 */
#include "lib/lib.h"
#include "machine/internal.h"

struct symbol {
	u32 address;
	u32 name; /* offset from the start of the table */
};

struct symbol_table {
	u32 count;
	u32 reserved;
	struct symbol symbols[];
};

void symbol_format(char *out, size_t size, u64 address, bool is_return)
{
	u64 shown = address;

	const struct symbol_table *table = (const void *)symbols_start;
	u32 low = 0, high;

	out[0] = '\0';
	if (is_return) /* a call that never returns may be its function's last instruction */
		address--;
	if (symbols_end - symbols_start < (ptrdiff_t)sizeof(*table) ||
	    address < ADDRESS(text_start) || address >= ADDRESS(text_end))
		return;
	high = table->count; /* the last symbol at or below address is in [low, high) */
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (table->symbols[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	if (high == 0 || table->symbols[low].address > address)
		return;
	format_text(out, size, "%s+0x%lx", symbols_start + table->symbols[low].name,
		    (unsigned long)(shown - table->symbols[low].address));
}
