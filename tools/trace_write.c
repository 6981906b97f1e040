// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes trace files; see trace.h. Each section goes to the file as it arrives, so a long trace
 * needs no memory, a reader can follow it, and whatever ends the writer leaves what was there. The
 * file is locked while it is written: that is how a follower knows that nothing more will come.
 */
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pv_decode.h"
#include "pv_names.h"
#include "trace.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KERNEL_BYTES_MAX (1ull << 30)

struct trace_writer {
	int fd;
	int error; /* errno of the first write that failed */
	bool is_described;
	uint64_t records;
	uint32_t malformed;
};

static void put(struct trace_writer *writer, const void *data, size_t bytes)
{
	if (!writer->error && write_all(writer->fd, data, bytes))
		writer->error = errno;
}

/* In one write where the system allows it: a follower sees no half sections. */
static void put_section(struct trace_writer *writer, uint32_t type, const void *payload,
			uint32_t bytes)
{
	struct trace_section section = { TRACE_SECTION_MAGIC, type, bytes, 0 };
	uint8_t *whole = xmalloc(sizeof(section) + bytes);

	section.crc = crc32_ieee(0, &section.type, sizeof(section.type) + sizeof(section.bytes));
	section.crc = crc32_ieee(section.crc, payload, bytes);
	memcpy(whole, &section, sizeof(section));
	memcpy(whole + sizeof(section), payload, bytes);
	put(writer, whole, sizeof(section) + bytes);
	free(whole);
}

bool trace_kinds_parse(const char *words, uint32_t *kinds)
{
	char *copy = xstrdup(words), *rest = copy, *word;
	bool is_good = true;
	size_t i;

	*kinds = 0;
	while (is_good && (word = strsep(&rest, ","))) {
		for (i = 0; i < COUNT(pv_kind_names) && strcmp(pv_kind_names[i], word); i++)
			;
		is_good = i < COUNT(pv_kind_names);
		if (is_good)
			*kinds |= 1u << i;
		else
			pvn_error("--trace-kinds %s: expected exit, call, member, inject, sched, "
				  "mark or domain, with commas between",
				  word);
	}
	free(copy);
	if (*kinds & (1u << PV_KIND_CALL | 1u << PV_KIND_MEMBER))
		*kinds |= 1u << PV_KIND_RESULT | 1u << PV_KIND_ARGS | 1u << PV_KIND_TICKS;
	if (*kinds & 1u << PV_KIND_EXIT)
		*kinds |= 1u << PV_KIND_DETAIL | 1u << PV_KIND_TICKS;
	return is_good;
}

struct trace_writer *trace_writer_begin(const char *path)
{
	struct trace_writer *writer = xcalloc(1, sizeof(*writer));
	struct trace_file_header header = { .magic = TRACE_MAGIC,
					    .version = TRACE_VERSION,
					    .record_bytes = sizeof(struct pv_trace_record) };

	writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (writer->fd < 0) {
		int error = errno;

		free(writer);
		errno = error;
		return NULL;
	}
	flock(writer->fd, LOCK_EX | LOCK_NB); /* a pipe has no lock, and no follower */
	put(writer, &header, sizeof(header));
	return writer;
}

void trace_writer_add(struct trace_writer *writer, const uint8_t *payload, uint32_t length)
{
	struct pv_frame_trace head;

	if (length >= sizeof(head))
		memcpy(&head, payload, sizeof(head));
	if (length < sizeof(head) || head.cpu >= PV_CPUS_MAX || !writer->is_described ||
	    length - sizeof(head) != (uint64_t)head.records * sizeof(struct pv_trace_record)) {
		writer->malformed++;
		return;
	}
	writer->records += head.records;
	put_section(writer, TRACE_SECTION_RECORDS, payload, length);
}

/* ---- the description ------------------------------------------------------------------------- */

static struct json_object *name_list(const char *const *names, size_t count)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(list, names[i] ? json_object_new_string(names[i]) : NULL);
	return list;
}

static struct json_object *text(const char *value)
{
	return value ? json_object_new_string(value) : NULL;
}

static struct json_object *describe_domain(const struct domain *domain)
{
	struct json_object *one = json_object_new_object();
	char *path = domain->kernel ? realpath(domain->kernel, NULL) : NULL, id[SYMBOLS_ID_MAX];
	struct errors ignored = { 0 };
	struct blob file = { 0 };

	json_object_object_add(one, "name", text(domain->name));
	json_object_object_add(
		one, "mode",
		text(domain->mode < COUNT(pv_mode_names) ? pv_mode_names[domain->mode] : NULL));
	json_object_object_add(one, "kernel", text(path));
	if (path && !blob_read(&file, path, KERNEL_BYTES_MAX, &ignored)) {
		if (symbols_build_id(file.data, file.size, id))
			json_object_object_add(one, "build_id", text(id));
		json_object_object_add(one, "crc32",
				       json_object_new_int64(crc32_ieee(0, file.data, file.size)));
		blob_free(&file);
	}
	free(path);
	return one;
}

/* Which arguments are numbers with names, and the names. */
static void describe_tables(struct json_object *root)
{
	struct json_object *where = json_object_new_object(), *all = json_object_new_object();
	size_t i;

	for (i = 0; i < COUNT(pv_argument_tables); i++)
		json_object_object_add(where, pv_argument_tables[i].argument,
				       text(pv_argument_tables[i].table));
	for (i = 0; i < COUNT(pv_table_names); i++) {
		struct json_object *list = json_object_object_get(all, pv_table_names[i].table);

		if (!list) {
			list = json_object_new_array();
			json_object_object_add(all, pv_table_names[i].table, list);
		}
		json_object_array_put_idx(list, pv_table_names[i].value,
					  text(pv_table_names[i].name));
	}
	json_object_object_add(root, "argument_tables", where);
	json_object_object_add(root, "tables", all);
}

static struct json_object *description(const struct machine *machine,
				       const struct pv_frame_hello *hello)
{
	struct json_object *root = json_object_new_object(), *domains = json_object_new_array();
	char abi[24], build[sizeof(hello->build) + 1], backend[sizeof(hello->backend) + 1];
	unsigned int i;

	snprintf(abi, sizeof(abi), "%u.%u", hello->abi >> 16, hello->abi & 0xffff);
	snprintf(build, sizeof(build), "%.*s", (int)sizeof(hello->build), hello->build);
	snprintf(backend, sizeof(backend), "%.*s", (int)sizeof(hello->backend), hello->backend);
	for (i = 0; i < machine->domain_count; i++)
		json_object_array_add(domains, describe_domain(&machine->domains[i]));
	json_object_object_add(root, "paravane", text(build));
	json_object_object_add(root, "abi", text(abi));
	json_object_object_add(root, "backend", text(backend));
	json_object_object_add(root, "cpus", json_object_new_int64(hello->cpus));
	json_object_object_add(root, "tsc_khz", json_object_new_uint64(hello->tsc_khz));
	json_object_object_add(root, "domains", domains);
	json_object_object_add(root, "kinds", name_list(pv_kind_names, COUNT(pv_kind_names)));
	json_object_object_add(root, "exits", name_list(pv_exit_names, COUNT(pv_exit_names)));
	json_object_object_add(root, "calls", name_list(pv_call_names, COUNT(pv_call_names)));
	json_object_object_add(root, "arguments", name_list(pv_call_args, COUNT(pv_call_args)));
	json_object_object_add(root, "errnos", name_list(pv_errno_names, COUNT(pv_errno_names)));
	describe_tables(root);
	return root;
}

void trace_writer_describe(struct trace_writer *writer, const struct machine *machine,
			   const struct pv_frame_hello *hello)
{
	struct json_object *root;
	const char *json;

	if (writer->is_described)
		return;
	writer->is_described = true;
	root = description(machine, hello);
	json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	put_section(writer, TRACE_SECTION_DESCRIPTION, json, (uint32_t)strlen(json));
	json_object_put(root);
}

int trace_writer_end(struct trace_writer *writer, bool is_complete)
{
	const struct trace_file_end end = { writer->records, is_complete, writer->malformed };
	int error;

	put_section(writer, TRACE_SECTION_END, &end, sizeof(end));
	if (close(writer->fd) && !writer->error)
		writer->error = errno;
	if (writer->malformed)
		pvn_note("%u trace frames made no sense and were left out", writer->malformed);
	error = writer->error;
	free(writer);
	errno = error;
	return error ? -1 : 0;
}
