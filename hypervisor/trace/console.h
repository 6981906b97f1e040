/* SPDX-License-Identifier: BSD-2-Clause */
/* A domain's console: text gathered to lines, so that each line is one frame. */
#ifndef TRACE_CONSOLE_H
#define TRACE_CONSOLE_H

#include "lib/spinlock.h"
#include "lib/types.h"

#define CONSOLE_LINE 256u

struct console {
	spinlock_t lock;
	const char *name;
	u32 domain;
	u32 used;
	u64 written, limit; /* bytes; limit 0 = none */
	bool silenced; /* limit reached, and said so */
	bool is_interactive; /* a prompt must be seen before its line ends */
	char line[CONSOLE_LINE];
	char input[CONSOLE_LINE]; /* ring: what was typed and not yet taken */
	u32 input_put, input_taken;
};

void console_init(struct console *c, u32 domain, const char *name, u64 limit);
void console_write(struct console *c, const char *text, size_t bytes);
void console_flush(struct console *c);
/* The domain restarts: what was left unfinished is sent, its limit counts from zero again. */
void console_restart(struct console *c);
/* Input: what does not fit is lost; taking returns how many bytes. */
void console_type(struct console *c, const char *text, size_t bytes);
size_t console_take(struct console *c, char *text, size_t max);

#endif
