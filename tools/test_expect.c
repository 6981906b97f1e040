// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads what a test expects; see test_expect.h. Names of exits and hypercalls are looked up in the
 * generated tables here, so a misspelt counter is an error with a line and not a check of nothing.
 */
#include "test_expect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

#define MARKS_MAX 64u

bool expect_any(const struct expect_nodes *nodes)
{
	return nodes->exit || nodes->tap || nodes->killed || nodes->log || nodes->marks ||
	       nodes->repeat;
}

/* A domain's name to its index. */
static int read_domain(const struct yaml_reader *r, yaml_node_t *node, const struct test *test,
		       unsigned int *domain)
{
	const char *text;
	int index;

	if (yaml_read_text(r, node, "a domain's name", 31, &text))
		return -1;
	index = machine_find_domain(&test->machine, text);
	if (index < 0)
		return yaml_expected(r, node, "the name of a domain of this test");
	*domain = (unsigned int)index;
	return 0;
}

static int read_regex(const struct yaml_reader *r, yaml_node_t *node, struct test_regex *regex)
{
	const char *text;
	char why[200];
	int error;

	if (yaml_read_text(r, node, "a regular expression", 1000, &text))
		return -1;
	error = regcomp(&regex->regex, text, REG_EXTENDED | REG_NOSUB);
	if (error) {
		regerror(error, &regex->regex, why, sizeof(why));
		return yaml_error(r, node, "not a regular expression: %s", why);
	}
	regex->text = xstrdup(text);
	return 0;
}

static void release_regex(struct test_regex *regex)
{
	if (regex->text)
		regfree(&regex->regex);
	free(regex->text);
}

/* Pairs of a mapping, one after the other; false past the end. */
static bool next_pair(const struct yaml_reader *r, yaml_node_t *mapping, size_t index,
		      yaml_node_t **key, yaml_node_t **value)
{
	yaml_node_pair_t *pair = mapping->data.mapping.pairs.start + index;

	if (pair >= mapping->data.mapping.pairs.top)
		return false;
	*key = yaml_document_get_node(r->doc, pair->key);
	*value = yaml_document_get_node(r->doc, pair->value);
	return true;
}

static int expect_mapping(const struct yaml_reader *r, yaml_node_t *node, const char *what)
{
	return node->type == YAML_MAPPING_NODE ? 0 : yaml_expected(r, node, "%s", what);
}

/* ---- domains --------------------------------------------------------------------------------- */

static int read_killed(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	yaml_node_t *key, *value;
	unsigned int domain;
	size_t i;

	if (expect_mapping(r, node, "domains and the reasons they are killed for"))
		return -1;
	for (i = 0; next_pair(r, node, i, &key, &value); i++) {
		if (read_domain(r, key, test, &domain))
			return -1;
		if (test->is_killed[domain])
			return yaml_error(r, key, "this domain is named twice");
		if (read_regex(r, value, &test->killed[domain]))
			return -1;
		test->is_killed[domain] = true;
	}
	return 0;
}

static int read_tap(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	yaml_node_t *item;
	unsigned int domain;
	size_t i;

	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_expected(r, node, "a list of domains");
	for (i = 0; (item = yaml_item(r->doc, node, i)); i++) {
		if (read_domain(r, item, test, &domain))
			return -1;
		test->tap[domain] = true;
	}
	return 0;
}

static int read_log(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	yaml_node_t *item;

	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_expected(r, node, "a list of regular expressions");
	while ((item = yaml_item(r->doc, node, test->log_count))) {
		if (test->log_count == TEST_LOG_MAX)
			return yaml_error(r, item, "more than %u lines", TEST_LOG_MAX);
		if (read_regex(r, item, &test->log[test->log_count]))
			return -1;
		test->log_count++;
	}
	return 0;
}

/* ---- counters between marks ------------------------------------------------------------------ */

/* "1000" is exact; "3..", "..5", "3..5" are ranges, for what depends on time. */
static int read_range(const struct yaml_reader *r, yaml_node_t *node, struct test_count *count)
{
	const char *text, *dots;
	char *end;

	if (yaml_read_text(r, node, "a number", 48, &text))
		return -1;
	dots = strstr(text, "..");
	errno = 0;
	count->min = dots == text ? 0 : strtoull(text, &end, 10);
	if (dots != text && end != (dots ? dots : text + strlen(text)))
		return yaml_expected(r, node, "a number, or a range such as 3.. or 3..5");
	count->max = dots && dots[2] ? strtoull(dots + 2, &end, 10) :
		     dots            ? UINT64_MAX :
				       count->min;
	if (errno || !*text || text[0] == '-' || (dots && dots[2] && *end) ||
	    count->min > count->max)
		return yaml_expected(r, node, "a number, or a range such as 3.. or 3..5");
	return 0;
}

static int read_counts(const struct yaml_reader *r, yaml_node_t *node, struct test_marks *marks,
		       uint16_t space)
{
	const char *what = space == PV_STATS_EXIT ? "the name of an exit" :
						    "the name of a hypercall";
	yaml_node_t *key, *value;
	size_t i;

	if (expect_mapping(r, node, "counters and their numbers"))
		return -1;
	for (i = 0; next_pair(r, node, i, &key, &value); i++) {
		struct test_count *count = &marks->counts[marks->count];
		const char *name;
		int code;

		if (marks->count == TEST_COUNTS_MAX)
			return yaml_error(r, key, "more than %u counters", TEST_COUNTS_MAX);
		if (yaml_read_text(r, key, what, 31, &name))
			return -1;
		code = stats_code(space, name);
		if (code < 0)
			return yaml_expected(r, key, "%s", what);
		if (read_range(r, value, count))
			return -1;
		count->space = space;
		count->code = (uint16_t)code;
		marks->count++;
	}
	return 0;
}

static int read_from(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_read_number(r, node, "a mark", 0, UINT64_MAX,
				&((struct test_marks *)into)->from);
}

static int read_to(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_read_number(r, node, "a mark", 0, UINT64_MAX, &((struct test_marks *)into)->to);
}

static int read_exits(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_counts(r, node, into, PV_STATS_EXIT);
}

static int read_calls(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	((struct test_marks *)into)->has_calls = true;
	return read_counts(r, node, into, PV_STATS_CALL);
}

static int read_ignore(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct test_marks *marks = into;
	yaml_node_t *item;
	size_t i;

	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_expected(r, node, "a list of exits");
	marks->ignored = 0;
	for (i = 0; (item = yaml_item(r->doc, node, i)); i++) {
		const char *name;
		int code;

		if (yaml_read_text(r, item, "the name of an exit", 31, &name))
			return -1;
		code = stats_code(PV_STATS_EXIT, name);
		if (code < 0)
			return yaml_expected(r, item, "the name of an exit");
		marks->ignored |= 1ull << code;
	}
	return 0;
}

static const struct yaml_key mark_keys[] = {
	{ "from", true, read_from },
	{ "to", true, read_to },
	{ "exits", true, read_exits },
	{ "calls", false, read_calls },
	{ "ignore", false, read_ignore },
	{ NULL, false, NULL },
};

_Static_assert(PV_EXIT_COUNT <= 64, "test_marks.ignored is a u64");

static int read_marks_of(const struct yaml_reader *r, yaml_node_t *list, unsigned int domain,
			 struct test *test)
{
	yaml_node_t *item;
	size_t i;

	if (list->type != YAML_SEQUENCE_NODE)
		return yaml_expected(r, list, "a list of {from, to, exits}");
	for (i = 0; (item = yaml_item(r->doc, list, i)); i++) {
		struct test_marks *marks = &test->marks[test->mark_count];

		if (test->mark_count == MARKS_MAX)
			return yaml_error(r, item, "more than %u pairs of marks", MARKS_MAX);
		marks->domain = domain;
		marks->at =
			(struct place){ item->start_mark.line + 1, item->start_mark.column + 1 };
		/* What the machine does to the guest at times of its own choosing. */
		marks->ignored = 1ull << PV_EXIT_INTERRUPT | 1ull << PV_EXIT_NMI |
				 1ull << PV_EXIT_PREEMPT_TIMER;
		test->mark_count++;
		if (yaml_read_mapping(r, item, "a pair of marks", mark_keys, marks))
			return -1;
	}
	return 0;
}

static int read_marks(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	yaml_node_t *key, *value;
	unsigned int domain;
	size_t i;

	if (expect_mapping(r, node, "domains and their marks"))
		return -1;
	test->marks = xcalloc(MARKS_MAX, sizeof(*test->marks));
	for (i = 0; next_pair(r, node, i, &key, &value); i++) {
		if (read_domain(r, key, test, &domain) || read_marks_of(r, value, domain, test))
			return -1;
	}
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int read_exit(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	uint64_t number;

	if (yaml_read_number(r, node, "an exit code of pvn", 0, PVN_TIMEOUT, &number))
		return -1;
	test->exit = (enum pvn_exit)number;
	return 0;
}

static int read_repeat(const struct yaml_reader *r, yaml_node_t *node, struct test *test)
{
	uint64_t number;

	if (yaml_read_number(r, node, "repeat", 1, 100, &number))
		return -1;
	test->repeat = (unsigned int)number;
	return 0;
}

static bool checks_anything(const struct test *test)
{
	unsigned int i;

	for (i = 0; i < test->machine.domain_count; i++) {
		if (test->tap[i] || test->is_killed[i])
			return true;
	}
	/*
	 * To end badly on purpose is a result, too; to end well is what a test without checks does.
	 */
	return test->log_count || test->mark_count || test->exit != PVN_OK;
}

int expect_read(const struct yaml_reader *r, yaml_node_t *at, const struct expect_nodes *nodes,
		struct test *test)
{
	unsigned int i;

	if (nodes->killed && read_killed(r, nodes->killed, test))
		return -1;
	for (i = 0; i < test->machine.domain_count; i++) {
		test->tap[i] = !nodes->tap && !test->is_killed[i];
		if (test->is_killed[i])
			test->exit = PVN_GUEST_FAILED;
	}
	if ((nodes->exit && read_exit(r, nodes->exit, test)) ||
	    (nodes->tap && read_tap(r, nodes->tap, test)) ||
	    (nodes->log && read_log(r, nodes->log, test)) ||
	    (nodes->marks && read_marks(r, nodes->marks, test)) ||
	    (nodes->repeat && read_repeat(r, nodes->repeat, test)))
		return -1;
	if (!checks_anything(test))
		return yaml_error(r, at,
				  "this test checks nothing: no TAP, log, marks, killed, or exit");
	return 0;
}

void expect_release(struct test *test)
{
	unsigned int i;

	for (i = 0; i < PV_BUNDLE_DOMAINS_MAX; i++)
		release_regex(&test->killed[i]);
	for (i = 0; i < TEST_LOG_MAX; i++)
		release_regex(&test->log[i]);
	free(test->marks);
}
