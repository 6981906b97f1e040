/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hosts a machine can run on, and what this computer offers of them. Asked by `doctor`, by
 * `run` for its default, and by the tests.
 */
#ifndef TOOLS_HOST_H
#define TOOLS_HOST_H

#include <stdbool.h>
#include <stddef.h>

enum host {
	HOST_NONE = 0,
	HOST_KVM, /* nested VT-x or AMD-V under QEMU */
	HOST_BOCHS, /* VT-x emulated by Bochs */
	HOST_QEMU, /* AMD-V emulated by QEMU's TCG */
	HOST_COUNT,
};

/* "kvm", "bochs", "qemu" */
const char *host_name(enum host host);
/* The reverse; HOST_NONE where it is no name. */
enum host host_parse(const char *name);
/* The same of the option --on, with a message. */
enum host host_option(const char *text);
/* This host, or the default for HOST_NONE, if it works here; HOST_NONE with a message if not. */
enum host host_choose(enum host wanted);

/*
 * True where this host works here; why says in one line what was found, or what is missing and the
 * command that installs it.
 */
bool host_probe(enum host host, char *why, size_t why_size);

/* The kvm row of host_probe() without its look for QEMU; in probe_kvm.c. */
bool probe_kvm(char *why, size_t why_size);

/* Nested KVM where it really works, else Bochs, else QEMU, else HOST_NONE. */
enum host host_default(void);

#endif
