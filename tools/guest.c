// SPDX-License-Identifier: BSD-2-Clause
/*
 * The cache of built guests, and `pvn guest`; see guest.h. An entry is a folder that gets its name
 * when it is complete, so what has a name can be used.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct guest_row {
	const char *name; /* in a description, after "guest:"; NULL = not there */
	const char *title;
	const char *entry; /* first part of the entry's name */
	const char *file; /* in the entry */
	int (*build)(struct guest_work *work, const struct guest_inputs *inputs, struct errors *e);
} rows[] = {
	[GUEST_LINUX] = { "linux", "kernel", "linux", "vmlinux", guest_build_kernel },
	[GUEST_INITRAMFS] = { "initramfs", "initramfs", "initramfs", "initramfs.cpio",
			      guest_build_initramfs },
	[GUEST_BZIMAGE] = { NULL, "kernel for a PC", "linux", "bzImage", guest_build_kernel },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define KEY_DIGITS 32 /* of the hash that name an entry: 128 bits */

static char *entry_path(const struct guest_row *row, const struct guest_inputs *inputs,
			const char *file)
{
	const char *key = row->build == guest_build_kernel ? inputs->kernel_key :
							     inputs->initramfs_key;
	char *relative = xasprintf("guest/%s-%.*s%s%s", row->entry, KEY_DIGITS, key,
				   file ? "/" : "", file ? file : "");
	char *folder = pvn_cache_path("guest/"), *path = NULL;

	/* Not of the file: that would make the entry's folder before it is complete. */
	if (folder)
		path = xasprintf("%s%s", folder, relative + strlen("guest/"));
	free(folder);
	free(relative);
	return path;
}

/* Builds the entry and gives it its name. 0, or -1 with an error. */
static int build(const struct guest_row *row, const struct guest_inputs *inputs, const char *file,
		 struct errors *e)
{
	char *entry = entry_path(row, inputs, NULL), *made;
	struct guest_work work;
	int result = guest_work_begin(&work, e);

	/* Somebody may have built it while we waited. */
	if (!result && access(file, R_OK)) {
		result = row->build(&work, inputs, e);
		made = xasprintf("%s/entry", work.dir);
		/* A damaged entry, from which somebody removed a file. */
		if (!result)
			guest_remove_tree(entry);
		if (!result && rename(made, entry))
			result = errors_add(e, "%s: %s", entry, strerror(errno));
		free(made);
	}
	guest_work_end(&work);
	free(entry);
	return result;
}

static char *find(enum guest_file which, const struct guest_inputs *inputs, struct errors *e)
{
	char *path = entry_path(&rows[which], inputs, rows[which].file);

	if (!path) {
		errors_add(e, "the cache folder: %s", strerror(errno));
		return NULL;
	}
	if (!access(path, R_OK) ||
	    (!guest_inputs_check(e) && !build(&rows[which], inputs, path, e)))
		return path;
	free(path);
	return NULL;
}

char *guest_path(enum guest_file which, struct errors *e)
{
	struct guest_inputs inputs;
	char *path = NULL;

	if (!guest_inputs_read(&inputs, e))
		path = find(which, &inputs, e);
	guest_inputs_free(&inputs);
	return path;
}

char *guest_cached(enum guest_file which)
{
	struct guest_inputs inputs;
	struct errors e = { 0 };
	char *path = NULL;

	if (!guest_inputs_read(&inputs, &e))
		path = entry_path(&rows[which], &inputs, rows[which].file);
	guest_inputs_free(&inputs);
	if (path && access(path, R_OK)) {
		free(path);
		path = NULL;
	}
	return path;
}

char *guest_resolve(const char *name, char *why, size_t why_size)
{
	struct errors e = { 0 };
	char *path;

	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].name || strcmp(rows[i].name, name))
			continue;
		path = guest_path((enum guest_file)i, &e);
		if (!path)
			snprintf(why, why_size, "%s", e.text[0]);
		return path;
	}
	snprintf(why, why_size, "the guest built with the project has linux and initramfs");
	return NULL;
}

/* ---- pvn guest ------------------------------------------------------------------------------- */

/* Removes all entries; waits for who builds one. */
static int clean(void)
{
	struct errors e = { 0 };
	struct guest_work work;
	struct dirent *entry;
	DIR *list = NULL;
	char *folder;

	if (!guest_work_begin(&work, &e)) {
		folder = pvn_cache_path("guest/");
		list = folder ? opendir(folder) : NULL;
		while (list && (entry = readdir(list))) {
			char *path = xasprintf("%s%s", folder, entry->d_name);

			/* The lock stays: others may wait for it. The work's folder goes anyway. */
			if (*entry->d_name != '.' && strcmp(entry->d_name, "lock"))
				guest_remove_tree(path);
			free(path);
		}
		if (list)
			closedir(list);
		free(folder);
	}
	guest_work_end(&work);
	errors_print(&e, stderr);
	return e.count ? PVN_HYPERVISOR_FAILED : PVN_OK;
}

/* Unpacks and patches, and keeps nothing. */
static int check_series(void)
{
	struct guest_inputs inputs = { 0 };
	struct errors e = { 0 };
	struct guest_work work;

	if (!guest_inputs_check(&e) && !guest_inputs_read(&inputs, &e)) {
		if (!guest_work_begin(&work, &e) && !guest_source_prepare(&work, &inputs, &e))
			pvn_note("%u patches apply to " GUEST_SOURCE_PACKAGE " %s",
				 inputs.patch_count, inputs.version);
		guest_work_end(&work);
	}
	guest_inputs_free(&inputs);
	errors_print(&e, stderr);
	return e.count ? PVN_GUEST_FAILED : PVN_OK;
}

/* One path a line, in the order of the table; the PC's kernel only where it is asked for. */
static int build_all(bool is_printed, bool for_pc)
{
	struct errors e = { 0 };

	for (size_t i = 0; i < ROWS && !e.count; i++) {
		char *path;

		if (i == GUEST_BZIMAGE && !for_pc)
			continue;
		path = guest_path((enum guest_file)i, &e);
		if (path && is_printed)
			printf("%s\n", path);
		else if (path)
			pvn_note("%s: %s", rows[i].title, path);
		free(path);
	}
	errors_print(&e, stderr);
	return e.count ? PVN_HYPERVISOR_FAILED : PVN_OK;
}

int cmd_guest(int argc, char **argv)
{
	static const struct option options[] = { { "print", no_argument, NULL, 'p' },
						 { "pc", no_argument, NULL, 'b' },
						 { "check", no_argument, NULL, 'c' },
						 { "clean", no_argument, NULL, 'r' },
						 { NULL, 0, NULL, 0 } };
	bool is_printed = false, for_pc = false;
	int option, only = 0;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			is_printed = true;
		else if (option == 'b')
			for_pc = true;
		else if (option == '?')
			return pvn_usage("guest");
		else
			only = option;
	}
	if (optind != argc)
		return pvn_usage("guest");
	if (only)
		return only == 'r' ? clean() : check_series();
	return build_all(is_printed, for_pc);
}
