// SPDX-License-Identifier: BSD-2-Clause
/*
 * One run: the loop that waits for the emulator, the signals, the timeout and slow outputs at once;
 * see run.h. Signals are blocked for the time of a run and read from a descriptor, so there is no
 * moment at which one could leave a process behind.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "disassemble.h"
#include "run_session.h"

/* After MACHINE_END, or after it closed the channel, an emulator has this long to end. */
#define END_S 10.0
/* After the end of a run, readers of our output have this long. A timeout must end some time. */
#define LAST_FLUSH_S 5.0
/* With this much unread output the emulator has to wait: nothing grows without bound. */
#define OUTPUT_HIGH (1u << 20)
#define OUTPUTS_MAX 4u

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void take_log(struct session *s, const uint8_t *payload, uint32_t length)
{
	char *line, *named, *complete;
	unsigned int i;

	if (!s->options->on_log)
		return;
	/* Read once, at the first line: guests without an end in trouble need none. */
	for (i = 0; !s->has_symbols && i < s->machine->domain_count; i++)
		symbols_load(&s->symbols[i], s->machine->domains[i].kernel);
	s->has_symbols = true;
	line = xmalloc((size_t)length + 1);
	memcpy(line, payload, length);
	line[length] = 0;
	named = symbols_annotate(line, s->symbols, s->machine->domain_count);
	complete = disassemble_annotate(named);
	s->options->on_log(s->options->context, complete);
	free(complete);
	free(named);
	free(line);
}

static void on_frame(void *context, const struct pv_frame_header *header, const uint8_t *payload)
{
	struct session *s = context;
	uint32_t domain;

	stats_frame(&s->result->stats, header, payload);
	live_server_frame(s->live, header, payload);
	switch (header->type) {
	case PV_FRAME_LOG:
		take_log(s, payload, header->length);
		break;
	case PV_FRAME_CONSOLE:
		if (header->length < sizeof(domain) || !s->options->on_console)
			break;
		memcpy(&domain, payload, sizeof(domain));
		if (domain < s->machine->domain_count)
			s->options->on_console(s->options->context, domain,
					       (const char *)payload + sizeof(domain),
					       header->length - sizeof(domain));
		break;
	case PV_FRAME_TRACE:
		if (s->options->on_trace)
			s->options->on_trace(s->options->context, payload, header->length);
		break;
	case PV_FRAME_MACHINE_END:
		s->end_by = now() + END_S;
		break;
	}
}

/* What an emulator prints itself; in the private folder, for a look after a failure. */
static void on_stray(void *context, const uint8_t *bytes, size_t count)
{
	struct session *s = context;

	if (s->stray)
		fwrite(bytes, 1, count, s->stray);
}

/* False at the end of the stream. */
static bool read_channel(struct session *s)
{
	uint8_t bytes[16384];
	ssize_t got = read(s->process.channel, bytes, sizeof(bytes));

	if (got > 0)
		channel_feed(&s->channel, bytes, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ---- the loop -------------------------------------------------------------------------------- */

static size_t waiting(const struct run_output *output)
{
	return output->end - output->start;
}

/* Bytes of all outputs that wait, or SIZE_MAX after an error. */
static size_t outputs_state(const struct session *s)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->options->output_count; i++) {
		if (s->options->outputs[i].error)
			return SIZE_MAX;
		sum += waiting(&s->options->outputs[i]);
	}
	return sum;
}

static int poll_timeout(double until)
{
	double rest = until - now();

	if (until == 0)
		return -1;
	return rest <= 0 ? 0 : (int)(rest * 1000) + 1;
}

static void read_signal(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			run_process_poll(&s->process);
		else
			s->result->signal = (int)info.ssi_signo;
	}
}

/* Waits for what comes first, until the given time, and serves it. */
static void serve(struct session *s, double until, bool may_read)
{
	struct pollfd fds[4 + OUTPUTS_MAX + LIVE_FDS];
	unsigned int n = s->options->output_count, i;
	struct console *console = &s->console;
	bool searches;

	fds[0] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = may_read ? s->process.channel : -1, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = console->keyboard, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = console->port,
				  .events = POLLIN | (console->pending_bytes ? POLLOUT : 0) };
	for (i = 0; i < n; i++) {
		struct run_output *output = &s->options->outputs[i];

		fds[4 + i] = (struct pollfd){ .fd = waiting(output) ? output->fd : -1,
					      .events = POLLOUT };
	}
	searches = live_server_poll(s->live, fds + 4 + n);
	if (poll(fds, 4 + n + LIVE_FDS, searches ? 0 : poll_timeout(until)) < 0)
		return;
	live_server_serve(s->live, fds + 4 + n);
	if (fds[0].revents)
		read_signal(s);
	if (fds[1].revents && !read_channel(s)) {
		close(s->process.channel);
		s->process.channel = -1;
		s->end_by = now() + END_S;
	}
	if (fds[2].revents)
		console_read_keyboard(console);
	if (fds[3].revents)
		console_serve_port(console, fds[3].revents);
	for (i = 0; i < n; i++) {
		if (fds[4 + i].revents)
			run_output_flush(&s->options->outputs[i]);
	}
}

/* What a dead emulator left in the pipe; a child of it that holds on is not waited for. */
static void drain(struct session *s)
{
	ssize_t got = 1;

	while (s->process.channel >= 0 && got > 0) {
		uint8_t bytes[4096];

		got = read(s->process.channel, bytes, sizeof(bytes));
		if (got > 0)
			channel_feed(&s->channel, bytes, (size_t)got);
	}
}

static void run_loop(struct session *s)
{
	run_process_poll(&s->process);
	while (!s->process.has_exited) {
		double until = s->deadline;
		size_t state = outputs_state(s);

		if (s->result->signal || state == SIZE_MAX || s->console.wants_end)
			return;
		if (s->end_by != 0 && (until == 0 || s->end_by < until))
			until = s->end_by;
		if (until != 0 && now() >= until) {
			s->is_timed_out = s->end_by == 0;
			return;
		}
		serve(s, until, state < OUTPUT_HIGH);
	}
	drain(s);
}

/* The reader of our output may be slow or stopped; a signal still ends it. */
static void flush_outputs(struct session *s)
{
	double until = now() + LAST_FLUSH_S;
	size_t state;

	while ((state = outputs_state(s)) != 0 && state != SIZE_MAX && !s->result->signal &&
	       now() < until)
		serve(s, until, false);
}

/* ---- from start to end ----------------------------------------------------------------------- */

static void session_begin(struct session *s)
{
	const struct channel_sink sink = { on_frame, on_stray, s };
	struct stats *stats = &s->result->stats;
	unsigned int i;

	channel_init(&s->channel, &sink);
	stats_init(stats);
	stats->domain_count = s->machine->domain_count;
	for (i = 0; i < stats->domain_count; i++) {
		memcpy(stats->domains[i].name, s->machine->domains[i].name,
		       sizeof(stats->domains[i].name));
		stats->domains[i].mode = s->machine->domains[i].mode;
	}
	s->signals = -1;
	s->process.channel = -1;
	s->console.keyboard = -1;
	s->console.port = -1;
	s->console.port_slave = -1;
	s->start = now();
}

static void session_end(struct session *s)
{
	unsigned int i;

	for (i = 0; s->has_symbols && i < s->machine->domain_count; i++)
		symbols_free(&s->symbols[i]);
	if (s->stray)
		fclose(s->stray);
	launch_free(&s->launch);
	free((char *)s->launch.dir);
	free((char *)s->launch.hypervisor);
	session_restore_signals(s);
	s->result->lost = s->channel.lost;
	s->result->damaged = s->channel.damaged;
	s->result->seconds = now() - s->start;
}

void run_machine(const struct machine *m, const struct run_options *options,
		 struct run_result *result, struct errors *e)
{
	struct session *s = xcalloc(1, sizeof(*s));

	memset(result, 0, sizeof(*result));
	result->exit = PVN_HYPERVISOR_FAILED;
	s->machine = m;
	s->options = options;
	s->launcher = launcher_find(options->host);
	s->result = result;
	session_begin(s);
	if (!session_block_signals(s, e) && !session_prepare(s, e)) {
		if (options->timeout_s)
			s->deadline = now() + options->timeout_s;
		run_loop(s);
		s->has_exited = s->process.has_exited;
		run_process_end(&s->process);
		channel_finish(&s->channel);
		if (options->on_end)
			options->on_end(options->context);
		if (s->stray)
			fflush(s->stray);
		flush_outputs(s);
		result->is_quit = s->console.wants_end;
		session_judge(s);
	}
	session_live_end(s);
	console_close(&s->console);
	session_keep_or_remove(s);
	session_end(s);
	free(s);
}

void run_result_free(struct run_result *result)
{
	stats_free(&result->stats);
	free(result->kept);
	free(result->telling);
	result->kept = NULL;
	result->telling = NULL;
}
