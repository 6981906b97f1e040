/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of a PC as a payload sees them: the mapping of their pages, accessors, time without a
 * hypercall, and further CPUs by INIT and SIPI.
 */
#include "pc.h"

#define LEAF_CLOCKS 0x15
#define LARGE BIT(21)
#define ENTRY_TABLE 0x07 /* present, writable, user */
#define ENTRY_DEVICE 0x97 /* the same, 2 MiB, not cached */
#define ENTRY_ADDRESS 0xffffffffff000ull

extern const u8 startup_begin[], startup_end[], vcpu_entry[];

u64 tsc_hz, crystal_hz;

static u64 *table_below(u64 *entry)
{
	static u64 pages[4][512] __attribute__((aligned(4096)));
	static unsigned used;

	if (!(*entry & 1)) {
		if (used == ARRAY_SIZE(pages))
			bail("too many device mappings");
		*entry = (u64)pages[used++] | ENTRY_TABLE;
	}
	return (u64 *)(*entry & ENTRY_ADDRESS);
}

void pc_map(u64 gpa)
{
	u64 *table = (u64 *)read_cr3();

	table = table_below(&table[gpa >> 39 & 511]);
	table = table_below(&table[gpa >> 30 & 511]);
	table[gpa >> 21 & 511] = (gpa & ~(LARGE - 1)) | ENTRY_DEVICE;
	write_cr3(read_cr3());
}

void pc_init(void)
{
	struct cpuid_regs clocks = cpuid(LEAF_CLOCKS, 0);

	if (!clocks.eax || !clocks.ebx || !clocks.ecx)
		bail("CPUID tells no frequency");
	crystal_hz = clocks.ecx;
	tsc_hz = crystal_hz * clocks.ebx / clocks.eax;
	pc_map(IOAPIC_BASE);
	pc_map(LAPIC_BASE);
	lapic_write(APIC_SVR, SVR_ENABLE | 0xff);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

bool lapic_bit(unsigned offset, unsigned vector)
{
	return lapic_read(offset + vector / 32 * 16) & 1u << vector % 32;
}

void ipi(u32 apic_id, u32 command)
{
	lapic_write(APIC_ICR_HIGH, apic_id << 24);
	lapic_write(APIC_ICR, command);
}

u32 ioapic_read(unsigned index)
{
	mmio_write(IOAPIC_BASE, index);
	return mmio_read(IOAPIC_BASE + 0x10);
}

void ioapic_write(unsigned index, u32 value)
{
	mmio_write(IOAPIC_BASE, index);
	mmio_write(IOAPIC_BASE + 0x10, value);
}

void ioapic_route(unsigned pin, u32 entry)
{
	ioapic_write(0x10 + pin * 2, LVT_MASKED);
	ioapic_write(0x11 + pin * 2, 0);
	ioapic_write(0x10 + pin * 2, entry);
}

bool take_with_eoi(struct trap_frame *frame)
{
	(void)frame;
	lapic_write(APIC_EOI, 0);
	return true;
}

void delay_us(u64 us)
{
	for (u64 end = rdtsc() + us * tsc_hz / 1000000; rdtsc() < end;)
		cpu_relax();
}

bool wait_taking(const volatile u32 *value, u32 wanted)
{
	u64 end = rdtsc() + tsc_hz / 10;

	while (*value != wanted && rdtsc() < end)
		irq_window();
	return *value == wanted;
}

u64 sleep_taking(const volatile u32 *value, u32 wanted)
{
	u64 start = rdtsc();

	while (*value < wanted)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	return rdtsc() - start;
}

volatile struct startup *startup_prepare(u32 id, void (*fn)(void *), void *arg, bool go)
{
	volatile struct startup *page = (volatile struct startup *)STARTUP_PAGE;
	struct guest_vcpu *vcpu = &vcpus[id];

	memcpy((void *)page, startup_begin, (size_t)(startup_end - startup_begin));
	trap_vcpu_init(id);
	vcpu->run = fn;
	vcpu->arg = arg;
	vcpu->running = 0;
	page->go = go;
	page->cr3 = read_cr3();
	page->vcpu = (u64)vcpu;
	page->rsp = (u64)(vcpu->stack + sizeof(vcpu->stack));
	page->entry = (u64)vcpu_entry;
	page->gdt_limit = 7 * sizeof(u64) - 1;
	page->gdt_base = (u32)(u64)vcpu->gdt;
	page->idt_limit = 256 * 16 - 1;
	page->idt_base = (u32)(u64)idt;
	return page;
}

bool startup_run(u32 id, void (*fn)(void *), void *arg)
{
	startup_prepare(id, fn, arg, true);
	ipi(id, ICR_INIT | ICR_ASSERT);
	ipi(id, ICR_STARTUP | STARTUP_PAGE >> 12);
	return wait_taking(&vcpus[id].running, 1);
}

void startup_fill(void)
{
	static const u8 code[] = { 0xb0, 0x00, 0xe6, PV_PORT_EXIT, 0xf4, 0xeb, 0xfd };

	for (u64 page = STARTUP_PAGE; page < 0x100000; page += PAGE_SIZE)
		if (page < 0x10000 || (page >= 0x20000 && page < 0x40000) || page >= 0x50000)
			memcpy((void *)page, code, sizeof(code));
}
