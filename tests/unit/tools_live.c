// SPDX-License-Identifier: BSD-2-Clause
/*
 * Watching a run (tools/live_*.c, top_table.c): counters out of a frame's bytes and out of another
 * process, tags that lie, a server and its clients, what a client makes of any bytes, rates.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live_memory.h"
#include "live_server.h"
#include "live_target.h"
#include "tap.h"
#include "top.h"

static const uint64_t key[2] = { 0x1122334455667788, 0x99aabbccddeeff00 };
static char runtime[] = "/tmp/pvn-live-XXXXXX";
static const char *target;

/* ---- frames ---------------------------------------------------------------------------------- */

static void rows_of_a_frame(void)
{
	uint8_t frame[PV_LIVE_FRAME] __attribute__((aligned(8))) = { 0 };
	struct pv_stats_row rows[LIVE_ROWS_MAX];
	struct pv_live tag;

	target_tag(frame, key, 3, 2);
	*target_exit(frame, PV_EXIT_CPUID) = (struct pv_live_counter){ 5, 500, 120 };
	*target_exit(frame, PV_EXIT_HYPERCALL) = (struct pv_live_counter){ 1, 10, 10 };
	*target_call(frame, 0) = (struct pv_live_counter){ 7, 700, 110 };
	*target_call(frame, 1) = (struct pv_live_counter){ 2, 3000, 2000 };
	target_number(frame, TARGET_MEMBERS)[1] = 9;
	target_number(frame, TARGET_EVENTS)[0] = 4;
	EXPECT(live_tag_fits(frame, key, &tag));
	EXPECT_EQ(tag.domain, 3);
	EXPECT_EQ(live_rows(frame, &tag, rows), 6);
	EXPECT(rows[0].space == PV_STATS_EXIT && rows[0].code == PV_EXIT_HYPERCALL);
	EXPECT(rows[0].count == 10 && rows[0].ticks == 3710 && rows[0].max_ticks == 2000);
	EXPECT(rows[1].code == PV_EXIT_CPUID && rows[1].count == 5 && rows[1].max_ticks == 120);
	EXPECT(rows[2].space == PV_STATS_CALL && rows[2].code == PV_CALL_NULL);
	EXPECT(rows[3].code == PV_CALL_CONSOLE && rows[3].ticks == 3000);
	EXPECT(rows[4].space == PV_STATS_BATCH && rows[4].count == 9);
	EXPECT(rows[5].space == PV_STATS_EVENT && rows[5].code == 0 && rows[5].count == 4);
	tap_case("the rows of a frame are those that the hypervisor would send");
}

static void tags_that_lie(void)
{
	uint8_t *frame = aligned_alloc(8, PV_LIVE_FRAME); /* on the heap: overruns are seen */
	struct pv_stats_row rows[LIVE_ROWS_MAX];
	unsigned int refused = 0, i;
	struct pv_live tag;
	uint64_t seed = 5;

	memset(frame, 0xff, PV_LIVE_FRAME);
	EXPECT(!live_tag_fits(frame, key, &tag));
	for (i = 0; i < 20000; i++) {
		target_tag(frame, key, 0, 0);
		for (unsigned int n = rnd(&seed) % 4; n < 4; n++)
			frame[PV_LIVE_FRAME - sizeof(tag) + rnd(&seed) % sizeof(tag)] =
				(uint8_t)rnd(&seed);
		if (live_tag_fits(frame, key, &tag))
			EXPECT(live_rows(frame, &tag, rows) <= LIVE_ROWS_MAX);
		else
			refused++;
	}
	EXPECT(refused > 1000 && refused < 20000);
	free(frame);
	tap_case("a damaged tag is refused, or stays within its frame");
}

/* ---- another process's memory ---------------------------------------------------------------- */

struct other {
	pid_t pid;
	int in, out;
};

static struct other start(const uint64_t with[2], unsigned int vcpus)
{
	char text[3][20], ready[6] = "";
	struct other other = { 0 };
	int in[2], out[2];

	snprintf(text[0], sizeof(text[0]), "%llx", (unsigned long long)with[0]);
	snprintf(text[1], sizeof(text[1]), "%llx", (unsigned long long)with[1]);
	snprintf(text[2], sizeof(text[2]), "%u", vcpus);
	if (pipe(in) || pipe(out))
		exit(1);
	other.pid = fork();
	if (!other.pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(target, target, text[0], text[1], text[2], NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	other.in = in[1];
	other.out = out[0];
	EXPECT_EQ(read(out[0], ready, sizeof(ready)), 6);
	return other;
}

static void stop(const struct other *other)
{
	close(other->in);
	close(other->out);
	waitpid(other->pid, NULL, 0);
}

static uint64_t hlt_count(const struct pv_stats_row *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (rows[i].space == PV_STATS_EXIT && rows[i].code == PV_EXIT_HLT)
			return rows[i].count;
	return 0;
}

static void read_all(struct live_memory *m, uint64_t last[8], uint64_t seen[8])
{
	struct pv_stats_row rows[LIVE_ROWS_MAX];
	struct pv_frame_stats head;
	struct live_vcpu vcpu;
	uint64_t since, now;
	unsigned int i, n;

	for (i = 0; i < 8; i++) {
		EXPECT(live_memory_read(m, i, &head, rows, &vcpu, &since));
		n = (head.domain * 4 + head.vcpu) % 8;
		now = hlt_count(rows, head.rows);
		EXPECT(now >= last[n]);
		EXPECT(head.tsc >= seen[n] && head.tsc % 0xffff == 0);
		last[n] = now;
		seen[n] = head.tsc;
	}
}

static void counters_of_a_process(void)
{
	uint64_t first[8] = { 0 }, last[8] = { 0 }, seen[8] = { 0 };
	struct other other = start(key, 8);
	struct pv_stats_row rows[LIVE_ROWS_MAX];
	struct pv_frame_stats head;
	struct live_vcpu vcpu;
	struct live_memory *m;
	char why[200] = "";
	uint64_t since;
	enum live_found found;

	m = live_memory_open(other.pid, key, 8, why, sizeof(why));
	EXPECT_MSG(m, "%s", why);
	while (m && (found = live_memory_search(m, why, sizeof(why))) == LIVE_SEARCHING)
		;
	EXPECT_MSG(m && found == LIVE_FOUND, "%s", why);
	if (m && found == LIVE_FOUND) {
		read_all(m, first, seen);
		memcpy(last, first, sizeof(last));
		for (unsigned int i = 0; i < 2000; i++)
			read_all(m, last, seen);
		for (unsigned int i = 0; i < 8; i++)
			EXPECT(last[i] > first[i]);
	}
	stop(&other);
	EXPECT(m && !live_memory_read(m, 0, &head, rows, &vcpu, &since));
	live_memory_close(m);
	tap_case("counters of a running process are found and grow, until it has gone");
}

static void not_there(void)
{
	const uint64_t wrong[2] = { key[0], key[1] ^ 0x100 };
	struct other other = start(key, 4);
	char why[200] = "";
	struct live_memory *m = live_memory_open(other.pid, wrong, 4, why, sizeof(why));
	enum live_found found = LIVE_SEARCHING;

	while (m && found == LIVE_SEARCHING)
		found = live_memory_search(m, why, sizeof(why));
	EXPECT_EQ(found, LIVE_FAILED);
	EXPECT_MSG(strstr(why, "4 of 4 vCPUs"), "%s", why);
	live_memory_close(m);
	stop(&other);
	EXPECT(!live_memory_open(other.pid, key, 4, why, sizeof(why)));
	EXPECT_MSG(strstr(why, "/proc/"), "%s", why);
	tap_case("counters with another key, or of no process, are not found, with a reason");
}

/* ---- server and clients ---------------------------------------------------------------------- */

static const struct live_about about = {
	.name = "m",
	.host = "bochs",
	.domain_count = 2,
	.domains = { { "a", PV_MODE_PV_HAP, 4 }, { "b", PV_MODE_FULL_HAP, 4 } },
};

static void machine_says(struct live_server *s, uint16_t type, const void *payload, uint32_t length)
{
	const struct pv_frame_header header = { .type = type, .length = length };

	live_server_frame(s, &header, payload);
}

/* The run: serves until a byte comes, then ends. */
static void serve(struct live_server *s, int control)
{
	const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "vmx", .cpus = 1 };
	const struct pv_frame_stats last = { .why = PV_STATS_END, .tsc = ~0ull >> 1 };
	const struct pv_frame_domain_end end = { .how = PV_END_SHUTDOWN };
	struct pollfd fds[1 + LIVE_FDS] = { { .fd = control, .events = POLLIN } };
	struct live_end how = { .exit = PVN_TIMEOUT, .why = "not ended after 5 s" };

	machine_says(s, PV_FRAME_HELLO, &hello, sizeof(hello));
	while (!fds[0].revents) {
		bool searches = live_server_poll(s, fds + 1);

		poll(fds, 1 + LIVE_FDS, searches ? 0 : 1000);
		live_server_serve(s, fds + 1);
	}
	machine_says(s, PV_FRAME_STATS, &last, sizeof(last));
	machine_says(s, PV_FRAME_DOMAIN_END, &end, sizeof(end));
	live_server_close(s, &how);
}

/* In a process of its own; says by a byte that it listens. */
static int be_server(int control, int ready, unsigned int vcpus)
{
	char why[200] = "";
	uint64_t given[2] = { 0 };
	struct live_server *s = live_server_open(&about, given, why, sizeof(why));
	struct other machine;

	if (!s || (!given[0] && !given[1]))
		return 1;
	machine = start(given, vcpus);
	live_server_set_process(s, machine.pid);
	if (write(ready, "x", 1) != 1)
		return 1;
	serve(s, control);
	stop(&machine);
	return 0;
}

static void wait_sample(struct live_client *c, uint64_t number)
{
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };

	live_client_ask(c);
	while (c->fd >= 0 && c->counts.number < number && !c->trouble[0] && poll(&fd, 1, 5000) > 0)
		live_client_read(c);
	EXPECT_EQ(c->counts.number, number);
}

static void watch(struct live_client *c)
{
	uint64_t first;

	EXPECT(!strcmp(c->about.name, "m") && c->vcpu_count == 8);
	wait_sample(c, 1);
	EXPECT(c->has_hello && c->hello.tsc_khz == 1000);
	first = hlt_count(c->counts.vcpus[5].rows, c->counts.vcpus[5].head.rows);
	wait_sample(c, 2);
	EXPECT(hlt_count(c->counts.vcpus[5].rows, c->counts.vcpus[5].head.rows) >= first);
	EXPECT_EQ(c->counts.vcpus[5].head.domain, 1);
	EXPECT_EQ(c->counts.vcpus[5].head.vcpu, 1);
}

static void server_and_clients(void)
{
	struct live_client *found[LIVE_RUNS_MAX], *second[LIVE_RUNS_MAX];
	int control[2], ready[2], status = -1;
	struct pollfd fd = { .events = POLLIN };
	char text[500];
	pid_t server;

	if (pipe(control) || pipe(ready))
		exit(1);
	server = fork();
	if (!server)
		_exit(be_server(control[0], ready[1], 8));
	EXPECT_EQ(read(ready[0], text, 1), 1);
	if (live_client_find(found) != 1 || live_client_find(second) != 1)
		exit(1);
	watch(found[0]);
	watch(second[0]);
	EXPECT_EQ(write(control[1], "x", 1), 1);
	waitpid(server, &status, 0);
	EXPECT_EQ(status, 0);
	fd.fd = found[0]->fd;
	while (found[0]->fd >= 0 && poll(&fd, 1, 5000) > 0)
		live_client_read(found[0]);
	EXPECT(found[0]->has_end && found[0]->has_ended[0] && !found[0]->has_ended[1]);
	EXPECT_EQ(found[0]->counts.number, 3);
	EXPECT_EQ(found[0]->counts.tsc, ~0ull >> 1);
	top_end_text(found[0], text, sizeof(text));
	EXPECT_MSG(!strcmp(text, "timeout: not ended after 5 s"), "%s", text);
	live_client_close(found[0]);
	live_client_close(second[0]);
	EXPECT_EQ(live_client_find(found), 0);
	tap_case("two clients watch one run at a time, and are told its end");
}

/* Where the counters are not, a client is told so and nothing else happens. */
static void no_counters(void)
{
	struct live_client *found[LIVE_RUNS_MAX];
	int control[2], ready[2], status = -1;
	struct pollfd fd = { .events = POLLIN };
	char byte;
	pid_t server;

	if (pipe(control) || pipe(ready))
		exit(1);
	server = fork();
	if (!server)
		_exit(be_server(control[0], ready[1], 5));
	EXPECT_EQ(read(ready[0], &byte, 1), 1);
	if (live_client_find(found) != 1)
		exit(1);
	live_client_ask(found[0]);
	fd.fd = found[0]->fd;
	while (found[0]->is_waiting && poll(&fd, 1, 5000) > 0)
		live_client_read(found[0]);
	EXPECT_MSG(strstr(found[0]->trouble, "3 of 8 vCPUs"), "%s", found[0]->trouble);
	EXPECT(found[0]->fd >= 0 && !found[0]->counts.number);
	EXPECT_EQ(write(control[1], "x", 1), 1);
	waitpid(server, &status, 0);
	EXPECT_EQ(status, 0);
	live_client_close(found[0]);
	tap_case("a client is told why there are no counters");
}

/*
 * A socket that nobody listens on any more is removed by whoever comes next; so is no other file.
 */
static void stale_sockets(void)
{
	struct live_client *found[LIVE_RUNS_MAX];
	char why[200] = "", *name, *other = xasprintf("%s/paravane/other.sock", runtime);
	int fd = live_path_listen(&name, why, sizeof(why));
	FILE *file = fopen(other, "w");

	EXPECT_MSG(fd >= 0, "%s", why);
	EXPECT(file);
	if (file)
		fclose(file);
	EXPECT(!access(name, F_OK));
	close(fd);
	EXPECT_EQ(live_client_find(found), 0);
	EXPECT(access(name, F_OK));
	EXPECT(!unlink(other));
	EXPECT(!chmod(runtime, 0700));
	free(other);
	other = xasprintf("%s/paravane", runtime);
	EXPECT(!chmod(other, 0755)); /* others could look in: not used */
	free(name);
	fd = live_path_listen(&name, why, sizeof(why));
	EXPECT_MSG(fd >= 0 && !strncmp(name + strlen(runtime), "/paravane/live", 14), "%s", name);
	close(fd);
	live_path_remove(name);
	free(name);
	free(other);
	other = xasprintf("%s/paravane/live", runtime);
	EXPECT(!rmdir(other));
	*strrchr(other, '/') = '\0';
	EXPECT(!rmdir(other) && !rmdir(runtime));
	free(other);
	tap_case("stale sockets, and folders that are not private");
}

int main(int argc, char **argv)
{
	target = argc > 1 ? argv[1] : "live_target";
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(runtime) || setenv("XDG_RUNTIME_DIR", runtime, 1) ||
	    setenv("XDG_CACHE_HOME", runtime, 1))
		return 1;
	rows_of_a_frame();
	tags_that_lie();
	counters_of_a_process();
	not_there();
	server_and_clients();
	no_counters();
	stale_sockets();
	return tap_done();
}
