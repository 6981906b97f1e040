// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tables that `pvn scan` prints: one image in detail, or two beside each other; by class, or in
 * sums by group and by what VT-x makes of them. Called by scan.c. docs/scan.md explains the
 * columns.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scan.h"

/* What a row of the table shows of one image. */
struct row {
	uint64_t text, init, behind, original, left, call, back, replacement;
};

static void add(struct row *row, const struct scan_count *count)
{
	row->text += count->text;
	row->init += count->init;
	row->behind += count->kind[SCAN_BEHIND];
	row->original += count->kind[SCAN_ORIGINAL];
	row->left += count->kind[SCAN_LEFT];
	row->call += count->kind[SCAN_CALL] + count->kind[SCAN_CALL_BACK];
	row->back += count->kind[SCAN_CALL_BACK];
	row->replacement += count->kind[SCAN_REPLACEMENT];
}

static bool is_empty(const struct row *row)
{
	return !(row->text | row->init | row->call | row->replacement);
}

static const char *number(uint64_t value, char out[24])
{
	snprintf(out, 24, "%" PRIu64, value);
	return value ? out : ".";
}

static void print_image(const struct scan *scan)
{
	const struct scan_image *image = &scan->image;
	uint64_t bytes = 0, instructions = 0, undecoded = 0;

	printf("%s%s%s\n", image->name, *image->version ? ": Linux " : "", image->version);
	for (size_t i = 0; i < image->section_count; i++) {
		const struct scan_section *s = &image->sections[i];

		if (!s->is_code)
			continue;
		printf("  %-22s %9" PRIu64 " bytes %9" PRIu64 " instructions %6" PRIu64
		       " bytes not decoded%s\n",
		       s->name, s->bytes, s->instructions, s->undecoded,
		       s->is_init ? "  (init)" : "");
		bytes += s->bytes;
		instructions += s->instructions;
		undecoded += s->undecoded;
	}
	printf("  %-22s %9" PRIu64 " bytes %9" PRIu64 " instructions %6" PRIu64
	       " bytes not decoded\n",
	       "all code", bytes, instructions, undecoded);
	printf("  %zu pv_ops sites, %zu alternatives, %zu symbols%s\n\n", scan->tables.pv_count,
	       scan->tables.alternative_count, image->symbols.count,
	       image->symbols.count ? "" : " (places are addresses; --map takes a System.map)");
}

static void print_row(const char *indent, const char *name, const char *vtx, const char *svm,
		      const struct row *r)
{
	char b[8][24];

	printf("%s%-*s %-24s %-19s %6s %5s %6s %4s %6s | %6s %5s | %4s\n", indent,
	       15 - (int)strlen(indent), name, vtx, svm, number(r->text, b[0]),
	       number(r->init, b[1]), number(r->behind, b[2]), number(r->original, b[3]),
	       number(r->left, b[4]), number(r->call, b[5]), number(r->back, b[6]),
	       number(r->replacement, b[7]));
}

static void print_head(void)
{
	printf("%-15s %-24s %-19s %6s %5s %6s %4s %6s | %6s %5s | %4s\n", "class", "VT-x exits by",
	       "AMD-V exits by", "text", "init", "behind", "orig", "left", "pv_ops", "back",
	       "repl");
}

static void print_pair_legend(void)
{
	printf("\nsites: instructions in code. left: those in no function that pv_ops starts with "
	       "and in no original\n"
	       "of an alternative. pv_ops: calls through pv_ops that stand for the instruction.\n");
}

static void print_legend(void)
{
	printf("\ntext, init: instructions in code that stays, and in code that is freed after "
	       "boot. Of these are\n"
	       "behind: in functions that pv_ops starts with; orig: in the original of an "
	       "alternative; left: neither.\n"
	       "pv_ops: calls through pv_ops that stand for the instruction; back: those that an "
	       "alternative\n"
	       "patches back to it. repl: in replacements of alternatives.\n");
}

static void print_absent(const struct scan *scans, unsigned int count)
{
	unsigned int column = 0;

	for (unsigned int c = 0; c < SCAN_CLASSES; c++) {
		struct row sum = { 0 };

		for (unsigned int i = 0; i < count; i++)
			add(&sum, &scans[i].counts[c]);
		if (!is_empty(&sum))
			continue;
		if (!column)
			column = (unsigned int)printf("\nNowhere:");
		if (column + strlen(scan_classes[c].name) > 98)
			column = (unsigned int)printf("\n ") - 1;
		column += (unsigned int)printf(" %s", scan_classes[c].name);
	}
	if (column)
		printf("\n");
}

static void print_classes(const struct scan *scan)
{
	enum scan_group group = SCAN_GROUPS;

	print_head();
	for (unsigned int c = 0; c < SCAN_CLASSES; c++) {
		const struct scan_class *class = &scan_classes[c];
		struct row row = { 0 };
		char vtx[40], svm[40];

		add(&row, &scan->counts[c]);
		if (is_empty(&row))
			continue;
		if (class->group != group)
			printf("%s\n", scan_group_names[class->group]);
		group = class->group;
		scan_treatment_text(&class->vtx, vtx, sizeof(vtx));
		scan_treatment_text(&class->svm, svm, sizeof(svm));
		print_row("  ", class->name, vtx, svm, &row);
	}
}

/* The sum of a group's classes of which VT-x makes the same. */
static void sum_group(const struct scan *scan, unsigned int group, unsigned int exits,
		      struct row *row)
{
	memset(row, 0, sizeof(*row));
	for (unsigned int c = 0; c < SCAN_CLASSES; c++)
		if (scan_classes[c].group == group && scan_classes[c].vtx.exits == exits)
			add(row, &scan->counts[c]);
}

static void print_summary(const struct scan *scan)
{
	printf("%-15s %-24s %6s %5s %6s %4s %6s | %6s %5s | %4s\n", "group", "VT-x exits", "text",
	       "init", "behind", "orig", "left", "pv_ops", "back", "repl");
	for (unsigned int group = 0; group < SCAN_GROUPS; group++)
		for (unsigned int exits = 0; exits < SCAN_EXITS; exits++) {
			struct row r;
			char b[8][24];

			sum_group(scan, group, exits, &r);
			if (is_empty(&r))
				continue;
			printf("%-15s %-24s %6s %5s %6s %4s %6s | %6s %5s | %4s\n",
			       scan_group_names[group], scan_exits_names[exits],
			       number(r.text, b[0]), number(r.init, b[1]), number(r.behind, b[2]),
			       number(r.original, b[3]), number(r.left, b[4]), number(r.call, b[5]),
			       number(r.back, b[6]), number(r.replacement, b[7]));
		}
}

/* ---- two images ---- */

static const char *difference(int64_t value, char out[24])
{
	snprintf(out, 24, "%+" PRId64, value);
	return value ? out : ".";
}

static void print_pair_head(const struct scan *scans, const char *first, const char *second)
{
	printf("A = %s\nB = %s\n\n", scans[0].image.name, scans[1].image.name);
	printf("%-15s %-24s | %7s %7s %6s | %7s %7s %6s | %8s %7s\n", first, second, "A sites",
	       "left", "pv_ops", "B sites", "left", "pv_ops", "B-A", "left");
}

static void print_pair(const char *name, const char *how, const struct row r[2])
{
	char b[8][24];
	int64_t sites = (int64_t)(r[1].text + r[1].init) - (int64_t)(r[0].text + r[0].init);
	int64_t left = (int64_t)r[1].left - (int64_t)r[0].left;

	printf("%-15s %-24s | %7s %7s %6s | %7s %7s %6s | %8s %7s\n", name, how,
	       number(r[0].text + r[0].init, b[0]), number(r[0].left, b[1]),
	       number(r[0].call, b[2]), number(r[1].text + r[1].init, b[3]),
	       number(r[1].left, b[4]), number(r[1].call, b[5]), difference(sites, b[6]),
	       difference(left, b[7]));
}

static void print_pair_classes(const struct scan *scans)
{
	print_pair_head(scans, "class", "VT-x exits by");
	for (unsigned int c = 0; c < SCAN_CLASSES; c++) {
		struct row rows[2] = { { 0 }, { 0 } };
		char vtx[40];

		add(&rows[0], &scans[0].counts[c]);
		add(&rows[1], &scans[1].counts[c]);
		if (is_empty(&rows[0]) && is_empty(&rows[1]))
			continue;
		scan_treatment_text(&scan_classes[c].vtx, vtx, sizeof(vtx));
		print_pair(scan_classes[c].name, vtx, rows);
	}
}

static void print_pair_summary(const struct scan *scans)
{
	print_pair_head(scans, "group", "VT-x exits");
	for (unsigned int group = 0; group < SCAN_GROUPS; group++)
		for (unsigned int exits = 0; exits < SCAN_EXITS; exits++) {
			struct row rows[2];

			sum_group(&scans[0], group, exits, &rows[0]);
			sum_group(&scans[1], group, exits, &rows[1]);
			if (!is_empty(&rows[0]) || !is_empty(&rows[1]))
				print_pair(scan_group_names[group], scan_exits_names[exits], rows);
		}
}

void scan_print(const struct scan *scans, unsigned int count, bool is_summary)
{
	for (unsigned int i = 0; i < count; i++)
		print_image(&scans[i]);
	if (count == 2 && is_summary)
		print_pair_summary(scans);
	else if (count == 2)
		print_pair_classes(scans);
	else if (is_summary)
		print_summary(&scans[0]);
	else
		print_classes(&scans[0]);
	if (!is_summary)
		print_absent(scans, count);
	if (count == 2)
		print_pair_legend();
	else
		print_legend();
}
