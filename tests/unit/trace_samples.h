/* SPDX-License-Identifier: BSD-2-Clause */
/* A trace with every kind of record, and what `pvn trace` must print of it. For tools_trace.c. */
#ifndef TESTS_UNIT_TRACE_SAMPLES_H
#define TESTS_UNIT_TRACE_SAMPLES_H

#include "trace.h"

extern const struct pv_trace_record sample_records[]; /* of CPU 0 */
extern const size_t sample_count;
extern const struct pv_trace_record sample_other[1]; /* of CPU 1 */

/* Of the sorted trace; the members of the batch stand behind their kick. */
#define SAMPLE_ENTRIES 34u

/* The payload of a TRACE frame with the given records; returns its bytes. */
size_t sample_frame(uint8_t *out, uint32_t cpu, uint64_t lost,
		    const struct pv_trace_record *records, size_t count);

extern const char *const golden_lines[], *const golden_summary[], *const golden_by_symbol[];
extern const char *const golden_json[], *const golden_csv[];

#endif
