/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX behind the interface of dispatcher/backend.h. */
#include "allocator/hap.h"
#include "vmx/vmx.h"

struct backend vmx_backend = {
	.name = "vmx",
	.hap = &hap_ept,
	.switches_syscall_msrs = false,
	.switches_cr2 = false,
	.detect = vmx_detect,
	.cpu_start = vmx_cpu_start,
	.cpu_stop = vmx_cpu_stop,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_unload = vmx_vcpu_unload,
	.set_context = vmx_set_context,
	.run = vmx_run,
	.read = vmx_read,
	.segment = vmx_segment,
	.write = vmx_write,
	.inject = vmx_inject,
	.can_take = vmx_can_take,
	.set_window = vmx_set_window,
	.virtual_irq = vmx_virtual_irq,
	.arm_preempt = vmx_arm_preempt,
	.flush = vmx_flush,
	.mode_switch = vmx_mode_switch,
	.dump = vmx_dump,
};
