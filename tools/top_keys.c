// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn top` at a terminal: waits for keys, samples and the time of the next one, and has the screen
 * drawn. The terminal gets its settings back on every way out, signals included.
 */
#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define DELAY_MIN 0.1
#define DELAY_MAX 60.0

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const struct sigaction action = { .sa_handler = on_signal };
	struct sigaction old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void next_domain(struct top_screen *screen, const struct live_client *client)
{
	int domains = (int)client->about.domain_count;

	screen->view.domain++;
	if (screen->view.domain >= domains)
		screen->view.domain = -1;
	screen->first_row = 0;
}

static void change_delay(struct top_screen *screen, double factor)
{
	screen->delay_s *= factor;
	if (screen->delay_s < DELAY_MIN)
		screen->delay_s = DELAY_MIN;
	if (screen->delay_s > DELAY_MAX)
		screen->delay_s = DELAY_MAX;
}

static void scroll_by(struct top_screen *screen, long rows)
{
	if (rows < 0 && screen->first_row < (size_t)-rows)
		screen->first_row = 0;
	else
		screen->first_row += (size_t)rows;
}

static bool scroll_key(struct top_screen *screen, int key)
{
	int page = LINES > 12 ? LINES - 10 : 2;

	switch (key) {
	case KEY_UP:
	case KEY_DOWN:
		scroll_by(screen, key == KEY_UP ? -1 : 1);
		return true;
	case KEY_PPAGE:
	case KEY_NPAGE:
		scroll_by(screen, key == KEY_PPAGE ? -page : page);
		return true;
	case KEY_HOME:
		screen->first_row = 0;
		return true;
	case KEY_END:
		screen->first_row = 1u << 20; /* drawing brings it back to the last page */
		return true;
	default:
		return false;
	}
}

static bool sort_key(struct top_screen *screen, int key)
{
	static const char keys[TOP_SORTS + 1] = "rtkn";
	const char *at = key > 0 && key < 128 ? strchr(keys, key) : NULL;

	if (key == 's')
		screen->view.sort = (screen->view.sort + 1) % TOP_SORTS;
	else if (at)
		screen->view.sort = (enum top_sort)(at - keys);
	return at || key == 's';
}

/* False for the key that ends it. */
static bool obey(struct top_screen *screen, const struct live_client *client, int key)
{
	if (sort_key(screen, key) || scroll_key(screen, key))
		return true;
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		screen->is_paused = !screen->is_paused;
		break;
	case 'd':
		next_domain(screen, client);
		break;
	case 'v':
		screen->view.splits_vcpus = !screen->view.splits_vcpus;
		break;
	case 'e':
		screen->view.has_details = !screen->view.has_details;
		break;
	case 'a':
		screen->view.is_active_only = !screen->view.is_active_only;
		break;
	case '+':
		change_delay(screen, 2);
		break;
	case '-':
		change_delay(screen, 0.5);
		break;
	case 'h':
	case '?':
		screen->has_help = !screen->has_help;
		break;
	case 27:
		screen->has_help = false;
		break;
	default:
		break; /* KEY_RESIZE, too: it is drawn anew in any case */
	}
	return true;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void take_sample(struct live_client *client, struct top_screen *screen)
{
	if (client->counts.number == screen->shown.number)
		return;
	if (screen->shown.number)
		live_counts_copy(&screen->before, &screen->shown, client->vcpu_count);
	live_counts_copy(&screen->shown, &client->counts, client->vcpu_count);
}

/*
 * Waits for a key, a sample, or the time of the next question; false for a terminal that is gone.
 */
static bool wait_for(struct live_client *client, double until)
{
	double rest = until - seconds();
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = client->fd, .events = POLLIN } };

	if (poll(fds, 2, rest <= 0 ? 0 : rest > 1 ? 1000 : (int)(rest * 1e3) + 1) < 0)
		return errno == EINTR;
	if (fds[1].revents)
		live_client_read(client);
	return !(fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) || (fds[0].revents & POLLIN);
}

static void loop(struct live_client *client, struct top_screen *screen)
{
	double due = seconds();
	bool goes_on = true;

	while (goes_on && !caught) {
		bool asks = !screen->is_paused && !client->is_waiting && !client->has_end &&
			    !client->trouble[0];
		int key;

		if (asks && seconds() >= due) {
			live_client_ask(client);
			due = seconds() + screen->delay_s;
			asks = false;
		}
		take_sample(client, screen);
		top_draw(client, screen);
		goes_on = wait_for(client, asks ? due : seconds() + 1);
		while (goes_on && (key = getch()) != ERR)
			goes_on = obey(screen, client, key);
	}
}

static void init_terminal(struct top_screen *screen)
{
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	/* NO_COLOR: what users set who want none (no-color.org). */
	screen->has_colors = has_colors() && !getenv("NO_COLOR") && start_color() == OK;
	if (screen->has_colors)
		use_default_colors();
}

/* After the terminal is back: what stays to be read there. */
static int say_goodbye(const struct live_client *client)
{
	char text[2 * LIVE_TEXT_MAX];

	top_end_text(client, text, sizeof(text));
	if (client->has_end)
		printf("%s (pid %d) ended: %s\n", client->about.name, client->about.pid, text);
	else if (client->trouble[0])
		pvn_error("%s (pid %d): %s", client->about.name, client->about.pid, text);
	return client->trouble[0] && !client->has_end ? PVN_HYPERVISOR_FAILED : PVN_OK;
}

int top_run_screen(struct live_client *client, const struct top_options *options)
{
	struct top_screen screen = { .view = options->view, .delay_s = options->delay_s };
	const char *terminal = getenv("TERM");
	SCREEN *curses = newterm(NULL, stdout, stdin);
	int result;

	if (!curses) {
		pvn_error("the terminal \"%s\" ($TERM) is not known here; there are --once and "
			  "--batch",
			  terminal ? terminal : "");
		return PVN_USAGE;
	}
	catch_signals();
	init_terminal(&screen);
	loop(client, &screen);
	endwin();
	delscreen(curses);
	live_counts_free(&screen.before);
	live_counts_free(&screen.shown);
	result = say_goodbye(client);
	if (caught) {
		fflush(stdout);
		signal(caught, SIG_DFL);
		raise(caught);
	}
	return result;
}
