/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware (interpreter/devices/acpi_pm.c) against the ACPI specification: status and
 * enable bits, SCI, soft off, the 32-bit timer.
 */
#include "fake/pc.h"
#include "tap.h"

static void events(void)
{
	fake_pc(1);
	set_ioapic_entry(9, 0x8049);
	EXPECT(in(0x600, 2) == 0 && in(0x602, 2) == 0 && in(0x604, 2) == 1);
	out(0x602, 2, 0xffff);
	EXPECT_EQ(in(0x602, 2), 0x0721);
	out(0x602, 2, 0);
	pc_power_button(pc, now);
	EXPECT_EQ(in(0x600, 2), 0x100);
	EXPECT_EQ(take(0), PC_NONE);
	out(0x603, 1, 0x01); /* bytes work as well */
	EXPECT_EQ(in(0x602, 2), 0x100);
	EXPECT_EQ(accept_at(0), 0x49);
	EXPECT_EQ(in(0x600, 4), 0x01000100);
	out(0x600, 2, 0x0001);
	EXPECT_EQ(in(0x600, 2), 0x100);
	out(0x600, 2, 0x0100); /* a one clears */
	EXPECT_EQ(in(0x600, 2), 0);
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(take(0), PC_NONE); /* the level is gone */
	tap_case("events and SCI");
}

static void off(void)
{
	fake_pc(1);
	out(0x604, 2, 0xffff & ~0x2000);
	EXPECT_EQ(in(0x604, 2), 0x1c03);
	out(0x604, 2, 0);
	EXPECT_EQ(in(0x604, 2), 1); /* ACPI stays enabled */
	out(0x604, 2, 5 << 10);
	EXPECT_EQ(fake.ends[PC_END_POWEROFF], 0);
	out(0x604, 2, 1 << 13 | 1 << 10); /* S1: nothing */
	EXPECT_EQ(fake.ends[PC_END_POWEROFF], 0);
	out(0x604, 2, 1 << 13 | 5 << 10);
	EXPECT_EQ(fake.ends[PC_END_POWEROFF], 1);
	EXPECT_EQ(in(0x604, 2) & 0x2000, 0);
	out(0x605, 1, 0x20 | 5 << 2);
	EXPECT_EQ(fake.ends[PC_END_POWEROFF], 2);
	EXPECT_EQ(fake.ends[PC_END_RESET], 0);
	tap_case("soft off");
}

static void timer(void)
{
	u32 first;
	u64 next;

	fake_pc(1);
	first = in(0x608, 4);
	pass(SECOND);
	EXPECT(in(0x608, 4) - first - 3579545 <= 1);
	EXPECT_EQ(in(0x60a, 1), in(0x608, 4) >> 16 & 0xff);
	out(0x608, 4, 0);
	EXPECT(in(0x608, 4) > first);
	EXPECT_EQ(pc_tick(pc, now), PC_NEVER);
	set_ioapic_entry(9, 0x8049);
	out(0x602, 2, 1);
	next = pc_tick(pc, now);
	EXPECT(next != PC_NEVER);
	now = next - 4;
	EXPECT_EQ(in(0x608, 4) >> 31, 0);
	EXPECT_EQ(pc_tick(pc, now), next);
	now = next;
	pc_tick(pc, now);
	EXPECT_EQ(in(0x608, 4), 0x80000000);
	EXPECT_EQ(in(0x600, 2), 1);
	EXPECT_EQ(accept_at(0), 0x49);
	out(0x600, 2, 1);
	EXPECT(pc_tick(pc, now) - next - 2 * ((SECOND << 31) / 3579545) <= 4); /* 2^31 clocks */
	tap_case("PM timer and its carry");
}

int main(void)
{
	events();
	off();
	timer();
	return tap_done();
}
