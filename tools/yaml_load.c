// SPDX-License-Identifier: BSD-2-Clause
/*
 * Text to a YAML document, refusing what a configuration never needs and what only makes trouble:
 * aliases (a document may then contain itself), tags, several documents, deep nesting. A first pass
 * over the events finds these before libyaml builds nodes from them.
 */
#include <string.h>

#include "config_yaml.h"

/* Line and column of a byte; for problems that libyaml reports by offset only. */
static void place_of_offset(const char *text, size_t bytes, size_t offset, size_t *line,
			    size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset && i < bytes; i++) {
		(*column)++;
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		}
	}
}

static int syntax_error(const yaml_parser_t *p, const char *text, size_t bytes, const char *file,
			struct errors *e)
{
	size_t line, column;

	if (p->error == YAML_MEMORY_ERROR)
		return errors_add(e, "%s: out of memory", file);
	if (p->error == YAML_READER_ERROR) {
		place_of_offset(text, bytes, p->problem_offset, &line, &column);
		return errors_add_at(e, file, line, column, "found bytes that are no text: %s",
				     p->problem);
	}
	line = p->problem_mark.line + 1;
	column = p->problem_mark.column + 1;
	if (p->context)
		return errors_add_at(e, file, line, column, "not valid YAML: %s, %s (line %zu)",
				     p->problem, p->context, p->context_mark.line + 1);
	return errors_add_at(e, file, line, column, "not valid YAML: %s",
			     p->problem ? p->problem : "unknown problem");
}

struct shape {
	const char *file;
	unsigned int depth;
	unsigned int nodes;
	unsigned int documents;
};

static bool has_property(const yaml_event_t *event, const char **what)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	*what = anchor ? "an anchor (&name)" : "a tag (!type)";
	return anchor || tag;
}

static int check_event(struct shape *shape, const yaml_event_t *event, struct errors *e)
{
	size_t line = event->start_mark.line + 1, column = event->start_mark.column + 1;
	const char *what;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++shape->documents > 1)
			return errors_add_at(e, shape->file, line, column,
					     "found a second document, expected one");
		break;
	case YAML_ALIAS_EVENT:
		return errors_add_at(e, shape->file, line, column,
				     "found the alias *%s, expected the value itself "
				     "(aliases are not used here)",
				     event->data.alias.anchor);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++shape->depth > YAML_DEPTH_MAX)
			return errors_add_at(e, shape->file, line, column,
					     "nested too deeply, expected at most %u levels",
					     YAML_DEPTH_MAX);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		shape->depth--;
		break;
	default:
		break;
	}
	if (has_property(event, &what))
		return errors_add_at(e, shape->file, line, column,
				     "found %s, expected a plain value", what);
	if (++shape->nodes > YAML_NODES_MAX)
		return errors_add_at(e, shape->file, line, column,
				     "too many values, expected at most %u", YAML_NODES_MAX);
	return 0;
}

static int check_shape(const char *text, size_t bytes, const char *file, struct errors *e)
{
	struct shape shape = { .file = file };
	yaml_parser_t parser;
	bool is_end = false;
	int result = 0;

	if (!yaml_parser_initialize(&parser))
		return errors_add(e, "%s: out of memory", file);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	while (!is_end && !result) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			result = syntax_error(&parser, text, bytes, file, e);
			break;
		}
		result = check_event(&shape, &event, e);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (!result && !shape.documents)
		result = errors_add_at(e, file, 1, 1,
				       "found an empty file, expected a YAML document");
	return result;
}

int yaml_load(const char *text, size_t bytes, const char *file, yaml_document_t *doc,
	      struct errors *e)
{
	yaml_parser_t parser;
	int result = 0;

	if (bytes > YAML_FILE_MAX)
		return errors_add(e, "%s: has %zu bytes, expected at most %u", file, bytes,
				  YAML_FILE_MAX);
	if (check_shape(text, bytes, file, e))
		return -1;
	if (!yaml_parser_initialize(&parser))
		return errors_add(e, "%s: out of memory", file);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	if (!yaml_parser_load(&parser, doc))
		result = syntax_error(&parser, text, bytes, file, e);
	yaml_parser_delete(&parser);
	return result;
}
