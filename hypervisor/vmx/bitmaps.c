/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR and I/O bitmaps of VMX (SDM vol. 3 "MSR-Bitmap Address" and "I/O-Bitmap Addresses"): a set
 * bit makes an exit. The MSR bitmap is four of 1 KiB: reads of low, reads of high, writes of low,
 * writes of high MSRs, 8192 of each.
 */
#include "lib/lib.h"
#include "vmx/bitmaps.h"

#define MSR_RANGE 0x2000u
#define MSR_HIGH 0xc0000000u
#define MSR_PART 1024u /* bytes of one of the four */
#define IO_HALF 0x8000u

static void assign(u8 *bitmap, u32 bit, bool exits)
{
	u8 mask = (u8)(1u << (bit % 8));

	if (exits)
		bitmap[bit / 8] |= mask;
	else
		bitmap[bit / 8] &= (u8)~mask;
}

void vmx_msr_bitmap_init(u8 *bitmap)
{
	memset(bitmap, 0xff, VMX_MSR_BITMAP_BYTES);
}

bool vmx_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write)
{
	if (msr >= MSR_HIGH && msr - MSR_HIGH < MSR_RANGE) {
		msr -= MSR_HIGH;
		bitmap += MSR_PART;
	} else if (msr >= MSR_RANGE) {
		return false;
	}
	assign(bitmap, msr, !read);
	assign(bitmap + 2 * MSR_PART, msr, !write);
	return true;
}

void vmx_io_bitmap_init(u8 *a, u8 *b)
{
	memset(a, 0xff, VMX_IO_BITMAP_BYTES);
	memset(b, 0xff, VMX_IO_BITMAP_BYTES);
}

void vmx_io_bitmap_pass(u8 *a, u8 *b, u16 port)
{
	assign(port < IO_HALF ? a : b, port % IO_HALF, false);
}
