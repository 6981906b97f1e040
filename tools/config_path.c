// SPDX-License-Identifier: BSD-2-Clause
/*
 * From what `kernel:` and `initrd:` say to a file: a path relative to the description that names
 * it, payload:NAME for a guest that was built with the project, guest:NAME for our Linux, or
 * debian:NAME for Debian's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "debian.h"
#include "guest.h"

#define PAYLOAD_PREFIX "payload:"
#define GUEST_PREFIX "guest:"
#define DEBIAN_PREFIX "debian:"

/* Takes path; returns it if it is a regular file. */
static char *existing(char *path, const char *hint, char *why, size_t why_size)
{
	struct stat st;

	if (stat(path, &st))
		snprintf(why, why_size, "%s: %s%s", path, strerror(errno),
			 errno == ENOENT ? hint : "");
	else if (!S_ISREG(st.st_mode))
		snprintf(why, why_size, "%s: not a regular file", path);
	else
		return path;
	free(path);
	return NULL;
}

static char *payload(const char *name, char *why, size_t why_size)
{
	if (!*name || strpbrk(name, "/.")) {
		snprintf(why, why_size, "payload:NAME is a plain name, without / and .");
		return NULL;
	}
	return existing(pvn_payload_path(name), " (payload:NAME is tests/guest/NAME.c, built)", why,
			why_size);
}

char *resolve_path(const char *text, const char *yaml_file, char *why, size_t why_size)
{
	const char *slash = strrchr(yaml_file, '/');
	char *path;

	if (!strncmp(text, PAYLOAD_PREFIX, strlen(PAYLOAD_PREFIX)))
		return payload(text + strlen(PAYLOAD_PREFIX), why, why_size);
	if (!strncmp(text, GUEST_PREFIX, strlen(GUEST_PREFIX)))
		return guest_resolve(text + strlen(GUEST_PREFIX), why, why_size);
	if (!strncmp(text, DEBIAN_PREFIX, strlen(DEBIAN_PREFIX)))
		return debian_resolve(text + strlen(DEBIAN_PREFIX), why, why_size);
	if (*text == '/' || !slash)
		path = xstrdup(text);
	else
		path = xasprintf("%.*s/%s", (int)(slash - yaml_file), yaml_file, text);
	return existing(path, "", why, why_size);
}

char *resolve_test_kernel(const char *text, const char *yaml_file, char *why, size_t why_size)
{
	if (!strpbrk(text, "/.:"))
		return payload(text, why, why_size);
	return resolve_path(text, yaml_file, why, why_size);
}
