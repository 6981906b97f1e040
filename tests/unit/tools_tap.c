// SPDX-License-Identifier: BSD-2-Clause
/*
 * The TAP reader of the test runner (tools/test_tap.c): what must pass, and above all what must
 * not.
 */
#include <string.h>

#include "tap.h"
#include "test.h"

static const struct {
	const char *text;
	bool is_good;
	unsigned int results, failed, skipped;
} cases[] = {
	{ "1..2\nok 1 - a\nok 2 - b\n", true, 2, 0, 0 },
	{ "ok 1\nok 2\n1..2\n", true, 2, 0, 0 },
	{ "1..1\r\nok 1\r\n", true, 1, 0, 0 },
	{ "talk\n1..1\n# comment\nok 1 - last line without newline", true, 1, 0, 0 },
	{ "1..2\nok\nok\n", true, 2, 0, 0 },
	{ "1..2\nok 1 # SKIP no port\nok 2 - x # skip none\n", true, 2, 0, 2 },
	{ "1..0 # SKIP no CPU for it\n", true, 0, 0, 1 },
	{ "1..1\nnot ok 1 - known # TODO later\n", true, 1, 0, 0 },
	{ "1..1\nok 1 - has a # in it\n", true, 1, 0, 0 },
	{ "1..1\nok 1 - fine\nokay, that was all\nnot okay\n", true, 1, 0, 0 },
	{ "", false, 0, 0, 0 },
	{ "ok 1\nok 2\n", false, 2, 0, 0 },
	{ "1..3\nok 1\nok 2\n", false, 2, 0, 0 },
	{ "1..1\nok 1\nok 2\n", false, 2, 0, 0 },
	{ "1..2\nok 1\nnot ok 2 - b\n", false, 2, 1, 0 },
	{ "1..2\nok 1\nnot ok 2 # SKIP a failure is no skip\n", false, 2, 1, 0 },
	{ "1..2\nok 2\nok 1\n", false, 2, 0, 0 },
	{ "1..2\nok 1\nok 1\n", false, 2, 0, 0 },
	{ "1..1\nok 1\n1..1\n", false, 1, 0, 0 },
	{ "1..0\n", false, 0, 0, 0 },
	{ "1..\nok 1\n", false, 1, 0, 0 },
	{ "1..x\n", false, 0, 0, 0 },
	{ "1..1\nok 1\nBail out! no memory\n", false, 1, 0, 0 },
	{ "1..99999999999999999999\nok 1\n", false, 1, 0, 0 },
};

static void table(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tap_summary summary;

		tap_read(&summary, cases[i].text, strlen(cases[i].text));
		EXPECT_MSG(!summary.why == cases[i].is_good, "\"%s\": %s", cases[i].text,
			   summary.why ? summary.why : "passed");
		EXPECT_EQ(summary.results, cases[i].results);
		EXPECT_EQ(summary.failed, cases[i].failed);
		EXPECT_EQ(summary.skipped, cases[i].skipped);
		EXPECT_EQ(summary.skips != NULL, cases[i].skipped != 0);
		tap_free(&summary);
	}
	tap_case("TAP passes or fails as it must");
}

static void noise(void)
{
	static const char *const words[] = { "ok", "not ok", " ",    "1..", "3",
					     "\n", "#",      "SKIP", "-",   "\r" };
	uint64_t seed = 1;
	unsigned int round;

	for (round = 0; round < 5000; round++) {
		struct tap_summary summary;
		char text[400] = "";

		while (strlen(text) < sizeof(text) - 20 && rnd(&seed) % 40)
			strcat(text, words[rnd(&seed) % (sizeof(words) / sizeof(words[0]))]);
		tap_read(&summary, text, strlen(text));
		EXPECT(summary.why || summary.failed == 0);
		tap_free(&summary);
	}
	tap_case("any mixture of its words is survived");
}

int main(void)
{
	table();
	noise();
	return tap_done();
}
