// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes trace files; see trace.h. Sections go to the file as they arrive, so a long trace needs no
 * memory. The header is written last: until then it says that the trace was cut short.
 */
#include <errno.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pv_names.h"
#include "trace.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct trace_writer {
	FILE *file;
	char *path;
	struct trace_file_header header;
	int error; /* errno of the first write that failed */
	uint64_t malformed;
};

static void put(struct trace_writer *writer, const void *data, size_t bytes)
{
	if (writer->error || !bytes)
		return;
	errno = 0;
	if (fwrite(data, bytes, 1, writer->file) != 1)
		writer->error = errno ? errno : EIO;
}

struct trace_writer *trace_writer_begin(const char *path)
{
	struct trace_writer *writer = xcalloc(1, sizeof(*writer));

	memcpy(writer->header.magic, TRACE_MAGIC, sizeof(writer->header.magic));
	writer->header.version = TRACE_VERSION;
	writer->header.record_bytes = sizeof(struct pv_trace_record);
	writer->file = fopen(path, "wbe");
	/* The header is rewritten at the end: a pipe will not do, and says so at once (ESPIPE). */
	if (!writer->file || fseek(writer->file, 0, SEEK_SET)) {
		int error = errno;

		if (writer->file)
			fclose(writer->file);
		free(writer);
		errno = error;
		return NULL;
	}
	writer->path = xstrdup(path);
	put(writer, &writer->header, sizeof(writer->header));
	return writer;
}

void trace_writer_add(struct trace_writer *writer, const uint8_t *payload, uint32_t length)
{
	struct pv_frame_trace head;

	if (length >= sizeof(head))
		memcpy(&head, payload, sizeof(head));
	if (length < sizeof(head) || head.cpu >= PV_CPUS_MAX ||
	    length - sizeof(head) != (uint64_t)head.records * sizeof(struct pv_trace_record)) {
		writer->malformed++;
		return;
	}
	put(writer, payload, length);
	writer->header.section_bytes += length;
	writer->header.section_crc = crc32_ieee(writer->header.section_crc, payload, length);
}

static struct json_object *name_list(const char *const *names, size_t count)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(list, names[i] ? json_object_new_string(names[i]) : NULL);
	return list;
}

static struct json_object *describe(const struct machine *machine,
				    const struct pv_frame_hello *hello)
{
	struct json_object *root = json_object_new_object();
	struct json_object *names = json_object_new_array(), *kernels = json_object_new_array();
	unsigned int i;

	for (i = 0; i < machine->domain_count; i++) {
		char *path = realpath(machine->domains[i].kernel, NULL);

		json_object_array_add(names, json_object_new_string(machine->domains[i].name));
		json_object_array_add(kernels, path ? json_object_new_string(path) : NULL);
		free(path);
	}
	json_object_object_add(root, "backend", json_object_new_string(hello->backend));
	json_object_object_add(root, "tsc_khz", json_object_new_uint64(hello->tsc_khz));
	json_object_object_add(root, "domains", names);
	json_object_object_add(root, "kernels", kernels);
	json_object_object_add(root, "kinds", name_list(pv_kind_names, COUNT(pv_kind_names)));
	json_object_object_add(root, "exits", name_list(pv_exit_names, COUNT(pv_exit_names)));
	json_object_object_add(root, "calls", name_list(pv_call_names, COUNT(pv_call_names)));
	json_object_object_add(root, "errnos", name_list(pv_errno_names, COUNT(pv_errno_names)));
	return root;
}

int trace_writer_end(struct trace_writer *writer, const struct machine *machine,
		     const struct pv_frame_hello *hello)
{
	struct json_object *root = describe(machine, hello);
	const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	struct stat info = { 0 };
	int error;

	writer->header.description_bytes = strlen(text);
	writer->header.description_crc = crc32_ieee(0, text, strlen(text));
	put(writer, text, strlen(text));
	json_object_put(root);
	if (!writer->error && fseek(writer->file, 0, SEEK_SET))
		writer->error = errno;
	put(writer, &writer->header, sizeof(writer->header));
	fstat(fileno(writer->file), &info);
	if (fclose(writer->file) && !writer->error)
		writer->error = errno;
	if (writer->malformed)
		pvn_note("%llu trace frames made no sense and were left out",
			 (unsigned long long)writer->malformed);
	error = writer->error;
	if (error && S_ISREG(info.st_mode)) /* never a device such as /dev/full */
		unlink(writer->path);
	free(writer->path);
	free(writer);
	errno = error;
	return error ? -1 : 0;
}
