/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of a PC, for payloads of full/hap domains: local APIC, IOAPIC, time, application
 * processors. There is no hypercall and no leaf of the hypervisor. pc_init() comes first.
 */
#ifndef GUEST_PC_H
#define GUEST_PC_H

#include "guest.h"

#define LAPIC_BASE 0xfee00000ull
#define IOAPIC_BASE 0xfec00000ull

/* Offsets of the local APIC's registers: SDM vol. 3, "Local APIC Register Address Map". */
enum {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0,
	APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180,
	APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_LVT_ERROR = 0x370,
	APIC_TMICT = 0x380, APIC_TMCCT = 0x390, APIC_TDCR = 0x3e0,
};

#define ICR_NMI 0x400u
#define ICR_INIT 0x500u
#define ICR_STARTUP 0x600u
#define ICR_LOGICAL 0x800u
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_SELF 0x40000u
#define ICR_ALL 0x80000u
#define ICR_OTHERS 0xc0000u
#define LVT_MASKED 0x10000u
#define LVT_PERIODIC 0x20000u
#define LVT_DEADLINE 0x40000u
#define REDIRECT_LEVEL 0x8000u
#define SVR_ENABLE 0x100u
#define TDCR_BY_1 0xbu

#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC(offset) (0x800u + (offset) / 16)

/* Maps the devices' pages, enables the local APIC, masks the 8259s and learns the frequencies. */
void pc_init(void);
extern u64 tsc_hz, crystal_hz; /* of CPUID leaf 15h */
void pc_map(u64 gpa); /* the 2 MiB around it, one to one */

static inline u32 mmio_read(u64 gpa)
{
	return *(volatile u32 *)gpa;
}

static inline void mmio_write(u64 gpa, u32 value)
{
	*(volatile u32 *)gpa = value;
}

static inline u32 lapic_read(unsigned offset)
{
	return mmio_read(LAPIC_BASE + offset);
}

static inline void lapic_write(unsigned offset, u32 value)
{
	mmio_write(LAPIC_BASE + offset, value);
}

bool lapic_bit(unsigned offset, unsigned vector); /* of ISR, TMR or IRR */
void ipi(u32 apic_id, u32 command); /* physical or logical destination, by the command */
u32 ioapic_read(unsigned index);
void ioapic_write(unsigned index, u32 value);
/* Pin to APIC id 0; entry: vector, REDIRECT_LEVEL, LVT_MASKED. */
void ioapic_route(unsigned pin, u32 entry);

static inline bool is_about(u64 value, u64 wanted, unsigned percent)
{
	return value * 100 > wanted * (100 - percent) && value * 100 < wanted * (100 + percent);
}

/* A hook that sends an EOI to the local APIC. */
bool take_with_eoi(struct trap_frame *frame);
void delay_us(u64 us);
/* Interrupts on, until *value is wanted or 100 ms are over. */
bool wait_taking(const volatile u32 *value, u32 wanted);
/* HLT with interrupts on until *value is at least that; the TSC ticks it took. */
u64 sleep_taking(const volatile u32 *value, u32 wanted);

/*
 * ---- startup.S: INIT and SIPI ------------------------------------------------------------------
 */

#define STARTUP_PAGE 0x9000u
/* At the start of that page, after a jump; laid out by startup.S. */
struct startup {
	u8 jump[8];
	volatile u32 started; /* real-mode entries so far */
	volatile u32 go; /* 0: it halts there, in real mode */
	u64 cr3, vcpu, rsp, entry;
	u16 gdt_limit, idt_limit;
	u32 gdt_base, idt_base;
};
/* Puts the code there for fn(arg) on that vCPU; go decides whether it leaves real mode. */
volatile struct startup *startup_prepare(u32 vcpu, void (*fn)(void *), void *arg, bool go);
/* Both, and waits until it runs. */
bool startup_run(u32 vcpu, void (*fn)(void *), void *arg);
/* A stray SIPI to a page below 1 MiB that nobody uses ends the domain well: OUT, HLT for ever. */
void startup_fill(void);

#endif
