// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn check FILE` and `pvn image FILE -o OUT.iso`: the commands that read a description and run
 * nothing. Both pack the bundle, so that `check` finds a bad kernel file as well.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "image.h"
#include "pv_names.h"

/* Loads and packs. 0, or -1 with the errors printed. */
static int load(const char *file, struct machine **machine, struct blob *bundle)
{
	struct errors e = { 0 };

	*machine = machine_load(file, &e);
	if (*machine && !bundle_build(*machine, bundle, &e))
		return 0;
	errors_print(&e, stderr);
	machine_free(*machine);
	return -1;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_domain(const struct domain *d)
{
	char memory[24];

	printf("  %-16s %s, %s, %u vCPU%s, %s", d->name, pv_mode_names[d->mode],
	       format_size(d->memory_bytes, memory, sizeof(memory)), d->vcpus, plural(d->vcpus),
	       d->kernel);
	if (d->cpu_mask) {
		printf(", on CPU");
		for (unsigned int cpu = 0; cpu < PV_CPUS_MAX; cpu++)
			if (d->cpu_mask >> cpu & 1)
				printf(" %u", cpu);
	}
	printf("\n");
}

int cmd_check(int argc, char **argv)
{
	struct machine *m;
	struct blob bundle;
	char memory[24];

	if (argc != 2 || *argv[1] == '-')
		return pvn_usage("check");
	if (load(argv[1], &m, &bundle))
		return PVN_USAGE;
	printf("%s: OK: %u CPU%s, %s, %u domain%s, bundle of %zu bytes\n", argv[1], m->cpus,
	       plural(m->cpus), format_size(m->memory_bytes, memory, sizeof(memory)),
	       m->domain_count, plural(m->domain_count), bundle.size);
	for (unsigned int i = 0; i < m->domain_count; i++)
		print_domain(&m->domains[i]);
	blob_free(&bundle);
	machine_free(m);
	return PVN_OK;
}

int cmd_image(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { NULL, 0, NULL, 0 } };
	const char *out = NULL;
	char *hypervisor;
	struct errors e = { 0 };
	struct machine *m;
	struct blob bundle;
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (option != 'o')
			return pvn_usage("image");
		out = optarg;
	}
	if (argc - optind != 1 || !out || !*out)
		return pvn_usage("image");
	if (load(argv[optind], &m, &bundle))
		return PVN_USAGE;
	hypervisor = pvn_build_path("hypervisor/paravane.elf");
	image_write(hypervisor, &bundle, out, &e);
	errors_print(&e, stderr);
	if (!e.count)
		pvn_note("%s: written; boots from a CD, a USB stick or an emulator's CD drive",
			 out);
	free(hypervisor);
	blob_free(&bundle);
	machine_free(m);
	return e.count ? PVN_HYPERVISOR_FAILED : PVN_OK;
}
