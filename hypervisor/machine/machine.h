/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the real computer offers to the rest of the hypervisor. Implemented in machine/ only.
 * Everything runs with interrupts off, except idle_wait() and irq_window().
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "lib/types.h"

struct cpu;

/* ---- boot.c: what the boot loader said, in one form for multiboot2 and PVH ------------------- */

#define BOOT_RANGES_MAX 64

struct boot_range {
	hpa_t start, end; /* usable RAM, 4 KiB aligned, sorted, without overlap */
};

struct boot_info {
	struct boot_range ram[BOOT_RANGES_MAX]; /* usable RAM less what is listed in `taken` */
	u32 ram_count;
	u64 ram_dropped; /* bytes left unused because ram[] was full */
	hpa_t low_page; /* a free page below 1 MiB for smp.c's trampoline, 0 = none */
	hpa_t bundle; /* 0 = none */
	u64 bundle_bytes;
	hpa_t rsdp; /* 0 = none found */
	char cmdline[256];
};

extern struct boot_info boot_info;

/* The hypervisor's C entry; the boot CPU, 64-bit, on boot page tables. (dispatcher/main.c) */
void hypervisor_main(void) __attribute__((noreturn));

/* ---- console and debug channel --------------------------------------------------------------- */

/* Raw bytes to port 0xe9 (nowhere, if the machine has none) and to the first 16550. No locking. */
void debug_port_write(const void *data, size_t bytes);
void serial_write(const char *text, size_t bytes);
void serial_init(void);
/* From now on serial_write() is silent: somebody types there, and reads elsewhere. */
void serial_input_only(void);
size_t serial_read(char *text, size_t max); /* what has come in and was not read yet */
/* Is there a debug port? A chatty serial port costs 87 us a byte: use one or the other. */
bool debug_port_present(void);

/* What machine/ asks of trace/: one line of text, without newline. */
void log_line(const char *format, ...) PRINTF(1, 2);
/* The same from a panic: breaks locks, never waits. */
void log_panic_line(const char *text);
/* The last words to pvn. */
void log_machine_end(bool failed, const char *why);

/* ---- panic.c --------------------------------------------------------------------------------- */

/* A bug of ours: stops all CPUs, prints message, registers and symbolised backtrace, powers off. */
void panic(const char *format, ...) __attribute__((noreturn)) PRINTF(1, 2);
#define BUG_ON(condition) \
	do { \
		if (unlikely(condition)) \
			panic("%s:%d: %s", __FILE_NAME__, __LINE__, #condition); \
	} while (0)

/* ---- paging.c: the hypervisor's own address space; VA = machine address ---------------------- */

#define MAP_R 0u
#define MAP_W 1u
#define MAP_X 2u /* never together with MAP_W */
#define MAP_UNCACHED 4u

/* Leaves the boot page tables: text RX, rodata R, data RW, nothing else. Needs the frame pool. */
void paging_init(void);
/* Maps [start, start+bytes) at its own address; splits and joins nothing: ranges never overlap. */
void paging_map(hpa_t start, u64 bytes, u32 flags);
void paging_unmap(hpa_t start, u64 bytes);
/* paging_map() for frames_init(): read and write, never asks the pool for a table. */
void paging_map_chunk(hpa_t chunk, u64 bytes);
/* CR3 and control bits of the calling CPU: NX, WP, SMEP, SMAP where present. */
void paging_cpu_init(void);
hpa_t paging_root(void);
/* The image as loaded, and with what is zero at the start (stacks of all CPUs, tables). */
u64 paging_image_bytes(void);
u64 paging_image_resident_bytes(void);

/* A per-CPU window onto one frame; slot 0 or 1. Valid until the next map of that slot. */
void *window_map(struct cpu *cpu, unsigned slot, hpa_t frame);
void window_unmap(struct cpu *cpu, unsigned slot);

/* ---- acpi.c ---------------------------------------------------------------------------------- */

struct acpi_info {
	u32 apic_ids[16]; /* enabled CPUs, boot CPU first */
	u32 cpu_count;
	hpa_t lapic;
	u16 pm1a_control, pm1b_control, pm_timer; /* 0 = none */
	u8 s5_type_a, s5_type_b;
	bool has_s5;
	hpa_t reset_address; /* FADT reset register (I/O port), 0 = none */
	u8 reset_value;
	u16 smi_command; /* where the firmware is asked to hand ACPI over, 0 = it has already */
	u8 acpi_enable; /* the byte that asks */
};

extern struct acpi_info acpi_info;
void acpi_init(hpa_t rsdp);

/* ---- apic.c, tsc.c, smp.c, power.c ----------------------------------------------------------- */

#define VECTOR_TIMER 0xf0 /* wakes an idle CPU, ends a slice; no other work */
#define VECTOR_KICK 0xf1 /* makes a CPU leave its guest or its idle loop */
#define VECTOR_SPURIOUS 0xff

void apic_init(bool allow_x2apic); /* boot CPU, once */
void apic_cpu_init(void); /* every CPU */
u32 apic_id(void);
void apic_send_kick(struct cpu *target);
void apic_send_nmi_all_others(void);
void apic_eoi(void);
/* One-shot at an absolute TSC value; a past one fires at once; ~0ull disarms. */
void apic_timer_arm(u64 tsc);

void tsc_init(void); /* calibrates against PM timer or PIT, or takes CPUID 15h */
extern u64 tsc_khz;
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}
/* Nanoseconds since 1970 at TSC 0, by the machine's real-time clock at boot. (rtc.c) */
void rtc_init(void);
u64 wall_clock_ns(void);
u64 ns_to_tsc(u64 ns); /* saturates */
u64 tsc_to_ns(u64 tsc);

/* Starts up to `wanted` CPUs in all (0 = every one); each calls cpu_main() on its own stack. */
u32 smp_start(u32 wanted);
void cpu_main(struct cpu *cpu) __attribute__((noreturn)); /* dispatcher/main.c */

/* Tells the emulator or the firmware to power off; status is seen by QEMU's isa-debug-exit. */
void power_off(unsigned status) __attribute__((noreturn));

/* Interrupts on for a moment, so that what is pending is delivered to us. */
void irq_window(void);
/* Interrupts on and HLT until something arrives. Called with interrupts off, returns so. */
void idle_wait(void);
/* An NMI that arrived as a VM exit is handed to our own handler. */
void nmi_handle(void);

/* ---- MSRs that may not exist ----------------------------------------------------------------- */

bool rdmsr_safe(u32 msr, u64 *value); /* false: #GP */
bool wrmsr_safe(u32 msr, u64 value);

#endif
