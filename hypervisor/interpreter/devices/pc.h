/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulated PC platform of a full/hap domain, seen from outside: ports, MMIO, MSRs, time and the
 * interrupts that come out of it. docs/pc.md lists what is where. The exit handlers, the injection
 * and the timers call it; it calls back through struct pc_host and nothing else.
 *
 * Every call takes the pc's lock, so any CPU may make it at any time, with interrupts off. All
 * times are TSC values; `now` may not run backwards by more than CPUs differ. Whatever a guest
 * asks for takes a bounded time.
 */
#ifndef INTERPRETER_DEVICES_PC_H
#define INTERPRETER_DEVICES_PC_H

#include "lib/types.h"

struct pc; /* devices/platform.h */

#define PC_BYTES PAGE_SIZE /* room for a struct pc: one frame, zeroed by pc_init() */
#define PC_VCPUS_MAX 16u
#define PC_NEVER (~0ull)
/* Clock of the LAPIC timers, which CPUID leaf 15h calls the crystal. */
#define PC_BUS_HZ 25000000u
#define PC_BUS_NS (1000000000u / PC_BUS_HZ)
#define PC_DEVICES (~0u) /* as a vCPU: the devices that belong to none */

/* Results of pc_interrupt_peek() besides vectors 16..255. */
#define PC_NONE (-1)
#define PC_EXTINT 256 /* the PIC's: which vector it is shows only when it is accepted */

enum pc_end { PC_END_RESET, PC_END_POWEROFF };

/* Outputs. Called with the pc's lock held: they note what is to be done and never call back. */
struct pc_host {
	/* Something is, or may be, deliverable to that vCPU; also ends its HLT. */
	void (*look)(struct pc *pc, u32 vcpu);
	void (*nmi)(struct pc *pc, u32 vcpu);
	/* The vCPU's LAPIC has been reset already. Comes for the sender too, if it asked for it. */
	void (*init)(struct pc *pc, u32 vcpu);
	/* Means something only to a vCPU that waits for it after an INIT (or never ran, if AP). */
	void (*sipi)(struct pc *pc, u32 vcpu, u8 vector);
	/*
	 * pc_vcpu_deadline() of it (or of PC_DEVICES) is now earlier. NULL:
	 * unwanted.
	 */
	void (*timer)(struct pc *pc, u32 vcpu, u64 deadline);
	void (*text)(struct pc *pc, u8 byte); /* a byte that the UART sent */
	void (*end)(struct pc *pc, enum pc_end why);
};

/*
 * lapic_pages: a zeroed page for each of the vCPUs, which its LAPIC's registers live in at their
 * xAPIC offsets, and nowhere else: the virtual-APIC page where the CPU offers one. Its IRR is
 * changed by atomic operations only.
 * memory_bytes: what the firmware would have counted, for the NVRAM. wall_ns: Unix time at `now`.
 *
 * The state is that which firmware leaves: LAPIC of vCPU 0 enabled in xAPIC mode with LINT0 ExtINT
 * and LINT1 NMI; PICs at vectors 0x08 and 0x70 with all lines masked; IOAPIC pins masked.
 */
void pc_init(struct pc *pc, const struct pc_host *host, void *owner, u32 vcpus,
	     void *const lapic_pages[], u64 memory_bytes, u64 wall_ns, u64 now);
/* The same again, but for time, NVRAM and what has been typed. */
void pc_reset(struct pc *pc, u64 now);
void *pc_owner(const struct pc *pc);

/* bytes: 1, 2 or 4. false: no device there (a read gives all ones, a write nothing). */
bool pc_port_read(struct pc *pc, u16 port, unsigned bytes, u32 *value, u64 now);
bool pc_port_write(struct pc *pc, u16 port, unsigned bytes, u32 value, u64 now);
/* bytes: 1, 2, 4 or 8. vcpu: who accesses, since each has its LAPIC where APIC_BASE says. */
bool pc_mmio_read(struct pc *pc, u32 vcpu, gpa_t gpa, unsigned bytes, u64 *value, u64 now);
bool pc_mmio_write(struct pc *pc, u32 vcpu, gpa_t gpa, unsigned bytes, u64 value, u64 now);
/* APIC_BASE (0x1b), TSC_DEADLINE (0x6e0), x2APIC (0x800..0x8ff). false: #GP */
bool pc_msr_read(struct pc *pc, u32 vcpu, u32 msr, u64 *value, u64 now);
bool pc_msr_write(struct pc *pc, u32 vcpu, u32 msr, u64 value, u64 now);

/*
 * Time. pc_tick() fires all that is due and returns the next deadline of anything, PC_NEVER if
 * there is none. Where a LAPIC timer is to fire on its own vCPU's CPU: pc_tick_vcpu() for it alone,
 * and pc_tick_vcpu(PC_DEVICES) on some CPU for the rest.
 */
u64 pc_tick(struct pc *pc, u64 now);
u64 pc_tick_vcpu(struct pc *pc, u32 vcpu, u64 now);
u64 pc_vcpu_deadline(const struct pc *pc, u32 vcpu); /* takes no lock; also PC_DEVICES */

/* The vector that the vCPU would take now if its IF allowed it; PC_EXTINT; PC_NONE. */
int pc_interrupt_peek(struct pc *pc, u32 vcpu);
/*
 * It takes it: IRR to ISR, or INTA to the PIC. Returns the vector, which may be another one than
 * peeked (PC_NONE: withdrawn meanwhile). Vectors of an ExtINT may be 0..255.
 */
int pc_interrupt_accept(struct pc *pc, u32 vcpu, u64 now);
/* It did not take the LAPIC's vector after all; one of its kind that has come since is the same. */
void pc_interrupt_undo(struct pc *pc, u32 vcpu, u8 vector);
u8 pc_tpr(const struct pc *pc, u32 vcpu); /* the whole register; CR8 is its upper half */
void pc_set_tpr(struct pc *pc, u32 vcpu, u8 tpr);

/* With virtual-interrupt delivery: the EOI of a level-triggered vector, which exits. */
void pc_eoi_vector(struct pc *pc, u32 vcpu, u8 vector);
/*
 * The CPU has stored what the guest wrote to this register of the page: what follows from it, or
 * the old value back.
 */
void pc_lapic_written(struct pc *pc, u32 vcpu, u32 reg, u64 now);
/* Highest set bits of the page, for RVI and SVI; PC_NONE. */
int pc_irr_highest(const struct pc *pc, u32 vcpu);
int pc_isr_highest(const struct pc *pc, u32 vcpu);
bool pc_is_x2apic(const struct pc *pc, u32 vcpu);
gpa_t pc_lapic_base(const struct pc *pc, u32 vcpu); /* ~0 where it has no MMIO */

/* Lines and messages of devices that are kept elsewhere. pin: of the IOAPIC, 3..23. */
void pc_line(struct pc *pc, u32 pin, bool level);
void pc_msi(struct pc *pc, u32 address, u32 data);
/* Bytes for the UART; returns how many it took (the rest again later). */
size_t pc_input(struct pc *pc, const u8 *bytes, size_t count, u64 now);
void pc_power_button(struct pc *pc, u64 now); /* asks an ACPI system to power off */

#endif
