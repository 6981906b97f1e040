// SPDX-License-Identifier: BSD-2-Clause
/*
 * The chart of the comparison's page: for every workload a bar in each column, on one logarithmic
 * scale. Each bar is an SVG of its own whose lengths are percentages, so that it fits any width
 * while its text keeps its size. A logarithmic scale has no 0: the part left of 1 is not to scale,
 * is marked as a break, and a 0 stands at its left end as a point with a word.
 */
#include <math.h>
#include <string.h>

#include "compare_html_page.h"

#define ONE_AT 8.0 /* percent of the width where the 1 stands */
#define DECADES_MIN 2u /* a scale of one decade looks like a linear one */
#define TICK_LABELS_MAX 8u

static uint64_t largest(const struct page *p)
{
	uint64_t most = 0;
	size_t w, i;

	for (w = 0; w < p->workload_count; w++) {
		for (i = 0; i < p->counted_count; i++) {
			const struct cell *cell = page_cell(p, w, p->counted[i]);

			if (cell->state == CELL_COUNTED && cell->transitions > most)
				most = cell->transitions;
		}
	}
	return most;
}

/* Powers of ten that the scale reaches. */
static unsigned int decades_of(uint64_t most)
{
	uint64_t power = 1;
	unsigned int decades = 0;

	while (power < most) {
		decades++;
		if (power > UINT64_MAX / 10)
			break;
		power *= 10;
	}
	return decades < DECADES_MIN ? DECADES_MIN : decades;
}

/* Where a count of at least 1 ends, in percent. */
static double end_of(uint64_t count, unsigned int decades)
{
	return ONE_AT + (100 - ONE_AT) * log10((double)count) / decades;
}

/* "10k" */
static void put_power(struct page *p, unsigned int power)
{
	static const char *const tens[] = { "1", "10", "100" };
	static const char units[][2] = { "", "k", "M", "G", "T", "P", "E" };

	putf(p, "%s%s", tens[power % 3], units[power / 3 % 7]);
}

/* For the eye alone: every bar says its number. */
static void put_axis(struct page *p, unsigned int decades)
{
	unsigned int step = decades / TICK_LABELS_MAX + 1, power;

	put(p, "<div class=\"bars axis\" aria-hidden=\"true\"><span class=\"scale\">transitions"
	       "</span><div class=\"plot\"><svg width=\"100%\" height=\"18\">\n"
	       "<text x=\"0\" y=\"13\">0</text>");
	for (power = 0; power <= decades; power += step) {
		putf(p, "<text x=\"%.3f%%\" y=\"13\">", ONE_AT + (100 - ONE_AT) * power / decades);
		put_power(p, power);
		put(p, "</text>");
	}
	put(p, "</svg></div></div>\n");
}

static void put_grid(struct page *p, unsigned int decades)
{
	unsigned int power;

	put(p, "<line class=\"origin\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"100%\"/>");
	for (power = 0; power <= decades; power++) {
		double x = ONE_AT + (100 - ONE_AT) * power / decades;

		putf(p, "<line x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"0\" y2=\"100%%\"/>", x, x);
	}
}

static void put_bar(struct page *p, const struct column *c, uint64_t count, unsigned int decades)
{
	double end = end_of(count, decades);
	char buffer[NUMBER_MAX];

	putf(p,
	     "<g transform=\"translate(0,-6)\"><rect class=\"%s\" x=\"0\" y=\"50%%\" "
	     "width=\"%.3f%%\" height=\"12\"/></g>"
	     /* The break: the bar is not to scale before the 1. */
	     "<svg x=\"%.3f%%\" y=\"0\" width=\"12\" height=\"100%%\" overflow=\"visible\">"
	     "<g transform=\"translate(-6,-9)\"><svg y=\"50%%\" width=\"12\" height=\"18\">"
	     "<path class=\"break\" d=\"M3 18 L9 0\"/></svg></g></svg>"
	     "<g transform=\"translate(6,4)\"><text x=\"%.3f%%\" y=\"50%%\">%s</text></g>",
	     c->style, end, ONE_AT / 2, end, number_text(buffer, count));
}

static void put_words(struct page *p, const char *words)
{
	putf(p,
	     "<g transform=\"translate(9,4)\"><text class=\"words\" x=\"0\" y=\"50%%\">%s"
	     "</text></g>",
	     words);
}

/* What stands in place of a bar, or NULL. */
static const char *words_of(const struct cell *cell)
{
	if (cell->state == CELL_FAILED)
		return "failed";
	if (cell->state != CELL_COUNTED)
		return "not run";
	return cell->transitions ? NULL : "0";
}

static void put_plot(struct page *p, const struct column *c, const struct cell *cell,
		     unsigned int decades)
{
	const char *words = words_of(cell);
	bool is_counted = cell->state == CELL_COUNTED;
	char buffer[NUMBER_MAX];

	put(p, "<span class=\"plot\"><svg width=\"100%\" height=\"100%\" role=\"img\"><title>");
	put(p, is_counted ? number_text(buffer, cell->transitions) : words);
	if (is_counted)
		put(p, cell->transitions == 1 ? " transition" : " transitions");
	put(p, "</title>");
	put_grid(p, decades);
	if (is_counted && !cell->transitions)
		put(p, "<circle class=\"none\" cx=\"0\" cy=\"50%\" r=\"3.5\"/>");
	if (words)
		put_words(p, words);
	else
		put_bar(p, c, cell->transitions, decades);
	put(p, "</svg></span>");
}

static void put_row(struct page *p, size_t w, size_t column, unsigned int decades)
{
	const struct column *c = &p->columns[column];

	put(p, "<li class=\"bars\"><span class=\"mode\">");
	put_swatch(p, c);
	put_column(p, c);
	put(p, "</span>");
	put_plot(p, c, page_cell(p, w, column), decades);
	put(p, "</li>\n");
}

/*
 * Many workloads need no transition anywhere. One line says that better than a column of zeros;
 * columns that failed as a whole are said to have failed elsewhere.
 */
static bool put_zero_row(struct page *p, size_t w, unsigned int decades)
{
	const struct cell *zero = NULL;
	size_t i, failed = 0;

	for (i = 0; i < p->counted_count; i++) {
		const struct cell *cell = page_cell(p, w, p->counted[i]);

		if (cell->state == CELL_FAILED)
			failed++;
		else if (cell->state == CELL_COUNTED && !cell->transitions)
			zero = cell;
		else
			return false;
	}
	if (!zero)
		return false;
	putf(p, "<li class=\"bars\"><span class=\"mode\">every column%s</span>",
	     failed ? " that ran" : "");
	put_plot(p, NULL, zero, decades);
	put(p, "</li>\n");
	return true;
}

static void put_group(struct page *p, size_t w, unsigned int decades)
{
	const struct workload *workload = &p->workloads[w];
	size_t i;

	put(p, "<li><p class=\"group\"><b>");
	put_json(p, workload->name);
	put(p, "</b> <span>");
	put_amount(p, workload->ops, workload->unit);
	put(p, "</span></p>\n<ul>\n");
	if (!put_zero_row(p, w, decades)) {
		for (i = 0; i < p->counted_count; i++)
			put_row(p, w, p->counted[i], decades);
	}
	put(p, "</ul></li>\n");
}

/* The hatchings. Here, not in the style sheet, because they are shapes. */
static void put_patterns(struct page *p)
{
	static const char *const shapes[][3] = {
		/* id, family, what a tile of 6 x 6 shows */
		{ "pv-direct", "pv", "<path d=\"M0 1.5H6M0 4.5H6\"/>" },
		{ "full-hap", "full", "<path d=\"M-1 1L1 -1M0 6L6 0M5 7L7 5\"/>" },
		{ "full-shadow", "full", "<path d=\"M0 0L6 6M0 6L6 0\"/>" },
		{ "pv-masked", "pv", "<path class=\"dots\" d=\"M1.5 1.5h.01M4.5 4.5h.01\"/>" },
		{ "full-masked", "full", "<path class=\"dots\" d=\"M1.5 1.5h.01M4.5 4.5h.01\"/>" },
		{ "other", "other", "<path d=\"M1.5 0V6M4.5 0V6\"/>" },
	};
	size_t i;

	put(p, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n");
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		putf(p,
		     "<pattern id=\"fill-%s\" class=\"%s\" width=\"6\" height=\"6\" "
		     "patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\"/>%s"
		     "</pattern>\n",
		     shapes[i][0], shapes[i][1], shapes[i][2]);
	put(p, "</defs></svg>\n");
}

void put_chart(struct page *p)
{
	uint64_t most = largest(p);
	unsigned int decades = decades_of(most);
	char buffer[NUMBER_MAX];
	size_t w;

	put_patterns(p);
	put(p,
	    "<section aria-labelledby=\"chart\">\n<h2 id=\"chart\">Transitions at a glance</h2>\n");
	if (!p->workload_count || !p->counted_count) {
		put(p, "<p>There is nothing to draw: the comparison has no workload or no column "
		       "with a hypervisor.</p>\n</section>\n");
		return;
	}
	/* Room for the number behind the longest bar. */
	putf(p, "<figure style=\"--digits: %zu\">\n", strlen(number_text(buffer, most)));
	put(p, "<figcaption>All transitions of a workload, without those of the timer "
	       "tick. The scale is logarithmic: each line to the right stands for ten times as "
	       "many, so compare where bars end, not how long they are. Left of 1 it is broken "
	       "off, and 0 has no bar.</figcaption>\n");
	put_axis(p, decades);
	put(p, "<ul class=\"chart\">\n");
	for (w = 0; w < p->workload_count; w++)
		put_group(p, w, decades);
	put(p, "</ul>\n");
	put_axis(p, decades);
	put(p, "</figure>\n</section>\n");
}
