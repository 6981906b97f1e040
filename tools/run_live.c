// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a run tells those who may watch it (live_server.h): who it is, before it starts, and how it
 * ended, after its verdict. A run that nobody can watch goes on all the same.
 */
#include <string.h>

#include "run_session.h"

/* Its description's name without folder and ending. */
static void name_machine(const char *file, char *name, size_t size)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	size_t length = strlen(base);

	if (length > 5 && !strcmp(base + length - 5, ".yaml"))
		length -= 5;
	else if (length > 4 && !strcmp(base + length - 4, ".yml"))
		length -= 4;
	snprintf(name, size, "%.*s", (int)length, base);
}

void session_listen(struct session *s)
{
	const struct machine *m = s->machine;
	struct live_about about = { .cpus = m->cpus, .domain_count = m->domain_count };
	unsigned int i;

	if (!s->options->is_watchable || s->options->bare)
		return;
	name_machine(m->file, about.name, sizeof(about.name));
	snprintf(about.file, sizeof(about.file), "%s", m->file);
	snprintf(about.host, sizeof(about.host), "%s", host_name(s->options->host));
	for (i = 0; i < m->domain_count; i++) {
		memcpy(about.domains[i].name, m->domains[i].name, sizeof(about.domains[i].name));
		about.domains[i].mode = m->domains[i].mode;
		about.domains[i].vcpus = m->domains[i].vcpus;
	}
	s->live = live_server_open(&about, s->live_key, s->result->unwatched,
				   sizeof(s->result->unwatched));
}

void session_live_end(struct session *s)
{
	struct live_end end = { .exit = s->result->exit, .signal = s->result->signal };

	snprintf(end.why, sizeof(end.why), "%s",
		 s->result->is_quit ? "ended from its keyboard" : s->result->why);
	live_server_close(s->live, &end);
	s->live = NULL;
}
