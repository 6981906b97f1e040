/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine description: YAML in, struct machine out. Read by every command that takes a FILE,
 * and in parts by the test runner. Every error names file, line and column, what was found and what
 * was expected; reading goes on after an error so that one look shows several.
 * A struct machine that a reader returned without error holds only checked values.
 */
#ifndef TOOLS_CONFIG_H
#define TOOLS_CONFIG_H

#include <yaml.h>

#include "host/bundle.h"
#include "pvn.h"

/* What the hypervisor itself needs of the machine's memory, beside domains and bundle. */
#define MACHINE_RESERVED_BYTES (16ull << 20)
/* An emulated machine holds its bundle here (multiboot2 command line bundle=...). */
#define MACHINE_BUNDLE_ADDRESS 0x8000000ull
#define MACHINE_MEMORY_MIN (160ull << 20)
#define MACHINE_MEMORY_MAX (16ull << 30)
#define MACHINE_MEMORY_DEFAULT (256ull << 20)
#define MACHINE_SLICE_US_DEFAULT 10000u
#define MACHINE_TRACE_RECORDS_DEFAULT 4096u

/* Where in a YAML file a value stands, for errors found later than reading. Counts from 1. */
struct place {
	size_t line;
	size_t column;
};

/*
 * Registers of the boot context that `registers:` can override; the offset in struct
 * pv_vcpu_context.
 */
#define BOOT_REGISTERS_MAX 8u
struct boot_register {
	const char *name;
	size_t offset;
};
extern const struct boot_register boot_registers[BOOT_REGISTERS_MAX];

struct domain {
	char name[32];
	char *kernel; /* path that can be opened */
	char *initrd; /* path or NULL */
	char *cmdline; /* never NULL */
	uint64_t memory_bytes; /* multiple of 2 MiB */
	uint32_t vcpus;
	uint32_t mode; /* PV_MODE_* */
	uint64_t features_off; /* PV_FEATURE_* */
	uint64_t features_on;
	uint64_t call_mask[4]; /* bit per hypercall number */
	uint64_t cpu_mask; /* 0 = all */
	uint64_t console_limit; /* bytes, 0 = none */
	bool ends_on_reboot; /* else it starts again */
	uint64_t registers[BOOT_REGISTERS_MAX]; /* overrides, as in boot_registers[] */
	uint32_t registers_set; /* bit per entry */
	struct place at; /* of the domain */
	struct place kernel_at, initrd_at, memory_at;
};

struct machine {
	char *file; /* the description's name, for errors */
	uint32_t cpus; /* 1..PV_CPUS_MAX: an emulator is started with as many */
	uint64_t memory_bytes;
	uint32_t slice_us;
	uint64_t hw_off; /* PV_HW_* */
	uint32_t trace_kinds; /* bit per PV_KIND_*, 0 = off */
	uint32_t trace_records; /* per CPU */
	uint64_t live_key[2]; /* of pv_bundle_header; set by a run that lets itself be watched */
	bool trace_is_late; /* sent when the machine ends, not while it runs */
	bool has_input; /* somebody types on the first serial port: PV_BUNDLE_INPUT */
	unsigned int domain_count;
	struct domain domains[PV_BUNDLE_DOMAINS_MAX];
	struct place memory_at; /* of machine.memory, or of the document */
};

/*
 * Turns the text of `kernel:` or `initrd:` into a path (malloc'd) that exists. On failure returns
 * NULL with one line in why, without file position, e.g. "no such file (looked for /x/hello.elf)".
 */
typedef char *(*path_resolver)(const char *text, const char *yaml_file, char *why, size_t why_size);

/*
 * `payload:NAME` is a guest built with the project, `guest:linux` and `guest:initramfs` are the
 * Linux guest, built now if it is not there; `debian:cloud` and `debian:generic` are Debian's
 * kernels, fetched now; other paths are relative to the YAML file.
 */
char *resolve_path(const char *text, const char *yaml_file, char *why, size_t why_size);
/* For the test manifest: a plain NAME is a guest built with the project; else as resolve_path(). */
char *resolve_test_kernel(const char *text, const char *yaml_file, char *why, size_t why_size);

/* Reads a file. NULL with at least one error; else free with machine_free(). */
struct machine *machine_load(const char *file, struct errors *e);
/* The same from text in memory; file is the name that errors give. */
struct machine *machine_parse(const char *text, size_t bytes, const char *file,
			      path_resolver resolve, struct errors *e);
/*
 * From nodes of a loaded document: `machine` (mapping or NULL for the defaults) and `domains`
 * (sequence). m is written in any case; free with machine_release(). 0, or -1 with errors.
 */
int machine_from_node(yaml_document_t *doc, yaml_node_t *machine, yaml_node_t *domains,
		      const char *file, path_resolver resolve, struct machine *m, struct errors *e);
void machine_release(struct machine *m);
void machine_free(struct machine *m); /* release and free; NULL is fine */

/* Sets every domain's mode (`--mode pv/hap`). 0, or -1 with an error that lists the modes. */
int machine_set_mode(struct machine *m, const char *mode, struct errors *e);

/* The index of the domain with that name, or -1. */
int machine_find_domain(const struct machine *m, const char *name);

/* "64K", "16M", "1G" or plain bytes. False where it is none, or above 2^63. */
bool parse_size(const char *text, uint64_t *bytes);
/* Writes 16777216 as "16M", 1000 as "1000". Returns buf. */
const char *format_size(uint64_t bytes, char *buf, size_t size);

#endif
