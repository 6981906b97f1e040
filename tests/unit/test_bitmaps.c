/* SPDX-License-Identifier: BSD-2-Clause */
/* The MSR and I/O bitmaps of both vendors. After each change every bit of a map is compared with
 * what the rules so far say; where a bit lies is written down here once more, straight from the
 * manuals. */
#include <string.h>

#include "lib/types.h"
#include "svm/bitmaps.h"
#include "tap.h"
#include "vmx/bitmaps.h"

struct rule {
	u32 msr;
	bool read, write;
	bool in_vmx, in_svm; /* does the map have it */
};

static const struct rule rules[] = {
	{ 0x10, true, false, true, true },	  { 0x0, true, true, true, true },
	{ 0x1b, false, true, true, true },	  { 0x1fff, true, true, true, true },
	{ 0x2000, true, true, false, false },	  { 0x40000000, true, true, false, false },
	{ 0xbfffffff, true, true, false, false }, { 0xc0000000, true, true, true, true },
	{ 0xc0000080, true, false, true, true },  { 0xc0000100, true, true, true, true },
	{ 0xc0001fff, false, true, true, true },  { 0xc0002000, true, true, false, false },
	{ 0xc000ffff, true, true, false, false }, { 0xc0010000, true, true, false, true },
	{ 0xc0010015, false, true, false, true }, { 0xc0011fff, true, false, false, true },
	{ 0xc0012000, true, true, false, false }, { 0xffffffff, true, true, false, false },
	{ 0x10, false, true, true, true }, /* the last row decides, in both directions */
	{ 0xc0000100, false, false, true, true },
};

/* What rules[0..count) leave for an MSR. */
static void wanted(u32 msr, size_t count, bool *read, bool *write)
{
	*read = *write = false;
	for (size_t i = 0; i < count; i++) {
		if (rules[i].msr == msr) {
			*read = rules[i].read;
			*write = rules[i].write;
		}
	}
}

static bool bit(const u8 *map, u64 n)
{
	return map[n / 8] >> n % 8 & 1;
}

static void test_vmx_msrs(void)
{
	static u8 map[VMX_MSR_BITMAP_BYTES + 1];

	map[VMX_MSR_BITMAP_BYTES] = 0x5a; /* beyond the end */
	vmx_msr_bitmap_init(map);
	for (size_t count = 0; count <= ARRAY_SIZE(rules); count++) {
		if (count) {
			const struct rule *rule = &rules[count - 1];

			EXPECT_MSG(vmx_msr_bitmap_pass(map, rule->msr, rule->read, rule->write) ==
					   rule->in_vmx,
				   "MSR 0x%x", rule->msr);
		}
		for (u32 n = 0; n < 0x4000; n++) {
			u32 msr = n < 0x2000 ? n : 0xc0000000 + (n - 0x2000);
			bool read, write;

			wanted(msr, count, &read, &write);
			EXPECT_MSG(bit(map, n) == !read, "read of MSR 0x%x after %zu rules", msr,
				   count);
			EXPECT_MSG(bit(map, 0x4000 + n) == !write,
				   "write of MSR 0x%x after %zu rules", msr, count);
		}
	}
	EXPECT_EQ(map[VMX_MSR_BITMAP_BYTES], 0x5a);
	tap_case("VMX MSR bitmap");
}

static void test_svm_msrs(void)
{
	static u8 map[SVM_MSR_BITMAP_BYTES + 1];
	static const u32 bases[4] = { 0, 0xc0000000, 0xc0010000, 0 };

	map[SVM_MSR_BITMAP_BYTES] = 0x5a;
	svm_msr_bitmap_init(map);
	for (size_t count = 0; count <= ARRAY_SIZE(rules); count++) {
		if (count) {
			const struct rule *rule = &rules[count - 1];

			EXPECT_MSG(svm_msr_bitmap_pass(map, rule->msr, rule->read, rule->write) ==
					   rule->in_svm,
				   "MSR 0x%x", rule->msr);
		}
		for (u32 n = 0; n < 4 * 0x2000; n++) {
			u32 msr = bases[n / 0x2000] + n % 0x2000;
			bool read = false, write = false;

			if (n < 3 * 0x2000) /* the last quarter is reserved and stays set */
				wanted(msr, count, &read, &write);
			EXPECT_MSG(bit(map, 2 * n) == !read, "read of MSR 0x%x after %zu rules",
				   msr, count);
			EXPECT_MSG(bit(map, 2 * n + 1) == !write,
				   "write of MSR 0x%x after %zu rules", msr, count);
		}
	}
	EXPECT_EQ(map[SVM_MSR_BITMAP_BYTES], 0x5a);
	tap_case("SVM MSR map");
}

static void test_ports(void)
{
	static const u16 ports[] = { 0, 0x60, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x60 };
	static u8 a[VMX_IO_BITMAP_BYTES], b[VMX_IO_BITMAP_BYTES], iopm[SVM_IO_BITMAP_BYTES];
	static bool passed[0x10000];

	vmx_io_bitmap_init(a, b);
	svm_io_bitmap_init(iopm);
	for (size_t count = 0; count <= ARRAY_SIZE(ports); count++) {
		if (count) {
			vmx_io_bitmap_pass(a, b, ports[count - 1]);
			svm_io_bitmap_pass(iopm, ports[count - 1]);
			passed[ports[count - 1]] = true;
		}
		for (u32 port = 0; port < 0x10000; port++) {
			EXPECT_MSG(bit(port < 0x8000 ? a : b, port % 0x8000) == !passed[port],
				   "VMX port 0x%x", port);
			EXPECT_MSG(bit(iopm, port) == !passed[port], "SVM port 0x%x", port);
		}
	}
	tap_case("VMX and SVM I/O bitmaps");
	for (u32 n = 0x10000; n < 8 * SVM_IO_BITMAP_BYTES; n++)
		EXPECT_MSG(bit(iopm, n), "bit 0x%x", n);
	tap_case("SVM I/O map: nothing beyond the last port passes");
}

int main(void)
{
	test_vmx_msrs();
	test_svm_msrs();
	test_ports();
	return tap_done();
}
