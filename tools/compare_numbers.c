// SPDX-License-Identifier: BSD-2-Clause
/* Numbers of the comparison's table as people read them; see compare.h. Pure. */
#include <inttypes.h>
#include <string.h>

#include "compare.h"

#define DECIMALS_MAX 12

void compare_grouped(uint64_t n, char text[32])
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < length; i++) {
		*text++ = digits[i];
		if ((length - i) % 3 == 1 && i + 1 < length)
			*text++ = ',';
	}
	*text = '\0';
}

/* Three significant digits of what is above 0. */
static void significant(double value, char *text, size_t size)
{
	int decimals = 2;

	if (value >= 99.95) {
		char grouped[32];

		/* Beyond what an integer holds the digits would be made up anyway. */
		if (value < 1e18) {
			compare_grouped((uint64_t)(value + 0.5), grouped);
			snprintf(text, size, "%s", grouped);
		} else {
			snprintf(text, size, "%.2e", value);
		}
		return;
	}
	if (value >= 9.995)
		decimals = 1;
	for (double rest = value; rest < 0.9995 && decimals < DECIMALS_MAX; rest *= 10)
		decimals++;
	snprintf(text, size, "%.*f", decimals, value);
}

void compare_per_op(uint64_t count, uint64_t ops, char text[40])
{
	if (!ops)
		strcpy(text, "-");
	else if (count % ops == 0)
		compare_grouped(count / ops, text);
	else
		significant((double)count / (double)ops, text, 40);
}

void compare_factor(double full, double here, char text[32])
{
	char number[28];

	if (full >= here && full <= here) {
		strcpy(text, "same");
	} else if (here <= 0) {
		strcpy(text, "all");
	} else if (full <= 0) {
		strcpy(text, "new");
	} else if (full / here < 0.01) {
		strcpy(text, "<0.01x");
	} else if (full / here < 0.9995) {
		snprintf(text, 32, "%.2fx", full / here);
	} else {
		significant(full / here, number, sizeof(number));
		snprintf(text, 32, "%sx", number);
	}
}
