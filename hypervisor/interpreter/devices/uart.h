/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550A, the serial port COM1. No locks. */
#ifndef INTERPRETER_DEVICES_UART_H
#define INTERPRETER_DEVICES_UART_H

#include "lib/types.h"

#define UART_FIFO 16u
#define UART_BACKLOG 256u /* bytes typed for which the FIFO has no room yet; a power of two */

struct uart {
	u8 ier, fcr, lcr, mcr, msr, scr;
	u8 errors; /* error bits of LSR, until it is read */
	u16 divisor;
	bool thre_waits; /* the transmitter's interrupt: empty, and not yet told */
	bool timed_out;
	u8 count; /* bytes in fifo[] */
	u8 fifo[UART_FIFO];
	u32 head, tail; /* of the backlog, counting up */
	u8 backlog[UART_BACKLOG];
	u64 timeout; /* ns at which bytes below the trigger level are told, ~0 = none wait */
};

void uart_reset(struct uart *u); /* what has been typed stays */
u8 uart_read(struct uart *u, u16 port, u64 ns);
/* true: *sent has gone out on the line. */
bool uart_write(struct uart *u, u16 port, u8 value, u64 ns, u8 *sent);
size_t uart_input(struct uart *u, const u8 *bytes, size_t count, u64 ns);
bool uart_sync(struct uart *u, u64 ns); /* the level of its interrupt, as a PC wires it */
u64 uart_deadline(const struct uart *u); /* ns, ~0 = none */

#endif
