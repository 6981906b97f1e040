// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lab 1: nine sections, each between mark N and mark N + 1. How many transitions into the
 * hypervisor does each of them cause? The same program runs in pv/hap and in full/hap.
 */
#include "pc.h"

#define ROUNDS 1000u
#define SLEEPS 50u
#define VECTOR 0x41
#define PORT_POST 0x80 /* where a PC's firmware shows its progress; writing there does nothing */
#define X2APIC_EOI MSR_X2APIC(APIC_EOI)
#define X2APIC_SELF_IPI 0x83fu

/* An interrupt for ourselves: by hypercall where there is one, else by the local APIC. */
static void send_interrupt(void)
{
	if (has_hypercalls)
		hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
	else
		wrmsr(X2APIC_SELF_IPI, VECTOR);
}

static bool take_interrupt(struct trap_frame *frame)
{
	(void)frame;
	if (!has_hypercalls)
		wrmsr(X2APIC_EOI, 0);
	return true;
}

static void prepare(void)
{
	trap_hooks[VECTOR] = take_interrupt;
	if (has_hypercalls)
		return;
	pc_init();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
}

static void write_string(const char *text, u64 bytes)
{
	__asm__ volatile("rep outsb" : "+S"(text), "+c"(bytes) : "d"(PORT_POST) : "memory");
}

void guest_main(void)
{
	char letters[64];

	prepare();
	memset(letters, '.', sizeof(letters));
	letters[sizeof(letters) - 1] = '\0';

	mark(1); /* cpuid */
	for (unsigned n = 0; n < ROUNDS; n++)
		cpuid(0, 0);

	mark(2); /* rdtsc */
	for (unsigned n = 0; n < ROUNDS; n++)
		rdtsc();

	mark(3); /* ports */
	for (unsigned n = 0; n < ROUNDS; n++)
		outb(PORT_POST, inb(PORT_POST));

	mark(4); /* string: one instruction writes 64 bytes to a port */
	write_string(letters, sizeof(letters));

	mark(5); /* tables: what a kernel does to its descriptor tables, its CR3 and its flags */
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct {
			u16 limit;
			u64 base;
		} __attribute__((packed)) gdt;

		__asm__ volatile("sgdt %0; lgdt %0" : "+m"(gdt));
		write_cr3(read_cr3());
		irq_window();
	}

	mark(6); /* line: 63 full stops and a newline */
	print("%s\n", letters);

	mark(7); /* calls: hypercall NULL, caught if the CPU knows no such instruction */
	for (unsigned n = 0; n < ROUNDS; n++)
		try_insn(hypercall_insn, (void *)PV_CALL_NULL);

	mark(8); /* sleep: HLT, ended by an interrupt that waits already */
	for (unsigned n = 0; n < SLEEPS; n++) {
		send_interrupt();
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	}

	mark(9); /* sum: a program that minds its own business */
	for (volatile unsigned n = 0; n < 100 * ROUNDS; n++)
		;
	mark(10);
	guest_exit(0);
}
