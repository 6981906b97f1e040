// SPDX-License-Identifier: BSD-2-Clause
/*
 * QEMU, twice: `qemu` emulates AMD-V in software (TCG), `kvm` lends the host's own VT-x or AMD-V to
 * the hypervisor. Both boot the hypervisor by its PVH note and pass the bundle as the initrd.
 */
#include <string.h>

#include "launch.h"

#define MIB (1ull << 20)

static void payload_args(struct launch *launch)
{
	launch_arg(launch, "-kernel");
	launch_arg(launch, "%s", launch->bare ? LAUNCH_KERNEL : launch->hypervisor);
	launch_arg(launch, "-initrd");
	launch_arg(launch, launch->bare ? LAUNCH_INITRD : LAUNCH_BUNDLE);
	if (launch->bare) {
		launch_arg(launch, "-append");
		launch_arg(launch, "%s", launch->bare->cmdline);
	}
}

static void common_args(struct launch *launch)
{
	launch_arg(launch, "qemu-system-x86_64");
	launch_arg(launch, "-nodefaults");
	launch_arg(launch, "-no-user-config");
	launch_arg(launch, "-display");
	launch_arg(launch, "none");
	launch_arg(launch, "-monitor");
	launch_arg(launch, "none");
	/* A triple fault of the hypervisor ends the run instead of starting it over. */
	launch_arg(launch, "-no-reboot");
	launch_arg(launch, "-m");
	launch_arg(launch, "%lluM", (unsigned long long)(launch->memory_bytes / MIB));
	launch_arg(launch, "-smp");
	launch_arg(launch, "%u", launch->cpus);
	payload_args(launch);
	launch_arg(launch, "-debugcon");
	launch_arg(launch, "stdio");
	launch_arg(launch, "-device");
	launch_arg(launch, "isa-debug-exit,iobase=0xf4,iosize=0x4");
	if (launch->input) {
		launch_arg(launch, "-chardev");
		launch_arg(launch, "serial,id=keyboard,path=%s", launch->input);
	}
	launch_arg(launch, "-serial");
	launch_arg(launch, "%s",
		   launch->input      ? "chardev:keyboard" :
		   launch->has_serial ? "file:" LAUNCH_SERIAL :
					"none");
	if (launch->gdb) {
		/* A socket in the private folder: two runs at once do not meet on a port. */
		launch_arg(launch, "-gdb");
		launch_arg(launch, "unix:" LAUNCH_GDB_SOCKET ",server=on,wait=off");
		launch_arg(launch, "-S");
	}
}

/*
 * icount makes time a function of executed instructions: 2^shift ns each. That, with one emulation
 * thread and a fixed clock, makes two runs identical, which counts and tests rely on. sleep=off
 * lets an idle machine skip to its next timer at once, unless somebody is at the keyboard: then a
 * second is a second. What it costs: CPUs take turns on one host core.
 */
static int prepare_tcg(struct launch *launch, struct errors *e)
{
	(void)e;
	common_args(launch);
	launch_arg(launch, "-machine");
	launch_arg(launch, "pc,accel=tcg");
	launch_arg(launch, "-cpu");
	launch_arg(launch, "max,+svm,+npt");
	launch_arg(launch, "-icount");
	launch_arg(launch, "shift=1,sleep=%s", launch->input ? "on" : "off");
	launch_arg(launch, "-rtc");
	launch_arg(launch, "base=2020-01-01,clock=vm");
	return 0;
}

static int prepare_kvm(struct launch *launch, struct errors *e)
{
	(void)e;
	common_args(launch);
	launch_arg(launch, "-machine");
	launch_arg(launch, "pc,accel=kvm");
	launch_arg(launch, "-cpu");
	launch_arg(launch, "host,migratable=off");
	return 0;
}

/* QEMU is silent unless something is wrong. */
static bool is_telling(const char *line)
{
	return line[strspn(line, " \t\r")] != 0;
}

const struct launcher launcher_qemu = {
	.host = HOST_QEMU,
	.log = LAUNCH_STDERR,
	.has_gdb = true,
	.is_private_net = false,
	.prepare = prepare_tcg,
	.is_telling = is_telling,
};

const struct launcher launcher_kvm = {
	.host = HOST_KVM,
	.log = LAUNCH_STDERR,
	.has_gdb = true,
	.is_private_net = false,
	.prepare = prepare_kvm,
	.is_telling = is_telling,
};
