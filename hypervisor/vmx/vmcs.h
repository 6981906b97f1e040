/* SPDX-License-Identifier: BSD-2-Clause */
/* vmcs.c for the other files of vmx/: what needs the whole structure. */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "vmx/vmx.h"

void vmcs_init(struct vcpu *v); /* controls and bitmaps; the VMCS is current */
void vmcs_for_each(void (*show)(const char *name, enum vmcs_field field));

#endif
