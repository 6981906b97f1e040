// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bochs: VT-x emulated in software. Boots the hypervisor from a cached ISO; the bundle is put
 * straight into RAM, which costs neither BIOS nor GRUB time. Everything that could follow the
 * host's clock is switched off, so two runs of one image execute the same instructions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "image.h"
#include "launch.h"

#define MIB (1ull << 20)

#define BOOT_ISO "boot.iso" /* a link to the cached image */
#define BOOT_ROM "boot.rom"
#define BOCHS_READ "bochs_read.so" /* see bochs_read.c */
#define BOCHS_LOG "bochs.log"

/* Seconds since 1970 that the real-time clock starts with: 2020-01-01. Any fixed value would do. */
#define RTC_START 1577836800

/*
 * ips is the number of emulated instructions in one emulated second; only ratios to it matter.
 * clock: with somebody at the keyboard an idle machine waits for real time, else it skips ahead.
 * vga realtime=0 and few updates: screen refresh otherwise follows the host's clock.
 * reset_on_triple_fault=0: a triple fault of the hypervisor ends the run, with the CPU state in the
 * log. (One of a guest is an exit and never gets here.)
 * Sound drivers must be named: without a sound card the default ones abort the program.
 */
static const char config_text[] =
	"config_interface: textconfig\n"
	"display_library: rfb, options=\"timeout=0\"\n"
	"cpu: model=corei7_haswell_4770, count=%u, ips=100000000, reset_on_triple_fault=0\n"
	"memory: guest=%llu, host=%llu\n"
	"romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
	"vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n"
	"vga: extension=vbe, update_freq=1, realtime=0\n"
	"optromimage1: file=\"" BOOT_ROM "\", address=0xd0000\n"
	"%s"
	"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
	"ata0-master: type=cdrom, path=\"" BOOT_ISO "\", status=inserted\n"
	"ata1: enabled=0\n"
	"boot: cdrom\n"
	"clock: sync=%s, time0=%d\n"
	"port_e9_hack: enabled=1\n"
	"magic_break: enabled=0\n"
	"mouse: enabled=0\n"
	"speaker: enabled=0\n"
	"sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\n"
	"com1: %s\n"
	"parport1: enabled=0\n"
	"log: \"" BOCHS_LOG "\"\n"
	"panic: action=fatal\n"
	"error: action=report\n"
	"info: action=report\n"
	"debug: action=ignore\n";

static const char bundle_text[] = "optramimage1: file=\"" LAUNCH_BUNDLE "\", address=0x%llx\n";

/* Writes a small file into the run's folder. */
static int write_file(const struct launch *launch, const char *name, const void *data, size_t bytes,
		      struct errors *e)
{
	char *path = xasprintf("%s/%s", launch->dir, name);
	const struct blob blob = { (uint8_t *)data, bytes };
	int result = blob_write(&blob, path, e);

	free(path);
	return result;
}

/*
 * An option ROM that boots at once. The BIOS runs it when everything is set up and would then wait
 * three seconds for a key: at this ips 300 million instructions, most of the time of a short run.
 */
static int write_rom(const struct launch *launch, struct errors *e)
{
	static const uint8_t code[] = {
		0x55, 0xaa, 1, /* signature, length in units of 512 bytes */
		0xfb, /* sti */
		0xcd, 0x19, /* int 0x19: the boot loader's interrupt */
		0xcb, /* retf: nothing to boot, let the BIOS say so */
	};
	uint8_t rom[512] = { 0 };
	uint8_t sum = 0;
	size_t i;

	memcpy(rom, code, sizeof(code));
	for (i = 0; i < sizeof(code); i++)
		sum = (uint8_t)(sum + code[i]);
	rom[sizeof(rom) - 1] = (uint8_t)-sum; /* all bytes add up to 0 */
	return write_file(launch, BOOT_ROM, rom, sizeof(rom), e);
}

/* Makes `name` in the run's folder a link to a file. */
static int link_file(const struct launch *launch, const char *target, const char *name,
		     struct errors *e)
{
	char *from = xasprintf("%s/%s", launch->dir, name), *to = realpath(target, NULL);
	int result = to ? symlink(to, from) : -1;

	if (result)
		errors_add(e, "%s: %s", to ? from : target, strerror(errno));
	free(from);
	free(to);
	return result;
}

/* A Linux without the hypervisor comes from an image of its own, made for this run. */
static int make_bare_iso(const struct launch *launch, struct errors *e)
{
	const struct launch_bare *bare = launch->bare;
	char *kernel = realpath(bare->kernel, NULL), *initrd = realpath(bare->initrd, NULL);
	char *iso = xasprintf("%s/" BOOT_ISO, launch->dir);
	int result = -1;

	if (!kernel || !initrd)
		errors_add(e, "%s: %s", kernel ? bare->initrd : bare->kernel, strerror(errno));
	else
		result = image_linux(kernel, initrd, bare->cmdline, iso, e);
	free(kernel);
	free(initrd);
	free(iso);
	return result;
}

static int link_iso(const struct launch *launch, struct errors *e)
{
	char *iso;
	int result;

	if (launch->bare)
		return make_bare_iso(launch, e);
	iso = image_boot_iso(launch->hypervisor, e);
	result = iso ? link_file(launch, iso, BOOT_ISO, e) : -1;
	free(iso);
	return result;
}

static int link_files(const struct launch *launch, struct errors *e)
{
	char *read = pvn_build_path("tools/" BOCHS_READ);
	int result = link_iso(launch, e);

	if (!result)
		result = link_file(launch, read, BOCHS_READ, e);
	free(read);
	return result;
}

static char *serial_port(const struct launch *launch)
{
	if (launch->input)
		return xasprintf("enabled=1, mode=term, dev=\"%s\"", launch->input);
	return xstrdup(launch->has_serial ? "enabled=1, mode=file, dev=\"" LAUNCH_SERIAL "\"" :
					    "enabled=0");
}

static int prepare(struct launch *launch, struct errors *e)
{
	unsigned long long mib = launch->memory_bytes / MIB;
	char *com1 = serial_port(launch);
	char *bundle = launch->bare ?
			       xstrdup("") :
			       xasprintf(bundle_text, (unsigned long long)MACHINE_BUNDLE_ADDRESS);
	char *text = xasprintf(config_text, launch->cpus, mib, mib, bundle,
			       launch->input ? "slowdown" : "none", RTC_START, com1);
	int result = -1;

	/* The packaged Bochs starts in its debugger, which reads debugger.rc: continue. */
	if (!link_files(launch, e) && !write_rom(launch, e) &&
	    !write_file(launch, "bochsrc", text, strlen(text), e) &&
	    !write_file(launch, "debugger.rc", "c\n", 2, e)) {
		/* Relative: the variable's separators are in many a folder's name. */
		launch->preload = xstrdup("./" BOCHS_READ);
		launch_arg(launch, "bochs");
		launch_arg(launch, "-q");
		launch_arg(launch, "-f");
		launch_arg(launch, "bochsrc");
		launch_arg(launch, "-rc");
		launch_arg(launch, "debugger.rc");
		result = 0;
	}
	free(com1);
	free(bundle);
	free(text);
	return result;
}

/* Bochs marks a line's severity before its source: "00012345e[CPU0  ] VMENTER FAIL: ...". */
static bool is_telling(const char *line)
{
	size_t digits = strspn(line, "0123456789");

	return digits && (line[digits] == 'p' || line[digits] == 'e') && line[digits + 1] == '[' &&
	       (line[digits] == 'p' || strstr(line, "CPU") || strstr(line, "VM"));
}

const struct launcher launcher_bochs = {
	.host = HOST_BOCHS,
	.log = BOCHS_LOG,
	.has_gdb = false,
	/*
	 * With a virtual interrupt pending and IF = 0, a physical interrupt (a kick: so only with
	 * several CPUs) makes Bochs 2.7 deliver the virtual one: it looks at "pending" and not at
	 * "masked". A kernel then waits for a lock that it holds itself.
	 */
	.hw_off_smp = PV_HW_VIRTUAL_INTERRUPTS,
	.is_private_net = true,
	.prepare = prepare,
	.is_telling = is_telling,
};
