// SPDX-License-Identifier: BSD-2-Clause
/*
 * The columns of a comparison: the modes of the ABI that this version can run, the machine without
 * the hypervisor, and each with a single feature masked; see compare.h. Modes and features come
 * from the generated tables, so a new one needs no change here.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "config_domain.h"
#include "pv_names.h"

#define MODES (sizeof(pv_mode_names) / sizeof(pv_mode_names[0]))
#define FEATURES (sizeof(pv_feature_names) / sizeof(pv_feature_names[0]))

static bool is_paravirtual(const char *mode)
{
	return !strncmp(mode, "pv/", 3);
}

static struct compare_column *add(struct compare_plan *plan, char *id, const char *mode,
				  struct errors *e)
{
	struct compare_column *column = &plan->columns[plan->column_count];

	for (unsigned int i = 0; i < plan->column_count; i++) {
		if (strcmp(plan->columns[i].id, id))
			continue;
		free(id);
		return NULL; /* named twice */
	}
	if (plan->column_count == COMPARE_COLUMNS_MAX) {
		errors_add(e, "more than %u columns", COMPARE_COLUMNS_MAX);
		free(id);
		return NULL;
	}
	plan->column_count++;
	*column = (struct compare_column){ .id = id, .mode = xstrdup(mode) };
	return column;
}

static void add_mode(struct compare_plan *plan, const char *mode, struct errors *e)
{
	struct compare_column *column = add(plan, xstrdup(mode), mode, e);
	char why[120];
	int number;

	if (!column)
		return;
	column->is_bare = !strcmp(mode, COMPARE_BARE);
	if (column->is_bare)
		return;
	number = config_mode(mode, why, sizeof(why));
	if (number < 0)
		column->refused =
			xasprintf("not in this version, which has %s",
				  strncmp(why, "a mode of this version: ", 24) ? why : why + 24);
	else
		column->mode_number = (uint32_t)number;
}

/* Paravirtual modes first: the table reads from what is compared to what it is compared with. */
static void add_all(struct compare_plan *plan, bool has_bare, struct errors *e)
{
	char why[120];

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < MODES; i++) {
			const char *mode = pv_mode_names[i];

			if (mode && is_paravirtual(mode) == !pass &&
			    config_mode(mode, why, sizeof(why)) >= 0)
				add_mode(plan, mode, e);
		}
	}
	if (has_bare)
		add_mode(plan, COMPARE_BARE, e);
}

static bool is_mode(const char *name)
{
	for (size_t i = 0; i < MODES; i++)
		if (pv_mode_names[i] && !strcmp(pv_mode_names[i], name))
			return true;
	return !strcmp(name, COMPARE_BARE);
}

static int unknown_mode(const char *name, struct errors *e)
{
	char all[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < MODES; i++)
		if (pv_mode_names[i])
			used += (size_t)snprintf(all + used, sizeof(all) - used, " %s",
						 pv_mode_names[i]);
	return errors_add(e, "--modes: found \"%s\", expected a list of some of:%s " COMPARE_BARE,
			  name, all);
}

int compare_add_modes(struct compare_plan *plan, const char *modes, bool has_bare, struct errors *e)
{
	char *copy, *rest, *name;
	unsigned int before = e->count;

	if (!modes) {
		add_all(plan, has_bare, e);
		return e->count == before ? 0 : -1;
	}
	copy = rest = xstrdup(modes);
	while ((name = strsep(&rest, ","))) {
		if (is_mode(name))
			add_mode(plan, name, e);
		else
			unknown_mode(name, e);
	}
	free(copy);
	return e->count == before ? 0 : -1;
}

/* ---- single features masked ------------------------------------------------------------------ */

/* A feature of a domain that is on unless masked; its bit, or 0. */
static uint64_t domain_feature(const char *name)
{
	for (size_t bit = 0; bit < FEATURES; bit++)
		if (pv_feature_names[bit] && !strcmp(pv_feature_names[bit], name))
			return 1ull << bit & ~PV_FEATURES_OPT_IN;
	return 0;
}

static uint64_t machine_feature(const char *name)
{
	for (const struct yaml_switch *s = config_hardware_features; s->name; s++)
		if (!strcmp(s->name, name))
			return s->bits;
	return 0;
}

static int unknown_feature(const char *name, struct errors *e)
{
	char all[400] = "";
	size_t used = 0;

	for (size_t bit = 0; bit < FEATURES; bit++)
		if (pv_feature_names[bit] && domain_feature(pv_feature_names[bit]))
			used += (size_t)snprintf(all + used, sizeof(all) - used, " %s",
						 pv_feature_names[bit]);
	for (const struct yaml_switch *s = config_hardware_features; s->name; s++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", s->name);
	return errors_add(e, "--feature: found \"%s\", expected a list of some of:%s", name, all);
}

/* What a domain is offered means nothing to a guest that has no hypercalls. */
static void add_masked(struct compare_plan *plan, unsigned int unmasked, const char *name,
		       uint64_t of_domain, uint64_t of_machine, struct errors *e)
{
	for (unsigned int i = 0; i < unmasked; i++) {
		const struct compare_column *from = &plan->columns[i];
		struct compare_column *column;

		if (from->is_bare || (of_domain && !is_paravirtual(from->mode)))
			continue;
		column = add(plan, xasprintf("%s-%s", from->mode, name), from->mode, e);
		if (!column)
			continue;
		column->feature = xstrdup(name);
		column->features_off = of_domain;
		column->hw_off = of_machine;
		column->mode_number = from->mode_number;
		column->refused = from->refused ? xstrdup(from->refused) : NULL;
	}
}

int compare_add_features(struct compare_plan *plan, const char *features, struct errors *e)
{
	unsigned int unmasked = plan->column_count, before = e->count;
	char *copy = xstrdup(features), *rest = copy, *name;

	while ((name = strsep(&rest, ","))) {
		uint64_t of_domain = domain_feature(name), of_machine = machine_feature(name);

		if (of_domain || of_machine)
			add_masked(plan, unmasked, name, of_domain, of_machine, e);
		else
			unknown_feature(name, e);
	}
	free(copy);
	return e->count == before ? 0 : -1;
}

void compare_free_columns(struct compare_plan *plan)
{
	for (unsigned int i = 0; i < plan->column_count; i++) {
		free(plan->columns[i].id);
		free(plan->columns[i].mode);
		free(plan->columns[i].refused);
		free(plan->columns[i].feature);
	}
	plan->column_count = 0;
}
