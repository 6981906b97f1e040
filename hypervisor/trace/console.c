/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest text on its way out. A line is sent when it ends or is full; what a guest leaves unfinished
 * is sent when its domain ends. Beyond its limit a domain is silenced, once and with a message.
 */
#include "trace/console.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "trace/trace.h"

void console_init(struct console *c, u32 domain, const char *name, u64 limit)
{
	*c = (struct console){ .domain = domain, .name = name, .limit = limit };
}

static void send(struct console *c)
{
	char prefix[40];
	int length = format_text(prefix, sizeof(prefix), "[%s] ", c->name);

	channel_send_two(PV_FRAME_CONSOLE, &c->domain, sizeof(c->domain), c->line, c->used);
	serial_write(prefix, (size_t)length);
	serial_write(c->line, c->used);
	if (c->line[c->used - 1] != '\n')
		serial_write("\n", 1);
	c->used = 0;
}

void console_write(struct console *c, const char *text, size_t bytes)
{
	spin_lock(&c->lock);
	for (size_t i = 0; i < bytes; i++) {
		if (c->limit && c->written >= c->limit) {
			if (!c->silenced)
				log_line("domain %s: console limit of %llu bytes, rest dropped",
					 c->name, (unsigned long long)c->limit);
			c->silenced = true;
			break;
		}
		c->written++;
		c->line[c->used++] = text[i];
		if (text[i] == '\n' || c->used == CONSOLE_LINE)
			send(c);
	}
	if (c->is_interactive && c->used)
		send(c);
	spin_unlock(&c->lock);
}

void console_flush(struct console *c)
{
	spin_lock(&c->lock);
	if (c->used)
		send(c);
	spin_unlock(&c->lock);
}

void console_restart(struct console *c)
{
	console_flush(c);
	spin_lock(&c->lock);
	c->written = 0;
	c->silenced = false;
	c->input_taken = c->input_put;
	spin_unlock(&c->lock);
}

void console_type(struct console *c, const char *text, size_t bytes)
{
	spin_lock(&c->lock);
	for (size_t i = 0; i < bytes && c->input_put - c->input_taken < CONSOLE_LINE; i++)
		c->input[c->input_put++ % CONSOLE_LINE] = text[i];
	spin_unlock(&c->lock);
}

size_t console_take(struct console *c, char *text, size_t max)
{
	size_t count = 0;

	spin_lock(&c->lock);
	while (count < max && c->input_taken != c->input_put)
		text[count++] = c->input[c->input_taken++ % CONSOLE_LINE];
	spin_unlock(&c->lock);
	return count;
}
