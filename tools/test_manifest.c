// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads tests/manifest.yaml; see test.h. What a test expects of a run is read by test_expect.c. A
 * test that checks nothing is an error here: it would pass whatever happens.
 */
#include <stdlib.h>
#include <string.h>

#include "test_expect.h"

#define TESTS_MAX 2000u
#define SUITES_MAX 50u
#define TIMEOUT_S 60u
#define MANIFEST_NAME_MAX 64u

static int read_copy(const struct yaml_reader *r, yaml_node_t *node, const char *what, char **copy)
{
	const char *text;

	if (yaml_read_text(r, node, what, MANIFEST_NAME_MAX, &text))
		return -1;
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(text) || !*text)
		return yaml_expected(r, node, "%s of small letters, digits, _ and -", what);
	*copy = xstrdup(text);
	return 0;
}

/* ---- suites ---------------------------------------------------------------------------------- */

static int read_suite_name(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_copy(r, node, "a suite's name", &((struct test_suite *)into)->name);
}

static int read_budget(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_read_number(r, node, "budget_s", 1, 100000,
				&((struct test_suite *)into)->budget_s);
}

static const struct yaml_key suite_keys[] = {
	{ "name", true, read_suite_name },
	{ "budget_s", false, read_budget },
	{ NULL, false, NULL },
};

static int find_suite(const struct manifest *m, const char *name)
{
	unsigned int i;

	for (i = 0; i < m->suite_count; i++) {
		if (m->suites[i].name && !strcmp(m->suites[i].name, name))
			return (int)i;
	}
	return -1;
}

static int read_suites(const struct yaml_reader *r, yaml_node_t *list, struct manifest *m)
{
	yaml_node_t *node;
	int result = 0;

	m->suites = xcalloc(SUITES_MAX, sizeof(*m->suites));
	for (; (node = yaml_item(r->doc, list, m->suite_count)); m->suite_count++) {
		struct test_suite suite = { 0 };

		if (m->suite_count == SUITES_MAX)
			return yaml_error(r, node, "more than %u suites", SUITES_MAX);
		if (yaml_read_mapping(r, node, "a suite", suite_keys, &suite))
			result = -1;
		else if (find_suite(m, suite.name) >= 0)
			result = yaml_error(r, node, "a second suite named %s", suite.name);
		m->suites[m->suite_count] = suite;
	}
	if (!m->suite_count)
		return yaml_expected(r, list, "a list of suites");
	return result;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* A test while it is read; parts that need the domains are only kept. */
struct raw {
	const struct manifest *manifest;
	struct test *test;
	struct expect_nodes nodes;
	yaml_node_t *domains, *machine, *hosts;
};

static int read_name(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return read_copy(r, node, "a test's name", &((struct raw *)into)->test->name);
}

static int read_suite(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct raw *raw = into;
	const char *text;
	int suite;

	if (yaml_read_text(r, node, "a suite's name", MANIFEST_NAME_MAX, &text))
		return -1;
	suite = find_suite(raw->manifest, text);
	if (suite < 0)
		return yaml_expected(r, node, "a suite of the list above");
	raw->test->suite = (unsigned int)suite;
	return 0;
}

static int read_tier(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	static const char *const names[TIER_COUNT] = { "quick", "full", "soak" };
	size_t index;

	if (yaml_read_name(r, node, "a tier", names, TIER_COUNT, &index))
		return -1;
	((struct raw *)into)->test->tier = (enum test_tier)index;
	return 0;
}

static int read_timeout(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	uint64_t number;

	if (yaml_read_number(r, node, "timeout_s", 1, 100000, &number))
		return -1;
	((struct raw *)into)->test->timeout_s = (unsigned int)number;
	return 0;
}

static int read_alone(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_read_switch(r, node, &((struct raw *)into)->test->is_alone);
}

static int read_command(const struct yaml_reader *r, yaml_node_t *list, void *into)
{
	struct test *test = ((struct raw *)into)->test;
	yaml_node_t *node;

	while ((node = yaml_item(r->doc, list, test->word_count))) {
		const char *text;

		if (test->word_count == TEST_WORDS_MAX)
			return yaml_error(r, node, "more than %u words", TEST_WORDS_MAX);
		if (yaml_read_text(r, node, "a word of a command", 1000, &text))
			return -1;
		test->words[test->word_count++] = xstrdup(text);
	}
	return test->word_count ? 0 :
				  yaml_expected(r, list, "a list of a program and its arguments");
}

/* Readers that only keep a node; what it says depends on others. */
#define KEEP(member) \
	static int keep_##member(const struct yaml_reader *r, yaml_node_t *node, void *into) \
	{ \
		(void)r; \
		((struct raw *)into)->member = node; \
		return 0; \
	}
#define KEEP_EXPECTED(member) \
	static int keep_##member(const struct yaml_reader *r, yaml_node_t *node, void *into) \
	{ \
		(void)r; \
		((struct raw *)into)->nodes.member = node; \
		return 0; \
	}
KEEP(domains)
KEEP(machine)
KEEP(hosts)
KEEP_EXPECTED(exit)
KEEP_EXPECTED(tap)
KEEP_EXPECTED(killed)
KEEP_EXPECTED(log)
KEEP_EXPECTED(marks)
KEEP_EXPECTED(repeat)

static const struct yaml_key test_keys[] = {
	{ "name", true, read_name },
	{ "suite", true, read_suite },
	{ "tier", false, read_tier },
	{ "timeout_s", false, read_timeout },
	{ "alone", false, read_alone },
	{ "command", false, read_command },
	{ "hosts", false, keep_hosts },
	{ "machine", false, keep_machine },
	{ "domains", false, keep_domains },
	{ "exit", false, keep_exit },
	{ "tap", false, keep_tap },
	{ "killed", false, keep_killed },
	{ "log", false, keep_log },
	{ "marks", false, keep_marks },
	{ "repeat", false, keep_repeat },
	{ NULL, false, NULL },
};

/* "bochs2": the host's name and the number of CPUs. */
static int read_host(const struct yaml_reader *r, yaml_node_t *node, struct test_host *host)
{
	const char *text;
	char name[sizeof(host->name)];
	size_t letters;
	char *end;
	unsigned long cpus;

	if (yaml_read_text(r, node, "a host", sizeof(host->name) - 1, &text))
		return -1;
	strcpy(host->name, text);
	strcpy(name, text);
	letters = strcspn(text, "0123456789");
	cpus = strtoul(text + letters, &end, 10);
	name[letters] = 0;
	host->host = host_parse(name);
	host->cpus = (unsigned int)cpus;
	if (host->host == HOST_NONE || *end || cpus < 1 || cpus > PV_CPUS_MAX)
		return yaml_expected(r, node,
				     "a host and its CPUs, such as bochs1, bochs2 or qemu1");
	return 0;
}

static int read_hosts(const struct yaml_reader *r, yaml_node_t *list, struct test *test)
{
	yaml_node_t *node;
	int result = 0;

	while ((node = yaml_item(r->doc, list, test->host_count))) {
		struct test_host *host = &test->hosts[test->host_count];

		if (test->host_count == TEST_HOSTS_MAX)
			return yaml_error(r, node, "more than %u hosts", TEST_HOSTS_MAX);
		if (read_host(r, node, host))
			result = -1;
		else if (host->cpus < test->machine.cpus)
			result = yaml_error(r, node, "%s has fewer CPUs than machine.cpus (%u)",
					    host->name, test->machine.cpus);
		test->host_count++;
	}
	return test->host_count ? result : yaml_expected(r, list, "a list of hosts");
}

/*
 * Payloads are built after the manifest was written, maybe after it is read: no look at the files.
 */
static char *resolve_later(const char *text, const char *yaml_file, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	if (!strpbrk(text, "/.:"))
		return pvn_payload_path(text);
	return resolve_path(text, yaml_file, why, why_size);
}

static int read_machine(const struct yaml_reader *r, yaml_node_t *at, struct raw *raw)
{
	struct test *test = raw->test;

	if (!raw->domains || !raw->hosts)
		return yaml_error(r, at, "a test needs either command, or domains and hosts");
	if (machine_from_node(r->doc, raw->machine, raw->domains, r->file, resolve_later,
			      &test->machine, r->errors))
		return -1;
	return read_hosts(r, raw->hosts, test) || expect_read(r, at, &raw->nodes, test) ? -1 : 0;
}

static int read_test(const struct yaml_reader *r, yaml_node_t *node, struct manifest *m)
{
	struct test *test = &m->tests[m->test_count++];
	struct raw raw = { .manifest = m, .test = test };
	unsigned int i;

	test->at = (struct place){ node->start_mark.line + 1, node->start_mark.column + 1 };
	test->timeout_s = TIMEOUT_S;
	test->repeat = 1;
	if (yaml_read_mapping(r, node, "a test", test_keys, &raw))
		return -1;
	for (i = 0; i + 1 < m->test_count; i++) {
		if (m->tests[i].name && m->tests[i].suite == test->suite &&
		    !strcmp(m->tests[i].name, test->name))
			return yaml_error(r, node, "a second test named %s in this suite",
					  test->name);
	}
	if (!test->word_count)
		return read_machine(r, node, &raw);
	if (raw.domains || raw.machine || raw.hosts || expect_any(&raw.nodes))
		return yaml_error(r, node,
				  "a command has no domains, hosts or expectations of them");
	return 0;
}

/* ---- the document ---------------------------------------------------------------------------- */

struct top {
	yaml_node_t *suites, *tests;
};

static int keep_suites(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	(void)r;
	((struct top *)into)->suites = node;
	return 0;
}

static int keep_tests(const struct yaml_reader *r, yaml_node_t *node, void *into)
{
	(void)r;
	((struct top *)into)->tests = node;
	return 0;
}

static const struct yaml_key top_keys[] = {
	{ "suites", true, keep_suites },
	{ "tests", true, keep_tests },
	{ NULL, false, NULL },
};

static int read_document(const struct yaml_reader *r, struct manifest *m)
{
	yaml_node_t *node, *root = yaml_document_get_root_node(r->doc);
	struct top top = { 0 };
	int result = 0;

	if (yaml_read_mapping(r, root, "the manifest", top_keys, &top) ||
	    read_suites(r, top.suites, m))
		return -1;
	m->tests = xcalloc(TESTS_MAX, sizeof(*m->tests));
	while ((node = yaml_item(r->doc, top.tests, m->test_count))) {
		if (m->test_count == TESTS_MAX)
			return yaml_error(r, node, "more than %u tests", TESTS_MAX);
		if (read_test(r, node, m))
			result = -1;
	}
	return m->test_count ? result : yaml_expected(r, top.tests, "a list of tests");
}

int manifest_parse(struct manifest *manifest, const char *text, size_t bytes, const char *file,
		   struct errors *e)
{
	yaml_document_t doc;
	const struct yaml_reader r = { .doc = &doc, .file = file, .errors = e };
	int result;

	memset(manifest, 0, sizeof(*manifest));
	if (yaml_load(text, bytes, file, &doc, e))
		return -1;
	result = read_document(&r, manifest);
	yaml_document_delete(&doc);
	if (result)
		manifest_free(manifest);
	return result;
}

int manifest_load(struct manifest *manifest, const char *file, struct errors *e)
{
	struct blob text;
	int result;

	if (blob_read(&text, file, YAML_FILE_MAX, e))
		return -1;
	result = manifest_parse(manifest, (const char *)text.data, text.size, file, e);
	blob_free(&text);
	return result;
}

void manifest_free(struct manifest *m)
{
	unsigned int i, k;

	for (i = 0; i < m->suite_count; i++)
		free(m->suites[i].name);
	for (i = 0; i < m->test_count; i++) {
		for (k = 0; k < m->tests[i].word_count; k++)
			free(m->tests[i].words[k]);
		expect_release(&m->tests[i]);
		machine_release(&m->tests[i].machine);
		free(m->tests[i].name);
	}
	free(m->suites);
	free(m->tests);
	memset(m, 0, sizeof(*m));
}
