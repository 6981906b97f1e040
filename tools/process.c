// SPDX-License-Identifier: BSD-2-Clause
/*
 * fork, exec, read, wait; see process.h.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

char *process_find(const char *program)
{
	const char *path = getenv("PATH");
	/* An ordinary user's PATH lacks the sbin folders, where some packages put their tools. */
	char *all = xasprintf("%s:/usr/sbin:/sbin", path && *path ? path : "/usr/bin:/bin");
	char *save = NULL, *found = NULL;

	for (char *dir = strtok_r(all, ":", &save); dir && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		found = xasprintf("%s/%s", dir, program);
		if (access(found, X_OK)) {
			free(found);
			found = NULL;
		}
	}
	free(all);
	return found;
}

/* Never returns. */
static void child(const char *program, const char *const *argv, const char *const *environment,
		  int out, pid_t parent)
{
	sigset_t none;
	int in = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* A caller may have blocked signals for itself. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	for (; environment && *environment; environment++)
		putenv((char *)(uintptr_t)*environment);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Reads until end of file and keeps the last PROCESS_OUTPUT_MAX bytes. */
static void gather(int fd, struct blob *output)
{
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
		if (n <= 0 || !output)
			continue;
		if (output->size + (size_t)n > PROCESS_OUTPUT_MAX) {
			size_t excess = output->size + (size_t)n - PROCESS_OUTPUT_MAX;

			memmove(output->data, output->data + excess, output->size - excess);
			output->size -= excess;
		}
		memcpy(output->data + output->size, buffer, (size_t)n);
		output->size += (size_t)n;
	}
	if (output)
		output->data[output->size] = '\0';
}

int process_run(const char *const *argv, const char *const *environment, struct blob *output)
{
	char *program = process_find(argv[0]);
	pid_t pid, parent = getpid();
	int ends[2], status = 0;

	if (output)
		*output = (struct blob){ xmalloc(PROCESS_OUTPUT_MAX + 1), 0 };
	if (output)
		output->data[0] = '\0';
	if (!program || pipe2(ends, O_CLOEXEC)) {
		if (!program)
			errno = ENOENT;
		free(program);
		return -1;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(program, argv, environment, ends[1], parent);
	free(program);
	close(ends[1]);
	if (pid > 0) {
		gather(ends[0], output);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	if (pid < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
