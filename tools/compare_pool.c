// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs the columns of a comparison, some at a time, each in a process of its own that sends what it
 * measured through a pipe; see compare.h. However it ends, each process is told to end and waited
 * for, and it takes its emulator along. Progress goes to standard error: on a terminal one line
 * that is drawn anew, else a line at the end of a column.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#define JOBS_MAX 16u
#define END_S 10.0 /* after a signal, for emulators to be ended and folders removed */
#define DRAW_MS 500
/*
 * A message of a column's process: this byte and a name, or a report until the end of the stream.
 */
#define PROGRESS 'p'
#define REPORT 'r'

struct job {
	pid_t pid; /* 0 = free */
	int pipe;
	unsigned int task;
	char *data;
	size_t bytes, seen; /* seen: progress that was taken */
	char *now; /* the workload that ended last */
	char *serial; /* of `bare`: the file in which its progress can be seen */
	double start;
};

struct pool {
	const struct compare_plan *plan;
	struct json_object **reports;
	struct job jobs[JOBS_MAX];
	unsigned int running, next, ended;
	int signals, signal;
	bool is_terminal;
	sigset_t old_mask;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static unsigned int tasks(const struct pool *p)
{
	return p->plan->column_count * p->plan->repeat;
}

static const struct compare_column *column_of(const struct pool *p, unsigned int task)
{
	return &p->plan->columns[task % p->plan->column_count];
}

/* ---- the child ------------------------------------------------------------------------------- */

static void send_progress(void *context, const char *name)
{
	char *line = xasprintf("%c%s\n", PROGRESS, name);

	write_all(*(const int *)context, line, strlen(line));
	free(line);
}

static _Noreturn void child(const struct pool *p, const struct job *job, int pipe, pid_t parent)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct json_object *report;
	const char *text;
	sigset_t none;
	int number;

	setpgid(0, 0); /* a terminal's Ctrl-C reaches the parent alone */
	/* A polite signal: what this process started must be ended, too. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	if (getppid() != parent)
		_exit(PVN_HYPERVISOR_FAILED);
	report = compare_run(p->plan, column_of(p, job->task), job->serial, send_progress, &pipe,
			     &number);
	text = json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN);
	write_all(pipe, &(char){ REPORT }, 1);
	write_all(pipe, text, strlen(text));
	_exit(0);
}

static void start(struct pool *p, struct errors *e)
{
	struct job *job = p->jobs;
	pid_t parent = getpid();
	int ends[2];

	while (job->pid)
		job++;
	*job = (struct job){ .task = p->next++, .start = now() };
	if (column_of(p, job->task)->is_bare)
		job->serial = xasprintf("%s/serial-%u", p->plan->dir, job->task);
	if (pipe2(ends, O_CLOEXEC)) {
		errors_add(e, "cannot make a pipe: %s", strerror(errno));
		free(job->serial);
		p->next = tasks(p);
		return;
	}
	fflush(NULL);
	job->pid = fork();
	if (!job->pid)
		child(p, job, ends[1], parent);
	close(ends[1]);
	job->pipe = ends[0];
	if (job->pid < 0) {
		errors_add(e, "cannot start a process: %s", strerror(errno));
		close(ends[0]);
		free(job->serial);
		job->pid = 0;
		p->next = tasks(p);
		return;
	}
	setpgid(job->pid, job->pid);
	p->running++;
}

/* ---- progress -------------------------------------------------------------------------------- */

/* How many workloads have ended in a column that only leaves a file: the last is named. */
static void look_at_serial(struct job *job)
{
	struct errors unread = { 0 };
	struct blob text;
	struct stat st;

	/* It is made when the emulator starts. */
	if (stat(job->serial, &st) || blob_read(&text, job->serial, 1u << 20, &unread))
		return;
	for (const struct compare_workload *w = compare_workloads; w->name; w++) {
		char *verdict = xasprintf("%s ops=", w->name);

		/* In the order of the table, but for the boot, which comes first. */
		if (strstr((char *)text.data, verdict) && (!compare_is_boot(w) || !job->now)) {
			free(job->now);
			job->now = xstrdup(w->name);
		}
		free(verdict);
	}
	blob_free(&text);
}

/* "pvn: 1 of 3 done  pv/hap: pipe  bare: starts" */
static void draw(struct pool *p)
{
	if (!p->is_terminal)
		return;
	fprintf(stderr, "\r\033[Kpvn: %u of %u done", p->ended, tasks(p));
	for (unsigned int i = 0; i < JOBS_MAX; i++) {
		struct job *job = &p->jobs[i];

		if (!job->pid)
			continue;
		if (job->serial)
			look_at_serial(job);
		fprintf(stderr, "  %s: %s", column_of(p, job->task)->id,
			job->now ? job->now : "starts");
	}
	fflush(stderr);
}

static void say_ended(struct pool *p, const struct job *job, struct json_object *report)
{
	const struct compare_column *column = column_of(p, job->task);
	struct json_object *failed = json_object_object_get(report, "failed");
	char round[32] = "";

	if (p->is_terminal)
		fprintf(stderr, "\r\033[K");
	if (p->plan->repeat > 1)
		snprintf(round, sizeof(round), ", round %u", job->task / p->plan->column_count + 1);
	if (failed)
		pvn_error("%s%s: %s", column->id, round, json_object_get_string(failed));
	else
		pvn_note("%s%s: %.1f s", column->id, round, now() - job->start);
	draw(p);
}

/* Complete progress messages at the front of what has come. */
static void take_progress(struct job *job)
{
	char *newline;

	while (job->seen < job->bytes && job->data[job->seen] == PROGRESS &&
	       (newline = memchr(job->data + job->seen, '\n', job->bytes - job->seen))) {
		*newline = '\0';
		free(job->now);
		job->now = xstrdup(job->data + job->seen + 1);
		job->seen = (size_t)(newline + 1 - job->data);
	}
}

/* ---- the parent ------------------------------------------------------------------------------ */

static struct json_object *died(int status)
{
	struct json_object *report = json_object_new_object();
	char *why = xasprintf("its process died (wait status 0x%x)", (unsigned int)status);

	json_object_object_add(report, "failed", json_object_new_string(why));
	json_object_object_add(report, "results", json_object_new_array());
	free(why);
	return report;
}

static void end(struct pool *p, struct job *job)
{
	struct json_object *report = NULL;
	int status = 0;

	close(job->pipe);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->pid = 0;
	p->running--;
	p->ended++;
	if (job->seen < job->bytes && job->data[job->seen] == REPORT)
		report = json_tokener_parse(job->data + job->seen + 1);
	if (!json_object_is_type(report, json_type_object)) {
		json_object_put(report);
		report = died(status);
	}
	p->reports[job->task] = report;
	if (!p->signal)
		say_ended(p, job, report);
	if (job->serial)
		unlink(job->serial);
	free(job->serial);
	free(job->data);
	free(job->now);
	*job = (struct job){ 0 };
}

static void read_pipe(struct pool *p, struct job *job)
{
	char bytes[16384];
	ssize_t got = read(job->pipe, bytes, sizeof(bytes));

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		end(p, job);
		return;
	}
	text_append(&job->data, &job->bytes, bytes, (size_t)got);
	take_progress(job);
	draw(p);
}

static void signal_all(struct pool *p, int number)
{
	for (unsigned int i = 0; i < JOBS_MAX; i++)
		if (p->jobs[i].pid)
			kill(-p->jobs[i].pid, number);
}

/* Waits until something happens, at most so long, and serves it. */
static void serve(struct pool *p, int ms)
{
	struct pollfd fds[1 + JOBS_MAX];
	struct signalfd_siginfo info;

	fds[0] = (struct pollfd){ .fd = p->signals, .events = POLLIN };
	for (unsigned int i = 0; i < JOBS_MAX; i++)
		fds[1 + i] = (struct pollfd){ .fd = p->jobs[i].pid ? p->jobs[i].pipe : -1,
					      .events = POLLIN };
	if (poll(fds, 1 + JOBS_MAX, ms) < 0)
		return;
	if (fds[0].revents && read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		p->signal = (int)info.ssi_signo;
	for (unsigned int i = 0; i < JOBS_MAX; i++)
		if (fds[1 + i].revents)
			read_pipe(p, &p->jobs[i]);
}

static int open_signals(struct pool *p, struct errors *e)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!sigaction(ours[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, ours[i]);
	sigprocmask(SIG_BLOCK, &set, &p->old_mask);
	p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return p->signals < 0 ? errors_add(e, "signalfd: %s", strerror(errno)) : 0;
}

/* After a signal: politely, then by force. */
static void end_all(struct pool *p)
{
	double until = now() + END_S;

	signal_all(p, SIGTERM);
	while (p->running && now() < until)
		serve(p, 200);
	signal_all(p, SIGKILL);
	while (p->running)
		serve(p, -1);
}

int compare_run_all(const struct compare_plan *plan, struct json_object **reports, struct errors *e)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	unsigned int jobs = plan->jobs < JOBS_MAX ? plan->jobs : JOBS_MAX;
	int number;

	p->plan = plan;
	p->reports = reports;
	p->is_terminal = isatty(STDERR_FILENO);
	if (open_signals(p, e)) {
		sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
		free(p);
		return 0;
	}
	while (!p->signal && (p->running || p->next < tasks(p))) {
		while (p->running < jobs && p->next < tasks(p))
			start(p, e);
		draw(p);
		if (p->running)
			serve(p, p->is_terminal ? DRAW_MS : -1);
	}
	end_all(p);
	if (p->is_terminal)
		fprintf(stderr, "\r\033[K");
	close(p->signals);
	sigprocmask(SIG_SETMASK, &p->old_mask, NULL);
	number = p->signal;
	free(p);
	return number;
}
