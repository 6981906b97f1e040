// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files (tools/trace_write.c, trace_read.c, trace.c): what is written is read back the same,
 * records come sorted, lost ones are counted, names resolve, and a corrupt file is an error.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "trace.h"

static char path[] = "/tmp/pvn-trace-XXXXXX";
static struct machine machine;
static struct trace trace;
static struct blob file;

/* The payload of a TRACE frame with the given records. */
static size_t frame(uint8_t *out, uint32_t cpu, uint64_t lost,
		    const struct pv_trace_record *records, uint32_t count)
{
	const struct pv_frame_trace head = { cpu, count, lost };

	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), records, count * sizeof(*records));
	return sizeof(head) + count * sizeof(*records);
}

static int write_sample(void)
{
	static const struct pv_trace_record first[] = {
		{ .tsc = 1000, .rip = 0x200000, .kind = PV_KIND_EXIT, .code = PV_EXIT_CPUID },
		{ .tsc = 3000, .kind = PV_KIND_RESULT, .code = 0xee, .arg = (uint64_t)-PV_ENOSYS },
	};
	static const struct pv_trace_record second[] = {
		{ .tsc = 2000,
		  .kind = PV_KIND_CALL,
		  .code = PV_CALL_CONSOLE,
		  .domain = 1,
		  .vcpu = 3 },
		{ .tsc = 2000, .kind = 200, .code = 7, .domain = 9 },
	};
	const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "vmx" };
	struct trace_writer *writer = trace_writer_begin(path);
	uint8_t payload[256];

	if (!writer)
		return -1;
	trace_writer_add(writer, payload, (uint32_t)frame(payload, 0, 5, first, 2));
	trace_writer_add(writer, payload, (uint32_t)frame(payload, 1, 0, second, 2));
	return trace_writer_end(writer, &machine, &hello);
}

static void read_back(void)
{
	struct errors errors = { 0 };

	EXPECT_EQ(write_sample(), 0);
	EXPECT_EQ(blob_read(&file, path, 1 << 20, &errors), 0);
	EXPECT_EQ(trace_parse(&trace, file.data, file.size, path, &errors), 0);
	EXPECT_EQ(trace.count, 4);
	EXPECT_EQ(trace.tsc_khz, 1000);
	EXPECT_EQ(trace.lost[0], 5);
	EXPECT_EQ(trace.lost[1], 0);
	EXPECT(!strcmp(trace.backend, "vmx"));
	tap_case("a trace is read back");
}

static void order(void)
{
	size_t i;

	for (i = 1; i < trace.count; i++)
		EXPECT(trace.entries[i - 1].record.tsc <= trace.entries[i].record.tsc);
	EXPECT_EQ(trace.entries[1].record.kind, PV_KIND_CALL);
	EXPECT_EQ(trace.entries[2].record.kind, 200);
	EXPECT_EQ(trace.entries[1].cpu, 1);
	EXPECT_EQ(trace.entries[3].cpu, 0);
	tap_case("records of all CPUs come in order of time, then of the file");
}

static void lines(void)
{
	static const char *const words[4][4] = {
		{ "0.000", "a/0", "exit", "cpuid" },
		{ "1000.000", "b/3", "call", "CONSOLE" },
		{ "1000.000", "#9/0", "#200", "#7" },
		{ "2000.000", "a/0", "#238", "-ENOSYS" },
	};
	char line[512];
	size_t i, k;

	for (i = 0; i < 4; i++) {
		trace_format(&trace, &trace.entries[i], 1000, NULL, line, sizeof(line));
		for (k = 0; k < 4; k++)
			EXPECT_MSG(strstr(line, words[i][k]), "no %s in: %s", words[i][k], line);
	}
	tap_case("names, unknown numbers and errnos are printed");
}

/* A corrupt file must be refused; parsing a copy of the exact size lets ASan see any overrun. */
static bool is_refused(const uint8_t *bytes, size_t size)
{
	struct errors errors = { 0 };
	struct trace parsed;
	uint8_t *copy = malloc(size ? size : 1);
	bool refused;

	memcpy(copy, bytes, size);
	refused = trace_parse(&parsed, copy, size, "t", &errors) != 0;
	if (!refused)
		trace_free(&parsed);
	EXPECT(refused == (errors.count == 1));
	free(copy);
	return refused;
}

static void corrupt(void)
{
	uint64_t seed = 1;
	size_t i;

	for (i = 0; i < file.size; i++)
		EXPECT_MSG(is_refused(file.data, i), "cut to %zu bytes: accepted", i);
	for (i = 0; i < file.size; i++) {
		file.data[i] ^= (uint8_t)(1 + rnd(&seed) % 255);
		EXPECT_MSG(is_refused(file.data, file.size), "byte %zu changed: accepted", i);
		blob_free(&file);
		EXPECT_EQ(blob_read(&file, path, 1 << 20, &(struct errors){ 0 }), 0);
	}
	tap_case("a file that was cut or changed is refused");
}

/* With the right checksums the content is still not trusted. */
static void hostile(void)
{
	uint64_t seed = 2;
	unsigned int round;

	for (round = 0; round < 3000; round++) {
		struct trace_file_header *header = (struct trace_file_header *)file.data;
		size_t changes = 1 + rnd(&seed) % 4, i;

		for (i = 0; i < changes; i++)
			file.data[sizeof(*header) + rnd(&seed) % (file.size - sizeof(*header))] =
				(uint8_t)rnd(&seed);
		header->section_crc =
			crc32_ieee(0, file.data + sizeof(*header), header->section_bytes);
		header->description_crc =
			crc32_ieee(0, file.data + sizeof(*header) + header->section_bytes,
				   header->description_bytes);
		is_refused(file.data, file.size);
		if (round % 50 == 0) {
			blob_free(&file);
			blob_read(&file, path, 1 << 20, &(struct errors){ 0 });
		}
	}
	tap_case("hostile content with right checksums is survived");
}

static void bad_frames(void)
{
	const struct pv_frame_hello hello = { .tsc_khz = 1 };
	struct trace_writer *writer = trace_writer_begin(path);
	const struct pv_trace_record record = { 0 };
	uint8_t payload[256];
	size_t n = frame(payload, 0, 0, &record, 1);

	trace_writer_add(writer, payload, (uint32_t)n - 1);
	trace_writer_add(writer, payload, 3);
	frame(payload, PV_CPUS_MAX, 0, &record, 1);
	trace_writer_add(writer, payload, (uint32_t)n);
	EXPECT_EQ(trace_writer_end(writer, &machine, &hello), 0);
	blob_free(&file);
	EXPECT_EQ(blob_read(&file, path, 1 << 20, &(struct errors){ 0 }), 0);
	trace_free(&trace);
	EXPECT_EQ(trace_parse(&trace, file.data, file.size, path, &(struct errors){ 0 }), 0);
	EXPECT_EQ(trace.count, 0);
	tap_case("frames that make no sense are left out");
}

static void full_disk(void)
{
	const struct pv_frame_hello hello = { 0 };
	struct trace_writer *writer = trace_writer_begin("/dev/full");

	if (writer)
		EXPECT_EQ(trace_writer_end(writer, &machine, &hello), -1);
	EXPECT(writer != NULL);
	EXPECT(!access("/dev/full", F_OK)); /* a device is not removed like a half-written file */
	EXPECT(!trace_writer_begin("/nonexistent/trace"));
	tap_case("a full disk is an error, and so is a folder that is not there");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	machine.domain_count = 2;
	strcpy(machine.domains[0].name, "a");
	strcpy(machine.domains[1].name, "b");
	machine.domains[0].kernel = path;
	machine.domains[1].kernel = path;
	read_back();
	order();
	lines();
	corrupt();
	hostile();
	bad_frames();
	full_disk();
	trace_free(&trace);
	blob_free(&file);
	unlink(path);
	return tap_done();
}
