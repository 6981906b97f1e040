// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison's page as a whole: head, parts in their order, and the file. The page is HTML and
 * XML at once, so that any parser can check it, and its own policy forbids it to run a script or to
 * load anything: even a mistake in escaping would stay text.
 */
#include <stdlib.h>
#include <string.h>

#include "compare_html.h"
#include "compare_html_page.h"
#include "output.h"

/* "pv/hap, full/hap" */
static void put_column_list(struct page *p)
{
	size_t i;

	for (i = 0; i < p->column_count; i++) {
		put(p, i ? ", " : "");
		put_json(p, p->columns[i].id);
	}
}

static void put_head(struct page *p)
{
	put(p,
	    "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\"/>\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\"/>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	    "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>Transitions by mode");
	put(p, p->column_count ? ": " : "");
	put_column_list(p);
	put(p, " · Paravane</title>\n");
	put_style(p);
	put(p, "</head>\n<body>\n");
}

static void put_number_of(struct page *p, size_t count, const char *noun)
{
	static const char *const words[] = { "no",   "one",    "two",   "three", "four",
					     "five", "six",    "seven", "eight", "nine",
					     "ten",  "eleven", "twelve" };

	if (count < sizeof(words) / sizeof(words[0]))
		putf(p, "%s %s%s", words[count], noun, count == 1 ? "" : "s");
	else
		putf(p, "%zu %ss", count, noun);
}

static void put_banner(struct page *p)
{
	struct json_object *kernel = page_member(p->doc, "kernel", json_type_object);

	put(p, "<header>\n<p class=\"brand\">Paravane <span>pvn compare</span></p>\n"
	       "<h1>What each mode costs in transitions</h1>\n<p class=\"lead\">A transition is "
	       "one exit from a guest into the hypervisor. The same kernel ran ");
	put_number_of(p, p->workload_count, "workload");
	put(p, " in ");
	put_number_of(p, p->column_count, "configuration");
	put(p, ", and everything below was counted, not sampled.</p>\n<p class=\"where\">Linux ");
	put_json(p, page_member(kernel, "version", json_type_string));
	put(p, " on ");
	put_json(p, page_member(p->doc, "host_version", json_type_string));
	put(p, ", Paravane ");
	put_json(p, page_member(p->doc, "paravane", json_type_string));
	put(p, ", ABI ");
	put_json(p, page_member(p->doc, "abi", json_type_string));
	put(p, "</p>\n</header>\n<nav aria-label=\"Contents\"><ul>\n"
	       "<li><a href=\"#findings\">In short</a></li>\n"
	       "<li><a href=\"#chart\">At a glance</a></li>\n"
	       "<li><a href=\"#table\">In numbers</a></li>\n"
	       "<li><a href=\"#time\">Ticks</a></li>\n"
	       "<li><a href=\"#detail\">Details</a></li>\n"
	       "<li><a href=\"#configuration\">Configuration</a></li>\n"
	       "<li><a href=\"#repeat\">Repeat it</a></li>\n</ul></nav>\n");
}

static void put_page(struct page *p)
{
	put_head(p);
	put_banner(p);
	put(p, "<main>\n");
	put_findings(p);
	put_chart(p);
	put_transition_tables(p);
	put_feature_tables(p);
	put_tick_tables(p);
	put_breakdown(p);
	put_configuration(p);
	put(p, "</main>\n</body>\n</html>\n");
}

int compare_html_write(struct json_object *comparison, const char *path, struct errors *e)
{
	struct page p = { 0 };
	char *text = NULL;
	size_t bytes = 0;
	int result = page_load(&p, comparison, e);

	if (!result) {
		p.out = open_memstream(&text, &bytes);
		if (p.out)
			put_page(&p);
		if (!p.out || ferror(p.out) | fclose(p.out))
			result = errors_add(e, "%s: out of memory for the page", path);
	}
	if (!result)
		result = output_write(text, bytes, path, e);
	free(text);
	page_free(&p);
	return result;
}
