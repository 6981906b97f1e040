/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs and the messages between them. lapic.c has the registers, lapic_vectors.c the
 * priorities, lapic_timer.c the timer, apic_bus.c what goes from one to others. The pc's lock is
 * held in all of them.
 */
#ifndef INTERPRETER_DEVICES_LAPIC_H
#define INTERPRETER_DEVICES_LAPIC_H

#include "lib/types.h"

struct pc;

/* SDM vol. 3, "Local APIC Register Address Map"; x2APIC: MSR 0x800 + offset / 16 */
enum lapic_register {
	LAPIC_ID = 0x020, LAPIC_VERSION = 0x030, LAPIC_TPR = 0x080, LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0, LAPIC_EOI = 0x0b0, LAPIC_RRD = 0x0c0, LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0, LAPIC_SVR = 0x0f0, LAPIC_ISR = 0x100, LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200, LAPIC_ESR = 0x280, LAPIC_ICR = 0x300, LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_THERMAL = 0x330, LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350, LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380, LAPIC_TIMER_CURRENT = 0x390, LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
};

#define LAPIC_LVT_MASK BIT(16)
#define LAPIC_LVT_LEVEL BIT(15)
#define LAPIC_LVT_REMOTE_IRR BIT(14)
#define LAPIC_SVR_ENABLE BIT(8)

#define LAPIC_ERROR_SEND_VECTOR BIT(5)
#define LAPIC_ERROR_RECEIVE_VECTOR BIT(6)
#define LAPIC_ERROR_REGISTER BIT(7)

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2 BIT(10)
#define APIC_BASE_ENABLE BIT(11)

enum apic_delivery {
	APIC_FIXED,
	APIC_LOWEST,
	APIC_SMI,
	APIC_NMI = 4,
	APIC_INIT,
	APIC_SIPI,
	APIC_EXTINT
};

struct lapic {
	u8 *page; /* the registers, and their only home */
	u64 base; /* APIC_BASE */
	u64 deadline; /* TSC at which the timer fires, PC_NEVER; read without the lock */
	u64 tsc_deadline; /* the MSR */
	u64 target; /* ns at which the count reaches 0, PC_NEVER = it stands */
	u8 id; /* number of its vCPU */
	u8 errors; /* for the next write of ESR */
	bool line0; /* level at LINT0 */
	bool extint; /* an ExtINT message has come from the IOAPIC */
};

struct apic_message {
	u32 destination;
	u8 vector;
	u8 mode; /* enum apic_delivery */
	bool is_logical;
	bool is_level;
	bool is_wide; /* the destination has 32 bits: from an x2APIC */
};

static inline u32 lapic_get(const struct lapic *l, unsigned reg)
{
	return __atomic_load_n((const u32 *)(l->page + reg), __ATOMIC_RELAXED);
}

/*
 * A second copy lies in the reserved bytes behind the register, which nobody reads: where the CPU
 * has stored a guest's write in the page before we hear of it, that is the value from before.
 */
static inline void lapic_put(struct lapic *l, unsigned reg, u32 value)
{
	__atomic_store_n((u32 *)(l->page + reg), value, __ATOMIC_RELAXED);
	__atomic_store_n((u32 *)(l->page + reg + 4), value, __ATOMIC_RELAXED);
}

static inline bool lapic_is_x2(const struct lapic *l)
{
	return l->base & APIC_BASE_X2;
}

static inline bool lapic_is_on(const struct lapic *l)
{
	return l->base & APIC_BASE_ENABLE;
}

/* ---- lapic.c */

void lapic_init(struct lapic *l, void *page, u8 id); /* power-up */
void lapic_reset(struct lapic *l); /* all but APIC_BASE: what INIT does */
void lapic_firmware(struct lapic *l); /* enabled, LINT0 ExtINT, LINT1 NMI */
u64 lapic_mmio_read(struct pc *pc, struct lapic *l, u32 offset, u64 now); /* to be cut */
void lapic_mmio_write(struct pc *pc, struct lapic *l, u32 offset, unsigned bytes, u64 value,
		      u64 now);
bool lapic_msr_read(struct pc *pc, struct lapic *l, u32 msr, u64 *value, u64 now);
bool lapic_msr_write(struct pc *pc, struct lapic *l, u32 msr, u64 value, u64 now);
/* The CPU has stored a write in the page: what it means, or the old value back. */
void lapic_written(struct pc *pc, struct lapic *l, u32 reg, u64 now);
bool lapic_base_write(struct pc *pc, struct lapic *l, u64 value);
void lapic_error(struct pc *pc, struct lapic *l, u32 bit);
void lapic_line0(struct pc *pc, struct lapic *l, bool level);
bool lapic_takes_extint(const struct lapic *l); /* does the PIC reach the CPU through its LINT0? */

/* ---- lapic_vectors.c */

/* Vectors: set bits of a 256-bit register, -1 = none. */
int lapic_highest(const struct lapic *l, unsigned reg);
/* The vector above PPR, or -1. */
int lapic_deliverable(struct lapic *l);
int lapic_accept(struct lapic *l); /* IRR to ISR */
void lapic_undo(struct lapic *l, unsigned vector); /* and back */
int lapic_end(struct lapic *l); /* out of ISR; which one it was */
void lapic_set_tpr(struct pc *pc, struct lapic *l, u8 tpr);
/* Marks a vector pending. false: the LAPIC takes none. */
bool lapic_post(struct pc *pc, struct lapic *l, unsigned vector, bool is_level);

/* ---- lapic_timer.c */

void lapic_timer_reset(struct lapic *l);
void lapic_timer_fire(struct pc *pc, struct lapic *l, u64 now); /* if it is due */
u32 lapic_timer_count(const struct lapic *l, u64 now);
void lapic_timer_lvt(struct pc *pc, struct lapic *l, u32 value, u64 now);
void lapic_timer_initial(struct pc *pc, struct lapic *l, u32 value, u64 now);
void lapic_timer_divide(struct pc *pc, struct lapic *l, u32 value, u64 now);
void lapic_timer_deadline(struct pc *pc, struct lapic *l, u64 value, u64 now);

/* ---- apic_bus.c */

/* true: at least one LAPIC took it. */
bool apic_bus_deliver(struct pc *pc, const struct apic_message *message);
void apic_bus_send_icr(struct pc *pc, struct lapic *l, u32 low, u32 destination);
void apic_bus_eoi(struct pc *pc, struct lapic *l);
void apic_bus_eoi_vector(struct pc *pc, struct lapic *l,
			 unsigned vector); /* after its ISR bit is gone */

#endif
