/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a kernel file's bytes to what goes where in a domain's memory. One table row a format. Pure:
 * no file is opened here.
 */
#ifndef TOOLS_PAYLOAD_H
#define TOOLS_PAYLOAD_H

#include "host/bundle.h"
#include "pvn.h"

#define LOAD_SEGMENTS_MAX 32u
/* What a compressed kernel may hold. */
#define KERNEL_BYTES_MAX (1u << 30)

/* Bytes for a domain's memory. They belong to somebody else, who lives longer. */
struct load_segment {
	uint64_t gpa;
	const uint8_t *bytes;
	uint64_t file_bytes;
	uint64_t mem_bytes; /* the rest is zero */
	uint32_t flags; /* PV_SEGMENT_* */
};

/* How the first vCPU enters it, and what it finds. */
enum load_protocol {
	LOAD_PROGRAM, /* 64-bit mode, struct pv_start_info */
	LOAD_LINUX, /* the 64-bit Linux boot protocol */
	LOAD_MULTIBOOT, /* 32-bit protected mode, multiboot information */
};

/* Linux's "setup header", from its place in a bzImage and in struct boot_params. */
#define LINUX_SETUP_HEADER 0x1f1u
#define LINUX_SETUP_HEADER_MAX (0x290u - LINUX_SETUP_HEADER)

struct load_plan {
	struct load_segment segments[LOAD_SEGMENTS_MAX];
	unsigned int count;
	uint64_t entry; /* rip of the first vCPU */
	enum load_protocol protocol;
	uint64_t image_end; /* first free gpa after the kernel, 4 KiB aligned */
	struct blob unpacked; /* what segments of a bzImage point into */
	uint8_t setup_header[LINUX_SETUP_HEADER_MAX];
	size_t setup_header_bytes; /* 0: there is none */
};

/*
 * Recognises the file, unpacks it (the blob is replaced then), and plans it for a domain of that
 * mode (PV_MODE_*). plan is written in any case; free it with load_plan_free(). 0, or -1 with
 * errors that begin with `name`.
 */
int payload_load(struct blob *file, const char *name, uint32_t mode, uint64_t memory_bytes,
		 struct load_plan *plan, struct errors *e);
void load_plan_free(struct load_plan *plan);

/* Is it, unpacked, a kernel that understands a Linux command line? */
bool payload_is_linux(const struct blob *file);

/* Adds a segment. 0, or -1 with an error if the plan is full. */
int load_plan_add(struct load_plan *plan, const struct load_segment *segment, const char *name,
		  struct errors *e);
/* Every segment within memory_bytes, none over another. 0, or -1 with an error. */
int load_plan_check(const struct load_plan *plan, const char *name, uint64_t memory_bytes,
		    struct errors *e);

/* A little-endian word at an offset of a file, 0 where it is outside. */
uint32_t blob_read32(const struct blob *file, size_t offset);

/*
 * Replaces compressed bytes (told by their magic) by what they hold, at most max bytes of it;
 * others stay as they are. 0, or -1 with an error.
 */
int decompress(struct blob *b, const char *name, size_t max, struct errors *e);
/*
 * The same for the kernel inside a bzImage, to *out: as Linux packs it, with its size behind it,
 * which must be what comes out.
 */
int decompress_kernel(const struct blob *in, struct blob *out, const char *name, size_t max,
		      struct errors *e);

/* lz4.c: the legacy format of the lz4 program, which Linux uses. NULL, or what is wrong. */
struct sink;
const char *unpack_lz4(const struct blob *in, struct sink *out);

/* Output that grows. */
struct sink {
	struct blob b;
	size_t capacity;
	size_t max;
};
extern const char sink_too_large[]; /* what is wrong if it did not grow */
/* More room at the end, to `needed` bytes in all. False where the limit is reached. */
bool sink_reserve(struct sink *out, size_t needed);

#endif
