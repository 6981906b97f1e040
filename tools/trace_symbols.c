// SPDX-License-Identifier: BSD-2-Clause
/*
 * Symbols for `pvn trace`: from the files named with --symbols, else from the kernels that the
 * trace names, if they are still those that ran.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_view.h"

#define KERNEL_BYTES_MAX (1ull << 30)

/* "DOMAIN=FILE,..."; 0, or -1 with an error. */
static int load_given(struct trace *trace, const char *given, struct errors *e)
{
	char *copy = given ? xstrdup(given) : NULL, *rest = copy, *word;
	int result = 0;

	while (!result && rest && (word = strsep(&rest, ","))) {
		char *path = strchr(word, '=');
		size_t i = 0;

		if (path)
			*path++ = 0;
		while (i < trace->domain_count &&
		       (!trace->domains[i].name || strcmp(trace->domains[i].name, word)))
			i++;
		if (!path || i == trace->domain_count) {
			result = errors_add(e,
					    "--symbols %s: expected DOMAIN=FILE, with a domain "
					    "of the trace",
					    word);
			break;
		}
		symbols_free(&trace->domains[i].symbols);
		result = symbols_load_named(&trace->domains[i].symbols, path, e);
	}
	free(copy);
	return result;
}

/* A kernel that was built anew since would name the wrong functions. */
static bool is_same_kernel(const struct trace_domain *domain)
{
	struct errors ignored = { 0 };
	struct blob file = { 0 };
	char id[SYMBOLS_ID_MAX] = "";
	bool is_same;

	if (blob_read(&file, domain->kernel, KERNEL_BYTES_MAX, &ignored))
		return false;
	symbols_build_id(file.data, file.size, id);
	is_same = domain->build_id ? !strcmp(domain->build_id, id) :
				     crc32_ieee(0, file.data, file.size) == domain->crc;
	blob_free(&file);
	if (!is_same)
		pvn_note("%s is not the kernel that ran in %s any more: its symbols are not used",
			 domain->kernel, domain->name ? domain->name : "?");
	return is_same;
}

int trace_symbols_load(struct trace *trace, const char *given, struct errors *e)
{
	size_t i;

	if (load_given(trace, given, e))
		return -1;
	for (i = 0; i < trace->domain_count; i++) {
		struct trace_domain *domain = &trace->domains[i];

		if (!domain->symbols.count && domain->kernel && is_same_kernel(domain))
			symbols_load(&domain->symbols, domain->kernel);
	}
	return 0;
}
