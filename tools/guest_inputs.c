// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a guest is made from, and the keys of the cache; see guest.h. The keys hold everything that
 * can change the result: source version, series, configuration, programs, compiler.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "process.h"

#define TEXT_MAX (1u << 20)
/* Of the way a guest is built; to be raised when that changes what comes out. */
#define RECIPE "1"

const struct guest_need guest_needs[] = {
	{ GUEST_SOURCE, GUEST_SOURCE_PACKAGE, "the kernel's source" },
	{ "make", "make", "builds the kernel" },
	{ "patch", "patch", "applies the series" },
	{ "bc", "bc", "for the kernel's build" },
	{ "flex", "flex", "for the kernel's build" },
	{ "bison", "bison", "for the kernel's build" },
	{ "/usr/include/libelf.h", "libelf-dev", "for the kernel's build" },
	{ "/usr/include/openssl/ssl.h", "libssl-dev", "for the kernel's build" },
	{ "cpio", "cpio", "packs the initramfs" },
	{ "xz", "xz-utils", "unpacks the source" },
	{ GUEST_BUSYBOX, "busybox-static", "the guest's programs" },
	{ "tar", "tar", "unpacks the source" },
	{ "gcc", "gcc", "compiles" },
	{ NULL, NULL, NULL },
};

bool guest_need_is_met(const struct guest_need *need)
{
	char *program;

	if (*need->what == '/')
		return !access(need->what, R_OK);
	program = process_find(need->what);
	free(program);
	return program;
}

int guest_inputs_check(struct errors *e)
{
	for (const struct guest_need *need = guest_needs; need->what; need++)
		if (!guest_need_is_met(need))
			return errors_add(
				e,
				"the guest's kernel is built here, and %s is missing: "
				"%sapt-get install --no-install-recommends " GUEST_PACKAGES,
				need->what, geteuid() ? "sudo " : "");
	return 0;
}

/* Output of a short program, without the newline at its end; "" where it fails. */
static char *output_of(const char *const *argv)
{
	struct blob output;

	if (process_run(argv, NULL, &output))
		output.data[0] = '\0';
	output.data[strcspn((char *)output.data, "\n")] = '\0';
	return (char *)output.data;
}

/*
 * The package's version. Where there is no package its size and time stand for it: hashing all of
 * it would take a second at each start.
 */
static char *source_version(void)
{
	static const char *const query[] = { "dpkg-query", "-W", "-f=${Version}",
					     GUEST_SOURCE_PACKAGE, NULL };
	char *version = output_of(query);
	struct stat st;

	if (*version)
		return version;
	free(version);
	if (stat(GUEST_SOURCE, &st))
		return xstrdup("unknown");
	return xasprintf("of %lld bytes and time %lld", (long long)st.st_size,
			 (long long)st.st_mtime);
}

/* Calls take() for every line that is neither empty nor a comment, without blanks around it. */
static int each_line(const char *path, int (*take)(struct guest_inputs *, char *, struct errors *),
		     struct guest_inputs *inputs, struct errors *e)
{
	char *save = NULL, *text;
	struct blob file;
	int result = 0;

	if (blob_read(&file, path, TEXT_MAX, e))
		return -1;
	text = xasprintf("%.*s", (int)file.size, (char *)file.data);
	blob_free(&file);
	for (char *line = strtok_r(text, "\n", &save); line && !result;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t length;

		line += strspn(line, " \t\r");
		length = strcspn(line, "#");
		while (length && isspace((unsigned char)line[length - 1]))
			length--;
		line[length] = '\0';
		if (length)
			result = take(inputs, line, e);
	}
	free(text);
	return result;
}

static int take_patch(struct guest_inputs *inputs, char *line, struct errors *e)
{
	char *relative;

	if (inputs->patch_count == GUEST_PATCHES_MAX)
		return errors_add(e, "guest-patches/series: more than %u patches",
				  GUEST_PATCHES_MAX);
	relative = xasprintf("guest-patches/%s", line);
	inputs->patches[inputs->patch_count++] = pvn_root_path(relative);
	free(relative);
	return 0;
}

static int take_base(struct guest_inputs *inputs, char *line, struct errors *e)
{
	static const char key[] = "version=";

	(void)e;
	if (!inputs->base && !strncmp(line, key, strlen(key)))
		inputs->base = xstrdup(line + strlen(key));
	return 0;
}

static int read_list(struct guest_inputs *inputs, const char *relative,
		     int (*take)(struct guest_inputs *, char *, struct errors *), struct errors *e)
{
	char *path = pvn_root_path(relative);
	int result = each_line(path, take, inputs, e);

	free(path);
	return result;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Paths of the regular files in a folder whose names end like that, sorted. The folder need not be
 * there: an initramfs may have no programs but BusyBox.
 */
static int find_files(const char *relative, const char *ending, char **files, unsigned int *count,
		      struct errors *e)
{
	char *folder = pvn_root_path(relative);
	DIR *list = opendir(folder);
	struct dirent *entry;
	int result = 0;

	while (list && !result && (entry = readdir(list))) {
		size_t length = strlen(entry->d_name), tail = strlen(ending);
		char *path = xasprintf("%s/%s", folder, entry->d_name);
		struct stat st;

		if (length <= tail || strcmp(entry->d_name + length - tail, ending) ||
		    stat(path, &st) || !S_ISREG(st.st_mode))
			free(path);
		else if (*count == GUEST_PROGRAMS_MAX) {
			free(path);
			result =
				errors_add(e, "%s: more than %u files", folder, GUEST_PROGRAMS_MAX);
		} else {
			files[(*count)++] = path;
		}
	}
	if (list)
		closedir(list);
	qsort(files, *count, sizeof(files[0]), by_name);
	free(folder);
	return result;
}

static void add_text(struct guest_hash *hash, const char *text)
{
	guest_hash_add(hash, text, strlen(text) + 1);
}

static void add_compiler(struct guest_hash *hash)
{
	static const char *const gcc[] = { "gcc", "--version", NULL };
	static const char *const ld[] = { "ld", "--version", NULL };
	char *compiler = output_of(gcc), *linker = output_of(ld);

	add_text(hash, RECIPE);
	add_text(hash, compiler);
	add_text(hash, linker);
	free(compiler);
	free(linker);
}

static int hash_kernel(struct guest_inputs *inputs, struct errors *e)
{
	struct guest_hash hash;
	int result = 0;

	guest_hash_init(&hash);
	add_compiler(&hash);
	add_text(&hash, inputs->version);
	for (unsigned int i = 0; i < inputs->patch_count && !result; i++)
		result = guest_hash_file(&hash, inputs->patches[i], e);
	for (unsigned int i = 0; i < 2 && !result; i++)
		result = guest_hash_file(&hash, inputs->fragments[i], e);
	guest_hash_end(&hash, inputs->kernel_key);
	return result;
}

static int hash_initramfs(struct guest_inputs *inputs, struct errors *e)
{
	struct guest_hash hash;
	int result = 0;

	guest_hash_init(&hash);
	add_compiler(&hash);
	/* Without it there is a key that no entry has, and the build says what is missing. */
	if (!access(GUEST_BUSYBOX, R_OK))
		result = guest_hash_file(&hash, GUEST_BUSYBOX, e);
	for (unsigned int i = 0; i < inputs->part_count && !result; i++)
		result = guest_hash_file(&hash, inputs->parts[i], e);
	for (unsigned int i = 0; i < inputs->program_count && !result; i++)
		result = guest_hash_file(&hash, inputs->programs[i], e);
	guest_hash_end(&hash, inputs->initramfs_key);
	return result;
}

int guest_inputs_read(struct guest_inputs *inputs, struct errors *e)
{
	memset(inputs, 0, sizeof(*inputs));
	inputs->fragments[0] = pvn_root_path("guest-patches/config/tiny.config");
	inputs->fragments[1] = pvn_root_path("guest-patches/config/paravane.config");
	if (read_list(inputs, "guest-patches/series", take_patch, e) ||
	    read_list(inputs, "guest-patches/base", take_base, e) ||
	    find_files("guest-patches/initramfs/tests", ".c", inputs->programs,
		       &inputs->program_count, e) ||
	    find_files("guest-patches/initramfs", "", inputs->parts, &inputs->part_count, e))
		return -1;
	if (!inputs->base)
		return errors_add(e, "guest-patches/base: no line version=...");
	inputs->version = source_version();
	return hash_kernel(inputs, e) || hash_initramfs(inputs, e) ? -1 : 0;
}

void guest_inputs_free(struct guest_inputs *inputs)
{
	for (unsigned int i = 0; i < inputs->patch_count; i++)
		free(inputs->patches[i]);
	for (unsigned int i = 0; i < inputs->program_count; i++)
		free(inputs->programs[i]);
	for (unsigned int i = 0; i < inputs->part_count; i++)
		free(inputs->parts[i]);
	free(inputs->fragments[0]);
	free(inputs->fragments[1]);
	free(inputs->base);
	free(inputs->version);
	memset(inputs, 0, sizeof(*inputs));
}
