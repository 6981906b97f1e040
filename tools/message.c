// SPDX-License-Identifier: BSD-2-Clause
/*
 * Messages to the user, memory that cannot fail, the list of errors, numbers on the command line,
 * and the search for the name that somebody meant. Used by every other file of the tools; uses none
 * of them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pvn.h"

static void say(const char *prefix, const char *fmt, va_list args)
{
	/* A progress line of the caller may be on stdout; keep the two in order. */
	fflush(stdout);
	fputs(prefix, stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void pvn_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("pvn: error: ", fmt, args);
	va_end(args);
}

void pvn_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("pvn: ", fmt, args);
	va_end(args);
}

static void *checked(void *p)
{
	if (!p) {
		pvn_error("out of memory");
		exit(PVN_HYPERVISOR_FAILED);
	}
	return p;
}

void *xmalloc(size_t bytes)
{
	return checked(malloc(bytes ? bytes : 1));
}

void *xcalloc(size_t count, size_t bytes)
{
	return checked(calloc(count ? count : 1, bytes ? bytes : 1));
}

void *xrealloc(void *old, size_t bytes)
{
	return checked(realloc(old, bytes ? bytes : 1));
}

void *xgrow(void *list, size_t count, size_t *room, size_t bytes)
{
	if (count < *room)
		return list;
	*room = *room ? *room * 2 : 1024;
	return xrealloc(list, *room * bytes);
}

void text_append(char **text, size_t *length, const void *bytes, size_t count)
{
	*text = xrealloc(*text, *length + count + 1);
	memcpy(*text + *length, bytes, count);
	*length += count;
	(*text)[*length] = '\0';
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *xasprintf(const char *fmt, ...)
{
	char *text;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vasprintf(&text, fmt, args);
	va_end(args);
	return checked(length < 0 ? NULL : text);
}

/* ---- errors ---- */

static int add(struct errors *e, const char *place, const char *fmt, va_list args)
{
	if (e->count < ERRORS_MAX) {
		char *text = e->text[e->count];
		int used = snprintf(text, ERROR_TEXT_MAX, "%s", place);

		if (used >= 0 && (size_t)used < ERROR_TEXT_MAX)
			vsnprintf(text + used, ERROR_TEXT_MAX - (size_t)used, fmt, args);
	}
	e->count++;
	return -1;
}

int errors_add(struct errors *e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(e, "", fmt, args);
	va_end(args);
	return -1;
}

int errors_add_at(struct errors *e, const char *file, size_t line, size_t column, const char *fmt,
		  ...)
{
	char place[ERROR_TEXT_MAX / 2] = "";
	va_list args;

	/* A machine that pvn itself has made up stands in no file. */
	if (line)
		snprintf(place, sizeof(place), "%s:%zu:%zu: ", file, line, column);
	va_start(args, fmt);
	add(e, place, fmt, args);
	va_end(args);
	return -1;
}

void errors_print(const struct errors *e, FILE *to)
{
	unsigned int kept = e->count < ERRORS_MAX ? e->count : ERRORS_MAX;

	fflush(stdout);
	for (unsigned int i = 0; i < kept; i++)
		fprintf(to, "pvn: error: %s\n", e->text[i]);
	if (e->count > kept)
		fprintf(to, "pvn: %u more error%s not shown\n", e->count - kept,
			e->count - kept == 1 ? "" : "s");
}

/* ---- nearest name ---- */

#define NAME_MAX_LENGTH 63u

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * Edits (insert, remove, replace, swap of neighbours) that turn a into b: "optimal string
 * alignment". Both are at most NAME_MAX_LENGTH long.
 */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int rows[3][NAME_MAX_LENGTH + 1];
	size_t m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3],
			     *over = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    over[j - 2] + 1 < row[j])
				row[j] = over[j - 2] + 1;
		}
	}
	return rows[strlen(a) % 3][m];
}

const char *nearest_name(const char *word, const char *const *names)
{
	size_t length = strlen(word);
	/* A third of the word wrong is still a slip of the finger; more is another word. */
	unsigned int best = (unsigned int)(length < 5 ? 1 : (length + 1) / 3) + 1;
	const char *nearest = NULL;

	if (!length || length > NAME_MAX_LENGTH)
		return NULL;
	for (; *names; names++) {
		unsigned int d;

		if (strlen(*names) > NAME_MAX_LENGTH)
			continue;
		d = distance(word, *names);
		if (d < best) {
			best = d;
			nearest = *names;
		}
	}
	return nearest;
}

bool option_number(const char *what, const char *text, unsigned int low, unsigned int high,
		   unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value < low || value > high) {
		pvn_error("%s %s: expected a number from %u to %u", what, text, low, high);
		return false;
	}
	*out = (unsigned int)value;
	return true;
}
