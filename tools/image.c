// SPDX-License-Identifier: BSD-2-Clause
/*
 * ISO images by grub-mkrescue; see image.h. Everything is made in a private folder of the build
 * folder, and an image gets its name only when it is complete.
 * Limit: the images boot through a BIOS (or a UEFI with its compatibility module), not through
 * UEFI.
 */
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "process.h"
#include "run.h"

#define IMAGE_MAX (1ull << 32)
#define HYPERVISOR_MAX (64u << 20)
#define GRUB_PLATFORM "/usr/lib/grub/i386-pc"
#define STALE_SECONDS 600

/*
 * No menu: GRUB runs the lines and boots at once. Only the modules that this needs are packed,
 * which makes the image small and saves BIOS reads, the slowest part of an emulated boot.
 */
static const char modules[] = "--install-modules=normal iso9660 biosdisk multiboot2 boot";
static const char boot_config[] = "multiboot2 /boot/paravane.elf bundle=0x%llx\nboot\n";
static const char full_config[] = "multiboot2 /boot/paravane.elf\nmodule2 /boot/bundle\nboot\n";
static const char linux_modules[] = "--install-modules=normal iso9660 biosdisk linux boot";
static const char linux_config[] = "linux /boot/kernel %s\ninitrd /boot/initrd\nboot\n";

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

/* The line that tells why grub-mkrescue failed: the first that speaks of it, else the last. */
static const char *telling_line(struct blob *output)
{
	char *save = NULL, *last = NULL;

	for (char *line = strtok_r((char *)output->data, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		if (strstr(line, "FAILURE") || strstr(line, "error"))
			return line;
		last = line;
	}
	return last ? last : "it did not say why";
}

/* Runs grub-mkrescue in dir; 0, or -1 with an error that quotes it. */
static int run_tool(const char *const *argv, const char *dir, const char *const *environment,
		    struct errors *e)
{
	struct blob output;
	int status = process_run(argv, environment, &output);
	const char *said = (const char *)output.data;

	if (status < 0 && errno == ENOENT)
		errors_add(e, "%s is not installed: apt-get install grub-common xorriso mtools",
			   argv[0]);
	else if (status < 0)
		errors_add(e, "cannot start %s: %s", argv[0], strerror(errno));
	else if (status && (strstr(said, "No space left") || strstr(said, "exceeds free space")))
		errors_add(e, "%s: no space left on the disk", dir);
	else if (status)
		errors_add(e, "%s failed (status %d): %s", argv[0], status, telling_line(&output));
	blob_free(&output);
	return status ? -1 : 0;
}

static int write_text(const char *dir, const char *name, const char *text, struct errors *e)
{
	const struct blob b = { (uint8_t *)(uintptr_t)text, strlen(text) };
	char *path = xasprintf("%s/%s", dir, name);
	int result = blob_write(&b, path, e);

	free(path);
	return result;
}

/* Makes dir/out.iso of dir/grub.cfg and files: "path on the image=path here", NULL for none. */
static int run_mkrescue(const char *dir, const char *module_list, const char *first,
			const char *second, struct errors *e)
{
	char *out = xasprintf("%s/out.iso", dir);
	char *config = xasprintf("boot/grub/grub.cfg=%s/grub.cfg", dir);
	char *temporary = xasprintf("TMPDIR=%s", dir);
	const char *const environment[] = { temporary, NULL };
	const char *const argv[] = {
		"grub-mkrescue", "-d",        GRUB_PLATFORM, module_list, "--fonts=",
		"--locales=",    "--themes=", "-o",          out,         config,
		first,           second,      NULL
	};
	int result = -1;

	if (access(GRUB_PLATFORM "/multiboot2.mod", R_OK))
		errors_add(e, "GRUB's BIOS modules are not installed: apt-get install grub-pc-bin");
	else
		result = run_tool(argv, dir, environment, e);
	free(out);
	free(config);
	free(temporary);
	return result;
}

/* The image of the hypervisor, and of dir/bundle where it has one. */
static int make_image(const char *dir, const char *hypervisor, bool has_bundle, struct errors *e)
{
	char *elf = xasprintf("boot/paravane.elf=%s", hypervisor);
	char *bundle = xasprintf("boot/bundle=%s/bundle", dir);
	int result = -1;

	if (access(hypervisor, R_OK))
		errors_add(e, "%s: %s (has the project been built?)", hypervisor, strerror(errno));
	else
		result = run_mkrescue(dir, modules, elf, has_bundle ? bundle : NULL, e);
	free(elf);
	free(bundle);
	return result;
}

/* The whole image in memory. bundle NULL: the hypervisor alone. */
static int build(const char *hypervisor, const struct blob *bundle, struct blob *iso,
		 struct errors *e)
{
	char *dir = run_dir_create(e);
	char *config, *bundle_path, *out;
	int result = -1;

	if (!dir)
		return -1;
	config = bundle ? xstrdup(full_config) : xasprintf(boot_config, MACHINE_BUNDLE_ADDRESS);
	bundle_path = xasprintf("%s/bundle", dir);
	out = xasprintf("%s/out.iso", dir);
	if (!write_text(dir, "grub.cfg", config, e) &&
	    (!bundle || !blob_write(bundle, bundle_path, e)) &&
	    !make_image(dir, hypervisor, bundle, e))
		result = blob_read(iso, out, IMAGE_MAX, e);
	/* grub-mkrescue may have left its own folder in there. */
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(config);
	free(bundle_path);
	free(out);
	free(dir);
	return result;
}

int image_write(const char *hypervisor, const struct blob *bundle, const char *out,
		struct errors *e)
{
	struct blob iso = { NULL, 0 };
	int result = build(hypervisor, bundle, &iso, e);

	if (!result)
		result = blob_write(&iso, out, e);
	blob_free(&iso);
	return result;
}

int image_linux(const char *kernel, const char *initrd, const char *cmdline, const char *path,
		struct errors *e)
{
	char *dir = run_dir_create(e), *config, *kernel_file, *initrd_file, *out;
	int result = -1;

	if (!dir)
		return -1;
	config = xasprintf(linux_config, cmdline);
	kernel_file = xasprintf("boot/kernel=%s", kernel);
	initrd_file = xasprintf("boot/initrd=%s", initrd);
	out = xasprintf("%s/out.iso", dir);
	if (!write_text(dir, "grub.cfg", config, e) &&
	    !run_mkrescue(dir, linux_modules, kernel_file, initrd_file, e)) {
		result = rename(out, path);
		if (result)
			errors_add(e, "%s: %s", path, strerror(errno));
	}
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(config);
	free(kernel_file);
	free(initrd_file);
	free(out);
	free(dir);
	return result;
}

/* ---- the cached image of the hypervisor alone ---- */

/* FNV-1a, 64 bits: tells builds of one program apart; nobody attacks it here. */
static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

/* What the image is made of, in 64 bits. */
static int image_key(const char *hypervisor, uint64_t *key, struct errors *e)
{
	struct blob elf;

	if (blob_read(&elf, hypervisor, HYPERVISOR_MAX, e))
		return -1;
	*key = hash(0xcbf29ce484222325ull, elf.data, elf.size);
	*key = hash(*key, modules, sizeof(modules));
	*key = hash(*key, boot_config, sizeof(boot_config));
	blob_free(&elf);
	return 0;
}

/* Images of former builds. A young one may be just about to be booted by another pvn. */
static void remove_stale(const char *folder, const char *keep)
{
	DIR *list = opendir(folder);
	struct dirent *entry;
	struct stat st;

	if (!list)
		return;
	while ((entry = readdir(list))) {
		if (*entry->d_name == '.' || !strcmp(entry->d_name, keep))
			continue;
		if (!fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISREG(st.st_mode) && time(NULL) - st.st_mtime > STALE_SECONDS)
			unlinkat(dirfd(list), entry->d_name, 0);
	}
	closedir(list);
}

char *image_boot_iso(const char *hypervisor, struct errors *e)
{
	char *folder = pvn_build_path("boot-images"), *path = NULL;
	struct blob iso = { NULL, 0 };
	uint64_t key;
	char name[32];

	if (image_key(hypervisor, &key, e))
		goto out;
	snprintf(name, sizeof(name), "%016llx.iso", (unsigned long long)key);
	path = xasprintf("%s/%s", folder, name);
	if (!access(path, R_OK))
		goto out;
	if (mkdir(folder, 0777) && errno != EEXIST) {
		errors_add(e, "%s: cannot make this folder: %s", folder, strerror(errno));
	} else if (!build(hypervisor, NULL, &iso, e) && !blob_write(&iso, path, e)) {
		/* Two pvn may both have come here: each renamed a whole image into place. */
		remove_stale(folder, name);
		goto out;
	}
	free(path);
	path = NULL;
out:
	blob_free(&iso);
	free(folder);
	return path;
}
