/* SPDX-License-Identifier: BSD-2-Clause */
/* Group 00, core: NULL, CONSOLE, SHUTDOWN, TRACE_MARK. Arguments and errors: pv-abi/abi.toml. */
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "machine/cpu.h"
#include "trace/trace.h"

s64 hypercall_null(struct vcpu *v)
{
	(void)v;
	return 0;
}

s64 hypercall_console(struct vcpu *v)
{
	gpa_t text = v->gpr[RDI];
	u64 length = v->gpr[RSI];
	char copy[PV_CONSOLE_MAX];

	if (!length || length > sizeof(copy) || (text & (PAGE_SIZE - 1)) + length > PAGE_SIZE)
		return -PV_EINVAL;
	if (guest_read(&v->domain->p2m, text, copy, length))
		return -PV_EFAULT;
	console_write(&v->domain->console, copy, length);
	return (s64)length;
}

s64 hypercall_shutdown(struct vcpu *v)
{
	u64 reason = v->gpr[RDI], status = v->gpr[RSI];

	if (reason > PV_SHUTDOWN_CRASH || status > 255)
		return -PV_EINVAL;
	vm_shutdown(v->domain, (u32)reason, (u32)status);
	return 0;
}

s64 hypercall_trace_mark(struct vcpu *v)
{
	if (v->ring)
		trace_mark(v->ring, v, v->gpr[RDI]);
	stats_mark(v, v->gpr[RDI]);
	return 0;
}
