// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a run came to: the exit code, one line that says why, and whether the private folder is
 * kept; see run.h. The first of several reasons wins, in the order of session_judge().
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_session.h"

/* Sets the verdict with one line of explanation. */
static void fail(struct session *s, enum pvn_exit exit, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct session *s, enum pvn_exit exit, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->result->why, sizeof(s->result->why), fmt, args);
	va_end(args);
	s->result->exit = exit;
}

static const struct run_output *failed_output(const struct session *s)
{
	unsigned int i;

	for (i = 0; i < s->options->output_count; i++) {
		if (s->options->outputs[i].error)
			return &s->options->outputs[i];
	}
	return NULL;
}

/* The emulator is gone, or was ended, and the machine never said that it had come to its end. */
static void judge_death(struct session *s)
{
	int status = s->process.status;
	const char *program = s->launch.argv[0];

	if (!s->has_exited)
		fail(s, PVN_HYPERVISOR_FAILED, "%s closed its output, but kept running", program);
	else if (WIFSIGNALED(status))
		fail(s, PVN_HYPERVISOR_FAILED, "%s was killed by signal %d (%s)", program,
		     WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fail(s, PVN_HYPERVISOR_FAILED, "%s ended with status %d before the machine did%s",
		     program, WEXITSTATUS(status),
		     s->channel.frames ? "" : "; the hypervisor said nothing");
}

static void judge_machine(struct session *s)
{
	const struct stats *stats = &s->result->stats;
	unsigned int i;

	if (stats->machine_end.failed) {
		fail(s, PVN_HYPERVISOR_FAILED, "the hypervisor failed: %s", stats->machine_end.why);
		return;
	}
	if (s->channel.lost || s->channel.damaged || stats->malformed) {
		fail(s, PVN_HYPERVISOR_FAILED,
		     "the debug channel lost %llu frames, %llu were damaged, %llu made no sense",
		     (unsigned long long)s->channel.lost, (unsigned long long)s->channel.damaged,
		     (unsigned long long)stats->malformed);
		return;
	}
	if (!s->has_exited) {
		fail(s, PVN_HYPERVISOR_FAILED, "the machine ended, but did not power off");
		return;
	}
	s->result->exit = PVN_OK;
	for (i = 0; i < stats->domain_count; i++) {
		if (!stats_ended_well(&stats->domains[i]))
			s->result->exit = PVN_GUEST_FAILED;
	}
}

void session_judge(struct session *s)
{
	const struct run_output *output = failed_output(s);

	if (output)
		fail(s, PVN_HYPERVISOR_FAILED, "%s: %s", output->name, strerror(output->error));
	else if (s->result->signal)
		fail(s, PVN_HYPERVISOR_FAILED, "interrupted by signal %d (%s)", s->result->signal,
		     strsignal(s->result->signal));
	else if (s->result->is_quit)
		s->result->exit = PVN_OK;
	else if (s->is_timed_out)
		fail(s, PVN_TIMEOUT, "not ended after %u s", s->options->timeout_s);
	else if (s->launch.bare && s->has_exited)
		s->result->exit = PVN_OK; /* what its guest did, its serial port tells */
	else if (!s->result->stats.has_machine_end)
		judge_death(s);
	else
		judge_machine(s);
}

/* Did the hypervisor or the emulator fail, so that a log may say more? */
static bool is_abnormal(const struct session *s)
{
	return s->launch.argc && !s->result->signal && !failed_output(s) &&
	       (s->result->exit == PVN_HYPERVISOR_FAILED || s->result->exit == PVN_TIMEOUT);
}

void session_keep_or_remove(struct session *s)
{
	struct run_result *result = s->result;
	char *path;

	if (!s->launch.dir)
		return;
	if (!is_abnormal(s)) {
		run_dir_remove(s->launch.dir);
		return;
	}
	path = xasprintf("%s/%s", s->launch.dir, s->launcher->log);
	result->telling = run_log_tail(path, s->launcher->is_telling);
	result->kept = xstrdup(s->launch.dir);
	run_dir_keep(s->launch.dir);
	free(path);
	/* The one large file; it can be made again. */
	path = xasprintf("%s/" LAUNCH_BUNDLE, s->launch.dir);
	unlink(path);
	free(path);
}
