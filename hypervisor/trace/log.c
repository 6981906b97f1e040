/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own messages: a frame each for pvn, and plain text on the first serial port. */
#include "host/frame.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "trace/trace.h"

#define LINE 200

static void emit(const char *text, size_t length)
{
	channel_send(PV_FRAME_LOG, text, (u32)length);
	serial_write(text, length);
	serial_write("\n", 1);
}

void log_line(const char *format, ...)
{
	char text[LINE];
	va_list args;
	int length;

	va_start(args, format);
	length = format_text_v(text, sizeof(text), format, args);
	va_end(args);
	emit(text, min((size_t)length, sizeof(text) - 1));
}

void log_panic_line(const char *text)
{
	channel_break_lock();
	emit(text, min(strlen(text), (size_t)LINE));
}

void log_machine_end(bool failed, const char *why)
{
	struct pv_frame_machine_end end = { .failed = failed };

	strlcpy(end.why, why, sizeof(end.why));
	channel_send(PV_FRAME_MACHINE_END, &end, sizeof(end));
}
