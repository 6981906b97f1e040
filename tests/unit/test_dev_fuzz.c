/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random ports, MMIO, MSRs, ticks and interrupts on a whole PC: test_dev_fuzz [ACCESSES [SEED]].
 * Whatever a guest does, nothing crashes, deadlines that were served lie in the future, they come
 * no denser than the floor, what is peeked can be taken, and reserved registers stay as they are.
 */
#include <stdlib.h>

#include "fake/pc.h"
#include "tap.h"

static u64 seed;

static u64 random_value(void)
{
	switch (rnd(&seed) % 5) {
	case 0:
		return rnd(&seed);
	case 1:
		return rnd(&seed) & 0xff;
	case 2:
		return 1ull << rnd(&seed) % 64;
	case 3:
		return rnd(&seed) % 4 - 2;
	default:
		return rnd(&seed) & 0x1ffff;
	}
}

static u16 random_port(void)
{
	static const u16 ports[] = { 0x20,  0x40,  0x60,  0x70,  0x92,  0xa0,
				     0x3f8, 0x4d0, 0x600, 0x608, 0xcf8, 0xcfc };

	return rnd(&seed) % 16 ? (u16)(ports[rnd(&seed) % ARRAY_SIZE(ports)] + rnd(&seed) % 8) :
				 (u16)rnd(&seed);
}

static void port(void)
{
	unsigned bytes = 1u << rnd(&seed) % 3;
	u16 where = random_port();
	u32 value;

	if (rnd(&seed) % 2) {
		pc_port_write(pc, where, bytes, (u32)random_value(), now);
	} else {
		pc_port_read(pc, where, bytes, &value, now);
		EXPECT(bytes == 4 || value >> bytes * 8 == 0);
	}
}

static void memory(u32 vcpu)
{
	gpa_t base = pc_lapic_base(pc, vcpu), where = base + (rnd(&seed) % 64 << 4);
	unsigned bytes = rnd(&seed) % 8 ? 4 : 1u << rnd(&seed) % 4;
	u64 value;

	if (rnd(&seed) % 4 == 0)
		where = IOAPIC_ADDRESS + (rnd(&seed) % 2 << 4);
	if (rnd(&seed) % 16 == 0)
		where += rnd(&seed) % 4096;
	if (rnd(&seed) % 3)
		pc_mmio_write(pc, vcpu, where, bytes, random_value(), now);
	else if (pc_mmio_read(pc, vcpu, where, bytes, &value, now))
		EXPECT(bytes == 8 || value >> bytes * 8 == 0);
}

static void model_specific(u32 vcpu)
{
	u32 index = 0x800 + (u32)(rnd(&seed) % 0x48);
	u64 value = random_value();

	switch (rnd(&seed) % 8) {
	case 0:
		index = 0x1b;
		value = rnd(&seed) % 4 ? 0xfee00000 | (rnd(&seed) % 4) << 10 : value;
		break;
	case 1:
		index = 0x6e0;
		value = now + random_value();
		break;
	case 2:
		index = (u32)rnd(&seed);
		break;
	}
	if (rnd(&seed) % 2)
		pc_msr_write(pc, vcpu, index, value, now);
	else
		pc_msr_read(pc, vcpu, index, &value, now);
}

/* All that is due is served; what comes next is later. */
static void tick(void)
{
	u64 next = pc_tick(pc, now);

	EXPECT_MSG(next > now, "deadline %llu at %llu", (unsigned long long)next,
		   (unsigned long long)now);
	for (u32 i = 0; i < pc->vcpus; i++)
		EXPECT(pc_vcpu_deadline(pc, i) > now);
	EXPECT(pc_vcpu_deadline(pc, PC_DEVICES) > now);
	if (next != PC_NEVER && rnd(&seed) % 4 == 0)
		now = max(next, now);
}

static void interrupt(u32 vcpu)
{
	int seen = pc_interrupt_peek(pc, vcpu), taken;

	EXPECT(seen >= PC_NONE && seen <= PC_EXTINT && (seen < 0 || seen >= 16));
	if (seen == PC_NONE)
		return;
	taken = pc_interrupt_accept(pc, vcpu, now);
	EXPECT(taken >= 0 && taken < 256);
	EXPECT(seen == PC_EXTINT || seen == taken);
	if (rnd(&seed) % 4) { /* well-behaved now and then */
		pc_mmio_write(pc, vcpu, pc_lapic_base(pc, vcpu) + LAPIC_EOI, 4, 0, now);
		pc_msr_write(pc, vcpu, 0x80b, 0, now);
		pc_port_write(pc, 0x20, 1, 0x20, now);
	}
}

static void step(void)
{
	u32 vcpu = (u32)rnd(&seed) % pc->vcpus;

	switch (rnd(&seed) % 16) {
	case 0 ... 4:
		port();
		break;
	case 5 ... 8:
		memory(vcpu);
		break;
	case 9 ... 11:
		model_specific(vcpu);
		break;
	case 12:
		interrupt(vcpu);
		break;
	case 13:
		tick();
		break;
	case 14: {
		u64 bytes = rnd(&seed);

		pc_line(pc, (u32)rnd(&seed) % 26, rnd(&seed) % 2);
		pc_msi(pc, (u32)rnd(&seed), (u32)random_value());
		pc_input(pc, (const u8 *)&bytes, rnd(&seed) % 9, now);
		pc_set_tpr(pc, vcpu, (u8)random_value());
		break;
	}
	default:
		now += rnd(&seed) % 3 ? rnd(&seed) % 5000 : rnd(&seed) % (20 * MS);
		if (rnd(&seed) % 1024 == 0)
			now += rnd(&seed) % (400 * 86400 * SECOND);
	}
}

static void check(void)
{
	for (u32 i = 0; i < pc->vcpus; i++) {
		const struct lapic *l = &pc->lapic[i];

		EXPECT_EQ(lapic_get(l, LAPIC_VERSION), 0x50014);
		EXPECT_EQ(lapic_get(l, LAPIC_ID), lapic_is_x2(l) ? i : i << 24);
		EXPECT(!(lapic_get(l, LAPIC_IRR) & 0xffff) && !(lapic_get(l, LAPIC_ISR) & 0xffff));
		EXPECT((l->base & 0xc00) != 0x400);
	}
	EXPECT(pc->uart.count <= UART_FIFO && pc->uart.head - pc->uart.tail <= UART_BACKLOG);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(pc->pit.counter[i].n >= 1 && pc->pit.counter[i].n <= 65536);
}

/* A guest that asks for the shortest periods there are gets them at the floor, and no faster. */
static void storm(void)
{
	u64 begin, rounds = 0;

	fake_pc(1);
	set_ioapic_entry(2, 0x30);
	set_apic(0, LAPIC_LVT_TIMER, 0x20031);
	set_apic(0, LAPIC_TIMER_INITIAL, 1);
	out8(0x43, 0x34);
	out8(0x40, 2);
	out8(0x40, 0);
	for (begin = now; now < begin + 2 * SECOND / 10; rounds++) {
		now = pc_tick(pc, now);
		take(0);
	}
	EXPECT(rounds > 5000 && rounds < 10100);
	tap_case("shortest periods: at most 50000 a second each");
}

int main(int argc, char **argv)
{
	unsigned long accesses = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;

	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 20240229;
	for (unsigned long i = 0; i < accesses; i++) {
		if (i % 20000 == 0)
			fake_pc(1 + (u32)(rnd(&seed) % 16));
		step();
		if (i % 64 == 0)
			check();
	}
	tap_case("random accesses");
	storm();
	return tap_done();
}
