// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace --json-lines F` and `--csv F`: an entry a line, for programs. docs/trace.md says what
 * the fields are. Numbers are decimal, addresses strings in hexadecimal: JSON readers that keep
 * numbers as floating point would round them.
 */
#include <string.h>

#include "trace_view.h"

void trace_put_json(struct trace_line *line, const char *text)
{
	trace_put(line, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char plain[2] = { (char)c, 0 };

		if (c == '"' || c == '\\') {
			trace_put(line, "\\");
			trace_put(line, plain);
		} else if (c < 0x20 || c >= 0x7f) {
			trace_put(line, "\\u00");
			trace_put_hex(line, c, 2);
		} else {
			trace_put(line, plain);
		}
	}
	trace_put(line, "\"");
}

static void put_csv(struct trace_line *line, const char *text)
{
	trace_put(line, "\"");
	for (; *text; text++) {
		char plain[2] = { *text, 0 };

		trace_put(line, *text == '"' ? "\"\"" : plain);
	}
	trace_put(line, "\"");
}

/* What both formats have, once. */
struct fields {
	char time[32], domain[64], kind[24], name[64], args[300], result[80], symbol[160];
	char buffers[3][24];
	bool has_rip;
};

static void fill(struct fields *f, const struct trace_output *output, const struct trace *trace,
		 const struct trace_entry *entry)
{
	const struct pv_trace_record *r = &entry->record;
	struct trace_line time = { f->time, f->time + sizeof(f->time) - 1 };

	trace_put_us(&time, trace_ns(trace, entry->start, output->origin));
	snprintf(f->domain, sizeof(f->domain), "%s",
		 trace_domain_name(trace, PV_TRACE_DOMAIN(r->who), f->buffers[0]));
	snprintf(f->kind, sizeof(f->kind), "%s", trace_name(&trace->kinds, r->kind, f->buffers[1]));
	snprintf(f->name, sizeof(f->name), "%s", trace_entry_name(trace, entry, f->buffers[2]));
	trace_entry_args(trace, entry, f->args, sizeof(f->args));
	trace_entry_result(trace, entry, f->result, sizeof(f->result));
	f->has_rip = trace_where(trace, entry, f->symbol, sizeof(f->symbol));
}

static void put_field(struct trace_line *line, const char *key, const char *text)
{
	trace_put(line, ",\"");
	trace_put(line, key);
	trace_put(line, "\":");
	trace_put_json(line, text);
}

static void put_number(struct trace_line *line, const char *key, uint64_t value)
{
	trace_put(line, ",\"");
	trace_put(line, key);
	trace_put(line, "\":");
	trace_put_number(line, value);
}

static void write_line(struct trace_output *output, struct trace_line *line, const char *text)
{
	*line->at++ = '\n';
	fwrite(text, 1, (size_t)(line->at - text), output->file);
}

/* The registers of a call; a member has three, in the order of the ABI. */
static void put_values(struct trace_line *line, const struct trace_entry *entry)
{
	unsigned int count = entry->record.kind == PV_KIND_CALL ? TRACE_ARGS_MAX : 3, i;

	trace_put(line, ",\"values\":[");
	for (i = 0; i < count; i++) {
		trace_put(line, i ? ",\"0x" : "\"0x");
		trace_put_hex(line, entry->args[i], 1);
		trace_put(line, "\"");
	}
	trace_put(line, "]");
}

static void put_address(struct trace_line *line, const char *key, uint64_t value)
{
	char text[24] = "0x";
	struct trace_line hex = { text + 2, text + sizeof(text) - 1 };

	trace_put_hex(&hex, value, 1);
	put_field(line, key, text);
}

static void json_entry(struct trace_output *output, const struct trace *trace,
		       const struct trace_entry *entry)
{
	const struct pv_trace_record *r = &entry->record;
	char text[8192];
	struct trace_line line = { text, text + sizeof(text) - 2 };
	struct fields f;

	fill(&f, output, trace, entry);
	trace_put(&line, "{\"us\":");
	trace_put(&line, f.time);
	put_number(&line, "tsc", entry->start);
	put_number(&line, "cpu", entry->cpu);
	put_field(&line, "domain", f.domain);
	put_number(&line, "vcpu", PV_TRACE_VCPU(r->who));
	put_field(&line, "kind", f.kind);
	put_field(&line, "name", f.name);
	put_number(&line, "code", r->code);
	if (*f.args)
		put_field(&line, "args", f.args);
	if (*f.result)
		put_field(&line, "result", f.result);
	if (trace_has_ticks(entry))
		put_number(&line, "ticks", entry->ticks);
	if (r->kind == PV_KIND_EXIT) {
		put_number(&line, "reason", r->raw);
		put_address(&line, "qualification", r->arg);
	}
	if (r->kind == PV_KIND_CALL || r->kind == PV_KIND_MEMBER)
		put_values(&line, entry);
	if (r->kind == PV_KIND_MEMBER) {
		put_number(&line, "kick", TRACE_MEMBER_KICK(r->rip));
		put_number(&line, "entry", TRACE_MEMBER_ENTRY(r->rip));
		put_number(&line, "flags", TRACE_MEMBER_FLAGS(r->rip));
	}
	if (r->kind == PV_KIND_MARK)
		put_number(&line, "id", r->arg);
	if (trace_is_fence(entry))
		trace_put(&line, ",\"fence\":true");
	if (f.has_rip)
		put_address(&line, "rip", r->rip);
	if (*f.symbol)
		put_field(&line, "symbol", f.symbol);
	trace_put(&line, "}");
	write_line(output, &line, text);
}

static void csv_begin(struct trace_output *output, const struct trace *trace)
{
	(void)trace;
	fputs("us,cpu,domain,vcpu,kind,name,args,result,ticks,rip,symbol\n", output->file);
}

static void csv_entry(struct trace_output *output, const struct trace *trace,
		      const struct trace_entry *entry)
{
	char text[2048];
	struct trace_line line = { text, text + sizeof(text) - 2 };
	struct fields f;

	fill(&f, output, trace, entry);
	trace_put(&line, f.time);
	trace_put(&line, ",");
	trace_put_number(&line, entry->cpu);
	trace_put(&line, ",");
	put_csv(&line, f.domain);
	trace_put(&line, ",");
	trace_put_number(&line, PV_TRACE_VCPU(entry->record.who));
	trace_put(&line, ",");
	put_csv(&line, f.kind);
	trace_put(&line, ",");
	put_csv(&line, f.name);
	trace_put(&line, ",");
	put_csv(&line, f.args);
	trace_put(&line, ",");
	put_csv(&line, f.result);
	trace_put(&line, ",");
	if (trace_has_ticks(entry))
		trace_put_number(&line, entry->ticks);
	trace_put(&line, f.has_rip ? ",0x" : ",");
	if (f.has_rip)
		trace_put_hex(&line, entry->record.rip, 1);
	trace_put(&line, ",");
	put_csv(&line, f.symbol);
	write_line(output, &line, text);
}

const struct trace_format trace_format_json = { "--json-lines", false, NULL, json_entry, NULL };
const struct trace_format trace_format_csv = { "--csv", false, csv_begin, csv_entry, NULL };
