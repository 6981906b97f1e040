/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A at ports 3F8h..3FFh. Data sheet: National Semiconductor PC16550D "Universal Asynchronous
 * Receiver/Transmitter with FIFOs". Called by pc.c alone.
 *
 * A byte is sent the moment it is written. Bytes for it wait in a backlog and enter the FIFO as
 * there is room, so a fast typist causes no overrun; the guest's own bytes in loopback can. As on a
 * PC, OUT2 gates the interrupt. Limit: no breaks, and parity and framing are always right.
 */
#include "interpreter/devices/uart.h"
#include "lib/lib.h"

#define NEVER (~0ull)

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

#define IER_RECEIVED 0x01
#define IER_EMPTY 0x02
#define IER_ERROR 0x04
#define IER_MODEM 0x08
#define IIR_NONE 0x01
#define IIR_MODEM 0x00
#define IIR_EMPTY 0x02
#define IIR_RECEIVED 0x04
#define IIR_ERROR 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO 0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR 0x02
#define LCR_DLAB 0x80
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define LSR_READY 0x01
#define LSR_OVERRUN 0x02
#define LSR_EMPTY 0x60 /* holding and shift register */
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_LINES 0xf0

static bool has_fifo(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned room(const struct uart *u)
{
	return has_fifo(u) ? UART_FIFO : 1;
}

static unsigned trigger(const struct uart *u)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return has_fifo(u) ? level[u->fcr >> 6] : 1;
}

/* Four characters of ten bits, at 115200 / divisor. */
static u64 timeout_ns(const struct uart *u)
{
	return max(u->divisor, (u16)1) * 347222ull;
}

static void receive(struct uart *u, u8 byte, u64 ns)
{
	if (u->count >= room(u)) {
		u->errors |= LSR_OVERRUN;
		if (!has_fifo(u))
			u->fifo[0] = byte;
		return;
	}
	u->fifo[u->count++] = byte;
	u->timed_out = false;
	u->timeout = ns + timeout_ns(u);
}

/* In loopback the line outside is cut off. */
static void refill(struct uart *u, u64 ns)
{
	while (!(u->mcr & MCR_LOOP) && u->count < room(u) && u->head != u->tail)
		receive(u, u->backlog[u->tail++ % UART_BACKLOG], ns);
}

static u8 take(struct uart *u, u64 ns)
{
	u8 byte = u->count ? u->fifo[0] : 0;

	if (u->count) {
		u->count--;
		for (unsigned i = 0; i < u->count; i++)
			u->fifo[i] = u->fifo[i + 1];
	}
	u->timed_out = false;
	u->timeout = u->count ? ns + timeout_ns(u) : NEVER;
	refill(u, ns);
	return byte;
}

static u8 identify(const struct uart *u)
{
	if ((u->ier & IER_ERROR) && u->errors)
		return IIR_ERROR;
	if ((u->ier & IER_RECEIVED) && u->count >= trigger(u))
		return IIR_RECEIVED;
	if ((u->ier & IER_RECEIVED) && has_fifo(u) && u->timed_out)
		return IIR_TIMEOUT;
	if ((u->ier & IER_EMPTY) && u->thre_waits)
		return IIR_EMPTY;
	if ((u->ier & IER_MODEM) && (u->msr & (u8)~MSR_LINES))
		return IIR_MODEM;
	return IIR_NONE;
}

/* The lines of the modem: ours say ready, and in loopback the outputs come back as inputs. */
static void update_modem(struct uart *u)
{
	u8 lines = MSR_CTS | MSR_DSR | MSR_DCD, changed;

	if (u->mcr & MCR_LOOP)
		lines = (u8)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
			     (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
	changed = (u->msr ^ lines) & MSR_LINES;
	if (lines & MSR_RI)
		changed &= (u8)~MSR_RI; /* only the end of a ring is told */
	u->msr = (u8)(lines | (u->msr & (u8)~MSR_LINES) | changed >> 4);
}

bool uart_sync(struct uart *u, u64 ns)
{
	if (ns >= u->timeout) {
		u->timeout = NEVER;
		u->timed_out = has_fifo(u);
	}
	return (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && identify(u) != IIR_NONE;
}

u64 uart_deadline(const struct uart *u)
{
	bool matters = has_fifo(u) && (u->ier & IER_RECEIVED) && u->count < trigger(u);

	return matters ? u->timeout : NEVER;
}

size_t uart_input(struct uart *u, const u8 *bytes, size_t count, u64 ns)
{
	size_t taken = 0;

	while (taken < count && u->head - u->tail < UART_BACKLOG)
		u->backlog[u->head++ % UART_BACKLOG] = bytes[taken++];
	refill(u, ns);
	return taken;
}

/* ---- registers ------------------------------------------------------------------------------- */

static u8 read_iir(struct uart *u)
{
	u8 cause = identify(u);

	if (cause == IIR_EMPTY)
		u->thre_waits = false; /* reading it is the acknowledgement */
	return (u8)(cause | (has_fifo(u) ? IIR_FIFO : 0));
}

u8 uart_read(struct uart *u, u16 port, u64 ns)
{
	bool dlab = u->lcr & LCR_DLAB;
	u8 value;

	uart_sync(u, ns);
	switch (port & 7) {
	case DATA:
		return dlab ? (u8)u->divisor : take(u, ns);
	case IER:
		return dlab ? (u8)(u->divisor >> 8) : u->ier;
	case IIR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		value = (u8)(LSR_EMPTY | u->errors | (u->count ? LSR_READY : 0));
		u->errors = 0;
		return value;
	case MSR:
		value = u->msr;
		u->msr &= MSR_LINES;
		return value;
	default:
		return u->scr;
	}
}

static void write_fcr(struct uart *u, u8 value, u64 ns)
{
	if ((value ^ u->fcr) & FCR_ENABLE ||
	    (value & (FCR_ENABLE | FCR_CLEAR)) == (FCR_ENABLE | FCR_CLEAR)) {
		u->count = 0;
		u->timed_out = false;
		u->timeout = NEVER;
	}
	u->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
	refill(u, ns);
}

static bool send(struct uart *u, u8 value, u64 ns, u8 *sent)
{
	u->thre_waits = true; /* empty again at once */
	value &= (u8)(0xff >> (3 - (u->lcr & 3)));
	if (u->mcr & MCR_LOOP) {
		receive(u, value, ns);
		return false;
	}
	*sent = value;
	return true;
}

bool uart_write(struct uart *u, u16 port, u8 value, u64 ns, u8 *sent)
{
	bool dlab = u->lcr & LCR_DLAB;

	uart_sync(u, ns);
	switch (port & 7) {
	case DATA:
		if (!dlab)
			return send(u, value, ns, sent);
		u->divisor = (u16)((u->divisor & 0xff00) | value);
		break;
	case IER:
		if (dlab) {
			u->divisor = (u16)((u->divisor & 0xff) | value << 8);
			break;
		}
		if (value & (u8)~u->ier & IER_EMPTY)
			u->thre_waits = true;
		u->ier = value & 0x0f;
		break;
	case IIR:
		write_fcr(u, value, ns);
		break;
	case LCR:
		u->lcr = value;
		break;
	case MCR:
		u->mcr = value & 0x1f;
		update_modem(u);
		refill(u, ns);
		break;
	case SCR:
		u->scr = value;
		break;
	}
	return false;
}

void uart_reset(struct uart *u)
{
	u->ier = u->fcr = u->mcr = u->scr = u->errors = 0;
	u->lcr = 0x03; /* as firmware leaves it: 8 bits, 115200 */
	u->divisor = 1;
	u->thre_waits = u->timed_out = false;
	u->count = 0;
	u->timeout = NEVER;
	u->msr = MSR_CTS | MSR_DSR | MSR_DCD;
}
