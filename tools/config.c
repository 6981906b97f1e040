// SPDX-License-Identifier: BSD-2-Clause
/*
 * The machine description as a whole: the document, its `machine:` part, and what holds between
 * domains (names, memory). Called by every command that takes a FILE and by the test runner.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_domain.h"
#include "config_yaml.h"
#include "pv_names.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MACHINE_MEMORY_STEP (1ull << 20)

/* ---- machine: ---- */

static int read_cpus(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	uint64_t n;

	if (yaml_read_number(r, node, "CPUs of the machine", 1, PV_CPUS_MAX, &n))
		return -1;
	m->cpus = (uint32_t)n;
	return 0;
}

static int read_memory(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;

	m->memory_at = (struct place){ node->start_mark.line + 1, node->start_mark.column + 1 };
	return yaml_read_size(r, node, "memory of the machine", MACHINE_MEMORY_MIN,
			      MACHINE_MEMORY_MAX, MACHINE_MEMORY_STEP, &m->memory_bytes);
}

static int read_slice(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	uint64_t n;

	if (yaml_read_number(r, node, "a time slice in microseconds", 100, 1000000, &n))
		return -1;
	m->slice_us = (uint32_t)n;
	return 0;
}

const struct yaml_switch config_hardware_features[] = {
	{ "virtual_interrupts", PV_HW_VIRTUAL_INTERRUPTS },
	{ "preempt_timer", PV_HW_PREEMPT_TIMER },
	{ "next_rip", PV_HW_NEXT_RIP },
	{ "huge_pages", PV_HW_HUGE_PAGES },
	{ "large_pages", PV_HW_LARGE_PAGES },
	{ "x2apic", PV_HW_X2APIC },
	{ NULL, 0 },
};

static int read_features(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	uint64_t on = 0; /* everything that the hardware has is on anyway */

	return yaml_read_switches(r, node, "features of the machine", config_hardware_features, &on,
				  &m->hw_off);
}

#define ALL_KINDS ((uint32_t)((1ull << PV_KIND_COUNT) - 1))

static int read_trace_kinds(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	yaml_node_t *item;
	int result = 0;

	if (node->type != YAML_SEQUENCE_NODE || !yaml_item(r->doc, node, 0))
		return yaml_expected(r, node, "a list of record kinds such as [exit, call]");
	m->trace_kinds = 0;
	for (size_t i = 0; (item = yaml_item(r->doc, node, i)); i++) {
		size_t kind;

		if (yaml_read_name(r, item, "a kind of trace record", pv_kind_names,
				   ARRAY_SIZE(pv_kind_names), &kind))
			result = -1;
		else
			m->trace_kinds |= 1u << kind;
	}
	return result;
}

static int read_trace_records(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	uint64_t n;

	if (yaml_read_number(r, node, "trace records per CPU", 16, 65536, &n))
		return -1;
	m->trace_records = (uint32_t)n;
	return 0;
}

static int read_trace_live(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;
	bool is_live;

	if (yaml_read_switch(r, node, &is_live))
		return -1;
	m->trace_is_late = !is_live;
	return 0;
}

static const struct yaml_key trace_keys[] = {
	{ "kinds", false, read_trace_kinds },
	{ "records", false, read_trace_records },
	{ "live", false, read_trace_live },
	{ NULL, false, NULL },
};

static int read_trace(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct machine *m = into;

	m->trace_kinds = ALL_KINDS;
	return yaml_read_mapping(r, node, "trace", trace_keys, into);
}

static const struct yaml_key machine_keys[] = {
	{ "cpus", false, read_cpus },	   { "memory", false, read_memory },
	{ "slice_us", false, read_slice }, { "features", false, read_features },
	{ "trace", false, read_trace },	   { NULL, false, NULL },
};

/* ---- domains: ---- */

static int check_names(const struct yaml_reader *r, const struct machine *m)
{
	int result = 0;

	for (unsigned int i = 1; i < m->domain_count; i++) {
		const struct domain *d = &m->domains[i];

		for (unsigned int k = 0; k < i; k++)
			if (*d->name && !strcmp(d->name, m->domains[k].name))
				result = errors_add_at(
					r->errors, r->file, d->at.line, d->at.column,
					"found a second domain named \"%s\" (the "
					"first is in line %zu), expected another name",
					d->name, m->domains[k].at.line);
	}
	return result;
}

static int check_memory(const struct yaml_reader *r, const struct machine *m)
{
	uint64_t sum = MACHINE_RESERVED_BYTES;
	char used[24], all[24], own[24];

	/* No overflow: at most 16 domains of at most MACHINE_MEMORY_MAX each. */
	for (unsigned int i = 0; i < m->domain_count; i++)
		sum += m->domains[i].memory_bytes;
	if (sum <= m->memory_bytes)
		return 0;
	return errors_add_at(
		r->errors, r->file, m->memory_at.line, m->memory_at.column,
		"the domains' memory and %s for the hypervisor are %s, expected at most "
		"the machine's memory, %s",
		format_size(MACHINE_RESERVED_BYTES, own, sizeof(own)),
		format_size(sum, used, sizeof(used)),
		format_size(m->memory_bytes, all, sizeof(all)));
}

static int read_domains(const struct yaml_reader *r, yaml_node_t *domains, path_resolver resolve,
			struct machine *m)
{
	yaml_node_t *item;
	int result = 0;

	if (domains->type != YAML_SEQUENCE_NODE || !yaml_item(r->doc, domains, 0))
		return yaml_expected(r, domains, "a list of domains (- name: ...)");
	for (size_t i = 0; (item = yaml_item(r->doc, domains, i)); i++) {
		if (i == PV_BUNDLE_DOMAINS_MAX) {
			result = yaml_error(r, item, "too many domains, expected at most %u",
					    PV_BUNDLE_DOMAINS_MAX);
			break;
		}
		m->domain_count++;
		if (config_read_domain(r, item, m, resolve, &m->domains[i]))
			result = -1;
	}
	if (check_names(r, m))
		result = -1;
	return result;
}

int machine_from_node(yaml_document_t *doc, yaml_node_t *machine, yaml_node_t *domains,
		      const char *file, path_resolver resolve, struct machine *m, struct errors *e)
{
	const struct yaml_reader r = { .doc = doc, .file = file, .errors = e };
	int result = 0;

	*m = (struct machine){
		.file = xstrdup(file),
		.cpus = 1,
		.memory_bytes = MACHINE_MEMORY_DEFAULT,
		.slice_us = MACHINE_SLICE_US_DEFAULT,
		.trace_records = MACHINE_TRACE_RECORDS_DEFAULT,
		.memory_at = { domains->start_mark.line + 1, domains->start_mark.column + 1 },
	};
	if (machine && yaml_read_mapping(&r, machine, "machine", machine_keys, m)) {
		/* Its CPUs or memory may be wrong: judge no domain by them. */
		m->cpus = PV_CPUS_MAX;
		m->memory_bytes = UINT64_MAX;
		result = -1;
	}
	if (read_domains(&r, domains, resolve, m) || check_memory(&r, m))
		result = -1;
	return result;
}

/* ---- the document ---- */

struct top {
	yaml_node_t *machine, *domains;
};

static int keep_machine(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct top *top = into;

	(void)r;
	top->machine = node;
	return 0;
}

static int keep_domains(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct top *top = into;

	(void)r;
	top->domains = node;
	return 0;
}

static const struct yaml_key top_keys[] = {
	{ "machine", false, keep_machine },
	{ "domains", true, keep_domains },
	{ NULL, false, NULL },
};

struct machine *machine_parse(const char *text, size_t bytes, const char *file,
			      path_resolver resolve, struct errors *e)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	struct top top = { NULL, NULL };
	yaml_document_t doc;
	int result;

	if (yaml_load(text, bytes, file, &doc, e)) {
		free(m);
		return NULL;
	}
	/* Both parts are read even if a stray key stands beside them: one look shows all errors. */
	result = yaml_read_mapping(&(struct yaml_reader){ &doc, file, e },
				   yaml_document_get_root_node(&doc), "a machine description",
				   top_keys, &top);
	if (top.domains && machine_from_node(&doc, top.machine, top.domains, file, resolve, m, e))
		result = -1;
	yaml_document_delete(&doc);
	if (result) {
		machine_free(m);
		return NULL;
	}
	return m;
}

struct machine *machine_load(const char *file, struct errors *e)
{
	struct machine *m;
	struct blob text;

	if (blob_read(&text, file, YAML_FILE_MAX, e))
		return NULL;
	m = machine_parse((const char *)text.data, text.size, file, resolve_path, e);
	blob_free(&text);
	return m;
}

void machine_release(struct machine *m)
{
	for (unsigned int i = 0; i < m->domain_count; i++)
		domain_release(&m->domains[i]);
	free(m->file);
	memset(m, 0, sizeof(*m));
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	machine_release(m);
	free(m);
}

int machine_set_mode(struct machine *m, const char *mode, struct errors *e)
{
	char why[120];
	int number = config_mode(mode, why, sizeof(why));

	if (number < 0)
		return errors_add(e, "--mode: found \"%s\", expected %s", mode, why);
	for (unsigned int i = 0; i < m->domain_count; i++)
		m->domains[i].mode = (uint32_t)number;
	return 0;
}

int machine_find_domain(const struct machine *m, const char *name)
{
	for (unsigned int i = 0; i < m->domain_count; i++)
		if (!strcmp(m->domains[i].name, name))
			return (int)i;
	return -1;
}
