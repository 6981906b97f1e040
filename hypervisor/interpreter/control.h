/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to CR0, CR4, EFER and XCR0 as the guest sees them: false is the #GP that hardware would
 * give. The backend keeps what the guest may not have apart from what it reads back.
 */
#ifndef INTERPRETER_CONTROL_H
#define INTERPRETER_CONTROL_H

#include "lib/types.h"

struct vcpu;

#define PAT_RESET 0x0007040600070406ull /* SDM vol. 3, "IA32_PAT MSR" */

void control_init(void); /* once, before a guest exists */

bool cr0_write(struct vcpu *v, u64 value);
bool cr4_write(struct vcpu *v, u64 value);
bool efer_write(struct vcpu *v, u64 value);

/* What any guest may set, from CPUID as guests see it. */
bool cr0_is_valid(u64 value);
u64 cr4_valid_bits(void);
u64 efer_valid_bits(void);
unsigned guest_physical_bits(void);

#endif
