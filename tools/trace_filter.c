// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which entries `pvn trace` shows: --domain, --vcpu, --kind, --name, --from, --to; see
 * trace_view.h. Lists are words with commas; a word that names nothing in the trace is an error,
 * but for --name: what did not happen is no mistake.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "trace_view.h"

void trace_filter_init(struct trace_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	filter->from_us = -DBL_MAX;
	filter->to_us = DBL_MAX;
	filter->domain_mask = filter->vcpu_mask = filter->kind_mask = ~0u;
}

void trace_filter_add(char **list, const char *words)
{
	char *old = *list;

	*list = old ? xasprintf("%s,%s", old, words) : xstrdup(words);
	free(old);
}

bool trace_filter_time(const char *text, double *us)
{
	static const struct {
		const char *unit;
		double us;
	} units[] = { { "", 1 }, { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "ns", 1e-3 } };
	char *end;
	size_t i;

	*us = strtod(text, &end);
	if (end == text || !isfinite(*us))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit)) {
			*us *= units[i].us;
			return true;
		}
	}
	return false;
}

/* The number that a word stands for, or -1. */
typedef long (*find_t)(const struct trace *trace, const char *word);

static long find_domain(const struct trace *trace, const char *word)
{
	size_t i;

	for (i = 0; i < trace->domain_count; i++) {
		if (trace->domains[i].name && !strcmp(trace->domains[i].name, word))
			return (long)i;
	}
	return -1;
}

static long find_vcpu(const struct trace *trace, const char *word)
{
	char *end;
	long number = strtol(word, &end, 10);

	(void)trace;
	return *end || end == word || number < 0 || number >= (long)PV_VCPUS_MAX ? -1 : number;
}

static long find_kind(const struct trace *trace, const char *word)
{
	size_t i;

	for (i = 0; i < trace->kinds.count && i < 32; i++) {
		if (trace->kinds.list[i] && !strcmp(trace->kinds.list[i], word))
			return (long)i;
	}
	return -1;
}

static int resolve(const struct trace *trace, const char *list, const char *option,
		   const char *expected, find_t find, uint32_t *mask, struct errors *e)
{
	char *copy, *rest, *word;
	int result = 0;

	if (!list)
		return 0;
	*mask = 0;
	copy = rest = xstrdup(list);
	while (!result && (word = strsep(&rest, ","))) {
		long number = find(trace, word);

		if (number < 0)
			result = errors_add(e, "%s %s: expected %s", option, word, expected);
		else
			*mask |= 1u << number;
	}
	free(copy);
	return result;
}

static char *names_of_domains(const struct trace *trace)
{
	char *text = NULL;
	size_t i;

	for (i = 0; i < trace->domain_count; i++)
		trace_filter_add(&text, trace->domains[i].name ? trace->domains[i].name : "?");
	return text ? text : xstrdup("a domain, of which it names none");
}

int trace_filter_resolve(struct trace_filter *filter, const struct trace *trace, struct errors *e)
{
	char *domains = names_of_domains(trace), *rest, *word;
	int result = resolve(trace, filter->domains, "--domain", domains, find_domain,
			     &filter->domain_mask, e) |
		     resolve(trace, filter->vcpus, "--vcpu", "numbers from 0 to 15", find_vcpu,
			     &filter->vcpu_mask, e) |
		     resolve(trace, filter->kinds, "--kind",
			     "exit, call, member, inject, sched, mark or domain", find_kind,
			     &filter->kind_mask, e);

	free(domains);
	rest = filter->names;
	while (!result && rest && (word = strsep(&rest, ","))) {
		if (!*word)
			return errors_add(e, "--name: expected names with commas between");
		if (filter->name_count == TRACE_NAMES_MAX)
			return errors_add(e, "--name: more than %u names", TRACE_NAMES_MAX);
		filter->name_list[filter->name_count++] = word;
	}
	return result;
}

static bool has_name(const struct trace_filter *filter, const char *name)
{
	unsigned int i;

	for (i = 0; i < filter->name_count; i++) {
		if (!strcasecmp(filter->name_list[i], name))
			return true;
	}
	return false;
}

bool trace_filter_accepts(const struct trace_filter *filter, const struct trace *trace,
			  const struct trace_entry *entry, double us)
{
	const struct pv_trace_record *r = &entry->record;
	char buffer[24];

	if (!(filter->domain_mask >> PV_TRACE_DOMAIN(r->who) & 1) ||
	    !(filter->vcpu_mask >> PV_TRACE_VCPU(r->who) & 1) ||
	    (filter->kinds && (r->kind >= 32 || !(filter->kind_mask >> r->kind & 1))))
		return false;
	if (us < filter->from_us || us > filter->to_us)
		return false;
	return !filter->name_count || has_name(filter, trace_entry_name(trace, entry, buffer));
}

void trace_filter_free(struct trace_filter *filter)
{
	free(filter->domains);
	free(filter->vcpus);
	free(filter->kinds);
	free(filter->names);
}
