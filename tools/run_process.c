// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulator's process: started with its standard output as the debug channel, standard input
 * empty, standard error to a file, in a process group of its own, so that it can be killed with
 * whatever it started and a terminal's Ctrl-C reaches pvn alone. The kernel kills it when pvn dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* Bochs logs some things that a guest does without end; it must not fill the disk. */
#define LOG_BYTES_MAX (256u << 20)

/*
 * Bochs's only display without a screen is a VNC server on every interface, on the first free port
 * of a small range. In a network of its own it reaches nobody and never runs out of ports. Where
 * the system grants that to nobody but root, it runs as before. Limit: there, the emulated screen
 * can be watched from the network while a machine runs.
 */
static void leave_network(void)
{
	if (unshare(CLONE_NEWNET))
		(void)!unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

/* Never returns; what fails is told by errno through the pipe `report`. */
static void child(const struct launch *launch, const struct launcher *launcher, int channel,
		  int report, pid_t parent)
{
	const struct rlimit no_core = { 0, 0 }, log_limit = { LOG_BYTES_MAX, LOG_BYTES_MAX };
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;
	int in, err, error;

	setpgid(0, 0);
	if (launcher->is_private_net)
		leave_network();
	/* After unshare(): a change of credentials takes it back. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_FSIZE, &log_limit);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &by_default, NULL);
	if (chdir(launch->dir))
		goto failed;
	in = open("/dev/null", O_RDONLY);
	err = open(LAUNCH_STDERR, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (in < 0 || err < 0 || dup2(in, 0) < 0 || dup2(channel, 1) < 0 || dup2(err, 2) < 0)
		goto failed;
	setenv("TZ", "UTC", 1);
	if (launch->preload)
		setenv("LD_PRELOAD", launch->preload, 1);
	execvp(launch->argv[0], launch->argv);
failed:
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

int run_process_start(struct run_process *process, const struct launch *launch,
		      const struct launcher *launcher, struct errors *e)
{
	int channel[2], report[2], error;
	pid_t parent = getpid();
	ssize_t got;

	*process = (struct run_process){ .channel = -1 };
	if (pipe2(channel, O_CLOEXEC))
		return errors_add(e, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(report, O_CLOEXEC)) {
		close(channel[0]);
		close(channel[1]);
		return errors_add(e, "cannot make a pipe: %s", strerror(errno));
	}
	process->pid = fork();
	if (!process->pid)
		child(launch, launcher, channel[1], report[1], parent);
	error = errno;
	close(channel[1]);
	close(report[1]);
	if (process->pid > 0) {
		/* Both sides set it, so that it holds whoever runs first. */
		setpgid(process->pid, process->pid);
		do
			got = read(report[0], &error, sizeof(error));
		while (got < 0 && errno == EINTR);
		if (got != (ssize_t)sizeof(error)) /* closed by exec */
			error = 0;
	}
	close(report[0]);
	process->channel = channel[0];
	fcntl(process->channel, F_SETFL, O_NONBLOCK);
	if (!error && process->pid > 0)
		return 0;
	if (process->pid < 0)
		process->pid = 0;
	run_process_end(process);
	return errors_add(e, "cannot start %s: %s", launch->argv[0], strerror(error));
}

void run_process_poll(struct run_process *process)
{
	siginfo_t info = { .si_pid = 0 };

	/* Not reaped yet: as long as it is a zombie, nobody else gets its number or its group's. */
	if (process->pid && !process->has_exited &&
	    !waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
		process->has_exited = true;
}

void run_process_end(struct run_process *process)
{
	if (process->pid) {
		kill(-process->pid, SIGKILL);
		while (waitpid(process->pid, &process->status, 0) < 0 && errno == EINTR)
			;
	}
	if (process->channel >= 0)
		close(process->channel);
	process->channel = -1;
	process->pid = 0;
}
