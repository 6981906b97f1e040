// SPDX-License-Identifier: BSD-2-Clause
/*
 * Private folders of runs: <build>/run/PID.XXXXXX. The process id in the name tells whose it is, so
 * that a later run can remove what a killed pvn had to leave, and what was kept after a day.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define KEPT_SECONDS (24 * 60 * 60)

/* Makes a kept folder known as one. */
#define KEPT_MARK "kept"

void run_dir_keep(const char *dir)
{
	char *mark = xasprintf("%s/" KEPT_MARK, dir);
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd >= 0)
		close(fd);
	free(mark);
}

/* Flat by construction: emulators make no folders in it. */
void run_dir_remove(const char *dir)
{
	DIR *list = opendir(dir);
	struct dirent *entry;

	if (!list)
		return;
	while ((entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(list), entry->d_name, 0);
	}
	closedir(list);
	rmdir(dir);
}

/* Whose pvn is dead, and that nobody wanted kept, or not for that long. */
static bool is_forgotten(int parent, const char *name)
{
	struct stat info;
	char *end, *mark;
	long pid = strtol(name, &end, 10);
	bool is_kept;

	if (pid <= 0 || *end != '.' || !kill((pid_t)pid, 0) || errno != ESRCH)
		return false;
	if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(info.st_mode))
		return false;
	mark = xasprintf("%s/" KEPT_MARK, name);
	is_kept = !fstatat(parent, mark, &info, 0);
	free(mark);
	return !is_kept || time(NULL) - info.st_mtime > KEPT_SECONDS;
}

static void remove_forgotten(const char *parent)
{
	DIR *list = opendir(parent);
	struct dirent *entry;

	if (!list)
		return;
	while ((entry = readdir(list))) {
		char *path;

		if (!is_forgotten(dirfd(list), entry->d_name))
			continue;
		path = xasprintf("%s/%s", parent, entry->d_name);
		run_dir_remove(path);
		free(path);
	}
	closedir(list);
}

char *run_dir_create(struct errors *e)
{
	char *parent = pvn_build_path("run");
	char *dir = NULL, *absolute = NULL;

	if (mkdir(parent, 0777) && errno != EEXIST) {
		errors_add(e, "%s: cannot make this folder: %s", parent, strerror(errno));
		goto out;
	}
	remove_forgotten(parent);
	dir = xasprintf("%s/%ld.XXXXXX", parent, (long)getpid());
	if (!mkdtemp(dir)) {
		errors_add(e, "%s: cannot make this folder: %s", dir, strerror(errno));
		goto out;
	}
	absolute = realpath(dir, NULL);
	if (!absolute)
		errors_add(e, "%s: %s", dir, strerror(errno));
out:
	free(dir);
	free(parent);
	return absolute;
}
