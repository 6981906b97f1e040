// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn doctor`: what this machine offers, what is missing, and the command that installs it. Looks
 * things up, builds and installs nothing.
 */
#include <ctype.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#include "guest.h"
#include "host.h"
#include "process.h"
#include "pvn.h"

/* One row a program. The version is the first word with a digit and a dot that argument prints. */
static const struct tool {
	const char *program, *package, *purpose, *argument;
} tools[] = {
	{ "gcc", "gcc", "builds everything", "--version" },
	{ "ld", "binutils", "links the hypervisor and the guests", "--version" },
	{ "meson", "meson", "configures the build", "--version" },
	{ "ninja", "ninja-build", "runs the build", "--version" },
	{ "python3", "python3", "generates the ABI's headers", "--version" },
	{ "grub-mkrescue", "grub-common", "makes bootable images", "--version" },
	{ "xorriso", "xorriso", "makes bootable images", "--version" },
	{ "mformat", "mtools", "makes bootable images", "--version" },
	{ "bochs", "bochs", "emulates a machine with VT-x", "--help" },
	{ "qemu-system-x86_64", "qemu-system-x86", "emulates a machine with AMD-V", "--version" },
	{ "gdb", "gdb", "debugs a running machine (optional)", "--version" },
	{ "tmux", "tmux", "is the terminal of pvn top (tests)", "-V" },
	{ "clang-format", "clang-format", "checks the formatting (tests)", "--version" },
	{ "chromium", "chromium", "opens the page of a comparison (tests)", "--version" },
};

/* Finds the first word with digit, dot, digit in text; copies it. */
static bool find_version(const char *text, char *version, size_t size)
{
	for (const char *c = text; *c; c++) {
		size_t length;

		if (!isdigit((unsigned char)*c) || (c > text && !strchr(" (\nv:", c[-1])))
			continue;
		length = strspn(c, "0123456789.");
		if (length < 3 || !memchr(c, '.', length) || length >= size)
			continue;
		while (c[length - 1] == '.')
			length--;
		memcpy(version, c, length);
		version[length] = '\0';
		return true;
	}
	return false;
}

/* False where it is not installed. */
static bool print_tool(const struct tool *tool)
{
	const char *const argv[] = { tool->program, tool->argument, NULL };
	char *path = process_find(tool->program), version[32] = "";
	struct blob output;

	if (!path) {
		printf("  %-20s %-10s %s\n", tool->program, "missing", tool->purpose);
		return false;
	}
	process_run(argv, NULL, &output);
	if (!find_version((const char *)output.data, version, sizeof(version)))
		snprintf(version, sizeof(version), "found");
	printf("  %-20s %-10s %s\n", tool->program, version, tool->purpose);
	blob_free(&output);
	free(path);
	return true;
}

static void print_libraries(void)
{
	const struct {
		const char *name, *version, *purpose;
	} libraries[] = {
		{ "libyaml", yaml_get_version_string(), "reads machine descriptions" },
		{ "zlib", zlibVersion(), "unpacks gzip" },
		{ "liblzma", lzma_version_string(), "unpacks xz" },
		{ "libzstd", ZSTD_versionString(), "unpacks zstd" },
	};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		printf("  %-20s %-10s %s\n", libraries[i].name, libraries[i].version,
		       libraries[i].purpose);
}

/* The packages that are missing, each once; the string is malloc'd. */
static void add_missing(char **missing, const char *package)
{
	char *spaced = xasprintf("%s ", *missing), *word = xasprintf(" %s ", package);
	bool is_known = strstr(spaced, word);

	free(spaced);
	free(word);
	if (is_known)
		return;
	word = xasprintf("%s %s", *missing, package);
	free(*missing);
	*missing = word;
}

static void print_guest(char **missing)
{
	static const struct {
		enum guest_file file;
		const char *title;
	} files[] = { { GUEST_LINUX, "kernel" }, { GUEST_INITRAMFS, "initramfs" } };

	printf("\nThe Linux guest (guest:linux; pvn guest builds it)\n");
	for (const struct guest_need *need = guest_needs; need->what; need++) {
		bool is_met = guest_need_is_met(need);

		printf("  %-20s %-10s %s\n", need->package, is_met ? "found" : "missing",
		       need->purpose);
		if (!is_met)
			add_missing(missing, need->package);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = guest_cached(files[i].file);

		printf("  %-20s %-10s %s\n", files[i].title, path ? "built" : "not built",
		       path ? path :
		       files[i].file == GUEST_LINUX ?
			      "the first use builds it, which takes minutes" :
			      "the first use makes it, which takes seconds");
		free(path);
	}
}

static bool print_hosts(void)
{
	bool any = false;
	char why[400];

	printf("Where a machine can run (pvn run --on ...)\n");
	for (enum host host = HOST_NONE + 1; host < HOST_COUNT; host++) {
		bool works = host_probe(host, why, sizeof(why));

		any |= works;
		printf("  %-6s %-4s %s\n", host_name(host), works ? "yes" : "no", why);
	}
	printf("  Default: %s\n\n", host_name(host_default()));
	return any;
}

int cmd_doctor(int argc, char **argv)
{
	char *missing = xstrdup("");
	bool any;

	if (argc > 1) {
		free(missing);
		pvn_error("doctor: found \"%s\", expected no argument", argv[1]);
		return pvn_usage("doctor");
	}
	any = print_hosts();
	printf("Programs and libraries\n");
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (!print_tool(&tools[i]))
			add_missing(&missing, tools[i].package);
	print_libraries();
	print_guest(&missing);
	if (*missing)
		printf("\nMissing; this installs it:\n"
		       "  %sapt-get install --no-install-recommends%s\n",
		       geteuid() ? "sudo " : "", missing);
	else
		printf("\nNothing is missing.\n");
	free(missing);
	return any ? PVN_OK : PVN_GUEST_FAILED;
}
