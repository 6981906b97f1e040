/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard of an interactive run: the terminal in raw mode, and a pseudo-terminal whose other
 * end is the emulated machine's first serial port. What is typed goes to the guest, but for the
 * escape key. The terminal gets its settings back however pvn ends. Used by the session; one at a
 * time.
 */
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include "host/bundle.h"
#include "pvn.h"

#define CONSOLE_ESCAPE PV_INPUT_ESCAPE /* Ctrl-] */
#define CONSOLE_PENDING_MAX 4096u

struct console {
	int keyboard; /* standard input; -1 after its end */
	int port; /* the master's end, non-blocking; -1 = none */
	int port_slave; /* held open, so that the port exists before and after the emulator */
	char *port_path; /* what the emulator opens */
	char pending[CONSOLE_PENDING_MAX]; /* typed, not yet taken by the port */
	size_t pending_bytes;
	bool is_escaped; /* the escape key was the last one */
	bool wants_end; /* quit was typed */
	bool is_raw;
};

/* Is there somebody at a terminal, who types and reads? */
bool console_has_user(void);
/* Makes the port. 0, or -1 with an error; console_close() in any case. */
int console_open(struct console *console, struct errors *e);
/* Says how to get out and switches the terminal to raw mode. 0, or -1 with an error. */
int console_start(struct console *console, struct errors *e);
/* Switches back. */
void console_stop(struct console *console);
void console_close(struct console *console);

/* Takes what was typed: passes it on, or obeys. */
void console_type(struct console *console, const char *typed, size_t bytes);
/* After poll(): keyboard and port are ready for what their revents say. */
void console_read_keyboard(struct console *console);
void console_serve_port(struct console *console, short revents);

#endif
