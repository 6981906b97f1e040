// SPDX-License-Identifier: BSD-2-Clause
/*
 * The workloads of `pvn compare`, a row each, with the one line that says what each stresses and
 * the one that says why the modes differ; and what each class of transitions means. These texts are
 * the only ones: docs/workloads.md holds what compare_list() prints.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

#include "pv_names.h"

#define MARK_BOOT 1u

/* In this order they run, so that the first is there for the others' tick. */
const struct compare_workload compare_workloads[] = {
	{
		.name = "sum",
		.ops = 10000000,
		.unit = "addition",
		.stresses = "additions in registers, in user space alone",
		.why = "they do not: what is counted here comes from outside, so this is the "
		       "measure of the tick",
	},
	{
		.name = "getppid",
		.ops = 100000,
		.unit = "call",
		.stresses = "the way into the kernel and back",
		.why = "SYSCALL and SYSRET are native in all; shadow paging pays if the kernel "
		       "isolates its page tables: two loads of CR3 a call",
	},
	{
		.name = "gettimeofday",
		.ops = 100000,
		.unit = "call",
		.stresses = "the clock, through the vDSO",
		.why = "they do not as long as the guest may read the TSC itself; a mode that had "
		       "to trap RDTSC, or a clock without a vDSO, would show here",
	},
	{
		.name = "forkwait",
		.ops = 200,
		.unit = "process",
		.stresses = "a process made, its memory copied on write, its end",
		.why = "page tables made and torn down: free with nested paging, traps for many "
		       "writes with shadow tables, hypercalls in batches with direct paging",
	},
	{
		.name = "forkexec",
		.ops = 100,
		.unit = "program",
		.stresses = "fork and exec of a tiny static program",
		.why = "as forkwait, and a new address space each time, for which shadow paging "
		       "builds tables, and which direct paging validates",
	},
	{
		.name = "pipe",
		.ops = 2000,
		.unit = "round trip",
		.stresses = "two task switches between two processes",
		.why = "loads of CR3: free with nested paging, an exit each with shadow tables, "
		       "none with direct paging while the CPU's list of CR3 targets holds both",
	},
	{
		.name = "mmap",
		.ops = 20,
		.unit = "mapping of 4 MiB",
		.stresses = "1,024 page faults, and their page tables filled and emptied",
		.why = "page faults go to the guest itself, but with shadow tables the hypervisor "
		       "sees each; entries are hypercalls in batches with direct paging",
	},
	{
		.name = "mprotect",
		.ops = 1000,
		.unit = "change",
		.stresses = "one entry of a page table changed, flushed and used",
		.why = "the write and the flush are free with nested paging, one or two exits with "
		       "shadow tables, one hypercall with direct paging",
	},
	{
		.name = "signal",
		.ops = 10000,
		.unit = "signal",
		.stresses = "a frame on the user's stack, a handler, and sigreturn",
		.why = "they do not: the kernel returns to user space by instructions that no mode "
		       "intercepts",
	},
	{
		.name = "idle",
		.ops = 1,
		.unit = "second",
		.has_no_tick = true,
		.stresses = "a second with nothing to do",
		.why = "where an APIC is emulated, the deadline, HLT, and the end of the interrupt "
		       "exit each; BLOCK arms the deadline and waits in one transition",
	},
	{
		.name = "console",
		.ops = 160,
		.unit = "line",
		.stresses = "10 KiB of text in 160 lines to the console",
		.why = "a serial port takes a port access a byte, and more to look whether it may; "
		       "CONSOLE takes a line, or several",
	},
	{
		.name = "boot",
		.ops = 1,
		.unit = "boot",
		.stresses = "from the kernel's entry to the first program of the shell",
		.why = "a PC is probed, and its serial port written to, by port and memory "
		       "accesses; a kernel that knows its hypervisor asks it and prints lines",
	},
	{ .name = NULL },
};

/* By PV_CLASS_*. */
static const char *const class_meanings[] = {
	[PV_CLASS_HYPERCALL] = "the guest asked for something, by VMCALL or VMMCALL",
	[PV_CLASS_SENSITIVE] = "an instruction that the hypervisor carries out in the guest's "
			       "place: CPUID, control registers, MSRs, ports, HLT, INVLPG, an EOI",
	[PV_CLASS_MEMORY] = "an access that the hypervisor's translation does not let pass: a "
			    "device's registers, or a page table that is watched",
	[PV_CLASS_INTERRUPT] = "from outside: a physical interrupt, the timer that ends a time "
			       "slice or brings a deadline, an NMI",
	[PV_CLASS_WINDOW] = "the guest has just become able to take an interrupt that waits",
	[PV_CLASS_FATAL] = "the guest cannot go on; never in a run that ended well",
};

_Static_assert(sizeof(class_meanings) / sizeof(class_meanings[0]) ==
		       sizeof(pv_class_names) / sizeof(pv_class_names[0]),
	       "a meaning a class");

const char *compare_class_meaning(unsigned int class)
{
	return class_meanings[class];
}

bool compare_is_boot(const struct compare_workload *w)
{
	return !(w + 1)->name;
}

uint64_t compare_mark(const struct compare_workload *w)
{
	return compare_is_boot(w) ? MARK_BOOT : 10u * (uint64_t)(w - compare_workloads + 1);
}

static const struct compare_workload *find(const char *name)
{
	const struct compare_workload *w;

	for (w = compare_workloads; w->name; w++)
		if (!strcmp(w->name, name))
			return w;
	return NULL;
}

static int unknown(const char *name, struct errors *e)
{
	char all[300] = "";
	size_t used = 0;

	for (const struct compare_workload *w = compare_workloads; w->name; w++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", w->name);
	return errors_add(e, "--workloads: found \"%s\", expected a list of some of:%s", name, all);
}

int compare_choose(const char *list, const struct compare_workload **chosen, unsigned int *count,
		   struct errors *e)
{
	bool is_chosen[COMPARE_WORKLOADS_MAX] = { false };
	char *copy = xstrdup(list ? list : ""), *rest = copy, *name;
	int result = 0;

	*count = 0;
	while (list && (name = strsep(&rest, ","))) {
		const struct compare_workload *w = find(name);

		if (w)
			is_chosen[w - compare_workloads] = true;
		else
			result = unknown(name, e);
	}
	for (const struct compare_workload *w = compare_workloads; w->name; w++)
		if (!list || is_chosen[w - compare_workloads])
			chosen[(*count)++] = w;
	free(copy);
	return result;
}

void compare_list(FILE *to)
{
	char ops[32];

	fprintf(to, "| workload | operations | what it stresses | why the modes differ |\n"
		    "|---|---|---|---|\n");
	for (const struct compare_workload *w = compare_workloads; w->name; w++) {
		compare_grouped(w->ops, ops);
		fprintf(to, "| `%s` | %s x %s | %s | %s |\n", w->name, ops, w->unit, w->stresses,
			w->why);
	}
	fprintf(to, "\n| class | what it means |\n|---|---|\n");
	for (size_t i = 0; i < sizeof(class_meanings) / sizeof(class_meanings[0]); i++)
		fprintf(to, "| %s | %s |\n", pv_class_names[i], class_meanings[i]);
}
