// SPDX-License-Identifier: BSD-2-Clause
/*
 * Raw mode, escape key, and the pseudo-terminal to the serial port; see console.h. Only input goes
 * this way: what the guest prints comes by the debug channel, faster and without baud rate.
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool console_has_user(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* ---- the terminal ---------------------------------------------------------------------------- */

/* For handlers and atexit(), which know of no struct console. */
static struct termios saved;
static volatile sig_atomic_t is_saved;

static void restore(void)
{
	if (is_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	is_saved = 0;
}

static void restore_and_die(int number)
{
	restore();
	raise(number); /* the handler is gone: SA_RESETHAND */
}

/*
 * The session reads the usual signals from a descriptor and ends orderly. These end pvn at once, by
 * a bug or from outside.
 */
static void catch_others(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGABRT,
				       SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU };
	const struct sigaction action = { .sa_handler = restore_and_die,
					  .sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

static void explain(void)
{
	pvn_note("what you type goes to the guest; Ctrl-] q ends the machine, Ctrl-] p asks the "
		 "guests to power off, Ctrl-] Ctrl-] types one Ctrl-], Ctrl-] ? says this again");
}

int console_start(struct console *console, struct errors *e)
{
	static bool is_registered;
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved))
		return errors_add(e, "standard input: %s", strerror(errno));
	if (!is_registered && atexit(restore))
		return errors_add(e, "atexit: %s", strerror(errno));
	is_registered = true;
	catch_others();
	explain();
	raw = saved;
	cfmakeraw(&raw);
	/* Kernel messages and pvn's own lines end with a newline alone. */
	raw.c_oflag |= OPOST | ONLCR;
	is_saved = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return errors_add(e, "standard input: %s", strerror(errno));
	console->is_raw = true;
	return 0;
}

void console_stop(struct console *console)
{
	if (console->is_raw)
		restore();
	console->is_raw = false;
}

/* ---- the port -------------------------------------------------------------------------------- */

int console_open(struct console *console, struct errors *e)
{
	struct termios raw;
	const char *path;

	*console = (struct console){ .keyboard = STDIN_FILENO, .port = -1, .port_slave = -1 };
	console->port = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console->port < 0 || grantpt(console->port) || unlockpt(console->port))
		return errors_add(e, "cannot make a pseudo-terminal: %s", strerror(errno));
	path = ptsname(console->port);
	console->port_slave = path ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	if (console->port_slave < 0)
		return errors_add(e, "cannot make a pseudo-terminal: %s", strerror(errno));
	console->port_path = xstrdup(path);
	/* Before the emulator does it: nothing typed early is echoed or held back to a line. */
	if (!tcgetattr(console->port_slave, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(console->port_slave, TCSANOW, &raw);
	}
	fcntl(console->port, F_SETFL, O_NONBLOCK);
	return 0;
}

void console_close(struct console *console)
{
	console_stop(console);
	if (console->port >= 0)
		close(console->port);
	if (console->port_slave >= 0)
		close(console->port_slave);
	free(console->port_path);
	*console = (struct console){ .keyboard = -1, .port = -1, .port_slave = -1 };
}

/* ---- during the run -------------------------------------------------------------------------- */

static void pass(struct console *console, char key)
{
	/* A guest that takes nothing: what is typed further is lost, as on a real line. */
	if (console->pending_bytes < CONSOLE_PENDING_MAX)
		console->pending[console->pending_bytes++] = key;
}

void console_type(struct console *console, const char *typed, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (!console->is_escaped && typed[i] == CONSOLE_ESCAPE) {
			console->is_escaped = true;
			continue;
		}
		if (!console->is_escaped) {
			pass(console, typed[i]);
		} else if (typed[i] == CONSOLE_ESCAPE || typed[i] == PV_INPUT_POWEROFF) {
			/* The hypervisor sees to these. */
			pass(console, CONSOLE_ESCAPE);
			pass(console, typed[i]);
		} else if (typed[i] == 'q' || typed[i] == 'Q') {
			console->wants_end = true;
		} else {
			explain();
		}
		console->is_escaped = false;
	}
}

void console_read_keyboard(struct console *console)
{
	char typed[256];
	ssize_t got = read(console->keyboard, typed, sizeof(typed));

	if (got > 0)
		console_type(console, typed, (size_t)got);
	else if (!got || (errno != EINTR && errno != EAGAIN))
		console->keyboard = -1;
}

void console_serve_port(struct console *console, short revents)
{
	char dropped[256];
	ssize_t written;

	/*
	 * The port's own output: firmware may print there. Left alone it would fill up and block.
	 */
	if (revents & POLLIN)
		(void)!read(console->port, dropped, sizeof(dropped));
	if (!(revents & POLLOUT) || !console->pending_bytes)
		return;
	written = write(console->port, console->pending, console->pending_bytes);
	if (written <= 0)
		return;
	console->pending_bytes -= (size_t)written;
	memmove(console->pending, console->pending + written, console->pending_bytes);
}
