/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a kernel file's bytes to what goes where in a domain's memory. One table row a format; the
 * formats that later versions load are rows already, so that their files are recognised and refused
 * by name. Pure: no file is opened here.
 */
#ifndef TOOLS_PAYLOAD_H
#define TOOLS_PAYLOAD_H

#include "host/bundle.h"
#include "pvn.h"

#define LOAD_SEGMENTS_MAX 16u

/* Bytes for a domain's memory. They belong to somebody else, who lives longer. */
struct load_segment {
	uint64_t gpa;
	const uint8_t *bytes;
	uint64_t file_bytes;
	uint64_t mem_bytes; /* the rest is zero */
	uint32_t flags; /* PV_SEGMENT_* */
};

struct load_plan {
	struct load_segment segments[LOAD_SEGMENTS_MAX];
	unsigned int count;
	uint64_t entry; /* rip of the first vCPU */
	bool is_linux; /* started by the Linux boot protocol, not as a bare-metal program */
	uint64_t image_end; /* first free gpa after the kernel, 4 KiB aligned */
};

struct payload_format {
	const char *name;
	bool (*detect)(const struct blob *file);
	/* 0, or -1 with errors that begin with `name`. NULL: not in this version. */
	int (*load)(const struct blob *file, const char *name, uint64_t memory_bytes,
		    struct load_plan *plan, struct errors *e);
};

/* The row that fits, or NULL with an error. */
const struct payload_format *payload_format_of(const struct blob *file, const char *name,
					       struct errors *e);

/* Adds a segment. 0, or -1 with an error if the plan is full. */
int load_plan_add(struct load_plan *plan, const struct load_segment *segment, const char *name,
		  struct errors *e);
/* Every segment within memory_bytes, none over another. 0, or -1 with an error. */
int load_plan_check(const struct load_plan *plan, const char *name, uint64_t memory_bytes,
		    struct errors *e);

/*
 * Replaces gzip, xz or zstd bytes (told by their magic) by what they hold, at most max bytes of it;
 * others stay as they are. 0, or -1 with an error.
 */
int decompress(struct blob *b, const char *name, size_t max, struct errors *e);

#endif
