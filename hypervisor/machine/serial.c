/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes out of the machine: the first 16550 (people on real machines) and port 0xe9 (Bochs and
 * QEMU; how pvn gets everything). Raw and without locks: trace/ decides who writes when. A device
 * that is missing, or stops answering, costs a bounded time once and is left alone from then on.
 */
#include "lib/types.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define DEBUG_PORT 0xe9 /* reads back its own number where it exists */

#define COM1 0x3f8
#define UART_DATA (COM1 + 0) /* with DLAB: divisor, low byte */
#define UART_INTERRUPTS (COM1 + 1) /* with DLAB: divisor, high byte */
#define UART_FIFO (COM1 + 2)
#define UART_LINE_CONTROL (COM1 + 3)
#define UART_MODEM_CONTROL (COM1 + 4)
#define UART_LINE_STATUS (COM1 + 5)
#define UART_SCRATCH (COM1 + 7)

#define LINE_8N1 0x03
#define LINE_DLAB 0x80
#define FIFO_ON_CLEARED 0x07
#define MODEM_DTR_RTS 0x03
#define STATUS_DATA_READY 0x01
#define STATUS_THR_EMPTY 0x20
#define DIVISOR_115200 1
/* A byte takes 87 us at 115200 baud; a port read at least 0.1 us, so this is above 10 ms. */
#define SERIAL_POLLS_MAX 100000u

static bool serial_present, is_input_only;

bool debug_port_present(void)
{
	/* 0 = not asked yet, 1 = no, 2 = yes. Two CPUs that ask at once find the same. */
	static u8 answer;

	if (!answer)
		answer = inb(DEBUG_PORT) == DEBUG_PORT ? 2 : 1;
	return answer == 2;
}

/* One instruction for all bytes: an emulator takes them without a step in between. */
void debug_port_write(const void *data, size_t bytes)
{
	if (!debug_port_present())
		return;
	__asm__ volatile("rep outsb" : "+S"(data), "+c"(bytes) : "d"(DEBUG_PORT) : "memory");
}

/* The scratch register keeps any byte; a port without a device reads as all ones. */
static bool detect_uart(void)
{
	outb(UART_SCRATCH, 0x5a);
	if (inb(UART_SCRATCH) != 0x5a)
		return false;
	outb(UART_SCRATCH, 0xa5);
	return inb(UART_SCRATCH) == 0xa5;
}

void serial_init(void)
{
	if (!detect_uart())
		return;
	outb(UART_INTERRUPTS, 0);
	outb(UART_LINE_CONTROL, LINE_DLAB);
	outb(UART_DATA, DIVISOR_115200);
	outb(UART_INTERRUPTS, 0);
	outb(UART_LINE_CONTROL, LINE_8N1);
	outb(UART_FIFO, FIFO_ON_CLEARED);
	outb(UART_MODEM_CONTROL, MODEM_DTR_RTS);
	serial_present = true;
}

/* Polls instead of using interrupts: it must work in a panic, and nothing waits for its speed. */
static void serial_byte(u8 byte)
{
	for (u32 i = 0; i < SERIAL_POLLS_MAX; i++) {
		if (inb(UART_LINE_STATUS) & STATUS_THR_EMPTY) {
			outb(UART_DATA, byte);
			return;
		}
		cpu_relax();
	}
	serial_present = false;
}

void serial_write(const char *text, size_t bytes)
{
	if (is_input_only)
		return;
	for (size_t i = 0; i < bytes && serial_present; i++) {
		if (text[i] == '\n')
			serial_byte('\r');
		serial_byte((u8)text[i]);
	}
}

void serial_input_only(void)
{
	is_input_only = true;
	/* Bochs throws away what does not fit its FIFO; without one it holds the sender back. */
	if (serial_present)
		outb(UART_FIFO, 0);
}

size_t serial_read(char *text, size_t max)
{
	size_t count = 0;

	while (serial_present && count < max && (inb(UART_LINE_STATUS) & STATUS_DATA_READY))
		text[count++] = (char)inb(UART_DATA);
	return count;
}
