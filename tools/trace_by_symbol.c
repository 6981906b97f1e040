// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn trace --by-symbol`: which function of the guest causes how many transitions of which kind.
 * Where no symbol is known it is the address. Exits that belong to no instruction (an interrupt of
 * the machine) are in a row of their own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_view.h"

struct site {
	uint64_t address; /* of the function, or of the instruction where none is known */
	uint64_t ticks;
	uint32_t count;
	uint16_t code;
	uint8_t kind, domain;
};

struct state {
	struct site *list;
	size_t count, capacity;
};

/* A run of sites with the same function. */
struct group {
	size_t first, length;
	uint64_t count, ticks;
};

static void sites_begin(struct trace_output *output, const struct trace *trace)
{
	(void)trace;
	output->state = xcalloc(1, sizeof(struct state));
}

static void sites_entry(struct trace_output *output, const struct trace *trace,
			const struct trace_entry *entry)
{
	struct state *state = output->state;
	unsigned int domain = PV_TRACE_DOMAIN(entry->record.who);
	const struct symbol *symbol = NULL;

	if ((entry->record.kind != PV_KIND_EXIT && entry->record.kind != PV_KIND_CALL) ||
	    trace_is_fence(entry))
		return;
	if (domain < trace->domain_count && entry->record.rip)
		symbol = symbols_at(&trace->domains[domain].symbols, entry->record.rip);
	state->list = xgrow(state->list, state->count, &state->capacity, sizeof(*state->list));
	state->list[state->count++] = (struct site){
		.address = symbol ? symbol->start : entry->record.rip,
		.ticks = entry->ticks,
		.count = 1,
		.code = entry->record.code,
		.kind = entry->record.kind,
		.domain = (uint8_t)domain,
	};
}

static int by_place(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->domain != y->domain)
		return x->domain - y->domain;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind - y->kind;
	return x->code - y->code;
}

static int by_count(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return x->count != y->count ? (x->count > y->count ? -1 : 1) : x->code - y->code;
}

static int by_total(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->first < y->first ? -1 : 1;
}

/* One site a function and name. */
static void merge(struct state *state)
{
	size_t to = 0, i;

	if (!state->count)
		return;
	qsort(state->list, state->count, sizeof(*state->list), by_place);
	for (i = 1; i < state->count; i++) {
		if (!by_place(&state->list[to], &state->list[i])) {
			state->list[to].count++;
			state->list[to].ticks += state->list[i].ticks;
		} else {
			state->list[++to] = state->list[i];
		}
	}
	state->count = to + 1;
}

static size_t make_groups(struct group *groups, struct state *state)
{
	size_t count = 0, i;

	for (i = 0; i < state->count; i++) {
		const struct site *site = &state->list[i];

		if (!i || site->address != site[-1].address || site->domain != site[-1].domain)
			groups[count++] = (struct group){ .first = i };
		groups[count - 1].length++;
		groups[count - 1].count += site->count;
		groups[count - 1].ticks += site->ticks;
	}
	return count;
}

static void print_group(FILE *file, const struct trace *trace, struct site *sites,
			const struct group *group)
{
	char where[200], buffer[24];
	const struct symbol *symbol = NULL;
	size_t i;

	if (sites->domain < trace->domain_count && sites->address)
		symbol = symbols_at(&trace->domains[sites->domain].symbols, sites->address);
	if (symbol)
		snprintf(where, sizeof(where), "%s", symbol->name);
	else if (sites->address)
		snprintf(where, sizeof(where), "0x%" PRIx64, sites->address);
	else
		snprintf(where, sizeof(where), "(no instruction)");
	fprintf(file, "%12" PRIu64 " %14" PRIu64 "  %-12s %-32s", group->count, group->ticks,
		trace_domain_name(trace, sites->domain, buffer), where);
	qsort(sites, group->length, sizeof(*sites), by_count);
	for (i = 0; i < group->length; i++) {
		struct trace_entry like = { .record = { .kind = sites[i].kind,
							.code = sites[i].code } };

		fprintf(file, "%s%s %u", i ? ", " : " ", trace_entry_name(trace, &like, buffer),
			sites[i].count);
	}
	fputc('\n', file);
}

static void sites_end(struct trace_output *output, const struct trace *trace)
{
	struct state *state = output->state;
	struct group *groups;
	size_t count, i;

	merge(state);
	groups = xcalloc(state->count, sizeof(*groups));
	count = make_groups(groups, state);
	if (count)
		qsort(groups, count, sizeof(*groups), by_total);
	fprintf(output->file, "%12s %14s  %-12s %-32s %s\n", "transitions", "ticks", "domain",
		"function", "of which");
	for (i = 0; i < count; i++)
		print_group(output->file, trace, &state->list[groups[i].first], &groups[i]);
	trace_format_lines.end(output, trace);
	free(groups);
	free(state->list);
	free(state);
}

const struct trace_format trace_format_by_symbol = {
	"--by-symbol", true, sites_begin, sites_entry, sites_end
};
