/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform's wiring (interpreter/devices/pc.c, pc_ports.c): every line through the PIC and
 * through the IOAPIC, the PIC's ways to a vCPU, who is told of deadlines, reset, absent ports.
 */
#include <string.h>

#include "fake/pc.h"
#include "tap.h"

static void pics(void)
{
	out8(0x20, 0x11);
	out8(0x21, 0x20);
	out8(0x21, 0x04);
	out8(0x21, 0x01);
	out8(0xa0, 0x11);
	out8(0xa1, 0x28);
	out8(0xa1, 0x02);
	out8(0xa1, 0x01);
}

static void program_pit(u8 control, u16 count)
{
	out8(0x43, control);
	out8(0x40, (u8)count);
	out8(0x40, (u8)(count >> 8));
}

static void pit_by_pic(void)
{
	u64 next;

	fake_pc(2);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER); /* firmware's 18.2 Hz is masked: nobody waits */
	pics();
	out8(0x21, 0xfe);
	program_pit(0x34, 11932);
	for (unsigned i = 0; i < 20; i++) {
		next = pc_tick(pc, now);
		EXPECT(next > now && next - now <= 2 * 10 * MS + 2000);
		EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
		fake.looks[0] = 0;
		now = next;
		pc_tick(pc, now);
		EXPECT(fake.looks[0] > 0);
		EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_EXTINT);
		EXPECT_EQ(pc_interrupt_peek(pc, 1), PC_NONE);
		EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x20);
		pass(MS);
		out8(0x20, 0x20);
	}
	pass(SECOND); /* asleep for a hundred periods */
	pc_tick(pc, now);
	EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x20);
	out8(0x20, 0x20);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	EXPECT(pc_vcpu_deadline(pc, PC_DEVICES) - next > 2 * SECOND);
	next = pc_vcpu_deadline(pc, PC_DEVICES);
	EXPECT_EQ(fake.deadline[PC_VCPUS_MAX] <= next, true);
	now = next; /* taken without a tick at its time: still there */
	pc_tick(pc, now);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER); /* one waits: another one would change nothing */
	out8(0x21, 0xff);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	out8(0x21, 0xfe); /* latched meanwhile */
	EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x20);
	tap_case("PIT through PIC and LINT0");
}

static void pit_by_ioapic(void)
{
	u64 next;

	fake_pc(2);
	enable_apics();
	program_pit(0x34, 11932);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	set_ioapic_entry(2, 1ull << 56 | 0x30);
	for (unsigned i = 0; i < 20; i++) {
		next = pc_tick(pc, now);
		now = next + 100;
		pc_tick_vcpu(pc, PC_DEVICES, now);
		EXPECT_EQ(take(1), 0x30);
		EXPECT_EQ(take(1), PC_NONE);
	}
	EXPECT_EQ(take(0), PC_NONE);
	program_pit(0x30, 5966); /* one-shot */
	next = pc_tick(pc, now);
	EXPECT(next - now > 9990000 && next - now < 10010000);
	now = next;
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	EXPECT_EQ(take(1), 0x30);
	set_ioapic_entry(2, 0x10000);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	tap_case("PIT through the IOAPIC");
}

static void other_lines(void)
{
	fake_pc(1);
	pics();
	out8(0x21, 0xeb); /* UART, slave */
	out8(0xa1, 0xfc); /* RTC, SCI */
	set_ioapic_entry(4, 0x44);
	set_ioapic_entry(8, 0x48);
	set_ioapic_entry(9, 0x8049);
	out8(0x4d1, 0x02);

	out8(0x3f9, 1);
	out8(0x3fc, 0x08);
	EXPECT_EQ(pc_input(pc, (const u8 *)"k", 1, now), 1);
	EXPECT(pc_interrupt_accept(pc, 0, now) == 0x24 && take(0) == 0x44);
	EXPECT_EQ(in8(0x3f8), 'k');
	out8(0x20, 0x20);
	out8(0x3f8, '!');
	EXPECT(fake.text_bytes == 1 && fake.text[0] == '!');

	out8(0x70, 0x0b);
	out8(0x71, 0x12);
	EXPECT(pc_tick(pc, now) - now <= 2 * SECOND);
	now = pc_tick(pc, now);
	pc_tick(pc, now);
	EXPECT(pc_interrupt_accept(pc, 0, now) == 0x28 && take(0) == 0x48);
	out8(0xa0, 0x20);
	out8(0x20, 0x20);
	out8(0x70, 0x0c);
	EXPECT_EQ(in8(0x71), 0xd0); /* and the periodic flag, which nobody asked for */

	out(0x602, 2, 0x100);
	pc_power_button(pc, now);
	EXPECT(pc_interrupt_accept(pc, 0, now) == 0x29 && accept_at(0) == 0x49);
	out8(0xa0, 0x20);
	out8(0x20, 0x20);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_EXTINT); /* level */
	out(0x600, 2, 0x100);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(take(0), PC_NONE);
	tap_case("UART, RTC and SCI at both controllers");
}

static void ways_of_the_pic(void)
{
	fake_pc(2);
	pics();
	set_apic(0, LAPIC_LVT_LINT0, 0x10700);
	pc_line(pc, 5, true);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	set_apic(0, LAPIC_LVT_LINT0, 0x700);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_EXTINT);
	pc_line(pc, 5, false);
	pc_line(pc, 6, true); /* both: INT falls and rises at INTA */
	EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x25);
	out8(0x20, 0x20);
	EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x26);
	out8(0x20, 0x20);

	set_apic(0, LAPIC_LVT_LINT0, 0x51); /* fixed, edge */
	pc_line(pc, 6, false);
	pc_line(pc, 6, true);
	EXPECT_EQ(take(0), 0x51);
	out8(0x20, 0x0c);
	EXPECT_EQ(in8(0x20), 0x86);
	out8(0x20, 0x20);
	set_apic(0, LAPIC_LVT_LINT0, 0x8051); /* fixed, level */
	pc_line(pc, 6, false);
	pc_line(pc, 6, true);
	EXPECT_EQ(apic(0, LAPIC_LVT_LINT0), 0xc051);
	EXPECT_EQ(take(0), 0x51);
	EXPECT_EQ(take(0), 0x51); /* still up */
	out8(0x21, 0xff);
	EXPECT_EQ(take(0), 0x51);
	EXPECT_EQ(take(0), PC_NONE);
	EXPECT_EQ(apic(0, LAPIC_LVT_LINT0), 0x8051);
	set_apic(0, LAPIC_LVT_LINT0, 0x400); /* NMI */
	out8(0x21, 0);
	EXPECT_EQ(fake.nmis[0], 1);
	set_apic(0, LAPIC_LVT_LINT0, 0x10000);

	out8(0x20, 0x0c); /* by message: IOAPIC pin 0, to the other vCPU */
	in8(0x20);
	out8(0x20, 0x20);
	set_apic(1, LAPIC_SVR, 0x1ff);
	set_ioapic_entry(0, 1ull << 56 | 0x700);
	pc_line(pc, 6, false);
	pc_line(pc, 6, true);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	EXPECT_EQ(pc_interrupt_peek(pc, 1), PC_EXTINT);
	EXPECT_EQ(pc_interrupt_accept(pc, 1, now), 0x26);
	EXPECT_EQ(pc_interrupt_peek(pc, 1), PC_NONE);
	out8(0x20, 0x20);
	EXPECT(set_msr(0, 0x1b, 0xfee00000)); /* without a LAPIC the pin is INTR */
	set_ioapic_entry(0, 0x10000);
	pc_line(pc, 6, false);
	pc_line(pc, 6, true);
	EXPECT_EQ(pc_interrupt_accept(pc, 0, now), 0x26);
	tap_case("the PIC by ExtINT, fixed, NMI, IOAPIC and bare INTR");
}

static void ports(void)
{
	static const u16 present[][2] = { { 0x20, 0x21 },   { 0x40, 0x43 },   { 0x61, 0x61 },
					  { 0x70, 0x71 },   { 0x92, 0x92 },   { 0xa0, 0xa1 },
					  { 0x3f8, 0x3ff }, { 0x4d0, 0x4d1 }, { 0x600, 0x60b },
					  { 0xcf8, 0xcff } };
	u64 value64;

	fake_pc(1);
	for (u32 port = 0; port < 0x10000; port++) {
		bool there = false;
		u32 value = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(present); i++)
			there |= port >= present[i][0] && port <= present[i][1];
		EXPECT_EQ(pc_port_read(pc, (u16)port, 2, &value, now), there);
		EXPECT(there || value == 0xffff);
	}
	EXPECT(!pc_port_write(pc, 0x80, 1, 0, now));
	out(0x20, 2, 0xfb0b); /* two registers of eight bits */
	EXPECT_EQ(in8(0x21), 0xfb);
	EXPECT_EQ(in(0x21, 4), 0xfffffffb);
	EXPECT(!pc_mmio_read(pc, 0, 0xfed00000, 4, &value64, now));
	EXPECT(msr(0, 0x1a) == ~0ull && msr(0, 0x900) == ~0ull && !set_msr(0, 0x7ff, 0));
	tap_case("what is where, and wide accesses to narrow devices");
}

static void told(void)
{
	fake_pc(2);
	EXPECT(pc_owner(pc) == &fake);
	set_apic(1, LAPIC_SVR, 0x1ff);
	set_apic(1, LAPIC_LVT_TIMER, 0x31);
	set_apic(1, LAPIC_TIMER_INITIAL, 1000000 / PC_BUS_NS);
	EXPECT(fake.timers == 1 && fake.deadline[1] == now + 4 * MS);
	set_apic(1, LAPIC_TIMER_INITIAL, 2000000 / PC_BUS_NS); /* later: he will see */
	EXPECT_EQ(fake.timers, 1);
	set_apic(1, LAPIC_TIMER_INITIAL, 500000 / PC_BUS_NS);
	EXPECT(fake.timers == 2 && fake.deadline[1] == now + 2 * MS);
	EXPECT_EQ(pc_vcpu_deadline(pc, 1), now + 2 * MS);
	EXPECT_EQ(pc_vcpu_deadline(pc, 0), PC_NEVER);
	EXPECT_EQ(pc_vcpu_deadline(pc, 99), PC_NEVER);
	EXPECT_EQ(pc_tick_vcpu(pc, 0, now), PC_NEVER);
	now += 2 * MS;
	EXPECT_EQ(pc_tick_vcpu(pc, 0, now), PC_NEVER);
	EXPECT_EQ(fake.looks[1], 0);
	EXPECT_EQ(pc_tick_vcpu(pc, 1, now), PC_NEVER);
	EXPECT_EQ(fake.looks[1], 1);
	EXPECT_EQ(take(1), 0x31);
	tap_case("who is told what about deadlines");
}

static void reset(void)
{
	fake_pc(2);
	pics();
	EXPECT(set_msr(1, 0x1b, 0xfee00c00));
	out8(0x70, 0x40);
	out8(0x71, 0x99);
	out8(0x70, 0x0b);
	out8(0x71, 0x72);
	set_ioapic_entry(8, 0x48);
	set_apic(0, LAPIC_LVT_TIMER, 0x31);
	set_apic(0, LAPIC_TIMER_INITIAL, 1000000);
	EXPECT(pc_tick(pc, now) != PC_NEVER);
	pc_reset(pc, now);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	EXPECT(!pc_is_x2apic(pc, 1) && apic(1, LAPIC_ID) == 1u << 24);
	EXPECT(in8(0x21) == 0xff && ioapic_entry(8) == 0x10000);
	out8(0x70, 0x40);
	EXPECT_EQ(in8(0x71), 0x99);
	EXPECT(sizeof(struct pc) <= PC_BYTES);
	fake_pc(17); /* more than there is room for */
	EXPECT_EQ(pc->vcpus, PC_VCPUS_MAX);
	tap_case("reset");
}

int main(void)
{
	pit_by_pic();
	pit_by_ioapic();
	other_lines();
	ways_of_the_pic();
	ports();
	told();
	reset();
	return tap_done();
}
