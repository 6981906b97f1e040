// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's configuration: tinyconfig, then the fragments, then a look whether each of their
 * lines is in the result; see guest.h. Kconfig drops without a word what has lost its dependencies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define CONFIG_MAX (4u << 20)
#define NAMES_SHOWN 300

/* Text of a file, ending with a NUL and beginning with a newline; NULL with an error. */
static char *read_text(const char *path, struct errors *e)
{
	struct blob file;
	char *text;

	if (blob_read(&file, path, CONFIG_MAX, e))
		return NULL;
	text = xasprintf("\n%.*s\n", (int)file.size, (char *)file.data);
	blob_free(&file);
	return text;
}

/* Does the line "CONFIG_X=value" or "# CONFIG_X is not set" hold in the configuration? */
static bool holds(const char *config, const char *line)
{
	char *whole = xasprintf("\n%s\n", line);
	const char *name = strstr(line, "CONFIG_");
	bool found = strstr(config, whole);

	free(whole);
	if (found || *line != '#')
		return found;
	/* What is not set may as well not be there at all. */
	whole = xasprintf("\n%.*s=", (int)strcspn(name, " "), name);
	found = !strstr(config, whole);
	free(whole);
	return found;
}

static bool is_setting(const char *line)
{
	size_t length = strlen(line);

	return !strncmp(line, "CONFIG_", 7) || (!strncmp(line, "# CONFIG_", 9) && length > 11 &&
						!strcmp(line + length - 11, " is not set"));
}

/* Does a later fragment, which overrules this one, have a line for the same option? */
static bool is_overruled(const char *line, const char *later)
{
	const char *name = strstr(line, "CONFIG_");
	int length = (int)strcspn(name, " =");
	char *set = xasprintf("\n%.*s=", length, name);
	char *unset = xasprintf("\n# %.*s is not set\n", length, name);
	bool found = later && (strstr(later, set) || strstr(later, unset));

	free(set);
	free(unset);
	return found;
}

/* Appends to missing what the fragment asks for and the configuration does not have. */
static void check_fragment(const char *config, char *fragment, const char *later, char *missing,
			   size_t size)
{
	char *save = NULL;

	for (char *line = strtok_r(fragment, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t used = strlen(missing);

		if (is_setting(line) && !holds(config, line) && !is_overruled(line, later))
			snprintf(missing + used, size - used, "%s%s", used ? ", " : "", line);
	}
}

static int check(const struct guest_inputs *inputs, const char *source, struct errors *e)
{
	char *path = xasprintf("%s/.config", source), *config = read_text(path, e);
	char *tiny = read_text(inputs->fragments[0], e);
	char *own = read_text(inputs->fragments[1], e), missing[NAMES_SHOWN] = "";
	int result = -1;

	if (config && tiny && own) {
		check_fragment(config, tiny, own, missing, sizeof(missing));
		check_fragment(config, own, NULL, missing, sizeof(missing));
		result = 0;
	}
	if (*missing)
		result = errors_add(e, "these lines of guest-patches/config took no effect: %s",
				    missing);
	free(tiny);
	free(own);
	free(config);
	free(path);
	return result;
}

int guest_configure(struct guest_work *work, const struct guest_inputs *inputs, struct errors *e)
{
	char *source = xasprintf("%s/linux", work->dir);
	const char *const tiny[] = { "make", "-s", "tinyconfig", NULL };
	const char *const merge[] = { "scripts/kconfig/merge_config.sh",
				      "-m",
				      ".config",
				      inputs->fragments[0],
				      inputs->fragments[1],
				      NULL };
	const char *const complete[] = { "make", "-s", "olddefconfig", NULL };
	const char *const *const programs[] = { tiny, merge, complete };
	int result = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && !result; i++) {
		const struct guest_step step = { .what = "configuring the kernel",
						 .dir = source,
						 .argv = programs[i] };

		result = guest_work_run(work, &step, e);
	}
	if (!result)
		result = check(inputs, source, e);
	free(source);
	return result;
}
