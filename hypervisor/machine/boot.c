/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first C code: reads what the boot loader left in memory (multiboot2 or PVH) into boot_info,
 * one form for both, and goes on to hypervisor_main(). Called by entry.S on boot page tables.
 * Nothing the loader left is used after boot_main(), except the bundle and the ACPI tables: the
 * rest is copied, so its memory counts as free. Numbers from the loader are checked before use.
 */
#include "host/bundle.h"
#include "lib/lib.h"
#include "machine/acpi_tables.h"
#include "machine/boot_formats.h"
#include "machine/cpu.h"
#include "machine/internal.h"
#include "machine/machine.h"

#define MB2_INFO_MAX (1u << 20)
#define MEMORY_MAP_MAX 4096u
#define BDA_EBDA_SEGMENT 0x40e /* BIOS data area: segment of the extended one */
#define BIOS_ROM_START 0xe0000
#define BIOS_ROM_END 0x100000
#define LOW_RAM_END 0x9f000 /* 640 KiB less a page, often an EBDA that no map shows */

struct boot_info boot_info;
struct cpu cpus[PV_CPUS_MAX];
u32 cpu_count = 1;

/* For entry.S, which knows no structure offsets. */
void *const boot_stack = cpus[0].stack + CPU_STACK_BYTES;

/* What a loader's format comes down to. Addresses are checked where they are used. */
struct boot_source {
	hpa_t map; /* struct memory_map_entry, map_stride apart */
	u32 map_count, map_stride;
	hpa_t bundle;
	u64 bundle_bytes;
	hpa_t cmdline;
};

/* A copy: the loader may have put the original into memory that we hand out. */
static struct acpi_rsdp rsdp_copy;

void boot_main(u32 magic, u32 info) __attribute__((noreturn));

/* May these bytes be read on boot page tables? Their contents may still be anything. */
static bool boot_readable(hpa_t start, u64 bytes)
{
	return start && start < BOOT_MAPPED && bytes <= BOOT_MAPPED - start;
}

/* A text that is cut, or ends nowhere, becomes a short one: words on it are only looked up. */
static void copy_text(char *out, size_t size, hpa_t text)
{
	const char *from = machine_pointer(text);
	size_t n = 0;

	if (boot_readable(text, size))
		for (; n + 1 < size && from[n]; n++)
			out[n] = from[n];
	out[n] = '\0';
}

/* ---- RSDP ------------------------------------------------------------------------------------ */

/* The first valid one wins; loaders know better than a scan, so they come first. */
static bool take_rsdp(hpa_t at, u64 bytes)
{
	if (boot_info.rsdp || !boot_readable(at, sizeof(rsdp_copy)))
		return false;
	memset(&rsdp_copy, 0, sizeof(rsdp_copy));
	memcpy(&rsdp_copy, machine_pointer(at), min(bytes, (u64)sizeof(rsdp_copy)));
	if (!acpi_rsdp_valid(&rsdp_copy))
		return false;
	boot_info.rsdp = ADDRESS(&rsdp_copy);
	return true;
}

/* ACPI, "Finding the RSDP on IA-PC Systems": first KiB of the EBDA, then the BIOS ROM, each 16. */
static void scan_for_rsdp(void)
{
	const volatile u16 *segment = machine_pointer(BDA_EBDA_SEGMENT);
	hpa_t ebda = (hpa_t)*segment << 4;

	if (ebda >= 0x400 && ebda < 0xa0000)
		for (hpa_t at = ebda; at < ebda + 1024; at += 16)
			if (take_rsdp(at, sizeof(rsdp_copy)))
				return;
	for (hpa_t at = BIOS_ROM_START; at < BIOS_ROM_END; at += 16)
		if (take_rsdp(at, sizeof(rsdp_copy)))
			return;
}

/* ---- multiboot2 and PVH ---------------------------------------------------------------------- */

/*
 * Of several modules the first is the bundle. A tag that is too short for what it should hold is
 * as good as none; the caller made sure that all of it lies within the information.
 */
static void read_mb2_tag(struct boot_source *source, const struct mb2_tag *tag)
{
	const struct mb2_memory_map *map = (const void *)tag;
	const struct mb2_module *module = (const void *)tag;

	switch (tag->type) {
	case MB2_CMDLINE:
		source->cmdline = ADDRESS(tag + 1);
		break;
	case MB2_MODULE:
		if (tag->size < sizeof(*module) || source->bundle || module->end <= module->start)
			break;
		source->bundle = module->start;
		source->bundle_bytes = module->end - module->start;
		break;
	case MB2_MEMORY_MAP:
		if (tag->size < sizeof(*map) || map->entry_size < sizeof(struct memory_map_entry))
			break;
		source->map = ADDRESS(map + 1);
		source->map_stride = map->entry_size;
		source->map_count = (tag->size - sizeof(*map)) / map->entry_size;
		break;
	case MB2_ACPI_OLD:
	case MB2_ACPI_NEW:
		take_rsdp(ADDRESS(tag + 1), tag->size - sizeof(*tag));
		break;
	}
}

static void read_multiboot2(struct boot_source *source, hpa_t at)
{
	const struct mb2_info *info = machine_pointer(at);
	u32 total, offset = sizeof(*info);

	if (!boot_readable(at, MB2_INFO_MAX))
		return;
	total = min(info->total_size, MB2_INFO_MAX);
	while (offset + sizeof(struct mb2_tag) <= total) {
		const struct mb2_tag *tag = machine_pointer(at + offset);

		if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > total - offset)
			break;
		read_mb2_tag(source, tag);
		offset += ALIGN_UP(tag->size, 8u);
	}
}

/* QEMU's -initrd comes as the first module. Version 0 has no memory map: nothing is usable then. */
static void read_pvh(struct boot_source *source, hpa_t at)
{
	const struct pvh_start *start = machine_pointer(at);

	if (!boot_readable(at, sizeof(*start)) || start->magic != PVH_MAGIC)
		return;
	source->cmdline = start->cmdline;
	if (start->version >= 1) {
		source->map = start->memory_map;
		source->map_stride = sizeof(struct memory_map_entry);
		source->map_count = start->memory_map_count;
	}
	if (start->module_count && boot_readable(start->modules, sizeof(struct pvh_module))) {
		const struct pvh_module *module = machine_pointer(start->modules);

		source->bundle = module->start;
		source->bundle_bytes = module->bytes;
	}
	take_rsdp(start->rsdp, sizeof(rsdp_copy));
}

/* ---- the memory map and the bundle ----------------------------------------------------------- */

static const struct memory_map_entry *map_entry(const struct boot_source *source, u32 i)
{
	return machine_pointer(source->map + (u64)i * source->map_stride);
}

static hpa_t entry_end(const struct memory_map_entry *entry)
{
	return entry->bytes > ~entry->start ? ~0ull : entry->start + entry->bytes;
}

/* The highest free page of conventional memory: BIOS data is at its bottom and top. */
static void find_low_page(const struct boot_source *source)
{
	for (u32 i = 0; i < source->map_count; i++) {
		const struct memory_map_entry *entry = map_entry(source, i);
		hpa_t end = min(entry_end(entry), (hpa_t)LOW_RAM_END);

		end = ALIGN_DOWN(end, PAGE_SIZE);
		if (entry->type == MEMORY_USABLE && end >= 2 * PAGE_SIZE &&
		    entry->start <= end - PAGE_SIZE)
			boot_info.low_page = max(boot_info.low_page, end - PAGE_SIZE);
	}
}

/*
 * Two passes over the loader's own list, so that it needs no copy and may have any order and
 * length.
 */
static void read_memory_map(struct boot_source *source)
{
	source->map_count = min(source->map_count, MEMORY_MAP_MAX);
	if (!boot_readable(source->map, (u64)source->map_count * source->map_stride))
		source->map_count = 0;
	for (u32 i = 0; i < source->map_count; i++)
		if (map_entry(source, i)->type == MEMORY_USABLE)
			boot_ranges_add(&boot_info, map_entry(source, i)->start,
					entry_end(map_entry(source, i)));
	/* Where entries contradict each other, memory is not free. */
	for (u32 i = 0; i < source->map_count; i++)
		if (map_entry(source, i)->type != MEMORY_USABLE)
			boot_ranges_remove(&boot_info, map_entry(source, i)->start,
					   entry_end(map_entry(source, i)));
	find_low_page(source);
}

/* `bundle=0xADDR` on the command line: bytes that an emulator put into RAM before power-on. */
static hpa_t bundle_from_cmdline(void)
{
	static const char key[] = "bundle=";
	const char *word = boot_info.cmdline;
	u64 value;

	while (*word) {
		size_t length = 0;

		while (word[length] && word[length] != ' ')
			length++;
		if (!strncmp(word, key, sizeof(key) - 1) &&
		    parse_u64(word + sizeof(key) - 1, length - (sizeof(key) - 1), &value))
			return value;
		word += length + (word[length] == ' ');
	}
	return 0;
}

/*
 * Believes a bundle only with its magic and a size that fits where it lies. What is wrong with it
 * is reported by who unpacks it: here it is none, and nothing of it is lost.
 */
static void find_bundle(struct boot_source *source)
{
	const struct pv_bundle_header *header;
	bool is_module = source->bundle != 0;
	u64 size;

	if (!is_module) {
		source->bundle = bundle_from_cmdline();
		source->bundle_bytes = BOOT_MAPPED;
	}
	if (source->bundle < LOW_MEMORY || source->bundle % PAGE_SIZE ||
	    !boot_readable(source->bundle, sizeof(*header)))
		return;
	header = machine_pointer(source->bundle);
	size = header->size;
	if (header->magic != PV_BUNDLE_MAGIC || size < sizeof(*header) ||
	    size > source->bundle_bytes || !boot_readable(source->bundle, size))
		return;
	if (!is_module && !boot_ranges_cover(&boot_info, source->bundle, source->bundle + size))
		return;
	boot_info.bundle = source->bundle;
	boot_info.bundle_bytes = size;
}

void boot_main(u32 magic, u32 info)
{
	struct boot_source source = { 0 };

	idt_init();
	segments_load(&cpus[0]);
	serial_init();
	if (magic == MULTIBOOT2_MAGIC)
		read_multiboot2(&source, info);
	else if (magic == PVH_MAGIC)
		read_pvh(&source, info);
	if (!boot_info.rsdp)
		scan_for_rsdp();
	copy_text(boot_info.cmdline, sizeof(boot_info.cmdline), source.cmdline);
	read_memory_map(&source);
	find_bundle(&source);
	boot_ranges_remove(&boot_info, ADDRESS(image_start), ADDRESS(image_end));
	boot_ranges_remove(&boot_info, boot_info.bundle, boot_info.bundle + boot_info.bundle_bytes);
	hypervisor_main();
}
