// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counters on the host (tools/stats.c, stats_json.c): what frames say is kept, marks are found and
 * subtracted, ends and names are worded, two runs compare, and malformed frames are refused.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats.h"
#include "tap.h"

static struct stats stats;

static void begin(struct stats *s)
{
	stats_init(s);
	s->domain_count = 2;
	strcpy(s->domains[0].name, "a");
	strcpy(s->domains[1].name, "b");
}

static void frame(struct stats *s, uint16_t type, const void *payload, uint32_t length)
{
	const struct pv_frame_header header = { .type = type, .length = length };
	/* Of the exact size, so that reading beyond it is seen. */
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, payload, length);
	stats_frame(s, &header, copy);
	free(copy);
}

/* A snapshot of `cpuid` and `hypercall` exits and NULL calls. */
static void snapshot(struct stats *s, uint32_t domain, uint32_t vcpu, uint32_t why, uint64_t mark,
		     uint64_t cpuid, uint64_t null)
{
	struct {
		struct pv_frame_stats head;
		struct pv_stats_row rows[3];
	} f = {
		.head = { domain, vcpu, why, 3, mark, 100 * mark + vcpu },
		.rows = {
			{ PV_STATS_EXIT, PV_EXIT_CPUID, 0, cpuid, 10 * cpuid, 10 + vcpu },
			{ PV_STATS_EXIT, PV_EXIT_HYPERCALL, 0, null, null, 1 },
			{ PV_STATS_CALL, PV_CALL_NULL, 0, null, null, 1 },
		},
	};

	frame(s, PV_FRAME_STATS, &f, sizeof(f));
}

static void fill(struct stats *s)
{
	begin(s);
	snapshot(s, 0, 0, PV_STATS_MARK, 1, 5, 1);
	snapshot(s, 1, 0, PV_STATS_MARK, 1, 900, 0); /* another domain between */
	snapshot(s, 0, 1, PV_STATS_MARK, 1, 7, 1);
	snapshot(s, 0, 0, PV_STATS_MARK, 2, 1005, 4);
	snapshot(s, 0, 1, PV_STATS_MARK, 2, 7, 1);
	snapshot(s, 0, 0, PV_STATS_MARK, 2, 1006, 4);
	snapshot(s, 0, 0, PV_STATS_END, 0, 2000, 9);
	snapshot(s, 0, 1, PV_STATS_END, 0, 8, 1);
}

static void marks(void)
{
	struct stats_mark mark[4];
	size_t at = 0, n = 0;

	fill(&stats);
	while (n < 4 && stats_next_mark(&stats, 0, &at, &mark[n]))
		n++;
	EXPECT_EQ(n, 3);
	EXPECT_EQ(mark[0].id, 1);
	EXPECT_EQ(mark[1].id, 2);
	EXPECT_EQ(mark[2].id, 2);
	EXPECT_EQ(mark[0].tsc, 100);
	EXPECT_EQ(stats.malformed, 0);
	tap_case("marks are told apart by id and by a vCPU that comes again");
}

static void sums(void)
{
	static struct stats_sum before[STATS_SUMS_MAX], after[STATS_SUMS_MAX];
	struct stats_mark one, two;
	size_t at = 0, b, a;

	EXPECT(stats_next_mark(&stats, 0, &at, &one));
	EXPECT(stats_next_mark(&stats, 0, &at, &two));
	b = stats_sum(&stats, 0, &one, before);
	a = stats_sum(&stats, 0, &two, after);
	EXPECT_EQ(stats_count(before, b, PV_STATS_EXIT, PV_EXIT_CPUID), 12);
	EXPECT_EQ(stats_count(after, a, PV_STATS_EXIT, PV_EXIT_CPUID), 1012);
	EXPECT_EQ(after[0].max_ticks, 11);
	a = stats_subtract(after, a, before, b);
	EXPECT_EQ(stats_count(after, a, PV_STATS_EXIT, PV_EXIT_CPUID), 1000);
	EXPECT_EQ(stats_count(after, a, PV_STATS_CALL, PV_CALL_NULL), 3);
	EXPECT_EQ(stats_count(after, a, PV_STATS_EXIT, PV_EXIT_HLT), 0);
	a = stats_sum(&stats, 0, NULL, after);
	EXPECT_EQ(stats_count(after, a, PV_STATS_EXIT, PV_EXIT_CPUID), 2008);
	tap_case("sums over vCPUs and differences between marks");
}

static void names(void)
{
	char buffer[16];

	EXPECT(!strcmp(stats_name(PV_STATS_EXIT, PV_EXIT_CPUID, buffer), "cpuid"));
	EXPECT(!strcmp(stats_name(PV_STATS_CALL, PV_CALL_NULL, buffer), "NULL"));
	EXPECT(!strcmp(stats_name(PV_STATS_CALL, 0xee, buffer), "#238"));
	EXPECT(!strcmp(stats_name(PV_STATS_EXIT, 60000, buffer), "#60000"));
	EXPECT(!strcmp(stats_name(77, 1, buffer), "#1"));
	EXPECT(!strcmp(stats_space_name(77, buffer), "#77"));
	EXPECT(!strcmp(stats_class_name(PV_STATS_EXIT, PV_EXIT_CPUID, buffer), "sensitive"));
	EXPECT(!strcmp(stats_class_name(PV_STATS_EXIT, 60000, buffer), "unknown"));
	EXPECT(!strcmp(stats_class_name(PV_STATS_EVENT, 0, buffer), "event"));
	EXPECT_EQ(stats_code(PV_STATS_EXIT, "cpuid"), PV_EXIT_CPUID);
	EXPECT_EQ(stats_code(PV_STATS_CALL, "CONSOLE"), PV_CALL_CONSOLE);
	EXPECT(stats_code(PV_STATS_EXIT, "nonsense") < 0);
	tap_case("names from the tables, #n where there is none");
}

static void ends(void)
{
	struct pv_frame_domain_end end = { .domain = 0, .how = PV_END_SHUTDOWN };
	struct stats_domain *d = &stats.domains[0];
	char text[200];

	stats_end_text(d, text, sizeof(text));
	EXPECT(!strcmp(text, "still running") && !stats_ended_well(d));
	frame(&stats, PV_FRAME_DOMAIN_END, &end, sizeof(end));
	stats_end_text(d, text, sizeof(text));
	EXPECT(!strcmp(text, "shutdown poweroff, status 0") && stats_ended_well(d));
	end.status = 3;
	frame(&stats, PV_FRAME_DOMAIN_END, &end, sizeof(end));
	EXPECT(!stats_ended_well(d));
	end.how = PV_END_KILLED;
	memset(end.why, 'x', sizeof(end.why)); /* without its NUL */
	frame(&stats, PV_FRAME_DOMAIN_END, &end, sizeof(end));
	stats_end_text(d, text, sizeof(text));
	EXPECT(!strncmp(text, "killed: xxx", 11) && strlen(text) == 8 + sizeof(end.why) - 1);
	tap_case("how a domain ended, in words");
}

static void malformed(void)
{
	struct {
		struct pv_frame_stats head;
		struct pv_stats_row rows[2];
	} f = { .head = { .rows = 2 } };
	struct pv_frame_domain_end end = { .domain = 2 };
	struct stats s;

	begin(&s);
	frame(&s, PV_FRAME_STATS, &f, sizeof(f) - 1);
	frame(&s, PV_FRAME_STATS, &f, 5);
	f.head.rows = 0x08000000; /* times 32 is 0 in 32 bits */
	frame(&s, PV_FRAME_STATS, &f, sizeof(f.head));
	f.head.rows = 2;
	f.head.domain = 2;
	frame(&s, PV_FRAME_STATS, &f, sizeof(f));
	f.head.domain = 0;
	f.head.vcpu = PV_VCPUS_MAX;
	frame(&s, PV_FRAME_STATS, &f, sizeof(f));
	frame(&s, PV_FRAME_DOMAIN_END, &end, sizeof(end));
	frame(&s, PV_FRAME_HELLO, &f, 1);
	frame(&s, PV_FRAME_MACHINE_END, &f, 0);
	EXPECT_EQ(s.malformed, 8);
	EXPECT_EQ(s.snapshot_count, 0);
	EXPECT(!s.has_hello && !s.has_machine_end && !s.domains[0].has_ended);
	frame(&s, PV_FRAME_CONSOLE, "abc", 3);
	frame(&s, 4711, "abc", 3);
	EXPECT_EQ(s.malformed, 8);
	stats_free(&s);
	tap_case("frames whose content does not fit are refused");
}

static void compare(void)
{
	struct stats other;
	char difference[400] = "";

	stats_free(&stats);
	fill(&stats);
	fill(&other);
	EXPECT(stats_equal(&stats, &other, difference, sizeof(difference)));
	other.snapshots[6].rows[0].count++;
	EXPECT(!stats_equal(&stats, &other, difference, sizeof(difference)));
	EXPECT_MSG(strstr(difference, "cpuid") && strstr(difference, "2001"), "%s", difference);
	other.snapshots[6].rows[0].count--;
	snapshot(&other, 1, 0, PV_STATS_END, 0, 0, 0);
	EXPECT(!stats_equal(&stats, &other, difference, sizeof(difference)));
	stats_free(&other);
	tap_case("two runs compare, and the first difference is named");
}

static void json(void)
{
	char path[] = "/tmp/pvn-stats-XXXXXX";
	int fd = mkstemp(path);
	struct errors errors = { 0 };
	struct json_object *root, *domains, *a, *differences, *difference;

	EXPECT(fd >= 0);
	close(fd);
	EXPECT_EQ(stats_write_json(&stats, "bochs", path, &errors), 0);
	root = json_object_from_file(path);
	domains = json_object_object_get(root, "domains");
	EXPECT_EQ(json_object_array_length(domains), 2);
	a = json_object_array_get_idx(domains, 0);
	differences = json_object_object_get(a, "differences");
	EXPECT_EQ(json_object_array_length(differences), 2);
	difference = json_object_object_get(json_object_array_get_idx(differences, 0), "exits");
	EXPECT_EQ(json_object_get_uint64(json_object_object_get(difference, "cpuid")), 1000);
	EXPECT_EQ(json_object_array_length(json_object_object_get(a, "vcpus")), 2);
	EXPECT_EQ(json_object_array_length(json_object_object_get(a, "marks")), 3);
	json_object_put(root);
	EXPECT_EQ(stats_write_json(&stats, "bochs", "/nonexistent/x.json", &errors), -1);
	EXPECT_EQ(errors.count, 1);
	unlink(path);
	tap_case("the JSON file holds counters, marks and differences");
}

int main(void)
{
	marks();
	sums();
	names();
	ends();
	malformed();
	compare();
	json();
	stats_free(&stats);
	return tap_done();
}
