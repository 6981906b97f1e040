// SPDX-License-Identifier: BSD-2-Clause
/*
 * The folder a guest is built in, and the programs that build it; see guest.h. A lock makes several
 * builders take turns. Signals are read from a descriptor while programs run: an interrupted build
 * leaves neither processes nor files.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PERIOD_S 20.0 /* between lines of progress where there is no terminal */
#define TAIL_BYTES 2500 /* of a failed program's output that are shown */

/* ---- the folder ------------------------------------------------------------------------------ */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void guest_remove_tree(const char *path)
{
	nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

static int take_lock(struct guest_work *work, struct errors *e)
{
	char *path = pvn_cache_path("guest/lock");

	work->lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	if (work->lock < 0) {
		errors_add(e, "%s: %s", path ? path : "the cache folder", strerror(errno));
		free(path);
		return -1;
	}
	free(path);
	if (!flock(work->lock, LOCK_EX | LOCK_NB))
		return 0;
	pvn_note("waiting for another pvn that builds a guest");
	while (flock(work->lock, LOCK_EX))
		if (errno != EINTR)
			return errors_add(e, "flock: %s", strerror(errno));
	return 0;
}

int guest_work_begin(struct guest_work *work, struct errors *e)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;
	sigset_t set;

	*work = (struct guest_work){ .lock = -1, .signals = -1 };
	if (take_lock(work, e))
		return -1;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		/* nohup and background jobs ignore some: blocking would make them count. */
		if (!sigaction(ours[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, ours[i]);
	sigprocmask(SIG_BLOCK, &set, &work->old_mask);
	work->is_begun = true;
	work->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (work->signals < 0)
		return errors_add(e, "signalfd: %s", strerror(errno));
	work->dir = pvn_cache_path("guest/work/");
	if (!work->dir)
		return errors_add(e, "the cache folder: %s", strerror(errno));
	/* A killed builder may have left it full. */
	work->dir[strlen(work->dir) - 1] = '\0';
	guest_remove_tree(work->dir);
	if (mkdir(work->dir, 0777))
		return errors_add(e, "%s: %s", work->dir, strerror(errno));
	return 0;
}

void guest_work_end(struct guest_work *work)
{
	if (work->dir)
		guest_remove_tree(work->dir);
	free(work->dir);
	work->dir = NULL;
	if (work->signals >= 0)
		close(work->signals);
	if (work->lock >= 0)
		close(work->lock);
	if (work->is_begun)
		sigprocmask(SIG_SETMASK, &work->old_mask, NULL);
	if (work->signal) {
		signal(work->signal, SIG_DFL);
		raise(work->signal);
	}
}

/* ---- progress -------------------------------------------------------------------------------- */

struct progress {
	const struct guest_step *step;
	unsigned int lines;
	bool is_terminal, is_shown;
	double start, next;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void show(struct progress *p)
{
	double seconds = now() - p->start;
	char done[32] = "";

	if (!p->step->what || now() < p->next)
		return;
	p->next = now() + (p->is_terminal ? 0.2 : PERIOD_S);
	/* How many lines there will be is an estimate: 100 % is for when it is true. */
	if (p->step->lines)
		snprintf(done, sizeof(done), " %u %%,",
			 p->lines < p->step->lines ? 100 * p->lines / p->step->lines : 99);
	if (p->is_terminal)
		fprintf(stderr, "\r\033[Kpvn: %s:%s %.0f s", p->step->what, done, seconds);
	else if (p->is_shown || p->step->lines)
		pvn_note("%s:%s %.0f s", p->step->what, done, seconds);
	p->is_shown = true;
}

static void show_end(const struct progress *p)
{
	if (p->is_terminal && p->is_shown)
		fprintf(stderr, "\r\033[K");
}

/* ---- programs -------------------------------------------------------------------------------- */

/* Never returns. */
static void child(const struct guest_work *work, const struct guest_step *step, int out,
		  pid_t parent)
{
	static const char *const unwanted[] = {
		"MAKEFLAGS",     "MAKELEVEL",         "MFLAGS",        "ARCH", "CROSS_COMPILE",
		"KBUILD_OUTPUT", "KCONFIG_ALLCONFIG", "KCONFIG_CONFIG"
	};
	int in = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigprocmask(SIG_SETMASK, &work->old_mask, NULL);
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		unsetenv(unwanted[i]);
	setenv("LC_ALL", "C", 1);
	setenv("TMPDIR", work->dir, 1); /* goes with it, even if the program is killed */
	/* The same bytes wherever it is built. */
	setenv("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970", 1);
	setenv("KBUILD_BUILD_USER", "pvn", 1);
	setenv("KBUILD_BUILD_HOST", "paravane", 1);
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    chdir(step->dir ? step->dir : work->dir))
		_exit(127);
	execvp(step->argv[0], (char *const *)(uintptr_t)step->argv);
	_exit(127);
}

/* Until the program closes its output or a signal comes. */
static void follow(struct guest_work *work, struct progress *p, int from, int log)
{
	struct pollfd fds[2] = { { .fd = from, .events = POLLIN },
				 { .fd = work->signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	char bytes[4096];

	for (;;) {
		ssize_t got = 1;

		show(p);
		if (poll(fds, 2, 1000) < 0)
			continue;
		if (fds[1].revents && read(work->signals, &info, sizeof(info)) > 0) {
			work->signal = (int)info.ssi_signo;
			return;
		}
		if (fds[0].revents)
			got = read(from, bytes, sizeof(bytes));
		if (got <= 0)
			return;
		for (ssize_t i = 0; fds[0].revents && i < got; i++)
			p->lines += bytes[i] == '\n';
		if (fds[0].revents)
			(void)!write(log, bytes, (size_t)got);
	}
}

static char *output_path(const struct guest_work *work)
{
	return xasprintf("%s/output", work->dir);
}

int guest_work_status(struct guest_work *work, const struct guest_step *step)
{
	struct progress p = { .step = step, .is_terminal = isatty(2), .start = now() };
	char *path = output_path(work);
	int ends[2], status, log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	pid_t pid, parent = getpid();

	free(path);
	if (log < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC)) {
		close(log);
		return -1;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(work, step, ends[1], parent);
	close(ends[1]);
	if (pid > 0) {
		setpgid(pid, pid); /* both sides set it, so that it holds whoever runs first */
		follow(work, &p, ends[0], log);
		show_end(&p);
		if (work->signal)
			kill(-pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	close(log);
	if (pid < 0 || work->signal)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_tail(const struct guest_work *work)
{
	char *path = output_path(work), text[TAIL_BYTES + 1], *from = text;
	FILE *file = fopen(path, "re");
	size_t bytes;

	free(path);
	if (!file)
		return;
	if (!fseek(file, -TAIL_BYTES, SEEK_END))
		from = NULL; /* the first line is not a whole one */
	else
		rewind(file);
	bytes = fread(text, 1, TAIL_BYTES, file);
	text[bytes] = '\0';
	fclose(file);
	if (!from)
		from = strchr(text, '\n') ? strchr(text, '\n') + 1 : text;
	fputs(from, stderr);
}

/* Out of the folder that is going to be removed; malloc'd path. */
static char *keep_output(const struct guest_work *work)
{
	char *from = output_path(work), *to = pvn_cache_path("guest/failed.log");

	if (!to || rename(from, to)) {
		free(to);
		to = xstrdup("no file");
	}
	free(from);
	return to;
}

int guest_work_run(struct guest_work *work, const struct guest_step *step, struct errors *e)
{
	int status = guest_work_status(work, step);
	char *log;

	if (!status)
		return 0;
	if (work->signal)
		return errors_add(e, "%s: interrupted by signal %d (%s)", step->what, work->signal,
				  strsignal(work->signal));
	if (status < 0)
		return errors_add(e, "%s: %s: %s", step->what, step->argv[0], strerror(errno));
	print_tail(work);
	log = keep_output(work);
	errors_add(e, "%s: %s ended with status %d; all of its output is in %s", step->what,
		   step->argv[0], status, log);
	free(log);
	return -1;
}
