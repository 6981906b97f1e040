// SPDX-License-Identifier: BSD-2-Clause
/*
 * Typed reading of YAML nodes; see config_yaml.h. Every complaint says what was found and what was
 * expected, in this order, because the first is what the reader searches for in the file.
 */
#include "config_yaml.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "config.h"

#define YAML_NAMES_SHOWN 16u /* of a list to choose from, in a message */

static int add_error(const struct yaml_reader *r, const yaml_node_t *at, const char *text)
{
	return errors_add_at(r->errors, r->file, at->start_mark.line + 1, at->start_mark.column + 1,
			     "%s", text);
}

int yaml_error(const struct yaml_reader *r, const yaml_node_t *at, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return add_error(r, at, text);
}

int yaml_expected(const struct yaml_reader *r, const yaml_node_t *found, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX], what[80];
	va_list args;
	int used = snprintf(text, sizeof(text), "found %s, expected ",
			    yaml_describe(found, what, sizeof(what)));

	va_start(args, fmt);
	vsnprintf(text + used, sizeof(text) - (size_t)used, fmt, args);
	va_end(args);
	return add_error(r, found, text);
}

/* YAML's null, as far as a configuration can mean it: an empty plain scalar or ~. */
static bool is_nothing(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (node->data.scalar.length == 0 ||
		!strcmp((const char *)node->data.scalar.value, "~"));
}

const char *yaml_describe(const yaml_node_t *node, char *buf, size_t size)
{
	const size_t longest = 40;
	size_t length, used = 0;

	if (node->type == YAML_MAPPING_NODE || node->type == YAML_SEQUENCE_NODE ||
	    is_nothing(node)) {
		snprintf(buf, size, "%s",
			 node->type == YAML_MAPPING_NODE  ? "a mapping (key: value)" :
			 node->type == YAML_SEQUENCE_NODE ? "a list" :
							    "nothing");
		return buf;
	}
	length = node->data.scalar.length;
	buf[used++] = '"';
	/* Room for the dots, the closing quote and the NUL. */
	for (size_t i = 0; i < length && i < longest && used + 5 < size; i++) {
		unsigned char c = node->data.scalar.value[i];

		/* Control characters would act on the reader's terminal. */
		buf[used++] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	snprintf(buf + used, size - used, "%s\"", length > longest ? "..." : "");
	return buf;
}

/* ---- mappings and lists ---- */

static const char *key_text(const yaml_node_t *key)
{
	return key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "";
}

yaml_node_t *yaml_find(yaml_document_t *doc, yaml_node_t *mapping, const char *key)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(doc, pair->key);

		if (node && !strcmp(key_text(node), key))
			return yaml_document_get_node(doc, pair->value);
	}
	return NULL;
}

yaml_node_t *yaml_item(yaml_document_t *doc, yaml_node_t *sequence, size_t index)
{
	if (!sequence || sequence->type != YAML_SEQUENCE_NODE ||
	    index >= (size_t)(sequence->data.sequence.items.top -
			      sequence->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(doc, sequence->data.sequence.items.start[index]);
}

/* names[] ends with NULL. */
static int unknown_key(const struct yaml_reader *r, const yaml_node_t *key, const char *what,
		       const char *const *names)
{
	char found[80], all[ERROR_TEXT_MAX / 2] = "";
	const char *nearest = nearest_name(key_text(key), names);
	size_t used = 0;

	yaml_describe(key, found, sizeof(found));
	if (nearest)
		return yaml_error(r, key, "unknown key %s in %s, did you mean \"%s\"?", found, what,
				  nearest);
	for (; *names && used < sizeof(all); names++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "",
					 *names);
	return yaml_error(r, key, "unknown key %s in %s, expected one of %s", found, what, all);
}

/*
 * The index of a pair's key in names[], having noted it in *seen; -1 with an error where it is
 * unknown or was there before.
 */
static int key_index(const struct yaml_reader *r, const yaml_node_t *key, const char *what,
		     const char *const *names, uint32_t *seen)
{
	char found[80];

	for (int i = 0; names[i]; i++) {
		/* A key with a NUL inside must not pass for what stands before the NUL. */
		if (strcmp(key_text(key), names[i]) || key->data.scalar.length != strlen(names[i]))
			continue;
		if (*seen & 1u << i)
			return yaml_error(r, key, "found the key %s a second time in %s",
					  yaml_describe(key, found, sizeof(found)), what);
		*seen |= 1u << i;
		return i;
	}
	return unknown_key(r, key, what, names);
}

int yaml_read_mapping(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		      const struct yaml_key *keys, void *into)
{
	const char *names[YAML_KEYS_MAX + 1] = { NULL };
	uint32_t seen = 0;
	int result = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_expected(r, node, "%s (key: value, ...)", what);
	for (unsigned int i = 0; i < YAML_KEYS_MAX && keys[i].name; i++)
		names[i] = keys[i].name;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		int i = key_index(r, yaml_document_get_node(r->doc, pair->key), what, names, &seen);

		if (i < 0 || keys[i].read(r, yaml_document_get_node(r->doc, pair->value), into))
			result = -1;
	}
	for (unsigned int i = 0; names[i]; i++)
		if (keys[i].required && !(seen & 1u << i))
			result = yaml_error(r, node, "the key \"%s\" is missing in %s", names[i],
					    what);
	return result;
}

int yaml_read_switches(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		       const struct yaml_switch *switches, uint64_t *on, uint64_t *off)
{
	const char *names[YAML_KEYS_MAX + 1] = { NULL };
	uint32_t seen = 0;
	int result = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_expected(r, node, "%s (name: on or off, ...)", what);
	for (unsigned int i = 0; i < YAML_KEYS_MAX && switches[i].name; i++)
		names[i] = switches[i].name;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		int i = key_index(r, yaml_document_get_node(r->doc, pair->key), what, names, &seen);
		bool is_on;

		if (i < 0 ||
		    yaml_read_switch(r, yaml_document_get_node(r->doc, pair->value), &is_on))
			result = -1;
		else
			*(is_on ? on : off) |= switches[i].bits;
	}
	return result;
}

/* ---- scalars ---- */

static bool is_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && !is_nothing(node) &&
	       !memchr(node->data.scalar.value, '\0', node->data.scalar.length);
}

int yaml_read_text(const struct yaml_reader *r, yaml_node_t *node, const char *what, size_t max,
		   const char **text)
{
	if (!is_text(node))
		return yaml_expected(r, node, "%s", what);
	if (node->data.scalar.length > max)
		return yaml_expected(r, node, "%s of at most %zu characters", what, max);
	*text = (const char *)node->data.scalar.value;
	return 0;
}

/* Decimal digits only: no sign, no space, no octal surprise. */
static bool parse_digits(const char *text, const char **end, uint64_t *number)
{
	uint64_t n = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		unsigned int digit = (unsigned int)(*text - '0');

		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*end = text;
	*number = n;
	return true;
}

int yaml_read_number(const struct yaml_reader *r, yaml_node_t *node, const char *what, uint64_t min,
		     uint64_t max, uint64_t *number)
{
	const char *end;
	uint64_t n;

	if (!is_text(node) || !parse_digits((const char *)node->data.scalar.value, &end, &n) ||
	    *end || n < min || n > max)
		return yaml_expected(r, node, "%s, a number from %llu to %llu", what,
				     (unsigned long long)min, (unsigned long long)max);
	*number = n;
	return 0;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	const char *const suffixes = "KMG", *suffix, *end;
	unsigned int shift = 0;
	uint64_t n;

	if (!parse_digits(text, &end, &n))
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return false;
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
	}
	if (n > (uint64_t)INT64_MAX >> shift)
		return false;
	*bytes = n << shift;
	return true;
}

const char *format_size(uint64_t bytes, char *buf, size_t size)
{
	const char *const suffixes[] = { "", "K", "M", "G" };
	unsigned int n = 0;

	while (n < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		n++;
	}
	snprintf(buf, size, "%llu%s", (unsigned long long)bytes, suffixes[n]);
	return buf;
}

int yaml_read_size(const struct yaml_reader *r, yaml_node_t *node, const char *what, uint64_t min,
		   uint64_t max, uint64_t multiple, uint64_t *bytes)
{
	char least[24], most[24], step[24], condition[64] = "";
	uint64_t n;

	if (is_text(node) && parse_size((const char *)node->data.scalar.value, &n) && n >= min &&
	    n <= max && n % multiple == 0) {
		*bytes = n;
		return 0;
	}
	if (multiple > 1)
		snprintf(condition, sizeof(condition), ", a multiple of %s",
			 format_size(multiple, step, sizeof(step)));
	return yaml_expected(r, node, "%s, a size from %s to %s (K, M or G)%s", what,
			     format_size(min, least, sizeof(least)),
			     format_size(max, most, sizeof(most)), condition);
}

int yaml_read_switch(const struct yaml_reader *r, yaml_node_t *node, bool *is_on)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes" };

	for (size_t i = 0; is_text(node) && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp((const char *)node->data.scalar.value, words[i])) {
			*is_on = i & 1;
			return 0;
		}
	}
	return yaml_expected(r, node, "on or off");
}

int yaml_read_name(const struct yaml_reader *r, yaml_node_t *node, const char *what,
		   const char *const *names, size_t count, size_t *index)
{
	char all[ERROR_TEXT_MAX / 2] = "";
	size_t used = 0, named = 0;

	for (size_t i = 0; i < count; i++) {
		if (!names[i])
			continue;
		named++;
		if (is_text(node) && !strcasecmp((const char *)node->data.scalar.value, names[i])) {
			*index = i;
			return 0;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
						 used ? ", " : "", names[i]);
	}
	/* Nobody reads a list of forty: there the caller's words must do. */
	if (named > YAML_NAMES_SHOWN)
		return yaml_expected(r, node, "%s", what);
	return yaml_expected(r, node, "%s: %s", what, all);
}
