/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one IDT of all CPUs and what each vector means. The hypervisor runs with interrupts off, so
 * they arrive only in idle_wait() and irq_window(), and their handlers do nothing but note it.
 * An exception is either foreseen (a fixup row) or a bug of ours: panic.
 */
#include "lib/types.h"
#include "machine/internal.h"
#include "machine/fixup.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define VECTORS 256u
#define TRAP_STUB_BYTES 16 /* exceptions.S puts them at this distance */
#define GATE_INTERRUPT (0x8eull << 40) /* present, DPL 0, 64-bit interrupt gate */

struct idt_gate {
	u64 low, high;
};

static struct idt_gate idt[VECTORS] __attribute__((aligned(4096)));
struct idt_pointer idt_pointer = { sizeof(idt) - 1, (u64)idt };

extern const char trap_stubs[];
extern const struct fixup fixups_start[], fixups_end[];

struct trap_counts trap_counts;

/* 0 = stay on the stack in use. These three can come at a moment when that one is no good. */
static unsigned vector_ist(unsigned vector)
{
	switch (vector) {
	case VEC_NMI:
		return 1;
	case VEC_DF:
		return 2;
	case VEC_MC:
		return 3;
	}
	return 0;
}

/*
 * Interrupt gates for all, exceptions too: a trap gate would leave interrupts on if one came while
 * idle_wait() has them on, and its handler could be interrupted.
 */
void idt_init(void)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		u64 stub = (u64)trap_stubs + vector * TRAP_STUB_BYTES;

		idt[vector].low = (stub & 0xffff) | SELECTOR_CODE << 16 |
				  (u64)vector_ist(vector) << 32 | GATE_INTERRUPT |
				  (stub >> 16 & 0xffff) << 48;
		idt[vector].high = stub >> 32;
	}
}

/* A handful of rows, and only on the way of rare MSR accesses: no need to sort. */
static bool fix_up(struct trap_frame *frame)
{
	for (const struct fixup *row = fixups_start; row < fixups_end; row++) {
		if (row->fault != frame->rip)
			continue;
		frame->rip = row->resume;
		return true;
	}
	return false;
}

/* A CPU that hangs gets NMIs as kicks: taking one is the whole effect. */
static void handle_nmi(void)
{
	panic_stop_here();
	__atomic_fetch_add(&trap_counts.nmi, 1, __ATOMIC_RELAXED);
}

/*
 * Everything that arrives while the hypervisor runs. An unknown vector may come from a device that
 * the firmware left active: it gets its EOI, so that it blocks nothing, and is counted.
 */
void trap_handler(struct trap_frame *frame)
{
	switch (frame->vector) {
	case VECTOR_TIMER:
		this_cpu()->timer_armed = ~0ull;
		apic_eoi();
		return;
	case VECTOR_KICK:
		this_cpu()->kicked = true;
		apic_eoi();
		return;
	case VECTOR_SPURIOUS: /* SDM vol. 3, "Spurious Interrupt": no EOI */
		__atomic_fetch_add(&trap_counts.spurious, 1, __ATOMIC_RELAXED);
		return;
	case VEC_NMI:
		handle_nmi();
		return;
	case VEC_DF:
	case VEC_MC:
		panic_trap(frame);
	}
	if (frame->vector < 32) {
		if (!fix_up(frame))
			panic_trap(frame);
		return;
	}
	__atomic_fetch_add(&trap_counts.unknown, 1, __ATOMIC_RELAXED);
	apic_eoi();
}

/* Through the gate, not by a call: only an IRET ends the blocking of further NMIs. */
void nmi_handle(void)
{
	__asm__ volatile("int $2" : : : "memory");
}

/* The NOP is where they come: STI holds them off for one instruction. */
void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* STI holds interrupts off for one more instruction: none can come before HLT and be slept on. */
void idle_wait(void)
{
	struct cpu *cpu = this_cpu();
	u64 start = rdtsc();

	__asm__ volatile("sti; hlt; cli" : : : "memory");
	cpu->idle_tsc += rdtsc() - start;
}

/* On a fault the MOV is skipped, so `ok` tells. */
bool rdmsr_safe(u32 msr, u64 *value)
{
	u32 lo, hi, ok = 0;

	__asm__ volatile("1: rdmsr; mov $1, %2; 2:" FIXUP("1b", "2b")
			 : "=a"(lo), "=d"(hi), "+r"(ok)
			 : "c"(msr));
	*value = ok ? (u64)hi << 32 | lo : 0;
	return ok;
}

bool wrmsr_safe(u32 msr, u64 value)
{
	u32 ok = 0;

	__asm__ volatile("1: wrmsr; mov $1, %0; 2:" FIXUP("1b", "2b")
			 : "+r"(ok)
			 : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
	return ok;
}
