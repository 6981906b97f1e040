/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test runner: tests/manifest.yaml in, verdicts out. A test is a machine whose guests, log and
 * counters are checked, or a host program that prints TAP. Each runs in a process of its own, so
 * that nothing one does can change another's verdict. Used by `pvn test` alone.
 */
#ifndef TOOLS_TEST_H
#define TOOLS_TEST_H

#include <regex.h>

#include "config.h"
#include "host.h"
#include "run.h"

/* ---- test_tap.c: the Test Anything Protocol -------------------------------------------------- */

struct tap_summary {
	uint64_t results, failed, skipped;
	char *skips; /* one line a skipped result, malloc'd; NULL = none */
	char *why; /* what is wrong, one line each, malloc'd; NULL = all is well */
};

/*
 * Reads TAP: exactly one plan, as many results as planned, numbered in order, none "not ok", no
 * "Bail out!". Other lines are the program's talk. Free with tap_free().
 */
void tap_read(struct tap_summary *summary, const char *text, size_t bytes);
void tap_free(struct tap_summary *summary);

/* ---- test_manifest.c: what is to be tested --------------------------------------------------- */

enum test_tier { TIER_QUICK, TIER_FULL, TIER_SOAK, TIER_COUNT };

#define TEST_HOSTS_MAX 8u
#define TEST_WORDS_MAX 16u
#define TEST_LOG_MAX 32u
#define TEST_COUNTS_MAX 32u

struct test_suite {
	char *name;
	uint64_t budget_s; /* 0 = none */
};

struct test_host {
	enum host host;
	unsigned int cpus;
	char name[16]; /* "bochs2" */
};

/* An expected counter: from min to max. */
struct test_count {
	uint16_t space, code;
	uint64_t min, max;
};

/* What is expected to be counted between two marks of a domain. */
struct test_marks {
	unsigned int domain;
	uint64_t from, to;
	bool has_calls; /* hypercalls are checked too */
	uint64_t ignored; /* bit per PV_EXIT_* */
	unsigned int count;
	struct test_count counts[TEST_COUNTS_MAX];
	struct place at;
};

struct test_regex {
	char *text;
	regex_t regex;
};

struct test {
	char *name;
	unsigned int suite; /* index */
	enum test_tier tier;
	struct place at;
	unsigned int timeout_s;
	bool is_alone; /* nothing else runs meanwhile: it measures seconds */

	/* A host program: */
	unsigned int word_count; /* 0 = this is a machine */
	char *words[TEST_WORDS_MAX + 1]; /* ends with NULL */

	/* A machine: */
	unsigned int host_count;
	struct test_host hosts[TEST_HOSTS_MAX];
	struct machine machine;
	enum pvn_exit exit;
	bool tap[PV_BUNDLE_DOMAINS_MAX]; /* this domain's console is TAP */
	bool is_killed[PV_BUNDLE_DOMAINS_MAX];
	struct test_regex killed[PV_BUNDLE_DOMAINS_MAX]; /* the reason, where is_killed */
	unsigned int log_count;
	struct test_regex log[TEST_LOG_MAX]; /* in this order */
	unsigned int mark_count;
	struct test_marks *marks;
	unsigned int repeat; /* runs, all with the same counters */
};

struct manifest {
	unsigned int suite_count, test_count;
	struct test_suite *suites;
	struct test *tests;
};

/* 0 (free with manifest_free()), or -1 with errors. Payloads need not exist yet. */
int manifest_load(struct manifest *manifest, const char *file, struct errors *e);
int manifest_parse(struct manifest *manifest, const char *text, size_t bytes, const char *file,
		   struct errors *e);
void manifest_free(struct manifest *manifest);

/* ---- test_check.c: was it as expected? ------------------------------------------------------- */

/* All that a run said, gathered. */
struct transcript {
	struct {
		char *text;
		size_t bytes, capacity;
	} console[PV_BUNDLE_DOMAINS_MAX],
		all; /* all: log and consoles, line by line, as they came */
	size_t line_start[PV_BUNDLE_DOMAINS_MAX]; /* of the line in console[] not yet in all */
};

void transcript_console(struct transcript *t, const char *name, uint32_t domain, const char *text,
			size_t bytes);
void transcript_log(struct transcript *t, const char *line);
/* Completes the last lines. */
void transcript_end(struct transcript *t, const struct machine *machine);
void transcript_free(struct transcript *t);

/* The verdict on a test, as one process hands it to another. */
struct verdict {
	uint64_t skipped; /* TAP results */
	FILE *failures; /* one line each */
	FILE *notes; /* skipped results */
	bool has_failed;
};

void verdict_fail(struct verdict *verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Judges TAP; `who` begins each line. */
void verdict_tap(struct verdict *verdict, const char *who, const char *text, size_t bytes);
/* Judges everything a machine's run left. */
void verdict_machine(struct verdict *verdict, const struct test *test,
		     const struct run_result *result, const struct transcript *transcript);

/* ---- test_run.c: one test, in a process of its own ------------------------------------------- */

struct test_process {
	pid_t pid; /* 0 = none; also its process group */
	int pipe; /* its report comes here */
	char *report;
	size_t report_bytes;
};

/* What a test's process reports; the texts follow in this order. */
struct test_report {
	uint32_t has_failed;
	uint32_t reserved;
	uint64_t skipped;
	double seconds;
	uint64_t failure_bytes, note_bytes, tail_bytes;
};

/* Starts it. host: index into test->hosts. 0, or -1 with errno. */
int test_process_start(struct test_process *process, const struct test *test, unsigned int host);

/* ---- test_command.c: host programs ----------------------------------------------------------- */

/* Runs the program, gathers what it prints, judges it. *tail: its output, malloc'd. */
void test_command(const struct test *test, struct verdict *verdict, char **tail);

#endif
