// SPDX-License-Identifier: BSD-2-Clause
/*
 * Entries of a trace in words: names, arguments by name and type, results; see trace.h. All names
 * come from the trace file; what has none there is printed as #n, never guessed. What an exit was
 * about is in trace_exits.c.
 */
#include <string.h>

#include "pv_names.h"
#include "trace.h"
#include "trace_exits.h"

static const char *const sched_words[] = { "in", "out", "block", "wake" };
static const char *const domain_words[] = { "start", "end", "restart" };
static const char *const registers[TRACE_ARGS_MAX] = { "rdi", "rsi", "rdx", "rcx", "r8", "r9" };

/* ---- text that does not overrun -------------------------------------------------------------- */

void trace_put(struct trace_line *line, const char *text)
{
	while (*text && line->at < line->end)
		*line->at++ = *text++;
	*line->at = 0;
}

void trace_put_hex(struct trace_line *line, uint64_t value, unsigned int digits)
{
	static const char digit[] = "0123456789abcdef";
	char text[17], *at = text + 16;

	*at = 0;
	do {
		*--at = digit[value & 15];
		value >>= 4;
	} while (value || text + 16 - at < (ptrdiff_t)digits);
	trace_put(line, at);
}

void trace_put_number(struct trace_line *line, uint64_t value)
{
	char text[21], *at = text + 20;

	*at = 0;
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	trace_put(line, at);
}

static struct trace_line line_of(char *out, size_t size)
{
	*out = 0;
	return (struct trace_line){ out, out + size - 1 };
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *numbered(uint64_t n, char buffer[24])
{
	struct trace_line line = line_of(buffer, 24);

	trace_put(&line, "#");
	trace_put_number(&line, n);
	return buffer;
}

const char *trace_name(const struct trace_names *names, uint64_t n, char buffer[24])
{
	return n < names->count && names->list[n] ? names->list[n] : numbered(n, buffer);
}

const char *trace_domain_name(const struct trace *trace, unsigned int domain, char buffer[24])
{
	return domain < trace->domain_count && trace->domains[domain].name ?
		       trace->domains[domain].name :
		       numbered(domain, buffer);
}

static const char *word(const char *const *words, size_t count, unsigned int n, char buffer[24])
{
	return n < count ? words[n] : numbered(n, buffer);
}

static const char *vector_name(unsigned int vector, char buffer[24])
{
	struct trace_line line = line_of(buffer, 24);

	if (trace_exception_name(vector))
		return trace_exception_name(vector);
	trace_put(&line, "vector-0x");
	trace_put_hex(&line, vector, 2);
	return buffer;
}

const char *trace_entry_name(const struct trace *trace, const struct trace_entry *entry,
			     char buffer[24])
{
	unsigned int code = entry->record.code;

	switch (entry->record.kind) {
	case PV_KIND_EXIT:
	case PV_KIND_DETAIL:
		return trace_name(&trace->exits, code, buffer);
	case PV_KIND_CALL:
	case PV_KIND_RESULT:
	case PV_KIND_MEMBER:
	case PV_KIND_ARGS:
		return trace_name(&trace->call_names, code, buffer);
	case PV_KIND_INJECT:
		return vector_name(code, buffer);
	case PV_KIND_SCHED:
		return word(sched_words, 4, code, buffer);
	case PV_KIND_MARK:
		return "mark";
	case PV_KIND_DOMAIN:
		return word(domain_words, 3, code, buffer);
	default:
		return numbered(code, buffer);
	}
}

/* ---- calls ----------------------------------------------------------------------------------- */

static bool is_type(const struct trace_arg *arg, const char *type)
{
	return !strcmp(arg->type, type);
}

static void put_value(struct trace_line *line, uint64_t value)
{
	if (value == UINT64_MAX) {
		trace_put(line, "~0");
	} else if (value < 0x10000) {
		trace_put_number(line, value);
	} else {
		trace_put(line, "0x");
		trace_put_hex(line, value, 1);
	}
}

static void put_arg(struct trace_line *line, const struct trace_arg *arg, uint64_t value)
{
	char buffer[24];

	if (arg->table && value < arg->table->names.count) {
		trace_put(line, trace_name(&arg->table->names, value, buffer));
	} else if (is_type(arg, "gpa") || is_type(arg, "vector") || !strcmp(arg->name, "vcpus") ||
		   !strcmp(arg->name, "address")) {
		trace_put(line, value == UINT64_MAX ? "~0" : "0x");
		if (value != UINT64_MAX)
			trace_put_hex(line, value, 1);
	} else if (is_type(arg, "ns") && value != UINT64_MAX) {
		trace_put_number(line, value);
		trace_put(line, value ? "ns" : "");
	} else {
		put_value(line, value);
	}
}

/* "flags=STOP_ON_ERROR|0x10" of a member that has any. */
static void member_flags(const struct trace *trace, const struct trace_entry *entry,
			 struct trace_line *line, const char *comma)
{
	unsigned int flags = TRACE_MEMBER_FLAGS(entry->record.rip), bit;
	const char *between = "flags=";

	if (entry->record.kind != PV_KIND_MEMBER || !flags)
		return;
	trace_put(line, comma);
	for (bit = 1; bit <= flags; bit *= 2) {
		if (!(flags & bit))
			continue;
		trace_put(line, between);
		between = "|";
		if (trace->flags && bit < trace->flags->names.count &&
		    trace->flags->names.list[bit]) {
			trace_put(line, trace->flags->names.list[bit]);
		} else {
			trace_put(line, "0x");
			trace_put_hex(line, bit, 1);
		}
	}
}

static void call_args(const struct trace *trace, const struct trace_entry *entry,
		      struct trace_line *line)
{
	static const struct trace_call unknown;
	const struct trace_call *call = entry->record.code < trace->call_names.count ?
						&trace->calls[entry->record.code] :
						&unknown;
	const char *comma = "";
	unsigned int i;

	for (i = 0; i < TRACE_ARGS_MAX; i++) {
		/*
		 * One that the call does not have must be 0; where it is not, that is of interest.
		 */
		if (i >= call->count && !entry->args[i])
			continue;
		trace_put(line, comma);
		trace_put(line, i < call->count ? call->args[i].name : registers[i]);
		trace_put(line, "=");
		if (i < call->count)
			put_arg(line, &call->args[i], entry->args[i]);
		else
			put_value(line, entry->args[i]);
		comma = ", ";
	}
	member_flags(trace, entry, line, comma);
}

static void call_result(const struct trace *trace, const struct trace_entry *entry,
			struct trace_line *line)
{
	const struct trace_table *table = entry->record.code < trace->call_names.count ?
						  trace->calls[entry->record.code].result :
						  NULL;
	uint64_t value = (uint64_t)entry->result;
	char buffer[24];

	if (entry->result < 0 && entry->result > -4096) {
		trace_put(line, "-");
		trace_put(line, trace_name(&trace->errnos, (uint64_t)-entry->result, buffer));
	} else if (table && value < table->names.count) {
		trace_put(line, trace_name(&table->names, value, buffer));
	} else {
		put_value(line, value);
	}
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool is_call(const struct trace_entry *entry)
{
	return entry->record.kind == PV_KIND_CALL || entry->record.kind == PV_KIND_MEMBER;
}

bool trace_has_ticks(const struct trace_entry *entry)
{
	return is_call(entry) || entry->record.kind == PV_KIND_EXIT;
}

bool trace_is_fence(const struct trace_entry *entry)
{
	return entry->record.kind == PV_KIND_EXIT && entry->record.code == PV_EXIT_PORT_OUT &&
	       entry->detail.is_there && (entry->detail.what & 0xffff) == PV_PORT_MARK &&
	       PV_DETAIL_PORT_BYTES(entry->detail.what) == 4;
}

double trace_us(const struct trace *trace, uint64_t tsc, uint64_t origin)
{
	double ticks = tsc >= origin ? (double)(tsc - origin) : -(double)(origin - tsc);

	return trace->tsc_khz ? ticks * 1000.0 / (double)trace->tsc_khz : ticks;
}

static void plain_args(const struct trace_entry *entry, struct trace_line *line)
{
	const struct pv_trace_record *r = &entry->record;

	switch (r->kind) {
	case PV_KIND_INJECT:
		if (trace_exception_name(r->code)) {
			trace_put(line, "error=0x");
			trace_put_hex(line, r->arg, 1);
		}
		return;
	case PV_KIND_SCHED:
		return;
	case PV_KIND_DOMAIN:
		if (r->code == 1)
			trace_put(line, r->arg ? "killed" : "shutdown");
		return;
	case PV_KIND_MARK:
		trace_put_number(line, r->arg);
		return;
	default: /* halves whose other half was overwritten, and kinds of a later version */
		trace_put(line, "0x");
		trace_put_hex(line, r->rip, 1);
		trace_put(line, ", 0x");
		trace_put_hex(line, r->arg, 1);
	}
}

void trace_entry_args(const struct trace *trace, const struct trace_entry *entry, char *out,
		      size_t size)
{
	struct trace_line line = line_of(out, size);

	if (is_call(entry))
		call_args(trace, entry, &line);
	else if (entry->record.kind == PV_KIND_EXIT)
		trace_exit_args(trace, entry, &line);
	else
		plain_args(entry, &line);
}

void trace_entry_result(const struct trace *trace, const struct trace_entry *entry, char *out,
			size_t size)
{
	struct trace_line line = line_of(out, size);

	if (is_call(entry))
		call_result(trace, entry, &line);
	else if (entry->record.kind == PV_KIND_EXIT)
		trace_exit_result(entry, &line);
}

void trace_entry_text(const struct trace *trace, const struct trace_entry *entry, char *out,
		      size_t size)
{
	struct trace_line line = line_of(out, size);
	char buffer[24], args[300], result[80];
	bool has_name = trace_has_ticks(entry);

	trace_entry_args(trace, entry, args, sizeof(args));
	trace_entry_result(trace, entry, result, sizeof(result));
	if (!has_name && entry->record.kind != PV_KIND_MARK) {
		trace_put(&line, trace_name(&trace->kinds, entry->record.kind, buffer));
		trace_put(&line, " ");
	}
	trace_put(&line, trace_entry_name(trace, entry, buffer));
	if (is_call(entry) || *args) {
		trace_put(&line, has_name ? "(" : " ");
		trace_put(&line, args);
		trace_put(&line, has_name ? ")" : "");
	}
	if (*result) {
		trace_put(&line, " = ");
		trace_put(&line, result);
	}
}
