/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware-assisted paging: the tables that translate guest-physical to machine addresses, EPT or
 * NPT, told apart only by a format row. Largest leaf that fits; a leaf is split when part of it
 * changes. The caller flushes (backend->flush) after a change that removes a right.
 */
#ifndef ALLOCATOR_HAP_H
#define ALLOCATOR_HAP_H

#include "lib/types.h"

#define HAP_R 1u
#define HAP_W 2u
#define HAP_X 4u
#define HAP_RWX 7u

#define HAP_GPA_BITS 48 /* what four levels translate */
#define HAP_ADDRESS 0x000ffffffffff000ull /* the address within an entry of either format */

struct hap_format {
	u64 table; /* bits of an entry that points to a table */
	u64 leaf; /* bits of every leaf: memory type WB, user, ... */
	u64 large; /* bit that makes a PDPTE/PDE a leaf */
	u64 read, write, execute; /* bits that grant */
	u64 no_execute; /* bit that denies, where there is no grant bit (NPT) */
};

extern const struct hap_format hap_ept, hap_npt;

struct hap {
	const struct hap_format *format;
	u64 *root;
	bool has_large, has_huge; /* 2 MiB, 1 GiB leaves may be used */
	u32 tables; /* frames taken */
};

int hap_init(struct hap *hap, const struct hap_format *format, bool has_large, bool has_huge);
void hap_destroy(struct hap *hap); /* after the last entry and flush of the domain */
/*
 * Maps or changes [gpa, gpa+bytes) to [hpa, ...); all 4 KiB aligned. rights 0 unmaps (hpa is not
 * used), other rights must have HAP_R, which NPT cannot deny. All or nothing: -PV_ENOMEM (no frame
 * for a table) and -PV_EINVAL (alignment, range, rights) leave every translation as it was. The
 * caller owns the tables: no two changes at a time.
 */
int hap_map(struct hap *hap, gpa_t gpa, hpa_t hpa, u64 bytes, u32 rights);
/* The leaf entry for gpa and the size it covers; 0 and the size of the hole if there is none. */
u64 hap_lookup(const struct hap *hap, gpa_t gpa, u64 *leaf_bytes);

#endif
