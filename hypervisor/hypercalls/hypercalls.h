/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall table. pv_dispatch.h, generated from abi.toml, gives a row a call; a call without
 * a handler does not link. Handlers come in two halves: check (copies arguments once, no side
 * effect) and do (cannot fail).
 */
#ifndef HYPERCALLS_HYPERCALLS_H
#define HYPERCALLS_HYPERCALLS_H

#include "lib/types.h"

struct vcpu;

/* Arguments stand in v->gpr (rdi rsi rdx rcx r8 r9); returns the result or -errno. */
typedef s64 (*hypercall_t)(struct vcpu *v);

enum hypercall_row {
#define HYPERCALL(nr, handler, args, units, batch, feature) ROW_##handler,
#include "pv_dispatch.h"
#undef HYPERCALL
	HYPERCALL_ROWS,
};

#define HYPERCALL(nr, handler, args, units, batch, feature) s64 handler(struct vcpu *v);
#include "pv_dispatch.h"
#undef HYPERCALL

/* One member of a batch ring, arguments in place as for a call. */
s64 hypercall_member(struct vcpu *v, unsigned number);
unsigned hypercall_units(unsigned number);

/* Number of the call in a row of vcpu->calls. */
unsigned hypercall_number(unsigned row);
/*
 * Bitmap word n (32 bits each) of the implemented calls that are on a domain's list and have their
 * feature: CPUID +6.
 */
u32 hypercall_bitmap(const u64 *mask, u64 features, unsigned word);

#endif
