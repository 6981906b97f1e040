/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace files: the records of a run as the hypervisor sent them, with the names of all numbers in
 * them, so that an old trace stays readable after the ABI has grown. Layout: struct
 * trace_file_header, sections (struct pv_frame_trace and its records), then a description in JSON.
 * Written by `run --trace`, read by `trace`.
 */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "host/frame.h"
#include "symbols.h"

#define TRACE_MAGIC "PVTRACE" /* with its NUL: 8 bytes */
#define TRACE_VERSION 1u

/* Little-endian. The checksums cover the sections and the description. */
struct trace_file_header {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes; /* sizeof(struct pv_trace_record) */
	uint64_t section_bytes; /* of all sections; they follow this header */
	uint64_t description_bytes; /* follows the sections; 0: the trace was cut short */
	uint32_t section_crc;
	uint32_t description_crc;
};
_Static_assert(sizeof(struct trace_file_header) == 40, "trace file header");

/* ---- trace_write.c --------------------------------------------------------------------------- */

struct trace_writer;

/* Creates the file. NULL with errno. */
struct trace_writer *trace_writer_begin(const char *path);
/* Adds the payload of a TRACE frame; one that makes no sense is left out and counted. */
void trace_writer_add(struct trace_writer *writer, const uint8_t *payload, uint32_t length);
/*
 * Adds the description and finishes the file. 0, or -1 with the errno of the first write that
 * failed; then no file stays. Frees the writer.
 */
int trace_writer_end(struct trace_writer *writer, const struct machine *machine,
		     const struct pv_frame_hello *hello);

/* ---- trace_read.c ---------------------------------------------------------------------------- */

struct trace_names {
	char **list; /* entries may be NULL */
	size_t count;
};

struct trace_entry {
	struct pv_trace_record record;
	uint32_t cpu;
	size_t order; /* in the file: of equal times the first written comes first */
};

struct trace {
	uint64_t tsc_khz;
	char backend[8];
	struct trace_names exits, calls, kinds, errnos, domains, kernels;
	struct trace_entry *entries; /* sorted by time */
	size_t count;
	uint64_t lost[PV_CPUS_MAX]; /* per CPU */
};

/* Takes the bytes of a file apart. 0 (free with trace_free()), or -1 with one error. */
int trace_parse(struct trace *trace, const uint8_t *bytes, size_t size, const char *name,
		struct errors *e);
void trace_free(struct trace *trace);

/* ---- trace.c --------------------------------------------------------------------------------- */

/*
 * One record as one line without newline: time since `start`, CPU, domain and vCPU, kind, name,
 * argument, rip and its symbol. symbols: one table a domain, or NULL.
 */
void trace_format(const struct trace *trace, const struct trace_entry *entry, uint64_t start,
		  const struct symbols *symbols, char *line, size_t size);

#endif
