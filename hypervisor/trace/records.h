/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two halves of the trace: ring.c keeps records, records.c makes them. */
#ifndef TRACE_RECORDS_H
#define TRACE_RECORDS_H

struct trace_ring;

/* next has reached stop: around the corner where it is one, and a live ring asks to be sent. */
void trace_ring_turn(struct trace_ring *ring);

#endif
