/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A comparison as a page for people: one HTML file that needs nothing else, no script either, on a
 * screen and on paper. Called by `pvn compare --html`; docs/compare.schema.json describes the
 * document that it shows.
 */
#ifndef TOOLS_COMPARE_HTML_H
#define TOOLS_COMPARE_HTML_H

struct errors;
struct json_object;

/*
 * Writes the page of a comparison to path, "-" for standard output: as a whole or not at all. All
 * text of the document is shown as text, whatever it holds. 0, or -1 with what was found in the
 * document and what was expected, or with the error of the file.
 */
int compare_html_write(struct json_object *comparison, const char *path, struct errors *e);

#endif
