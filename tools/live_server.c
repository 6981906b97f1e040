// SPDX-License-Identifier: BSD-2-Clause
/*
 * Answers those who watch a run; see live_server.h. A client has one question under way at most,
 * and what is on its way to it is bounded: one that does not read is dropped, one that says
 * anything but ASK as well. The machine's memory is searched when the first one asks, a slice a
 * turn.
 */
#include "live_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "live_memory.h"
#include "run.h"

/* The largest answer is 256 vCPUs with all their counters; more means that nobody reads. */
#define WAITING_MAX (4u << 20)

struct client {
	int fd; /* -1 = free */
	struct channel *channel;
	struct run_output out;
	bool has_asked, is_bad;
	uint16_t sequence;
	uint64_t samples;
};

struct live_server {
	int listener;
	char *name;
	struct live_about about;
	uint64_t key[2];
	unsigned int vcpus; /* of all domains */
	pid_t pid;
	bool has_hello;
	struct pv_frame_hello hello;
	struct live_memory *memory; /* NULL before anybody has asked */
	enum live_found found;
	bool is_gone; /* the emulator's memory */
	char trouble[LIVE_TEXT_MAX];
	struct client clients[LIVE_CLIENTS_MAX];
};

/* ---- to a client ----------------------------------------------------------------------------- */

static void send_two(struct client *c, uint16_t type, const void *head, size_t head_bytes,
		     const void *rest, size_t bytes)
{
	static uint8_t payload[PV_FRAME_MAX], frame[CHANNEL_BUFFER];
	size_t size;

	if (c->fd < 0 || c->is_bad || head_bytes + bytes > sizeof(payload))
		return;
	memcpy(payload, head, head_bytes);
	if (bytes)
		memcpy(payload + head_bytes, rest, bytes);
	size = channel_encode(frame, type, c->sequence++, payload, (uint32_t)(head_bytes + bytes));
	run_output_add(&c->out, frame, size);
	if (c->out.end - c->out.start > WAITING_MAX)
		c->is_bad = true;
}

static void send_one(struct client *c, uint16_t type, const void *payload, size_t bytes)
{
	send_two(c, type, payload, bytes, NULL, 0);
}

/* Never waits: what the socket does not take now stays. */
static void flush_client(struct client *c)
{
	while (c->fd >= 0 && !c->is_bad && c->out.end > c->out.start) {
		ssize_t sent = send(c->fd, c->out.data + c->out.start, c->out.end - c->out.start,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			c->out.start += (size_t)sent;
		else if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		else
			c->is_bad = true;
	}
}

static void drop_client(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	run_output_free(&c->out);
	free(c->channel);
	*c = (struct client){ .fd = -1 };
}

/* ---- from a client --------------------------------------------------------------------------- */

static void on_frame(void *context, const struct pv_frame_header *header, const uint8_t *payload)
{
	struct client *c = context;

	(void)payload;
	if (header->type != LIVE_ASK || header->length)
		c->is_bad = true;
	c->has_asked = true;
}

static void read_client(struct client *c)
{
	uint8_t bytes[512];
	ssize_t got = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got > 0) {
		channel_feed(c->channel, bytes, (size_t)got);
		if (c->channel->stray || c->channel->damaged || c->channel->lost)
			c->is_bad = true;
	} else if (!got || (errno != EAGAIN && errno != EINTR)) {
		c->is_bad = true;
	}
}

static void accept_client(struct live_server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = s->clients;

	while (c < s->clients + LIVE_CLIENTS_MAX && c->fd >= 0)
		c++;
	if (fd < 0) {
		/* Out of descriptors or memory: polling on would only spin. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			close(s->listener);
			s->listener = -1;
		}
		return;
	}
	if (c == s->clients + LIVE_CLIENTS_MAX) {
		close(fd);
		return;
	}
	*c = (struct client){ .fd = fd, .channel = xmalloc(sizeof(*c->channel)) };
	channel_init(c->channel, &(struct channel_sink){ .frame = on_frame, .context = c });
	send_one(c, LIVE_ABOUT, &s->about, sizeof(s->about));
	if (s->has_hello)
		send_one(c, PV_FRAME_HELLO, &s->hello, sizeof(s->hello));
}

/* ---- samples --------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Of all vCPUs, one after the other; the machine goes on meanwhile. */
static void answer(struct live_server *s, struct client *c)
{
	struct live_sample sample = { .number = ++c->samples,
				      .real_ns = now_ns(),
				      .vcpus = s->vcpus };
	struct live_vcpu *vcpus = xcalloc(s->vcpus, sizeof(*vcpus));
	uint64_t *since = xcalloc(s->vcpus, sizeof(*since));
	struct pv_stats_row rows[LIVE_ROWS_MAX];
	struct pv_frame_stats head;
	unsigned int i;

	for (i = 0; i < s->vcpus && !s->is_gone; i++) {
		s->is_gone = !live_memory_read(s->memory, i, &head, rows, &vcpus[i], &since[i]);
		if (s->is_gone)
			break;
		if (head.tsc > sample.tsc)
			sample.tsc = head.tsc;
		send_two(c, PV_FRAME_STATS, &head, sizeof(head), rows, head.rows * sizeof(rows[0]));
	}
	/* The time since a vCPU's last change of state belongs to the state that it is in. */
	for (i = 0; i < s->vcpus; i++)
		if (vcpus[i].state < 4 && sample.tsc > since[i])
			vcpus[i].times[vcpus[i].state] += sample.tsc - since[i];
	if (!s->is_gone)
		send_two(c, LIVE_SAMPLE, &sample, sizeof(sample), vcpus, s->vcpus * sizeof(*vcpus));
	free(vcpus);
	free(since);
}

static bool is_asked(const struct live_server *s)
{
	for (unsigned int i = 0; i < LIVE_CLIENTS_MAX; i++)
		if (s->clients[i].has_asked)
			return true;
	return false;
}

static bool is_searching(const struct live_server *s)
{
	return s->has_hello && s->found == LIVE_SEARCHING && is_asked(s);
}

static void search(struct live_server *s)
{
	if (!s->memory)
		s->memory =
			live_memory_open(s->pid, s->key, s->vcpus, s->trouble, sizeof(s->trouble));
	s->found = !s->memory ? LIVE_FAILED :
				live_memory_search(s->memory, s->trouble, sizeof(s->trouble));
}

static void answer_all(struct live_server *s)
{
	for (unsigned int i = 0; i < LIVE_CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		/* The answer before this one first; after the machine's end only END is left. */
		if (!c->has_asked || c->is_bad || c->out.end > c->out.start || s->is_gone)
			continue;
		c->has_asked = false;
		if (s->found == LIVE_FOUND)
			answer(s, c);
		else
			send_one(c, LIVE_TROUBLE, s->trouble, strlen(s->trouble));
	}
}

/* ---- for the session ------------------------------------------------------------------------- */

struct live_server *live_server_open(const struct live_about *about, uint64_t key[2], char *why,
				     size_t size)
{
	struct live_server *s = xcalloc(1, sizeof(*s));
	unsigned int i;

	for (i = 0; i < LIVE_CLIENTS_MAX; i++)
		s->clients[i].fd = -1;
	s->about = *about;
	s->about.version = LIVE_VERSION;
	s->about.pid = (int32_t)getpid();
	s->about.started = time(NULL);
	for (i = 0; i < about->domain_count; i++)
		s->vcpus += about->domains[i].vcpus;
	if (getrandom(s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key)) {
		snprintf(why, size, "getrandom: %s", strerror(errno));
		free(s);
		return NULL;
	}
	s->listener = live_path_listen(&s->name, why, size);
	if (s->listener < 0) {
		free(s);
		return NULL;
	}
	memcpy(key, s->key, sizeof(s->key));
	return s;
}

void live_server_set_process(struct live_server *s, pid_t pid)
{
	if (s)
		s->pid = pid;
}

bool live_server_poll(const struct live_server *s, struct pollfd fds[LIVE_FDS])
{
	unsigned int i;

	fds[0] = (struct pollfd){ .fd = s ? s->listener : -1, .events = POLLIN };
	for (i = 0; i < LIVE_CLIENTS_MAX; i++) {
		const struct client *c = s ? &s->clients[i] : NULL;
		bool waits = c && c->out.end > c->out.start;

		/* With a question under way it is not read: its next one can wait. */
		fds[1 + i] = (struct pollfd){ .fd = c ? c->fd : -1,
					      .events = (short)((waits ? POLLOUT : 0) |
								(c && c->has_asked ? 0 : POLLIN)) };
	}
	return s && is_searching(s);
}

void live_server_serve(struct live_server *s, const struct pollfd fds[LIVE_FDS])
{
	unsigned int i;

	if (!s)
		return;
	if (is_searching(s))
		search(s);
	for (i = 0; i < LIVE_CLIENTS_MAX; i++) {
		struct client *c = &s->clients[i];

		if (c->fd >= 0 && fds[1 + i].fd == c->fd && fds[1 + i].revents) {
			if (fds[1 + i].revents & POLLIN)
				read_client(c);
			else if (fds[1 + i].revents & (POLLHUP | POLLERR | POLLNVAL))
				c->is_bad = true;
		}
	}
	if (fds[0].revents)
		accept_client(s);
	if (s->found != LIVE_SEARCHING)
		answer_all(s);
	for (i = 0; i < LIVE_CLIENTS_MAX; i++) {
		flush_client(&s->clients[i]);
		if (s->clients[i].is_bad)
			drop_client(&s->clients[i]);
	}
}

void live_server_frame(struct live_server *s, const struct pv_frame_header *header,
		       const uint8_t *payload)
{
	struct pv_frame_stats stats;
	unsigned int i;

	if (!s)
		return;
	if (header->type == PV_FRAME_HELLO && header->length == sizeof(s->hello)) {
		memcpy(&s->hello, payload, sizeof(s->hello));
		s->has_hello = true;
	} else if (header->type == PV_FRAME_STATS && header->length >= sizeof(stats)) {
		memcpy(&stats, payload, sizeof(stats));
		if (stats.why != PV_STATS_END)
			return;
	} else if (header->type != PV_FRAME_DOMAIN_END) {
		return;
	}
	for (i = 0; i < LIVE_CLIENTS_MAX; i++) {
		send_one(&s->clients[i], header->type, payload, header->length);
		flush_client(&s->clients[i]);
	}
}

void live_server_close(struct live_server *s, const struct live_end *end)
{
	unsigned int i;

	if (!s)
		return;
	live_path_remove(s->name);
	for (i = 0; i < LIVE_CLIENTS_MAX; i++) {
		send_one(&s->clients[i], LIVE_END, end, sizeof(*end));
		flush_client(&s->clients[i]);
		drop_client(&s->clients[i]);
	}
	if (s->listener >= 0)
		close(s->listener);
	live_memory_close(s->memory);
	free(s->name);
	free(s);
}
