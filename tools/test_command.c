// SPDX-License-Identifier: BSD-2-Clause
/*
 * A test that is a host program: started in the build folder with "{build}", "{root}" and "{pvn}"
 * in its words replaced, its output gathered, ended when its time is over. It passes if it exits
 * with 0 and its standard output is valid TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define OUTPUT_LIMIT (16u << 20)
/* A program whose time is over has this long to end what it started. */
#define GRACE_S 4.0

/* The runner wants us to end; see end_group(). */
static volatile sig_atomic_t is_aborted;

static void on_abort(int number)
{
	(void)number;
	is_aborted = 1;
}

struct output {
	int fd; /* -1 = at its end */
	char *text;
	size_t bytes, capacity;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Replaces each {build}, {root} and {pvn}. */
static char *expand(const char *word)
{
	static const struct {
		const char *name;
		char *(*path)(const char *relative);
		const char *relative;
	} names[] = {
		{ "{build}/", pvn_build_path, "" },
		{ "{root}/", pvn_root_path, "" },
		{ "{pvn}", pvn_build_path, "tools/pvn" },
	};
	char *result = xstrdup(word), *at;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		while ((at = strstr(result, names[i].name))) {
			char *path = names[i].path(names[i].relative);
			char *next = xasprintf("%.*s%s%s", (int)(at - result), result, path,
					       at + strlen(names[i].name));

			free(path);
			free(result);
			result = next;
		}
	}
	return result;
}

/* The child: never returns. */
static void execute(char *const *words, int out, int err)
{
	int in = open("/dev/null", O_RDONLY);
	char *build = pvn_build_path(".");
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0 &&
	    !chdir(build)) {
		execvp(words[0], words);
		fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
	}
	_exit(127);
}

static void take(struct output *output)
{
	ssize_t got;

	if (output->capacity - output->bytes < 4096) {
		output->capacity = 2 * output->capacity + 8192;
		output->text = xrealloc(output->text, output->capacity);
	}
	got = read(output->fd, output->text + output->bytes, output->capacity - output->bytes - 1);
	if (got < 0 && errno == EINTR)
		return;
	if (got > 0 && output->bytes < OUTPUT_LIMIT)
		output->bytes += (size_t)got;
	output->text[output->bytes] = 0;
	if (got <= 0) {
		close(output->fd);
		output->fd = -1;
	}
}

/*
 * Reads both outputs to their ends. False when the time was over before, or we are to end: SIGTERM
 * comes through only while we wait here.
 */
static bool gather(struct output outputs[2], double until)
{
	sigset_t none;

	sigemptyset(&none);
	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		struct pollfd fds[2] = { { .fd = outputs[0].fd, .events = POLLIN },
					 { .fd = outputs[1].fd, .events = POLLIN } };
		double rest = until - now();
		struct timespec wait = { (time_t)rest,
					 (long)((rest - (double)(time_t)rest) * 1e9) };
		int i, ready;

		if (rest <= 0 || is_aborted)
			return false;
		ready = ppoll(fds, 2, &wait, &none);
		if (ready < 0 && errno != EINTR)
			return false;
		for (i = 0; i < 2; i++) {
			if (ready > 0 && outputs[i].fd >= 0 && fds[i].revents)
				take(&outputs[i]);
		}
	}
	return true;
}

static void judge(struct verdict *verdict, const struct test *test, int status, bool in_time,
		  const struct output *out)
{
	if (!in_time)
		verdict_fail(verdict, "not ended after %u s", test->timeout_s);
	else if (WIFSIGNALED(status))
		verdict_fail(verdict, "killed by signal %d (%s)", WTERMSIG(status),
			     strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		verdict_fail(verdict, "exit code %d, expected 0", WEXITSTATUS(status));
	if (in_time)
		verdict_tap(verdict, test->name, out->text, out->bytes);
}

/*
 * Waits for a program that has closed its outputs. False when the time was over before, or with
 * `or_abort` when we are to end.
 */
static bool wait_until(pid_t pid, int *status, double until, bool or_abort)
{
	const struct timespec moment = { 0, 5000000 };
	sigset_t none;
	pid_t got;

	sigemptyset(&none);
	while ((got = waitpid(pid, status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
		if (now() >= until || (or_abort && is_aborted))
			return false;
		ppoll(NULL, 0, &moment, &none);
	}
	return true;
}

/*
 * Ends the program, politely first, and what it started: all of that is in our own process group,
 * which the signal leaves alive by being ignored here.
 */
static void end_group(pid_t pid, bool has_ended)
{
	int status;

	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	if (!has_ended && !wait_until(pid, &status, now() + GRACE_S, false)) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
}

/* SIGTERM ends the program first: it may have temporary files. */
static void take_aborts(void)
{
	const struct sigaction action = { .sa_handler = on_abort };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void test_command(const struct test *test, struct verdict *verdict, char **tail)
{
	struct output outputs[2] = { { .fd = -1 }, { .fd = -1 } };
	char *words[TEST_WORDS_MAX + 1] = { NULL };
	int pipes[2][2], status = 0;
	unsigned int i;
	double until;
	bool in_time;
	pid_t pid;

	for (i = 0; i < test->word_count; i++)
		words[i] = expand(test->words[i]);
	take_aborts();
	if (pipe2(pipes[0], O_CLOEXEC) || pipe2(pipes[1], O_CLOEXEC) || (pid = fork()) < 0) {
		verdict_fail(verdict, "cannot start %s: %s", words[0], strerror(errno));
		return;
	}
	if (!pid)
		execute(words, pipes[0][1], pipes[1][1]);
	for (i = 0; i < 2; i++) {
		close(pipes[i][1]);
		outputs[i].fd = pipes[i][0];
	}
	until = now() + test->timeout_s;
	in_time = gather(outputs, until) && wait_until(pid, &status, until, true);
	end_group(pid, in_time);
	judge(verdict, test, status, in_time, &outputs[0]);
	free(*tail);
	*tail = xasprintf("%s%s", outputs[0].text ? outputs[0].text : "",
			  outputs[1].text ? outputs[1].text : "");
	for (i = 0; i < test->word_count; i++)
		free(words[i]);
	free(outputs[0].text);
	free(outputs[1].text);
}
