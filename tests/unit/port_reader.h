/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what the hypervisor wrote to the debug port the way pvn does: with tools/channel.c and, for
 * records, through a trace file. Apart, because tools/ and hypervisor/ both have a struct domain.
 */
#ifndef TESTS_UNIT_PORT_READER_H
#define TESTS_UNIT_PORT_READER_H

#include <stddef.h>
#include <stdint.h>

#include "host/frame.h"

struct port_frame {
	struct pv_frame_header header;
	uint8_t *payload;
};

struct port_reading {
	struct port_frame *frames;
	size_t count;
	uint64_t lost, damaged, stray; /* lost: since the first frame of this reading */
};

/* Fed in pieces of random length. Free with port_free(). */
void port_read(struct port_reading *reading, const uint8_t *bytes, size_t count, uint64_t seed);
void port_free(struct port_reading *reading);

struct port_record {
	struct pv_trace_record record;
	uint32_t cpu;
};

/*
 * The records of all TRACE frames, in order of time; lost[] per CPU, as a trace file of them says.
 * Returns their number, at most max. -1: the file does not read back.
 */
long port_trace(const struct port_reading *reading, struct port_record *records, size_t max,
		uint64_t lost[16]);

/* A frame as a forger would write it; returns its bytes. */
size_t port_forge(uint8_t *out, uint16_t type, const void *payload, uint32_t bytes);

#endif
