// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs the selected tests, some at a time, suite after suite, and prints one line a test and, after
 * a failure, what was found, what was expected and the last the test said. See test_runner.h.
 */
#include "test_runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUDGET_SLACK 2.0
#define TAIL_LINES 25u
/* After a signal, tests have this long to end their emulators. */
#define END_S 5.0

struct slot {
	struct test_process process;
	const struct test *test;
	unsigned int host;
};

struct runner {
	const struct manifest *manifest;
	const struct selection *selection;
	struct slot slots[TEST_JOBS_MAX];
	unsigned int running;
	int signals;
	int signal; /* that asked us to end, 0 = none */
	unsigned int passed, failed;
	uint64_t skipped;
	FILE *skips; /* lines about skipped results, shown at the end */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- reports --------------------------------------------------------------------------------- */

static void print_indented(const char *text, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		const char *newline = memchr(text + at, '\n', bytes - at);
		size_t length = newline ? (size_t)(newline - text) - at : bytes - at;

		printf("      %.*s\n", (int)length, text + at);
		at += length + 1;
	}
}

/* The last lines only; the start of what a guest said seldom explains its end. */
static void print_tail(const char *text, size_t bytes)
{
	size_t at = bytes, lines = 0;

	while (at && lines <= TAIL_LINES) {
		at--;
		lines += at && text[at - 1] == '\n';
	}
	if (bytes)
		printf("    the last it said:\n");
	print_indented(text + at, bytes - at);
}

/* Notes are lines "domain: ok N - ... # SKIP why". */
static void add_skips(struct runner *runner, const char *name, const char *notes, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		size_t length = strcspn(notes + at, "\n");

		length = length < bytes - at ? length : bytes - at;
		fprintf(runner->skips, "  %s: %.*s\n", name, (int)length, notes + at);
		at += length + 1;
	}
}

static void report_case(struct runner *runner, const struct slot *slot, int status)
{
	const struct test_process *process = &slot->process;
	char *name = test_case_name(runner->manifest, slot->test, slot->host);
	struct test_report report;
	const char *text = process->report + sizeof(report);
	bool is_whole = process->report_bytes >= sizeof(report);

	if (is_whole) {
		memcpy(&report, process->report, sizeof(report));
		is_whole = process->report_bytes - sizeof(report) ==
			   report.failure_bytes + report.note_bytes + report.tail_bytes;
	}
	if (!is_whole) {
		runner->failed++;
		printf("FAIL  %s: the test's process died (wait status 0x%x)\n", name, status);
	} else if (report.has_failed) {
		runner->failed++;
		printf("FAIL  %-40s %7.1f s\n", name, report.seconds);
		print_indented(text, report.failure_bytes);
		print_tail(text + report.failure_bytes + report.note_bytes, report.tail_bytes);
	} else {
		runner->passed++;
		printf("ok    %-40s %7.1f s\n", name, report.seconds);
	}
	if (is_whole && report.skipped) {
		runner->skipped += report.skipped;
		add_skips(runner, name, text + report.failure_bytes, report.note_bytes);
	}
	fflush(stdout);
	free(name);
}

/* ---- running --------------------------------------------------------------------------------- */

static void start_case(struct runner *runner, const struct test *test, unsigned int host)
{
	struct slot *slot = runner->slots;
	char *name;

	while (slot->process.pid)
		slot++;
	slot->test = test;
	slot->host = host;
	if (!test_process_start(&slot->process, test, host)) {
		runner->running++;
		return;
	}
	name = test_case_name(runner->manifest, test, host);
	printf("FAIL  %s: cannot start a process: %s\n", name, strerror(errno));
	runner->failed++;
	free(name);
}

static void end_case(struct runner *runner, struct slot *slot)
{
	int status = 0;

	close(slot->process.pipe);
	while (waitpid(slot->process.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!runner->signal)
		report_case(runner, slot, status);
	free(slot->process.report);
	memset(slot, 0, sizeof(*slot));
	runner->running--;
}

static void read_report(struct runner *runner, struct slot *slot)
{
	struct test_process *process = &slot->process;
	char bytes[65536];
	ssize_t got = read(process->pipe, bytes, sizeof(bytes));

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		end_case(runner, slot);
		return;
	}
	text_append(&process->report, &process->report_bytes, bytes, (size_t)got);
}

static void signal_all(struct runner *runner, int number)
{
	unsigned int i;

	for (i = 0; i < TEST_JOBS_MAX; i++) {
		if (runner->slots[i].process.pid)
			kill(-runner->slots[i].process.pid, number);
	}
}

/* Waits until something happens, at most until the given time (0 = ever), and serves it. */
static void serve(struct runner *runner, double until)
{
	struct pollfd fds[1 + TEST_JOBS_MAX];
	struct signalfd_siginfo info;
	double rest = until == 0 ? -1 : until - now();
	unsigned int i;

	fds[0] = (struct pollfd){ .fd = runner->signals, .events = POLLIN };
	for (i = 0; i < TEST_JOBS_MAX; i++)
		fds[1 + i] = (struct pollfd){
			.fd = runner->slots[i].process.pid ? runner->slots[i].process.pipe : -1,
			.events = POLLIN,
		};
	if (poll(fds, 1 + TEST_JOBS_MAX,
		 until == 0 ? -1 :
		 rest > 0   ? (int)(rest * 1000) + 1 :
			      0) < 0)
		return;
	if (fds[0].revents && read(runner->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		runner->signal = (int)info.ssi_signo;
	for (i = 0; i < TEST_JOBS_MAX; i++) {
		if (fds[1 + i].revents)
			read_report(runner, &runner->slots[i]);
	}
}

/* Ends what runs: first so that emulators are ended and folders removed, then by force. */
static void end_all(struct runner *runner)
{
	double until = now() + END_S;

	signal_all(runner, SIGTERM);
	while (runner->running && now() < until)
		serve(runner, until);
	signal_all(runner, SIGKILL);
	while (runner->running)
		serve(runner, 0);
}

/* What all tests that have ended used of CPUs, emulators included. */
static double cpu_seconds(void)
{
	struct rusage used;

	getrusage(RUSAGE_CHILDREN, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/*
 * The budget is that of the quick tier, in seconds of the wall. Over twice as much is a failure if
 * it is the tests' own work: a machine that does something else as well is no bug.
 */
static void check_budget(struct runner *runner, const struct test_suite *suite, double seconds,
			 double cpu)
{
	double budget = (double)suite->budget_s;
	bool is_over = suite->budget_s && seconds > budget;
	bool is_far_over = is_over && seconds > budget * BUDGET_SLACK &&
			   cpu > budget * runner->selection->jobs;

	if (runner->signal)
		return;
	printf("suite %s: %.1f s", suite->name, seconds);
	if (suite->budget_s)
		printf(" of %llu s", (unsigned long long)suite->budget_s);
	printf(", %.1f s of CPUs", cpu);
	if (is_over && runner->selection->tier == TIER_QUICK)
		printf(is_far_over ? ": FAIL, far over budget" : ": over budget");
	if (is_far_over && runner->selection->tier == TIER_QUICK)
		runner->failed++;
	printf("\n");
}

/* Waits for a free slot, or for all of them where one of the two tests wants to be alone. */
static void wait_for_turn(struct runner *runner, const struct test *test)
{
	unsigned int most = runner->selection->jobs, i;

	for (i = 0; i < TEST_JOBS_MAX; i++) {
		if (runner->slots[i].process.pid && runner->slots[i].test->is_alone)
			most = 1;
	}
	if (test->is_alone)
		most = 1;
	while (runner->running >= most && !runner->signal)
		serve(runner, 0);
}

static void run_suite(struct runner *runner, unsigned int suite)
{
	const struct manifest *manifest = runner->manifest;
	double start = now(), cpu = cpu_seconds();
	unsigned int i, host;
	bool has_any = false;

	for (i = 0; i < manifest->test_count; i++) {
		const struct test *test = &manifest->tests[i];

		for (host = 0; test->suite == suite && host < test_cases(test); host++) {
			if (!selection_has(runner->selection, manifest, test, host))
				continue;
			has_any = true;
			wait_for_turn(runner, test);
			if (runner->signal)
				return;
			start_case(runner, test, host);
		}
	}
	while (runner->running && !runner->signal)
		serve(runner, 0);
	if (has_any)
		check_budget(runner, &manifest->suites[suite], now() - start, cpu_seconds() - cpu);
}

static void open_signals(struct runner *runner)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (!sigaction(ours[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, ours[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	runner->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Ends pvn by the signal that ended the tests, so that a shell sees what happened. */
static void die_by(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	signal(number, SIG_DFL);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int test_run_all(const struct manifest *manifest, const struct selection *selection)
{
	struct runner runner = { .manifest = manifest, .selection = selection };
	char *skips = NULL;
	size_t bytes;
	unsigned int i;

	open_signals(&runner);
	runner.skips = open_memstream(&skips, &bytes);
	if (runner.signals < 0 || !runner.skips) {
		pvn_error("cannot start: %s", strerror(errno));
		return PVN_HYPERVISOR_FAILED;
	}
	for (i = 0; i < manifest->suite_count && !runner.signal; i++)
		run_suite(&runner, i);
	end_all(&runner);
	fclose(runner.skips);
	if (runner.signal)
		die_by(runner.signal);
	if (bytes)
		printf("skipped:\n%s", skips);
	free(skips);
	if (!runner.passed && !runner.failed)
		pvn_error("no test was selected");
	printf("%u passed, %u failed, %llu skipped\n", runner.passed, runner.failed,
	       (unsigned long long)runner.skipped);
	if (fflush(stdout)) {
		pvn_error("standard output: %s", strerror(errno));
		return PVN_HYPERVISOR_FAILED;
	}
	return runner.failed || !runner.passed ? PVN_GUEST_FAILED : PVN_OK;
}
