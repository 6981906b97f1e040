// SPDX-License-Identifier: BSD-2-Clause
/*
 * One test from start to verdict, in a process of its own that reports through a pipe. A test that
 * takes its process down, or whose process is killed, is a failure and no more than that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

struct machine_run {
	const struct test *test;
	struct transcript transcript;
};

static void on_console(void *context, uint32_t domain, const char *text, size_t bytes)
{
	struct machine_run *run = context;

	transcript_console(&run->transcript, run->test->machine.domains[domain].name, domain, text,
			   bytes);
}

static void on_log(void *context, const char *line)
{
	struct machine_run *run = context;

	transcript_log(&run->transcript, line);
}

/* Runs the machine once and judges it. *tail receives all it said. */
static void run_once(const struct test *test, enum host host, struct verdict *verdict,
		     struct run_result *result, char **tail)
{
	struct machine_run run = { .test = test };
	const struct run_options options = {
		.host = host,
		.timeout_s = test->timeout_s,
		.on_console = on_console,
		.on_log = on_log,
		.context = &run,
	};
	struct errors errors = { 0 };
	unsigned int i;

	run_machine(&test->machine, &options, result, &errors);
	transcript_end(&run.transcript, &test->machine);
	for (i = 0; i < errors.count && i < ERRORS_MAX; i++)
		verdict_fail(verdict, "%s", errors.text[i]);
	if (!errors.count)
		verdict_machine(verdict, test, result, &run.transcript);
	free(*tail);
	*tail = xasprintf("%s%s%s%s%s", run.transcript.all.text ? run.transcript.all.text : "",
			  result->telling ? "emulator's log:\n" : "",
			  result->telling ? result->telling : "",
			  result->kept ? "logs kept in " : "", result->kept ? result->kept : "");
	transcript_free(&run.transcript);
}

static void run_on_host(struct test *test, const struct test_host *host, struct verdict *verdict,
			char **tail)
{
	struct run_result first, again;
	char text[400];
	unsigned int run;

	if (!host_probe(host->host, text, sizeof(text))) {
		verdict_fail(verdict, "no %s here: %s", host_name(host->host), text);
		return;
	}
	test->machine.cpus = host->cpus;
	run_once(test, host->host, verdict, &first, tail);
	for (run = 2; run <= test->repeat && !verdict->has_failed; run++) {
		run_once(test, host->host, verdict, &again, tail);
		if (!verdict->has_failed &&
		    !stats_equal(&first.stats, &again.stats, text, sizeof(text)))
			verdict_fail(verdict, "run %u counted differently: %s", run, text);
		run_result_free(&again);
	}
	run_result_free(&first);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* The child: never returns. */
static void work(const struct test *test, unsigned int host, int pipe)
{
	struct test *own = xmalloc(sizeof(*own));
	char *failures = NULL, *notes = NULL, *tail = xstrdup("");
	size_t failure_bytes = 0, note_bytes = 0;
	struct verdict verdict = { .failures = open_memstream(&failures, &failure_bytes),
				   .notes = open_memstream(&notes, &note_bytes) };
	struct test_report report = { 0 };
	double start = now();

	if (!verdict.failures || !verdict.notes)
		_exit(PVN_HYPERVISOR_FAILED);
	memcpy(own, test, sizeof(*own));
	if (own->word_count)
		test_command(own, &verdict, &tail);
	else
		run_on_host(own, &own->hosts[host], &verdict, &tail);
	fclose(verdict.failures);
	fclose(verdict.notes);
	report.has_failed = verdict.has_failed;
	report.skipped = verdict.skipped;
	report.seconds = now() - start;
	report.failure_bytes = failure_bytes;
	report.note_bytes = note_bytes;
	report.tail_bytes = strlen(tail);
	write_all(pipe, &report, sizeof(report));
	write_all(pipe, failures, failure_bytes);
	write_all(pipe, notes, note_bytes);
	write_all(pipe, tail, strlen(tail));
	_exit(0);
}

int test_process_start(struct test_process *process, const struct test *test, unsigned int host)
{
	pid_t parent = getpid();
	int ends[2];

	memset(process, 0, sizeof(*process));
	if (pipe2(ends, O_CLOEXEC))
		return -1;
	fflush(NULL);
	process->pid = fork();
	if (!process->pid) {
		sigset_t none;

		setpgid(0, 0);
		/* A polite signal: what this process started must be ended, too. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (getppid() != parent)
			_exit(PVN_HYPERVISOR_FAILED);
		close(ends[0]);
		work(test, host, ends[1]);
	}
	close(ends[1]);
	if (process->pid < 0) {
		close(ends[0]);
		process->pid = 0;
		return -1;
	}
	setpgid(process->pid, process->pid);
	process->pipe = ends[0];
	return 0;
}
