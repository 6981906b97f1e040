// SPDX-License-Identifier: BSD-2-Clause
/* The table of launchers and the argument list they build; see launch.h. */
#include "launch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct launcher *const launchers[HOST_COUNT] = {
	[HOST_KVM] = &launcher_kvm,
	[HOST_BOCHS] = &launcher_bochs,
	[HOST_QEMU] = &launcher_qemu,
};

const struct launcher *launcher_find(enum host host)
{
	return host < HOST_COUNT ? launchers[host] : NULL;
}

void launch_arg(struct launch *launch, const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	/* The lists are fixed, so a full one is a bug, and no memory is the end anyway. */
	if (!text || launch->argc == LAUNCH_ARGS_MAX) {
		pvn_error("too many arguments for the emulator, or out of memory");
		exit(PVN_HYPERVISOR_FAILED);
	}
	launch->argv[launch->argc++] = text;
	launch->argv[launch->argc] = NULL;
}

void launch_free(struct launch *launch)
{
	unsigned int i;

	for (i = 0; i < launch->argc; i++)
		free(launch->argv[i]);
	launch->argc = 0;
	launch->argv[0] = NULL;
	free(launch->preload);
	launch->preload = NULL;
}
