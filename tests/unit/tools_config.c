/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of machine descriptions: what good files mean, and that every bad one is refused with
 * its place, what was found and what was expected. A row a file.
 */
#include <string.h>

#include "config.h"
#include "debian.h"
#include "config_yaml.h"
#include "tap.h"

/* Knows every file but those whose name begins with "missing". */
static char *resolve(const char *text, const char *yaml_file, char *why, size_t why_size)
{
	(void)yaml_file;
	if (strncmp(text, "missing", 7))
		return xstrdup(text);
	snprintf(why, why_size, "%s: No such file or directory", text);
	return NULL;
}

static struct machine *parse(const char *text, struct errors *e)
{
	memset(e, 0, sizeof(*e));
	return machine_parse(text, strlen(text), "m.yaml", resolve, e);
}

/* A domain with all that is required, to be followed by more keys at four columns. */
#define DOMAIN "domains:\n  - name: a\n    kernel: k.elf\n    memory: 16M\n"

static const struct {
	const char *name, *text;
	const char *error; /* the beginning of the first error */
} bad[] = {
	{ "empty file", "", "m.yaml:1:1: found an empty file" },
	{ "only a comment", "# nothing\n", "m.yaml:1:1: found an empty file" },
	{ "no mapping", "hello\n",
	  "m.yaml:1:1: found \"hello\", expected a machine description (key: value, ...)" },
	{ "a list", "- a\n", "m.yaml:1:1: found a list, expected a machine description" },
	{ "syntax", "machine: {cpus: 1\ndomains: []\n",
	  "m.yaml:2:8: not valid YAML: did not find" },
	{ "tab", "machine:\n\tcpus: 1\n",
	  "m.yaml:2:1: not valid YAML: found character that cannot start any token" },
	{ "not UTF-8", "machine: \xff\n", "m.yaml:1:10: found bytes that are no text: " },
	{ "control character", "machine: \x01\n", "m.yaml:1:10: found bytes that are no text: " },
	{ "two documents", DOMAIN "---\n" DOMAIN, "m.yaml:5:1: found a second document" },
	{ "alias", "machine: &m {cpus: 1}\ndomains: *m\n", "m.yaml:1:10: found an anchor (&name)" },
	{ "alias of itself", "domains: [*a]\n", "m.yaml:1:11: found the alias *a" },
	{ "tag", "machine: !!map {}\n", "m.yaml:1:10: found a tag (!type)" },
	{ "nesting", "domains: [[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]\n",
	  "m.yaml:1:25: nested too deeply, expected at most 16 levels" },
	{ "unknown part", "machines: {}\n" DOMAIN,
	  "m.yaml:1:1: unknown key \"machines\" in a machine description, "
	  "did you mean \"machine\"?" },
	{ "no domains", "machine: {cpus: 1}\n", "m.yaml:1:1: the key \"domains\" is missing" },
	{ "empty domains", "domains: []\n",
	  "m.yaml:1:10: found a list, expected a list of domains" },
	{ "domains is text", "domains: a\n",
	  "m.yaml:1:10: found \"a\", expected a list of domains" },
	{ "machine is nothing", "machine:\n" DOMAIN,
	  "m.yaml:1:9: found nothing, expected machine" },
	{ "unknown machine key", "machine: {cpu: 1}\n" DOMAIN,
	  "m.yaml:1:11: unknown key \"cpu\" in machine, did you mean \"cpus\"?" },
	{ "unlike any key", "machine: {colour: 1}\n" DOMAIN,
	  "m.yaml:1:11: unknown key \"colour\" in machine, expected one of cpus, memory, " },
	{ "key twice", "machine: {cpus: 1, cpus: 2}\n" DOMAIN,
	  "m.yaml:1:20: found the key \"cpus\" a second time in machine" },
	{ "key is a list", "machine: {[a]: 1}\n" DOMAIN, "m.yaml:1:11: unknown key a list" },
	{ "no CPU", "machine: {cpus: 0}\n" DOMAIN,
	  "m.yaml:1:17: found \"0\", expected CPUs of the machine, a number from 1 to 16" },
	{ "too many CPUs", "machine: {cpus: 17}\n" DOMAIN, "m.yaml:1:17: found \"17\"" },
	{ "huge number", "machine: {cpus: 99999999999999999999}\n" DOMAIN,
	  "m.yaml:1:17: found \"99999999999999999999\", expected" },
	{ "negative", "machine: {cpus: -1}\n" DOMAIN, "m.yaml:1:17: found \"-1\", expected" },
	{ "CPUs are text", "machine: {cpus: two}\n" DOMAIN,
	  "m.yaml:1:17: found \"two\", expected" },
	{ "CPUs are a list", "machine: {cpus: [1]}\n" DOMAIN,
	  "m.yaml:1:17: found a list, expected" },
	{ "little machine memory", "machine: {memory: 16M}\n" DOMAIN,
	  "m.yaml:1:19: found \"16M\", expected memory of the machine, a size from 160M to 16G" },
	{ "bad suffix", "machine: {memory: 256X}\n" DOMAIN, "m.yaml:1:19: found \"256X\"" },
	{ "two suffixes", "machine: {memory: 256MB}\n" DOMAIN, "m.yaml:1:19: found \"256MB\"" },
	{ "size overflow", "machine: {memory: 18446744073709551615G}\n" DOMAIN,
	  "m.yaml:1:19: found \"18446744073709551615G\"" },
	{ "slice", "machine: {slice_us: 1}\n" DOMAIN,
	  "m.yaml:1:21: found \"1\", expected a time slice" },
	{ "hardware feature", "machine: {features: {vmx: off}}\n" DOMAIN,
	  "m.yaml:1:22: unknown key \"vmx\" in features of the machine" },
	{ "no switch", "machine: {features: {x2apic: 1}}\n" DOMAIN,
	  "m.yaml:1:30: found \"1\", expected on or off" },
	{ "feature twice", "machine: {features: {x2apic: on, x2apic: off}}\n" DOMAIN,
	  "m.yaml:1:34: found the key \"x2apic\" a second time" },
	{ "trace kind", "machine: {trace: {kinds: [exits]}}\n" DOMAIN,
	  "m.yaml:1:27: found \"exits\", expected a kind of trace record: exit, call, result" },
	{ "no trace kind", "machine: {trace: {kinds: []}}\n" DOMAIN, "m.yaml:1:26: found a list" },
	{ "no kernel", "domains:\n  - name: a\n    memory: 16M\n",
	  "m.yaml:2:5: the key \"kernel\" is missing in a domain" },
	{ "no memory", "domains:\n  - {name: a, kernel: k}\n",
	  "m.yaml:2:5: the key \"memory\" is missing in a domain" },
	{ "kernel missing", "domains:\n  - name: a\n    kernel: missing.elf\n    memory: 16M\n",
	  "m.yaml:3:13: found \"missing.elf\", expected a kernel file (a path relative to "
	  "this file, or payload:NAME): missing.elf: No such file" },
	{ "kernel is nothing", "domains:\n  - {name: a, kernel: , memory: 16M}\n",
	  "m.yaml:2:23: found nothing, expected a kernel file" },
	{ "NUL in the kernel", "domains:\n  - {name: a, kernel: \"k\\0\", memory: 16M}\n",
	  "m.yaml:2:23: found \"k?\", expected a kernel file" },
	{ "NUL in a key", "domains:\n  - {\"name\\0\": a, kernel: k, memory: 16M}\n",
	  "m.yaml:2:6: unknown key \"name?\" in a domain" },
	{ "name", "domains:\n  - {name: a/b, kernel: k, memory: 16M}\n",
	  "m.yaml:2:12: found \"a/b\", expected a name of letters" },
	{ "long name",
	  "domains:\n  - {name: a2345678901234567890123456789012, kernel: k, memory: 16M}\n",
	  "m.yaml:2:12: found \"a2345678901234567890123456789012\", expected a domain's name of at "
	  "most 31 characters" },
	{ "name twice", DOMAIN "  - {name: a, kernel: k, memory: 16M}\n",
	  "m.yaml:5:5: found a second domain named \"a\" (the first is in line 2)" },
	{ "odd memory", "domains:\n  - {name: a, kernel: k, memory: 5M}\n",
	  "m.yaml:2:34: found \"5M\", expected memory of a domain, a size from 4M to 16G "
	  "(K, M or G), a multiple of 2M" },
	{ "little memory", "domains:\n  - {name: a, kernel: k, memory: 2M}\n",
	  "m.yaml:2:34: found \"2M\", expected memory of a domain" },
	{ "sum of memory",
	  "machine: {memory: 160M}\ndomains:\n  - {name: a, kernel: k, memory: 146M}\n",
	  "m.yaml:1:19: the domains' memory and 16M for the hypervisor are 162M, expected at "
	  "most the machine's memory, 160M" },
	{ "sum of memory, default machine", "domains:\n  - {name: a, kernel: k, memory: 1G}\n",
	  "m.yaml:2:3: the domains' memory and 16M for the hypervisor are 1040M" },
	{ "vcpus", DOMAIN "    vcpus: 17\n",
	  "m.yaml:5:12: found \"17\", expected vcpus, a number from" },
	{ "unknown mode", DOMAIN "    mode: half\n",
	  "m.yaml:5:11: found \"half\", expected a mode of this version: full/hap or pv/hap" },
	{ "mode of later", DOMAIN "    mode: pv/direct\n",
	  "m.yaml:5:11: found \"pv/direct\", expected" },
	{ "CPU that does not exist", "machine: {cpus: 2}\n" DOMAIN "    cpus: [0, 2]\n",
	  "m.yaml:6:15: found \"2\", expected a CPU of the machine, a number from 0 to 1" },
	{ "CPU twice", "machine: {cpus: 2}\n" DOMAIN "    cpus: [1, 1]\n",
	  "m.yaml:6:15: found CPU 1 a second time" },
	{ "CPUs of a domain, empty", DOMAIN "    cpus: []\n",
	  "m.yaml:5:11: found a list, expected a list" },
	{ "domain feature", DOMAIN "    features: {leafs: off}\n",
	  "m.yaml:5:16: unknown key \"leafs\" in features of a domain, did you mean \"leaves\"?" },
	{ "hypercall", DOMAIN "    calls: [NULL, CONSOL]\n",
	  "m.yaml:5:19: found \"CONSOL\", expected a hypercall such as NULL or CONSOLE (docs/" },
	{ "on_reboot", DOMAIN "    on_reboot: again\n",
	  "m.yaml:5:16: found \"again\", expected what a reboot does: restart, end" },
	{ "limits", DOMAIN "    limits: {console: 0}\n",
	  "m.yaml:5:23: found \"0\", expected a limit" },
	{ "command line is a list", DOMAIN "    cmdline: [a]\n",
	  "m.yaml:5:14: found a list, expected" },
	{ "escape sequences are not passed on", "\"\\e[2J\": 1\n",
	  "m.yaml:1:1: unknown key \"?[2J\"" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct errors e;
		struct machine *m = parse(bad[i].text, &e);

		EXPECT_MSG(!m && e.count, "was accepted");
		EXPECT_MSG(e.count && !strncmp(e.text[0], bad[i].error, strlen(bad[i].error)),
			   "error is \"%s\", expected \"%s...\"", e.text[0], bad[i].error);
		machine_free(m);
		tap_case(bad[i].name);
	}
}

static void test_limits(void)
{
	static char text[YAML_FILE_MAX + 2];
	struct errors e = { 0 };
	size_t used = 0;

	memset(text, ' ', sizeof(text));
	EXPECT(!machine_parse(text, sizeof(text) - 1, "m.yaml", resolve, &e));
	EXPECT(!strcmp(e.text[0], "m.yaml: has 1048577 bytes, expected at most 1048576"));
	tap_case("a file of absurd size");

	memset(&e, 0, sizeof(e));
	while (used + 2 < YAML_FILE_MAX)
		memcpy(text + used, used ? "1," : " [", 2), used += 2;
	EXPECT(!machine_parse(text, used, "m.yaml", resolve, &e));
	EXPECT(e.count == 1 && strstr(e.text[0], "too many values"));
	tap_case("a file of absurdly many values");

	used = (size_t)sprintf(text, "domains:\n");
	for (int i = 0; i < 17; i++)
		used += (size_t)sprintf(text + used, "  - {name: d%d, kernel: k, memory: 4M}\n", i);
	EXPECT(!parse(text, &e));
	EXPECT_MSG(e.count == 1 &&
			   !strcmp(e.text[0], "m.yaml:18:5: too many domains, expected at most 16"),
		   "%s", e.text[0]);
	tap_case("a domain too many");
}

static void test_several(void)
{
	struct errors e;

	EXPECT(!parse("machine: {cpus: 0, memory: x}\ndomains:\n  - {name: a b, kernel: missing}\n",
		      &e));
	EXPECT_EQ(e.count, 5);
	EXPECT(!strncmp(e.text[4], "m.yaml:3:5: the key \"memory\" is missing", 30));
	tap_case("one look shows all errors");

	EXPECT(!parse("domains: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]\n", &e));
	EXPECT_EQ(e.count, 12);
	EXPECT(!strncmp(e.text[9], "m.yaml:1:38: found \"10\", expected a domain", 40));
	tap_case("only the first ten errors are kept");

	/* A wrong number of CPUs must not make every pinning wrong as well. */
	EXPECT(!parse("machine: {cpus: x}\n" DOMAIN "    cpus: [3]\n", &e));
	EXPECT_EQ(e.count, 1);
	tap_case("no error follows from another one");
}

static void test_good(void)
{
	struct errors e;
	struct machine *m;

	m = parse(DOMAIN, &e);
	EXPECT(m && !e.count);
	if (m) {
		EXPECT_EQ(m->cpus, 1);
		EXPECT_EQ(m->memory_bytes, 256ull << 20);
		EXPECT_EQ(m->slice_us, 10000);
		EXPECT_EQ(m->domain_count, 1);
		EXPECT_EQ(m->domains[0].memory_bytes, 16ull << 20);
		EXPECT_EQ(m->domains[0].vcpus, 1);
		EXPECT_EQ(m->domains[0].mode, PV_MODE_PV_HAP);
		EXPECT_EQ(m->domains[0].call_mask[3], ~0ull);
		EXPECT_EQ(m->domains[0].kernel_at.line, 3);
		EXPECT_EQ(m->domains[0].kernel_at.column, 13);
		EXPECT(!strcmp(m->domains[0].cmdline, "") && !m->domains[0].initrd);
		EXPECT(!m->domains[0].ends_on_reboot);
	}
	machine_free(m);
	tap_case("defaults");

	m = parse("machine:\n  cpus: 4\n  memory: 1G\n  slice_us: 500\n"
		  "  features: {virtual_interrupts: off, next_rip: on, x2apic: no}\n"
		  "  trace: {kinds: [exit, mark], records: 100}\n" DOMAIN
		  "    cmdline: \"x=1 y\"\n    vcpus: 3\n    mode: full/hap\n    cpus: [1, 3]\n"
		  "    features: {leaves: off, rdtsc_exit: on}\n    calls: [\"NULL\", console]\n"
		  "    limits: {console: 64K}\n    on_reboot: end\n",
		  &e);
	EXPECT_MSG(m && !e.count, "%s", e.text[0]);
	if (m) {
		EXPECT_EQ(m->cpus, 4);
		EXPECT_EQ(m->slice_us, 500);
		EXPECT_EQ(m->hw_off, PV_HW_VIRTUAL_INTERRUPTS | PV_HW_X2APIC);
		EXPECT_EQ(m->trace_kinds, 1u << PV_KIND_EXIT | 1u << PV_KIND_MARK);
		EXPECT_EQ(m->trace_records, 100);
		EXPECT(!strcmp(m->domains[0].cmdline, "x=1 y"));
		EXPECT_EQ(m->domains[0].mode, PV_MODE_FULL_HAP);
		EXPECT_EQ(m->domains[0].cpu_mask, 0xa);
		EXPECT_EQ(m->domains[0].features_off, PV_FEATURE_LEAVES);
		EXPECT_EQ(m->domains[0].features_on, PV_FEATURE_RDTSC_EXIT);
		EXPECT_EQ(m->domains[0].call_mask[0], 1u << PV_CALL_NULL | 1u << PV_CALL_CONSOLE);
		EXPECT_EQ(m->domains[0].call_mask[1], 0);
		EXPECT_EQ(m->domains[0].console_limit, 65536);
		EXPECT(m->domains[0].ends_on_reboot);
		EXPECT(!machine_set_mode(m, "pv/hap", &e));
		EXPECT_EQ(m->domains[0].mode, PV_MODE_PV_HAP);
		EXPECT(machine_set_mode(m, "pv", &e) && e.count == 1);
		EXPECT_EQ(machine_find_domain(m, "a"), 0);
		EXPECT_EQ(machine_find_domain(m, "b"), -1);
	}
	machine_free(m);
	tap_case("every key");
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} rows[] = {
		{ "0", true, 0 },
		{ "4096", true, 4096 },
		{ "64K", true, 65536 },
		{ "2m", true, 2 << 20 },
		{ "3G", true, 3ull << 30 },
		{ "", false, 0 },
		{ "K", false, 0 },
		{ "1.5M", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "+1", false, 0 },
		{ "0x10", false, 0 },
		{ "1T", false, 0 },
		{ "1KK", false, 0 },
		{ "8589934592G", false, 0 },
		{ "8589934591G", true, 8589934591ull << 30 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", false, 0 },
	};
	char text[24];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 0;

		EXPECT_MSG(parse_size(rows[i].text, &bytes) == rows[i].ok && bytes == rows[i].bytes,
			   "\"%s\" is %llu", rows[i].text, (unsigned long long)bytes);
	}
	EXPECT(!strcmp(format_size(16 << 20, text, sizeof(text)), "16M"));
	EXPECT(!strcmp(format_size(1040ull << 20, text, sizeof(text)), "1040M"));
	EXPECT(!strcmp(format_size(1000, text, sizeof(text)), "1000"));
	EXPECT(!strcmp(format_size(0, text, sizeof(text)), "0"));
	tap_case("sizes");
}

static void test_nearest(void)
{
	static const char *const names[] = { "cpus", "memory", "slice_us", "features", NULL };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "cpu", "cpus" }, { "CPUS", NULL },           { "memroy", "memory" },
		{ "slice", NULL }, { "slice-us", "slice_us" }, { "", NULL },
		{ "x", NULL },     { "feature", "features" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *found = nearest_name(rows[i].word, names);

		EXPECT_MSG(found == rows[i].nearest ||
				   (found && rows[i].nearest && !strcmp(found, rows[i].nearest)),
			   "nearest to \"%s\" is %s", rows[i].word, found ? found : "nothing");
	}
	tap_case("nearest names");
}

/* What apt-cache prints of the package that depends on the newest kernel. */
static void test_debian(void)
{
	static const struct {
		const char *text, *package, *version; /* package NULL: refused */
	} rows[] = {
		{ "Package: a\nDepends: linux-image-6.1.0-9-amd64 (= 6.1.2-2)\nX: y\n",
		  "linux-image-6.1.0-9-amd64", "6.1.2-2" },
		{ "Depends: linux-base, linux-image-6.12+rc1-cloud-amd64 (= 1:6.12~1), x\n",
		  "linux-image-6.12+rc1-cloud-amd64", "1:6.12~1" },
		{ "A: b\nDepends: linux-image-7-amd64\n", "linux-image-7-amd64", "" },
		{ "Depends: x\nSuggests: linux-image-7-amd64\n", NULL, NULL },
		{ "Depends: linux-image-7 (= ../x)\n", NULL, NULL },
		{ "Pre-Depends: linux-image-7\n", NULL, NULL },
		{ "", NULL, NULL },
	};
	char package[40], version[40], why[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_good = debian_parse_depends(rows[i].text, package, version, 40);

		EXPECT_EQ(is_good, rows[i].package != NULL);
		if (is_good && rows[i].package)
			EXPECT(!strcmp(package, rows[i].package) &&
			       !strcmp(version, rows[i].version));
	}
	EXPECT(!debian_resolve("sid", why, sizeof(why)) && strstr(why, "debian:generic"));
	tap_case("debian: the newest kernel's package");
}

int main(void)
{
	test_bad();
	test_limits();
	test_several();
	test_good();
	test_sizes();
	test_nearest();
	test_debian();
	return tap_done();
}
