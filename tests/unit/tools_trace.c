// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trace files (tools/trace_*.c): a golden trace with every kind of record, written and read back
 * and shown in every way; and files that were cut at any byte, changed in any bit, or made by
 * somebody who knows the checksums: the records before the damage are there, and nothing crashes.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "trace_samples.h"
#include "trace_view.h"

static char path[] = "/tmp/pvn-trace-XXXXXX";
static struct machine machine;
static struct trace trace;
static struct blob file;

static int write_sample(void)
{
	const struct pv_frame_hello hello = { .tsc_khz = 1000, .backend = "vmx", .build = "1.2.3" };
	struct trace_writer *writer = trace_writer_begin(path);
	uint8_t payload[4096];

	if (!writer)
		return -1;
	trace_writer_describe(writer, &machine, &hello);
	trace_writer_describe(writer, &machine, &hello); /* ignored */
	for (size_t i = 0; i < sample_count; i += 3)
		trace_writer_add(writer, payload,
				 (uint32_t)sample_frame(payload, 0, 5, sample_records + i,
							sample_count - i < 3 ? sample_count - i :
									       3));
	trace_writer_add(writer, payload, (uint32_t)sample_frame(payload, 1, 0, sample_other, 1));
	return trace_writer_end(writer, true);
}

static void read_back(void)
{
	struct errors errors = { 0 };
	char why[200];
	size_t at = 0;

	EXPECT_EQ(write_sample(), 0);
	EXPECT_EQ(blob_read(&file, path, 1 << 20, &errors), 0);
	EXPECT_EQ(trace_take(&trace, file.data, file.size, &at, why), TRACE_COMPLETE);
	EXPECT_EQ(at, file.size);
	EXPECT_EQ(trace.records, sample_count + 1);
	EXPECT_EQ(trace.end.records, sample_count + 1);
	EXPECT(trace.end.is_complete && !trace.end.malformed);
	EXPECT_EQ(trace.tsc_khz, 1000);
	EXPECT_EQ(trace.lost[0], 5);
	EXPECT_EQ(trace.lost[1], 0);
	EXPECT(!strcmp(trace.backend, "vmx") && !strcmp(trace.paravane, "1.2.3"));
	EXPECT(trace.domain_count == 2 && !strcmp(trace.domains[1].name, "b"));
	trace_sort(&trace, 0);
	tap_case("a trace is read back, names and all");
}

/* All that an output writes. */
static char *shown_by(const struct trace_format *format, const struct trace *of)
{
	struct trace_output output = { .format = format, .path = "-" };
	char *text = NULL;
	size_t size;

	output.file = open_memstream(&text, &size);
	output.origin = of->count ? of->entries[0].group : 0;
	if (format->begin)
		format->begin(&output, of);
	for (size_t i = 0; i < of->count; i++, output.written++)
		format->entry(&output, of, &of->entries[i]);
	if (format->end)
		format->end(&output, of);
	fclose(output.file);
	return text;
}

/* Line by line, so that a difference shows; blanks at a line's end do not matter. */
static void expect_text(char *text, const char *const *lines)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && (*lines || *line)) {
		size_t length = strlen(line);

		while (length && line[length - 1] == ' ')
			line[--length] = 0;
		EXPECT_MSG(*lines && !strcmp(line, *lines), "is:       %s\n# expected: %s", line,
			   *lines ? *lines : "(the end)");
		if (*lines)
			lines++;
	}
	EXPECT_MSG(!*lines, "missing: %s", *lines);
	free(text);
}

static void golden(void)
{
	static const struct {
		const char *name;
		const struct trace_format *format;
		const char *const *lines;
	} outputs[] = {
		{ "every kind of record, as lines", &trace_format_lines, golden_lines },
		{ "every kind of record, in the summary", &trace_format_summary, golden_summary },
		{ "every kind of record, by function", &trace_format_by_symbol, golden_by_symbol },
		{ "every kind of record, as JSON lines", &trace_format_json, golden_json },
		{ "every kind of record, as CSV", &trace_format_csv, golden_csv },
	};

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		expect_text(shown_by(outputs[i].format, &trace), outputs[i].lines);
		tap_case(outputs[i].name);
	}
}

static void filters(void)
{
	static const struct {
		const char *domains, *vcpus, *kinds, *names;
		double from, to;
		size_t shown; /* 0: an error */
	} cases[] = {
		{ "a,b", NULL, NULL, NULL, -1e9, 1e9, SAMPLE_ENTRIES },
		{ "b", NULL, NULL, NULL, -1e9, 1e9, 1 },
		{ NULL, "3", NULL, NULL, -1e9, 1e9, 1 },
		{ NULL, NULL, "mark", NULL, -1e9, 1e9, 1 },
		{ NULL, NULL, "mark,sched", NULL, -1e9, 1e9, 3 },
		{ NULL, NULL, NULL, "cpuid,rdmsr,Block", -1e9, 1e9, 5 },
		{ NULL, NULL, NULL, NULL, 0, 1500, 3 },
		{ "c", NULL, NULL, NULL, -1e9, 1e9, 0 },
		{ NULL, "16", NULL, NULL, -1e9, 1e9, 0 },
		{ NULL, "x", NULL, NULL, -1e9, 1e9, 0 },
		{ NULL, NULL, "exits", NULL, -1e9, 1e9, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trace_filter filter;
		struct errors errors = { 0 };
		size_t shown = 0;

		trace_filter_init(&filter);
		if (cases[i].domains)
			trace_filter_add(&filter.domains, cases[i].domains);
		if (cases[i].vcpus)
			trace_filter_add(&filter.vcpus, cases[i].vcpus);
		if (cases[i].kinds)
			trace_filter_add(&filter.kinds, cases[i].kinds);
		if (cases[i].names)
			trace_filter_add(&filter.names, cases[i].names);
		filter.from_us = cases[i].from;
		filter.to_us = cases[i].to;
		EXPECT_EQ(!!trace_filter_resolve(&filter, &trace, &errors), !cases[i].shown);
		for (size_t k = 0; k < trace.count && !errors.count; k++)
			shown += trace_filter_accepts(&filter, &trace, &trace.entries[k],
						      trace_us(&trace, trace.entries[k].start,
							       trace.entries[0].group));
		EXPECT_MSG(shown == cases[i].shown, "filter %zu shows %zu", i, shown);
		trace_filter_free(&filter);
	}
	tap_case("filters by domain, vCPU, kind, name and time");
}

static void times(void)
{
	static const struct {
		const char *text;
		double us; /* < 0: refused */
	} cases[] = { { "1500", 1500 },  { "2us", 2 },  { "2ms", 2000 }, { "1.5s", 1500000 },
		      { "250ns", 0.25 }, { "", -1 },    { "x", -1 },     { "1m", -1 },
		      { "1 s", -1 },     { "inf", -1 }, { "nan", -1 },   { "1e400", -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double us;
		bool is_time = trace_filter_time(cases[i].text, &us);

		EXPECT_EQ(is_time, cases[i].us >= 0);
		EXPECT_MSG(!is_time || (us > cases[i].us * 0.999 && us < cases[i].us * 1.001),
			   "%s is %f", cases[i].text, us);
	}
	tap_case("times with and without a unit");
}

/* ---- damaged files --------------------------------------------------------------------------- */

/*
 * Takes a copy of the exact size apart, where ASan sees any overrun, and shows all of it. Returns
 * the records that were read.
 */
static uint64_t survive(const uint8_t *bytes, size_t size, enum trace_status *status)
{
	static const struct trace_format *const formats[] = {
		&trace_format_lines, &trace_format_summary, &trace_format_by_symbol,
		&trace_format_json,  &trace_format_csv,     &trace_format_perfetto,
	};
	struct trace parsed = { 0 };
	uint8_t *copy = malloc(size ? size : 1);
	char why[200] = "";
	uint64_t records;
	size_t at = 0;

	memcpy(copy, bytes, size);
	*status = trace_take(&parsed, copy, size, &at, why);
	EXPECT_EQ(*status == TRACE_COMPLETE, !why[0]);
	EXPECT(at <= size);
	trace_sort(&parsed, 0);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]) && parsed.is_described; i++)
		free(shown_by(formats[i], &parsed));
	records = parsed.records;
	trace_free(&parsed);
	free(copy);
	return records;
}

/* Records in the sections that end at or before a byte. */
static uint64_t records_before(size_t byte)
{
	size_t at = sizeof(struct trace_file_header);
	uint64_t records = 0;

	while (at < file.size) {
		struct trace_section section;
		struct pv_frame_trace head;

		memcpy(&section, file.data + at, sizeof(section));
		if (at + sizeof(section) + section.bytes > byte)
			break;
		memcpy(&head, file.data + at + sizeof(section), sizeof(head));
		if (section.type == TRACE_SECTION_RECORDS)
			records += head.records;
		at += sizeof(section) + section.bytes;
	}
	return records;
}

static void cut(void)
{
	enum trace_status status;

	for (size_t i = 0; i < file.size; i++) {
		EXPECT_EQ(survive(file.data, i, &status), records_before(i));
		EXPECT_MSG(status == (i ? TRACE_MORE : TRACE_FOREIGN), "cut to %zu bytes: %d", i,
			   (int)status);
	}
	tap_case("a file cut at any byte: all whole sections are there");
}

static void flipped(void)
{
	enum trace_status status;

	for (size_t i = 0; i < file.size; i++) {
		unsigned int bit = (unsigned int)(i * 5) % 8;

		file.data[i] ^= (uint8_t)(1u << bit);
		EXPECT_EQ(survive(file.data, file.size, &status),
			  i < sizeof(struct trace_file_header) ? 0 : records_before(i));
		EXPECT_MSG(status != TRACE_COMPLETE, "bit %u of byte %zu changed: accepted", bit,
			   i);
		file.data[i] ^= (uint8_t)(1u << bit);
	}
	tap_case("a file with one bit changed: what is before the damage is there");
}

/* With the right checksums the content is still not trusted. */
static void hostile(void)
{
	uint8_t *copy = malloc(file.size);
	enum trace_status status;
	uint64_t seed = 2;

	for (unsigned int round = 0; round < 1500; round++) {
		size_t at = sizeof(struct trace_file_header);

		memcpy(copy, file.data, file.size);
		while (at < file.size) {
			struct trace_section section;
			uint8_t *payload = copy + at + sizeof(section);

			memcpy(&section, copy + at, sizeof(section));
			for (size_t i = rnd(&seed) % 4; i && section.bytes; i--)
				payload[rnd(&seed) % section.bytes] = (uint8_t)rnd(&seed);
			section.crc = crc32_ieee(0, &section.type, 8);
			section.crc = crc32_ieee(section.crc, payload, section.bytes);
			memcpy(copy + at, &section, sizeof(section));
			at += sizeof(section) + section.bytes;
		}
		survive(copy, file.size, &status);
		EXPECT(status == TRACE_COMPLETE || status == TRACE_DAMAGED);
	}
	free(copy);
	tap_case("hostile content with right checksums is survived");
}

static void foreign(void)
{
	enum trace_status status;
	uint8_t old[40] = TRACE_MAGIC;
	struct trace other = { 0 };
	char why[200];
	size_t at = 0;

	old[8] = 1;
	EXPECT_EQ(survive(old, sizeof(old), &status), 0);
	EXPECT_EQ(status, TRACE_FOREIGN);
	trace_take(&other, old, sizeof(old), &at, why);
	EXPECT_MSG(strstr(why, "version 1"), "%s", why);
	survive((const uint8_t *)"domains: []\n", 12, &status);
	EXPECT_EQ(status, TRACE_FOREIGN);
	tap_case("a file of version 1, and one that is no trace, are refused by name");
}

static void bad_frames(void)
{
	const struct pv_frame_hello hello = { .tsc_khz = 1 };
	struct trace_writer *writer = trace_writer_begin(path);
	enum trace_status status;
	uint8_t payload[256];
	size_t n = sample_frame(payload, 0, 0, sample_records, 1);

	trace_writer_add(writer, payload, (uint32_t)n); /* before the description */
	trace_writer_describe(writer, &machine, &hello);
	trace_writer_add(writer, payload, (uint32_t)n - 1);
	trace_writer_add(writer, payload, 3);
	sample_frame(payload, PV_CPUS_MAX, 0, sample_records, 1);
	trace_writer_add(writer, payload, (uint32_t)n);
	EXPECT_EQ(trace_writer_end(writer, false), 0);
	blob_free(&file);
	EXPECT_EQ(blob_read(&file, path, 1 << 20, &(struct errors){ 0 }), 0);
	EXPECT_EQ(survive(file.data, file.size, &status), 0);
	EXPECT_EQ(status, TRACE_COMPLETE);
	tap_case("frames that make no sense are left out");
}

static void full_disk(void)
{
	struct trace_writer *writer = trace_writer_begin("/dev/full");

	if (writer)
		EXPECT_EQ(trace_writer_end(writer, true), -1);
	EXPECT(writer != NULL);
	EXPECT(!access("/dev/full", F_OK));
	EXPECT(!trace_writer_begin("/nonexistent/trace"));
	tap_case("a full disk is an error, and so is a folder that is not there");
}

static void kinds(void)
{
	uint32_t bits;

	EXPECT(trace_kinds_parse("exit", &bits));
	EXPECT_EQ(bits, 1u << PV_KIND_EXIT | 1u << PV_KIND_DETAIL | 1u << PV_KIND_TICKS);
	EXPECT(trace_kinds_parse("mark,call", &bits));
	EXPECT_EQ(bits, 1u << PV_KIND_MARK | 1u << PV_KIND_CALL | 1u << PV_KIND_ARGS |
				1u << PV_KIND_RESULT | 1u << PV_KIND_TICKS);
	EXPECT(!trace_kinds_parse("exit,", &bits) && !trace_kinds_parse("calls", &bits));
	tap_case("kinds bring those that complete their records");
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
	machine.domains[0].mode = PV_MODE_PV_HAP;
	read_back();
	golden();
	filters();
	times();
	cut();
	flipped();
	hostile();
	foreign();
	bad_frames();
	full_disk();
	kinds();
	trace_free(&trace);
	blob_free(&file);
	unlink(path);
	return tap_done();
}
