/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of machine/ share with each other and nobody else sees: the image's borders, the
 * trap frame, the boot-time order of initialisation, and the emulator check.
 */
#ifndef MACHINE_INTERNAL_H
#define MACHINE_INTERNAL_H

#include "lib/types.h"
#include "machine/cpu.h"

/* paravane.lds */
extern const char image_start[], text_start[], text_end[], rodata_start[], rodata_end[];
extern const char data_start[], data_end[], bss_end[], symbols_start[], symbols_end[], image_end[];

#define ADDRESS(symbol) ((hpa_t)(symbol))

/* What the boot page tables map, one to one. */
#define BOOT_MAPPED (4ull << 30)
/* The hypervisor uses no machine memory from here on: one PML4 entry maps all it ever maps. */
#define MACHINE_LIMIT (1ull << 39)
#define LOW_MEMORY 0x100000ull

/*
 * A machine address as a pointer. The compiler must not reason about it: small constants (BIOS data
 * area) look to it like null pointers with an offset.
 */
static inline void *machine_pointer(hpa_t address)
{
	void *pointer = (void *)address;

	__asm__("" : "+r"(pointer));
	return pointer;
}

/* ---- boot_ranges.c --------------------------------------------------------------------------- */

struct boot_info;
void boot_ranges_add(struct boot_info *info, hpa_t start, hpa_t end);
void boot_ranges_remove(struct boot_info *info, hpa_t start, hpa_t end);
bool boot_ranges_cover(const struct boot_info *info, hpa_t start, hpa_t end);

/* ---- idt.c, exceptions.S, segments.c --------------------------------------------------------- */

/* As exceptions.S pushes it; the last five words are the CPU's. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* exceptions.S writes these offsets as numbers. */
_Static_assert(offsetof(struct trap_frame, rip) == 136, "capture_registers");
_Static_assert(offsetof(struct trap_frame, ss) == 168, "capture_registers");

struct trap_counts { /* interrupts that should not come; shown by a panic */
	u64 nmi, spurious, unknown;
};
extern struct trap_counts trap_counts;

void trap_handler(struct trap_frame *frame);
void capture_registers(struct trap_frame *frame);
void idt_init(void); /* fills the one IDT; segments_load() loads it */
void segments_load(struct cpu *cpu); /* GS base, GDT, TSS, IDT of the calling CPU */
extern struct idt_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed)) idt_pointer;

/* ---- panic.c --------------------------------------------------------------------------------- */

void panic_trap(const struct trap_frame *frame) __attribute__((noreturn));
void panic_stop_here(void); /* halts for ever if another CPU panics */

/* ---- symbols.c ------------------------------------------------------------------------------- */

/* Writes "name+0x12" for an address of ours, or an empty text. */
void symbol_format(char *out, size_t size, u64 address, bool is_return);

/* ---- apic.c, smp.c, serial.c ----------------------------------------------------------------- */

bool apic_is_x2(void);
void apic_send_init(u32 id);
void apic_send_startup(u32 id, hpa_t page);
void apic_send_nmi(u32 id);
void pic_disable(void);
void delay_us(u32 microseconds); /* needs tsc_init() */
extern u64 ap_stack;
void ap_main(void) __attribute__((noreturn));

/* True under Bochs or QEMU: only there are their power ports safe to write. */
bool machine_is_emulator(void);

#endif
