// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison's document as a matrix: every workload has a cell in every column, counted or with
 * the reason why it is not. The document may come from a file that somebody changed, so members
 * are taken only if they have the type that is expected; what the page cannot do without, names
 * and what results refer to, is an error that says where.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_html_page.h"
#include "pv_abi.h"
#include "pv_names.h"

#define DOCUMENT_VERSION 1u

struct json_object *page_member(struct json_object *object, const char *key, json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static struct json_object *string_of(struct json_object *object, const char *key)
{
	return page_member(object, key, json_type_string);
}

/* A count; false where there is none, or one below 0. */
static bool count_of(struct json_object *object, const char *key, uint64_t *count)
{
	struct json_object *value = page_member(object, key, json_type_int);

	/* Of a negative number the unsigned value is 0 and the signed one is not. */
	if (!value || json_object_get_int64(value) < 0)
		return false;
	*count = json_object_get_uint64(value);
	return true;
}

/* The same for what need not be whole. */
static bool amount_of(struct json_object *object, const char *key, double *amount)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	if (!json_object_is_type(value, json_type_double) &&
	    !json_object_is_type(value, json_type_int))
		return false;
	*amount = json_object_get_double(value);
	return isfinite(*amount) && *amount >= 0;
}

static bool equals(struct json_object *string, struct json_object *other)
{
	size_t length = (size_t)json_object_get_string_len(string);

	return length == (size_t)json_object_get_string_len(other) &&
	       !memcmp(json_object_get_string(string), json_object_get_string(other), length);
}

static bool is_mode(const struct column *c, const char *mode)
{
	return !strcmp(json_object_get_string(c->mode), mode);
}

static bool is_bare(const struct column *c)
{
	return is_mode(c, "bare");
}

const struct cell *page_cell(const struct page *p, size_t workload, size_t column)
{
	return &p->cells[workload * p->column_count + column];
}

/* ---- columns ---- */

/*
 * A look for each mode, told apart without colours; columns with something masked have their own.
 */
static const char *style_of(const struct column *c)
{
	static const char *const styles[] = {
		[PV_MODE_FULL_HAP] = "full-hap",
		[PV_MODE_PV_HAP] = "pv-hap",
		[PV_MODE_FULL_SHADOW] = "full-shadow",
		[PV_MODE_PV_DIRECT] = "pv-direct",
	};
	const char *mode = json_object_get_string(c->mode);
	size_t i;

	if (c->features_off)
		return strncmp(mode, "pv/", 3) ? "full-masked" : "pv-masked";
	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (styles[i] && is_mode(c, pv_mode_names[i]))
			return styles[i];
	}
	return "other";
}

static int load_column(struct page *p, size_t i, struct json_object *from, struct errors *e)
{
	struct column *c = &p->columns[i];
	size_t before;

	c->id = string_of(from, "id");
	c->mode = string_of(from, "mode");
	if (!c->id || !c->mode)
		return errors_add(
			e, "columns[%zu]: expected an object with the strings id and mode", i);
	c->features_off = page_member(from, "features_off", json_type_array);
	if (c->features_off && !json_object_array_length(c->features_off))
		c->features_off = NULL;
	c->failed = string_of(from, "failed");
	c->style = style_of(c);
	c->tick.state = is_bare(c) ? CELL_BARE : c->failed ? CELL_FAILED : CELL_NOT_RUN;
	if (!is_bare(c))
		p->counted[p->counted_count++] = i;
	for (before = 0; before < i; before++) {
		if (equals(p->columns[before].id, c->id))
			return errors_add(e, "columns[%zu]: \"%s\" is there already", i,
					  json_object_get_string(c->id));
	}
	return 0;
}

/* The better of the two kinds of full virtualization that ran, with nothing masked. */
static size_t find_baseline(const struct page *p)
{
	static const unsigned int modes[] = { PV_MODE_FULL_HAP, PV_MODE_FULL_SHADOW };
	size_t i, k;

	for (k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
		for (i = 0; i < p->column_count; i++) {
			const struct column *c = &p->columns[i];

			if (is_mode(c, pv_mode_names[modes[k]]) && !c->failed && !c->features_off)
				return i;
		}
	}
	return p->column_count;
}

size_t page_unmasked(const struct page *p, size_t column)
{
	size_t i;

	for (i = 0; i < p->column_count; i++) {
		if (!p->columns[i].features_off &&
		    equals(p->columns[i].mode, p->columns[column].mode))
			return i;
	}
	return p->column_count;
}

/* ---- workloads, results, ticks ---- */

static int load_workload(struct page *p, size_t i, struct json_object *from, struct errors *e)
{
	struct workload *w = &p->workloads[i];
	size_t before;

	w->name = string_of(from, "name");
	if (!w->name)
		return errors_add(e, "workloads[%zu]: expected an object with the string name", i);
	w->unit = string_of(from, "unit");
	w->stresses = string_of(from, "stresses");
	w->why = string_of(from, "why");
	count_of(from, "ops", &w->ops);
	for (before = 0; before < i; before++) {
		if (equals(p->workloads[before].name, w->name))
			return errors_add(e, "workloads[%zu]: \"%s\" is there already", i,
					  json_object_get_string(w->name));
	}
	return 0;
}

static size_t find_column(const struct page *p, struct json_object *id)
{
	size_t i = 0;

	while (i < p->column_count && !equals(p->columns[i].id, id))
		i++;
	return i;
}

static size_t find_workload(const struct page *p, struct json_object *name)
{
	size_t i = 0;

	while (i < p->workload_count && !equals(p->workloads[i].name, name))
		i++;
	return i;
}

static void load_cell(struct cell *cell, const struct workload *w, const struct column *c,
		      struct json_object *from)
{
	uint64_t number;

	cell->ops = w->ops;
	if (count_of(from, "ops", &number) && number)
		cell->ops = number;
	if (!is_bare(c) && count_of(from, "transitions", &cell->transitions))
		cell->state = CELL_COUNTED;
	count_of(from, "tick_transitions", &cell->tick_transitions);
	cell->has_guest_ticks = count_of(from, "guest_ticks", &cell->guest_ticks);
	cell->has_vmm_ticks = count_of(from, "vmm_ticks", &cell->vmm_ticks);
	cell->by_class = page_member(from, "by_class", json_type_object);
	cell->by_name = page_member(from, "by_name", json_type_object);
}

static int load_result(struct page *p, size_t i, struct json_object *from, struct errors *e)
{
	struct json_object *name = string_of(from, "workload"), *id = string_of(from, "column");
	size_t workload, column;

	if (!name || !id)
		return errors_add(
			e, "results[%zu]: expected an object with the strings workload and column",
			i);
	workload = find_workload(p, name);
	if (workload == p->workload_count)
		return errors_add(e, "results[%zu]: \"%s\" is not among the workloads", i,
				  json_object_get_string(name));
	column = find_column(p, id);
	if (column == p->column_count)
		return errors_add(e, "results[%zu]: \"%s\" is not among the columns", i,
				  json_object_get_string(id));
	load_cell(&p->cells[workload * p->column_count + column], &p->workloads[workload],
		  &p->columns[column], from);
	return 0;
}

static int load_tick(struct page *p, size_t i, struct json_object *from, struct errors *e)
{
	struct json_object *id = string_of(from, "column");
	size_t column = id ? find_column(p, id) : p->column_count;
	struct tick *tick;

	if (column == p->column_count)
		return errors_add(e, "tick[%zu]: expected the id of a column", i);
	tick = &p->columns[column].tick;
	if (tick->state != CELL_BARE && count_of(from, "transitions", &tick->transitions) &&
	    amount_of(from, "periods", &tick->periods))
		tick->state = CELL_COUNTED;
	return 0;
}

static void mark_cells(struct page *p)
{
	size_t w, c;

	for (w = 0; w < p->workload_count; w++) {
		for (c = 0; c < p->column_count; c++) {
			struct cell *cell = &p->cells[w * p->column_count + c];

			cell->state = p->columns[c].tick.state;
		}
	}
}

typedef int (*load_one)(struct page *p, size_t i, struct json_object *from, struct errors *e);

static int load_each(struct page *p, const char *key, load_one load, struct errors *e)
{
	struct json_object *array = page_member(p->doc, key, json_type_array);
	size_t i;

	if (!array)
		return errors_add(e, "comparison: expected an array \"%s\"", key);
	for (i = 0; i < json_object_array_length(array); i++) {
		if (load(p, i, json_object_array_get_idx(array, i), e))
			return -1;
	}
	return 0;
}

static size_t length_of(struct json_object *doc, const char *key)
{
	struct json_object *array = page_member(doc, key, json_type_array);

	return array ? json_object_array_length(array) : 0;
}

int page_load(struct page *p, struct json_object *doc, struct errors *e)
{
	uint64_t version = 0;

	p->doc = doc;
	if (!count_of(doc, "version", &version) || version != DOCUMENT_VERSION)
		return errors_add(e, "comparison: expected an object with version %u",
				  DOCUMENT_VERSION);
	p->column_count = length_of(doc, "columns");
	p->workload_count = length_of(doc, "workloads");
	p->columns = xcalloc(p->column_count, sizeof(*p->columns));
	p->counted = xcalloc(p->column_count, sizeof(*p->counted));
	p->workloads = xcalloc(p->workload_count, sizeof(*p->workloads));
	if (load_each(p, "columns", load_column, e) || load_each(p, "workloads", load_workload, e))
		return -1;
	p->baseline = find_baseline(p);
	p->cells = xcalloc(p->column_count * p->workload_count, sizeof(*p->cells));
	mark_cells(p);
	if (load_each(p, "results", load_result, e))
		return -1;
	/* A comparison of which no tick was measured may do without. */
	return length_of(doc, "tick") ? load_each(p, "tick", load_tick, e) : 0;
}

void page_free(struct page *p)
{
	free(p->columns);
	free(p->counted);
	free(p->workloads);
	free(p->cells);
}
