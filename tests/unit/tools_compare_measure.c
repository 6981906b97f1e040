// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison's figures (tools/compare_measure.c, compare_said.c): what workloads said on the
 * console, and what the counters between marks come to with the tick told apart.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "tap.h"

/* ---- what workloads said --------------------------------------------------------------------- */

static const struct compare_workload *workload(const char *name)
{
	const struct compare_workload *w = compare_workloads;

	while (w->name && strcmp(w->name, name))
		w++;
	return w;
}

static const char console_text[] = "[    0.5] Run /init\r\n"
				   "boot ops=1 ns=600000000 ok\r\n"
				   "sum ops=10000000 ticks=40000000 ok\r\n"
				   "first line\r\n"
				   "[    1.2] a message\r\n"
				   "second\r\r\n"
				   "pipe ops=2000 ticks=1600 ok\r\n"
				   "not ok: mmap: the pages hold 7\r\n"
				   "idle ops=1 ticks=100 o\n"
				   "console ops=160 ticks=18446744073709551615 ok";

static void said(void)
{
	struct compare_said s;

	compare_said(console_text, workload("pipe"), &s);
	EXPECT_EQ(s.is_ok, true);
	EXPECT_EQ(s.ops, 2000);
	EXPECT_EQ(s.ticks, 1600);
	EXPECT_STR(s.text, "first line\nsecond\n");
	compare_said_free(&s);

	compare_said(console_text, workload("sum"), &s);
	EXPECT_EQ(s.is_ok, true);
	EXPECT_EQ(s.text == NULL, true);
	compare_said_free(&s);

	compare_said(console_text, workload("mmap"), &s);
	EXPECT_EQ(s.is_ok, false);
	EXPECT_STR(s.failure, "the pages hold 7");
	compare_said_free(&s);

	compare_said(console_text, workload("idle"), &s);
	EXPECT_EQ(s.is_ok, false);
	EXPECT_EQ(s.failure == NULL, true);
	compare_said_free(&s);

	compare_said(console_text, workload("boot"), &s);
	EXPECT_EQ(s.ticks, 600000000);
	EXPECT_EQ(s.text == NULL, true);
	compare_said_free(&s);

	compare_said(console_text, workload("console"), &s);
	EXPECT_EQ(s.ticks, UINT64_MAX);
	compare_said_free(&s);

	compare_said("", workload("sum"), &s);
	EXPECT_EQ(s.is_ok, false);
	compare_said_free(&s);
}

/* ---- figures --------------------------------------------------------------------------------- */

static struct stats stats;

/* 250 Hz at 1 MHz: a tick every 4,000. */
#define KHZ 1000u
#define TICK 4000u

static void begin_stats(void)
{
	struct pv_frame_hello hello = { .tsc_khz = KHZ, .build = "test" };
	const struct pv_frame_header header = { .type = PV_FRAME_HELLO, .length = sizeof(hello) };

	stats_init(&stats);
	stats.domain_count = 1;
	stats_frame(&stats, &header, (const uint8_t *)&hello);
}

static void mark(uint64_t id, uint64_t tsc, uint64_t timer, uint64_t wrmsr, uint64_t port,
		 uint64_t calls)
{
	struct {
		struct pv_frame_stats head;
		struct pv_stats_row rows[6];
	} f = {
		.head = { 0, 0, PV_STATS_MARK, 6, id, tsc },
		.rows = {
			{ PV_STATS_EXIT, PV_EXIT_PREEMPT_TIMER, 0, timer, 10 * timer, 10 },
			{ PV_STATS_EXIT, PV_EXIT_WRMSR, 0, wrmsr, 10 * wrmsr, 10 },
			{ PV_STATS_EXIT, PV_EXIT_PORT_OUT, 0, port, 10 * port, 10 },
			/* One call that the table does not know. */
			{ PV_STATS_EXIT, PV_EXIT_HYPERCALL, 0, calls ? calls + 1 : 0, 0, 0 },
			{ PV_STATS_CALL, PV_CALL_CONSOLE, 0, calls, calls, 1 },
			{ PV_STATS_BATCH, PV_CALL_CONSOLE, 0, 1000 * calls, calls, 1 },
		},
	};
	const struct pv_frame_header header = { .type = PV_FRAME_STATS, .length = sizeof(f) };

	stats_frame(&stats, &header, (const uint8_t *)&f);
}

static void fence(const char *name, uint64_t tsc, uint64_t ticks, uint64_t timer, uint64_t wrmsr,
		  uint64_t port, uint64_t calls)
{
	uint64_t id = compare_mark(workload(name));

	mark(id, tsc, 0, 0, 0, 0);
	mark(id + 1, tsc + ticks * TICK, timer, wrmsr, port, calls);
}

static struct json_object *result(struct json_object *report, const char *name)
{
	struct json_object *results = json_object_object_get(report, "results");

	for (size_t i = 0; i < json_object_array_length(results); i++) {
		struct json_object *one = json_object_array_get_idx(results, i);

		if (!strcmp(json_object_get_string(json_object_object_get(one, "workload")), name))
			return one;
	}
	return NULL;
}

static uint64_t number(struct json_object *from, const char *key)
{
	struct json_object *value = json_object_object_get(from, key);

	return value ? json_object_get_uint64(value) : 12345678987654321u;
}

static void choose(struct compare_plan *plan, const char *list)
{
	struct errors e = { 0 };

	memset(plan, 0, sizeof(*plan));
	compare_choose(list, plan->workloads, &plan->workload_count, &e);
	EXPECT_EQ(e.count, 0);
}

static const char text[] = "boot ops=1 ns=400000000 ok\nsum ops=10000000 ticks=400000 ok\n"
			   "pipe ops=2000 ticks=80000 ok\nmmap ops=20 ticks=1 ok\n"
			   "idle ops=1 ticks=1000000 ok\nconsole ops=160 ticks=80000 ok\n";

static void measured(void)
{
	struct compare_plan plan;
	struct json_object *report, *row, *tick;

	choose(&plan, "console,sum,pipe,idle,mmap");
	begin_stats();
	fence("sum", 0, 100, 100, 100, 0, 0); /* a tick: a timer and a WRMSR */
	fence("pipe", 0, 20, 21, 20, 0, 0);
	fence("mmap", 0, 20, 20, 60, 0, 0); /* more WRMSR than the tick makes */
	fence("idle", 0, 250, 2, 3, 0, 0);
	fence("console", 0, 20, 20, 20, 500, 40);
	report = compare_measure(&plan, &stats, text);
	EXPECT_EQ(json_object_object_get(report, "failed") == NULL, true);
	EXPECT_EQ(json_object_array_length(json_object_object_get(report, "results")), 5);
	EXPECT_EQ(number(report, "tsc_khz"), KHZ);

	row = result(report, "sum");
	EXPECT_EQ(number(row, "transitions"), 0);
	EXPECT_EQ(number(row, "tick_transitions"), 200);
	EXPECT_EQ(number(row, "vmm_ticks"), 2000);
	EXPECT_EQ(number(row, "guest_ticks"), 400000);

	row = result(report, "pipe");
	EXPECT_EQ(number(row, "transitions"), 0);
	EXPECT_EQ(number(row, "tick_transitions"), 41);

	row = result(report, "mmap");
	EXPECT_EQ(number(row, "transitions"), 40);
	EXPECT_EQ(number(row, "tick_transitions"), 40);
	EXPECT_EQ(number(json_object_object_get(row, "by_name"), "wrmsr"), 40);
	EXPECT_EQ(number(json_object_object_get(row, "by_class"), "sensitive"), 40);

	row = result(report, "idle"); /* no tick there: all of it counts */
	EXPECT_EQ(number(row, "transitions"), 5);
	EXPECT_EQ(number(row, "tick_transitions"), 0);

	row = result(report, "console");
	EXPECT_EQ(number(row, "transitions"), 541);
	EXPECT_EQ(number(json_object_object_get(row, "by_name"), "CONSOLE"), 40);
	EXPECT_EQ(number(json_object_object_get(row, "by_name"), "hypercall"), 1);
	EXPECT_EQ(number(json_object_object_get(row, "by_name"), "port_out"), 500);
	EXPECT_EQ(number(json_object_object_get(row, "by_class"), "hypercall"), 41);
	EXPECT_EQ(number(json_object_object_get(row, "by_class"), "interrupt"), 0);

	/* Of sum and pipe, which make nothing else. */
	tick = json_object_object_get(report, "tick");
	EXPECT_EQ(number(tick, "transitions"), 241);
	EXPECT_EQ((uint64_t)(json_object_get_double(json_object_object_get(tick, "periods")) * 10),
		  1200);
	json_object_put(report);
	stats_free(&stats);
}

static void boots(void)
{
	struct compare_plan plan;
	struct json_object *report, *row;

	choose(&plan, "boot");
	begin_stats();
	mark(compare_mark(workload("boot")), 77, 90, 30, 700, 0);
	fence("sum", 0, 100, 100, 0, 0, 0);
	report = compare_measure(&plan, &stats, text);
	row = result(report, "boot");
	/* 100 ticks in 0.4 s: the 90 of the timer are its, WRMSR is not in this mode. */
	EXPECT_EQ(number(row, "tick_transitions"), 90);
	EXPECT_EQ(number(row, "transitions"), 730);
	EXPECT_EQ(number(row, "guest_ticks"), 400000);
	/* The measure of the tick is there even if nobody asked for its row. */
	EXPECT_EQ(number(json_object_object_get(report, "tick"), "transitions"), 100);
	json_object_put(report);
	stats_free(&stats);
}

static const char *failed(struct json_object *report)
{
	const char *why = json_object_get_string(json_object_object_get(report, "failed"));

	return why ? why : "it did not fail";
}

static void incomplete(void)
{
	struct compare_plan plan;
	struct json_object *report;

	choose(&plan, "sum,pipe,mmap");
	begin_stats();
	fence("sum", 0, 100, 100, 0, 0, 0);
	mark(compare_mark(workload("pipe")), 5, 0, 0, 0, 0); /* and no second one */
	report = compare_measure(&plan, &stats, text);
	EXPECT_STR(failed(report), "pipe: its marks are missing");
	EXPECT_EQ(json_object_array_length(json_object_object_get(report, "results")), 1);
	json_object_put(report);

	report = compare_measure(&plan, &stats, console_text);
	EXPECT_STR(failed(report), "pipe: its marks are missing");
	json_object_put(report);

	choose(&plan, "mmap");
	report = compare_measure(&plan, &stats, console_text);
	EXPECT_STR(failed(report), "mmap: the pages hold 7");
	json_object_put(report);

	report = compare_measure(&plan, &stats, "mmap ops=19 ticks=1 ok\n");
	EXPECT_STR(failed(report), "mmap did another number of operations");
	json_object_put(report);
	stats_free(&stats);
}

/* The bare machine has no counters, and of the boot only nanoseconds. */
static void bare(void)
{
	struct compare_plan plan;
	struct json_object *report;

	choose(&plan, "sum,boot");
	report = compare_measure(&plan, NULL, text);
	EXPECT_STR(failed(report), "it did not fail");
	EXPECT_EQ(number(result(report, "sum"), "transitions"), 0);
	EXPECT_EQ(number(result(report, "boot"), "guest_ns"), 400000000);
	EXPECT_EQ(json_object_object_get(report, "tick") == NULL, true);
	json_object_put(report);
}

int main(void)
{
	said();
	tap_case("verdicts and outputs on a console with a kernel's messages");
	measured();
	tap_case("the tick is told apart, devices that make the same are not");
	boots();
	tap_case("the boot's tick, by the reference and its own clock");
	incomplete();
	tap_case("missing marks, failures, another number of operations");
	bare();
	tap_case("a column without counters");
	return tap_done();
}
