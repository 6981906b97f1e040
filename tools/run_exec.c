// SPDX-License-Identifier: BSD-2-Clause
/* One command in a Linux guest; see run_exec.h. */
#include "run_exec.h"

#include <stdlib.h>
#include <string.h>

#include "payload.h"

#define CMDLINE_MAX 2047u /* Linux's COMMAND_LINE_SIZE without the NUL */

/*
 * Only a panic is worth more than the command's output: everything else that the kernel prints
 * stays in its log. `quiet` is for programs that look for it.
 */
#define QUIET "quiet loglevel=1"

/* Before and after the output: a record separator, a word, the end of a line. */
#define MARK "\036pvn\n"
#define PRINT_MARK "printf '\\036pvn\\n'\n"
/*
 * A shell of its own for the command: whatever it does to its shell, or whatever is wrong with its
 * quotes, the second mark comes.
 */
#define SCRIPT \
	PRINT_MARK "sh -c \"$(cat <<'PVN_EXEC'\n%s\nPVN_EXEC\n)\"\nstatus=$?\n" PRINT_MARK \
		   "exit $status"

#define ASIDE_MAX (64u << 10)
/* Of guest-patches/initramfs/init.c, on a machine that takes no status; then up to three digits. */
#define INIT_STATUS "init: exit status "

static bool is_linux(const struct domain *d)
{
	struct errors e = { 0 }; /* a bad file is reported when it is packed */
	struct blob file;
	bool is = false;

	if (blob_read(&file, d->kernel, KERNEL_BYTES_MAX, &e))
		return false;
	if (!decompress(&file, d->kernel, KERNEL_BYTES_MAX, &e))
		is = payload_is_linux(&file);
	blob_free(&file);
	return is;
}

int run_exec_find(const struct machine *m)
{
	for (unsigned int i = 0; i < m->domain_count; i++)
		if (is_linux(&m->domains[i]))
			return (int)i;
	return -1;
}

char *run_exec_base64(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bytes = strlen(text);
	char *out = xmalloc((bytes + 2) / 3 * 4 + 1), *at = out;

	for (size_t i = 0; i < bytes; i += 3) {
		size_t n = bytes - i < 3 ? bytes - i : 3;
		uint32_t group = 0;

		for (size_t k = 0; k < 3; k++)
			group = group << 8 | (k < n ? (uint8_t)text[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*at++ = k <= n ? digits[group >> (18 - 6 * k) & 63] : '=';
	}
	*at = '\0';
	return out;
}

int run_exec_add(struct domain *d, const char *command, struct errors *e)
{
	char *script = xasprintf(SCRIPT, command), *code = run_exec_base64(script);
	char *line = xasprintf("%s%s" QUIET " exec=%s", d->cmdline, *d->cmdline ? " " : "", code);
	size_t fixed = strlen(line) - strlen(code) + (sizeof(SCRIPT) + 1) / 3 * 4;

	free(script);
	free(code);
	if (strlen(line) > CMDLINE_MAX) {
		free(line);
		return errors_add(e,
				  "--exec: the command has %zu bytes, expected at most %zu: it "
				  "travels on the kernel's command line",
				  strlen(command), (CMDLINE_MAX - fixed) / 4 * 3);
	}
	free(d->cmdline);
	d->cmdline = line;
	d->ends_on_reboot = true; /* its second life would run the command again */
	return 0;
}

static void put(struct run_exec_text *text, struct run_output *out, const char *data, size_t bytes)
{
	if (text->state == RUN_EXEC_DURING) {
		run_output_add(out, data, bytes);
		return;
	}
	if (!text->aside)
		text->aside = xmalloc(ASIDE_MAX + 1);
	/* The beginning of a trouble tells more than its end. */
	if (bytes > ASIDE_MAX - text->aside_bytes)
		bytes = ASIDE_MAX - text->aside_bytes;
	memcpy(text->aside + text->aside_bytes, data, bytes);
	text->aside_bytes += bytes;
}

static void take(struct run_exec_text *text, struct run_output *out, char byte)
{
	if (byte != MARK[text->matched]) {
		put(text, out, MARK, text->matched);
		text->matched = 0;
	}
	if (byte != MARK[text->matched]) {
		put(text, out, &byte, 1);
		return;
	}
	if (MARK[++text->matched])
		return;
	text->matched = 0;
	if (text->state == RUN_EXEC_BEFORE) {
		text->state = RUN_EXEC_DURING;
		text->aside_bytes = 0; /* it booted well enough */
	} else {
		text->state = RUN_EXEC_AFTER;
	}
}

void run_exec_console(struct run_exec_text *text, struct run_output *out, const char *data,
		      size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (text->has_return && data[i] != '\n')
			take(text, out, '\r');
		text->has_return = data[i] == '\r';
		if (!text->has_return)
			take(text, out, data[i]);
	}
}

void run_exec_finish(struct run_exec_text *text, struct run_output *out)
{
	put(text, out, MARK, text->matched);
	text->matched = 0;
	if (text->has_return)
		put(text, out, "\r", 1);
	text->has_return = false;
}

/*
 * What the domain ended with: its status, or, where the guest could not tell the hypervisor (a
 * fully virtualized one powers off as a PC does), what its init printed behind the output.
 */
static int status_of(const struct stats_domain *d, struct run_exec_text *text)
{
	const char *line = NULL;
	unsigned int status;

	if (d->mode == PV_MODE_FULL_HAP && text->state == RUN_EXEC_AFTER && text->aside) {
		text->aside[text->aside_bytes] = '\0';
		line = memmem(text->aside, text->aside_bytes, INIT_STATUS, strlen(INIT_STATUS));
	}
	if (line && sscanf(line + strlen(INIT_STATUS), "%3u", &status) == 1 && status <= 255)
		return (int)status;
	return (int)d->end.status;
}

static bool powered_off(const struct stats_domain *d)
{
	return d->has_ended && d->end.how == PV_END_SHUTDOWN &&
	       d->end.reason == PV_SHUTDOWN_POWEROFF;
}

int run_exec_status(const struct run_result *result, unsigned int domain,
		    struct run_exec_text *text)
{
	const struct stats_domain *d = &result->stats.domains[domain];
	bool has_failed = result->exit != PVN_OK && result->exit != PVN_GUEST_FAILED;
	char end[200];
	int status;

	if (!has_failed && powered_off(d)) {
		/* Init may have had no shell to start. */
		if (text->state == RUN_EXEC_BEFORE)
			pvn_error("%s: the command was not started", d->name);
	} else {
		stats_end_text(d, end, sizeof(end));
		if (!has_failed)
			pvn_error("%s: %s", d->name, end);
	}
	if (text->state == RUN_EXEC_BEFORE || !powered_off(d))
		fwrite(text->aside, 1, text->aside_bytes, stderr);
	status = powered_off(d) ? status_of(d, text) : PVN_GUEST_FAILED;
	free(text->aside);
	*text = (struct run_exec_text){ 0 };
	return has_failed ? (int)result->exit : status;
}
