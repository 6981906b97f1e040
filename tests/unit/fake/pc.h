/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulated PC without anything around it: a clock that stands until it is moved, and a host that
 * counts what it is told. A TSC tick is half a nanosecond.
 */
#ifndef TESTS_UNIT_FAKE_PC_H
#define TESTS_UNIT_FAKE_PC_H

#include "interpreter/devices/platform.h"

#define FAKE_WALL 951826000ull /* seconds: 2000-02-29 12:06:40 UTC, a Tuesday */
#define SECOND 1000000000ull
#define MS 1000000ull

struct fake_pc {
	unsigned looks[PC_VCPUS_MAX], nmis[PC_VCPUS_MAX], inits[PC_VCPUS_MAX], sipis[PC_VCPUS_MAX];
	unsigned ends[2], timers;
	u8 sipi_vector;
	char text[64];
	unsigned text_bytes;
	u64 deadline[PC_VCPUS_MAX + 1]; /* as told; the devices' last */
};

extern struct pc *pc;
extern struct fake_pc fake;
extern u64 now; /* TSC */

void fake_pc(u32 vcpus); /* a new one, with nothing counted */
void pass(u64 ns); /* without a tick */
u64 ns_now(void);

u32 in(u16 port, unsigned bytes);
void out(u16 port, unsigned bytes, u32 value);
static inline u8 in8(u16 port)
{
	return (u8)in(port, 1);
}
static inline void out8(u16 port, u8 value)
{
	out(port, 1, value);
}
u32 mmio(u32 vcpu, u64 gpa);
void set_mmio(u32 vcpu, u64 gpa, u32 value);
static inline u32 apic(u32 vcpu, u32 reg)
{
	return mmio(vcpu, 0xfee00000 + reg);
}
static inline void set_apic(u32 vcpu, u32 reg, u32 value)
{
	set_mmio(vcpu, 0xfee00000 + reg, value);
}
u64 ioapic_entry(unsigned pin);
void set_ioapic_entry(unsigned pin, u64 entry);
/* An MSR; -1 (all ones) stands for #GP. */
u64 msr(u32 vcpu, u32 index);
bool set_msr(u32 vcpu, u32 index, u64 value); /* false: #GP */
void enable_apics(void); /* software-enables the LAPICs of all vCPUs */
int accept_at(u32 vcpu); /* what it takes, without EOI */
int take(u32 vcpu); /* the same, with EOI to its xAPIC */

#endif
