/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration mechanism 1 (interpreter/devices/pci_host.c) and the reset ports (reset.c): the
 * host bridge, absent devices, partial accesses; and that CF9h lies between them.
 */
#include "fake/pc.h"
#include "tap.h"

static u32 config(u32 bus, u32 device, u32 function, u32 offset)
{
	out(0xcf8, 4, 1u << 31 | bus << 16 | device << 11 | function << 8 | offset);
	return in(0xcfc, 4);
}

static void bridge(void)
{
	fake_pc(1);
	EXPECT_EQ(in(0xcf8, 4), 0);
	EXPECT_EQ(in(0xcfc, 4), 0xffffffff); /* not enabled */
	out(0xcf8, 4, 0xffffffff);
	EXPECT_EQ(in(0xcf8, 4), 0x80fffffc);
	EXPECT_EQ(config(0, 0, 0, 0), 0x12378086);
	EXPECT(in(0xcfc, 2) == 0x8086 && in(0xcfe, 2) == 0x1237 && in(0xcff, 1) == 0x12);
	EXPECT_EQ(config(0, 0, 0, 8), 0x06000002);
	EXPECT_EQ(config(0, 0, 0, 0x0c), 0); /* one function, ordinary header */
	EXPECT_EQ(config(0, 0, 0, 4), 6);
	out(0xcfc, 2, 0xffff);
	EXPECT_EQ(in(0xcfc, 4), 0x146);
	out(0xcfd, 1, 0);
	EXPECT_EQ(in(0xcfc, 4), 0x46);
	out(0xcfc, 1, 0);
	EXPECT_EQ(in(0xcfc, 4), 6);
	for (u32 offset = 0x10; offset < 0x100; offset += 4) {
		config(0, 0, 0, offset);
		out(0xcfc, 4, 0xffffffff);
		EXPECT_EQ(in(0xcfc, 4), 0); /* no base addresses, no capabilities */
	}
	config(0, 0, 0, 0x0c);
	out(0xcfd, 1, 0xff);
	EXPECT_EQ(in(0xcfc, 4), 0xf800);
	tap_case("host bridge");
}

static void nobody(void)
{
	fake_pc(1);
	for (u32 device = 0; device < 32; device++)
		for (u32 function = 0; function < 8; function++)
			EXPECT(config(0, device, function, 0) == 0xffffffff ||
			       (!device && !function));
	EXPECT_EQ(config(1, 0, 0, 0), 0xffffffff);
	EXPECT_EQ(config(255, 31, 7, 0xfc), 0xffffffff);
	out(0xcfc, 4, 0);
	config(0, 0, 0, 0);
	out(0xcf8, 1, 0); /* bytes are not the address register */
	out(0xcf8, 2, 0);
	EXPECT_EQ(in(0xcfc, 4), 0x12378086);
	EXPECT(in(0xcf8, 1) == 0xff && in(0xcfa, 2) == 0xffff);
	tap_case("everything else is absent");
}

static void resets(void)
{
	fake_pc(1);
	EXPECT_EQ(in(0x92, 1), 2);
	out(0x92, 1, 0x02);
	EXPECT_EQ(fake.ends[PC_END_RESET], 0);
	out(0x92, 1, 0x03);
	EXPECT_EQ(fake.ends[PC_END_RESET], 1);
	out(0x92, 1, 0x03); /* no edge */
	EXPECT_EQ(fake.ends[PC_END_RESET], 1);
	out(0xcf9, 1, 0x02);
	EXPECT_EQ(in(0xcf9, 1), 2);
	EXPECT_EQ(fake.ends[PC_END_RESET], 1);
	out(0xcf9, 1, 0x06);
	EXPECT_EQ(fake.ends[PC_END_RESET], 2);
	out(0xcf8, 4, 0x0600); /* 32 bits are an address */
	EXPECT_EQ(fake.ends[PC_END_RESET], 2);
	pc_reset(pc, now);
	EXPECT(in(0xcf9, 1) == 0 && in(0x92, 1) == 2 && in(0xcf8, 4) == 0);
	tap_case("reset ports");
}

int main(void)
{
	bridge();
	nobody();
	resets();
	return tap_done();
}
