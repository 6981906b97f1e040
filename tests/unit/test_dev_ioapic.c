/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOAPIC (interpreter/devices/ioapic.c) against the data sheet of the 82093AA: registers, edge
 * and level pins, remote IRR and EOI, masks, delivery modes and destinations; and MSIs.
 */
#include "fake/pc.h"
#include "tap.h"

#define LEVEL 0x8000ull
#define MASK 0x10000ull
#define TO(id) ((u64)(id) << 56)
#define REMOTE_IRR 0x4000ull

static u32 reg(u32 index)
{
	set_mmio(0, IOAPIC_ADDRESS, index);
	return mmio(0, IOAPIC_ADDRESS + 0x10);
}

static void registers(void)
{
	u64 value;

	fake_pc(1);
	EXPECT_EQ(reg(1), 0x00170011);
	EXPECT_EQ(reg(0), 0);
	set_mmio(0, IOAPIC_ADDRESS, 0);
	set_mmio(0, IOAPIC_ADDRESS + 0x10, 0xffffffff);
	EXPECT_EQ(reg(0), 0x0f000000);
	EXPECT_EQ(reg(2), 0x0f000000);
	for (unsigned pin = 0; pin < 24; pin++)
		EXPECT_EQ(ioapic_entry(pin), MASK);
	set_ioapic_entry(23, ~0ull);
	EXPECT_EQ(ioapic_entry(23), 0xff0000000001afff);
	EXPECT_EQ(reg(0x40), 0); /* beyond the table */
	set_mmio(0, IOAPIC_ADDRESS, 0xff);
	set_mmio(0, IOAPIC_ADDRESS + 0x10, 0xffffffff);
	EXPECT_EQ(reg(0xff), 0);
	EXPECT(pc_mmio_write(pc, 0, IOAPIC_ADDRESS, 1, 0x101, now)); /* the index takes bytes */
	EXPECT_EQ(mmio(0, IOAPIC_ADDRESS), 1);
	EXPECT(pc_mmio_read(pc, 0, IOAPIC_ADDRESS + 0x12, 1, &value, now) && value == 0x17);
	EXPECT_EQ(mmio(0, IOAPIC_ADDRESS + 0x40), 0);
	tap_case("registers");
}

static void edges(void)
{
	fake_pc(2);
	enable_apics();
	pc_line(pc, 5, true); /* masked: lost */
	set_ioapic_entry(5, TO(1) | 0x55);
	EXPECT_EQ(take(1), PC_NONE);
	pc_line(pc, 5, true); /* no edge */
	EXPECT_EQ(take(1), PC_NONE);
	pc_line(pc, 5, false);
	pc_line(pc, 5, true);
	EXPECT_EQ(ioapic_entry(5), TO(1) | 0x55);
	EXPECT_EQ(apic(1, LAPIC_TMR + 0x20), 0);
	EXPECT_EQ(take(1), 0x55);
	EXPECT_EQ(take(1), PC_NONE);
	pc_line(pc, 24, true);
	pc_line(pc, 0xffffffff, true);
	pc_line(pc, 1, true); /* not to be moved from outside */
	EXPECT_EQ(pc->ioapic.lines & 2, 0);
	tap_case("edge-triggered pins");
}

static void levels(void)
{
	fake_pc(1);
	set_ioapic_entry(17, LEVEL | 0x66);
	pc_line(pc, 17, true);
	EXPECT_EQ(ioapic_entry(17), LEVEL | REMOTE_IRR | 0x66);
	EXPECT_EQ(accept_at(0), 0x66);
	EXPECT_EQ(apic(0, LAPIC_TMR + 0x30), 1u << 6);
	pc_line(pc, 17, false);
	pc_line(pc, 17, true);
	EXPECT_EQ(pc_interrupt_peek(pc, 0), PC_NONE);
	set_apic(0, LAPIC_EOI, 0); /* still asserted: again */
	EXPECT_EQ(accept_at(0), 0x66);
	pc_line(pc, 17, false);
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(take(0), PC_NONE);
	EXPECT_EQ(ioapic_entry(17), LEVEL | 0x66);

	set_ioapic_entry(17, LEVEL | MASK | 0x66);
	pc_line(pc, 17, true);
	EXPECT_EQ(take(0), PC_NONE);
	set_ioapic_entry(17, LEVEL | 0x66); /* unmasking asks the level */
	EXPECT_EQ(accept_at(0), 0x66);
	set_ioapic_entry(17, MASK | 0x66); /* through edge: the way to forget remote IRR */
	EXPECT_EQ(ioapic_entry(17), MASK | 0x66);
	set_ioapic_entry(17, LEVEL | MASK | 0x66);
	set_apic(0, LAPIC_EOI, 0);
	EXPECT_EQ(take(0), PC_NONE);

	set_ioapic_entry(17, LEVEL | 0x66 | TO(9)); /* nobody takes it: it is not in service */
	EXPECT_EQ(ioapic_entry(17), LEVEL | 0x66 | TO(9));
	/* An edge with the same vector as a level one before it has no EOI to tell. */
	set_ioapic_entry(17, LEVEL | 0x66);
	EXPECT_EQ(accept_at(0), 0x66);
	pc_eoi_vector(pc, 0, 0x66); /* as the CPU tells of it with virtual-interrupt delivery */
	EXPECT_EQ(ioapic_entry(17), LEVEL | REMOTE_IRR | 0x66);
	EXPECT_EQ(pc_irr_highest(pc, 0), 0x66);
	EXPECT_EQ(pc_isr_highest(pc, 0), 0x66);
	tap_case("level-triggered pins, remote IRR, EOI");
}

static void modes(void)
{
	fake_pc(4);
	enable_apics();
	for (u32 i = 0; i < 4; i++)
		set_apic(i, LAPIC_LDR, 1u << (24 + i));
	set_apic(1, LAPIC_TPR, 0x20);
	set_ioapic_entry(20, TO(0x06) | 0x900 | 0x71); /* lowest priority of 1 and 2 */
	pc_line(pc, 20, true);
	EXPECT_EQ(take(2), 0x71);
	EXPECT_EQ(take(1), PC_NONE);
	set_ioapic_entry(21, TO(0x0c) | 0x800 | 0x72);
	pc_line(pc, 21, true);
	EXPECT(take(2) == 0x72 && take(3) == 0x72 && take(0) == PC_NONE);
	set_ioapic_entry(22, TO(3) | LEVEL | 0x400);
	pc_line(pc, 22, true);
	EXPECT_EQ(fake.nmis[3], 1);
	pc_line(pc, 22, true);
	EXPECT_EQ(fake.nmis[3], 1);
	set_ioapic_entry(23, TO(2) | 0x500);
	pc_line(pc, 23, true);
	EXPECT_EQ(fake.inits[2], 1);
	set_ioapic_entry(19, TO(1) | 0x205);
	pc_line(pc, 19, true); /* SMI: nothing */
	set_ioapic_entry(18, TO(0xff) | 0x73);
	pc_line(pc, 18, true);
	EXPECT(take(0) == 0x73 && take(1) == 0x73 && take(3) == 0x73);
	EXPECT_EQ(take(2), PC_NONE); /* reset by INIT */
	tap_case("delivery modes and destinations");
}

static void msi(void)
{
	fake_pc(4);
	enable_apics();
	for (u32 i = 0; i < 4; i++)
		set_apic(i, LAPIC_LDR, 1u << (24 + i));
	pc_msi(pc, 0xfee03000, 0x4045);
	EXPECT_EQ(take(3), 0x45);
	pc_msi(pc, 0xfee0300c, 0x0146); /* logical, lowest priority */
	EXPECT_EQ((take(0) == 0x46) + (take(1) == 0x46), 1);
	pc_msi(pc, 0xfee01000, 0x0400);
	EXPECT_EQ(fake.nmis[1], 1);
	pc_msi(pc, 0xfee0f000, 0x0047);
	EXPECT_EQ(take(0), PC_NONE);
	tap_case("MSIs");
}

int main(void)
{
	registers();
	edges();
	levels();
	modes();
	msi();
	return tap_done();
}
