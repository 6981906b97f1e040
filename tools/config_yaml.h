/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading YAML strictly: documents of a sane size and shape, and values of a known type, each error
 * with its place. Used by the machine description and by the test manifest. A mapping is read by a
 * table of keys, so that an unknown, doubled or missing key is found in one place.
 */
#ifndef TOOLS_CONFIG_YAML_H
#define TOOLS_CONFIG_YAML_H

#include <yaml.h>

#include "pvn.h"

#define YAML_FILE_MAX (1u << 20) /* bytes */
#define YAML_DEPTH_MAX 16u
#define YAML_NODES_MAX 50000u

/*
 * Loads the only document of a text. Syntax errors, anchors and aliases, tags, deep nesting and a
 * second document are refused. 0 (free with yaml_document_delete()), or -1 with one error.
 */
int yaml_load(const char *text, size_t bytes, const char *file, yaml_document_t *doc,
	      struct errors *e);

struct yaml_reader {
	yaml_document_t *doc;
	const char *file; /* the name that errors give */
	struct errors *errors;
};

#define YAML_KEYS_MAX 32u

/* One key of a mapping. Tables of them end with a NULL name and have at most YAML_KEYS_MAX rows. */
struct yaml_key {
	const char *name;
	bool required;
	/* Reads the value into what the caller of yaml_read_mapping() passed. 0 or -1. */
	int (*read)(const struct yaml_reader *r, yaml_node_t *value, void *into);
};

/* Adds an error at a node. Returns -1. */
int yaml_error(const struct yaml_reader *r, const yaml_node_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds "found ..., expected " and a phrase such as "a list of CPU numbers". Returns -1. */
int yaml_expected(const struct yaml_reader *r, const yaml_node_t *found, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "found" in words: a mapping, a list, nothing, or the quoted text, shortened. Returns buf. */
const char *yaml_describe(const yaml_node_t *node, char *buf, size_t size);

/*
 * Reads every pair of a mapping by keys[] (ends with a NULL name). `what` names the mapping in
 * errors
 * ("a domain"). 0 if all was well; goes on after errors and returns -1 if there was one.
 */
int yaml_read_mapping(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		      const struct yaml_key *keys, void *into);
/* A mapping of names to on or off, such as `features:`; what was said is added to *on and *off. */
struct yaml_switch {
	const char *name;
	uint64_t bits;
};

int yaml_read_switches(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		       const struct yaml_switch *switches, uint64_t *on, uint64_t *off);

/* The value of a key, or NULL; for those who must look ahead. No errors. */
yaml_node_t *yaml_find(yaml_document_t *doc, yaml_node_t *mapping, const char *key);

/* Elements of a sequence: NULL past the end, and for a node that is none. */
yaml_node_t *yaml_item(yaml_document_t *doc, yaml_node_t *sequence, size_t index);

/*
 * Scalars. 0, or -1 with an error. Text is valid as long as the document and has no NUL inside; an
 * empty plain value (`key:`) is "nothing", not text.
 */
int yaml_read_text(const struct yaml_reader *r, yaml_node_t *node, const char *what, size_t max,
		   const char **text);
int yaml_read_number(const struct yaml_reader *r, yaml_node_t *node, const char *what, uint64_t min,
		     uint64_t max, uint64_t *number);
/* A size with K, M or G; a multiple of `multiple` (1 = any). */
int yaml_read_size(const struct yaml_reader *r, yaml_node_t *node, const char *what, uint64_t min,
		   uint64_t max, uint64_t multiple, uint64_t *bytes);
/* on, off, true, false, yes, no */
int yaml_read_switch(const struct yaml_reader *r, yaml_node_t *node, bool *is_on);
/*
 * A name out of names[count] (NULL entries are holes), case-insensitively. `what` as in "a
 * hypercall".
 */
int yaml_read_name(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		   const char *const *names, size_t count, size_t *index);

#endif
