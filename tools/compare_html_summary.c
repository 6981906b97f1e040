// SPDX-License-Identifier: BSD-2-Clause
/*
 * The sentences of the comparison's page: what was found, in the words that one would say; and its
 * configuration, exact enough to repeat it. Sentences are computed from the counts alone, so a page
 * never says what its numbers do not.
 */
#include <string.h>

#include "compare_html_page.h"
#include "pv_abi.h"
#include "pv_names.h"

/* ---- findings ---- */

struct finding {
	size_t both, fewer, more, equal, zero; /* workloads that both columns finished */
	size_t best; /* the workload where most transitions were saved */
	uint64_t saved;
};

static struct finding compare(const struct page *p, size_t column)
{
	struct finding f = { .best = p->workload_count };
	size_t w;

	for (w = 0; w < p->workload_count; w++) {
		const struct cell *base = page_cell(p, w, p->baseline);
		const struct cell *cell = page_cell(p, w, column);

		if (base->state != CELL_COUNTED || cell->state != CELL_COUNTED)
			continue;
		f.both++;
		f.zero += !base->transitions && !cell->transitions;
		f.equal += base->transitions && base->transitions == cell->transitions;
		f.more += cell->transitions > base->transitions;
		f.fewer += cell->transitions < base->transitions;
		if (cell->transitions < base->transitions &&
		    base->transitions - cell->transitions > f.saved) {
			f.saved = base->transitions - cell->transitions;
			f.best = w;
		}
	}
	return f;
}

static void put_best(struct page *p, const struct finding *f, size_t column)
{
	const struct cell *base = page_cell(p, f->best, p->baseline);
	const struct cell *cell = page_cell(p, f->best, column);
	char buffer[NUMBER_MAX];

	put(p, " The largest difference: <b>");
	put_json(p, p->workloads[f->best].name);
	putf(p, "</b>, <b>%s</b> instead of ", number_text(buffer, cell->transitions));
	putf(p, "<b>%s</b>", number_text(buffer, base->transitions));
	if (cell->transitions)
		putf(p, ", %s",
		     factor_text(buffer, (double)base->transitions, (double)cell->transitions));
	put(p, ".");
}

/* "fewer transitions than full/hap in 4 of 12 workloads, more in 1; in 7 neither needs any" */
static void put_finding(struct page *p, size_t column)
{
	struct finding f = compare(p, column);

	put(p, "<li><b>");
	put_column(p, &p->columns[column]);
	put(p, "</b> ");
	if (!f.both) {
		put(p, "has no workload in common with ");
		put_column(p, &p->columns[p->baseline]);
		put(p, ".</li>\n");
		return;
	}
	put(p, "needs fewer transitions than ");
	put_column(p, &p->columns[p->baseline]);
	if (f.fewer)
		putf(p, " in %zu of %zu workload%s", f.fewer, f.both, f.both == 1 ? "" : "s");
	else
		putf(p, " in none of %zu workload%s", f.both, f.both == 1 ? "" : "s");
	if (f.more)
		putf(p, ", more in %zu", f.more);
	if (f.equal)
		putf(p, ", as many in %zu", f.equal);
	if (f.zero)
		putf(p, "; in %zu neither needs any", f.zero);
	put(p, ".");
	if (f.best < p->workload_count)
		put_best(p, &f, column);
	put(p, "</li>\n");
}

static void put_tick_finding(struct page *p)
{
	char buffer[NUMBER_MAX];
	size_t i, count = 0;

	for (i = 0; i < p->counted_count; i++) {
		const struct column *c = &p->columns[p->counted[i]];

		if (c->tick.state != CELL_COUNTED || c->tick.periods <= 0 || c->features_off)
			continue;
		putf(p, "%s<b>%s</b> in ", count++ ? ", " : "<li>Transitions per timer tick: ",
		     ratio_text(buffer, (double)c->tick.transitions / c->tick.periods));
		put_column(p, c);
	}
	if (count)
		put(p, ". They are counted apart from those of the workloads.</li>\n");
}

static void put_failure(struct page *p, const struct column *c)
{
	put(p, "<li class=\"failure\"><b>");
	put_column(p, c);
	put(p, " failed:</b> ");
	put_json(p, c->failed);
	put(p, "</li>\n");
}

void put_findings(struct page *p)
{
	size_t i;

	put(p, "<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">In short</h2>\n"
	       "<ul class=\"findings\">\n");
	for (i = 0; p->baseline < p->column_count && i < p->counted_count; i++) {
		const struct column *c = &p->columns[p->counted[i]];

		if (p->counted[i] != p->baseline && !c->failed && !c->features_off)
			put_finding(p, p->counted[i]);
	}
	put_tick_finding(p);
	for (i = 0; i < p->column_count; i++) {
		if (p->columns[i].failed)
			put_failure(p, &p->columns[i]);
	}
	if (!p->column_count || !p->workload_count)
		put(p, "<li>Nothing was compared: there is no column or no workload.</li>\n");
	else if (p->baseline == p->column_count)
		put(p, "<li>No column of full virtualization came to its end, so nothing is said "
		       "of factors.</li>\n");
	put(p, "</ul>\n</section>\n");
}

/* ---- configuration ---- */

static const char *meaning_of(const struct column *c)
{
	static const char *const meanings[] = {
		[PV_MODE_FULL_HAP] =
			"Full virtualization: the kernel finds an ordinary PC, and its "
			"sensitive operations trap. EPT or NPT translates addresses.",
		[PV_MODE_PV_HAP] =
			"Paravirtualization: the kernel replaces sensitive operations by "
			"hypercalls. EPT or NPT translates addresses.",
		[PV_MODE_FULL_SHADOW] = "Full virtualization: the kernel finds an ordinary PC. "
					"Shadow page tables translate addresses.",
		[PV_MODE_PV_DIRECT] = "Paravirtualization: hypercalls, and the kernel’s own page "
				      "tables hold machine frames that the hypervisor has checked.",
	};
	const char *mode = json_object_get_string(c->mode);
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i] && !strcmp(pv_mode_names[i], mode))
			return meanings[i];
	}
	if (c->tick.state == CELL_BARE)
		return "The same image on the same emulator without a hypervisor.";
	return "A mode that this version of pvn does not know.";
}

static void put_column_table(struct page *p)
{
	size_t i, k;

	put_table_begin(p, "columns", "The columns.");
	put(p, "<thead><tr><th scope=\"col\">Column</th><th scope=\"col\">Mode</th>"
	       "<th scope=\"col\">What it is</th><th scope=\"col\">Features masked</th>"
	       "<th scope=\"col\">Result</th></tr></thead>\n<tbody class=\"words\">\n");
	for (i = 0; i < p->column_count; i++) {
		const struct column *c = &p->columns[i];
		struct json_object *off = c->features_off;

		put(p, "<tr><th scope=\"row\">");
		put_json(p, c->id);
		put(p, "</th><td>");
		put_json(p, c->mode);
		putf(p, "</td><td>%s</td><td>", meaning_of(c));
		for (k = 0; off && k < json_object_array_length(off); k++) {
			put(p, k ? ", " : "");
			put_json(p, json_object_array_get_idx(off, k));
		}
		put(p, off ? "</td><td>" : "none</td><td>");
		put(p, c->failed ? "failed: " : "ran");
		if (c->failed)
			put_json(p, c->failed);
		put(p, "</td></tr>\n");
	}
	put(p, "</tbody>\n");
	put_table_end(p);
}

static void put_fact(struct page *p, const char *name, struct json_object *value)
{
	char buffer[NUMBER_MAX];

	putf(p, "<div><dt>%s</dt><dd>", name);
	if (json_object_is_type(value, json_type_int))
		put(p, number_text(buffer, json_object_get_uint64(value)));
	else
		put_json(p, value);
	put(p, "</dd></div>\n");
}

static void put_facts(struct page *p)
{
	struct json_object *kernel = page_member(p->doc, "kernel", json_type_object);

	put(p, "<dl class=\"facts\">\n");
	put_fact(p, "Paravane", page_member(p->doc, "paravane", json_type_string));
	put_fact(p, "ABI version", page_member(p->doc, "abi", json_type_string));
	put_fact(p, "Host", page_member(p->doc, "host", json_type_string));
	put_fact(p, "Host version", page_member(p->doc, "host_version", json_type_string));
	put_fact(p, "Virtual CPUs", page_member(p->doc, "vcpus", json_type_int));
	put_fact(p, "Timer tick, Hz", page_member(p->doc, "hz", json_type_int));
	put_fact(p, "Time-stamp counter, kHz", page_member(p->doc, "tsc_khz", json_type_int));
	put_fact(p, "Kernel version", page_member(kernel, "version", json_type_string));
	put_fact(p, "Kernel file", page_member(kernel, "file", json_type_string));
	put_fact(p, "Kernel SHA-256", page_member(kernel, "sha256", json_type_string));
	put(p, "</dl>\n");
}

void put_configuration(struct page *p)
{
	struct json_object *command = page_member(p->doc, "command", json_type_string);

	put(p, "<section aria-labelledby=\"configuration\">\n<h2 id=\"configuration\">"
	       "Configuration</h2>\n<p>All columns are of the same kernel.</p>\n");
	put_facts(p);
	if (p->column_count)
		put_column_table(p);
	put(p,
	    "</section>\n<section aria-labelledby=\"repeat\">\n<h2 id=\"repeat\">Repeat it</h2>\n"
	    "<p>In the source folder of Paravane ");
	put_json(p, page_member(p->doc, "paravane", json_type_string));
	put(p, ":</p>\n<pre tabindex=\"0\"><code>");
	/* As it was typed, by the name that is in no search path. */
	if (command && !strncmp(json_object_get_string(command), "pvn ", 4))
		put(p, "./");
	put_json(p, command);
	put(p,
	    "</code></pre>\n<p>On Bochs, and on QEMU with the instruction counter that pvn uses, "
	    "two runs of the same image count the same to the last transition. Add <code>--repeat 2"
	    "</code> to have that checked.</p>\n</section>\n");
}
