/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets that entry.S uses; vmx.h checks each against the C structures at compile time. */
#ifndef VMX_ENTRY_H
#define VMX_ENTRY_H

#define VCPU_GPR(n) ((n) * 8)
#define VCPU_GPR_END 128
#define VCPU_HOST_RSP 128
#define VCPU_ENTRY 136

#endif
