// SPDX-License-Identifier: BSD-2-Clause
/*
 * Files that a command is asked to write; see output.h. Called while the command line is read, and
 * by those that write a document as a whole.
 */
#include "output.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool output_is_stdout(const struct output *output)
{
	return output->path && !output->is_read && !output->is_plain && !strcmp(output->path, "-");
}

/* The folder that a path names a file of; malloc'd. */
static char *folder_of(const char *path)
{
	char *copy = xstrdup(path), *folder = xstrdup(dirname(copy));

	free(copy);
	return folder;
}

/*
 * By which two paths of one file are the same, there or not; malloc'd, NULL where no file can be.
 */
static char *canonical(const char *path)
{
	char *whole = realpath(path, NULL), *folder, *real, *name;

	if (whole)
		return whole;
	folder = folder_of(path);
	real = realpath(folder, NULL);
	free(folder);
	if (!real)
		return NULL;
	name = xasprintf("%s/%s", real,
			 path + (strrchr(path, '/') ? strrchr(path, '/') - path + 1 : 0));
	free(real);
	return name;
}

/* Terminals, pipes and /dev/null take what comes. */
static bool is_same_file(const struct output *a, const struct output *b)
{
	struct stat x, y;
	char *one, *other;
	bool is_same;

	if (output_is_stdout(a) || output_is_stdout(b))
		return false;
	if (!stat(a->path, &x) && !stat(b->path, &y))
		return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
	one = canonical(a->path);
	other = canonical(b->path);
	is_same = one && other && !strcmp(one, other);
	free(one);
	free(other);
	return is_same;
}

static enum pvn_exit check_pair(const struct output *a, const struct output *b)
{
	if (output_is_stdout(a) && output_is_stdout(b)) {
		pvn_error("%s and %s: only one can be -, standard output", a->option, b->option);
		return PVN_USAGE;
	}
	if ((a->is_read && b->is_read) || !is_same_file(a, b))
		return PVN_OK;
	pvn_error("%s and %s are the same file, %s", a->option, b->option, b->path);
	return PVN_USAGE;
}

/* Can a file be made there, or is there one? Whether it can be written is found when it is. */
static enum pvn_exit check_place(const struct output *output)
{
	struct stat st;
	char *folder;
	int error = 0;

	if (output->is_read || output_is_stdout(output))
		return PVN_OK;
	if (!stat(output->path, &st)) {
		error = S_ISDIR(st.st_mode) ? EISDIR : 0;
	} else if (errno != ENOENT) {
		error = errno;
	} else {
		folder = folder_of(output->path);
		error = access(folder, W_OK | X_OK) ? errno : 0;
		free(folder);
	}
	if (!error)
		return PVN_OK;
	pvn_error("%s %s: cannot create: %s", output->option, output->path, strerror(error));
	return PVN_HYPERVISOR_FAILED;
}

enum pvn_exit outputs_check(const struct output *outputs, size_t count)
{
	enum pvn_exit code = PVN_OK;

	for (size_t i = 0; code == PVN_OK && i < count; i++) {
		if (!outputs[i].path)
			continue;
		for (size_t k = 0; code == PVN_OK && k < i; k++)
			if (outputs[k].path)
				code = check_pair(&outputs[k], &outputs[i]);
		if (code == PVN_OK)
			code = check_place(&outputs[i]);
	}
	return code;
}

int output_write(const char *text, size_t bytes, const char *path, struct errors *e)
{
	const struct blob blob = { (uint8_t *)(uintptr_t)text, bytes };

	if (strcmp(path, "-"))
		return blob_write(&blob, path, e);
	if (fwrite(text, 1, bytes, stdout) == bytes && !fflush(stdout))
		return 0;
	return errors_add(e, "standard output: cannot write: %s", strerror(errno));
}
