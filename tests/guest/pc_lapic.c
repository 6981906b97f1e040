/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC in xAPIC mode: IPIs to itself, priorities, EOI, errors, CR8. Marks 1..2: 50 x ICR
 * write, interrupt, EOI; 3..4: 50 x TPR read and write; 5..6: 50 x CR8 read and written.
 */
#include "pc.h"

#define ROUNDS 50u
#define LOW 0x41
#define HIGH 0x61
#define ERROR 0x71

static struct guest_vcpu *self;
static u32 isr_in_handler, ppr_in_handler;

static bool look(struct trap_frame *frame)
{
	isr_in_handler = lapic_bit(APIC_ISR, (u8)frame->vector);
	ppr_in_handler = lapic_read(APIC_PPR);
	return take_with_eoi(frame);
}

static void write_cr8(u64 value)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

static u64 read_cr8(void)
{
	u64 value;

	__asm__ volatile("mov %%cr8, %0" : "=r"(value));
	return value;
}

static void send_self(u32 vector)
{
	lapic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | vector);
}

static void check_registers(void)
{
	u32 version = lapic_read(APIC_VERSION);

	ok(lapic_read(APIC_ID) == 0, "APIC id 0");
	ok((version & 0xf0) == 0x10 && (version >> 16 & 0xff) >= 4, "version %#x", version);
	ok(cpuid(1, 0).edx & BIT(9) && cpuid(1, 0).ecx & BIT(21), "CPUID has APIC and x2APIC");
	lapic_write(APIC_LDR, ~0u);
	lapic_write(APIC_TDCR, ~0u);
	ok(lapic_read(APIC_LDR) == 0xff000000 && lapic_read(APIC_TDCR) == TDCR_BY_1,
	   "reserved bits read as 0");
}

static void check_self(void)
{
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		__asm__ volatile("sti" : : : "memory");
		send_self(LOW);
		__asm__ volatile("nop; cli" : : : "memory");
	}
	mark(2);
	ok(self->counts[LOW] == ROUNDS, "%u of %u IPIs to itself", self->counts[LOW], ROUNDS);
	trap_hooks[LOW] = look;
	send_self(LOW);
	send_self(LOW);
	ok(lapic_bit(APIC_IRR, LOW) && !lapic_bit(APIC_ISR, LOW), "requested, not in service");
	irq_window();
	ok(self->counts[LOW] == ROUNDS + 1, "two of a kind become one");
	ok(isr_in_handler && ppr_in_handler == 0x40, "in service: PPR %#x", ppr_in_handler);
	ok(!lapic_bit(APIC_ISR, LOW) && !lapic_bit(APIC_IRR, LOW), "and after EOI not any more");
}

static void check_priority(void)
{
	counts_clear(self);
	send_self(LOW);
	send_self(HIGH);
	irq_window();
	ok(self->order_count == 2 && self->order[0] == HIGH && self->order[1] == LOW,
	   "the higher vector first");
	trap_hooks[HIGH] = NULL; /* no EOI */
	send_self(HIGH);
	irq_window();
	send_self(LOW);
	irq_window();
	ok(self->counts[HIGH] == 2 && self->counts[LOW] == 1, "a lower one waits for the EOI");
	lapic_write(APIC_EOI, 0);
	irq_window();
	ok(self->counts[LOW] == 2, "and comes after it");
	trap_hooks[HIGH] = take_with_eoi;
	lapic_write(APIC_TPR, 0x65);
	send_self(HIGH);
	irq_window();
	ok(self->counts[HIGH] == 2 && lapic_read(APIC_PPR) == 0x65 && read_cr8() == 6,
	   "TPR holds its class back, and CR8 shows it");
	write_cr8(5);
	irq_window();
	ok(self->counts[HIGH] == 3 && lapic_read(APIC_TPR) == 0x50, "CR8 lets it through");
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		lapic_write(APIC_TPR, lapic_read(APIC_TPR));
	mark(4);
	mark(5);
	for (unsigned n = 0; n < ROUNDS; n++)
		write_cr8(read_cr8() & 4);
	mark(6);
	ok(read_cr8() == 4 && lapic_read(APIC_TPR) == 0x40, "TPR and CR8 agree");
	write_cr8(0);
}

static void check_others(void)
{
	ipi(0, ICR_NMI | ICR_ASSERT);
	ok(self->counts[VEC_NMI] == 1, "an NMI by ICR comes with interrupts off");
	lapic_write(APIC_DFR, ~0u);
	lapic_write(APIC_LDR, 1u << 24);
	ipi(2, ICR_LOGICAL | ICR_ASSERT | LOW);
	ipi(5, ICR_ASSERT | LOW);
	lapic_write(APIC_ICR, ICR_OTHERS | ICR_ASSERT | LOW);
	ok(!lapic_bit(APIC_IRR, LOW), "not for us: other logical, other physical, all others");
	ipi(3, ICR_LOGICAL | ICR_ASSERT | LOW);
	ok(lapic_bit(APIC_IRR, LOW), "logical destination");
	irq_window();
	lapic_write(APIC_ICR, ICR_ALL | ICR_ASSERT | LOW);
	ok(lapic_bit(APIC_IRR, LOW), "all");
	irq_window();
	lapic_write(APIC_LVT_ERROR, ERROR);
	send_self(0x0f);
	irq_window();
	lapic_write(APIC_ESR, 0);
	ok(self->counts[ERROR] == 1 && (lapic_read(APIC_ESR) & 0x20), "illegal vector: ESR %#x",
	   lapic_read(APIC_ESR));
}

void guest_main(void)
{
	plan(20);
	self = this_vcpu();
	pc_init();
	trap_hooks[LOW] = trap_hooks[HIGH] = trap_hooks[ERROR] = take_with_eoi;
	check_registers();
	check_self();
	check_priority();
	check_others();
}
