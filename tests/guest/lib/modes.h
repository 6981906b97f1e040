/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that modes.S and its caller agree on, for C and the assembler. */
#ifndef GUEST_MODES_H
#define GUEST_MODES_H

#define MODES_PAGE 0xa000 /* code */
#define MODES_RECORDS 0xb000 /* a record of eight words for each stop */
#define MODES_STOPS 7
#define MODES_RSP 0xbe00
#define MODES_CR3 0xbe08
#define MODES_TABLES 0xbe10 /* CR3 of the two-level table and of two PAE ones */
#define MODES_ALIAS 0xc01ff0f0 /* read at each stop: another page with each table */

#endif
