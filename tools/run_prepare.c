// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a run needs before its emulator starts: signals under control first, then the private folder
 * with everything the emulator reads, then the emulator; see run.h. What was made when a step fails
 * is removed by the steps that follow a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bundle.h"
#include "run_session.h"

int session_block_signals(struct session *s, struct errors *e)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		/* nohup and background jobs ignore some: blocking would make them count. */
		if (!sigaction(ours[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, ours[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &s->old_mask);
	sigaction(SIGPIPE, &ignore, &s->old_pipe); /* writes say EPIPE instead */
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->signals < 0)
		return errors_add(e, "signalfd: %s", strerror(errno));
	return 0;
}

void session_restore_signals(struct session *s)
{
	if (s->signals >= 0)
		close(s->signals);
	sigaction(SIGPIPE, &s->old_pipe, NULL);
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}

static int write_bundle(struct session *s, struct errors *e)
{
	struct machine machine = *s->machine;
	struct blob bundle = { 0 };
	char *path;
	int result;

	memcpy(machine.live_key, s->live_key, sizeof(machine.live_key));
	if (machine.cpus != 1)
		machine.hw_off |= s->launcher->hw_off_smp;
	if (bundle_build(&machine, &bundle, e)) {
		s->result->exit = PVN_USAGE;
		return -1;
	}
	path = xasprintf("%s/" LAUNCH_BUNDLE, s->launch.dir);
	result = blob_write(&bundle, path, e);
	free(path);
	blob_free(&bundle);
	return result;
}

/* Links, so that an emulator's option names a file in its own folder. */
static int link_bare(struct session *s, struct errors *e)
{
	const struct {
		const char *name, *target;
	} links[] = { { LAUNCH_KERNEL, s->launch.bare->kernel },
		      { LAUNCH_INITRD, s->launch.bare->initrd } };
	int result = 0;
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]) && !result; i++) {
		char *link_name = xasprintf("%s/%s", s->launch.dir, links[i].name);
		char *target = realpath(links[i].target, NULL);

		result = target ? symlink(target, link_name) : -1;
		if (result)
			errors_add(e, "%s: %s", links[i].target, strerror(errno));
		free(target);
		free(link_name);
	}
	return result;
}

static int write_payload(struct session *s, struct errors *e)
{
	return s->launch.bare ? link_bare(s, e) : write_bundle(s, e);
}

static int find_hypervisor(struct session *s, struct errors *e)
{
	char *hypervisor = pvn_build_path("hypervisor/paravane.elf");

	s->launch.hypervisor = realpath(hypervisor, NULL);
	if (!s->launch.hypervisor)
		errors_add(e, "%s: %s (has the project been built?)", hypervisor, strerror(errno));
	free(hypervisor);
	return s->launch.hypervisor ? 0 : -1;
}

/* The serial port's file is the user's; a link leads there. */
static int link_serial(struct session *s, struct errors *e)
{
	char *link_name, *target;
	int fd, result = -1;

	if (!s->options->serial)
		return 0;
	fd = open(s->options->serial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return errors_add(e, "%s: %s", s->options->serial, strerror(errno));
	close(fd);
	target = realpath(s->options->serial, NULL);
	link_name = xasprintf("%s/" LAUNCH_SERIAL, s->launch.dir);
	if (target && !symlink(target, link_name))
		result = 0;
	else
		errors_add(e, "%s: %s", s->options->serial, strerror(errno));
	s->launch.has_serial = true;
	free(target);
	free(link_name);
	return result;
}

/* The port is made before the emulator, which opens it. */
static int open_console(struct session *s, struct errors *e)
{
	if (!s->options->is_interactive)
		return 0;
	if (console_open(&s->console, e))
		return -1;
	s->launch.input = s->console.port_path;
	return 0;
}

/* Last, so that whatever fails before it is reported on a terminal as it was. */
static int start_console(struct session *s, struct errors *e)
{
	return s->options->is_interactive ? console_start(&s->console, e) : 0;
}

int session_prepare(struct session *s, struct errors *e)
{
	char *stray;

	s->launch.bare = s->options->bare;
	if (!s->launch.bare && find_hypervisor(s, e))
		return -1;
	s->launch.dir = run_dir_create(e);
	if (!s->launch.dir)
		return -1;
	session_listen(s);
	stray = xasprintf("%s/emulator.out", s->launch.dir);
	s->stray = fopen(stray, "we");
	free(stray);
	s->launch.memory_bytes = s->machine->memory_bytes;
	s->launch.cpus = s->machine->cpus;
	s->launch.gdb = s->options->gdb;
	if (write_payload(s, e) || link_serial(s, e) || open_console(s, e) ||
	    s->launcher->prepare(&s->launch, e) ||
	    run_process_start(&s->process, &s->launch, s->launcher, e))
		return -1;
	live_server_set_process(s->live, s->process.pid);
	if (start_console(s, e)) {
		run_process_end(&s->process);
		return -1;
	}
	if (s->options->on_start)
		s->options->on_start(s->options->context, &s->launch);
	return 0;
}
