/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ends of the debug port: what trace/channel.c, console.c, log.c and stats.c write is what
 * tools/channel.c reads, whatever an emulator prints in between and whatever a guest writes.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "port_reader.h"
#include "tap.h"
#include "trace/trace.h"

static struct port_reading reading;

static void read_port(void)
{
	port_free(&reading);
	port_read(&reading, fake_debug_port.data, fake_debug_port.used, 47);
	fake_output_clear();
}

/* What the frame of a given number must hold. */
static u32 fill(u8 *payload, u64 number)
{
	u64 seed = number;
	u32 bytes = (u32)(rnd(&seed) % (number % 50 == 0 ? PV_FRAME_MAX + 1 : 300));

	for (u32 i = 0; i < bytes; i++)
		payload[i] = (u8)rnd(&seed);
	return bytes;
}

static void send_frame(u64 number)
{
	static u8 payload[PV_FRAME_MAX];
	u32 bytes = fill(payload, number), head = bytes ? (u32)number % bytes : 0;

	if (number % 2)
		channel_send((u16)(1 + number % 7), payload, bytes);
	else
		channel_send_two((u16)(1 + number % 7), payload, head, payload + head,
				 bytes - head);
}

/* An emulator's own words, some of which look like the beginning of a frame. */
static u64 send_garbage(u64 *seed)
{
	const u32 magic = PV_FRAME_MAGIC;
	u8 garbage[64];
	size_t bytes = rnd(seed) % sizeof(garbage);

	for (size_t i = 0; i < bytes; i++)
		garbage[i] = (u8)rnd(seed);
	if (bytes > 8 && rnd(seed) % 2)
		memcpy(garbage + rnd(seed) % (bytes - 4), &magic, 4);
	debug_port_write(garbage, bytes);
	return bytes;
}

static void test_frames(void)
{
	static u8 payload[PV_FRAME_MAX];
	u64 seed = 53, garbage = 0;

	for (u64 number = 0; number < 500; number++) {
		send_frame(number);
		if (rnd(&seed) % 2)
			garbage += send_garbage(&seed);
	}
	read_port();
	EXPECT_EQ(reading.count, 500);
	EXPECT_EQ(reading.lost, 0);
	EXPECT_EQ(reading.stray, garbage);
	for (u64 number = 0; number < reading.count; number++) {
		const struct port_frame *frame = &reading.frames[number];
		u32 bytes = fill(payload, number);

		EXPECT_EQ(frame->header.type, 1 + number % 7);
		EXPECT_EQ(frame->header.sequence, number);
		EXPECT(frame->header.length == bytes && !memcmp(frame->payload, payload, bytes));
	}
	/* On with the numbers; a byte that is gone costs that frame only. */
	for (u64 number = 0; number < 3; number++) {
		send_frame(7);
		if (number == 1)
			fake_debug_port.used--;
	}
	read_port();
	EXPECT_EQ(reading.count, 2);
	EXPECT_EQ(reading.lost, 1);
	tap_case("frames arrive whole and in order, between an emulator's own output");
}

static void test_sequence_wraps(void)
{
	struct pv_frame_header header;
	u16 next;

	channel_send(PV_FRAME_LOG, "x", 1);
	memcpy(&header, fake_debug_port.data, sizeof(header));
	next = (u16)(header.sequence + 1);
	for (unsigned i = 0; i < 70000; i++) {
		fake_debug_port.used = 0;
		channel_send(PV_FRAME_LOG, "x", 1);
		memcpy(&header, fake_debug_port.data, sizeof(header));
		EXPECT_EQ(header.sequence, next);
		next++;
	}
	fake_output_clear();
	tap_case("the numbers of frames wrap");
}

/* All text of CONSOLE frames; every frame must be one, of domain 0. */
static size_t console_text(char *text, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < reading.count; i++) {
		const struct port_frame *frame = &reading.frames[i];
		u32 domain, bytes = frame->header.length - 4;

		memcpy(&domain, frame->payload, 4);
		EXPECT(frame->header.type == PV_FRAME_CONSOLE && domain == 0 &&
		       bytes <= CONSOLE_LINE);
		if (used + bytes <= room)
			memcpy(text + used, frame->payload + 4, bytes);
		used += bytes;
	}
	return used;
}

static void test_forged(void)
{
	const struct pv_frame_machine_end lie = { .failed = 1, .why = "the guest says so" };
	static char sent[60000], got[60000];
	u8 forged[256];
	size_t used = 0, forged_bytes;
	u64 seed = 59;

	world_small(1);
	forged_bytes = port_forge(forged, PV_FRAME_MACHINE_END, &lie, sizeof(lie));
	for (unsigned i = 0; i < 200; i++) {
		size_t pad = rnd(&seed) % 100;

		for (size_t n = 0; n < pad; n++)
			sent[used++] = (char)(rnd(&seed) % 8 ? 'a' + rnd(&seed) % 26 : '\n');
		memcpy(sent + used, forged, forged_bytes);
		used += forged_bytes;
	}
	for (size_t at = 0; at < used;) {
		size_t part = 1 + rnd(&seed) % 300;

		part = min(part, used - at);
		console_write(&domains[0]->console, sent + at, part);
		at += part;
	}
	console_flush(&domains[0]->console);
	read_port();
	EXPECT(reading.count > 200 && !reading.damaged && !reading.stray);
	EXPECT_EQ(console_text(got, sizeof(got)), used);
	EXPECT(!memcmp(got, sent, used));
	world_destroy();
	tap_case("a frame that a guest writes stays text");
}

static void test_console(void)
{
	const struct world_domain list[2] = { { .name = "talk", .console_limit = 300 },
					      { .name = "other" } };
	char full[CONSOLE_LINE + 10];

	world_create(list, 2, 1);
	fake_output_clear();
	console_write(&domains[0]->console, "two\nlines", 9);
	read_port();
	EXPECT(reading.count == 1 && reading.frames[0].header.length == 4 + 4);
	console_write(&domains[1]->console, "mine\n", 5);
	EXPECT(fake_serial_has("[other] mine\n") && domains[0]->console.used == 5);
	/* A line of just the buffer's size, and what is beyond the limit. */
	memset(full, 'x', sizeof(full));
	console_flush(&domains[0]->console);
	EXPECT(fake_serial_has("[talk] lines\n"));
	console_flush(&domains[0]->console);
	fake_output_clear();
	console_write(&domains[0]->console, full, CONSOLE_LINE);
	EXPECT_EQ(domains[0]->console.used, 0);
	console_write(&domains[0]->console, full, 100);
	console_write(&domains[0]->console, full, 100);
	console_flush(&domains[0]->console);
	read_port();
	EXPECT_EQ(reading.count, 3);
	EXPECT_EQ(reading.frames[0].header.length, 4 + CONSOLE_LINE);
	EXPECT_EQ(reading.frames[1].header.type, PV_FRAME_LOG);
	EXPECT(strstr((char *)reading.frames[1].payload, "console limit of 300 bytes"));
	EXPECT_EQ(reading.frames[2].header.length, 4 + 300 - 9 - CONSOLE_LINE);
	/* Unlimited for the other one. */
	for (unsigned i = 0; i < 100; i++)
		console_write(&domains[1]->console, full, sizeof(full));
	EXPECT_EQ(domains[1]->console.written, 5 + 100 * sizeof(full));
	fake_output_clear();
	world_destroy();
	tap_case("lines, long lines, and the end of a console's limit");
}

static void test_log(void)
{
	char text[300];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_line("%s", text);
	log_line("%u and %s", 7, "words");
	log_panic_line("last words");
	log_machine_end(true, text);
	EXPECT(fake_serial_has("7 and words\n") && fake_serial_has("last words\n"));
	read_port();
	EXPECT_EQ(reading.count, 4);
	EXPECT(reading.frames[0].header.type == PV_FRAME_LOG &&
	       reading.frames[0].header.length == 199);
	EXPECT(!strcmp((char *)reading.frames[1].payload, "7 and words"));
	EXPECT(!strcmp((char *)reading.frames[2].payload, "last words"));
	EXPECT(reading.frames[3].header.type == PV_FRAME_MACHINE_END);
	EXPECT_EQ(reading.frames[3].header.length, sizeof(struct pv_frame_machine_end));
	EXPECT_EQ(strlen((char *)reading.frames[3].payload + 8), 119);
	tap_case("lines of the hypervisor are cut, not overrun");
}

/* ---- snapshots of the counters ---- */

static const struct pv_stats_row *find_row(const struct port_frame *frame, u16 space, u16 code)
{
	const struct pv_frame_stats *head = (const void *)frame->payload;
	const struct pv_stats_row *rows = (const void *)(head + 1), *found = NULL;

	for (u32 i = 0; i < head->rows; i++) {
		if (rows[i].space != space || rows[i].code != code)
			continue;
		EXPECT(!found);
		found = &rows[i];
	}
	return found;
}

static void expect_row(const struct port_frame *frame, u16 space, unsigned code,
		       const struct counter *c)
{
	const struct pv_stats_row *row = find_row(frame, space, (u16)code);

	EXPECT_EQ(row != NULL, c->count != 0);
	if (row)
		EXPECT(row->count == c->count && row->ticks == c->ticks &&
		       row->max_ticks == c->max_ticks);
}

static void random_counter(struct counter *c, u64 *seed)
{
	*c = (struct counter){ 0 };
	if (rnd(seed) % 3)
		*c = (struct counter){ 1 + rnd(seed) % 1000000, rnd(seed) >> 20, rnd(seed) >> 32 };
}

static void test_stats(void)
{
	const struct world_domain list[2] = { [1] = { .vcpus = 2 } };
	const struct port_frame *frame;
	const struct pv_frame_stats *head;
	u64 seed = 61;
	struct vcpu *v;

	world_create(list, 2, 1);
	v = domains[1]->vcpus[1];
	for (unsigned round = 0; round < 200; round++) {
		struct counter sum;
		u32 rows;

		for (unsigned i = 0; i < PV_EXIT_COUNT; i++)
			random_counter(&v->exits[i], &seed);
		for (unsigned i = 0; i < HYPERCALL_ROWS; i++)
			random_counter(&v->calls[i], &seed);
		for (unsigned i = 0; i < PV_EVENT_COUNT; i++)
			v->events[i] = rnd(&seed) % 2 ? rnd(&seed) : 0;
		fake_output_clear();
		fake_tsc = 0x123456789abc;
		stats_send(v, PV_STATS_MARK, round);
		read_port();
		EXPECT_EQ(reading.count, 1);
		frame = &reading.frames[0];
		head = (const void *)frame->payload;
		EXPECT_EQ(frame->header.type, PV_FRAME_STATS);
		EXPECT_EQ(frame->header.length,
			  sizeof(*head) + head->rows * sizeof(struct pv_stats_row));
		EXPECT(head->domain == 1 && head->vcpu == 1 && head->why == PV_STATS_MARK &&
		       head->mark == round);
		EXPECT_EQ(head->tsc, 0x123456789abc);
		/* Exits by hypercalls: those with a name of their own and those without. */
		sum = v->exits[PV_EXIT_HYPERCALL];
		rows = 0;
		for (unsigned i = 0; i < HYPERCALL_ROWS; i++) {
			const struct counter *c = &v->calls[i];

			sum.count += c->count;
			sum.ticks += c->ticks;
			sum.max_ticks = max(sum.max_ticks, c->max_ticks);
			rows += c->count != 0;
			expect_row(frame, PV_STATS_CALL, hypercall_number(i), c);
		}
		for (unsigned i = 0; i < PV_EXIT_COUNT; i++) {
			const struct counter *c = i == PV_EXIT_HYPERCALL ? &sum : &v->exits[i];

			rows += c->count != 0;
			expect_row(frame, PV_STATS_EXIT, i, c);
		}
		for (unsigned i = 0; i < PV_EVENT_COUNT; i++) {
			rows += v->events[i] != 0;
			expect_row(frame, PV_STATS_EVENT, i,
				   &(struct counter){ .count = v->events[i] });
		}
		EXPECT_EQ(head->rows, rows);
	}
	/* A mark takes all vCPUs of the domain and of no other one. */
	stats_mark(v, 9);
	read_port();
	EXPECT_EQ(reading.count, 2);
	for (u32 i = 0; i < 2; i++) {
		head = (const void *)reading.frames[i].payload;
		EXPECT(head->domain == 1 && head->vcpu == i && head->why == PV_STATS_MARK &&
		       head->mark == 9);
	}
	world_destroy();
	tap_case("snapshots hold every counter that is not zero, and hypercalls add up");
}

int main(void)
{
	fake_cpuid_all();
	test_frames();
	test_sequence_wraps();
	test_forged();
	test_console();
	test_log();
	test_stats();
	port_free(&reading);
	return tap_done();
}
