// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn scan VMLINUX [VMLINUX2]`: finds the sensitive instructions in the code of a Linux kernel.
 * This file has the command line and the order of the steps; the parts are described in scan.h.
 */
#include "scan.h"

#include <getopt.h>
#include <stdlib.h>

#include "output.h"

struct arguments {
	const char *files[2], *maps[2], *sites, *json, *csv;
	unsigned int file_count, map_count;
	bool is_summary;
};

static const struct option options[] = {
	{ "map", required_argument, NULL, 'm' },   { "sites", required_argument, NULL, 's' },
	{ "json", required_argument, NULL, 'j' },  { "csv", required_argument, NULL, 'c' },
	{ "summary", no_argument, NULL, 'u' },	   { NULL, 0, NULL, 0 },
};

static bool take_option(struct arguments *a, int option)
{
	switch (option) {
	case 'm':
		if (a->map_count == 2) {
			pvn_error("--map: at most one for each of two images");
			return false;
		}
		/* "-" keeps the place of an image that needs none. */
		a->maps[a->map_count++] = optarg[0] == '-' && !optarg[1] ? NULL : optarg;
		return true;
	case 's':
		a->sites = optarg;
		return true;
	case 'j':
		a->json = optarg;
		return true;
	case 'c':
		a->csv = optarg;
		return true;
	case 'u':
		a->is_summary = true;
		return true;
	default:
		return false; /* getopt said why */
	}
}

static bool check_arguments(const struct arguments *a, int more)
{
	if (!a->file_count)
		pvn_error("which kernel? Name a vmlinux, a bzImage, or guest:linux");
	else if (more)
		pvn_error("at most two images");
	else if (a->map_count > a->file_count)
		pvn_error("--map: more of them than images");
	else if (a->sites && a->is_summary)
		pvn_error("--sites and --summary exclude each other");
	else
		return true;
	return false;
}

static bool take_arguments(struct arguments *a, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(a, option))
			return false;
	for (; optind < argc && a->file_count < 2; optind++)
		a->files[a->file_count++] = argv[optind];
	return check_arguments(a, argc - optind);
}

/* No output may take the place of the other, or of what is read. */
static enum pvn_exit check_files(const struct arguments *a)
{
	const struct output files[] = {
		OUTPUT_READ("the image", a->files[0]),
		OUTPUT_READ("the image", a->files[1]),
		OUTPUT_READ("--map", a->maps[0]),
		OUTPUT_READ("--map", a->maps[1]),
		OUTPUT("--json", a->json),
		OUTPUT("--csv", a->csv),
	};

	return outputs_check(files, sizeof(files) / sizeof(files[0]));
}

static int scan_file(struct scan *scan, const char *name, const char *map, struct errors *e)
{
	if (scan_image_open(&scan->image, name, map, e) ||
	    scan_tables_read(&scan->tables, &scan->image, e))
		return -1;
	return scan_run(scan, e);
}

static bool is_stdout(const char *path)
{
	return path && path[0] == '-' && !path[1];
}

static void report(const struct scan *scans, const struct arguments *a, enum scan_class_id class,
		   struct errors *e)
{
	if (a->json && scan_write_json(scans, a->file_count, class, a->json, e))
		return;
	if (a->csv && scan_write_csv(scans, a->file_count, a->csv, e))
		return;
	/* What was asked for on standard output stands there alone. */
	if (is_stdout(a->json) || is_stdout(a->csv))
		return;
	if (class == SCAN_NONE)
		scan_print(scans, a->file_count, a->is_summary);
	for (unsigned int i = 0; class != SCAN_NONE && i < a->file_count; i++)
		scan_print_sites(&scans[i], class);
}

int cmd_scan(int argc, char **argv)
{
	struct arguments a = { .file_count = 0 };
	struct scan scans[2] = { { .sites = NULL } };
	enum scan_class_id class = SCAN_NONE;
	struct errors e = { 0 };
	int code;

	if (!take_arguments(&a, argc, argv))
		return pvn_usage("scan");
	code = check_files(&a);
	if (code != PVN_OK)
		return code;
	code = PVN_USAGE;
	if (a.sites)
		class = scan_class_find(a.sites, &e);
	for (unsigned int i = 0; !e.count && i < a.file_count; i++)
		scan_file(&scans[i], a.files[i], a.maps[i], &e);
	if (!e.count) {
		code = PVN_HYPERVISOR_FAILED;
		report(scans, &a, class, &e);
	}
	errors_print(&e, stderr);
	scan_free(&scans[0]);
	scan_free(&scans[1]);
	return e.count ? code : PVN_OK;
}
