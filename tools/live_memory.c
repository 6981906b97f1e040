// SPDX-License-Identifier: BSD-2-Clause
/*
 * Finds the vCPUs' frames in the emulator's memory, and reads them; see live_memory.h. Emulators
 * lay out a machine's memory as they like (Bochs in pieces, in the order of first use), but a page
 * stays a page: so every page that is there is asked for its tag, backwards, because the
 * hypervisor's memory is at the top of the machine's. It goes through /proc, which lets a parent
 * read its child. Limit: a system that forbids debuggers altogether forbids this as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live_memory.h"

#define PAGE PV_LIVE_FRAME
#define CHUNK_PAGES 64u /* read at once */
#define SLICE_PAGES 2048u /* looked at in one call: 8 MiB, a few milliseconds */
#define REGION_MIN (1u << 20)
#define REGIONS_MAX 4096u
#define READS_MAX 8u

struct region {
	uint64_t start, end;
};

struct live_memory {
	int mem, pagemap; /* pagemap -1: every page may be there */
	uint64_t key[2];
	unsigned int vcpus, found;
	uint64_t *frames; /* addresses in the emulator */
	struct pv_live *tags;
	struct region *regions;
	size_t region_count; /* those that are left; the last one is being searched */
};

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Memory that is written and not executed, in pieces that could hold a machine's. */
static void read_maps(struct live_memory *m, pid_t pid)
{
	int fd = open_proc(pid, "maps");
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file) && m->region_count < REGIONS_MAX) {
		struct region r;
		char rights[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &r.start, &r.end, rights) != 3 ||
		    strncmp(rights, "rw-", 3) || r.end - r.start < REGION_MIN)
			continue;
		m->regions = xrealloc(m->regions, (m->region_count + 1) * sizeof(r));
		m->regions[m->region_count++] = r;
	}
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
}

struct live_memory *live_memory_open(pid_t pid, const uint64_t key[2], unsigned int vcpus,
				     char *why, size_t size)
{
	struct live_memory *m = xcalloc(1, sizeof(*m));

	m->vcpus = vcpus;
	memcpy(m->key, key, sizeof(m->key));
	m->frames = xcalloc(vcpus, sizeof(*m->frames));
	m->tags = xcalloc(vcpus, sizeof(*m->tags));
	m->pagemap = open_proc(pid, "pagemap");
	m->mem = open_proc(pid, "mem");
	if (m->mem < 0) {
		snprintf(why, size, "/proc/%ld/mem: %s (may a debugger attach to processes here?)",
			 (long)pid, strerror(errno));
		live_memory_close(m);
		return NULL;
	}
	read_maps(m, pid);
	return m;
}

void live_memory_close(struct live_memory *m)
{
	if (!m)
		return;
	if (m->mem >= 0)
		close(m->mem);
	if (m->pagemap >= 0)
		close(m->pagemap);
	free(m->frames);
	free(m->tags);
	free(m->regions);
	free(m);
}

/* ---- search ---------------------------------------------------------------------------------- */

static bool read_exactly(int fd, void *to, size_t bytes, uint64_t from)
{
	return pread(fd, to, bytes, (off_t)from) == (ssize_t)bytes;
}

/* Bit per page from `start`: is it there, in memory or swapped out? */
static uint64_t pages_present(const struct live_memory *m, uint64_t start, unsigned int count)
{
	uint64_t entries[CHUNK_PAGES], present = 0;
	unsigned int i;

	if (m->pagemap < 0 || !read_exactly(m->pagemap, entries, count * sizeof(entries[0]),
					    start / PAGE * sizeof(entries[0])))
		return ~0ull;
	for (i = 0; i < count; i++)
		present |= (uint64_t)(entries[i] >> 62 != 0) << i;
	return present;
}

static void take_frame(struct live_memory *m, uint64_t at, const uint8_t *frame)
{
	struct pv_live tag;
	unsigned int i;

	if (m->found == m->vcpus || !live_tag_fits(frame, m->key, &tag))
		return;
	for (i = 0; i < m->found; i++)
		if (m->tags[i].domain == tag.domain && m->tags[i].vcpu == tag.vcpu)
			return;
	m->frames[m->found] = at;
	m->tags[m->found++] = tag;
}

/* Some pages; returns how many had to be read. */
static unsigned int search_chunk(struct live_memory *m, uint64_t start, unsigned int count)
{
	static uint8_t bytes[CHUNK_PAGES * PAGE];
	uint64_t present = pages_present(m, start, count);
	unsigned int i, read = 0;

	if (!present)
		return 0;
	if (present == ~0ull && read_exactly(m->mem, bytes, count * PAGE, start)) {
		for (i = 0; i < count; i++)
			take_frame(m, start + i * PAGE, bytes + i * PAGE);
		return count;
	}
	for (i = 0; i < count; i++) {
		if (!(present & 1ull << i))
			continue;
		read++;
		if (read_exactly(m->mem, bytes, PAGE, start + i * PAGE))
			take_frame(m, start + i * PAGE, bytes);
	}
	return read;
}

enum live_found live_memory_search(struct live_memory *m, char *why, size_t size)
{
	unsigned int work = 0;

	while (m->region_count && m->found < m->vcpus) {
		struct region *r = &m->regions[m->region_count - 1];
		uint64_t pages = (r->end - r->start) / PAGE;
		unsigned int count = pages < CHUNK_PAGES ? (unsigned int)pages : CHUNK_PAGES;

		if (!count) {
			m->region_count--;
			continue;
		}
		if (work >= SLICE_PAGES)
			return LIVE_SEARCHING;
		r->end -= count * PAGE;
		work += 1 + search_chunk(m, r->end, count);
	}
	if (m->found == m->vcpus)
		return LIVE_FOUND;
	snprintf(why, size, "the counters of %u of %u vCPUs are not in the emulator's memory",
		 m->vcpus - m->found, m->vcpus);
	return LIVE_FAILED;
}

/* ---- read ------------------------------------------------------------------------------------ */

/*
 * Between two looks no counter goes back or leaps: else a number was read while it was written.
 */
static bool looks_whole(const uint8_t *before, const uint8_t *after, unsigned int offset,
			unsigned int words)
{
	uint64_t a, b;

	for (unsigned int i = 0; i < words; i++) {
		memcpy(&a, before + offset + i * 8, 8);
		memcpy(&b, after + offset + i * 8, 8);
		if (b - a > UINT32_MAX)
			return false;
	}
	return true;
}

static bool read_frame(struct live_memory *m, unsigned int n, uint8_t frame[PAGE])
{
	const struct pv_live *tag = &m->tags[n];
	struct pv_live now;
	uint8_t before[PAGE];
	unsigned int tries = 0;

	if (!read_exactly(m->mem, frame, PAGE, m->frames[n]))
		return false;
	do {
		memcpy(before, frame, PAGE);
		if (!read_exactly(m->mem, frame, PAGE, m->frames[n]))
			return false;
	} while (++tries < READS_MAX &&
		 !(looks_whole(before, frame, tag->exits_offset, tag->exits * 3u) &&
		   looks_whole(before, frame, tag->calls_offset, tag->calls * 3u) &&
		   looks_whole(before, frame, tag->members_offset, tag->calls) &&
		   looks_whole(before, frame, tag->events_offset, tag->events) &&
		   looks_whole(before, frame, tag->seen_offset, 1)));
	return live_tag_fits(frame, m->key, &now) && !memcmp(&now, tag, sizeof(now));
}

bool live_memory_read(struct live_memory *m, unsigned int n, struct pv_frame_stats *head,
		      struct pv_stats_row rows[LIVE_ROWS_MAX], struct live_vcpu *vcpu,
		      uint64_t *since)
{
	const struct pv_live *tag = &m->tags[n];
	uint8_t frame[PAGE];

	if (!read_frame(m, n, frame))
		return false;
	*head = (struct pv_frame_stats){ .domain = tag->domain,
					 .vcpu = tag->vcpu,
					 .why = PV_STATS_REQUEST };
	*vcpu = (struct live_vcpu){ .domain = tag->domain, .vcpu = tag->vcpu };
	head->rows = live_rows(frame, tag, rows);
	memcpy(&head->tsc, frame + tag->seen_offset, sizeof(head->tsc));
	memcpy(&vcpu->state, frame + tag->state_offset, sizeof(vcpu->state));
	memcpy(vcpu->times, frame + tag->times_offset, sizeof(vcpu->times));
	memcpy(since, frame + tag->since_offset, sizeof(*since));
	return true;
}
