/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each host is started: one row a host, made from what a run needs. The session knows hosts
 * only through this interface. A launcher writes what its emulator needs into the run's private
 * folder and builds a command line; whatever the emulator writes to standard output is the debug
 * channel.
 */
#ifndef TOOLS_LAUNCH_H
#define TOOLS_LAUNCH_H

#include "host.h"
#include "pvn.h"

#define LAUNCH_ARGS_MAX 64

/*
 * Names in the private folder, which is the emulator's working folder: so no path of the user's,
 * with its spaces, commas and quotes, stands in an emulator's option.
 */
#define LAUNCH_BUNDLE "bundle.bin"
#define LAUNCH_SERIAL "serial.txt"
#define LAUNCH_GDB_SOCKET "gdb.sock"
#define LAUNCH_KERNEL "kernel" /* of struct launch_bare */
#define LAUNCH_INITRD "initrd"
#define LAUNCH_STDERR "emulator.err"

/* What runs where the hypervisor would, on the emulated machine itself. */
struct launch_bare {
	const char *kernel, *initrd; /* paths of a bzImage and its initramfs */
	const char *cmdline; /* of plain words */
};

struct launch {
	/* What to run; set by the session. */
	const char *dir; /* the run's private folder, absolute */
	const char *hypervisor; /* path of paravane.elf, absolute */
	const struct launch_bare *bare; /* instead of it and its bundle, or NULL */
	uint64_t memory_bytes; /* of the emulated machine */
	unsigned int cpus;
	bool has_serial; /* the first serial port exists and is written to LAUNCH_SERIAL */
	const char *input; /* pseudo-terminal that is the first serial port, or NULL */
	bool gdb; /* stop before the first instruction and wait for a debugger */

	/* What to execute; set by the launcher, freed by launch_free(). */
	unsigned int argc;
	char *argv[LAUNCH_ARGS_MAX + 1]; /* ends with NULL */
	char *preload; /* library for LD_PRELOAD, or NULL */
};

struct launcher {
	enum host host;
	const char *log; /* name of the emulator's log in the private folder */
	bool has_gdb;
	uint64_t hw_off_smp; /* PV_HW_* that it gets wrong with more than one CPU */
	bool is_private_net; /* opens a port nobody needs: run it without a network where we may */
	/* 0, or -1 with an error. */
	int (*prepare)(struct launch *launch, struct errors *e);
	/* Is this line of the emulator's log worth showing after a failure? */
	bool (*is_telling)(const char *line);
};

extern const struct launcher launcher_bochs, launcher_qemu, launcher_kvm;

/* The row of a host; NULL for HOST_NONE. */
const struct launcher *launcher_find(enum host host);

/* Appends one argument, formatted. */
void launch_arg(struct launch *launch, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void launch_free(struct launch *launch);

#endif
