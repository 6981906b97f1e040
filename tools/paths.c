// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where things are: the source tree, the build folder, the payloads built with the project, the
 * cache. The bootstrap script says so in the environment; without it the place of this program
 * does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pvn.h"

/* The build folder holds tools/pvn, which is this program. */
static char *build_of_program(void)
{
	char exe[4096];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (length <= 0)
		return xstrdup(".");
	exe[length] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(exe, '/');

		if (slash && slash != exe)
			*slash = '\0';
	}
	return xstrdup(exe);
}

static char *join(const char *folder, const char *relative)
{
	return xasprintf("%s/%s", folder, relative);
}

char *pvn_root_path(const char *relative)
{
	const char *root = getenv("PVN_ROOT");

	return join(root && *root ? root : PVN_SOURCE_ROOT, relative);
}

char *pvn_build_path(const char *relative)
{
	const char *build = getenv("PVN_BUILD");
	char *own = build && *build ? NULL : build_of_program();
	char *path = join(own ? own : build, relative);

	free(own);
	return path;
}

char *pvn_payload_path(const char *name)
{
	char *file = xasprintf("tests/guest/%s.elf", name);
	char *path = pvn_build_path(file);

	free(file);
	return path;
}

/* Makes every folder of path up to its last slash. */
static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int failed;

		*slash = '\0';
		failed = mkdir(path, 0777) && errno != EEXIST;
		*slash = '/';
		if (failed)
			return -1;
	}
	return 0;
}

char *pvn_cache_path(const char *relative)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *folder, *path;

	/* The XDG Base Directory Specification: a relative XDG_CACHE_HOME is to be ignored. */
	if (xdg && *xdg == '/')
		folder = join(xdg, "paravane");
	else if (home && *home == '/')
		folder = join(home, ".cache/paravane");
	else
		folder = pvn_build_path("cache");
	path = join(folder, relative);
	free(folder);
	if (make_folders(path)) {
		int error = errno;

		free(path);
		errno = error;
		return NULL;
	}
	return path;
}
