// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace --perfetto F`: the Chrome trace format, which Perfetto and chrome://tracing load. A
 * domain is a process and a vCPU a thread of it; a slice there is the time that the hypervisor
 * took. One more process has a thread for each CPU, with slices that show which vCPU it ran.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_view.h"

#define CPUS_PROCESS 100u

struct state {
	bool vcpu_seen[256], cpu_seen[PV_CPUS_MAX];
	bool runs[PV_CPUS_MAX];
	uint8_t who[PV_CPUS_MAX];
	uint64_t since[PV_CPUS_MAX];
};

struct event {
	char text[4096];
	struct trace_line line;
};

/* {"ph":..., "pid":..., "tid":..., "name":... */
static void event_begin(struct event *e, const char *phase, unsigned int process,
			unsigned int thread, const char *name)
{
	e->line = (struct trace_line){ e->text, e->text + sizeof(e->text) - 1 };
	trace_put(&e->line, "{\"ph\":\"");
	trace_put(&e->line, phase);
	trace_put(&e->line, "\",\"pid\":");
	trace_put_number(&e->line, process);
	trace_put(&e->line, ",\"tid\":");
	trace_put_number(&e->line, thread);
	trace_put(&e->line, ",\"name\":");
	trace_put_json(&e->line, name);
}

static void put_time(struct event *e, const char *key, int64_t ns)
{
	trace_put(&e->line, key);
	trace_put_us(&e->line, ns);
}

static void event_end(struct event *e, struct trace_output *output)
{
	trace_put(&e->line, "}");
	fputs(output->state ? ",\n" : "\n", output->file);
	fputs(e->text, output->file);
}

static void name_track(struct trace_output *output, const char *what, unsigned int process,
		       unsigned int thread, const char *name)
{
	struct event e;

	event_begin(&e, "M", process, thread, what);
	trace_put(&e.line, ",\"args\":{\"name\":");
	trace_put_json(&e.line, name);
	trace_put(&e.line, "}");
	event_end(&e, output);
}

static void name_vcpu(struct trace_output *output, const struct trace *trace, uint8_t who)
{
	struct state *state = output->state;
	unsigned int domain = PV_TRACE_DOMAIN(who);
	char name[160], buffer[24];

	if (state->vcpu_seen[who])
		return;
	state->vcpu_seen[who] = true;
	snprintf(name, sizeof(name), "%s%s%s", trace_domain_name(trace, domain, buffer),
		 domain < trace->domain_count && trace->domains[domain].mode ? " " : "",
		 domain < trace->domain_count && trace->domains[domain].mode ?
			 trace->domains[domain].mode :
			 "");
	name_track(output, "process_name", domain + 1, 0, name);
	snprintf(name, sizeof(name), "vCPU %u", PV_TRACE_VCPU(who));
	name_track(output, "thread_name", domain + 1, PV_TRACE_VCPU(who) + 1u, name);
}

static void name_cpu(struct trace_output *output, uint8_t cpu)
{
	struct state *state = output->state;
	char name[24];

	if (state->cpu_seen[cpu])
		return;
	state->cpu_seen[cpu] = true;
	name_track(output, "process_name", CPUS_PROCESS, 0, "CPUs");
	snprintf(name, sizeof(name), "CPU %u", cpu);
	name_track(output, "thread_name", CPUS_PROCESS, cpu + 1u, name);
}

/* Which vCPU had the CPU until now. */
static void run_slice(struct trace_output *output, const struct trace *trace,
		      const struct trace_entry *entry)
{
	struct state *state = output->state;
	unsigned int what = entry->record.code, cpu = entry->cpu;
	char name[80], buffer[24];
	struct event e;

	if (what > 2) /* a wake */
		return;
	name_cpu(output, entry->cpu);
	if (state->runs[cpu]) {
		snprintf(name, sizeof(name), "%s/%u",
			 trace_domain_name(trace, PV_TRACE_DOMAIN(state->who[cpu]), buffer),
			 PV_TRACE_VCPU(state->who[cpu]));
		event_begin(&e, "X", CPUS_PROCESS, cpu + 1, name);
		put_time(&e, ",\"ts\":", trace_ns(trace, state->since[cpu], output->origin));
		put_time(&e, ",\"dur\":", trace_ns(trace, entry->start, state->since[cpu]));
		event_end(&e, output);
	}
	state->runs[cpu] = what == 0;
	state->who[cpu] = entry->record.who;
	state->since[cpu] = entry->start;
}

static void perfetto_begin(struct trace_output *output, const struct trace *trace)
{
	(void)trace;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", output->file);
	name_track(output, "process_labels", 0, 0, "Paravane");
	output->state = xcalloc(1, sizeof(struct state));
}

static void perfetto_entry(struct trace_output *output, const struct trace *trace,
			   const struct trace_entry *entry)
{
	const struct pv_trace_record *r = &entry->record;
	bool is_slice = trace_has_ticks(entry);
	char args[300], result[80], symbol[160], buffers[2][24];
	struct event e;

	name_vcpu(output, trace, r->who);
	if (r->kind == PV_KIND_SCHED)
		run_slice(output, trace, entry);
	trace_entry_args(trace, entry, args, sizeof(args));
	trace_entry_result(trace, entry, result, sizeof(result));
	trace_where(trace, entry, symbol, sizeof(symbol));
	event_begin(&e, is_slice ? "X" : "i", PV_TRACE_DOMAIN(r->who) + 1u,
		    PV_TRACE_VCPU(r->who) + 1u, trace_entry_name(trace, entry, buffers[0]));
	put_time(&e, ",\"ts\":", trace_ns(trace, entry->start, output->origin));
	if (is_slice)
		put_time(&e, ",\"dur\":", trace_ns(trace, r->tsc, entry->start));
	else
		trace_put(&e.line, ",\"s\":\"t\"");
	trace_put(&e.line, ",\"cat\":");
	trace_put_json(&e.line, trace_name(&trace->kinds, r->kind, buffers[1]));
	trace_put(&e.line, ",\"args\":{\"ticks\":");
	trace_put_number(&e.line, entry->ticks);
	trace_put(&e.line, *args ? ",\"args\":" : "");
	if (*args)
		trace_put_json(&e.line, args);
	trace_put(&e.line, *result ? ",\"result\":" : "");
	if (*result)
		trace_put_json(&e.line, result);
	trace_put(&e.line, *symbol ? ",\"where\":" : "");
	if (*symbol)
		trace_put_json(&e.line, symbol);
	trace_put(&e.line, "}");
	event_end(&e, output);
}

static void perfetto_end(struct trace_output *output, const struct trace *trace)
{
	uint64_t lost = 0;
	uint32_t cpu;

	for (cpu = 0; cpu < PV_CPUS_MAX; cpu++)
		lost += trace->lost[cpu];
	fprintf(output->file, "\n],\"otherData\":{\"lost_records\":\"%llu\"}}\n",
		(unsigned long long)lost);
	free(output->state);
}

const struct trace_format trace_format_perfetto = {
	"--perfetto", false, perfetto_begin, perfetto_entry, perfetto_end
};
