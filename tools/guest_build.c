// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compiles the guest's kernel and the programs of its initramfs, and gathers what is kept of them;
 * see guest.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

/* What `make` prints for this configuration; only the percentage depends on it. */
#define KERNEL_LINES 1560

static int make_folder(const char *path, struct errors *e)
{
	return mkdir(path, 0777) ? errors_add(e, "%s: %s", path, strerror(errno)) : 0;
}

static int compile(struct guest_work *work, const char *source, struct errors *e)
{
	const char *wanted = getenv("PVN_JOBS");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char jobs[32];
	const char *const argv[] = { "make", jobs, "vmlinux", "bzImage", NULL };
	const struct guest_step step = { .what = "compiling the guest's kernel",
					 .dir = source,
					 .argv = argv,
					 .lines = KERNEL_LINES };

	if (wanted && atoi(wanted) > 0)
		cpus = atoi(wanted);
	snprintf(jobs, sizeof(jobs), "-j%ld", cpus > 0 ? cpus : 1);
	return guest_work_run(work, &step, e);
}

/* Symbols stay: the hypervisor's reports are printed with them. */
static int keep_kernel(struct guest_work *work, const char *source, const char *entry,
		       struct errors *e)
{
	char *vmlinux = xasprintf("%s/vmlinux", entry), *image = xasprintf("%s/bzImage", entry);
	char *config = xasprintf("%s/config", entry);
	const char *const strip[] = { "strip", "--strip-debug", "-o", vmlinux, "vmlinux", NULL };
	const char *const copy[] = { "cp", "arch/x86/boot/bzImage", image, NULL };
	const char *const copy_config[] = { "cp", ".config", config, NULL };
	const char *const *const programs[] = { strip, copy, copy_config };
	int result = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && !result; i++) {
		const struct guest_step step = { .what = "keeping the kernel",
						 .dir = source,
						 .argv = programs[i] };

		result = guest_work_run(work, &step, e);
	}
	free(vmlinux);
	free(image);
	free(config);
	return result;
}

int guest_build_kernel(struct guest_work *work, const struct guest_inputs *inputs, struct errors *e)
{
	char *source = xasprintf("%s/linux", work->dir), *entry = xasprintf("%s/entry", work->dir);
	int result = -1;

	pvn_note("building the guest's kernel: " GUEST_SOURCE_PACKAGE
		 " %s, %u patches; minutes, once on this computer",
		 inputs->version, inputs->patch_count);
	if (!make_folder(entry, e) && !guest_source_prepare(work, inputs, e) &&
	    !guest_configure(work, inputs, e) && !compile(work, source, e))
		result = keep_kernel(work, source, entry, e);
	free(source);
	free(entry);
	return result;
}

/* programs/NAME.c to <work>/programs/NAME: static, the initramfs has no libraries. */
static char *compile_program(struct guest_work *work, const char *folder, const char *file,
			     struct errors *e)
{
	const char *name = strrchr(file, '/') + 1;
	char *program = xasprintf("%s/%.*s", folder, (int)strlen(name) - 2, name);
	const char *const argv[] = {
		"gcc", "-std=gnu11", "-O2",   "-static", "-pthread", "-Wall", "-Wl,--build-id=none",
		"-s",  "-o",         program, file,      NULL
	};
	const struct guest_step step = { .what = "compiling the guest's programs", .argv = argv };

	if (!guest_work_run(work, &step, e))
		return program;
	free(program);
	return NULL;
}

static int pack(struct guest_work *work, const char *out, char *const *programs, struct errors *e)
{
	char *script = pvn_root_path("guest-patches/initramfs/pack");
	const char *argv[GUEST_PROGRAMS_MAX + 4] = { "sh", script, out };
	const struct guest_step step = { .what = "packing the guest's initramfs", .argv = argv };
	int result;

	for (unsigned int i = 0; programs[i]; i++)
		argv[3 + i] = programs[i];
	result = guest_work_run(work, &step, e);
	free(script);
	return result;
}

int guest_build_initramfs(struct guest_work *work, const struct guest_inputs *inputs,
			  struct errors *e)
{
	char *entry = xasprintf("%s/entry", work->dir), *folder = xasprintf("%s/tests", work->dir);
	char *out = xasprintf("%s/initramfs.cpio", entry);
	char *programs[GUEST_PROGRAMS_MAX + 1] = { NULL };
	int result = make_folder(entry, e) || make_folder(folder, e) ? -1 : 0;

	for (unsigned int i = 0; i < inputs->program_count && !result; i++) {
		programs[i] = compile_program(work, folder, inputs->programs[i], e);
		if (!programs[i])
			result = -1;
	}
	if (!result)
		result = pack(work, out, programs, e);
	for (unsigned int i = 0; i < inputs->program_count; i++)
		free(programs[i]);
	free(entry);
	free(folder);
	free(out);
	return result;
}
