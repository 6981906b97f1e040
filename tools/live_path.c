// SPDX-License-Identifier: BSD-2-Clause
/*
 * The folder of sockets; see live.h. A socket's path has at most 107 bytes, and folders may be
 * longer: it is always named through an open descriptor of its folder, /proc/self/fd/N/NAME. A run
 * that is alive accepts connections; one that was killed leaves a socket that refuses them, whoever
 * has its process id by now.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "live.h"

#define SUFFIX ".sock"
#define FOLDERS 2
#define BACKLOG 16
/* What is made under a hidden name and not yet renamed belongs to a run that is about to start. */
#define UNFINISHED_S 60

/* The n-th folder that may hold sockets, malloc'd; NULL where there is none. */
static char *folder_path(unsigned int n)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (n)
		return pvn_cache_path("live");
	return runtime && *runtime == '/' ? xasprintf("%s/paravane", runtime) : NULL;
}

/* A descriptor of it, or -1 with errno. Others may not even look into it. */
static int folder_open(unsigned int n, bool make)
{
	char *path = folder_path(n);
	struct stat info;
	int fd = -1;

	if (!path) {
		errno = ENOENT;
		return -1;
	}
	if (!make || !mkdir(path, 0700) || errno == EEXIST)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	if (fd >= 0 && (fstat(fd, &info) || info.st_uid != geteuid() || (info.st_mode & 077))) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

static struct sockaddr_un address(int folder, const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s", folder, name);
	return to;
}

/* A connected socket, or -1: refused, or the run has more clients than it answers. */
static int connect_to(int folder, const char *name)
{
	const struct sockaddr_un to = address(folder, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Calls visit() for each socket of a run that lives, and removes the others. */
static void visit_all(int folder, bool (*visit)(void *context, int fd), void *context)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	bool goes_on = true;

	while (list && goes_on && (entry = readdir(list))) {
		size_t length = strlen(entry->d_name);
		struct stat info;
		int fd;

		if (length < sizeof(SUFFIX) || strcmp(entry->d_name + length - 5, SUFFIX) ||
		    fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISSOCK(info.st_mode))
			continue;
		if (*entry->d_name == '.' && time(NULL) - info.st_mtime < UNFINISHED_S)
			continue;
		fd = connect_to(folder, entry->d_name);
		if (fd >= 0)
			goes_on = visit(context, fd);
		else if (errno == ECONNREFUSED)
			unlinkat(folder, entry->d_name, 0);
	}
	if (list)
		closedir(list);
	else if (copy >= 0)
		close(copy);
}

static bool hang_up(void *context, int fd)
{
	(void)context;
	close(fd);
	return true;
}

/* Under a hidden name until it listens, or somebody would take it for a dead one. */
static int listen_in(int folder, char *name, size_t size)
{
	struct sockaddr_un at;
	uint32_t number = 0;
	int fd;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -1;
	snprintf(name, size, ".%ld-%08x" SUFFIX, (long)getpid(), number);
	at = address(folder, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (!bind(fd, (const struct sockaddr *)&at, sizeof(at))) {
		if (!listen(fd, BACKLOG) && !renameat(folder, name, folder, name + 1))
			return fd;
		unlinkat(folder, name, 0);
	}
	close(fd);
	return -1;
}

int live_path_listen(char **name, char *why, size_t size)
{
	unsigned int n;

	for (n = 0; n < FOLDERS; n++) {
		int folder = folder_open(n, true), fd;
		char *path = folder_path(n), base[64];

		if (folder >= 0)
			visit_all(folder, hang_up, NULL);
		fd = folder < 0 ? -1 : listen_in(folder, base, sizeof(base));
		if (fd < 0 && path)
			snprintf(why, size, "%s: %s", path, strerror(errno));
		else if (fd >= 0)
			*name = xasprintf("%s/%s", path, base + 1);
		if (folder >= 0)
			close(folder);
		free(path);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

void live_path_remove(const char *name)
{
	unlink(name);
}

struct found {
	int *fds;
	size_t count, max;
};

static bool keep(void *context, int fd)
{
	struct found *found = context;

	found->fds[found->count++] = fd;
	return found->count < found->max;
}

size_t live_path_connect_all(int *fds, size_t max)
{
	struct found found = { fds, 0, max };
	unsigned int n;

	for (n = 0; n < FOLDERS && found.count < max; n++) {
		int folder = folder_open(n, false);

		if (folder < 0)
			continue;
		visit_all(folder, keep, &found);
		close(folder);
	}
	return found.count;
}
