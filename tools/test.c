// SPDX-License-Identifier: BSD-2-Clause
/*
 * `pvn test`: reads the command line and the manifest and has the selected tests run. Ends with "N
 * passed, N failed, N skipped", where skipped counts TAP results that the programs themselves
 * skipped; pvn skips nothing.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "test_runner.h"

/* ---- the command line ------------------------------------------------------------------------ */

enum { OPTION_FULL = 256, OPTION_SOAK, OPTION_LIST, OPTION_FILTER };

static const struct option options[] = {
	{ "full", no_argument, NULL, OPTION_FULL },
	{ "soak", no_argument, NULL, OPTION_SOAK },
	{ "list", no_argument, NULL, OPTION_LIST },
	{ "filter", required_argument, NULL, OPTION_FILTER },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct selection *selection, int option)
{
	switch (option) {
	case OPTION_FULL:
		if (selection->tier < TIER_FULL)
			selection->tier = TIER_FULL;
		return true;
	case OPTION_SOAK:
		selection->tier = TIER_SOAK;
		return true;
	case OPTION_LIST:
		selection->is_list = true;
		return true;
	case OPTION_FILTER:
		if (selection->has_filter)
			regfree(&selection->filter);
		selection->has_filter =
			!regcomp(&selection->filter, optarg, REG_EXTENDED | REG_NOSUB);
		if (!selection->has_filter)
			pvn_error("--filter %s: not a regular expression", optarg);
		return selection->has_filter;
	case 'j':
		return option_number("-j", optarg, 1, TEST_JOBS_MAX, &selection->jobs);
	default:
		return false;
	}
}

static bool parse_command(struct selection *selection, int argc, char **argv)
{
	int option;

	selection->jobs = 2;
	optind = 1;
	while ((option = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		if (!take_option(selection, option))
			return false;
	}
	selection->suites = (const char *const *)argv + optind;
	selection->suite_count = argc - optind;
	return true;
}

/* Every suite that was asked for must exist: a misspelt one would pass. */
static bool check_suites(const struct selection *selection, const struct manifest *manifest)
{
	const char **names = xcalloc(manifest->suite_count + 1, sizeof(*names));
	unsigned int k;
	int i;
	bool all_known = true;

	for (k = 0; k < manifest->suite_count; k++)
		names[k] = manifest->suites[k].name;
	for (i = 0; i < selection->suite_count; i++) {
		const char *nearest = nearest_name(selection->suites[i], names);
		bool is_known = false;

		for (k = 0; k < manifest->suite_count; k++)
			is_known |= !strcmp(names[k], selection->suites[i]);
		if (is_known)
			continue;
		all_known = false;
		pvn_error("there is no suite \"%s\"%s%s%s", selection->suites[i],
			  nearest ? ", did you mean \"" : "", nearest ? nearest : "",
			  nearest ? "\"?" : "");
	}
	free(names);
	return all_known;
}

unsigned int test_cases(const struct test *test)
{
	return test->word_count ? 1 : test->host_count;
}

char *test_case_name(const struct manifest *manifest, const struct test *test, unsigned int host)
{
	return xasprintf("%s/%s%s%s", manifest->suites[test->suite].name, test->name,
			 test->word_count ? "" : " on ",
			 test->word_count ? "" : test->hosts[host].name);
}

bool selection_has(const struct selection *selection, const struct manifest *manifest,
		   const struct test *test, unsigned int host)
{
	bool is_in = !selection->suite_count;
	char *name;
	int i;

	for (i = 0; i < selection->suite_count; i++)
		is_in |= !strcmp(selection->suites[i], manifest->suites[test->suite].name);
	if (!is_in || test->tier > selection->tier)
		return false;
	if (!selection->has_filter)
		return true;
	name = test_case_name(manifest, test, host);
	is_in = !regexec(&selection->filter, name, 0, NULL, 0);
	free(name);
	return is_in;
}

static int list_all(const struct manifest *manifest, const struct selection *selection)
{
	static const char *const tiers[TIER_COUNT] = { "quick", "full", "soak" };
	unsigned int i, host;

	for (i = 0; i < manifest->test_count; i++) {
		const struct test *test = &manifest->tests[i];

		for (host = 0; host < test_cases(test); host++) {
			char *name = test_case_name(manifest, test, host);

			if (selection_has(selection, manifest, test, host))
				printf("%-5s  %s\n", tiers[test->tier], name);
			free(name);
		}
	}
	return PVN_OK;
}

int cmd_test(int argc, char **argv)
{
	struct selection selection = { 0 };
	struct errors errors = { 0 };
	struct manifest manifest;
	char *file = pvn_root_path("tests/manifest.yaml");
	int result = PVN_USAGE;

	if (!parse_command(&selection, argc, argv)) {
		free(file);
		return pvn_usage("test");
	}
	if (manifest_load(&manifest, file, &errors)) {
		errors_print(&errors, stderr);
	} else {
		if (check_suites(&selection, &manifest))
			result = selection.is_list ? list_all(&manifest, &selection) :
						     test_run_all(&manifest, &selection);
		manifest_free(&manifest);
	}
	if (selection.has_filter)
		regfree(&selection.filter);
	free(file);
	return result;
}
