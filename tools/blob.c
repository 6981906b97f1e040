// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whole files in and out of memory. A file that pvn writes is there completely or not at all: it is
 * written beside its place, forced to the disk, and renamed; so a full disk never leaves half an
 * image that looks like one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "pvn.h"

uint32_t crc32_ieee(uint32_t crc, const void *data, size_t bytes)
{
	return (uint32_t)crc32_z(crc, data, bytes);
}

void blob_free(struct blob *b)
{
	free(b->data);
	b->data = NULL;
	b->size = 0;
}

/* The bytes of an open file that had `size` of them when it was looked at. */
static int read_all(int fd, struct blob *b, size_t size, const char *path, struct errors *e)
{
	b->data = xmalloc(size + 1);
	b->data[size] = 0;
	b->size = 0;
	while (b->size < size) {
		ssize_t n = read(fd, b->data + b->size, size - b->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errors_add(e, "%s: cannot read: %s", path, strerror(errno));
		if (n == 0)
			return errors_add(e, "%s: became shorter while it was read", path);
		b->size += (size_t)n;
	}
	return 0;
}

int blob_read(struct blob *b, const char *path, size_t max, struct errors *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int result;

	b->data = NULL;
	b->size = 0;
	if (fd < 0)
		return errors_add(e, "%s: cannot open: %s", path, strerror(errno));
	if (fstat(fd, &st))
		result = errors_add(e, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		result = errors_add(e, "%s: found a %s, expected a regular file", path,
				    S_ISDIR(st.st_mode) ? "directory" : "special file");
	else if ((uint64_t)st.st_size > max)
		result = errors_add(e, "%s: has %lld bytes, expected at most %zu", path,
				    (long long)st.st_size, max);
	else
		result = read_all(fd, b, (size_t)st.st_size, path, e);
	close(fd);
	if (result)
		blob_free(b);
	return result;
}

int write_all(int fd, const void *data, size_t bytes)
{
	const char *from = data;

	while (bytes) {
		ssize_t done = write(fd, from, bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			errno = done ? errno : EIO;
			return -1;
		}
		from += done;
		bytes -= (size_t)done;
	}
	return 0;
}

/* Writes, forces to the disk and closes; the first error wins and is in errno. */
static int write_and_close(int fd, const struct blob *b, bool sync)
{
	int error = write_all(fd, b->data, b->size) ? errno : 0;

	/* Pipes and some special files cannot be synced, and say so with EINVAL. */
	if (!error && sync && fsync(fd) && errno != EINVAL && errno != EROFS)
		error = errno;
	/* Network file systems report a full disk as late as here. */
	if (close(fd) && !error)
		error = errno;
	errno = error;
	return error ? -1 : 0;
}

/* A device or pipe that the user named, /dev/stdout say: there is nothing to rename. */
static int write_special(const struct blob *b, const char *path, struct errors *e)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errors_add(e, "%s: cannot open for writing: %s", path, strerror(errno));
	if (write_and_close(fd, b, true))
		return errors_add(e, "%s: cannot write: %s", path, strerror(errno));
	return 0;
}

/* Beside target, so that rename() stays within one file system. */
static int write_renamed(const struct blob *b, const char *target, mode_t mode, struct errors *e)
{
	char *temporary = xasprintf("%s.XXXXXX", target);
	int fd = mkostemp(temporary, O_CLOEXEC);
	int result = 0;

	if (fd < 0) {
		result = errors_add(e, "%s: cannot create: %s", target, strerror(errno));
	} else if (fchmod(fd, mode) || write_and_close(fd, b, true)) {
		result = errors_add(e, "%s: cannot write: %s", target, strerror(errno));
		unlink(temporary);
	} else if (rename(temporary, target)) {
		result = errors_add(e, "%s: cannot replace: %s", target, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
	return result;
}

int blob_write(const struct blob *b, const char *path, struct errors *e)
{
	mode_t mask = umask(0);
	/* Through a symbolic link, so that the link stays and its target changes. */
	char *target = realpath(path, NULL);
	mode_t mode = 0666 & ~mask;
	struct stat st;
	/*
	 * Of the path: /dev/stdout may lead to a pipe, which is there but has no name of its own.
	 */
	bool exists = !stat(path, &st);
	int result;

	umask(mask);
	if (exists && S_ISDIR(st.st_mode))
		result = errors_add(e, "%s: found a directory, expected a file", path);
	else if (exists && (!S_ISREG(st.st_mode) || !target))
		result = write_special(b, path, e);
	else
		result = write_renamed(b, target ? target : path,
				       exists ? st.st_mode & 07777 : mode, e);
	free(target);
	return result;
}
