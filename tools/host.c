// SPDX-License-Identifier: BSD-2-Clause
/*
 * What this computer offers to run a machine on; see host.h. One row a host: what must be
 * installed, and the command that installs it.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"
#include "pvn.h"

#define BOCHS_BIOS "/usr/share/bochs/BIOS-bochs-latest"
#define BOCHS_VGA "/usr/share/bochs/VGABIOS-lgpl-latest"
#define GRUB_MODULE "/usr/lib/grub/i386-pc/multiboot2.mod"

/* A program (no slash) or a file, and the package it comes with. */
struct need {
	const char *what, *package;
};

static const struct host_row {
	const char *name;
	const char *offers; /* where everything is there */
	struct need needs[8]; /* ends with NULL */
} rows[HOST_COUNT] = {
	[HOST_KVM] = { "kvm", NULL, { { "qemu-system-x86_64", "qemu-system-x86" } } },
	[HOST_BOCHS] = { "bochs",
			 "VT-x, emulated by Bochs",
			 { { "bochs", "bochs" },
			   { BOCHS_BIOS, "bochsbios" },
			   { BOCHS_VGA, "vgabios" },
			   { "grub-mkrescue", "grub-common" },
			   { GRUB_MODULE, "grub-pc-bin" },
			   { "xorriso", "xorriso" },
			   { "mformat", "mtools" } } },
	[HOST_QEMU] = { "qemu",
			"AMD-V, emulated by QEMU",
			{ { "qemu-system-x86_64", "qemu-system-x86" } } },
};

const char *host_name(enum host host)
{
	return host > HOST_NONE && host < HOST_COUNT ? rows[host].name : "none";
}

enum host host_parse(const char *name)
{
	for (enum host host = HOST_NONE + 1; host < HOST_COUNT; host++)
		if (!strcmp(name, rows[host].name))
			return host;
	return HOST_NONE;
}

enum host host_option(const char *text)
{
	enum host host = host_parse(text);

	if (host == HOST_NONE)
		pvn_error("--on %s: expected kvm, bochs or qemu", text);
	return host;
}

enum host host_choose(enum host wanted)
{
	enum host host = wanted == HOST_NONE ? host_default() : wanted;
	char why[400];

	if (host == HOST_NONE) {
		host_probe(HOST_BOCHS, why, sizeof(why));
		pvn_error("no emulator to run on: %s", why);
	} else if (!host_probe(host, why, sizeof(why))) {
		pvn_error("--on %s: %s", host_name(host), why);
		host = HOST_NONE;
	}
	return host;
}

static bool is_there(const char *what)
{
	char *program;
	bool found;

	if (*what == '/')
		return !access(what, R_OK);
	program = process_find(what);
	found = program;
	free(program);
	return found;
}

bool host_probe(enum host host, char *why, size_t why_size)
{
	const struct need *need;
	size_t used = 0;

	if (host <= HOST_NONE || host >= HOST_COUNT) {
		snprintf(why, why_size, "no such host");
		return false;
	}
	for (need = rows[host].needs; need->what; need++) {
		if (is_there(need->what))
			continue;
		if (!used)
			used = (size_t)snprintf(why, why_size, "not installed: %sapt-get install",
						geteuid() ? "sudo " : "");
		if (used < why_size)
			used += (size_t)snprintf(why + used, why_size - used, " %s", need->package);
	}
	if (used)
		return false;
	if (host == HOST_KVM)
		return probe_kvm(why, why_size);
	snprintf(why, why_size, "%s", rows[host].offers);
	return true;
}

enum host host_default(void)
{
	static const enum host order[] = { HOST_KVM, HOST_BOCHS, HOST_QEMU };
	char why[400];

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (host_probe(order[i], why, sizeof(why)))
			return order[i];
	return HOST_NONE;
}
