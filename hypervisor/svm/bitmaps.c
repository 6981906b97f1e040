/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR and I/O permission maps of SVM (APM vol. 2 "MSR Intercepts" and "IOIO Intercepts"): a set bit
 * makes an exit. The MSR map has two bits an MSR, read and write, for three ranges of 8192 MSRs, 2
 * KiB each. The I/O map has a bit a port and three more, for a wide access at port 0xffff; they
 * stay set.
 */
#include "lib/lib.h"
#include "svm/bitmaps.h"

#define MSR_RANGE 0x2000u
#define MSR_PART 2048u /* bytes of one range */

static const u32 msr_ranges[] = { 0, 0xc0000000, 0xc0010000 };

static void assign(u8 *bitmap, u32 bit, bool exits)
{
	u8 mask = (u8)(1u << (bit % 8));

	if (exits)
		bitmap[bit / 8] |= mask;
	else
		bitmap[bit / 8] &= (u8)~mask;
}

void svm_msr_bitmap_init(u8 *bitmap)
{
	memset(bitmap, 0xff, SVM_MSR_BITMAP_BYTES);
}

bool svm_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msr_ranges); i++) {
		if (msr < msr_ranges[i] || msr - msr_ranges[i] >= MSR_RANGE)
			continue;
		bitmap += i * MSR_PART;
		msr -= msr_ranges[i];
		assign(bitmap, 2 * msr, !read);
		assign(bitmap, 2 * msr + 1, !write);
		return true;
	}
	return false;
}

void svm_io_bitmap_init(u8 *bitmap)
{
	memset(bitmap, 0xff, SVM_IO_BITMAP_BYTES);
}

void svm_io_bitmap_pass(u8 *bitmap, u16 port)
{
	assign(bitmap, port, false);
}
