// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fetches Debian's kernels; see debian.h. The folder and the lock are those of the guest that is
 * built here, so `pvn guest --clean` removes these kernels too.
 */
#include "debian.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "process.h"

#define NAME_MAX_BYTES 120u
#define DEPENDS "\nDepends:"
#define KERNEL_PREFIX "linux-image-"

static const struct kernel_row {
	const char *name; /* in a description, after "debian:" */
	const char *package; /* depends on the newest kernel's */
	const char *cached, *not_cached; /* patterns of entries */
} rows[] = {
	{ "cloud", "linux-image-cloud-amd64", "debian-linux-image-*-cloud-amd64_*", "" },
	{ "generic", "linux-image-amd64", "debian-linux-image-*-amd64_*", "*-cloud-amd64_*" },
};

/* Copies what is a part of a file's name and of a package's: up to the first other character. */
static bool copy_word(const char *from, char *to, size_t size)
{
	size_t n = 0;

	while (isalnum((unsigned char)from[n]) || (from[n] && strchr("+-.:~", from[n])))
		n++;
	if (!n || n >= size || *from == '.' || *from == '-')
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

bool debian_parse_depends(const char *text, char *package, char *version, size_t size)
{
	const char *line = strncmp(text, DEPENDS + 1, strlen(DEPENDS + 1)) ? strstr(text, DEPENDS) :
									     text - 1;
	const char *word, *end;

	if (!line)
		return false;
	line += strlen(DEPENDS);
	end = line + strcspn(line, "\n");
	word = strstr(line, KERNEL_PREFIX);
	if (!word || word >= end || !copy_word(word, package, size))
		return false;
	word += strlen(package);
	*version = '\0';
	if (strncmp(word, " (= ", 4) != 0)
		return true;
	return copy_word(word + 4, version, size);
}

/* What the package lists say of a package, malloc'd; NULL where they know none. */
static char *ask_apt(const char *package)
{
	const char *const argv[] = { "apt-cache", "show", "--no-all-versions", package, NULL };
	struct blob output = { NULL, 0 };

	if (!process_run(argv, NULL, &output))
		return (char *)output.data;
	blob_free(&output);
	return NULL;
}

static char *entry_path(const char *entry)
{
	char *folder = pvn_cache_path("guest/"), *path = NULL;

	if (folder)
		path = xasprintf("%s%s/vmlinuz", folder, entry);
	free(folder);
	return path;
}

/* The kernel that was fetched last, where apt cannot tell the newest one's name. */
static char *newest_cached(const struct kernel_row *row)
{
	char *folder = pvn_cache_path("guest/"), *newest = NULL;
	DIR *list = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	time_t newest_time = 0;

	while (list && (entry = readdir(list))) {
		struct stat st;
		char *path;

		if (fnmatch(row->cached, entry->d_name, 0) ||
		    !fnmatch(row->not_cached, entry->d_name, 0))
			continue;
		path = entry_path(entry->d_name);
		if (path && !stat(path, &st) && (!newest || st.st_mtime > newest_time)) {
			free(newest);
			newest = path;
			newest_time = st.st_mtime;
		} else {
			free(path);
		}
	}
	if (list)
		closedir(list);
	free(folder);
	return newest;
}

/* Downloads the package to the work's folder and takes the kernel out. */
static int unpack(struct guest_work *work, const char *package, const char *version,
		  struct errors *e)
{
	static const char script[] = "dpkg-deb --fsys-tarfile ./*.deb |"
				     " tar -x --wildcards './boot/vmlinuz-*' &&"
				     " mkdir entry && mv ./boot/vmlinuz-* entry/vmlinuz";
	char *wanted = *version ? xasprintf("%s=%s", package, version) : xstrdup(package);
	char *what = xasprintf("fetching %s", wanted);
	/* As root apt would hand the folder to a user of its own, who may not write there. */
	const char *const download[] = { "apt-get",  "-q",   "-o", "APT::Sandbox::User=root",
					 "download", wanted, NULL };
	const char *const take[] = { "sh", "-c", script, NULL };
	const struct guest_step steps[] = {
		{ .what = what, .argv = download },
		{ .what = "taking the kernel out of its package", .argv = take },
	};
	int result = guest_work_run(work, &steps[0], e);

	if (!result)
		result = guest_work_run(work, &steps[1], e);
	free(what);
	free(wanted);
	return result;
}

/* Puts the kernel to path, which is <cache>/guest/<entry>/vmlinuz. 0, or -1 with an error. */
static int fetch(const char *package, const char *version, const char *path, struct errors *e)
{
	char *entry = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path), *made;
	struct guest_work work;
	int result = guest_work_begin(&work, e);

	/* Somebody may have fetched it while we waited. */
	if (!result && access(path, R_OK)) {
		pvn_note("fetching Debian's kernel %s %s; once on this computer", package, version);
		result = unpack(&work, package, version, e);
		made = xasprintf("%s/entry", work.dir);
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

static char *find(const struct kernel_row *row, struct errors *e)
{
	char package[NAME_MAX_BYTES], version[NAME_MAX_BYTES], *path, *name;
	char *text = ask_apt(row->package);

	if (!text || !debian_parse_depends(text, package, version, sizeof(package))) {
		free(text);
		path = newest_cached(row);
		if (!path)
			errors_add(e,
				   "apt-cache knows no %s, whose kernel this is (apt-get update? "
				   "Is this Debian on amd64?)",
				   row->package);
		return path;
	}
	free(text);
	name = xasprintf("debian-%s_%s", package, *version ? version : "any");
	path = entry_path(name);
	free(name);
	if (!path) {
		errors_add(e, "the cache folder: %s", strerror(errno));
		return NULL;
	}
	if (!access(path, R_OK) || !fetch(package, version, path, e))
		return path;
	free(path);
	return NULL;
}

char *debian_resolve(const char *name, char *why, size_t why_size)
{
	struct errors e = { 0 };
	char *path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		path = find(&rows[i], &e);
		if (!path)
			snprintf(why, why_size, "%s", e.text[0]);
		return path;
	}
	snprintf(why, why_size, "Debian's kernels are debian:cloud and debian:generic");
	return NULL;
}
