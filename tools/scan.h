/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of `pvn scan`: a kernel image, its two tables of patch sites, and the sensitive
 * instructions in its code. An image is any bytes a user called a kernel: whatever it says of
 * itself is checked before it is used. The order is open, tables, run, then print or write.
 */
#ifndef TOOLS_SCAN_H
#define TOOLS_SCAN_H

#include "pvn.h"
#include "symbols.h"

/* ---- scan_classes.c: which instructions are meant, and what hardware makes of them ----------- */

enum scan_class_id {
#define SCAN_CLASS(name, ...) SCAN_##name,
#include "scan_classes.def"
#undef SCAN_CLASS
	SCAN_CLASSES,
	SCAN_NONE = SCAN_CLASSES,
};

enum scan_group {
	SCAN_UNPRIVILEGED,
	SCAN_PRIVILEGED,
	SCAN_VIRTUALIZATION,
	SCAN_OTHER,
	SCAN_GROUPS,
};

enum scan_exits {
	SCAN_ALWAYS,
	SCAN_CONTROL, /* a control bit or field decides */
	SCAN_NEVER,
	SCAN_ABSENT, /* the vendor has no such instruction: #UD */
	SCAN_EXITS,
};

struct scan_treatment {
	enum scan_exits exits;
	const char *field; /* "proc", "proc2", "VMCB 00Ch"; "" where name says it */
	int bit; /* -1: more than one, or none */
	const char *name;
};

struct scan_class {
	const char *name;
	enum scan_group group;
	struct scan_treatment vtx, svm;
};

extern const struct scan_class scan_classes[SCAN_CLASSES];
extern const char *const scan_group_names[SCAN_GROUPS];
extern const char *const scan_exits_names[SCAN_EXITS];

/* SCAN_NONE and an error that names the nearest class, if there is none of that name. */
enum scan_class_id scan_class_find(const char *name, struct errors *e);
/* The class of what Capstone decoded as `id`; an instruction's bytes are at most 15. */
enum scan_class_id scan_classify(unsigned int id, const uint8_t *bytes, size_t size);
/* "proc2.2 descriptor-table", "always". */
void scan_treatment_text(const struct scan_treatment *treatment, char *out, size_t size);

/* ---- scan_image.c: the file ------------------------------------------------------------------ */

struct scan_section {
	const char *name; /* into the file */
	uint64_t address, bytes;
	const uint8_t *data; /* into the file */
	bool is_code;
	bool is_init; /* code that the kernel frees after boot, or drops */
	uint64_t instructions, undecoded; /* set by scan_run(); undecoded: bytes */
};

struct scan_image {
	char *name; /* as the user called it */
	struct blob file; /* an ELF file, unpacked */
	char version[200]; /* what the kernel says of itself, or "" */
	struct scan_section *sections; /* those with bytes and an address */
	size_t section_count;
	struct symbols symbols; /* none: of a bzImage without System.map and kallsyms */
};

/*
 * Opens a file, guest:NAME or debian:NAME; `map` is a System.map or NULL. 0, or -1 with an error.
 * Free the image in any case.
 */
int scan_image_open(struct scan_image *image, const char *name, const char *map, struct errors *e);
/* The same for bytes, which the image takes. */
int scan_image_parse(struct scan_image *image, const char *name, struct blob *file, const char *map,
		     struct errors *e);
void scan_image_free(struct scan_image *image);

const struct scan_section *scan_section_named(const struct scan_image *image, const char *name);
const struct scan_section *scan_section_at(const struct scan_image *image, uint64_t address);
/* The bytes at an address, NULL where they are not all in one section. */
const uint8_t *scan_bytes(const struct scan_image *image, uint64_t address, uint64_t bytes);
/* "symbol+0x10", or the bare address. Returns out. */
const char *scan_where(const struct scan_image *image, uint64_t address, char *out, size_t size);

/*
 * scan_kallsyms.c: the kernel's own table of functions. Leaves symbols empty where there is none.
 */
void scan_kallsyms_read(struct symbols *symbols, const struct scan_image *image);

/* ---- scan_tables.c: .parainstructions and .altinstructions ----------------------------------- */

/* A place where the kernel calls through pv_ops until it patches that. Sorted by start. */
struct scan_pv_site {
	uint64_t start, end;
	unsigned int operation; /* index into pv_ops */
};

/* Code that the kernel replaces if the CPU has a feature (or has not). Sorted by start. */
struct scan_alternative {
	uint64_t start, end; /* the original; start first, for sorted_upto() */
	uint64_t with, with_end; /* the replacement */
	unsigned int feature; /* word * 32 + bit */
	bool is_inverted;
};

#define SCAN_OPERATIONS 256u /* a type is one byte */

struct scan_operation {
	uint64_t function, function_end; /* what pv_ops starts with; 0: not known */
	uint64_t sites;
};

struct scan_tables {
	struct scan_pv_site *pv;
	struct scan_alternative *alternatives;
	size_t pv_count, alternative_count;
	struct scan_operation operations[SCAN_OPERATIONS];
};

/* A missing table is an empty one. 0, or -1 with an error. Free in any case. */
int scan_tables_read(struct scan_tables *tables, const struct scan_image *image, struct errors *e);
void scan_tables_free(struct scan_tables *tables);

/* ---- scan_layout.c: what symbols and tables say of places in the code ------------------------ */

struct scan_range {
	uint64_t start, end; /* start first, for sorted_upto() */
};

/* Sorted, and none touches another. */
struct scan_ranges {
	struct scan_range *list;
	size_t count;
};

struct scan_layout {
	uint64_t *starts; /* where an instruction starts for certain: sorted, each once */
	size_t start_count;
	struct scan_ranges pv_sites, pv_functions, originals, replacements;
};

/* Sets the ends of the functions in tables->operations as well. Free in any case. */
int scan_layout_make(struct scan_layout *layout, const struct scan_image *image,
		     struct scan_tables *tables, struct errors *e);
void scan_layout_free(struct scan_layout *layout);
bool scan_ranges_hold(const struct scan_ranges *ranges, uint64_t address);

/* ---- scan_decode.c: the instructions --------------------------------------------------------- */

enum scan_kind {
	SCAN_LEFT, /* no table touches it */
	SCAN_BEHIND, /* in a pv_ops site, or in a function that pv_ops starts with */
	SCAN_ORIGINAL, /* in the original of an alternative */
	SCAN_REPLACEMENT, /* in a replacement */
	SCAN_CALL, /* no instruction: a pv_ops site that stands for one */
	SCAN_CALL_BACK, /* the same, and an alternative patches the instruction back in */
	SCAN_KINDS,
};

struct scan_site {
	uint64_t address;
	uint8_t class, kind;
	bool is_init;
};

/* Sums: text + init = left + behind + original. */
struct scan_count {
	uint64_t text, init;
	uint64_t kind[SCAN_KINDS]; /* SCAN_CALL without SCAN_CALL_BACK */
};

struct scan {
	struct scan_image image;
	struct scan_tables tables;
	struct scan_site *sites; /* sorted by address, then class */
	size_t site_count, site_room;
	size_t found; /* those before the calls are added behind them */
	struct scan_count counts[SCAN_CLASSES];
};

/* Decodes all code of an open image. 0, or -1 with an error. */
int scan_run(struct scan *scan, struct errors *e);
void scan_free(struct scan *scan);

/* scan_calls.c: the pv_ops sites, once the instructions are found: adds to sites and counts. */
void scan_calls(struct scan *scan);
/* scan_decode.c, for it. Appends a site and counts it. */
void scan_add(struct scan *scan, uint64_t address, enum scan_class_id class, enum scan_kind kind,
	      bool is_init);
/* Does an instruction of the class lie in [start, end)? */
bool scan_has(const struct scan *scan, enum scan_class_id class, uint64_t start, uint64_t end);

/* ---- output ---------------------------------------------------------------------------------- */

extern const char *const scan_kind_names[SCAN_KINDS];

/* scan_print.c: one image or two; classes, or with is_summary their groups. */
void scan_print(const struct scan *scans, unsigned int count, bool is_summary);
/* scan_sites.c: where the instructions of a class are. */
void scan_print_sites(const struct scan *scan, enum scan_class_id class);
/* What else is known of a site: the pv_ops member, the feature of an alternative. Or "". */
const char *scan_site_note(const struct scan *scan, const struct scan_site *site, char *out,
			   size_t size);
/* scan_files.c. Sites of `class` too, unless it is SCAN_NONE. 0, or -1 with an error. */
int scan_write_json(const struct scan *scans, unsigned int count, enum scan_class_id class,
		    const char *path, struct errors *e);
int scan_write_csv(const struct scan *scans, unsigned int count, const char *path,
		   struct errors *e);

#endif
