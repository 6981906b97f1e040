// SPDX-License-Identifier: BSD-2-Clause
/*
 * The test runner's manifest and its checks (tools/test_manifest.c, test_expect.c, test_check.c,
 * test_transcript.c): bad manifests are refused at the right place, and a run that differs from
 * what is expected never passes.
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "test.h"

#define TOP "suites: [{name: s}]\ntests:\n"
#define DOMAINS "domains: [{name: d, kernel: k, memory: 4M}]"
#define MACHINE "  - {name: a, suite: s, hosts: [bochs1], " DOMAINS

/* ---- manifests ------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *error; /* NULL: it is good */
} manifests[] = {
	{ TOP "  - {name: a, suite: s, command: [x]}\n", NULL },
	{ TOP "  - {name: a, suite: s, command: [x], alone: yes}\n", NULL },
	{ TOP "  - {name: a, suite: s, command: [x], alone: 1}\n",
	  "m:3:46: found \"1\", expected" },
	{ TOP MACHINE "}\n", NULL },
	{ TOP MACHINE ", tap: [], log: [x]}\n", NULL },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {dr: 1.., hlt: ..3, nmi: 2..5}}]}}\n",
	  NULL },
	{ TOP MACHINE ", killed: {d: triple}, repeat: 2, exit: 1, timeout_s: 5}\n", NULL },
	{ "suites: []\ntests: []\n", "m:1:9: found a list, expected a list of suites" },
	{ "suites: [{name: s}]\ntests: []\n", "m:2:8: found a list, expected a list of tests" },
	{ TOP "  - {name: a, suite: t, command: [x]}\n", "m:3:22: found \"t\", expected a suite" },
	{ TOP "  - {name: A, suite: s, command: [x]}\n", "m:3:12: found \"A\"" },
	{ TOP "  - {name: a, suite: s}\n", "m:3:5: a test needs either command" },
	{ TOP "  - {name: a, suite: s, command: []}\n",
	  "m:3:34: found a list, expected a list of a program" },
	{ TOP "  - {name: a, suite: s, command: [x], repeat: 2}\n", "m:3:5: a command has no" },
	{ TOP "  - {name: a, suite: s, command: [x]}\n  - {name: a, suite: s, command: [x]}\n",
	  "m:4:5: a second test named a" },
	{ "suites: [{name: s}, {name: s}]\ntests: []\n", "m:1:21: a second suite named s" },
	{ TOP MACHINE ", tap: []}\n", "m:3:5: this test checks nothing" },
	{ TOP MACHINE ", tap: [x]}\n", "found \"x\", expected the name of a domain" },
	{ TOP MACHINE ", log: [\"(\"]}\n", "not a regular expression" },
	{ TOP MACHINE ", killed: [d]}\n", "found a list, expected domains and" },
	{ TOP MACHINE ", killed: {x: y}}\n", "expected the name of a domain" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {cpuidd: 1}}]}}\n",
	  "expected the name of an exit" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {cpuid: x}}]}}\n",
	  "found \"x\", expected a number" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {cpuid: 5..3}}]}}\n",
	  "expected a number" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {cpuid: -1}}]}}\n",
	  "expected a number" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {}, calls: {null: 1}}]}}\n",
	  "expected the name of a hypercall" },
	{ TOP MACHINE ", marks: {d: [{from: 1, exits: {}}]}}\n", "to" },
	{ TOP MACHINE ", marks: {d: [{from: 1, to: 2, exits: {}, ignore: [x]}]}}\n",
	  "expected the name of an exit" },
	{ TOP MACHINE ", exit: 5}\n", "expected" },
	{ TOP MACHINE ", repeat: 0}\n", "expected" },
	{ TOP MACHINE ", tier: slow}\n", "expected" },
	{ TOP MACHINE ", oops: 1}\n", "oops" },
	{ TOP "  - {name: a, suite: s, hosts: [bochs], " DOMAINS "}\n",
	  "found \"bochs\", expected a host and its CPUs" },
	{ TOP "  - {name: a, suite: s, hosts: [bochs0], " DOMAINS "}\n",
	  "expected a host and its CPUs" },
	{ TOP "  - {name: a, suite: s, hosts: [qemu17], " DOMAINS "}\n",
	  "expected a host and its CPUs" },
	{ TOP "  - {name: a, suite: s, hosts: [], " DOMAINS "}\n",
	  "expected a list of hosts" },
	{ TOP "  - {name: a, suite: s, hosts: [bochs1], machine: {cpus: 2}, "
	      "domains: [{name: d, kernel: k, memory: 4M}]}\n",
	  "bochs1 has fewer CPUs" },
	{ TOP "  - {name: a, suite: s, hosts: [qemu1], domains: [{name: d, memory: 3M}]}\n",
	  "m:3:69: found \"3M\"" },
};

static void read_manifests(void)
{
	size_t i;

	for (i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++) {
		const char *text = manifests[i].text, *error = manifests[i].error;
		struct errors errors = { 0 };
		struct manifest manifest;

		if (manifest_parse(&manifest, text, strlen(text), "m", &errors)) {
			EXPECT_MSG(error && strstr(errors.text[0], error), "%zu: %s", i,
				   errors.text[0]);
		} else {
			EXPECT_MSG(!error, "%zu: accepted, expected: %s", i, error);
			manifest_free(&manifest);
		}
		EXPECT((errors.count != 0) == (error != NULL));
	}
	tap_case("good manifests are read, bad ones refused at their place");
}

static void cut_manifest(void)
{
	const char *text = manifests[3].text;
	size_t i;

	for (i = 0; i < strlen(text); i++) {
		struct errors errors = { 0 };
		struct manifest manifest;
		char *copy = malloc(i + 1);

		memcpy(copy, text, i);
		if (!manifest_parse(&manifest, copy, i, "m", &errors))
			manifest_free(&manifest);
		free(copy);
	}
	EXPECT(true);
	tap_case("a manifest cut anywhere is survived");
}

/* ---- checks ---------------------------------------------------------------------------------- */

static struct manifest manifest;
static struct run_result result;
static struct transcript transcript;

static void snapshot(uint64_t mark, uint64_t cpuid, uint64_t null)
{
	struct {
		struct pv_frame_stats head;
		struct pv_stats_row rows[3];
	} f = {
		.head = { 0, 0, PV_STATS_MARK, 3, mark, 0 },
		.rows = { { PV_STATS_EXIT, PV_EXIT_CPUID, 0, cpuid, 0, 0 },
			  { PV_STATS_EXIT, PV_EXIT_INTERRUPT, 0, 7 * mark, 0, 0 },
			  { PV_STATS_CALL, PV_CALL_NULL, 0, null, 0, 0 } },
	};
	const struct pv_frame_header header = { .type = PV_FRAME_STATS, .length = sizeof(f) };

	stats_frame(&result.stats, &header, (const uint8_t *)&f);
}

/* A run in which all went well: 1000 CPUIDs and 2 NULL calls between the marks 1 and 2. */
static void begin(const char *extra)
{
	char *text = xasprintf(TOP MACHINE "%s}\n", extra);
	struct errors errors = { 0 };

	EXPECT_MSG(!manifest_parse(&manifest, text, strlen(text), "m", &errors), "%s",
		   errors.text[0]);
	free(text);
	memset(&result, 0, sizeof(result));
	memset(&transcript, 0, sizeof(transcript));
	result.exit = manifest.tests[0].exit;
	result.stats.domain_count = 1;
	strcpy(result.stats.domains[0].name, "d");
	result.stats.domains[0].has_ended = true;
	result.stats.has_hello = true;
	transcript_log(&transcript, "up");
	transcript_console(&transcript, "d", 0, "1..1\nok ", 8);
	transcript_log(&transcript, "between");
	transcript_console(&transcript, "d", 0, "1 - fine\nlast", 13);
	transcript_end(&transcript, &manifest.tests[0].machine);
	snapshot(1, 5, 1);
	snapshot(2, 1005, 3);
}

/* The failure's text, or "" where there is none. Ends what begin() began. */
static const char *judge(void)
{
	static char text[2000];
	char *failures = NULL, *notes = NULL;
	size_t failure_bytes, note_bytes;
	struct verdict verdict = { .failures = open_memstream(&failures, &failure_bytes),
				   .notes = open_memstream(&notes, &note_bytes) };

	verdict_machine(&verdict, &manifest.tests[0], &result, &transcript);
	fclose(verdict.failures);
	fclose(verdict.notes);
	snprintf(text, sizeof(text), "%s", failures);
	EXPECT_EQ(verdict.has_failed, failure_bytes != 0);
	free(failures);
	free(notes);
	stats_free(&result.stats);
	transcript_free(&transcript);
	manifest_free(&manifest);
	return text;
}

/* Begins, judges, and compares: part of the failure's text, or NULL for none. */
static void expect(const char *extra, const char *failure)
{
	const char *text;

	begin(extra);
	text = judge();
	EXPECT_MSG(failure ? !!strstr(text, failure) : !*text, "%s: %s", extra, text);
}

static void marks(void)
{
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000}}]}", NULL);
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000}, calls: {NULL: 2}}]}", NULL);
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 999..1000}}]}", NULL);
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000, interrupt: 7}}]}", NULL);
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 999}}]}",
	       "exit cpuid counted 1000, expected 999");
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1001..}}]}", "at least 1001");
	expect(", marks: {d: [{from: 1, to: 2, exits: {}}]}",
	       "exit cpuid counted 1000, expected 0");
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000, hlt: 1}}]}",
	       "exit hlt counted 0, expected 1");
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000}, ignore: []}]}",
	       "exit interrupt counted 7, expected 0");
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000, interrupt: 8}}]}",
	       "exit interrupt counted 7, expected 8");
	expect(", marks: {d: [{from: 1, to: 2, exits: {cpuid: 1000}, calls: {}}]}",
	       "call NULL counted 2, expected 0");
	expect(", marks: {d: [{from: 1, to: 3, exits: {}}]}", "no mark 3 after mark 1");
	expect(", marks: {d: [{from: 2, to: 1, exits: {}}]}", "no mark 1 after mark 2");
	expect(", marks: {d: [{from: 4, to: 1, exits: {}}]}", "no mark 4");
	tap_case("counters between marks are exact, unlisted ones 0");
}

static void log_order(void)
{
	expect(", log: [\"^hypervisor: up$\", \"ok 1\", last]", NULL);
	expect(", log: [\"^hypervisor: between\", \"^\\\\[d\\\\] ok 1 - fine$\"]", NULL);
	expect(", log: [last, \"ok 1\"]", "no line after the ones before it matches \"ok 1\"");
	expect(", log: [absent]", "no line matches \"absent\"");
	expect(", log: [up, up]", "no line after");
	tap_case("log lines must come, in their order");
}

static void ends(void)
{
	begin("");
	result.exit = PVN_TIMEOUT;
	strcpy(result.why, "not ended");
	EXPECT(strstr(judge(), "exit code 4, expected 0: not ended"));
	begin("");
	result.stats.domains[0].end.how = PV_END_KILLED;
	strcpy(result.stats.domains[0].end.why, "triple fault");
	EXPECT(strstr(judge(), "d: killed: triple fault, expected not to be killed"));
	begin(", killed: {d: \"^triple\"}");
	EXPECT(strstr(judge(), "expected killed: ^triple"));
	begin(", killed: {d: \"^triple\"}");
	result.stats.domains[0].end.how = PV_END_KILLED;
	strcpy(result.stats.domains[0].end.why, "triple fault");
	EXPECT(!*judge());
	begin(", killed: {d: other}");
	result.stats.domains[0].end.how = PV_END_KILLED;
	strcpy(result.stats.domains[0].end.why, "triple fault");
	EXPECT(strstr(judge(), "expected a reason that matches"));
	begin("");
	result.stats.has_hello = false;
	result.exit = PVN_HYPERVISOR_FAILED;
	EXPECT(strstr(judge(), "exit code 3"));
	tap_case("exit codes and killed domains");
}

static void consoles(void)
{
	begin("");
	transcript_console(&transcript, "d", 0, "\nnot ok 2 - x\n", 14);
	EXPECT(strstr(judge(), "d: not ok 2 - x"));
	begin(", tap: [], log: [up]");
	transcript_console(&transcript, "d", 0, "\nnot ok 2 - x\n", 14);
	EXPECT(!*judge());
	begin("");
	transcript_free(&transcript);
	EXPECT(strstr(judge(), "d: no plan"));
	tap_case("consoles are TAP unless said otherwise");
}

int main(void)
{
	read_manifests();
	cut_manifest();
	marks();
	log_order();
	ends();
	consoles();
	return tap_done();
}
