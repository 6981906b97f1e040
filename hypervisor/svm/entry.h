/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets that entry.S uses; svm.h checks each against the C structures at compile time. */
#ifndef SVM_ENTRY_H
#define SVM_ENTRY_H

#define VCPU_GPR(n) ((n) * 8)
#define VCPU_GPR_END 128
#define VCPU_HOST_RSP 128
#define VCPU_HW 152
#define SVM_VMCB 0
#define SVM_HOST_VMCB 8
#define VMCB_RAX 0x5f8

#endif
