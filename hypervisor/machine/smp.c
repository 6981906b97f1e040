/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting the other CPUs: INIT, start-up, start-up, one CPU at a time, through a page below 1 MiB
 * (trampoline.S) that loads our page tables and jumps to ap_main(). A CPU that does not come in
 * time is sent back to sleep and left out. Called once, after apic_init() and tsc_init().
 */
#include "lib/lib.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define START_WAIT_US 100000u
#define START_WAIT_EMULATED_US 2000000u /* its CPU is a thread that a busy host may let wait */
#define POLL_US 10u
#define XAPIC_ID_MAX 254u

/* SDM vol. 3, "Typical BSP Initialization Sequence" */
#define INIT_WAIT_US 10000u
#define STARTUP_WAIT_US 200u

extern char trampoline_start[], trampoline_end[];
extern u32 trampoline_gdt_base, trampoline_cr3, trampoline_efer;

/*
 * The stack of the CPU being started, which takes it by an exchange with 0; trampoline.S. One that
 * comes too late finds 0 and halts, or finds its successor's and tells by its APIC ID.
 */
u64 ap_stack;
static struct cpu *ap_cpu; /* whose stack it is */

static void *trampoline_copy(const void *symbol, hpa_t page)
{
	return machine_pointer(page + (u64)((const char *)symbol - trampoline_start));
}

/* Written while writable, then only executable. */
static void trampoline_place(hpa_t page)
{
	paging_map(page, PAGE_SIZE, MAP_W);
	memcpy(machine_pointer(page), trampoline_start,
	       (size_t)(trampoline_end - trampoline_start));
	*(u32 *)trampoline_copy(&trampoline_gdt_base, page) += (u32)page;
	*(u32 *)trampoline_copy(&trampoline_cr3, page) = (u32)paging_root();
	*(u32 *)trampoline_copy(&trampoline_efer, page) =
		(u32)(rdmsr(MSR_EFER) & (EFER_LME | EFER_NXE));
	paging_unmap(page, PAGE_SIZE);
	paging_map(page, PAGE_SIZE, MAP_X);
}

static bool wait_online(const struct cpu *cpu)
{
	u32 limit = machine_is_emulator() ? START_WAIT_EMULATED_US : START_WAIT_US;

	for (u32 us = 0; us < limit && !cpu->online; us += POLL_US)
		delay_us(POLL_US);
	return cpu->online;
}

/*
 * The second start-up is for CPUs that miss the first one; one that has started ignores it, but it
 * is not even sent if the stack was taken.
 */
static bool start_cpu(struct cpu *cpu, hpa_t page)
{
	ap_cpu = cpu;
	__atomic_store_n(&ap_stack, (u64)cpu->stack + CPU_STACK_BYTES, __ATOMIC_RELEASE);
	apic_send_init(cpu->apic_id);
	delay_us(INIT_WAIT_US);
	for (int i = 0; i < 2 && __atomic_load_n(&ap_stack, __ATOMIC_ACQUIRE); i++) {
		apic_send_startup(cpu->apic_id, page);
		delay_us(STARTUP_WAIT_US);
	}
	if (wait_online(cpu))
		return true;
	__atomic_store_n(&ap_stack, 0, __ATOMIC_RELEASE);
	apic_send_init(cpu->apic_id); /* back to waiting for a start-up that never comes */
	log_line("cpu with APIC ID %u did not start, left out", cpu->apic_id);
	return false;
}

/* On the new CPU and its own stack, from trampoline.S. */
void ap_main(void)
{
	struct cpu *cpu = ap_cpu;
	u32 expected = cpu->apic_id;

	segments_load(cpu);
	paging_cpu_init();
	apic_cpu_init();
	if (apic_id() != expected)
		for (;;) /* a late one on its successor's stack */
			__asm__ volatile("cli; hlt");
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	cpu_main(cpu);
}

/* A CPU that does not start leaves no hole: cpus[] is filled in the order in which they came. */
u32 smp_start(u32 wanted)
{
	hpa_t page = boot_info.low_page;

	cpus[0].online = true;
	cpus[0].apic_id = apic_id();
	cpu_count = 1;
	if (!wanted || wanted > PV_CPUS_MAX)
		wanted = PV_CPUS_MAX;
	if (wanted == 1 || acpi_info.cpu_count == 1)
		return cpu_count;
	if (!page) {
		log_line("no free page below 1 MiB: other CPUs cannot be started");
		return cpu_count;
	}
	trampoline_place(page);
	for (u32 i = 1; i < acpi_info.cpu_count && cpu_count < wanted; i++) {
		struct cpu *cpu = &cpus[cpu_count];

		if (!apic_is_x2() && acpi_info.apic_ids[i] > XAPIC_ID_MAX)
			continue; /* its number does not fit the command register */
		cpu->index = cpu_count;
		cpu->apic_id = acpi_info.apic_ids[i];
		if (start_cpu(cpu, page))
			cpu_count++;
	}
	paging_unmap(page, PAGE_SIZE);
	return cpu_count;
}
