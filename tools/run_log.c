// SPDX-License-Identifier: BSD-2-Clause
/* The end of an emulator's log, where it says why it gave up or which VM-entry check failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define LINES 8u

char *run_log_tail(const char *path, bool (*is_telling)(const char *line))
{
	char *kept[LINES] = { NULL }, *line = NULL, *text = NULL;
	size_t size = 0, bytes = 0;
	unsigned int n = 0, i;
	FILE *in = fopen(path, "r");
	FILE *out;

	if (!in)
		return NULL;
	while (getline(&line, &size, in) >= 0) {
		line[strcspn(line, "\r\n")] = 0;
		if (!is_telling(line))
			continue;
		free(kept[n % LINES]);
		kept[n++ % LINES] = xstrdup(line);
	}
	free(line);
	fclose(in);
	out = n ? open_memstream(&text, &bytes) : NULL;
	for (i = 0; i < LINES; i++) {
		char *next = kept[(n + i) % LINES];

		if (next && out)
			fprintf(out, "%s\n", next);
		free(next);
	}
	if (out)
		fclose(out);
	return text;
}
