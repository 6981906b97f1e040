// SPDX-License-Identifier: BSD-2-Clause
/*
 * The `domains:` entries of a machine description: one table row a key. Called by config.c.
 */
#include "config_domain.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pv_names.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DOMAIN_MEMORY_MIN (4ull << 20)
#define DOMAIN_MEMORY_STEP (2ull << 20) /* memory is given out in 2 MiB chunks */
#define CMDLINE_MAX 2047u
#define PATH_TEXT_MAX 4000u
#define CONSOLE_LIMIT_MAX (1ull << 40)

struct domain_reading {
	const struct machine *m;
	path_resolver resolve;
	struct domain *d;
};

static struct place place_of(const yaml_node_t *node)
{
	return (struct place){ node->start_mark.line + 1, node->start_mark.column + 1 };
}

static int read_name(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	const char *text;

	if (yaml_read_text(r, node, "a domain's name", sizeof(reading->d->name) - 1, &text))
		return -1;
	/* Names go to file names, logs and the guest: keep them plain. */
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
			return yaml_expected(r, node, "a name of letters, digits, _ - and .");
	strcpy(reading->d->name, text);
	return 0;
}

static int read_path(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		     path_resolver resolve, char **path)
{
	char why[ERROR_TEXT_MAX / 2], found[80];
	const char *text;

	if (yaml_read_text(r, node, what, PATH_TEXT_MAX, &text))
		return -1;
	*path = resolve(text, r->file, why, sizeof(why));
	if (!*path)
		return yaml_error(r, node, "found %s, expected %s: %s",
				  yaml_describe(node, found, sizeof(found)), what, why);
	return 0;
}

static int read_kernel(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;

	reading->d->kernel_at = place_of(node);
	return read_path(r, node, "a kernel file (a path relative to this file, or payload:NAME)",
			 reading->resolve, &reading->d->kernel);
}

static int read_initrd(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;

	reading->d->initrd_at = place_of(node);
	return read_path(r, node, "an initrd file (a path relative to this file)", resolve_path,
			 &reading->d->initrd);
}

static int read_cmdline(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	const char *text;

	if (yaml_read_text(r, node, "a command line (text)", CMDLINE_MAX, &text))
		return -1;
	free(reading->d->cmdline);
	reading->d->cmdline = xstrdup(text);
	return 0;
}

static int read_memory(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;

	reading->d->memory_at = place_of(node);
	return yaml_read_size(r, node, "memory of a domain", DOMAIN_MEMORY_MIN, MACHINE_MEMORY_MAX,
			      DOMAIN_MEMORY_STEP, &reading->d->memory_bytes);
}

static int read_vcpus(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	uint64_t n;

	if (yaml_read_number(r, node, "vcpus", 1, PV_VCPUS_MAX, &n))
		return -1;
	reading->d->vcpus = (uint32_t)n;
	return 0;
}

/* Modes whose guests run in this version; a name beyond these is known but not yet served. */
static const bool mode_is_ready[ARRAY_SIZE(pv_mode_names)] = {
	[PV_MODE_FULL_HAP] = true,
	[PV_MODE_PV_HAP] = true,
};

int config_mode(const char *name, char *why, size_t why_size)
{
	size_t used;

	for (unsigned int mode = 0; mode < ARRAY_SIZE(pv_mode_names); mode++) {
		if (!pv_mode_names[mode] || strcmp(pv_mode_names[mode], name))
			continue;
		if (mode_is_ready[mode])
			return (int)mode;
	}
	used = (size_t)snprintf(why, why_size, "a mode of this version:");
	for (unsigned int mode = 0, n = 0; mode < ARRAY_SIZE(pv_mode_names); mode++)
		if (mode_is_ready[mode] && used < why_size)
			used += (size_t)snprintf(why + used, why_size - used, "%s %s",
						 n++ ? " or" : "", pv_mode_names[mode]);
	return -1;
}

static int read_mode(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	char why[120];
	const char *text;
	int mode;

	if (yaml_read_text(r, node, "a mode", 40, &text))
		return -1;
	mode = config_mode(text, why, sizeof(why));
	if (mode < 0)
		return yaml_expected(r, node, "%s", why);
	reading->d->mode = (uint32_t)mode;
	return 0;
}

static int read_cpus(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	yaml_node_t *item;
	int result = 0;

	if (node->type != YAML_SEQUENCE_NODE || !yaml_item(r->doc, node, 0))
		return yaml_expected(r, node, "a list of CPU numbers such as [0, 1]");
	for (size_t i = 0; (item = yaml_item(r->doc, node, i)); i++) {
		uint64_t cpu;

		if (yaml_read_number(r, item, "a CPU of the machine", 0, reading->m->cpus - 1,
				     &cpu))
			result = -1;
		else if (reading->d->cpu_mask & 1ull << cpu)
			result = yaml_error(r, item, "found CPU %u a second time",
					    (unsigned int)cpu);
		else
			reading->d->cpu_mask |= 1ull << cpu;
	}
	return result;
}

/* Every feature of the ABI has its switch, under the name that it has there. */
static const struct yaml_switch *domain_features(void)
{
	static struct yaml_switch switches[ARRAY_SIZE(pv_feature_names) + 1];
	size_t used = 0;

	for (size_t bit = 0; bit < ARRAY_SIZE(pv_feature_names); bit++)
		if (pv_feature_names[bit])
			switches[used++] =
				(struct yaml_switch){ pv_feature_names[bit], 1ull << bit };
	switches[used] = (struct yaml_switch){ NULL, 0 };
	return switches;
}

static int read_features(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	uint64_t on = 0, off = 0;

	if (yaml_read_switches(r, node, "features of a domain", domain_features(), &on, &off))
		return -1;
	/* Those are off unless asked for, all others are on unless switched off. */
	reading->d->features_on = on & PV_FEATURES_OPT_IN;
	reading->d->features_off = off & ~PV_FEATURES_OPT_IN;
	return 0;
}

static int read_calls(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	yaml_node_t *item;
	int result = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_expected(r, node, "a list of hypercalls such as [NULL, CONSOLE]");
	memset(reading->d->call_mask, 0, sizeof(reading->d->call_mask));
	for (size_t i = 0; (item = yaml_item(r->doc, node, i)); i++) {
		size_t call;

		if (yaml_read_name(
			    r, item,
			    "a hypercall such as NULL or CONSOLE (docs/hypercalls.md lists them)",
			    pv_call_names, ARRAY_SIZE(pv_call_names), &call))
			result = -1;
		else
			reading->d->call_mask[call / 64] |= 1ull << (call % 64);
	}
	return result;
}

static int read_console_limit(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;

	return yaml_read_size(r, node, "a limit of console output", 1, CONSOLE_LIMIT_MAX, 1,
			      &reading->d->console_limit);
}

static int read_on_reboot(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	static const char *const choices[] = { "restart", "end" };
	struct domain_reading *reading = into;
	size_t choice;

	if (yaml_read_name(r, node, "what a reboot does", choices, ARRAY_SIZE(choices), &choice))
		return -1;
	reading->d->ends_on_reboot = choice == 1;
	return 0;
}

static const struct yaml_key limit_keys[] = {
	{ "console", false, read_console_limit },
	{ NULL, false, NULL },
};

static int read_limits(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_read_mapping(r, node, "limits of a domain", limit_keys, into);
}

#define REGISTER(name) { #name, offsetof(struct pv_vcpu_context, name) }
const struct boot_register boot_registers[BOOT_REGISTERS_MAX] = {
	REGISTER(rip), REGISTER(rsp), REGISTER(rdi), REGISTER(rflags),
	REGISTER(cr0), REGISTER(cr3), REGISTER(cr4), REGISTER(efer),
};

static int register_index(const char *name)
{
	for (unsigned int i = 0; i < BOOT_REGISTERS_MAX; i++)
		if (!strcmp(boot_registers[i].name, name))
			return (int)i;
	return -1;
}

/* A 64-bit word, 0x... or decimal: registers are written in hexadecimal. */
static int read_word(const struct yaml_reader *r, yaml_node_t *node, uint64_t *word)
{
	const char *text;
	char *end;

	if (yaml_read_text(r, node, "a register's value", 20, &text))
		return -1;
	errno = 0;
	*word = strtoull(text, &end, 0);
	if (errno || *end || !isdigit((unsigned char)*text))
		return yaml_expected(r, node, "a register's value such as 0x200000");
	return 0;
}

/*
 * Whatever the owner of the machine writes here is entered as it stands: a bad state is a lesson.
 */
static int read_registers(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct domain_reading *reading = into;
	int result = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_expected(r, node, "registers such as {rip: 0x200000}");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(r->doc, pair->key);
		yaml_node_t *value = yaml_document_get_node(r->doc, pair->value);
		const char *name;
		uint64_t number;
		int index;

		if (yaml_read_text(r, key, "a register", 8, &name)) {
			result = -1;
			continue;
		}
		index = register_index(name);
		if (index < 0)
			result = yaml_expected(r, key,
					       "rip, rsp, rdi, rflags, cr0, cr3, cr4 or efer");
		else if (read_word(r, value, &number))
			result = -1;
		else {
			reading->d->registers[index] = number;
			reading->d->registers_set |= 1u << index;
		}
	}
	return result;
}

static const struct yaml_key domain_keys[] = {
	{ "name", true, read_name },	      { "kernel", true, read_kernel },
	{ "initrd", false, read_initrd },     { "cmdline", false, read_cmdline },
	{ "memory", true, read_memory },      { "vcpus", false, read_vcpus },
	{ "mode", false, read_mode },	      { "cpus", false, read_cpus },
	{ "features", false, read_features }, { "calls", false, read_calls },
	{ "limits", false, read_limits },     { "registers", false, read_registers },
	{ "on_reboot", false, read_on_reboot },
	{ NULL, false, NULL },
};

int config_read_domain(const struct yaml_reader *r, yaml_node_t *node, const struct machine *m,
		       path_resolver resolve, struct domain *d)
{
	struct domain_reading reading = { .m = m, .resolve = resolve, .d = d };

	d->at = place_of(node);
	d->kernel_at = d->initrd_at = d->memory_at = d->at;
	d->cmdline = xstrdup("");
	d->vcpus = 1;
	d->mode = PV_MODE_PV_HAP;
	memset(d->call_mask, 0xff, sizeof(d->call_mask));
	return yaml_read_mapping(r, node, "a domain", domain_keys, &reading);
}

void domain_release(struct domain *d)
{
	free(d->kernel);
	free(d->initrd);
	free(d->cmdline);
	memset(d, 0, sizeof(*d));
}
