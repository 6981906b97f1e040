// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads what a run says to those who watch it; see live_client.h. A sample counts when it is
 * complete; the final counters of domains that end make one more when the run has ended.
 */
#include "live_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* a run that does not say hello within this time is left out */

static void trouble(struct live_client *c, const char *text)
{
	if (!c->trouble[0])
		snprintf(c->trouble, sizeof(c->trouble), "%s", text);
	c->is_waiting = false;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool take_about(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	unsigned int i;

	if (c->has_about || length < sizeof(c->about.version))
		return false;
	memcpy(&c->about, payload, length < sizeof(c->about) ? length : sizeof(c->about));
	if (c->about.version != LIVE_VERSION) {
		trouble(c, "this machine was started by another version of pvn");
		return true;
	}
	if (length != sizeof(c->about) || c->about.domain_count > PV_BUNDLE_DOMAINS_MAX)
		return false;
	c->about.name[sizeof(c->about.name) - 1] = 0;
	c->about.file[sizeof(c->about.file) - 1] = 0;
	c->about.host[sizeof(c->about.host) - 1] = 0;
	for (i = 0; i < c->about.domain_count; i++) {
		if (c->about.domains[i].vcpus > PV_VCPUS_MAX)
			return false;
		c->about.domains[i].name[sizeof(c->about.domains[i].name) - 1] = 0;
		c->vcpu_count += c->about.domains[i].vcpus;
	}
	c->counts.vcpus = xcalloc(c->vcpu_count, sizeof(*c->counts.vcpus));
	c->coming.vcpus = xcalloc(c->vcpu_count, sizeof(*c->coming.vcpus));
	c->has_about = true;
	return true;
}

static bool take_stats(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	struct pv_frame_stats head;
	struct live_vcpu_counts *to;
	size_t bytes;
	int i;

	if (length < sizeof(head))
		return false;
	memcpy(&head, payload, sizeof(head));
	bytes = length - sizeof(head);
	i = live_client_index(c, head.domain, head.vcpu);
	if (i < 0 || head.rows > LIVE_ROWS_MAX || bytes != head.rows * sizeof(to->rows[0]))
		return false;
	to = &c->coming.vcpus[i];
	/* What is final stays, and later samples do not know the TSC of the end. */
	if (to->head.why == PV_STATS_END && head.why != PV_STATS_END && c->has_ended[head.domain])
		return true;
	to->head = head;
	memcpy(to->rows, payload + sizeof(head), bytes);
	if (head.tsc > c->coming.tsc)
		c->coming.tsc = head.tsc;
	if (head.why == PV_STATS_END)
		c->has_last = true;
	return true;
}

static void complete(struct live_client *c, uint64_t real_ns, uint64_t tsc)
{
	if (c->coming.tsc < tsc)
		c->coming.tsc = tsc;
	c->coming.real_ns = real_ns;
	c->coming.number = c->counts.number + 1;
	live_counts_copy(&c->counts, &c->coming, c->vcpu_count);
	c->has_last = false;
}

static bool take_sample(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	struct live_sample sample;
	struct live_vcpu vcpu;
	unsigned int i;

	if (length < sizeof(sample))
		return false;
	memcpy(&sample, payload, sizeof(sample));
	if (sample.vcpus != c->vcpu_count ||
	    length != sizeof(sample) + sample.vcpus * sizeof(struct live_vcpu))
		return false;
	for (i = 0; i < c->vcpu_count; i++) {
		int at;

		memcpy(&vcpu, payload + sizeof(sample) + i * sizeof(vcpu), sizeof(vcpu));
		at = live_client_index(c, vcpu.domain, vcpu.vcpu);
		if (at < 0)
			return false;
		c->coming.vcpus[at].vcpu = vcpu;
	}
	complete(c, sample.real_ns, sample.tsc);
	c->is_waiting = false;
	return true;
}

static bool take_domain_end(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	struct pv_frame_domain_end end;

	if (length != sizeof(end))
		return false;
	memcpy(&end, payload, sizeof(end));
	if (end.domain >= c->about.domain_count)
		return false;
	end.why[sizeof(end.why) - 1] = 0;
	c->ends[end.domain] = end;
	c->has_ended[end.domain] = true;
	return true;
}

static bool take_end(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	struct timespec now;

	if (length != sizeof(c->end))
		return false;
	memcpy(&c->end, payload, sizeof(c->end));
	c->end.why[sizeof(c->end.why) - 1] = 0;
	c->has_end = true;
	c->is_waiting = false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (c->has_last)
		complete(c, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, 0);
	return true;
}

static bool take_hello(struct live_client *c, const uint8_t *payload, uint32_t length)
{
	if (length != sizeof(c->hello))
		return false;
	memcpy(&c->hello, payload, sizeof(c->hello));
	c->hello.backend[sizeof(c->hello.backend) - 1] = 0;
	c->hello.build[sizeof(c->hello.build) - 1] = 0;
	c->has_hello = true;
	return true;
}

static bool take(struct live_client *c, uint16_t type, const uint8_t *payload, uint32_t length)
{
	char text[LIVE_TEXT_MAX];

	if (type == LIVE_ABOUT)
		return take_about(c, payload, length);
	if (!c->has_about)
		return false;
	switch (type) {
	case PV_FRAME_HELLO:
		return take_hello(c, payload, length);
	case PV_FRAME_STATS:
		return take_stats(c, payload, length);
	case PV_FRAME_DOMAIN_END:
		return take_domain_end(c, payload, length);
	case LIVE_SAMPLE:
		return take_sample(c, payload, length);
	case LIVE_TROUBLE:
		snprintf(text, sizeof(text), "%.*s", (int)length, (const char *)payload);
		trouble(c, text);
		return true;
	case LIVE_END:
		return take_end(c, payload, length);
	default:
		return true;
	}
}

static void on_frame(void *context, const struct pv_frame_header *header, const uint8_t *payload)
{
	struct live_client *c = context;

	if (!take(c, header->type, payload, header->length))
		trouble(c, "what this run says makes no sense");
}

/* ---- the connection -------------------------------------------------------------------------- */

struct live_client *live_client_new(int fd)
{
	struct live_client *c = xcalloc(1, sizeof(*c));

	c->fd = fd;
	channel_init(&c->channel, &(struct channel_sink){ .frame = on_frame, .context = c });
	return c;
}

void live_client_close(struct live_client *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	live_counts_free(&c->counts);
	live_counts_free(&c->coming);
	free(c);
}

static void lost(struct live_client *c)
{
	close(c->fd);
	c->fd = -1;
	c->is_waiting = false;
	if (!c->has_end)
		trouble(c, "the run ended without a word");
}

void live_client_ask(struct live_client *c)
{
	uint8_t frame[sizeof(struct pv_frame_header)];
	size_t size;

	if (c->fd < 0 || c->is_waiting || c->has_end || c->trouble[0])
		return;
	size = channel_encode(frame, LIVE_ASK, c->sequence++, NULL, 0);
	/* One question at a time: there is always room for it, unless the run is gone. */
	if (send(c->fd, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		c->is_waiting = true;
	else
		live_client_read(c); /* its last words */
}

void live_client_read(struct live_client *c)
{
	uint8_t bytes[16384];
	ssize_t got;

	while (c->fd >= 0 && (got = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != 0) {
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got < 0)
			break;
		channel_feed(&c->channel, bytes, (size_t)got);
		if (c->channel.stray || c->channel.damaged || c->channel.lost)
			trouble(c, "what this run says makes no sense");
	}
	if (c->fd >= 0)
		lost(c);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool is_silent(const struct live_client *c)
{
	return c->fd >= 0 && !c->has_about && !c->trouble[0];
}

/* Reads until each has introduced itself, or the time is over. */
static void introduce(struct live_client **found, size_t count)
{
	double until = seconds() + ANSWER_MS * 1e-3;
	struct pollfd fds[LIVE_RUNS_MAX];
	bool waits = true;
	size_t i;

	while (waits && seconds() < until) {
		waits = false;
		for (i = 0; i < count; i++) {
			fds[i] = (struct pollfd){ .fd = is_silent(found[i]) ? found[i]->fd : -1,
						  .events = POLLIN };
			waits |= fds[i].fd >= 0;
		}
		if (!waits || poll(fds, count, (int)((until - seconds()) * 1e3) + 1) < 0)
			continue;
		for (i = 0; i < count; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				live_client_read(found[i]);
	}
}

static int by_pid(const void *a, const void *b)
{
	const struct live_client *const *x = a, *const *y = b;

	return (*x)->about.pid < (*y)->about.pid ? -1 : (*x)->about.pid > (*y)->about.pid;
}

size_t live_client_find(struct live_client *found[LIVE_RUNS_MAX])
{
	int fds[LIVE_RUNS_MAX];
	size_t count = live_path_connect_all(fds, LIVE_RUNS_MAX), kept = 0, i;

	for (i = 0; i < count; i++)
		found[i] = live_client_new(fds[i]);
	introduce(found, count);
	for (i = 0; i < count; i++) {
		if (found[i]->has_about)
			found[kept++] = found[i];
		else
			live_client_close(found[i]);
	}
	qsort(found, kept, sizeof(found[0]), by_pid);
	return kept;
}

/* ---- counters -------------------------------------------------------------------------------- */

int live_client_index(const struct live_client *c, uint32_t domain, uint32_t vcpu)
{
	int at = 0;

	if (domain >= c->about.domain_count || vcpu >= c->about.domains[domain].vcpus)
		return -1;
	for (uint32_t i = 0; i < domain; i++)
		at += (int)c->about.domains[i].vcpus;
	return at + (int)vcpu;
}

void live_counts_copy(struct live_counts *to, const struct live_counts *from, unsigned int vcpus)
{
	struct live_vcpu_counts *room = to->vcpus;

	if (!room)
		room = xcalloc(vcpus, sizeof(*room));
	memcpy(room, from->vcpus, vcpus * sizeof(*room));
	*to = *from;
	to->vcpus = room;
}

void live_counts_free(struct live_counts *counts)
{
	free(counts->vcpus);
	counts->vcpus = NULL;
}
