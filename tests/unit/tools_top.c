// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn top` (tools/top_table.c, live_client.c): rates by both clocks, sums, order and selection of
 * rows from written samples; and a client that gets any bytes, which neither overruns nor believes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "top.h"

#define ROWS 3u

static const struct live_about about = {
	.version = LIVE_VERSION,
	.pid = 77,
	.name = "m",
	.domain_count = 2,
	.domains = { { "a", PV_MODE_PV_HAP, 2 }, { "b", PV_MODE_FULL_HAP, 1 } },
};
static const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "svm" };

/* What a run would send, gathered. */
static uint8_t stream[1u << 16];
static size_t used;
static uint16_t sequence;

static void put(uint16_t type, const void *head, size_t head_bytes, const void *rest, size_t bytes)
{
	uint8_t payload[8192];

	memcpy(payload, head, head_bytes);
	if (bytes)
		memcpy(payload + head_bytes, rest, bytes);
	used += channel_encode(stream + used, type, sequence++, payload,
			       (uint32_t)(head_bytes + bytes));
}

static void put_greeting(void)
{
	used = 0;
	sequence = 0;
	put(LIVE_ABOUT, &about, sizeof(about), NULL, 0);
	put(PV_FRAME_HELLO, &hello, sizeof(hello), NULL, 0);
}

/* Counters that follow from n: vCPU v has v+1 times as many. */
static void put_stats(uint32_t domain, uint32_t vcpu, uint64_t n, uint32_t why)
{
	struct pv_stats_row rows[ROWS] = {
		{ .space = PV_STATS_EXIT,
		  .code = PV_EXIT_CPUID,
		  .count = 100 * n,
		  .ticks = 5000 * n },
		{ .space = PV_STATS_EXIT, .code = PV_EXIT_HYPERCALL, .count = 10 * n },
		{ .space = PV_STATS_EVENT, .code = 0, .count = 7 * n },
	};
	const struct pv_frame_stats head = {
		.domain = domain, .vcpu = vcpu, .why = why, .rows = ROWS, .tsc = 1000000 * n
	};

	for (unsigned int i = 0; i < ROWS; i++)
		rows[i].count *= vcpu + 1;
	put(PV_FRAME_STATS, &head, sizeof(head), rows, sizeof(rows));
}

static void put_sample(uint64_t n)
{
	const struct live_sample sample = {
		.number = n, .real_ns = 250000000 * n, .tsc = 1000000 * n, .vcpus = 3
	};
	struct live_vcpu vcpus[3] = { { .domain = 0, .vcpu = 0, .state = PV_STATE_RUNNING },
				      { .domain = 0, .vcpu = 1 },
				      { .domain = 1, .vcpu = 0 } };

	vcpus[0].times[PV_STATE_RUNNING] = 3000 * n;
	vcpus[0].times[PV_STATE_BLOCKED] = 1000 * n;
	put_stats(0, 0, n, PV_STATS_REQUEST);
	put_stats(0, 1, n, PV_STATS_REQUEST);
	put_stats(1, 0, n, PV_STATS_REQUEST);
	put(LIVE_SAMPLE, &sample, sizeof(sample), vcpus, sizeof(vcpus));
}

/* A client that has read the stream; the other side has hung up. */
static struct live_client *client_of(const uint8_t *bytes, size_t count)
{
	struct live_client *c;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		exit(1);
	c = live_client_new(ends[0]);
	while (count) {
		ssize_t sent = send(ends[1], bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			bytes += sent;
			count -= (size_t)sent;
		}
		live_client_read(c);
	}
	close(ends[1]);
	live_client_read(c);
	return c;
}

/* The first sample in *before, the second in the client. */
static struct live_client *two_samples(struct live_counts *before)
{
	struct live_client *c;

	put_greeting();
	put_sample(1);
	c = client_of(stream, used);
	EXPECT_EQ(c->counts.number, 1);
	memset(before, 0, sizeof(*before));
	live_counts_copy(before, &c->counts, c->vcpu_count);
	live_client_close(c);
	put_greeting();
	put_sample(1);
	put_sample(3);
	c = client_of(stream, used);
	EXPECT_EQ(c->counts.number, 2);
	return c;
}

static void rates(void)
{
	struct top_view view = { .domain = -1 };
	struct live_counts before;
	struct live_client *c = two_samples(&before);
	struct top_table t;

	top_table_build(&t, c, &before, &view);
	EXPECT_EQ(t.count, 4);
	/* 2 ms of the guest per million ticks at 1 MHz: 2,000,000 ticks are 2 s. */
	EXPECT(t.guest_s > 1.999 && t.guest_s < 2.001);
	EXPECT(t.real_s > 0.499 && t.real_s < 0.501);
	EXPECT(t.rows[0].domain == 0 && t.rows[0].code == PV_EXIT_CPUID && t.rows[0].vcpu == -1);
	EXPECT_EQ(t.rows[0].total, 900);
	EXPECT_EQ(t.rows[0].change, 600);
	EXPECT_EQ(t.transitions, 1320);
	EXPECT_EQ(t.transitions_change, 880);
	EXPECT_EQ(t.classes_change[PV_CLASS_SENSITIVE], 800);
	EXPECT(top_rate(600, t.real_s) > 1199 && top_rate(600, t.real_s) < 1201);
	EXPECT(top_rate(600, 0) < 0);
	EXPECT(top_share(c, &before, 0, PV_STATE_RUNNING) == 0.75);
	EXPECT(top_share(c, &before, 1, PV_STATE_RUNNING) < 0);
	top_table_free(&t);
	top_table_build(&t, c, NULL, &view);
	EXPECT(t.real_s == 0 && t.transitions == 1320 && !t.transitions_change &&
	       !t.rows[0].change);
	top_table_free(&t);
	live_counts_free(&before);
	live_client_close(c);
	tap_case("changes, sums and rates by both clocks");
}

static void views(void)
{
	struct top_view view = { .domain = -1, .splits_vcpus = true, .has_details = true };
	struct live_counts before;
	struct live_client *c = two_samples(&before);
	struct top_table t;

	top_table_build(&t, c, &before, &view);
	EXPECT_EQ(t.count, 9);
	EXPECT(t.rows[0].vcpu == 1 && t.rows[0].domain == 0); /* the most of all */
	top_table_free(&t);
	view.domain = 1;
	view.sort = TOP_BY_NAME;
	top_table_build(&t, c, &before, &view);
	EXPECT_EQ(t.count, 3);
	EXPECT(t.rows[0].code == PV_EXIT_CPUID && t.rows[1].code == PV_EXIT_HYPERCALL &&
	       t.rows[2].space == PV_STATS_EVENT);
	EXPECT_EQ(t.transitions, 330);
	top_table_free(&t);
	view.is_active_only = true;
	top_table_build(&t, c, &c->counts, &view);
	EXPECT_EQ(t.count, 0); /* compared with itself */
	top_table_free(&t);
	EXPECT_EQ(top_sort_parse("ticks"), TOP_BY_TICKS);
	EXPECT_EQ(top_sort_parse("tick"), TOP_SORTS);
	live_counts_free(&before);
	live_client_close(c);
	tap_case("views: one domain, vCPUs, details, what changes, order");
}

static void ends(void)
{
	const struct live_end killed = { .exit = PVN_HYPERVISOR_FAILED, .why = "gone" };
	const struct pv_frame_domain_end end = { .how = PV_END_KILLED, .why = "bad" };
	struct live_client *c;
	char text[500];

	put_greeting();
	put_sample(1);
	put_stats(0, 1, 5, PV_STATS_END);
	put(PV_FRAME_DOMAIN_END, &end, sizeof(end), NULL, 0);
	put_sample(2);
	put_stats(1, 0, 6, PV_STATS_END);
	put(LIVE_END, &killed, sizeof(killed), NULL, 0);
	c = client_of(stream, used);
	EXPECT(c->has_end && c->fd < 0 && !c->trouble[0] && c->has_ended[0] && !c->has_ended[1]);
	EXPECT_EQ(c->counts.number, 3);
	EXPECT_EQ(c->counts.vcpus[1].rows[0].count, 1000); /* the final ones stay */
	EXPECT_EQ(c->counts.vcpus[2].rows[0].count, 600);
	EXPECT_EQ(c->counts.tsc, 6000000);
	top_end_text(c, text, sizeof(text));
	EXPECT_MSG(!strcmp(text, "gone"), "%s", text);
	top_domain_text(c, 0, text, sizeof(text));
	EXPECT_MSG(!strcmp(text, "killed: bad"), "%s", text);
	live_client_close(c);
	put_greeting();
	c = client_of(stream, used);
	EXPECT_MSG(strstr(c->trouble, "without a word"), "%s", c->trouble);
	live_client_close(c);
	tap_case("final counters, and how it ended");
}

/* Any change of the stream is noticed, or harmless; the sanitizers watch. */
static void hostile(void)
{
	static uint8_t bytes[sizeof(stream)];
	uint64_t seed = 11;
	unsigned int troubled = 0;

	put_greeting();
	put_sample(1);
	put_sample(2);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t at = 0, frame = rnd(&seed) % 10, length = used;
		struct pv_frame_header header;
		struct live_client *c;
		uint32_t payload;

		memcpy(bytes, stream, used);
		for (;; at += sizeof(header) + header.length) {
			memcpy(&header, bytes + at, sizeof(header));
			if (!frame-- || at + sizeof(header) + header.length >= used)
				break;
		}
		/* A frame with a right sum and wrong content, or cut short in the middle of it. */
		payload = header.length;
		for (unsigned int n = 0; payload && n < 3; n++)
			bytes[at + sizeof(header) + rnd(&seed) % (n ? payload : payload % 64 + 1)] =
				(uint8_t)rnd(&seed);
		if (i % 3 == 0 && payload)
			payload = (uint32_t)(rnd(&seed) % payload);
		length = at +
			 channel_encode(bytes + at, header.type, header.sequence,
					memmove(bytes + used, bytes + at + sizeof(header), payload),
					payload);
		c = client_of(bytes, length);
		troubled += c->trouble[0] != 0;
		if (c->has_about && c->counts.number) {
			const struct top_view view = { .domain = -1, .has_details = true };
			struct top_table t;

			top_table_build(&t, c, NULL, &view);
			top_table_free(&t);
		}
		live_client_close(c);
	}
	EXPECT_EQ(troubled, 3000); /* all of them are cut off without an END */
	tap_case("whatever comes, nothing is overrun");
}

int main(void)
{
	rates();
	views();
	ends();
	hostile();
	return tap_done();
}
