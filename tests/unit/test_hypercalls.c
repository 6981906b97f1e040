/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: each call's success, every errno that abi.toml names for it (call_errors.h; a call or
 * an errno that is missing there fails the test), and the rules that hold for all of them. What
 * events, batches, areas and timers do is tested in files of their own; random calls are too.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "host/frame.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "pv_names.h"
#include "tap.h"

/* After all others: what it names v and d, they name so too. */
#include "call_errors.h"

static const struct {
	const char *name;
	unsigned number, args, units;
	bool is_batchable;
	u32 feature;
} calls[] = {
#define ABI_CALL(call, nr, count, batch, units, feature) \
	{ #call, nr, count, units, batch, feature },
#define ABI_ERROR(call, errno_name)
#include "abi_errors.h"
#undef ABI_CALL
#undef ABI_ERROR
};

static void begin(void)
{
	const struct world_domain one = { .vcpus = VCPUS,
					  .mode = PV_MODE_PV_HAP,
					  .chunks = CHUNKS };

	v = world_of(&one);
	d = v->domain;
	memset(v->gpr, 0, sizeof(v->gpr));
	fake_output_clear();
	fake_tsc_step = 0;
}

/* ---- successes ---- */

static void test_null_and_console(void)
{
	char text[PV_CONSOLE_MAX];

	begin();
	EXPECT_EQ(CALL(PV_CALL_NULL), 0);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	guest_write(&d->p2m, 0x20000, text, sizeof(text));
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000, 1), 1);
	EXPECT(d->console.used == 1 && d->console.line[0] == 'x' && !fake_debug_port.used);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000 + PV_CONSOLE_MAX - 1, 1), 1);
	EXPECT(!d->console.used && fake_serial_has("[d0] x\n"));
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000, PV_CONSOLE_MAX), PV_CONSOLE_MAX);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, MEMORY - 256, 256), 256); /* the last bytes */
	EXPECT_EQ(d->console.written, 2 + 256 + 256);
	EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 0);
	world_destroy();
	tap_case("NULL and CONSOLE");
}

static void test_shutdown(void)
{
	for (u64 reason = PV_SHUTDOWN_POWEROFF; reason <= PV_SHUTDOWN_CRASH; reason++) {
		begin();
		EXPECT_EQ(CALL(PV_CALL_SHUTDOWN, reason, 255 - reason), 0);
		EXPECT(d->ending && d->end.how == PV_END_SHUTDOWN);
		EXPECT(d->end.reason == reason && d->end.status == 255 - reason);
		for (u32 i = 0; i < VCPUS; i++)
			EXPECT(d->vcpus[i]->attention & ATTENTION_DYING);
		EXPECT_EQ(CALL(PV_CALL_SHUTDOWN, 0, 0), 0); /* the first one stays */
		EXPECT_EQ(d->end.reason, reason);
		world_destroy();
	}
	tap_case("SHUTDOWN");
}

static void test_mark(void)
{
	struct pv_frame_header header;
	struct pv_frame_stats stats;
	size_t at = 0;

	begin();
	v->exits[PV_EXIT_CPUID].count = 5;
	EXPECT_EQ(CALL(PV_CALL_TRACE_MARK, 0x1234567890), 0);
	for (u32 i = 0; i < VCPUS; i++) {
		memcpy(&header, fake_debug_port.data + at, sizeof(header));
		memcpy(&stats, fake_debug_port.data + at + sizeof(header), sizeof(stats));
		EXPECT(header.type == PV_FRAME_STATS && stats.vcpu == i && stats.domain == 0);
		EXPECT(stats.why == PV_STATS_MARK && stats.mark == 0x1234567890);
		EXPECT_EQ(stats.rows, i == 0);
		at += sizeof(header) + header.length;
	}
	EXPECT_EQ(at, fake_debug_port.used);
	world_destroy();
	tap_case("TRACE_MARK");
}

static void test_start(void)
{
	struct pv_vcpu_context context = world_context(0x123000);
	struct vcpu *other;

	begin();
	other = d->vcpus[2];
	context.rdi = 77;
	context.cr4 |= CR4_OSXSAVE;
	put_context(CONTEXT_GPA, &context);
	EXPECT_EQ(CALL(PV_CALL_VCPU_START, 2, CONTEXT_GPA), 0);
	EXPECT(other->state == VCPU_RUNNABLE && d->vcpus_live == 2);
	EXPECT(other->gpr[RDI] == 77 && other->osxsave);
	EXPECT(!memcmp(&recorder_of(other)->start, &context, sizeof(context)));
	EXPECT_EQ(d->vcpus[1]->state, VCPU_STOPPED);
	/* It gets its CPU, dies with its domain and can be told so. */
	EXPECT(sched_next(&cpus[0]) == other);
	vcpu_attend(other, ATTENTION_DYING);
	sched_put(&cpus[0], other);
	EXPECT(other->state == VCPU_STOPPED && d->vcpus_live == 1);
	put_context(2 * PAGE_SIZE - sizeof(context), &context); /* the last one that fits a page */
	EXPECT_EQ(CALL(PV_CALL_VCPU_START, 2, 2 * PAGE_SIZE - sizeof(context)), 0);
	other = sched_next(&cpus[0]);
	vcpu_attend(other, ATTENTION_DYING);
	sched_put(&cpus[0], other);
	world_destroy();
	tap_case("VCPU_START");
}

static void test_yield_and_block(void)
{
	begin();
	EXPECT_EQ(CALL(PV_CALL_YIELD), 0);
	EXPECT_EQ(v->attention, ATTENTION_YIELD);
	v->attention = 0;
	v->deadline = 7;
	EXPECT_EQ(CALL(PV_CALL_BLOCK, 0), 0);
	EXPECT_EQ(v->attention, ATTENTION_BLOCK | ATTENTION_KICK);
	EXPECT(v->deadline == ~0ull && v->is_kickable); /* the timer is set, here to never */
	EXPECT_EQ(v->wake_mask & (ATTENTION_IRQ | ATTENTION_NMI), ATTENTION_IRQ | ATTENTION_NMI);
	v->attention = 0;
	EXPECT_EQ(CALL(PV_CALL_BLOCK, 5000000), 0);
	EXPECT_EQ(v->attention, ATTENTION_BLOCK | ATTENTION_KICK);
	EXPECT_EQ(v->deadline, pvclock_tsc(5000000));
	/* An event is pending: at once, whichever kind it is. */
	v->attention = 0;
	irq_raise(v, 0x30);
	EXPECT(!CALL(PV_CALL_BLOCK, 0) && !(v->attention & ATTENTION_BLOCK));
	memset(v->irr, 0, sizeof(v->irr));
	v->attention = 0;
	v->offered = 0x30;
	EXPECT(!CALL(PV_CALL_BLOCK, 9) && !(v->attention & ATTENTION_BLOCK));
	EXPECT_EQ(v->deadline, pvclock_tsc(9)); /* set all the same */
	v->offered = -1;
	nmi_raise(v);
	EXPECT(!CALL(PV_CALL_BLOCK, 0) && !(v->attention & ATTENTION_BLOCK));
	world_destroy();
	tap_case("YIELD and BLOCK");
}

static void test_stop_and_query(void)
{
	const struct pv_vcpu_context context = world_context(0x123000);

	begin();
	put_context(CONTEXT_GPA, &context);
	EXPECT_EQ(CALL(PV_CALL_VCPU_QUERY, 1), PV_STATE_STOPPED);
	EXPECT_EQ(CALL(PV_CALL_VCPU_START, 1, CONTEXT_GPA), 0);
	EXPECT_EQ(CALL(PV_CALL_VCPU_QUERY, 1), PV_STATE_RUNNABLE);
	EXPECT(sched_next(&cpus[0]) == d->vcpus[1]);
	EXPECT_EQ(CALL(PV_CALL_VCPU_QUERY, 1), PV_STATE_RUNNING);
	/* Two are there: one may go, and then no other. */
	EXPECT_EQ(CALL(PV_CALL_VCPU_STOP), 0);
	EXPECT(v->attention & ATTENTION_STOP);
	EXPECT_EQ(CALL_OF(d->vcpus[1], PV_CALL_VCPU_STOP), -PV_EBUSY);
	v->attention = 0;
	d->vcpus_stopping = 0;
	CALL_OF(d->vcpus[1], PV_CALL_BLOCK, 0);
	sched_put(&cpus[0], d->vcpus[1]);
	EXPECT_EQ(CALL(PV_CALL_VCPU_QUERY, 1), PV_STATE_BLOCKED);
	EXPECT_EQ(CALL(PV_CALL_KICK, 1), 0);
	EXPECT_EQ(CALL(PV_CALL_VCPU_QUERY, 1), PV_STATE_RUNNABLE);
	EXPECT_EQ(CALL(PV_CALL_KICK, 0), 0);
	EXPECT(v->wake_sticky); /* the next BLOCK */
	world_destroy();
	tap_case("VCPU_STOP, VCPU_QUERY and KICK");
}

static void test_ipi(void)
{
	begin();
	for (u64 vector = 32; vector < 256; vector++) {
		EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 1, vector), 0);
		EXPECT(d->vcpus[1]->irr[vector / 64] & BIT(vector % 64));
		EXPECT(!irq_pending(v));
	}
	EXPECT_EQ(d->vcpus[1]->attention, ATTENTION_IRQ);
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 2, VEC_NMI), 0);
	EXPECT_EQ(d->vcpus[2]->attention, ATTENTION_NMI);
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 0, 0x41), 0); /* to itself */
	EXPECT(irq_pending(v));
	/* A vCPU that runs elsewhere is kicked, one that sleeps is woken. */
	cpus[1].index = 1;
	d->vcpus[1]->state = VCPU_RUNNING;
	d->vcpus[1]->cpu = &cpus[1];
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 1, 0x41), 0);
	EXPECT_EQ(fake_cpus[1].kicks, 1);
	d->vcpus[1]->state = VCPU_STOPPED;
	world_destroy();
	tap_case("IPI_SEND");
}

static void test_ipi_mask(void)
{
	begin();
	EXPECT_EQ(CALL(PV_CALL_IPI_MASK, 0, 0x41), 0);
	for (u32 i = 0; i < VCPUS; i++)
		EXPECT(!irq_pending(d->vcpus[i]));
	EXPECT_EQ(CALL(PV_CALL_IPI_MASK, 5, 0x41), 0);
	EXPECT(irq_pending(d->vcpus[0]) && irq_pending(d->vcpus[2]));
	EXPECT(!irq_pending(d->vcpus[1]));
	EXPECT_EQ(CALL(PV_CALL_IPI_MASK, 7, VEC_NMI), 0);
	for (u32 i = 0; i < VCPUS; i++)
		EXPECT(d->vcpus[i]->attention & ATTENTION_NMI);
	world_destroy();
	tap_case("IPI_MASK");
}

static void test_info(void)
{
	struct pv_info info;

	begin();
	fake_wall_ns = 1234567890123456789;
	EXPECT_EQ(CALL(PV_CALL_INFO, 0x20008), 0);
	caller_get(v, 0x20008, &info, sizeof(info));
	EXPECT_EQ(info.abi, PV_ABI_MAJOR << 16 | PV_ABI_MINOR);
	EXPECT(info.mode == PV_MODE_PV_HAP && info.domain == 0 && info.vcpus == VCPUS);
	EXPECT(info.features == d->features && info.memory_bytes == MEMORY);
	EXPECT(info.wall_ns == fake_wall_ns && info.tsc_khz == tsc_khz);
	EXPECT(!info.reserved[0] && !info.reserved[1]);
	EXPECT_EQ(CALL(PV_CALL_INFO, MEMORY - sizeof(info)), 0);
	world_destroy();
	tap_case("INFO");
}

static void test_stats(void)
{
	struct pv_frame_stats head;
	struct pv_stats_row row;
	s64 rows;

	begin();
	EXPECT_EQ(CALL(PV_CALL_NULL), 0);
	d->vcpus[1]->exits[PV_EXIT_CPUID] = (struct counter){ 3, 50, 20 };
	d->vcpus[1]->calls[ROW_hypercall_yield].count = 4;
	d->vcpus[1]->members[ROW_hypercall_null] = 9;
	d->vcpus[1]->events[PV_EVENT_MOVED] = 2;
	rows = CALL(PV_CALL_STATS_READ, 1, 0x20000);
	EXPECT_EQ(rows, 5); /* and the hypercalls as exits */
	caller_get(v, 0x20000, &head, sizeof(head));
	EXPECT(head.vcpu == 1 && head.rows == 5 && head.why == PV_STATS_REQUEST);
	for (s64 i = 0; i < rows; i++) {
		caller_get(v, 0x20000 + sizeof(head) + (u64)i * sizeof(row), &row, sizeof(row));
		if (row.space == PV_STATS_EXIT && row.code == PV_EXIT_CPUID)
			EXPECT(row.count == 3 && row.ticks == 50 && row.max_ticks == 20);
		else if (row.space == PV_STATS_EXIT)
			EXPECT(row.code == PV_EXIT_HYPERCALL && row.count == 4);
		else if (row.space == PV_STATS_CALL)
			EXPECT(row.code == PV_CALL_YIELD && row.count == 4);
		else if (row.space == PV_STATS_BATCH)
			EXPECT(row.code == PV_CALL_NULL && row.count == 9);
		else
			EXPECT(row.space == PV_STATS_EVENT && row.code == PV_EVENT_MOVED);
	}
	/* More rows than fit: the first ones, and the count says so. */
	for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
		v->exits[i].count = 1;
	for (unsigned i = 0; i < HYPERCALL_ROWS; i++)
		v->calls[i].count = v->members[i] = 1;
	rows = CALL(PV_CALL_STATS_READ, 0, 0x20000);
	EXPECT(rows > 90 && (u64)rows <= (PAGE_SIZE - sizeof(head)) / sizeof(row));
	EXPECT_EQ(caller_get64(v, 0x21000), 0);
	world_destroy();
	tap_case("STATS_READ");
}

static void test_console_read(void)
{
	char text[PV_CONSOLE_MAX];

	begin();
	EXPECT_EQ(CALL(PV_CALL_CONSOLE_READ, 0x20000, 256), 0);
	console_type(&d->console, "hello\n", 6);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE_READ, 0x20ffe, 2), 2);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE_READ, MEMORY - 256, 256), 4);
	caller_get(v, 0x20ffe, text, 2);
	caller_get(v, MEMORY - 256, text + 2, 4);
	EXPECT(!memcmp(text, "hello\n", 6));
	/* Typed faster than read: what does not fit is lost, what was there is not. */
	memset(text, 'a', sizeof(text));
	console_type(&d->console, "b", 1);
	console_type(&d->console, text, sizeof(text));
	EXPECT_EQ(CALL(PV_CALL_CONSOLE_READ, 0x20000, 256), 256);
	caller_get(v, 0x20000, text, sizeof(text));
	EXPECT(text[0] == 'b' && text[1] == 'a' && text[255] == 'a');
	EXPECT_EQ(CALL(PV_CALL_CONSOLE_READ, 0x20000, 256), 0);
	world_destroy();
	tap_case("CONSOLE_READ");
}

static void test_timer_and_watchdog(void)
{
	begin();
	EXPECT_EQ(CALL(PV_CALL_TIMER_SET, 5000, 100000), 0);
	EXPECT(v->deadline == pvclock_tsc(5000) && v->period == 100000 &&
	       v->attention == ATTENTION_KICK);
	EXPECT_EQ(CALL(PV_CALL_TIMER_SET, 1, 0), 0); /* in the past: the scheduler fires it */
	EXPECT(v->deadline == pvclock_tsc(1) && v->period == 0);
	EXPECT_EQ(CALL(PV_CALL_TIMER_SET, 0, 0), 0);
	EXPECT_EQ(v->deadline, ~0ull);
	EXPECT_EQ(CALL(PV_CALL_TIMER_SET, ~0ull, ~0ull), 0);
	EXPECT(v->deadline == ~0ull && v->period == BIT(62));
	EXPECT_EQ(CALL(PV_CALL_WATCHDOG, 777), 0);
	EXPECT_EQ(d->watchdog, fake_tsc + 777);
	EXPECT_EQ(CALL(PV_CALL_WATCHDOG, ~0ull), 0);
	EXPECT(d->watchdog > fake_tsc + BIT(60)); /* not wrapped into the past */
	EXPECT_EQ(CALL(PV_CALL_WATCHDOG, 0), 0);
	EXPECT_EQ(d->watchdog, ~0ull);
	world_destroy();
	tap_case("TIMER_SET and WATCHDOG");
}

static void test_tlb_flush(void)
{
	begin();
	for (u64 scope = PV_FLUSH_ALL; scope <= PV_FLUSH_CONTEXTS; scope++) {
		v->attention = d->vcpus[2]->attention = 0;
		EXPECT_EQ(CALL(PV_CALL_TLB_FLUSH, scope, 0x1000, 5, 5), 0);
		EXPECT(v->attention == ATTENTION_FLUSH && !d->vcpus[1]->attention);
		EXPECT_EQ(d->vcpus[2]->attention, ATTENTION_FLUSH);
	}
	vcpu_flush_pending(v);
	EXPECT(!v->attention && recorder_of(v)->flushes == 1);
	/*
	 * Two that wait for each other: the waiter serves its own meanwhile, and gives up in time.
	 */
	run_other();
	EXPECT_EQ(CALL(PV_CALL_TLB_FLUSH, PV_FLUSH_ALL, 0, 0, 3), -PV_EAGAIN);
	EXPECT(recorder_of(v)->flushes == 2 && !(v->attention & ATTENTION_FLUSH));
	EXPECT(fake_cpus[1].kicks == 1 && (d->vcpus[1]->attention & ATTENTION_FLUSH));
	d->vcpus[1]->attention = 0;
	d->vcpus[1]->state = VCPU_STOPPED;
	EXPECT_EQ(CALL(PV_CALL_TLB_FLUSH, PV_FLUSH_ALL, 0, 0, 0), 0);
	world_destroy();
	tap_case("TLB_FLUSH");
}

static void expect_layout(unsigned count, const u64 (*wanted)[2])
{
	struct pv_mem_range range;

	EXPECT_EQ(CALL(PV_CALL_MEM_LAYOUT, 0x20000), count);
	for (unsigned i = 0; i < count; i++) {
		caller_get(v, 0x20000 + i * sizeof(range), &range, sizeof(range));
		EXPECT_EQ(range.start, wanted[i][0]);
		EXPECT_EQ(range.bytes, wanted[i][1]);
		EXPECT(range.type == 1 && range.reserved == 0);
	}
}

static void test_memory(void)
{
	const u64 whole[1][2] = { { 0, MEMORY } };
	const u64 hole[2][2] = { { 0, CHUNK_SIZE }, { 2 * CHUNK_SIZE, CHUNK_SIZE } };
	const u64 first[1][2] = { { 0, CHUNK_SIZE } };
	u32 left;
	u64 bytes;

	begin();
	left = fake_chunks_left;
	expect_layout(1, whole);
	memset((void *)p2m_lookup(&d->p2m, CHUNK_SIZE), 0x5a, CHUNK_SIZE);
	EXPECT_EQ(CALL(PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), 1);
	EXPECT(fake_chunks_left == left + 1 && !p2m_lookup(&d->p2m, CHUNK_SIZE));
	EXPECT(!hap_lookup(&d->hap, CHUNK_SIZE, &bytes) && hap_lookup(&d->hap, 0, &bytes));
	EXPECT(!d->frozen && recorder_of(v)->flushes == 1);
	for (u32 i = 1; i < VCPUS; i++)
		EXPECT(d->vcpus[i]->attention & ATTENTION_FLUSH_ALL);
	expect_layout(2, hole);
	/* As many as there are: the rest is said by the count. */
	EXPECT_EQ(CALL(PV_CALL_MEM_RELEASE, 2 * CHUNK_SIZE, 64), 1);
	expect_layout(1, first);
	EXPECT_EQ(CALL(PV_CALL_MEM_CLAIM, CHUNK_SIZE, 64), 2);
	EXPECT_EQ(fake_chunks_left, left);
	expect_layout(1, whole);
	for (u64 n = 0; n < CHUNK_SIZE / 8; n++)
		EXPECT(!((u64 *)p2m_lookup(&d->p2m, CHUNK_SIZE))[n]);
	EXPECT(hap_lookup(&d->hap, CHUNK_SIZE, &bytes) && hap_lookup(&d->hap, MEMORY - 1, &bytes));
	/* One of two is there: none beyond it. */
	EXPECT_EQ(CALL(PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), 1);
	EXPECT_EQ(CALL(PV_CALL_MEM_CLAIM, CHUNK_SIZE, 2), 1);
	world_destroy();
	tap_case("MEM_LAYOUT, MEM_RELEASE and MEM_CLAIM");
}

/* ---- every errno ---- */

static void test_errors(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		u32 attention[VCPUS];
		u32 left;
		s64 result;

		begin();
		if (errors[i].prepare)
			errors[i].prepare();
		for (u32 n = 0; n < VCPUS; n++)
			attention[n] = d->vcpus[n]->attention;
		left = fake_chunks_left;
		result = caller_call(v, errors[i].number, errors[i].args);
		EXPECT_MSG(result == -errors[i].error, "row %u: %s gives %lld, expected -%s", i,
			   errors[i].call, (long long)result, errors[i].errno_name);
		/* It has done nothing; who is to try again may have begun. */
		for (u32 n = 0; n < VCPUS && errors[i].error != PV_EAGAIN; n++)
			EXPECT(d->vcpus[n]->attention == attention[n] && !irq_pending(d->vcpus[n]));
		EXPECT(!d->ending && !d->console.used && !fake_debug_port.used && !d->frozen &&
		       d->vcpus_live == 1 && !d->vcpus_stopping && fake_chunks_left == left);
		EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 1);
		d->vcpus[1]->state = VCPU_STOPPED;
		world_destroy();
	}
	fake_tsc_step = 0;
	tap_case("every call refuses what it must, and has done nothing then");
}

static bool has_row(const char *name, const char *errno_name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(errors[i].call, name) && !strcmp(errors[i].errno_name, errno_name))
			return true;
	return false;
}

/* What abi.toml lists stands in the table above, and nothing else does. */
static void test_table_is_complete(void)
{
	static const struct {
		const char *call, *errno_name;
	} named[] = {
#define ABI_CALL(call, nr, count, batch, units, feature)
#define ABI_ERROR(call, errno_name) { #call, #errno_name },
#include "abi_errors.h"
#undef ABI_CALL
#undef ABI_ERROR
	};

	for (unsigned i = 0; i < ARRAY_SIZE(named); i++)
		EXPECT_MSG(has_row(named[i].call, named[i].errno_name), "no row causes -%s of %s",
			   named[i].errno_name, named[i].call);
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		bool is_named = false;

		for (unsigned n = 0; n < ARRAY_SIZE(named); n++)
			is_named |= !strcmp(errors[i].call, named[n].call) &&
				    !strcmp(errors[i].errno_name, named[n].errno_name);
		EXPECT_MSG(is_named, "abi.toml does not name -%s of %s", errors[i].errno_name,
			   errors[i].call);
	}
	EXPECT_EQ(HYPERCALL_ROWS, ARRAY_SIZE(calls));
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(hypercall_number(i), calls[i].number);
		EXPECT(pv_call_names[calls[i].number] &&
		       !strcmp(pv_call_names[calls[i].number], calls[i].name));
	}
	tap_case("abi.toml names exactly the errors that are tested");
}

/* ---- what holds for all ---- */

static void test_unused_registers(void)
{
	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		for (unsigned n = calls[i].args; n < 6; n++) {
			u64 args[6] = { 0 };

			args[n] = BIT(63);
			EXPECT_MSG(caller_call(v, calls[i].number, args) == -PV_EINVAL,
				   "%s, argument register %u", calls[i].name, n);
		}
	}
	EXPECT(!v->attention && !d->ending);
	world_destroy();
	tap_case("argument registers that a call does not use must be 0");
}

static void test_unknown(void)
{
	u64 unknown = 0;

	begin();
	v->counter = &v->exits[PV_EXIT_HYPERCALL];
	for (u64 number = 0; number < 2 * PV_CALL_MAX; number++) {
		bool exists = false;

		for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
			exists |= calls[i].number == number;
		if (exists)
			continue;
		EXPECT_EQ(CALL(number, 1, 2, 3), -PV_ENOSYS);
		EXPECT_EQ(v->events[PV_EVENT_CALL_UNKNOWN], ++unknown);
		EXPECT(v->counter == &v->exits[PV_EXIT_HYPERCALL]);
	}
	EXPECT_EQ(CALL(~0ull), -PV_ENOSYS);
	EXPECT_EQ(CALL(BIT(32)), -PV_ENOSYS);
	EXPECT_EQ(CALL(BIT(63) | PV_CALL_YIELD), -PV_ENOSYS);
	EXPECT(!v->attention && v->events[PV_EVENT_CALL_REFUSED] == 0);
	world_destroy();
	tap_case("unknown numbers are ENOSYS, counted as such");
}

static void test_allowed(void)
{
	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		memset(d->call_mask, 0xff, sizeof(d->call_mask));
		d->call_mask[calls[i].number / 64] &= ~BIT(calls[i].number % 64);
		v->counter = NULL;
		EXPECT_EQ(CALL(calls[i].number), -PV_EPERM);
		EXPECT_EQ(CALL(calls[i].number, 1, 1, 1, 1, 1, 1), -PV_EPERM);
		EXPECT(v->counter == &v->calls[i]); /* counted as what it is */
	}
	EXPECT(!v->attention && !d->ending);
	memset(d->call_mask, 0, sizeof(d->call_mask));
	d->call_mask[0] = BIT(PV_CALL_NULL);
	EXPECT_EQ(CALL(PV_CALL_NULL), 0);
	EXPECT_EQ(CALL(PV_CALL_YIELD), -PV_EPERM);
	EXPECT_EQ(CALL(0xee), -PV_ENOSYS);
	EXPECT_EQ(hypercall_bitmap(d->call_mask, d->features, 0), 1);
	/* What CPUID says is there: on the list, and with its feature. */
	memset(d->call_mask, 0xff, sizeof(d->call_mask));
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		u32 bit = 1u << calls[i].number % 32, word = calls[i].number / 32;
		u32 feature = calls[i].feature;

		EXPECT(hypercall_bitmap(d->call_mask, ~0ull, word) & bit);
		EXPECT(!(hypercall_bitmap(d->call_mask, ~(u64)feature, word) & bit) == !!feature);
	}
	/* No hypercalls at all: what the instruction does without us. */
	v->special = SPECIAL_FORBIDDEN;
	v->gpr[RAX] = PV_CALL_NULL;
	EXPECT_EQ(hypercall_exit(v, &(struct vmexit){ .code.exit = PV_EXIT_HYPERCALL }), FAULT);
	EXPECT(v->event.valid && v->event.vector == VEC_UD && !v->event.has_error);
	EXPECT_EQ(v->gpr[RAX], PV_CALL_NULL);
	world_destroy();
	tap_case("calls that a domain may not make");
}

/* A feature that is masked takes its calls with it, and no other one. */
static void test_features(void)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		bool has_calls = false;

		begin();
		d->features &= ~BIT(bit);
		for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
			s64 result;

			if (calls[i].number == PV_CALL_SHUTDOWN)
				continue;
			result = CALL(calls[i].number, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull);
			has_calls |= calls[i].feature == BIT(bit);
			EXPECT_MSG((result == -PV_EOPNOTSUPP) == (calls[i].feature == BIT(bit)),
				   "%s without feature %u gives %lld", calls[i].name, bit,
				   (long long)result);
			/* What the domain may not call is not told apart. */
			d->call_mask[calls[i].number / 64] = 0;
			EXPECT_EQ(CALL(calls[i].number), -PV_EPERM);
			d->call_mask[calls[i].number / 64] = ~0ull;
		}
		EXPECT(has_calls == (bit >= PV_FEATURE_BIT_AREAS && bit <= PV_FEATURE_BIT_SPIN));
		EXPECT(!v->attention && !d->ending);
		world_destroy();
	}
	tap_case("calls of a feature that is masked");
}

/* The dispatch table has what abi.toml says of members of a batch. */
static void test_rows(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(hypercall_units(calls[i].number), calls[i].units);
		begin();
		if (calls[i].is_batchable)
			hypercall_member(v, calls[i].number);
		else
			EXPECT_EQ(hypercall_member(v, calls[i].number), -PV_EINVAL);
		EXPECT_EQ(v->members[i], calls[i].is_batchable);
		world_destroy();
	}
	begin();
	for (unsigned number = 0; number < 2 * PV_CALL_MAX; number++)
		if (number >= PV_CALL_MAX || !pv_call_names[number]) {
			EXPECT_EQ(hypercall_member(v, number), -PV_ENOSYS);
			EXPECT_EQ(hypercall_units(number), 1);
		}
	world_destroy();
	tap_case("members of a batch");
}

/*
 * A slice that ends before all is cleared: the count says what is there, and the rest can follow.
 */
static void test_claim_in_parts(void)
{
	const struct world_domain large = { .mode = PV_MODE_PV_HAP, .chunks = 12 };
	u64 total = 0;

	v = world_of(&large);
	d = v->domain;
	EXPECT_EQ(CALL(PV_CALL_MEM_RELEASE, CHUNK_SIZE, 11), 11);
	cpus[0].due = 0;
	while (total < 11) {
		u32 left = fake_chunks_left;
		s64 count = CALL(PV_CALL_MEM_CLAIM, (1 + total) * CHUNK_SIZE, 11 - total);

		EXPECT_MSG(count > 0 && left - fake_chunks_left == (u32)count,
			   "%lld chunks are said, %u taken", (long long)count,
			   left - fake_chunks_left);
		if (count <= 0)
			break;
		total += (u64)count;
	}
	EXPECT_EQ(CALL(PV_CALL_MEM_CLAIM, CHUNK_SIZE, 1), -PV_EEXIST);
	world_destroy();
	tap_case("MEM_CLAIM in parts");
}

static void test_events_briefly(void)
{
	begin();
	EXPECT_EQ(CALL(PV_CALL_AREA_REGISTER, PV_AREA_VCPU, 0x20000), 0);
	EXPECT_EQ(CALL(PV_CALL_AREA_REGISTER, PV_AREA_BATCH, RING_GPA), 0);
	EXPECT_EQ(CALL(PV_CALL_BATCH_KICK), 0);
	EXPECT_EQ(CALL(PV_CALL_EVT_SETUP, 0x40), 0);
	bind_port();
	EXPECT_EQ(CALL(PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_CONSOLE, 2), 3);
	EXPECT_EQ(CALL(PV_CALL_EVT_SEND, 1), 0);
	EXPECT(irq_pending(v));
	EXPECT_EQ(CALL(PV_CALL_EVT_UNMASK, 2), 0);
	EXPECT_EQ(CALL(PV_CALL_EVT_ROUTE, 2, 1), 0);
	EXPECT_EQ(CALL(PV_CALL_EVT_CLOSE, 2), 0);
	EXPECT_EQ(CALL(PV_CALL_EVT_SEND, 1), -PV_ENOENT);
	EXPECT_EQ(CALL(PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), 2); /* again */
	world_destroy();
	tap_case("AREA_REGISTER, BATCH_KICK and EVT_*: more in tests of their own");
}

static void test_all_have_succeeded(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		EXPECT_MSG(caller_succeeded[calls[i].number], "%s never did", calls[i].name);
	tap_case("every call of abi.toml has succeeded above");
}

int main(void)
{
	fake_cpuid_all();
	test_null_and_console();
	test_info();
	test_stats();
	test_console_read();
	test_shutdown();
	test_mark();
	test_start();
	test_stop_and_query();
	test_yield_and_block();
	test_timer_and_watchdog();
	test_ipi();
	test_ipi_mask();
	test_tlb_flush();
	test_memory();
	test_claim_in_parts();
	test_events_briefly();
	test_all_have_succeeded();
	test_errors();
	test_table_is_complete();
	test_unused_registers();
	test_unknown();
	test_allowed();
	test_features();
	test_rows();
	return tap_done();
}
