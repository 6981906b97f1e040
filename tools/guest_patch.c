// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's source tree: unpacked and patched; see guest.h. A patch that no longer fits is
 * reported by its name and what it could not change, before anything is compiled. No git is needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest.h"

#define REJECT_MAX 4000 /* bytes of a reject that are shown */

static void print_reject(const char *path)
{
	char text[REJECT_MAX + 1];
	FILE *file = fopen(path, "re");
	size_t bytes;

	if (!file)
		return;
	bytes = fread(text, 1, REJECT_MAX, file);
	text[bytes] = '\0';
	fputs(text, stderr);
	if (!feof(file))
		fputs("...\n", stderr);
	fclose(file);
}

/*
 * --fuzz=0: other line numbers are fine, other lines around a change are not. A guess that goes
 * wrong would show in a running guest.
 */
static int apply(struct guest_work *work, const struct guest_inputs *inputs, const char *source,
		 const char *patch, struct errors *e)
{
	char *reject = xasprintf("%s/reject", work->dir);
	const char *const argv[] = { "patch",     "-p1",      "--batch",
				     "--forward", "--fuzz=0", "--no-backup-if-mismatch",
				     "-r",        reject,     "-i",
				     patch,       NULL };
	const struct guest_step step = { .dir = source, .argv = argv };
	const char *name = strrchr(patch, '/') + 1;
	int status = guest_work_status(work, &step);

	if (status > 0) {
		print_reject(reject);
		errors_add(e,
			   "%s does not apply to " GUEST_SOURCE_PACKAGE " %s (the series was made "
			   "for %s)",
			   name, inputs->version, inputs->base);
	} else if (status < 0) {
		errors_add(e, "%s: %s", name, work->signal ? "interrupted" : strerror(errno));
	}
	free(reject);
	return status ? -1 : 0;
}

int guest_source_prepare(struct guest_work *work, const struct guest_inputs *inputs,
			 struct errors *e)
{
	char *source = xasprintf("%s/linux", work->dir);
	const char *const argv[] = { "tar", "-xf", GUEST_SOURCE, "--strip-components=1", NULL };
	const struct guest_step unpack = { .what = "unpacking " GUEST_SOURCE_PACKAGE,
					   .dir = source,
					   .argv = argv };
	int result = 0;

	if (mkdir(source, 0777))
		result = errors_add(e, "%s: %s", source, strerror(errno));
	else
		result = guest_work_run(work, &unpack, e);
	for (unsigned int i = 0; i < inputs->patch_count && !result; i++)
		result = apply(work, inputs, source, inputs->patches[i], e);
	if (!result && strcmp(inputs->base, inputs->version))
		pvn_note("the series was made for " GUEST_SOURCE_PACKAGE
			 " %s and applies to %s as well",
			 inputs->base, inputs->version);
	free(source);
	return result;
}
