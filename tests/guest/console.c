/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: lines by hypercall and by port, a text without an end, bytes that are no text, and
 * more of it than limits: allows (then it is cut off, and the domain goes on).
 */
#include "guest.h"

void guest_main(void)
{
	static u8 text[256] __attribute__((aligned(256)));
	u64 bytes = arg_number("flood", 0);
	s64 result = 0;

	print("a line by CONSOLE\n");
	for (const char *p = "a line by the port\n"; *p; p++)
		outb(PV_PORT_CONSOLE, (u8)*p);
	/* Control characters: the terminal of whoever looks must survive. */
	for (unsigned n = 0; n < 32; n++)
		text[n] = (u8)(n ? n : 127);
	memcpy(text + 32, "\xff\xfe after control bytes\n", 23);
	hypercall(PV_CALL_CONSOLE, (u64)text, 55);

	memset(text, '.', sizeof(text));
	text[79] = '\n';
	for (u64 sent = 0; sent < bytes; sent += 80)
		result |= hypercall(PV_CALL_CONSOLE, (u64)text, 80);
	if (result < 0)
		guest_exit(1);
	print("after the flood\n");
	print("no newline at the end");
	guest_exit(0);
}
