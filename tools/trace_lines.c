// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace` without further options: a line an entry, in the manner of strace. Time, CPU, domain
 * and vCPU, the call or exit with arguments and result, ticks spent in the hypervisor, and where in
 * the guest. Members of a batch are indented under their kick.
 */
#include <inttypes.h>
#include <string.h>

#include "trace_view.h"

#define WHAT_COLUMN 36 /* where the call begins */
#define TICKS_COLUMN 96 /* where the ticks end, if what is before leaves room */

int64_t trace_ns(const struct trace *trace, uint64_t tsc, uint64_t origin)
{
	__int128 ticks = (__int128)tsc - origin;
	__int128 ns = ticks * 1000000 / (__int128)(trace->tsc_khz ? trace->tsc_khz : 1000);

	/* A damaged record may say anything. */
	return ns > INT64_MAX ? INT64_MAX : ns < -INT64_MAX ? -INT64_MAX : (int64_t)ns;
}

void trace_put_us(struct trace_line *line, int64_t ns)
{
	uint64_t part = (uint64_t)(ns < 0 ? -ns : ns);
	char digits[] = { '.', (char)('0' + part / 100 % 10), (char)('0' + part / 10 % 10),
			  (char)('0' + part % 10), 0 };

	trace_put(line, ns < 0 ? "-" : "");
	trace_put_number(line, part / 1000);
	trace_put(line, digits);
}

bool trace_where(const struct trace *trace, const struct trace_entry *entry, char *symbol,
		 size_t size)
{
	unsigned int domain = PV_TRACE_DOMAIN(entry->record.who);
	uint8_t kind = entry->record.kind;

	symbol[0] = 0;
	if ((kind != PV_KIND_EXIT && kind != PV_KIND_CALL) || !entry->record.rip)
		return false;
	if (domain < trace->domain_count)
		symbols_find(&trace->domains[domain].symbols, entry->record.rip, symbol, size);
	return true;
}

static void pad(struct trace_line *line, const char *start, unsigned int column)
{
	while (line->at - start < (ptrdiff_t)column && line->at < line->end)
		*line->at++ = ' ';
	*line->at = 0;
}

static void right(struct trace_line *line, const char *text, unsigned int width)
{
	size_t length = strlen(text);

	pad(line, line->at, length < width ? width - (unsigned int)length : 0);
	trace_put(line, text);
}

static void put_time_and_place(struct trace_line *line, const struct trace *trace,
			       const struct trace_entry *entry, uint64_t origin)
{
	char text[64], buffer[24];
	struct trace_line part = { text, text + sizeof(text) - 1 };
	const char *start = line->at;

	trace_put_us(&part, trace_ns(trace, entry->start, origin));
	right(line, text, 14);
	trace_put(line, " cpu");
	trace_put_number(line, entry->cpu);
	pad(line, start, 21);
	trace_put(line, trace_domain_name(trace, PV_TRACE_DOMAIN(entry->record.who), buffer));
	trace_put(line, "/");
	trace_put_number(line, PV_TRACE_VCPU(entry->record.who));
	trace_put(line, " ");
	pad(line, start, WHAT_COLUMN);
}

static void put_ticks_and_where(struct trace_line *line, const char *start,
				const struct trace *trace, const struct trace_entry *entry)
{
	char text[24], symbol[160];
	struct trace_line part = { text, text + sizeof(text) - 1 };

	if (!trace_has_ticks(entry))
		return;
	trace_put(&part, "<");
	trace_put_number(&part, entry->ticks);
	trace_put(&part, ">");
	trace_put(line, " ");
	pad(line, start, TICKS_COLUMN - (unsigned int)strlen(text));
	trace_put(line, text);
	if (!trace_where(trace, entry, symbol, sizeof(symbol)))
		return;
	trace_put(line, " ");
	trace_put_hex(line, entry->record.rip, 16);
	trace_put(line, *symbol ? " " : "");
	trace_put(line, symbol);
}

static void lines_entry(struct trace_output *output, const struct trace *trace,
			const struct trace_entry *entry)
{
	char text[1024], what[500];
	struct trace_line line = { text, text + sizeof(text) - 2 };

	put_time_and_place(&line, trace, entry, output->origin);
	trace_put(&line, entry->has_kick ? "  " : "");
	trace_entry_text(trace, entry, what, sizeof(what));
	trace_put(&line, what);
	put_ticks_and_where(&line, text, trace, entry);
	trace_put(&line, "");
	*line.at++ = '\n';
	fwrite(text, 1, (size_t)(line.at - text), output->file);
}

static void lines_begin(struct trace_output *output, const struct trace *trace)
{
	fprintf(output->file, "# Paravane %s, ABI %s, backend %s, TSC %" PRIu64 " kHz\n",
		trace->paravane ? trace->paravane : "?", trace->abi ? trace->abi : "?",
		trace->backend ? trace->backend : "?", trace->tsc_khz);
	fprintf(output->file, "# %12s %-5s %-14s %-50s %9s %s\n",
		trace->tsc_khz ? "time [us]" : "ticks", "CPU", "domain/vCPU", "what", "<ticks>",
		"where");
}

static void lines_end(struct trace_output *output, const struct trace *trace)
{
	uint32_t cpu;

	for (cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
		if (trace->lost[cpu])
			fprintf(output->file,
				"# cpu%u: %" PRIu64 " records were overwritten and are lost\n", cpu,
				trace->lost[cpu]);
	}
	if (trace->has_end && trace->end.malformed)
		fprintf(output->file, "# %u frames made no sense and were left out\n",
			trace->end.malformed);
	if (trace->has_end && !trace->end.is_complete)
		fprintf(output->file, "# the machine was ended from outside: what was still in its "
				      "rings is missing\n");
	fprintf(output->file, "# %" PRIu64 " records, %" PRIu64 " entries shown\n", trace->records,
		output->written);
}

const struct trace_format trace_format_lines = {
	"the listing", true, lines_begin, lines_entry, lines_end
};
