/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random accesses, rounds= of them from seed=, to every device: ports, registers, MSRs of the local
 * APIC, of any size and value, on all CPUs at once, INIT and SIPI included. Only what ends a PC is
 * left out. Nothing may change this domain's memory or hurt anybody else.
 */
#include "pc.h"

#define WORDS 32768u
#define FACTOR 0x9e3779b97f4a7c15ull

static volatile u32 begins, finished;
static u64 wrong, pattern[WORDS];

/* xorshift64*: the same sequence on every machine. */
static u64 next(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static u64 value(u64 *state)
{
	u64 kind = next(state) % 5;

	return kind == 0 ? 0 :
	       kind == 1 ? ~0ull :
	       kind == 2 ? BIT(next(state) % 64) :
	       kind == 3 ? next(state) % 256 :
			   next(state);
}

static void touch_port(void *arg)
{
	static const u16 first[] = { 0x20,  0x40,  0x60,  0x70,  0x80,  0xa0, 0x2f8,
				     0x3f8, 0x4d0, 0x600, 0x608, 0xcf8, 0xcfc };
	u16 port = (u16)(first[next(arg) % ARRAY_SIZE(first)] + next(arg) % 8);
	u64 size = next(arg) % 6, v = value(arg);

	/* No text that could be a verdict, no reset, no power-off. */
	if (size < 3 &&
	    (port == 0x3f8 || (port >= 0x600 && port < 0x606) || (port > 0xcf8 && port < 0xcfc)))
		size += 3;
	size += port == 0xcf8 && size == 1;
	size == 0 ? outb(port, (u8)v) :
	size == 1 ? outw(port, (u16)v) :
	size == 2 ? outl(port, (u32)v) :
	size == 3 ? (void)inb(port) :
	size == 4 ? (void)inw(port) :
		    (void)inl(port);
}

static void touch_memory(void *arg)
{
	u64 kind = next(arg), odd = next(arg) % 8 ? 0 : next(arg) % 16, v = value(arg);
	u64 at = kind % 4 < 3 ? LAPIC_BASE + next(arg) % 0x48 * 16 + odd :
		 kind % 8 < 7 ? IOAPIC_BASE + next(arg) % 2 * 16 + odd :
				IOAPIC_BASE + next(arg) % 0x3ffff8;

	kind = next(arg) % 8;
	if (kind == 0)
		*(volatile u8 *)at = (u8)v;
	else if (kind == 1)
		*(volatile u16 *)at = (u16)v;
	else if (kind == 2)
		*(volatile u64 *)at = v;
	else if (kind == 3)
		__atomic_fetch_xor((volatile u32 *)at, (u32)v, __ATOMIC_SEQ_CST);
	else if (kind == 4)
		(void)*(volatile u32 *)at;
	else
		*(volatile u32 *)at = (u32)v;
}

static void touch_msr(void *arg)
{
	u32 msr = 0x800 + (u32)(next(arg) % 0x48);
	u64 v = value(arg);

	if (next(arg) % 4 == 0) { /* most of the time a mode, not an address */
		msr = MSR_APIC_BASE;
		v = next(arg) % 8 ? (v & 0xfff) | LAPIC_BASE : v;
	} else if (next(arg) % 4 == 0) {
		msr = MSR_TSC_DEADLINE;
		v = next(arg) % 2 ? rdtsc() + v % 100000 : v;
	}
	if (next(arg) % 2)
		wrmsr(msr, v);
	else
		rdmsr(msr);
}

static void take_interrupts(void *arg)
{
	(void)arg;
	irq_window();
}

/* Not again at once: a level that stays up would leave nothing but that. */
static bool take_any(struct trap_frame *frame)
{
	frame->rflags &= ~RFLAGS_IF;
	outb(0x20, 0x20);
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC)
		wrmsr(MSR_X2APIC(APIC_EOI), 0);
	else
		lapic_write(APIC_EOI, 0);
	return true;
}

static void work(void *arg)
{
	static void (*const touch[])(void *) = { touch_port,   touch_port,   touch_memory,
						 touch_memory, touch_memory, touch_msr };
	u64 rounds = arg_number("rounds", 20000),
	    r = (arg_number("seed", 1) + (u64)arg) * FACTOR | 1;

	while (!begins)
		cpu_relax();
	for (u64 n = 0; n < rounds; n++) {
		try_insn(touch[next(&r) % ARRAY_SIZE(touch)], &r);
		if (next(&r) % 4 == 0)
			try_insn(take_interrupts, NULL); /* whose vector may be an exception's */
	}
	/* The others may be anywhere: whoever is done first ends it for all. */
	if (!__atomic_exchange_n(&finished, 1, __ATOMIC_SEQ_CST)) {
		for (unsigned n = 0; n < WORDS; n++)
			wrong += pattern[n] != n * FACTOR;
		ok(!wrong, "%llu accesses, and %llu words of memory have changed",
		   (unsigned long long)rounds, (unsigned long long)wrong);
		finish();
	}
}

void guest_main(void)
{
	pc_init();
	for (unsigned n = 0; n < WORDS; n++)
		pattern[n] = n * FACTOR;
	for (unsigned v = 32; v < 256; v++)
		trap_hooks[v] = take_any;
	startup_fill();
	for (u32 id = 1; id < start_info->vcpus; id++)
		if (!startup_run(id, work, (void *)(u64)id))
			bail("CPU %u does not start", id);
	begins = 1;
	work(NULL);
}
