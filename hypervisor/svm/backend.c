/* SPDX-License-Identifier: BSD-2-Clause */
/* SVM behind the interface of dispatcher/backend.h. */
#include "allocator/hap.h"
#include "svm/svm.h"

struct backend svm_backend = {
	.name = "svm",
	.hap = &hap_npt,
	.switches_syscall_msrs = true,
	.switches_cr2 = true,
	.may_miss_xsetbv = true,
	.detect = svm_detect,
	.cpu_start = svm_cpu_start,
	.cpu_stop = svm_cpu_stop,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_load = svm_vcpu_load,
	.vcpu_unload = svm_vcpu_unload,
	.set_context = svm_set_context,
	.run = svm_run,
	.read = svm_read,
	.segment = svm_segment,
	.write = svm_write,
	.inject = svm_inject,
	.can_take = svm_can_take,
	.set_window = svm_set_window,
	.virtual_irq = svm_virtual_irq,
	.arm_preempt = svm_arm_preempt,
	.flush = svm_flush,
	.mode_switch = svm_mode_switch,
	.dump = svm_dump,
};
