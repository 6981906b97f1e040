// SPDX-License-Identifier: BSD-2-Clause
/* `pvn trace FILE`: prints the records of a trace file, oldest first, one a line; see trace.h. */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_BYTES_MAX (4ull << 30)

static const char *name_of(const struct trace_names *names, uint64_t n, char buffer[24])
{
	if (n < names->count && names->list[n])
		return names->list[n];
	snprintf(buffer, 24, "#%" PRIu64, n);
	return buffer;
}

static char *sched_list[] = { "in", "out", "block", "wake" };
static const struct trace_names sched_words = { sched_list, 4 };
static char *domain_list[] = { "start", "end", "restart" };
static const struct trace_names domain_words = { domain_list, 3 };

/* The code's meaning depends on the kind; of an unknown kind it stays a number. */
static void format_code(const struct trace *trace, const struct pv_trace_record *r, char *out,
			size_t size)
{
	char buffer[24];

	switch (r->kind) {
	case PV_KIND_EXIT:
		snprintf(out, size, "%s", name_of(&trace->exits, r->code, buffer));
		break;
	case PV_KIND_CALL:
	case PV_KIND_RESULT:
		snprintf(out, size, "%s", name_of(&trace->calls, r->code, buffer));
		break;
	case PV_KIND_INJECT:
		snprintf(out, size, "vector %u", r->code);
		break;
	case PV_KIND_SCHED:
		snprintf(out, size, "%s", name_of(&sched_words, r->code, buffer));
		break;
	case PV_KIND_MARK:
		snprintf(out, size, "mark");
		break;
	case PV_KIND_DOMAIN:
		snprintf(out, size, "%s", name_of(&domain_words, r->code, buffer));
		break;
	default:
		snprintf(out, size, "#%u", r->code);
	}
}

/* Results below 0 are errnos. */
static void format_arg(const struct trace *trace, const struct pv_trace_record *r, char *out,
		       size_t size)
{
	int64_t value = (int64_t)r->arg;
	char buffer[24];

	if (r->kind == PV_KIND_RESULT && value < 0 && value > -4096)
		snprintf(out, size, "-%s", name_of(&trace->errnos, (uint64_t)-value, buffer));
	else
		snprintf(out, size, "0x%" PRIx64, r->arg);
}

void trace_format(const struct trace *trace, const struct trace_entry *entry, uint64_t start,
		  const struct symbols *symbols, char *line, size_t size)
{
	const struct pv_trace_record *r = &entry->record;
	char code[48], arg[48], domain[48], symbol[128] = "", buffer[24];
	uint64_t ticks = r->tsc - start;
	/* Without a frequency the time column shows ticks. */
	double us = trace->tsc_khz ? (double)ticks * 1000.0 / (double)trace->tsc_khz :
				     (double)ticks;

	format_code(trace, r, code, sizeof(code));
	format_arg(trace, r, arg, sizeof(arg));
	snprintf(domain, sizeof(domain), "%s/%u", name_of(&trace->domains, r->domain, buffer),
		 r->vcpu);
	if (symbols && r->domain < trace->domains.count)
		symbols_find(&symbols[r->domain], r->rip, symbol, sizeof(symbol));
	snprintf(line, size, "%14.3f  cpu%-2u  %-12s  %-7s %-14s %-18s  %016" PRIx64 "%s%s", us,
		 entry->cpu, domain, name_of(&trace->kinds, r->kind, buffer), code, arg, r->rip,
		 symbol[0] ? "  " : "", symbol);
}

static int print(const struct trace *trace)
{
	size_t domains = trace->domains.count, i;
	struct symbols *symbols = xcalloc(domains, sizeof(*symbols));
	char line[512];
	uint32_t cpu;

	for (i = 0; i < domains && i < trace->kernels.count; i++) {
		if (trace->kernels.list[i])
			symbols_load(&symbols[i], trace->kernels.list[i]);
	}
	printf("# %zu records, backend %s, TSC %" PRIu64 " kHz\n", trace->count, trace->backend,
	       trace->tsc_khz);
	for (cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
		if (trace->lost[cpu])
			printf("# cpu%u: %" PRIu64 " records were overwritten and are lost\n", cpu,
			       trace->lost[cpu]);
	}
	printf("# %12s  %-5s  %-12s  %-7s %-14s %-18s  %s\n",
	       trace->tsc_khz ? "time [us]" : "ticks", "CPU", "domain/vCPU", "kind", "name",
	       "argument", "rip");
	for (i = 0; i < trace->count; i++) {
		trace_format(trace, &trace->entries[i], trace->entries[0].record.tsc, symbols, line,
			     sizeof(line));
		puts(line);
	}
	for (i = 0; i < domains; i++)
		symbols_free(&symbols[i]);
	free(symbols);
	if (fflush(stdout) || ferror(stdout)) {
		pvn_error("standard output: %s", strerror(errno));
		return PVN_HYPERVISOR_FAILED;
	}
	return PVN_OK;
}

int cmd_trace(int argc, char **argv)
{
	struct errors errors = { 0 };
	struct blob blob = { 0 };
	struct trace trace;
	int result = PVN_USAGE;

	if (argc != 2 || argv[1][0] == '-')
		return pvn_usage("trace");
	if (!blob_read(&blob, argv[1], TRACE_BYTES_MAX, &errors) &&
	    !trace_parse(&trace, blob.data, blob.size, argv[1], &errors)) {
		result = print(&trace);
		trace_free(&trace);
	}
	errors_print(&errors, stderr);
	blob_free(&blob);
	return result;
}
