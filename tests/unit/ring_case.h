/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the record ring share: a world with rings, and reading back what is in them. */
#ifndef TESTS_UNIT_RING_CASE_H
#define TESTS_UNIT_RING_CASE_H

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "machine/machine.h"
#include "port_reader.h"
#include "tap.h"
#include "trace/trace.h"

#define RECORDS_MAX 70000u
#define ALL_KINDS (BIT(PV_KIND_COUNT) - 1)

static struct port_record *records;
static u64 lost[16];
static struct vcpu *v;

/* Four domains on two CPUs; v is vCPU 2 of the last one. */
static inline void begin_ring(u32 kinds, u32 capacity, bool is_live)
{
	const struct world_domain list[4] = { [3] = { .vcpus = 3 } };

	world_create(list, 4, 2);
	v = domains[3]->vcpus[2];
	v->cpu = &cpus[1];
	trace_init(kinds, capacity, is_live);
	trace_rings_create();
	v->ring = cpus[0].ring;
	fake_output_clear();
}

static inline void begin(u32 kinds, u32 capacity)
{
	begin_ring(kinds, capacity, false);
}

/* Flushes and reads back; returns the number of records. */
static inline long read_back(void)
{
	struct port_reading reading;
	long count;

	trace_flush();
	port_read(&reading, fake_debug_port.data, fake_debug_port.used, 41);
	EXPECT(!reading.lost && !reading.damaged && !reading.stray);
	count = port_trace(&reading, records, RECORDS_MAX, lost);
	port_free(&reading);
	fake_output_clear();
	return count;
}

static inline void end(void)
{
	world_destroy();
}

static inline void expect(unsigned index, u8 kind, u16 code, u64 rip, u64 arg, u16 raw)
{
	const struct pv_trace_record *r = &records[index].record;

	EXPECT_EQ(r->kind, kind);
	EXPECT_EQ(r->code, code);
	EXPECT_EQ(r->rip, rip);
	EXPECT_EQ(r->arg, arg);
	EXPECT_EQ(r->raw, raw);
	EXPECT_EQ(r->who, PV_TRACE_WHO(3, 2));
}

#endif
