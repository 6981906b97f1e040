// SPDX-License-Identifier: BSD-2-Clause
/*
 * The comparison's page (tools/compare_html*.c). Without arguments: its numbers, factors and
 * escapes, and documents that must be refused, each with the error that names the place. With two,
 * a document and a place: writes the page for the test with a browser (tests/unit/tools_page.py).
 */
#include <fcntl.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare_html.h"
#include "compare_html_page.h"
#include "tap.h"

static void numbers(void)
{
	char b[NUMBER_MAX];

	EXPECT(!strcmp(number_text(b, 0), "0"));
	EXPECT(!strcmp(number_text(b, 999), "999"));
	EXPECT(!strcmp(number_text(b, 1000), "1,000"));
	EXPECT(!strcmp(number_text(b, 14113), "14,113"));
	EXPECT(!strcmp(number_text(b, UINT64_MAX), "18,446,744,073,709,551,615"));
	EXPECT(!strcmp(ratio_text(b, 0), "0"));
	EXPECT(!strcmp(ratio_text(b, 1), "1"));
	EXPECT(!strcmp(ratio_text(b, 0.25625), "0.256"));
	EXPECT(!strcmp(ratio_text(b, 0.5), "0.500"));
	EXPECT(!strcmp(ratio_text(b, 0.00041), "0.000410"));
	EXPECT(!strcmp(ratio_text(b, 1e-9), "under 0.000001"));
	EXPECT(!strcmp(ratio_text(b, 2.0048), "2.00"));
	EXPECT(!strcmp(ratio_text(b, 9.996), "10.0"));
	EXPECT(!strcmp(ratio_text(b, 88.206), "88.2"));
	EXPECT(!strcmp(ratio_text(b, 99.97), "100"));
	EXPECT(!strcmp(ratio_text(b, 344.2), "344"));
	EXPECT(!strcmp(ratio_text(b, 1.8446744073709552e19), "1.84e+19"));
	tap_case("numbers");
}

static void factors(void)
{
	char b[NUMBER_MAX];

	EXPECT(!strcmp(factor_text(b, 0, 0), "same"));
	EXPECT(!strcmp(factor_text(b, 7, 7), "same"));
	EXPECT(!strcmp(factor_text(b, 7, 0), "all avoided"));
	EXPECT(!strcmp(factor_text(b, 0, 7), "only here"));
	EXPECT(!strcmp(factor_text(b, 14113, 41), "344× fewer"));
	EXPECT(!strcmp(factor_text(b, 10, 21), "2.10× more"));
	EXPECT(!strcmp(factor_text(b, 1000, 1001), "barely more"));
	EXPECT(!strcmp(factor_text(b, 1001, 1000), "barely fewer"));
	EXPECT(!strcmp(factor_text(b, 1e19, 1), "1.00e+19× fewer"));
	tap_case("factors never say that what differs is the same");
}

/* A page that goes to memory, and the judgement of what it came to. */
struct written {
	struct page page;
	char *text;
	size_t size;
};

static struct page *write_begin(struct written *w)
{
	memset(w, 0, sizeof(*w));
	w->page.out = open_memstream(&w->text, &w->size);
	return &w->page;
}

static bool write_is(struct written *w, const char *expected)
{
	bool result;

	fclose(w->page.out);
	result = !strcmp(w->text, expected);
	if (!result)
		printf("# found \"%s\", expected \"%s\"\n", w->text, expected);
	free(w->text);
	return result;
}

static bool amounts_to(uint64_t count, const char *unit, const char *expected)
{
	struct json_object *string = unit ? json_object_new_string(unit) : NULL;
	struct written w;

	put_amount(write_begin(&w), count, string);
	json_object_put(string);
	return write_is(&w, expected);
}

static void amounts(void)
{
	EXPECT(amounts_to(1, "second", "1 second"));
	EXPECT(amounts_to(100000, "call", "100,000 calls"));
	EXPECT(amounts_to(200, "process", "200 processes"));
	EXPECT(amounts_to(2, "switch", "2 switches"));
	EXPECT(amounts_to(20, "mapping of 4 MiB", "20 mappings of 4 MiB"));
	EXPECT(amounts_to(2, "KiB", "2 KiB"));
	EXPECT(amounts_to(2, "", "2 "));
	EXPECT(amounts_to(0, NULL, "0 operations"));
	tap_case("amounts");
}

static bool puts_as(const char *text, size_t length, const char *expected)
{
	struct written w;

	put_bytes(write_begin(&w), text, length);
	return write_is(&w, expected);
}

#define PUTS_AS(text, expected) EXPECT(puts_as(text, sizeof(text) - 1, expected))
#define BAD "\xef\xbf\xbd"

static void escapes(void)
{
	PUTS_AS("a&b", "a&amp;b");
	PUTS_AS("</script><b x=\"1\" y='2'>",
		"&lt;/script&gt;&lt;b x=&quot;1&quot; y=&#39;2&#39;&gt;");
	PUTS_AS("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7");
	PUTS_AS("a\0b\x1b[1m\x7f", "a" BAD "b" BAD "[1m" BAD);
	PUTS_AS("\xc3", BAD);
	PUTS_AS("\xc3(", BAD "(");
	PUTS_AS("\xc0\xaf", BAD BAD); /* a slash in two bytes */
	PUTS_AS("\xed\xa0\x80", BAD BAD BAD); /* half a surrogate pair */
	PUTS_AS("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* beyond Unicode */
	PUTS_AS("\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD);
	PUTS_AS("\xc2\x80", BAD BAD); /* a C1 control */
	PUTS_AS("\xef\xbf\xbf", BAD BAD BAD); /* a noncharacter */
	PUTS_AS("\xe2\x82", BAD BAD); /* cut off */
	tap_case("text of a document stays text");
}

static void refused(void)
{
	static const char *const rows[][2] = {
		/* what the page gets, what its error contains */
		{ "null", "version 1" },
		{ "[]", "version 1" },
		{ "{}", "version 1" },
		{ "{\"version\":2}", "version 1" },
		{ "{\"version\":\"1\"}", "version 1" },
		{ "{\"version\":1}", "array \"columns\"" },
		{ "{\"version\":1,\"columns\":{}}", "array \"columns\"" },
		{ "{\"version\":1,\"columns\":[3]}", "columns[0]" },
		{ "{\"version\":1,\"columns\":[{\"id\":\"a\",\"mode\":7}]}", "columns[0]" },
		{ "{\"version\":1,\"columns\":[{\"id\":\"a\",\"mode\":\"m\"},"
		  "{\"id\":\"a\",\"mode\":\"m\"}]}",
		  "columns[1]: \"a\" is there already" },
		{ "{\"version\":1,\"columns\":[]}", "array \"workloads\"" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[{}]}", "workloads[0]" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[{\"name\":\"w\"},"
		  "{\"name\":\"w\"}]}",
		  "workloads[1]: \"w\" is there already" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[]}", "array \"results\"" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[],\"results\":[null]}",
		  "results[0]" },
		{ "{\"version\":1,\"columns\":[{\"id\":\"a\",\"mode\":\"m\"}],\"workloads\":[],"
		  "\"results\":[{\"workload\":\"w\",\"column\":\"a\"}]}",
		  "results[0]: \"w\" is not among the workloads" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[{\"name\":\"w\"}],"
		  "\"results\":[{\"workload\":\"w\",\"column\":\"b\"}]}",
		  "results[0]: \"b\" is not among the columns" },
		{ "{\"version\":1,\"columns\":[],\"workloads\":[],\"results\":[],"
		  "\"tick\":[{\"column\":\"b\"}]}",
		  "tick[0]" },
	};
	const char *place = "/nonexistent/never-written.html";
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *doc = json_tokener_parse(rows[i][0]);
		struct errors e = { 0 };

		EXPECT_MSG(compare_html_write(doc, place, &e) == -1 && e.count == 1,
			   "%s was not refused", rows[i][0]);
		EXPECT_MSG(strstr(e.text[0], rows[i][1]), "%s: found error \"%s\", expected \"%s\"",
			   rows[i][0], e.text[0], rows[i][1]);
		json_object_put(doc);
	}
	tap_case("a document without what the page needs is refused, with the place");
}

static void unwritable(void)
{
	struct json_object *doc = json_tokener_parse(
		"{\"version\":1,\"columns\":[],\"workloads\":[],\"results\":[]}");
	struct errors e = { 0 };

	EXPECT(compare_html_write(doc, "/nonexistent/page.html", &e) == -1 && e.count == 1);
	EXPECT(strstr(e.text[0], "/nonexistent/page.html"));
	if (!access("/dev/full", W_OK)) {
		memset(&e, 0, sizeof(e));
		EXPECT(compare_html_write(doc, "/dev/full", &e) == -1 && e.count == 1);
		EXPECT(strstr(e.text[0], "No space left"));
	}
	json_object_put(doc);
	tap_case("a page that cannot be written is an error that names the file");
}

/* As /dev/stdout before a pipe: the link must stay a link, and the pipe get the page. */
static void through_link(void)
{
	struct json_object *doc = json_tokener_parse(
		"{\"version\":1,\"columns\":[],\"workloads\":[],\"results\":[]}");
	char folder[] = "/tmp/pvn-page-XXXXXX", *link, *to, head[16] = "";
	struct errors e = { 0 };
	struct stat st;
	int ends[2];

	EXPECT(mkdtemp(folder) && !pipe2(ends, O_CLOEXEC));
	link = xasprintf("%s/link", folder);
	to = xasprintf("/proc/self/fd/%d", ends[1]);
	/* The page fits: without a reader a write of more would wait for ever. */
	EXPECT(fcntl(ends[1], F_SETPIPE_SZ, 1 << 17) > 0);
	EXPECT(!symlink(to, link));
	EXPECT_MSG(!compare_html_write(doc, link, &e), "found error \"%s\"", e.text[0]);
	EXPECT(!lstat(link, &st) && S_ISLNK(st.st_mode));
	EXPECT(!fcntl(ends[0], F_SETFL, O_NONBLOCK));
	EXPECT(read(ends[0], head, 15) == 15 && !strcmp(head, "<!DOCTYPE html>"));
	close(ends[0]);
	close(ends[1]);
	unlink(link);
	rmdir(folder);
	free(link);
	free(to);
	json_object_put(doc);
	tap_case("a link to a pipe stays a link, and the pipe gets the page");
}

static int write_page(const char *from, const char *to)
{
	struct json_object *doc = json_object_from_file(from);
	struct errors e = { 0 };
	int result;

	if (!doc) {
		fprintf(stderr, "%s\n", json_util_get_last_err());
		return PVN_USAGE;
	}
	result = compare_html_write(doc, to, &e);
	errors_print(&e, stderr);
	json_object_put(doc);
	return result ? PVN_USAGE : PVN_OK;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return write_page(argv[1], argv[2]);
	numbers();
	factors();
	amounts();
	escapes();
	refused();
	unwritable();
	through_link();
	return tap_done();
}
