/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake/pc.h. */
#include <stdlib.h>
#include <string.h>

#include "dispatcher/area.h"
#include "fake/pc.h"
#include "tap.h"

struct pc *pc;
struct fake_pc fake;
u64 now;

static void *pages[PC_VCPUS_MAX];

u64 pvclock_ns(u64 tsc)
{
	return tsc / 2;
}

u64 pvclock_tsc(u64 ns)
{
	return ns > ~0ull / 2 ? ~0ull : ns * 2;
}

static void look(struct pc *p, u32 vcpu)
{
	EXPECT(p == pc && vcpu < pc->vcpus);
	fake.looks[vcpu]++;
}

static void nmi(struct pc *p, u32 vcpu)
{
	EXPECT(p == pc && vcpu < pc->vcpus);
	fake.nmis[vcpu]++;
}

static void init(struct pc *p, u32 vcpu)
{
	EXPECT(p == pc && vcpu < pc->vcpus);
	fake.inits[vcpu]++;
}

static void sipi(struct pc *p, u32 vcpu, u8 vector)
{
	EXPECT(p == pc && vcpu < pc->vcpus);
	fake.sipis[vcpu]++;
	fake.sipi_vector = vector;
}

static void timer(struct pc *p, u32 vcpu, u64 deadline)
{
	EXPECT(p == pc && (vcpu < pc->vcpus || vcpu == PC_DEVICES));
	fake.timers++;
	fake.deadline[vcpu == PC_DEVICES ? PC_VCPUS_MAX : vcpu] = deadline;
}

static void text(struct pc *p, u8 byte)
{
	EXPECT(p == pc);
	fake.text[fake.text_bytes++ % sizeof(fake.text)] = (char)byte;
}

static void end(struct pc *p, enum pc_end why)
{
	EXPECT(p == pc);
	fake.ends[why]++;
}

static const struct pc_host host = { .look = look, .nmi = nmi, .init = init, .sipi = sipi,
				     .timer = timer, .text = text, .end = end };

void fake_pc(u32 vcpus)
{
	for (unsigned i = 0; i < PC_VCPUS_MAX; i++) {
		free(pages[i]);
		pages[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
		memset(pages[i], 0, PAGE_SIZE);
	}
	free(pc);
	pc = malloc(sizeof(*pc)); /* so that the sanitizer sees its end */
	now = 2 * 7 * SECOND;
	memset(&fake, 0, sizeof(fake));
	pc_init(pc, &host, &fake, vcpus, pages, 5ull << 30, FAKE_WALL * SECOND, now);
	memset(&fake, 0, sizeof(fake));
}

void pass(u64 ns)
{
	now += 2 * ns;
}

u64 ns_now(void)
{
	return pvclock_ns(now);
}

u32 in(u16 port, unsigned bytes)
{
	u32 value;

	pc_port_read(pc, port, bytes, &value, now);
	return value;
}

void out(u16 port, unsigned bytes, u32 value)
{
	pc_port_write(pc, port, bytes, value, now);
}

u32 mmio(u32 vcpu, u64 gpa)
{
	u64 value = 0xdeadbeef;

	EXPECT(pc_mmio_read(pc, vcpu, gpa, 4, &value, now));
	return (u32)value;
}

void set_mmio(u32 vcpu, u64 gpa, u32 value)
{
	EXPECT(pc_mmio_write(pc, vcpu, gpa, 4, value, now));
}

u64 ioapic_entry(unsigned pin)
{
	u64 low;

	set_mmio(0, IOAPIC_ADDRESS, 0x10 + pin * 2);
	low = mmio(0, IOAPIC_ADDRESS + 0x10);
	set_mmio(0, IOAPIC_ADDRESS, 0x11 + pin * 2);
	return low | (u64)mmio(0, IOAPIC_ADDRESS + 0x10) << 32;
}

void set_ioapic_entry(unsigned pin, u64 entry)
{
	set_mmio(0, IOAPIC_ADDRESS, 0x11 + pin * 2);
	set_mmio(0, IOAPIC_ADDRESS + 0x10, (u32)(entry >> 32));
	set_mmio(0, IOAPIC_ADDRESS, 0x10 + pin * 2);
	set_mmio(0, IOAPIC_ADDRESS + 0x10, (u32)entry);
}

u64 msr(u32 vcpu, u32 index)
{
	u64 value;

	return pc_msr_read(pc, vcpu, index, &value, now) ? value : ~0ull;
}

bool set_msr(u32 vcpu, u32 index, u64 value)
{
	return pc_msr_write(pc, vcpu, index, value, now);
}

void enable_apics(void)
{
	for (u32 i = 0; i < pc->vcpus; i++)
		set_apic(i, LAPIC_SVR, 0x1ff);
}

int accept_at(u32 vcpu)
{
	int seen = pc_interrupt_peek(pc, vcpu), taken = pc_interrupt_accept(pc, vcpu, now);

	EXPECT(seen == taken || seen == PC_EXTINT);
	return taken;
}

int take(u32 vcpu)
{
	int vector = accept_at(vcpu);

	if (vector >= 0)
		set_apic(vcpu, LAPIC_EOI, 0);
	return vector;
}
