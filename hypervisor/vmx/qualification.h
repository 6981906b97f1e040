/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the words of a VMX exit to the structs of dispatcher/vmexit.h. Pure functions: the caller
 * has read the VMCS fields, and only those that its class of exit needs.
 */
#ifndef VMX_QUALIFICATION_H
#define VMX_QUALIFICATION_H

#include "dispatcher/vmexit.h"

struct exit_cr vmx_decode_cr(u64 qualification);
struct exit_dr vmx_decode_dr(u64 qualification);
struct exit_io vmx_decode_io(u64 qualification);
/* gpa, gva: the guest-physical and guest-linear address fields; gva counts only if gva_valid. */
struct exit_fault vmx_decode_ept_violation(u64 qualification, gpa_t gpa, gva_t gva);
struct exit_fault vmx_decode_apic_access(u64 qualification);
/* info, error: VM-exit interruption information and error code (any value where there is none). The
 * instruction length of an INT1 is left to the caller: it is one more field. */
struct exit_exception vmx_decode_exception(u32 info, u32 error, u64 qualification);

/* VM-exit interruption information, IDT-vectoring information and VM-entry interruption information
 * share one layout. */
#define VMX_EVENT_VECTOR 0xffu
#define VMX_EVENT_TYPE_SHIFT 8
#define VMX_EVENT_TYPE_MASK 7u
#define VMX_EVENT_ERROR BIT(11) /* an error code belongs to it */
#define VMX_EVENT_NMI_UNBLOCK BIT(12) /* exits only: NMI unblocking due to IRET */
#define VMX_EVENT_VALID BIT(31)

enum vmx_event_type {
	VMX_EVENT_INTERRUPT = 0,
	VMX_EVENT_NMI = 2,
	VMX_EVENT_EXCEPTION = 3,
	VMX_EVENT_SOFT_INTERRUPT = 4, /* INT n */
	VMX_EVENT_PRIVILEGED = 5, /* INT1 */
	VMX_EVENT_SOFT_EXCEPTION = 6, /* INT3, INTO */
	VMX_EVENT_OTHER = 7, /* entries only: a pending MTF exit */
};

static inline enum vmx_event_type vmx_event_type(u32 info)
{
	return (enum vmx_event_type)(info >> VMX_EVENT_TYPE_SHIFT & VMX_EVENT_TYPE_MASK);
}

#endif
