// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn top --once` and `--batch`: samples for scripts, on standard output, a block of lines each;
 * top_json.c has them as JSON. Lines that begin with # are for people. The last sample of a machine
 * that ends holds its final counters, those of `pvn run --stats`.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "pv_names.h"
#include "stats.h"
#include "top.h"

/* With --once a machine that has not come so far as to say hello is not waited for any longer. */
#define ONCE_S 10.0

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* "12.5", or "-" where there is no rate. */
static const char *rate_text(char buffer[24], double rate)
{
	if (rate < 0)
		return "-";
	snprintf(buffer, 24, "%.1f", rate);
	return buffer;
}

static void print_row(const struct live_client *client, const struct top_table *table,
		      const struct top_row *row)
{
	char guest[24], real[24], vcpu[16] = "all", space[16], class[16], name[16];

	if (row->vcpu >= 0)
		snprintf(vcpu, sizeof(vcpu), "%d", row->vcpu);
	printf("%-16s %4s %-6s %-10s %-18s %12" PRIu64 " %10" PRIu64 " %12s %12s %10" PRIu64
	       " %10" PRIu64 "\n",
	       client->about.domains[row->domain].name, vcpu, stats_space_name(row->space, space),
	       stats_class_name(row->space, row->code, class),
	       stats_name(row->space, row->code, name), row->total, row->change,
	       rate_text(guest, top_rate(row->change, table->guest_s)),
	       rate_text(real, top_rate(row->change, table->real_s)),
	       row->total ? row->ticks / row->total : 0, row->max_ticks);
}

void top_print_text(const struct live_client *client, const struct live_counts *before,
		    const struct top_view *view)
{
	struct top_table table;

	top_table_build(&table, client, before, view);
	printf("# sample %" PRIu64 " of %s (pid %d, %s): guest time %.3f s", client->counts.number,
	       client->about.name, client->about.pid, client->about.host,
	       top_guest_seconds(client, client->counts.tsc));
	if (before && before->number)
		printf("; since the last: %.3f s of the guest, %.3f s real", table.guest_s,
		       table.real_s);
	printf("\n# %-14s %4s %-6s %-10s %-18s %12s %10s %12s %12s %10s %10s\n", "domain", "vcpu",
	       "space", "class", "name", "total", "change", "per_guest_s", "per_real_s",
	       "mean_ticks", "max_ticks");
	for (size_t i = 0; i < table.count; i++)
		print_row(client, &table, &table.rows[i]);
	printf("\n");
	top_table_free(&table);
}

/* Waits until there is a later sample, the machine's end, or the time has come. */
static void wait_for(struct live_client *client, uint64_t number, double until)
{
	double rest;

	while (client->fd >= 0 && !client->has_end && !client->trouble[0] &&
	       client->counts.number == number && (rest = until - seconds()) > 0) {
		struct pollfd fd = { .fd = client->fd, .events = POLLIN };

		if (poll(&fd, 1, rest > 60 ? 60000 : (int)(rest * 1e3) + 1) > 0)
			live_client_read(client);
	}
}

static int print_sample(const struct live_client *client, const struct top_options *options,
			struct live_counts *before)
{
	if (options->is_json)
		top_print_json(client, before, &options->view);
	else
		top_print_text(client, before, &options->view);
	live_counts_copy(before, &client->counts, client->vcpu_count);
	if (fflush(stdout)) {
		pvn_error("standard output: %s", strerror(errno));
		return PVN_HYPERVISOR_FAILED;
	}
	return PVN_OK;
}

static int print_end(const struct live_client *client, const struct top_options *options)
{
	char text[2 * LIVE_TEXT_MAX];

	top_end_text(client, text, sizeof(text));
	if (!client->has_end) {
		pvn_error("%s (pid %d): %s", client->about.name, client->about.pid, text);
		return PVN_HYPERVISOR_FAILED;
	}
	if (options->is_json)
		top_print_json_end(client);
	else
		printf("# ended: %s\n", text);
	return PVN_OK;
}

int top_print(struct live_client *client, const struct top_options *options)
{
	struct live_counts before = { 0 };
	/* Rates need a sample to start from, which is not shown. */
	uint64_t skip = options->is_once ? 0 : 1, printed = 0, seen = 0;
	double due = seconds();
	int result = PVN_OK;

	while (result == PVN_OK) {
		live_client_ask(client);
		wait_for(client, seen, options->is_once ? due + ONCE_S : 1e18);
		if (client->is_waiting && options->is_once) {
			pvn_error("%s (pid %d): no counters after %g s; the hypervisor has %s",
				  client->about.name, client->about.pid, ONCE_S,
				  client->has_hello ? "started" : "not started yet");
			result = PVN_HYPERVISOR_FAILED;
		}
		if (client->counts.number > seen) {
			seen = client->counts.number;
			if (seen <= skip && !client->has_end) {
				live_counts_copy(&before, &client->counts, client->vcpu_count);
			} else {
				result = print_sample(client, options, &before);
				printed++;
			}
		}
		if (result != PVN_OK || (options->samples && printed >= options->samples))
			break;
		if (client->has_end || client->fd < 0 || client->trouble[0]) {
			result = print_end(client, options);
			break;
		}
		due += options->delay_s;
		if (due < seconds())
			due = seconds();
		wait_for(client, seen, due);
	}
	live_counts_free(&before);
	return result;
}
