// SPDX-License-Identifier: BSD-2-Clause
/*
 * Text and numbers of the comparison's page. What comes from the document passes put_bytes() alone,
 * which leaves nothing of it that HTML or XML would take for more than text: not in elements, not
 * in quoted attributes. Numbers are rounded so that they tell apart what differs.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "compare.h"
#include "compare_html_page.h"

void put(struct page *p, const char *html)
{
	fputs(html, p->out);
}

void putf(struct page *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(p->out, format, args);
	va_end(args);
}

void put_bytes(struct page *p, const char *text, size_t length)
{
	static const char special[] = "&<>\"'\n\t";
	static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;",
						"&#39;", "\n",   "\t" };
	size_t i, bytes;

	for (i = 0; i < length; i += bytes ? bytes : 1) {
		const char *found = text[i] ? strchr(special, text[i]) : NULL;

		bytes = found ? 1 : compare_character((const unsigned char *)text + i, length - i);
		if (found)
			fputs(entities[found - special], p->out);
		else if (bytes)
			fwrite(text + i, 1, bytes, p->out);
		else
			fputs("\xef\xbf\xbd", p->out); /* the replacement character */
	}
}

void put_string(struct page *p, const char *text)
{
	put_bytes(p, text, strlen(text));
}

void put_json(struct page *p, struct json_object *string)
{
	if (json_object_is_type(string, json_type_string) && json_object_get_string_len(string))
		put_bytes(p, json_object_get_string(string),
			  (size_t)json_object_get_string_len(string));
	else
		put(p, "unknown");
}

void put_column(struct page *p, const struct column *c)
{
	size_t i;

	put_json(p, c->features_off ? c->mode : c->id);
	for (i = 0; c->features_off && i < json_object_array_length(c->features_off); i++) {
		put(p, i ? ", " : " <span class=\"without\">without ");
		put_json(p, json_object_array_get_idx(c->features_off, i));
	}
	if (i)
		put(p, "</span>");
}

void put_swatch(struct page *p, const struct column *c)
{
	putf(p,
	     "<svg class=\"swatch\" width=\"16\" height=\"11\" aria-hidden=\"true\">"
	     "<rect class=\"%s\" x=\"1\" y=\"1\" width=\"14\" height=\"9\"/></svg>",
	     c->style);
}

/* "calls", "processes", "mappings of 4 MiB" */
static void put_plural(struct page *p, const char *noun)
{
	const char *of = strstr(noun, " of ");
	size_t length = of ? (size_t)(of - noun) : strlen(noun);
	char last = length ? noun[length - 1] : '\0';

	put_bytes(p, noun, length);
	if (last == 's' || last == 'h' || last == 'x')
		put(p, "es");
	else if (last >= 'a' && last <= 'z')
		put(p, "s");
	put_string(p, noun + length);
}

void put_amount(struct page *p, uint64_t count, struct json_object *unit)
{
	const char *name = unit ? json_object_get_string(unit) : "operation";
	char buffer[NUMBER_MAX];

	putf(p, "%s ", number_text(buffer, count));
	if (count == 1)
		put_string(p, name);
	else
		put_plural(p, name);
}

/* ---- numbers ---- */

const char *number_text(char buffer[NUMBER_MAX], uint64_t value)
{
	compare_grouped(value, buffer);
	return buffer;
}

/* Three digits that count; a whole number alone has no fraction, so 2 is not 2.00. */
const char *ratio_text(char buffer[NUMBER_MAX], double value)
{
	int decimals;

	if (value >= 1e18) {
		snprintf(buffer, NUMBER_MAX, "%.2e", value);
		return buffer;
	}
	if (value >= 99.95 || value == floor(value))
		return number_text(buffer, (uint64_t)(value + 0.5));
	if (value < 0.000001)
		return strcpy(buffer, "under 0.000001");
	decimals = value >= 9.995 ? 1 : value >= 0.9995 ? 2 : (int)ceil(-log10(value)) + 2;
	snprintf(buffer, NUMBER_MAX, "%.*f", decimals, value);
	return buffer;
}

const char *factor_text(char buffer[NUMBER_MAX], double baseline, double value)
{
	double factor;
	char number[NUMBER_MAX];

	if (baseline == value)
		return strcpy(buffer, "same");
	if (value == 0)
		return strcpy(buffer, "all avoided");
	if (baseline == 0)
		return strcpy(buffer, "only here");
	factor = baseline > value ? baseline / value : value / baseline;
	/* 1.00 would say that they are the same. */
	if (factor < 1.005)
		return strcpy(buffer, baseline > value ? "barely fewer" : "barely more");
	snprintf(buffer, NUMBER_MAX, "%.30s× %s", ratio_text(number, factor),
		 baseline > value ? "fewer" : "more");
	return buffer;
}
