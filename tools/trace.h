/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace files: the records of a run as the hypervisor sent them, with the names of all numbers in
 * them, so that an old trace stays readable after the ABI has grown. A header, then sections, each
 * with its own checksum and written as it arrives: first a description in JSON, then the payloads
 * of TRACE frames, at the end one that says that this is the end. Written by `run --trace`, read by
 * `trace`, which shows all records before the first damage. docs/trace.md has the layout.
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
#define TRACE_VERSION 2u
#define TRACE_SECTION_MAGIC 0x53545650u /* "PVTS" */
#define TRACE_SECTION_MAX (4u << 20) /* payload bytes */

/* Little-endian, like everything here. */
struct trace_file_header {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes; /* sizeof(struct pv_trace_record) */
};
_Static_assert(sizeof(struct trace_file_header) == 16, "trace file header");

enum trace_section_type {
	TRACE_SECTION_DESCRIPTION = 1, /* JSON: names, versions, domains; the first section */
	TRACE_SECTION_RECORDS = 2, /* struct pv_frame_trace and its records */
	TRACE_SECTION_END = 3, /* struct trace_file_end; the last one */
};

struct trace_section {
	uint32_t magic;
	uint32_t type;
	uint32_t bytes; /* of the payload that follows */
	uint32_t crc; /* of type, bytes and payload */
};
_Static_assert(sizeof(struct trace_section) == 16, "trace section");

struct trace_file_end {
	uint64_t records; /* in all sections */
	uint32_t is_complete; /* the machine ended by itself: nothing stayed behind in its rings */
	uint32_t malformed; /* frames that made no sense and were left out */
};
_Static_assert(sizeof(struct trace_file_end) == 16, "trace end");

/* ---- trace_write.c --------------------------------------------------------------------------- */

struct trace_writer;

/*
 * "exit,call": the bits of these kinds, and of those that complete their records. False with an
 * error.
 */
bool trace_kinds_parse(const char *words, uint32_t *kinds);
/* Creates the file, which a reader may follow from now on. NULL with errno. */
struct trace_writer *trace_writer_begin(const char *path);
/* The description, before any records; a second one is ignored. */
void trace_writer_describe(struct trace_writer *writer, const struct machine *machine,
			   const struct pv_frame_hello *hello);
/* Adds the payload of a TRACE frame; one that makes no sense is left out and counted. */
void trace_writer_add(struct trace_writer *writer, const uint8_t *payload, uint32_t length);
/*
 * Finishes the file. 0, or -1 with the errno of the first write that failed; what was written
 * before stays readable. Frees the writer.
 */
int trace_writer_end(struct trace_writer *writer, bool is_complete);

/* ---- what is in a file ----------------------------------------------------------------------- */

#define TRACE_ARGS_MAX 6u

struct trace_names {
	char **list; /* entries may be NULL */
	size_t count;
};

/* Numbers with names: the kinds of areas, reasons of shutdown, ... */
struct trace_table {
	char *name;
	struct trace_names names;
};

struct trace_arg {
	char *name, *type;
	const struct trace_table *table; /* NULL = a plain number */
};

struct trace_call {
	struct trace_arg args[TRACE_ARGS_MAX];
	unsigned int count;
	const struct trace_table *result;
};

struct trace_domain {
	char *name, *mode, *kernel, *build_id;
	uint32_t crc; /* of the kernel's file, where it has no build id */
	struct symbols symbols;
};

/* In `rip` of a member. */
#define TRACE_MEMBER_KICK(rip) ((rip) >> 32)
#define TRACE_MEMBER_FLAGS(rip) ((uint16_t)((rip) >> 16))
#define TRACE_MEMBER_ENTRY(rip) ((uint16_t)(rip))

/* One call, member, exit, ...: a record with those that belong to it. */
struct trace_entry {
	struct pv_trace_record record;
	uint64_t start; /* TSC: when it began, which for most kinds is the record's time */
	uint64_t ticks; /* TSC from the exit to the record, where it has any */
	uint64_t group; /* start of the kick that a member belongs to, else its own */
	int64_t result; /* calls and members */
	union {
		uint64_t args[TRACE_ARGS_MAX]; /* calls and members */
		struct {
			uint64_t what, value; /* exits with a detail */
			uint16_t flags;
			bool is_there;
		} detail;
	};
	uint8_t cpu;
	bool has_kick; /* a member whose kick is in the trace */
};

struct trace {
	/* Of the description: */
	char *paravane, *abi, *backend;
	uint64_t tsc_khz;
	struct trace_names exits, kinds, errnos, call_names;
	struct trace_call *calls; /* as many as call_names */
	struct trace_table *tables;
	size_t table_count;
	const struct trace_table *flags; /* of members; NULL = no names */
	struct trace_domain *domains;
	size_t domain_count;
	bool is_described;
	/* Of the records: */
	struct trace_entry *entries;
	size_t count, capacity;
	uint64_t records;
	uint64_t lost[PV_CPUS_MAX];
	struct trace_file_end end;
	bool has_end;
	size_t skipped; /* bytes of the file before those given to trace_take() */
	/*
	 * Of those still open, per CPU: index + 1 of the last entry; members whose kick is to come.
	 */
	size_t last[PV_CPUS_MAX], first_member[PV_CPUS_MAX];
};

/* ---- trace_read.c ---------------------------------------------------------------------------- */

enum trace_status {
	TRACE_COMPLETE, /* up to and with the end section */
	TRACE_MORE, /* the bytes end before the file does */
	TRACE_DAMAGED, /* what follows makes no sense */
	TRACE_FOREIGN, /* this is no trace, or one of another version */
};

/*
 * Takes whole sections off the bytes at *at, which it moves on; `why` is one sentence where the
 * status is not COMPLETE. Begin with a zeroed trace and *at 0. Entries are added in the order of
 * the file.
 */
enum trace_status trace_take(struct trace *trace, const uint8_t *bytes, size_t size, size_t *at,
			     char why[200]);
/* Entries from `first` on in order of time, members behind their kick. */
void trace_sort(struct trace *trace, size_t first);
void trace_free(struct trace *trace);

/* ---- trace_describe.c ------------------------------------------------------------------------ */

/* Fills the names from the JSON of a description. -1: it is none. */
int trace_describe(struct trace *trace, const uint8_t *json, size_t size);
void trace_description_free(struct trace *trace);

/* ---- trace_group.c: records to entries ------------------------------------------------------- */

void trace_group_add(struct trace *trace, uint32_t cpu, const struct pv_trace_record *record);

/* ---- trace_text.c: numbers to words ---------------------------------------------------------- */

/* A name, or "#n"; the buffer is for that. */
const char *trace_name(const struct trace_names *names, uint64_t n, char buffer[24]);
const char *trace_domain_name(const struct trace *trace, unsigned int domain, char buffer[24]);
/* What it is called: the call, the exit, the vector, ... */
const char *trace_entry_name(const struct trace *trace, const struct trace_entry *entry,
			     char buffer[24]);
/* "NAME(argument=value, ...) = result" and the like. */
void trace_entry_text(const struct trace *trace, const struct trace_entry *entry, char *out,
		      size_t size);
/* Only what is in the parentheses, and only the result; empty where there is none. */
void trace_entry_args(const struct trace *trace, const struct trace_entry *entry, char *out,
		      size_t size);
void trace_entry_result(const struct trace *trace, const struct trace_entry *entry, char *out,
			size_t size);
/* Of calls, members and exits alone. */
bool trace_has_ticks(const struct trace_entry *entry);
/* An OUT to the marker port, which no counter counts. */
bool trace_is_fence(const struct trace_entry *entry);
/* Microseconds since `origin`; where the frequency is unknown, ticks. */
double trace_us(const struct trace *trace, uint64_t tsc, uint64_t origin);

/* Text that never overruns its buffer, quicker than printf. */
struct trace_line {
	char *at, *end;
};
void trace_put(struct trace_line *line, const char *text);
void trace_put_hex(struct trace_line *line, uint64_t value, unsigned int digits);
void trace_put_number(struct trace_line *line, uint64_t value);

#endif
