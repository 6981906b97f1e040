/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC (interpreter/devices/lapic*.c, apic_bus.c) against Intel SDM vol. 3, "Advanced
 * Programmable Interrupt Controller": registers in both modes, priorities, every kind of IPI and
 * destination, the timer in its three modes, errors, APIC_BASE.
 */
#include <string.h>

#include "fake/pc.h"
#include "tap.h"

#define GP (~0ull)
#define BASE 0xfee00000ull

static void registers(void)
{
	fake_pc(3);
	EXPECT_EQ(apic(0, LAPIC_ID), 0);
	EXPECT_EQ(apic(2, LAPIC_ID), 2u << 24);
	EXPECT_EQ(apic(1, LAPIC_VERSION), 0x00050014);
	EXPECT_EQ(apic(1, LAPIC_SVR), 0xff);
	EXPECT_EQ(apic(1, LAPIC_DFR), 0xffffffff);
	for (u32 reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 16)
		EXPECT_EQ(apic(1, reg), 0x10000);
	EXPECT_EQ(apic(0, LAPIC_SVR), 0x1ff); /* as firmware leaves it */
	EXPECT_EQ(apic(0, LAPIC_LVT_LINT0), 0x700);
	EXPECT_EQ(apic(0, LAPIC_LVT_LINT1), 0x400);

	set_apic(1, LAPIC_LVT_TIMER, 0x40); /* software-disabled: the mask stays */
	EXPECT_EQ(apic(1, LAPIC_LVT_TIMER), 0x10040);
	set_apic(1, LAPIC_SVR, 0x1fe);
	set_apic(1, LAPIC_LVT_TIMER, 0x40);
	EXPECT_EQ(apic(1, LAPIC_LVT_TIMER), 0x40);
	set_apic(1, LAPIC_LVT_LINT0, 0xffffffff);
	EXPECT_EQ(apic(1, LAPIC_LVT_LINT0), 0x1a7ff);
	set_apic(1, LAPIC_SVR, 0xfe);
	EXPECT_EQ(apic(1, LAPIC_LVT_TIMER), 0x10040);
	set_apic(1, LAPIC_DFR, 0);
	EXPECT_EQ(apic(1, LAPIC_DFR), 0x0fffffff);
	set_apic(1, LAPIC_LDR, 0xffffffff);
	EXPECT_EQ(apic(1, LAPIC_LDR), 0xff000000);
	set_apic(1, LAPIC_ID, 0);
	set_apic(1, LAPIC_VERSION, 0);
	EXPECT_EQ(apic(1, LAPIC_ID), 1u << 24);
	EXPECT_EQ(apic(1, LAPIC_VERSION), 0x00050014);
	tap_case("registers after power-up, and which bits can be written");
}

static void widths(void)
{
	u64 value = 1;

	fake_pc(1);
	EXPECT(pc_mmio_read(pc, 0, BASE + LAPIC_VERSION, 1, &value, now) && value == 0x14);
	EXPECT(pc_mmio_read(pc, 0, BASE + LAPIC_VERSION + 2, 2, &value, now) && value == 5);
	EXPECT(pc_mmio_read(pc, 0, BASE + LAPIC_VERSION + 4, 4, &value, now) && value == 0);
	EXPECT(pc_mmio_read(pc, 0, BASE + LAPIC_VERSION, 8, &value, now) && value == 0x50014);
	EXPECT(pc_mmio_read(pc, 0, BASE + 0xfff, 8, &value, now));
	EXPECT(pc_mmio_write(pc, 0, BASE + LAPIC_TPR, 1, 0x50, now) && apic(0, LAPIC_TPR) == 0);
	EXPECT(pc_mmio_write(pc, 0, BASE + LAPIC_TPR + 4, 4, 0x50, now) && apic(0, LAPIC_TPR) == 0);
	EXPECT(!pc_mmio_read(pc, 0, BASE + 0x1000, 4, &value, now));
	EXPECT(!pc_mmio_write(pc, 0, BASE - 4, 4, 0, now));
	tap_case("accesses of other widths and between registers");
}

static void self(unsigned vector)
{
	set_apic(0, LAPIC_ICR, 0x40000 | vector);
}

static void priorities(void)
{
	fake_pc(1);
	self(0x31);
	EXPECT_EQ(fake.looks[0], 1);
	self(0x35);
	self(0x52);
	EXPECT_EQ(apic(0, LAPIC_IRR + 0x10), 1u << 0x11 | 1u << 0x15);
	EXPECT_EQ(accept_at(0), 0x52);
	EXPECT_EQ(apic(0, LAPIC_ISR + 0x20), 1u << 0x12);
	EXPECT_EQ(apic(0, LAPIC_PPR), 0x50);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	self(0x5f); /* the same class waits */
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	self(0x60);
	EXPECT_EQ(accept_at(0), 0x60);
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	fake.looks[0] = 0;
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(fake.looks[0], 1); /* something is deliverable again */
	EXPECT_EQ(take(0), 0x5f);
	EXPECT_EQ(take(0), 0x35);
	EXPECT_EQ(take(0), 0x31);
	EXPECT_EQ(take(0), PC_NONE);
	set_apic(0, LAPIC_EOI, 0); /* nothing is in service */

	set_apic(0, LAPIC_TPR, 0x3f);
	EXPECT_EQ(apic(0, LAPIC_PPR), 0x3f);
	self(0x3f);
	EXPECT_EQ(accept_at(0), PC_NONE);
	fake.looks[0] = 0;
	pc_set_tpr(pc, 0, 0x20);
	EXPECT_EQ(fake.looks[0], 1);
	EXPECT_EQ(pc_tpr(pc, 0), 0x20);
	EXPECT_EQ(take(0), 0x3f);
	for (unsigned vector = 16; vector < 256; vector++)
		self(vector);
	set_apic(0, LAPIC_TPR, 0);
	for (int vector = 255; vector >= 16; vector--)
		EXPECT_EQ(take(0), vector);
	tap_case("IRR, ISR, TPR and PPR");
}

static unsigned who(unsigned vector)
{
	unsigned set = 0;

	for (u32 i = 0; i < pc->vcpus; i++)
		if (pc->lapic[i].page[LAPIC_IRR + vector / 32 * 16 + vector % 32 / 8] >>
			    vector % 8 &
		    1)
			set |= 1u << i;
	for (u32 i = 0; i < pc->vcpus; i++)
		while (take(i) >= 0)
			;
	return set;
}

static void send(u32 sender, u32 destination, u32 low)
{
	set_apic(sender, LAPIC_ICR_HIGH, destination << 24);
	set_apic(sender, LAPIC_ICR, low);
}

static void destinations(void)
{
	fake_pc(4);
	enable_apics();
	send(1, 2, 0x40);
	EXPECT_EQ(who(0x40), 1u << 2);
	send(1, 7, 0x40);
	EXPECT_EQ(who(0x40), 0);
	send(1, 0xff, 0x40);
	EXPECT_EQ(who(0x40), 0xf);
	send(1, 0, 0x40040);
	EXPECT_EQ(who(0x40), 1u << 1);
	send(1, 0, 0x80040);
	EXPECT_EQ(who(0x40), 0xf);
	send(1, 0, 0xc0040);
	EXPECT_EQ(who(0x40), 0xd);

	for (u32 i = 0; i < 4; i++)
		set_apic(i, LAPIC_LDR, 1u << (24 + i));
	send(0, 0x0a, 0x840);
	EXPECT_EQ(who(0x40), 0xa);
	send(0, 0xf0, 0x840);
	EXPECT_EQ(who(0x40), 0);
	for (u32 i = 0; i < 4; i++) { /* two clusters of two */
		set_apic(i, LAPIC_DFR, 0);
		set_apic(i, LAPIC_LDR, (i / 2 << 4 | 1u << i % 2) << 24);
	}
	send(0, 0x12, 0x840);
	EXPECT_EQ(who(0x40), 1u << 3);
	send(0, 0x03, 0x840);
	EXPECT_EQ(who(0x40), 0x3);
	send(0, 0xff, 0x840);
	EXPECT_EQ(who(0x40), 0xf);
	set_apic(2, LAPIC_SVR, 0xff);
	send(0, 2, 0x40);
	EXPECT_EQ(who(0x40), 0);
	tap_case("IPIs: physical, flat, cluster, broadcast, shorthands");
}

static void lowest_priority(void)
{
	unsigned taken = 0;

	fake_pc(4);
	enable_apics();
	for (u32 i = 0; i < 4; i++)
		set_apic(i, LAPIC_LDR, 1u << (24 + i));
	set_apic(0, LAPIC_TPR, 0x40);
	set_apic(2, LAPIC_TPR, 0x40);
	for (unsigned i = 0; i < 2; i++) {
		send(0, 0x0f, 0x961);
		taken |= who(0x61);
	}
	EXPECT_EQ(taken, 0xa); /* in turn */
	send(0, 0x05, 0x961);
	EXPECT(who(0x61) & 5);
	send(0, 0xe0, 0x961);
	EXPECT_EQ(who(0x61), 0);
	tap_case("lowest priority, in turn among equals");
}

static void starts(void)
{
	fake_pc(3);
	set_apic(1, LAPIC_SVR, 0x1ff);
	set_apic(1, LAPIC_TPR, 0x70);
	send(0, 1, 0x4500);
	EXPECT_EQ(fake.inits[1], 1);
	EXPECT_EQ(apic(1, LAPIC_SVR), 0xff);
	EXPECT_EQ(apic(1, LAPIC_TPR), 0);
	EXPECT_EQ(apic(1, LAPIC_ID), 1u << 24);
	send(0, 1, 0x8500); /* de-assert */
	EXPECT_EQ(fake.inits[1], 1);
	send(0, 1, 0x469a);
	EXPECT_EQ(fake.sipis[1], 1);
	EXPECT_EQ(fake.sipi_vector, 0x9a);
	send(0, 0, 0xc4500);
	EXPECT_EQ(fake.inits[1] + 10 * fake.inits[2] + 100 * fake.inits[0], 12);
	send(0, 2, 0x4400);
	EXPECT_EQ(fake.nmis[2], 1);
	send(0, 0, 0x44500); /* INIT to itself by shorthand is invalid */
	EXPECT_EQ(fake.inits[0], 0);
	send(0, 1, 0x200); /* SMI */
	send(0, 1, 0x300);
	send(0, 1, 0x700);
	EXPECT_EQ(fake.looks[1], 0);
	tap_case("INIT, start-up, NMI");
}

static void errors(void)
{
	fake_pc(2);
	set_apic(0, LAPIC_LVT_ERROR, 0xfe);
	send(0, 1, 0x0f);
	EXPECT_EQ(apic(0, LAPIC_ESR), 0);
	set_apic(0, LAPIC_ESR, 0);
	EXPECT_EQ(apic(0, LAPIC_ESR), LAPIC_ERROR_SEND_VECTOR);
	EXPECT_EQ(take(0), 0xfe);
	set_apic(0, LAPIC_ESR, 0);
	EXPECT_EQ(apic(0, LAPIC_ESR), 0);
	apic(0, 0x40);
	set_apic(0, 0x3f0, 0x40); /* x2APIC only */
	set_apic(0, LAPIC_ESR, 0);
	EXPECT_EQ(apic(0, LAPIC_ESR), LAPIC_ERROR_REGISTER);
	EXPECT_EQ(take(0), 0xfe);
	EXPECT_EQ(take(0), PC_NONE); /* one for the two */
	set_apic(0, LAPIC_LVT_ERROR, 0x05);
	set_apic(0, LAPIC_LVT_TIMER, 0x00);
	set_apic(0, LAPIC_TIMER_INITIAL, 1);
	pass(10 * PC_BUS_NS);
	pc_tick(pc, now);
	set_apic(0, LAPIC_ESR, 0);
	EXPECT_EQ(apic(0, LAPIC_ESR), LAPIC_ERROR_RECEIVE_VECTOR);
	tap_case("errors: what they set, when they show, their interrupt");
}

static void one_shot(void)
{
	static const u8 divider[8] = { 2, 4, 8, 16, 32, 64, 128, 1 };

	fake_pc(2);
	set_apic(0, LAPIC_LVT_TIMER, 0x40);
	for (u32 i = 0; i < 8; i++) {
		u32 code = (i & 3) | (i & 4) << 1;

		set_apic(0, LAPIC_TIMER_DIVIDE, code);
		EXPECT_EQ(apic(0, LAPIC_TIMER_DIVIDE), code);
		set_apic(0, LAPIC_TIMER_INITIAL, 1000);
		EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 1000);
		EXPECT_EQ(pc_vcpu_deadline(pc, 0), now + 2000 * PC_BUS_NS * divider[i]);
		EXPECT_EQ(fake.deadline[0], pc_vcpu_deadline(pc, 0));
		pass(400 * PC_BUS_NS * divider[i]);
		EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 600);
		pass(600 * PC_BUS_NS * divider[i] - 1);
		EXPECT(pc_tick(pc, now) == now + 2);
		EXPECT_EQ(take(0), PC_NONE);
		pass(1);
		EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
		EXPECT_EQ(take(0), 0x40);
		EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 0);
		EXPECT_EQ(apic(0, LAPIC_TIMER_INITIAL), 1000);
	}
	set_apic(0, LAPIC_TIMER_INITIAL, 1000);
	set_apic(0, LAPIC_TIMER_INITIAL, 0);
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), PC_NEVER);
	set_apic(0, LAPIC_TIMER_INITIAL, 0xffffffff); /* divider 1 */
	set_apic(0, LAPIC_TIMER_DIVIDE, 0xa); /* 128: the count goes on from where it is */
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 0xffffffff);
	pass(128 * PC_BUS_NS);
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 0xfffffffe);
	tap_case("timer, one-shot: dividers, count, deadline");
}

static void periodic(void)
{
	u64 start;

	fake_pc(1);
	set_apic(0, LAPIC_TIMER_DIVIDE, 0xb);
	set_apic(0, LAPIC_LVT_TIMER, 0x20041);
	set_apic(0, LAPIC_TIMER_INITIAL, MS / PC_BUS_NS);
	start = now;
	for (unsigned i = 1; i <= 5; i++) {
		EXPECT_EQ(pc_tick(pc, now), start + i * 2 * MS);
		now = start + i * 2 * MS + 7; /* a little late each time */
		EXPECT_EQ(pc_tick(pc, now), start + (i + 1) * 2 * MS);
		EXPECT_EQ(take(0), 0x41);
	}
	now = start + 2000 * MS + MS; /* 995 periods are gone: one interrupt, and the old phase */
	EXPECT_EQ(pc_tick(pc, now), start + 2002 * MS);
	EXPECT_EQ(take(0), 0x41);
	EXPECT_EQ(take(0), PC_NONE);
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), MS / 2 / PC_BUS_NS);
	set_apic(0, LAPIC_LVT_TIMER, 0x30041); /* masked: counts on, waits for nothing */
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	now = start + 3000 * MS + MS;
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), MS / 2 / PC_BUS_NS);
	set_apic(0, LAPIC_LVT_TIMER, 0x20041);
	EXPECT_EQ(take(0), PC_NONE);
	EXPECT_EQ(pc_tick(pc, now), start + 3002 * MS);

	set_apic(0, LAPIC_TIMER_INITIAL, 1); /* 40 ns */
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), now + 40000);
	pass(30000);
	EXPECT_EQ(pc_tick(pc, now), now + 20000);
	tap_case("timer, periodic: phase, no burst, shortest period");
}

static void tsc_deadline(void)
{
	fake_pc(1);
	EXPECT(set_msr(0, 0x6e0, now + 100)); /* another mode: ignored */
	EXPECT_EQ(msr(0, 0x6e0), 0);
	set_apic(0, LAPIC_LVT_TIMER, 0x40042);
	EXPECT(set_msr(0, 0x6e0, now + 101));
	EXPECT_EQ(msr(0, 0x6e0), now + 101);
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), now + 101);
	EXPECT_EQ(fake.deadline[0], now + 101);
	now += 100;
	EXPECT_EQ(pc_tick(pc, now), now + 1);
	now++;
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	EXPECT_EQ(msr(0, 0x6e0), 0);
	EXPECT_EQ(take(0), 0x42);
	EXPECT(set_msr(0, 0x6e0, now - 5)); /* past: at once */
	EXPECT_EQ(take(0), 0x42);
	EXPECT(set_msr(0, 0x6e0, now + 5) && set_msr(0, 0x6e0, 0));
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), PC_NEVER);
	set_apic(0, LAPIC_TIMER_INITIAL, 1000); /* ignored in this mode */
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 0);
	EXPECT(set_msr(0, 0x6e0, now + 5));
	set_apic(0, LAPIC_LVT_TIMER, 0x42); /* leaving the mode disarms it */
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), PC_NEVER);
	set_apic(0, LAPIC_LVT_TIMER, 0x40042);
	EXPECT_EQ(msr(0, 0x6e0), 0);
	EXPECT(set_msr(0, 0x6e0, now + 5));
	set_apic(0, LAPIC_LVT_TIMER, 0x50042);
	now += 10;
	EXPECT_EQ(msr(0, 0x6e0), 0);
	EXPECT_EQ(take(0), PC_NONE);
	tap_case("timer, TSC deadline");
}

static void base(void)
{
	u64 value;

	fake_pc(2);
	EXPECT_EQ(msr(0, 0x1b), BASE | 0x900);
	EXPECT_EQ(msr(1, 0x1b), BASE | 0x800);
	EXPECT_EQ(msr(0, 0x802), GP);
	EXPECT(!set_msr(0, 0x80b, 0));
	EXPECT(!set_msr(0, 0x1b, BASE | 0x400)); /* x2APIC without APIC */
	EXPECT(!set_msr(0, 0x1b, BASE | 0xb00)); /* bit 9 */
	EXPECT(!set_msr(0, 0x1b, BASE | 0x801));
	EXPECT(!set_msr(0, 0x1b, BASE | 0x800 | 1ull << 52));
	set_apic(0, LAPIC_TPR, 0x30);
	EXPECT(set_msr(0, 0x1b, BASE | 0xd00));
	EXPECT_EQ(msr(0, 0x808), 0x30); /* survives the change */
	EXPECT(!pc_mmio_read(pc, 0, BASE, 4, &value, now));
	EXPECT_EQ(pc_lapic_base(pc, 0), ~0ull);
	EXPECT(pc_is_x2apic(pc, 0) && !pc_is_x2apic(pc, 1));
	EXPECT(!set_msr(0, 0x1b, BASE | 0x900)); /* not back to xAPIC */
	EXPECT(set_msr(0, 0x1b, BASE | 0x100));
	EXPECT_EQ(msr(0, 0x808), GP);
	EXPECT(!pc_mmio_read(pc, 0, BASE, 4, &value, now));
	EXPECT(!set_msr(0, 0x1b, BASE | 0xd00)); /* disabled: xAPIC first */
	EXPECT(set_msr(0, 0x1b, BASE | 0x800)); /* BSP is not written */
	EXPECT_EQ(msr(0, 0x1b), BASE | 0x900);
	EXPECT_EQ(apic(0, LAPIC_TPR), 0);
	EXPECT_EQ(apic(0, LAPIC_SVR), 0xff);
	EXPECT(set_msr(0, 0x1b, 0x1000 | 0x800)); /* elsewhere, and only for this one */
	EXPECT_EQ(mmio(0, 0x1000 + LAPIC_VERSION), 0x50014);
	EXPECT(!pc_mmio_read(pc, 0, BASE, 4, &value, now));
	EXPECT_EQ(apic(1, LAPIC_VERSION), 0x50014);
	tap_case("APIC_BASE: states and #GP");
}

static void x2apic(void)
{
	static const u32 absent[] = { 0x800, 0x801, 0x804, 0x809, 0x80c, 0x80e,
				      0x82f, 0x831, 0x83a, 0x840, 0x8ff };

	fake_pc(16);
	for (u32 i = 0; i < 16; i++) {
		EXPECT(set_msr(i, 0x1b, BASE | 0xc00));
		EXPECT(set_msr(i, 0x80f, 0x1ff));
		EXPECT_EQ(msr(i, 0x802), i);
		EXPECT_EQ(msr(i, 0x80d), 1u << i);
	}
	EXPECT_EQ(msr(3, 0x803), 0x50014);
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++)
		EXPECT(msr(0, absent[i]) == GP && !set_msr(0, absent[i], 0));
	EXPECT(msr(0, 0x80b) == GP && msr(0, 0x83f) == GP);
	EXPECT(!set_msr(0, 0x80b, 1) && !set_msr(0, 0x828, 1) && !set_msr(0, 0x802, 0));
	EXPECT(!set_msr(0, 0x808, 0x100) && !set_msr(0, 0x80d, 1) && !set_msr(0, 0x839, 0));
	EXPECT(!set_msr(0, 0x832, 0x80000) && !set_msr(0, 0x83f, 0x100));
	EXPECT(!set_msr(0, 0x830, 0x1040) && !set_msr(0, 0x830, 0x100040));
	EXPECT(!set_msr(0, 0x838, 1ull << 32) && !set_msr(0, 0x83e, 4));
	EXPECT(set_msr(0, 0x832, 0x20040));
	EXPECT_EQ(msr(0, 0x832), 0x20040);

	EXPECT(set_msr(0, 0x830, 5ull << 32 | 0x70));
	EXPECT_EQ(msr(0, 0x830), 5ull << 32 | 0x70);
	EXPECT_EQ(accept_at(5), 0x70);
	EXPECT(set_msr(5, 0x80b, 0));
	EXPECT_EQ(msr(5, 0x80a), 0);
	EXPECT(set_msr(0, 0x830, 0x00008002ull << 32 | 0x871)); /* logical: cluster 0 */
	EXPECT(accept_at(1) == 0x71 && accept_at(15) == 0x71 && accept_at(2) == PC_NONE);
	EXPECT(set_msr(0, 0x830, 0x00018002ull << 32 | 0x872)); /* cluster 1 */
	EXPECT(accept_at(1) == PC_NONE && accept_at(15) == PC_NONE);
	EXPECT(set_msr(0, 0x830, 0xffull << 32 | 0x77)); /* no broadcast here */
	EXPECT_EQ(accept_at(9), PC_NONE);
	EXPECT(set_msr(0, 0x830, 0xffffffffull << 32 | 0x82));
	for (u32 i = 0; i < 16; i++)
		EXPECT_EQ(accept_at(i), 0x82);
	EXPECT(set_msr(7, 0x83f, 0x99));
	EXPECT_EQ(accept_at(7), 0x99);
	EXPECT(set_msr(7, 0x83f, 0x09) && set_msr(7, 0x828, 0));
	EXPECT_EQ(msr(7, 0x828), LAPIC_ERROR_SEND_VECTOR);
	tap_case("x2APIC registers, their #GP, and IPIs");
}

/* With register virtualization the CPU stores first, and then a write exit tells of it. */
static void written_by_cpu(u32 reg, u32 value)
{
	memcpy(pc->lapic[0].page + reg, &value, sizeof(value));
	pc_lapic_written(pc, 0, reg, now);
}

static void virtual_page(void)
{
	fake_pc(2);
	written_by_cpu(LAPIC_ID, 0x77000000);
	EXPECT_EQ(apic(0, LAPIC_ID), 0);
	written_by_cpu(LAPIC_SVR, 0xfffff1fe);
	EXPECT_EQ(apic(0, LAPIC_SVR), 0x1fe);
	written_by_cpu(LAPIC_LVT_TIMER, 0x40);
	written_by_cpu(LAPIC_TIMER_INITIAL, 1000); /* divided by 2 */
	written_by_cpu(LAPIC_TIMER_DIVIDE, 0xb); /* by 1: the count stays */
	EXPECT_EQ(apic(0, LAPIC_TIMER_CURRENT), 1000);
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), now + 2000 * PC_BUS_NS);
	written_by_cpu(LAPIC_LVT_TIMER, 0x40040); /* another mode stops it */
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), PC_NEVER);
	written_by_cpu(LAPIC_ICR_HIGH, 0x01ffffff);
	written_by_cpu(LAPIC_ICR, 0x4500);
	EXPECT_EQ(fake.inits[1], 1);
	EXPECT_EQ(apic(0, LAPIC_ICR_HIGH), 0x01000000);
	pc->lapic[0].page[LAPIC_IRR + 0x42 / 8 % 4 + 0x20] |= 1 << (0x42 % 8); /* its own IPI */
	EXPECT_EQ(pc_interrupt_peek(pc, 0), 0x42);
	EXPECT(set_msr(0, 0x1b, BASE | 0xd00));
	written_by_cpu(LAPIC_SELF_IPI, 0x0f); /* no vector: an error, and nothing pending */
	EXPECT(set_msr(0, 0x828, 0));
	EXPECT_EQ(msr(0, 0x828), LAPIC_ERROR_SEND_VECTOR);
	EXPECT_EQ(pc->lapic[0].page[LAPIC_IRR] | pc->lapic[0].page[LAPIC_IRR + 1], 0);
	tap_case("a page that the CPU works on");
}

int main(void)
{
	registers();
	widths();
	priorities();
	destinations();
	lowest_priority();
	starts();
	errors();
	one_shot();
	periodic();
	tsc_deadline();
	base();
	x2apic();
	virtual_page();
	return tap_done();
}
