/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bitmaps by which VMX passes MSRs and ports to the guest without an exit. Built from the
 * policy rows when a domain is made; one set serves all its vCPUs. Everything exits unless passed.
 */
#ifndef VMX_BITMAPS_H
#define VMX_BITMAPS_H

#include "lib/types.h"

#define VMX_MSR_BITMAP_BYTES 4096u
#define VMX_IO_BITMAP_BYTES 4096u /* each of the two: A below port 0x8000, B from there */

void vmx_msr_bitmap_init(u8 *bitmap);
/*
 * From now on reads (writes) of the MSR pass if `read` (`write`), else they exit: the last call for
 * an MSR decides. false, and nothing changed, if the MSR is in no range of the map: it always
 * exits.
 */
bool vmx_msr_bitmap_pass(u8 *bitmap, u32 msr, bool read, bool write);

void vmx_io_bitmap_init(u8 *a, u8 *b);
/* A wider access passes only if each of its ports does. */
void vmx_io_bitmap_pass(u8 *a, u8 *b, u16 port);

#endif
