// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the terminal shows: head lines, a line for each domain or vCPU, the table of counters, and a
 * line of keys. Drawn anew from the samples each time, at whatever size the window has; what does
 * not fit is left out from the right and from below. Text is ASCII; whatever else a name holds is
 * shown as a question mark.
 */
#include <inttypes.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pv_names.h"
#include "stats.h"
#include "top.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { COLOR_COLUMNS = 1, COLOR_BUSY, COLOR_TROUBLE };

/* One line, cut at the window's right edge; attributes fill the whole of it. */
static void line(int y, attr_t attributes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line(int y, attr_t attributes, const char *fmt, ...)
{
	char text[512];
	va_list args;
	size_t i;

	if (y < 0 || y >= LINES)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (i = 0; text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	attrset((int)attributes);
	mvaddnstr(y, 0, text, COLS);
	if (attributes & A_REVERSE)
		for (int x = (int)i; x < COLS; x++)
			mvaddch(y, x, ' ');
	attrset(A_NORMAL);
}

static attr_t colored(const struct top_screen *screen, int pair, attr_t otherwise)
{
	return screen->has_colors ? (attr_t)COLOR_PAIR(pair) | (otherwise & A_BOLD) : otherwise;
}

/* "1234", "12.3k", "4.5M": never wider than 7. */
static const char *short_number(char buffer[24], double value)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	if (value < 0)
		return "-";
	while (value >= 99999.5 && unit + 1 < COUNT(units) - 1) {
		value /= 1000;
		unit++;
	}
	if (unit)
		snprintf(buffer, 24, "%.1f%c", value, units[unit]);
	else
		snprintf(buffer, 24, value < 100 ? "%.1f" : "%.0f", value);
	return buffer;
}

/* ---- head ------------------------------------------------------------------------------------ */

static int draw_head(const struct live_client *client, const struct top_screen *screen,
		     const struct top_table *table)
{
	const char *paused = screen->is_paused ? "PAUSED " : "";
	uint32_t cpus = client->has_hello ? client->hello.cpus : client->about.cpus;
	char guest[24], real[24], text[2 * LIVE_TEXT_MAX];
	int y = 0;

	line(y++, A_REVERSE | A_BOLD, "pvn top: %s%s (pid %d, %s%s%s, %u CPU%s)", paused,
	     client->about.name, client->about.pid, client->about.host,
	     client->has_hello ? " " : "", client->hello.backend, cpus, cpus == 1 ? "" : "s");
	if (client->has_end || client->trouble[0]) {
		top_end_text(client, text, sizeof(text));
		line(y++, colored(screen, COLOR_TROUBLE, A_BOLD), "%s%s",
		     client->has_end ? "ended: " : "", text);
	} else if (!screen->shown.number) {
		line(y++, A_NORMAL, "waiting for the machine's counters");
	} else if (table->real_s > 0 && table->guest_s <= 0 && !table->transitions_change) {
		line(y++, A_NORMAL, "guest time %.2f s at the last exit; none in %.3f s real",
		     top_guest_seconds(client, screen->shown.tsc), table->real_s);
	} else {
		line(y++, A_NORMAL,
		     "guest time %.2f s; between the samples %.3f s of the guest, %.3f s real",
		     top_guest_seconds(client, screen->shown.tsc), table->guest_s, table->real_s);
	}
	line(y++, A_NORMAL, "transitions %" PRIu64 ", now %s per guest s, %s per real s",
	     table->transitions,
	     short_number(guest, top_rate(table->transitions_change, table->guest_s)),
	     short_number(real, top_rate(table->transitions_change, table->real_s)));
	return y;
}

/* "hypercall 60%  sensitive 40%": of the transitions between the samples. */
static int draw_classes(const struct top_table *table, int y)
{
	char text[256] = "classes";
	size_t used = strlen(text), i;

	for (i = 0; i < COUNT(pv_class_names); i++) {
		double share = 0;

		if (!pv_class_names[i] || used >= sizeof(text))
			continue;
		if (table->transitions_change)
			share = 100.0 * (double)table->classes_change[i] /
				(double)table->transitions_change;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "  %s %.0f%%",
					 pv_class_names[i], share);
	}
	line(y, A_NORMAL, "%s", text);
	return y + 1;
}

static uint64_t vcpu_transitions(const struct live_counts *counts, int at)
{
	uint64_t sum = 0;

	for (uint32_t r = 0; counts->number && r < counts->vcpus[at].head.rows; r++)
		if (counts->vcpus[at].rows[r].space == PV_STATS_EXIT)
			sum += counts->vcpus[at].rows[r].count;
	return sum;
}

static void draw_vcpu(const struct live_client *client, const struct top_screen *screen,
		      unsigned int d, uint32_t vcpu, int y)
{
	int at = live_client_index(client, d, vcpu);
	uint64_t now = vcpu_transitions(&screen->shown, at);
	uint64_t then = vcpu_transitions(&screen->before, at);
	const char *state = client->has_ended[d] ?
				    "stopped" :
				    top_state_name(client->counts.vcpus[at].vcpu.state);
	double share = top_share(client, &screen->before, at, PV_STATE_RUNNING);
	double real_s = (double)(screen->shown.real_ns - screen->before.real_ns) * 1e-9;
	char rate[24], running[24] = "-";

	if (share >= 0)
		snprintf(running, sizeof(running), "%.0f%%", share * 100);
	if (!screen->before.number)
		real_s = 0;
	line(y, A_NORMAL,
	     "  vCPU %-2u  %-8s  running %4s of the time, transitions %" PRIu64
	     ", now %s per real s",
	     vcpu, state, running, now,
	     short_number(rate, top_rate(now > then ? now - then : 0, real_s)));
}

/* A line for each domain, or for each vCPU of the one that is looked at. */
static int draw_domains(const struct live_client *client, const struct top_screen *screen, int y)
{
	/* The table needs room as well. */
	int end = y + (LINES > 12 ? LINES / 3 : 2);

	for (unsigned int d = 0; d < client->about.domain_count && y < end; d++) {
		uint32_t mode = client->about.domains[d].mode;
		char state[200];

		if (screen->view.domain >= 0 && screen->view.domain != (int)d)
			continue;
		top_domain_text(client, d, state, sizeof(state));
		line(y++, A_BOLD, "domain %s  %s  %u vCPU%s  %s", client->about.domains[d].name,
		     mode < COUNT(pv_mode_names) ? pv_mode_names[mode] : "?",
		     client->about.domains[d].vcpus, client->about.domains[d].vcpus == 1 ? "" : "s",
		     state);
		for (uint32_t i = 0; screen->view.domain == (int)d && screen->shown.number &&
				     i < client->about.domains[d].vcpus && y < end;
		     i++)
			draw_vcpu(client, screen, d, i, y++);
	}
	return y;
}

/* ---- table ----------------------------------------------------------------------------------- */

static void draw_row(const struct live_client *client, const struct top_screen *screen,
		     const struct top_table *table, const struct top_row *row, int y)
{
	char guest[24], real[24], total[24], vcpu[16] = "all", class[16], name[16];
	bool is_busy = row->change > 0;

	if (row->vcpu >= 0)
		snprintf(vcpu, sizeof(vcpu), "%d", row->vcpu);
	snprintf(total, sizeof(total), "%" PRIu64, row->total);
	line(y, is_busy ? colored(screen, COLOR_BUSY, A_BOLD) : A_NORMAL,
	     "%-16s %-10s %9s %9s %12s %9" PRIu64 "  %4s  %s",
	     stats_name(row->space, row->code, name),
	     stats_class_name(row->space, row->code, class),
	     short_number(guest, top_rate(row->change, table->guest_s)),
	     short_number(real, top_rate(row->change, table->real_s)), total,
	     row->total ? row->ticks / row->total : 0, vcpu,
	     client->about.domains[row->domain].name);
}

static void draw_table(const struct live_client *client, struct top_screen *screen,
		       const struct top_table *table, int y)
{
	size_t room;

	line(y++, colored(screen, COLOR_COLUMNS, A_REVERSE),
	     "%-16s %-10s %9s %9s %12s %9s  %4s  %s", "NAME", "CLASS", "/GUEST s", "/REAL s",
	     "TOTAL", "TICKS", "VCPU", "DOMAIN");
	room = LINES - 1 > y ? (size_t)(LINES - 1 - y) : 0;
	if (screen->first_row + room > table->count)
		screen->first_row = table->count > room ? table->count - room : 0;
	for (size_t i = screen->first_row; i < table->count && y < LINES - 1; i++)
		draw_row(client, screen, table, &table->rows[i], y++);
}

static void draw_help(int y)
{
	static const char *const text[] = {
		"q        quit                     Esc, h  this help, on and off",
		"p space  pause                    + -     less or more time between samples",
		"s        next sort key            r t k n by rate, total, ticks, name",
		"d        next domain, then all    v       vCPUs one by one, or summed",
		"e        events and batch members a       only what changes, or all",
		"arrows, Page Up, Page Down, Home, End: scroll",
		"",
		"/GUEST s is per second of the machine's own clock (its TSC), which an emulator",
		"lets go as fast as it can; /REAL s is per second here. TICKS is the mean of one.",
	};

	for (size_t i = 0; i < COUNT(text) && y < LINES - 1; i++)
		line(y++, A_NORMAL, "%s", text[i]);
}

static void draw_foot(const struct live_client *client, const struct top_screen *screen)
{
	const char *domain =
		screen->view.domain < 0 ? "all" : client->about.domains[screen->view.domain].name;

	line(LINES - 1, A_REVERSE,
	     "q quit  h help  p pause  sort: %s  domain: %s  vCPUs: %s  every %.2g s",
	     top_sort_name(screen->view.sort), domain, screen->view.splits_vcpus ? "each" : "sum",
	     screen->delay_s);
}

void top_draw(const struct live_client *client, struct top_screen *screen)
{
	struct top_table table;
	int y;

	if (screen->has_colors) {
		init_pair(COLOR_COLUMNS, COLOR_BLACK, COLOR_CYAN);
		init_pair(COLOR_BUSY, COLOR_GREEN, -1);
		init_pair(COLOR_TROUBLE, COLOR_RED, -1);
	}
	top_table_build(&table, client, &screen->before, &screen->view);
	erase();
	y = draw_head(client, screen, &table);
	if (LINES > 8)
		y = draw_classes(&table, y);
	y = draw_domains(client, screen, y);
	if (screen->has_help)
		draw_help(y);
	else
		draw_table(client, screen, &table, y);
	draw_foot(client, screen);
	refresh();
	top_table_free(&table);
}
