/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TAP for the unit tests. EXPECT() checks an expression and tells where and why it failed;
 * tap_case() ends a case with one "ok" or "not ok" line for all the checks since the last one;
 * tap_done() prints the plan, so a program that dies early has none. rnd() is the seeded generator
 * of all random tests: a failure can be repeated.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TAP_DIAGNOSTICS_MAX 20 /* of one case; the rest is counted */

struct tap_state {
	unsigned cases, failed_cases, failures;
	unsigned long checks;
};
/* Weak: a test of several files has one. */
struct tap_state tap __attribute__((weak));

#define EXPECT(condition) EXPECT_MSG(condition, "%s", #condition)
#define EXPECT_EQ(found, wanted) \
	do { \
		unsigned long long tap_found = (unsigned long long)(found); \
		unsigned long long tap_wanted = (unsigned long long)(wanted); \
		EXPECT_MSG(tap_found == tap_wanted, "%s is 0x%llx, expected %s = 0x%llx", #found, \
			   tap_found, #wanted, tap_wanted); \
	} while (0)
#define EXPECT_STR(found, wanted) \
	do { \
		const char *tap_text = (found); \
		EXPECT_MSG(tap_text && !strcmp(tap_text, wanted), "%s is \"%s\", not \"%s\"", \
			   #found, tap_text ? tap_text : "NULL", wanted); \
	} while (0)
#define EXPECT_MSG(condition, ...) \
	do { \
		tap.checks++; \
		if (!(condition) && tap.failures++ < TAP_DIAGNOSTICS_MAX) { \
			printf("# %s:%d: ", __FILE__, __LINE__); \
			printf(__VA_ARGS__); \
			printf("\n"); \
		} \
	} while (0)

static inline void tap_case(const char *name)
{
	tap.cases++;
	if (tap.failures) {
		tap.failed_cases++;
		printf("# %u of %lu checks failed\n", tap.failures, tap.checks);
	}
	printf("%s %u - %s\n", tap.failures ? "not ok" : "ok", tap.cases, name);
	fflush(stdout);
	tap.failures = 0;
	tap.checks = 0;
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap.cases);
	return tap.failed_cases ? 1 : 0;
}

/* SplitMix64 */
static inline uint64_t rnd(uint64_t *seed)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
