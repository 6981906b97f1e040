// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command `pvn`: finds the command's row in the table and calls it. Help texts are in the table
 * and nowhere else. Started by the bootstrap script at the root, which serves `clean` itself.
 */
#include "pvn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pv_abi.h"

static int cmd_help(int argc, char **argv);

/* The script does this, so that it works without a compiler. Reached only past the script. */
static int cmd_clean(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	pvn_error("clean is done by the script: run ./pvn clean at the top of the source tree");
	return PVN_USAGE;
}

static const struct command {
	const char *name;
	int (*function)(int argc, char **argv);
	const char *help; /* one line */
	const char *usage; /* after "usage: pvn NAME"; further lines explain */
} commands[] = {
	{ "demo", cmd_demo, "show what the same work costs in each mode",
	  "[--on kvm|bochs|qemu]\n"
	  "Runs docs/examples/two-guests.yaml and prints every transition by its reason; then\n"
	  "compares the Linux guest's workloads (see: pvn compare); it is built if need be.\n" },
	{ "test", cmd_test, "build and run the tests",
	  "[SUITE...] [options]\n"
	  "Runs the quick tier of all suites, or of those named.\n"
	  "  --full        the full tier as well\n"
	  "  --soak        the soak tier as well\n"
	  "  --list        say what would run\n"
	  "  --filter RE   only tests whose name matches\n"
	  "  -j N          so many at once; default 2\n" },
	{ "run", cmd_run, "run a machine",
	  "FILE [options]\n"
	  "  --on HOST     kvm, bochs or qemu; default: nested KVM where it works, else bochs\n"
	  "  --mode M      mode of all domains: pv/hap or full/hap\n"
	  "  --cpus N      CPUs of the machine\n"
	  "  --stats F     write all counters to F as JSON\n"
	  "  --trace F     record every exit to F (see: pvn trace)\n"
	  "  --trace-kinds K  only these: exit, call, member, inject, sched, mark, domain;\n"
	  "                with commas between\n"
	  "  --serial F    write the first serial port to F\n"
	  "  --timeout S   end the machine after S seconds (exit code 4)\n"
	  "  --gdb         wait for a debugger before the first instruction\n"
	  "  --verbose     show all of the hypervisor's log\n"
	  "  --interactive give the first guest this terminal; a Linux guest has it anyway, if\n"
	  "                there is one; Ctrl-] q ends the machine,\n"
	  "                Ctrl-] p asks the guests to power off\n"
	  "  --batch       give it to no guest\n"
	  "  --exec CMD    run the shell command CMD in the first Linux guest: its output alone\n"
	  "                goes to standard output, the kernel's messages and other guests' to\n"
	  "                nowhere\n"
	  "Exit code: 0 all guests ended well, 1 a guest failed, 2 usage or description,\n"
	  "3 the hypervisor failed, 4 timeout. With --exec it is the command's; where it is pvn's\n"
	  "own (1 a guest that panicked or was killed, 2, 3, 4 as above), a line\n"
	  "\"pvn: error: ...\" on standard error says so, which a command cannot write there.\n" },
	{ "guest", cmd_guest, "build the Linux guest",
	  "[options]\n"
	  "Builds what guest:linux and guest:initramfs in a machine description stand for, unless\n"
	  "it is in the cache: Debian's linux-source-6.1 with the patches of guest-patches/.\n"
	  "  --print       print the paths, kernel and initramfs, on standard output\n"
	  "  --pc          tell the kernel's bzImage as well, which boots on a plain PC\n"
	  "  --check       only see whether the patches apply to the installed source\n"
	  "  --clean       remove what was built\n" },
	{ "check", cmd_check, "check a machine description",
	  "FILE\n"
	  "Prints a summary, or the errors with file, line and column.\n" },
	{ "image", cmd_image, "make a bootable ISO of a machine", "FILE -o OUT.iso\n" },
	{ "bench", cmd_bench, "measure what a transition costs",
	  "exits [--on kvm|bochs|qemu] [--json F]\n"
	  "Runs a guest that makes every kind of exit, and prints the TSC ticks of each; default:\n"
	  "on bochs, where the TSC counts instructions.\n"
	  "  --json F      write them to F as JSON, - for standard output\n" },
	{ "compare", cmd_compare, "count what the same work costs in each mode",
	  "[options]\n"
	  "Runs workloads in the Linux guest in each mode and prints the transitions of each.\n"
	  "  --on HOST     kvm, bochs or qemu; default: nested KVM where it works, else bochs\n"
	  "  --modes L     in these modes, such as pv/hap,full/hap; bare is the machine without\n"
	  "                the hypervisor; default: all that this version has\n"
	  "  --workloads L only these, such as console,boot\n"
	  "  --feature L   a column more for each of these features, with it masked\n"
	  "  --kernel F    another kernel than the guest's\n"
	  "  --repeat N    N rounds; on bochs they must count the same\n"
	  "  --json F      write all of it to F as JSON, - for standard output\n"
	  "  --csv F       write the results to F as CSV, - for standard output\n"
	  "  --html F      write a page to F, - for standard output\n"
	  "  --timeout S   end a column after S seconds; default 300\n"
	  "  -j N          so many columns at once; default: as many as there are CPUs\n"
	  "  --list        print the workloads, and what the classes mean\n"
	  "Exit code: 1 if a column failed, or counted or printed something else.\n" },
	{ "stats", cmd_stats, "print the counters that run --stats saved", "FILE\n" },
	{ "trace", cmd_trace, "show what run --trace recorded",
	  "FILE [options]\n"
	  "Prints calls and exits with arguments, result, ticks in the hypervisor and place in\n"
	  "the guest, in the manner of strace.\n"
	  "  --domain D    only these domains; lists with commas here and below\n"
	  "  --vcpu N      only these vCPUs\n"
	  "  --kind K      only exit, call, member, inject, sched, mark or domain\n"
	  "  --name N      only calls, exits, ... of these names\n"
	  "  --from T, --to T  only from and to a time since the first record: 1500 (us), 2ms\n"
	  "  --summary     count, ticks, mean, median, 99th percentile and maximum of each name\n"
	  "  --by-symbol   which function of the guest causes how many transitions\n"
	  "  --json-lines F, --csv F, --perfetto F  export to F; - is standard output\n"
	  "  --symbols D=F symbols of domain D from F, an ELF file or a System.map\n"
	  "  --follow      go on until the machine, which still runs, has ended\n"
	  "Exit code 3: the trace is cut short or damaged; what is before that is shown.\n" },
	{ "scan", cmd_scan, "find the sensitive instructions in a kernel",
	  "VMLINUX [VMLINUX2] [options]\n"
	  "Counts the instructions that a hypervisor must watch, by class: how VT-x and AMD-V\n"
	  "treat them, how many are behind pv_ops, in alternatives, and left. Takes a vmlinux, a\n"
	  "bzImage, guest:linux, debian:cloud or debian:generic. See docs/scan.md.\n"
	  "  --summary     sums by group\n"
	  "  --sites C     list the places of class C (a name of the first column)\n"
	  "  --map F       System.map of a kernel without symbols; once an image, - for none\n"
	  "  --json F      write all to F as JSON, places of --sites too; - for standard output\n"
	  "  --csv F       the same without places, as CSV\n" },
	{ "top", cmd_top, "show the counters of a running machine as they grow",
	  "[NAME|PID] [options]\n"
	  "Shows the transitions of a machine that pvn run runs, by reason and hypercall, for\n"
	  "each domain and vCPU, with rates by two clocks: seconds of the guest, seconds that\n"
	  "pass here. It reads them from outside: the machine makes no exit for it. NAME is that\n"
	  "of the description, without .yaml; it is needed if several machines run. The key h\n"
	  "explains the others.\n"
	  "  --list        list the machines that run\n"
	  "  --once        print the counters as they stand, and end\n"
	  "  --batch       print a sample every second, until the machine ends\n"
	  "  --json        with --once or --batch: each as a line of JSON\n"
	  "  -d SECONDS    time between samples; default 1\n"
	  "  -n N          with --batch: end after N samples\n"
	  "  --domain D    only this domain\n"
	  "  --sort KEY    rate, total, ticks or name\n"
	  "  --sum         vCPUs summed\n"
	  "  --all         events and members of batches, too\n"
	  "Exit code: 0, 1 if no machine runs, 2 for the command line, or if it is not clear\n"
	  "which machine is meant, 3 if a machine's counters cannot be read.\n" },
	{ "doctor", cmd_doctor, "say what this machine offers and what is missing", "\n" },
	{ "clean", cmd_clean, "remove the build folder and the cache", "\n" },
	{ "help", cmd_help, "this text, or the usage of a command", "[COMMAND]\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_usage(const struct command *command, FILE *to)
{
	fprintf(to, "usage: pvn %s%s%s", command->name, *command->usage == '\n' ? "" : " ",
		command->usage);
}

int pvn_usage(const char *name)
{
	const struct command *command = find(name);

	fflush(stdout);
	if (command)
		print_usage(command, stderr);
	return PVN_USAGE;
}

static void print_help(FILE *to)
{
	fprintf(to, "pvn: builds, runs, tests and measures Paravane machines\n\n"
		    "usage: pvn COMMAND [arguments]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\npvn COMMAND --help explains one. A machine is described in YAML: see "
		    "docs/examples.\n");
}

static int unknown(const char *name)
{
	const char *names[COMMANDS + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	nearest = nearest_name(name, names);
	if (nearest)
		pvn_error("unknown command \"%s\", did you mean \"%s\"?", name, nearest);
	else
		pvn_error("unknown command \"%s\"; pvn help lists them", name);
	return PVN_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stdout);
		return PVN_OK;
	}
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	print_usage(command, stdout);
	return PVN_OK;
}

/* --help before a "--", which ends the options. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* What a command printed may be lost only now: a full disk behind standard output. */
static int finish(int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	/* Who has seen it before has said so, and why. */
	if (code != PVN_HYPERVISOR_FAILED)
		pvn_error("standard output: cannot write");
	return code ? code : PVN_HYPERVISOR_FAILED;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return PVN_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return finish(PVN_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("pvn %s (ABI %d.%d)\n", PVN_VERSION, PV_ABI_MAJOR, PV_ABI_MINOR);
		return finish(PVN_OK);
	}
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	if (wants_help(argc - 1, argv + 1)) {
		print_usage(command, stdout);
		return finish(PVN_OK);
	}
	return finish(command->function(argc - 1, argv + 1));
}
