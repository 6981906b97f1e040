/* SPDX-License-Identifier: BSD-2-Clause */
/* vmcb.c for the other files of svm/: what needs the whole structure. */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include "svm/svm.h"

void vmcb_init(struct vcpu *v); /* controls and bitmaps */
void vmcb_for_each(const struct vmcb *vmcb, void (*show)(const char *name, u64 value));

#endif
