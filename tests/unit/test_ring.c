/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record ring (trace/ring.c), from the functions that the run loop calls to what `pvn trace`
 * reads: every field of every kind, wrapping with an exact count of what is lost, the mask of
 * kinds, several CPUs, and sending while it runs, also by two CPUs at once. What goes into records
 * is in test_records.c.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "machine/machine.h"
#include "ring_case.h"
#include "tap.h"
#include "trace/trace.h"

static void test_fields(void)
{
	struct vmexit exit = { .code = { PV_EXIT_INVLPG, 0x807b },
			       .rip = 0xffffffff81234567,
			       .qualification = 0xfedcba9876543210 };
	u64 before, after;

	begin(ALL_KINDS, 0);
	before = real_rdtsc();
	exit.tsc_low = (u32)before;
	trace_exit(v, &exit);
	trace_inject(v->ring, v, 0xec, 0x89abcdef);
	trace_sched(v->ring, v, TRACE_SCHED_WAKE);
	trace_mark(v->ring, v, 0x1122334455667788);
	domains[3]->end.how = PV_END_KILLED;
	trace_domain(v->ring, v, TRACE_DOMAIN_END);
	exit.code.exit = PV_EXIT_HYPERCALL;
	exit.qualification = PV_CALL_IPI_SEND | TRACE_CALL_KNOWN;
	v->gpr[RDI] = 0x8877665544332211;
	v->gpr[RAX] = (u64)-PV_ENOENT;
	trace_call(v, &exit);
	after = real_rdtsc();
	EXPECT_EQ(read_back(), 6);
	expect(0, PV_KIND_EXIT, PV_EXIT_INVLPG, 0xffffffff81234567, 0xfedcba9876543210, 0x807b);
	expect(1, PV_KIND_INJECT, 0xec, 0, 0x89abcdef, 0);
	expect(2, PV_KIND_SCHED, TRACE_SCHED_WAKE, 0, 1, 0); /* of CPU 1 */
	expect(3, PV_KIND_MARK, 0, 0, 0x1122334455667788, 0);
	expect(4, PV_KIND_DOMAIN, TRACE_DOMAIN_END, 0, PV_END_KILLED, 0);
	expect(5, PV_KIND_CALL, PV_CALL_IPI_SEND, 0xffffffff81234567, 0x8877665544332211,
	       (u16)-PV_ENOENT);
	for (unsigned i = 0; i < 6; i++) {
		EXPECT(records[i].cpu == 0 && records[i].record.tsc >= before &&
		       records[i].record.tsc <= after);
		EXPECT(!i || records[i].record.tsc >= records[i - 1].record.tsc);
	}
	EXPECT(!lost[0] && !lost[1]);
	end();
	tap_case("every kind of record arrives with all its fields");
}

static void test_wrap(void)
{
	static const struct {
		u32 wanted, capacity;
	} sizes[] = { { 1, 16 },   { 16, 16 },     { 17, 32 },        { 1000, 1024 },
		      { 0, 4096 }, { 5000, 8192 }, { 1000000, 65536 } };
	static const u32 over[] = { 0, 1, 5, 16 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned n = 0; n < ARRAY_SIZE(over); n++) {
			u32 capacity = sizes[i].capacity, count = capacity + over[n];

			/* Twice around and a half, once for each size. */
			if (over[n] == 16)
				count = 2 * capacity + capacity / 2;
			begin(ALL_KINDS, sizes[i].wanted);
			for (u32 id = 0; id < count; id++)
				trace_mark(v->ring, v, id);
			EXPECT_EQ(read_back(), capacity);
			EXPECT_EQ(lost[0], count - capacity);
			EXPECT_EQ(lost[1], 0);
			for (u32 at = 0; at < capacity; at++)
				EXPECT_EQ(records[at].record.arg, count - capacity + at);
			end();
		}
	}
	tap_case("a full ring overwrites the oldest records and says how many");
}

static void test_live(void)
{
	u64 total = 0;
	u32 got;

	begin_ring(ALL_KINDS, 1024, true);
	cpus[0].current = v;
	for (u32 id = 0; id < 3000; id++) {
		trace_mark(v->ring, v, id);
		/* Every 128 records the vCPU is asked to look, and then they are sent. */
		EXPECT_EQ(!!(v->attention & ATTENTION_TRACE), id % 128 == 127);
		if (v->attention & ATTENTION_TRACE) {
			vcpu_attended(v, ATTENTION_TRACE);
			EXPECT(!trace_drain(v->ring));
		}
	}
	EXPECT_EQ(read_back(), 3000);
	EXPECT_EQ(lost[0], 0);
	for (u32 id = 0; id < 3000; id++)
		EXPECT_EQ(records[id].record.arg, id);
	/* Nobody looks: only then something is lost, and a drain takes a bounded piece. */
	for (u32 id = 0; id < 2000; id++)
		trace_mark(v->ring, v, id);
	for (got = 1; trace_drain(v->ring); got++)
		;
	EXPECT_EQ(got, 5); /* 1024 records by 256, once cut at the end of the ring */
	total = (u64)read_back();
	EXPECT_EQ(total, 1024);
	EXPECT_EQ(lost[0], 2000 - 1024);
	end();
	/* A ring that is not live keeps what it has for the end. */
	begin(ALL_KINDS, 1024);
	cpus[0].current = v;
	for (u32 id = 0; id < 600; id++)
		trace_mark(v->ring, v, id);
	EXPECT(!v->attention && !trace_drain(v->ring) && !fake_debug_port.used);
	EXPECT_EQ(read_back(), 600);
	end();
	tap_case("a live ring is sent while it fills and loses nothing");
}

/* Another CPU ends the machine, while this one is about to take a lock and holds none. */
static void end_meanwhile(void)
{
	fake_unlocked = NULL;
	trace_flush();
}

static void test_end_while_draining(void)
{
	begin_ring(ALL_KINDS, 1024, true);
	for (u32 id = 0; id < 100; id++)
		trace_mark(v->ring, v, id);
	fake_unlocked = end_meanwhile;
	EXPECT(!trace_drain(v->ring));
	EXPECT(!fake_unlocked);
	EXPECT_EQ(read_back(), 100);
	EXPECT_EQ(lost[0], 0);
	for (u32 id = 0; id < 100; id++)
		EXPECT_EQ(records[id].record.arg, id);
	end();
	tap_case("a ring that is being sent when the machine ends is sent once");
}

static void test_kinds(void)
{
	struct vmexit exit = { .code = { PV_EXIT_CPUID, 10 }, .qualification = TRACE_CALL_KNOWN };
	const struct pv_batch_entry e = { 0 };

	for (unsigned kind = 0; kind < PV_KIND_COUNT; kind++) {
		/* Those that complete another record come with it alone. */
		bool is_part = kind == PV_KIND_RESULT || kind == PV_KIND_ARGS ||
			       kind == PV_KIND_DETAIL || kind == PV_KIND_TICKS;

		begin((u32)BIT(kind), 0);
		v->gpr[RAX] = 0;
		exit.tsc_low = (u32)real_rdtsc();
		trace_exit(v, &exit);
		trace_call(v, &exit);
		trace_member(v, &e, 0, exit.tsc_low, 0);
		trace_inject(v->ring, v, 1, 0);
		trace_sched(v->ring, v, TRACE_SCHED_IN);
		trace_mark(v->ring, v, 0);
		trace_domain(v->ring, v, TRACE_DOMAIN_START);
		EXPECT_EQ(read_back(), !is_part);
		EXPECT(is_part || records[0].record.kind == kind);
		EXPECT_EQ(lost[0], 0);
		end();
	}
	/* Off: no rings, and nothing to flush. */
	begin(0, 0);
	EXPECT(!cpus[0].ring && !cpus[1].ring);
	trace_flush();
	EXPECT_EQ(fake_debug_port.used, 0);
	end();
	/* No memory: a line says so, and the machine goes on without. */
	begin(0, 0);
	fake_chunks_left = 0;
	trace_init(ALL_KINDS, 0, false);
	trace_rings_create();
	EXPECT(!cpus[0].ring && fake_serial_has("tracing is off"));
	fake_output_clear();
	end();
	tap_case("only the kinds that were asked for are recorded");
}

static void test_cpus(void)
{
	u64 seed = 43, wanted[2] = { 0, 0 }, seen[2] = { 0, 0 };

	begin(ALL_KINDS, 256);
	for (unsigned i = 0; i < 400; i++) {
		u32 cpu = rnd(&seed) % 4 == 0;

		trace_mark(cpus[cpu].ring, v, wanted[cpu]++);
	}
	EXPECT_EQ(read_back(), 256 + wanted[1]);
	EXPECT_EQ(lost[0], wanted[0] - 256);
	EXPECT_EQ(lost[1], 0);
	for (unsigned i = 0; i < 256 + wanted[1]; i++) {
		u32 cpu = records[i].cpu;

		EXPECT(cpu < 2 && records[i].record.arg == (cpu ? 0 : wanted[0] - 256) + seen[cpu]);
		seen[cpu & 1]++;
		EXPECT(!i || records[i].record.tsc >= records[i - 1].record.tsc);
	}
	EXPECT(seen[0] == 256 && seen[1] == wanted[1]);
	end();
	tap_case("each CPU has its ring; read together they are in order of time");
}

int main(void)
{
	records = calloc(RECORDS_MAX, sizeof(*records));
	fake_cpuid_all();
	test_fields();
	test_wrap();
	test_live();
	test_end_while_draining();
	test_kinds();
	test_cpus();
	free(records);
	return tap_done();
}
