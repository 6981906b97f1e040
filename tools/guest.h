/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux guest: Debian's linux-source-6.1 with the series of guest-patches/, and its initramfs.
 * Each is built once and kept in the cache under the hash of all that it is made from, so that
 * another copy of the project on this computer finds it. Used by `pvn guest` and, for the names
 * guest:linux and guest:initramfs, by every reader of a machine description.
 */
#ifndef TOOLS_GUEST_H
#define TOOLS_GUEST_H

#include <signal.h>

#include "pvn.h"

enum guest_file {
	GUEST_LINUX, /* vmlinux with its symbols, without debug information */
	GUEST_INITRAMFS,
	GUEST_BZIMAGE, /* the same kernel for a plain PC */
};

#define GUEST_PACKAGES \
	"linux-source-6.1 make patch bc flex bison libelf-dev libssl-dev cpio xz-utils " \
	"busybox-static"
#define GUEST_SOURCE_PACKAGE "linux-source-6.1"
#define GUEST_SOURCE "/usr/src/linux-source-6.1.tar.xz"
#define GUEST_BUSYBOX "/bin/busybox"

/* ---- guest.c --------------------------------------------------------------------------------- */

/* The file's path, malloc'd; what is missing is built first. NULL with errors. */
char *guest_path(enum guest_file which, struct errors *e);
/* The same for what follows "guest:" in a description. NULL with one line in why. */
char *guest_resolve(const char *name, char *why, size_t why_size);
/* The file's path, malloc'd, if it is in the cache; NULL if it has to be built. Builds nothing. */
char *guest_cached(enum guest_file which);

/* ---- guest_hash.c: SHA-256 (FIPS 180-4) ------------------------------------------------------ */

struct guest_hash {
	uint32_t state[8];
	uint8_t block[64];
	uint64_t bytes;
};

void guest_hash_init(struct guest_hash *hash);
void guest_hash_add(struct guest_hash *hash, const void *data, size_t bytes);
/* A file's name and bytes, each with its length. 0, or -1 with an error. */
int guest_hash_file(struct guest_hash *hash, const char *path, struct errors *e);
/* Writes 64 hexadecimal digits and a NUL. */
void guest_hash_end(struct guest_hash *hash, char text[65]);

/* ---- guest_inputs.c: what a guest is made from ----------------------------------------------- */

#define GUEST_PATCHES_MAX 64u
#define GUEST_PROGRAMS_MAX 32u

struct guest_inputs {
	char *patches[GUEST_PATCHES_MAX]; /* paths, in the order of guest-patches/series */
	unsigned int patch_count;
	char *fragments[2]; /* paths, in the order in which they apply */
	char *programs[GUEST_PROGRAMS_MAX]; /* C files of guest-patches/initramfs/tests, sorted */
	unsigned int program_count;
	char *parts[GUEST_PROGRAMS_MAX]; /* what packs it: files of guest-patches/initramfs */
	unsigned int part_count;
	char *base; /* version of the source package that the series was made for */
	char *version; /* that is installed */
	char kernel_key[65], initramfs_key[65];
};

/*
 * What building takes: a program on $PATH or a file, and the package that has it. Ends with NULL.
 */
struct guest_need {
	const char *what, *package, *purpose;
};

extern const struct guest_need guest_needs[];
bool guest_need_is_met(const struct guest_need *need);
/* Is everything installed that building takes? 0, or -1 with an error that says how to get it. */
int guest_inputs_check(struct errors *e);
/* 0, or -1 with errors: something is not readable. Always free the result. */
int guest_inputs_read(struct guest_inputs *inputs, struct errors *e);
void guest_inputs_free(struct guest_inputs *inputs);

/* ---- guest_work.c: one builder at a time, and programs with progress ------------------------- */

struct guest_work {
	char *dir; /* private; removed with all that is in it */
	int lock, signals;
	sigset_t old_mask;
	int signal; /* that ended the work, else 0 */
	bool is_begun;
};

/*
 * Waits for other builders, then makes an empty folder in the cache. From here to guest_work_end()
 * signals that end pvn only end the program that runs.
 */
int guest_work_begin(struct guest_work *work, struct errors *e);
/* Removes the folder. Ends pvn by the signal that ended the work, if one did. */
void guest_work_end(struct guest_work *work);
/* Removes every file and folder below path, and path. */
void guest_remove_tree(const char *path);

struct guest_step {
	const char *what; /* "compiling the kernel" */
	const char *dir; /* working folder, NULL = the work's */
	const char *const *argv;
	unsigned int lines; /* of output that are expected: then a percentage is shown; 0 = none */
};

/*
 * Runs a program to its end. 0, or -1 with an error after the end of its output was printed; all of
 * it is in failed.log in the cache then.
 */
int guest_work_run(struct guest_work *work, const struct guest_step *step, struct errors *e);
/* The same, quietly: returns the exit status, or -1. The output stays in <work>/output. */
int guest_work_status(struct guest_work *work, const struct guest_step *step);

/* ---- the steps ------------------------------------------------------------------------------- */

/* guest_patch.c: unpacks to <work>/linux and applies the series. */
int guest_source_prepare(struct guest_work *work, const struct guest_inputs *inputs,
			 struct errors *e);
/* guest_config.c: configures <work>/linux; every line of the fragments took effect. */
int guest_configure(struct guest_work *work, const struct guest_inputs *inputs, struct errors *e);
/* guest_build.c: makes the folder <work>/entry of the kernel, and of the initramfs. */
int guest_build_kernel(struct guest_work *work, const struct guest_inputs *inputs,
		       struct errors *e);
int guest_build_initramfs(struct guest_work *work, const struct guest_inputs *inputs,
			  struct errors *e);

#endif
