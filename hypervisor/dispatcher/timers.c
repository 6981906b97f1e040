/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens because of the time alone: vCPU timers, watchdogs, and a look at the keyboard. The
 * scheduler asks on each of its rounds, under its lock, and arms one hardware timer for the answer.
 */
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/event.h"
#include "dispatcher/schedule.h"
#include "interpreter/platform.h"
#include "machine/cpu.h"
#include "machine/machine.h"

#define INPUT_POLL_NS 10000000u

static bool has_input, is_escaped; /* is_escaped: PV_INPUT_ESCAPE was the last byte */

void timers_init(bool input)
{
	has_input = input;
	is_escaped = false;
}

/* A timer that has run out: again after its period, and an event to whoever wants to know. */
static void fire(struct vcpu *v, u64 now)
{
	bool wakes = v->state == VCPU_BLOCKED && v->is_kickable;

	v->deadline = v->period ? v->deadline + v->period : NEVER;
	if (v->deadline <= now)
		v->deadline = now + v->period; /* it slept through a period: no burst */
	area_write_deadline(v);
	event_virq(v, PV_VIRQ_TIMER);
	/* On its way into a BLOCK whose deadline this was: it must not sleep through it. */
	if ((v->attention & ATTENTION_BLOCK) && v->is_kickable)
		v->wake_sticky = true;
	if (wakes || (v->state == VCPU_BLOCKED && sched_must_wake(v, now)))
		sched_unblock(v);
}

/* A virq from here, where no other CPU's scheduler may be asked: its lock is ours. */
static void virq_send(const struct cpu *cpu, struct vcpu *v, unsigned virq, u64 now)
{
	event_virq(v, virq);
	if (v->state == VCPU_BLOCKED && sched_must_wake(v, now))
		sched_unblock(v);
	else if (v->state == VCPU_RUNNING && v->cpu != cpu)
		apic_send_kick(v->cpu);
}

/* A kernel of the PV modes is told by a virq; a PC has a button. */
static void ask_poweroff(const struct cpu *cpu, u64 now)
{
	for (u32 d = 0; d < domain_count; d++) {
		for (u32 i = 0; !domains[d]->ending && i < domains[d]->vcpu_count; i++)
			virq_send(cpu, domains[d]->vcpus[i], PV_VIRQ_SHUTDOWN, now);
		if (!domains[d]->ending && domains[d]->platform)
			platform_power_button(domains[d], now);
	}
}

/* Takes what is meant for us out of the text; returns what is left of it. */
static size_t input_obey(const struct cpu *cpu, char *text, size_t count, u64 now)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_escaped && text[i] == PV_INPUT_ESCAPE) {
			is_escaped = true;
			continue;
		}
		if (is_escaped && text[i] == PV_INPUT_POWEROFF)
			ask_poweroff(cpu, now);
		else if (!is_escaped || text[i] == PV_INPUT_ESCAPE)
			text[left++] = text[i];
		is_escaped = false;
	}
	return left;
}

/*
 * What somebody typed goes to the first domain. The serial port is asked, not listened to: only a
 * machine with a person before it has this on, and exits do not matter there.
 */
static u64 input_poll(const struct cpu *cpu, u64 now)
{
	struct domain *d = domains[0];
	char text[16];
	size_t count;

	if (!has_input || cpu->index || !domain_count)
		return NEVER;
	count = input_obey(cpu, text, serial_read(text, sizeof(text)), now);
	if (count && !d->ending && d->platform) {
		platform_input(d, text, count);
	} else if (count && !d->ending) {
		console_type(&d->console, text, count);
		virq_send(cpu, d->vcpus[0], PV_VIRQ_CONSOLE, now);
	}
	return now + ns_to_tsc(INPUT_POLL_NS);
}

/*
 * Timers of the vCPUs whose home is this CPU (it holds them or held them last): those that are due
 * fire, and one that is blocked until then wakes. Returns the next deadline, so one hardware timer
 * a CPU is enough. A domain whose watchdog has run out is handed back: ending it needs the lock
 * free.
 */
u64 timers_fire(const struct cpu *cpu, u64 now, struct domain **barking)
{
	u64 next = input_poll(cpu, now);

	for (u32 d = 0; d < domain_count; d++) {
		if (domains[d]->ended)
			continue;
		if (domains[d]->watchdog <= now)
			*barking = domains[d];
		next = min(next, domains[d]->watchdog);
		for (u32 i = 0; i < domains[d]->vcpu_count; i++) {
			struct vcpu *v = domains[d]->vcpus[i];

			if (v->cpu != cpu || v->state == VCPU_STOPPED)
				continue;
			if (v->deadline <= now)
				fire(v, now);
			next = min(next, v->deadline);
			if (domains[d]->platform)
				next = min(next, platform_tick(v, now));
		}
		/* With a vCPU that lives it cannot end meanwhile: for that it takes our lock. */
		if (domains[d]->platform && domains[d]->vcpus_live)
			next = min(next, platform_tick_devices(domains[d], cpu, now));
	}
	return next;
}

void timers_bark(struct domain *d)
{
	/* It may have ended and restarted since timers_fire() looked. */
	if (!d || d->watchdog > rdtsc())
		return;
	d->watchdog = NEVER;
	vm_kill(d, NULL, "its watchdog ran out");
}
