/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IN and OUT: a table of ports that every domain has; the others are the emulated PC's, where there
 * is one. A port that nobody has reads all ones and swallows writes, as an empty bus does, and the
 * event PORT_UNKNOWN counts it. Strings go through port_string.c.
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/interpreter.h"
#include "interpreter/platform.h"
#include "interpreter/policy.h"
#include "trace/trace.h"

static void console_out(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	char c = (char)value;

	(void)port;
	(void)bytes;
	console_write(&v->domain->console, &c, 1);
}

/* Reading back its own number is how software finds a debug console. */
static u32 console_in(struct vcpu *v, u16 port, unsigned bytes)
{
	(void)v;
	(void)bytes;
	return port;
}

static void exit_out(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	(void)port;
	(void)bytes;
	vm_shutdown(v->domain, PV_SHUTDOWN_POWEROFF, value & 0xff);
}

static void mark_out(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	static struct counter uncounted; /* fences do not count themselves; nobody reads this */

	(void)port;
	/* A snapshot is dear, so nothing but the OUT of the ABI makes one. */
	if (bytes != 4)
		return;
	v->counter = &uncounted;
	stats_mark(v, value);
}

const struct port_rule port_rules[] = {
	{ .first = PV_PORT_CONSOLE, .last = PV_PORT_CONSOLE, .in = console_in, .out = console_out,
	  .why = "text of a guest that makes no hypercalls, gathered to lines" },
	{ .first = PV_PORT_EXIT, .last = PV_PORT_EXIT, .out = exit_out,
	  .why = "exit status of a test" },
	{ .first = PV_PORT_MARK, .last = PV_PORT_MARK, .out = mark_out,
	  .why = "fence of a workload" },
};
const unsigned port_rule_count = ARRAY_SIZE(port_rules);

static const struct port_rule *find(u16 port)
{
	for (unsigned i = 0; i < port_rule_count; i++)
		if (port >= port_rules[i].first && port <= port_rules[i].last)
			return &port_rules[i];
	return NULL;
}

u32 port_read(struct vcpu *v, u16 port, unsigned bytes)
{
	const struct port_rule *rule = find(port);
	u32 value = 0xffffffffu;

	if (rule)
		return rule->in ? rule->in(v, port, bytes) : value;
	if (!v->domain->platform || !platform_port_read(v, port, bytes, &value))
		v->events[PV_EVENT_PORT_UNKNOWN]++;
	return value;
}

void port_write(struct vcpu *v, u16 port, unsigned bytes, u32 value)
{
	const struct port_rule *rule = find(port);

	if (rule && rule->out)
		rule->out(v, port, bytes, value);
	else if (!rule && (!v->domain->platform || !platform_port_write(v, port, bytes, value)))
		v->events[PV_EVENT_PORT_UNKNOWN]++;
}

enum verdict interpret_port_in(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_io *io = &exit->io;

	if (io->is_string)
		return interpret_port_string(v, exit);
	gpr_write(v, RAX, io->bytes, port_read(v, io->port, io->bytes));
	return ADVANCE;
}

enum verdict interpret_port_out(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_io *io = &exit->io;

	if (io->is_string)
		return interpret_port_string(v, exit);
	port_write(v, io->port, io->bytes, (u32)v->gpr[RAX]);
	return ADVANCE;
}
