/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The permission maps by which SVM passes MSRs and ports to the guest without an exit. Built from
 * the policy rows when a domain is made; one set serves all its vCPUs. Everything exits unless
 * passed.
 */
#ifndef SVM_BITMAPS_H
#define SVM_BITMAPS_H

#include "lib/types.h"

#define SVM_MSR_BITMAP_BYTES 8192u /* MSRPM: contiguous, 4 KiB aligned */
#define SVM_IO_BITMAP_BYTES 12288u /* IOPM: contiguous, 4 KiB aligned */

void svm_msr_bitmap_init(u8 *bitmap);
/*
 * From now on reads (writes) of the MSR pass if `read` (`write`), else they exit: the last call for
 * an MSR decides. false, and nothing changed, if the MSR is in no range of the map: it always
 * exits.
 */
bool svm_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write);

void svm_io_bitmap_init(u8 *bitmap);
/* A wider access passes only if each of its ports does. */
void svm_io_bitmap_pass(u8 *bitmap, u16 port);

#endif
